package pages

import (
	"crypto/rand"
	"net/url"
	"sync"
	"time"
)

// noticeField is the part of an address that says which notice to show.
const noticeField = "said"

// Notices that nobody fetches are forgotten after a while, and the oldest where there are many.
const (
	noticeAge  = 5 * time.Minute
	maxNotices = 1000
)

// notices are what was done, to be said once on the page that follows. They stay here, so that
// nobody can make a page say something by its address.
type notices struct {
	mu   sync.Mutex
	list []notice
}

type notice struct {
	key, text string
	at        time.Time
}

// along is an address that shows a notice once.
func (n *notices) along(address, text string) string {
	if text == "" {
		return address
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for len(n.list) > 0 && (len(n.list) >= maxNotices || now.Sub(n.list[0].at) > noticeAge) {
		n.list = n.list[1:]
	}
	key := rand.Text()
	n.list = append(n.list, notice{key, text, now})
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	query := u.Query()
	query.Set(noticeField, key)
	u.RawQuery = query.Encode()
	return u.String()
}

// take is the notice of a key, which is then forgotten.
func (n *notices) take(key string) string {
	if key == "" {
		return ""
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.list {
		if x := n.list[i]; x.key == key {
			n.list = append(n.list[:i:i], n.list[i+1:]...)
			return x.text
		}
	}
	return ""
}
