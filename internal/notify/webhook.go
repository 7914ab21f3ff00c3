package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// The states of a cause in what the webhook posts.
const (
	stateNew     = "new"
	stateChanged = "changed"
	stateSolved  = "solved"
)

// maxListed is how many causes the webhook posts at most.
const maxListed = 1000

// A posted is what the webhook posts; docs/notify.md describes it.
type posted struct {
	Version int           `json:"version"`
	ID      string        `json:"id"`
	Kind    Kind          `json:"kind"`
	At      time.Time     `json:"at"`
	Subject string        `json:"subject"`
	URL     string        `json:"url"`
	Causes  []postedCause `json:"causes"`
	More    int           `json:"more"` // causes that are not listed
}

type postedCause struct {
	State    string        `json:"state"`
	Key      string        `json:"key"`
	Customer *Customer     `json:"customer"`
	Target   string        `json:"target"`
	Title    string        `json:"title"`
	Text     string        `json:"text"`
	Money    []postedMoney `json:"money"`
	Since    *time.Time    `json:"since"`
	URL      string        `json:"url"`
}

type postedMoney struct {
	Currency string `json:"currency"`
	Increase string `json:"increase"`
	Decrease string `json:"decrease"`
	Delta    string `json:"monthly_delta"`
}

// Webhook is a message as the generic webhook posts it.
func (m *Message) Webhook(base string, at time.Time) ([]byte, error) {
	p := posted{Version: 1, Kind: m.Kind, At: at.UTC().Truncate(time.Second), Subject: m.Subject(), URL: m.page(base), Causes: []postedCause{}}
	for _, list := range []struct {
		state  string
		causes []Cause
	}{{stateNew, m.New}, {stateChanged, m.Changed}, {stateSolved, m.Solved}} {
		for _, c := range list.causes {
			if len(p.Causes) == maxListed {
				p.More++
				continue
			}
			p.Causes = append(p.Causes, c.posted(list.state, base))
		}
	}
	p.ID = m.ID()
	return json.Marshal(p)
}

func (c *Cause) posted(state, base string) postedCause {
	out := postedCause{State: state, Key: c.Key, Target: c.Target, Title: c.Title(), Text: c.Says(), Money: []postedMoney{}, URL: base + c.Path}
	if c.Customer != nil {
		out.Customer = &Customer{c.Customer.Key, name(c.Customer.Name)}
	}
	if !c.Since.IsZero() {
		since := c.Since.UTC().Truncate(time.Second)
		out.Since = &since
	}
	for _, x := range c.Money {
		out.Money = append(out.Money, postedMoney{x.Currency, x.Increase.StringFixed(2), x.Decrease.StringFixed(2), x.Increase.Add(x.Decrease).StringFixed(2)})
	}
	return out
}

// ID is the same of a message that is sent again because nobody knows whether it arrived.
func (m *Message) ID() string {
	h := sha256.New()
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // it is plain data
	}
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Sign is the value of X-Syncd-Signature for a body that is sent at a moment, and that of
// X-Syncd-Timestamp: whoever keeps old messages cannot send them again later.
func Sign(secret string, at time.Time, body []byte) (signature, timestamp string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil)), timestamp
}
