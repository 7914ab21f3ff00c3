package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/secret"
)

// Limits of CIPP's events. Its logbook sends up to 500 rows an hour; larger or faster
// requests are not CIPP's.
const (
	maxEventBytes         = 4 << 20
	eventsPerMinute       = 60
	repeatWindow          = time.Hour
	wrongSecretsPerMinute = 10
	maxAddresses          = 10_000 // addresses that are counted at once
)

// Events are CIPP's webhooks. They are hints that a tenant changed, no data:
// CIPP neither signs nor repeats nor orders them.
type Events struct {
	Secret secret.String // in the path or in a header; empty turns events off
	// Hint is called with the tenants that an event names, by id or domain. It must return
	// at once.
	Hint func(tenants []string)
	Now  func() time.Time
}

// events answers /events/cipp/{secret}, and /events/cipp with the secret as
// bearer token or as X-Api-Key.
type events struct {
	Events

	mu     sync.Mutex
	seen   map[[sha256.Size]byte]time.Time // events within repeatWindow, by their hash
	minute time.Time                       // that is being counted
	count  int

	wrongSecrets map[string]int // wrong secrets by address, since guessing
	wrongSince   time.Time
}

func (e Events) register(mux *http.ServeMux) {
	if e.Secret.Empty() || e.Hint == nil {
		return
	}
	h := &events{Events: e, seen: map[[sha256.Size]byte]time.Time{}}
	mux.HandleFunc("POST /events/cipp", h.receive)
	mux.HandleFunc("POST /events/cipp/{secret}", h.receive)
	mux.HandleFunc("/events/cipp", takesOnly(http.MethodPost))
	mux.HandleFunc("/events/cipp/{secret}", takesOnly(http.MethodPost))
}

func (e *events) receive(w http.ResponseWriter, r *http.Request) {
	if !e.authenticated(r) {
		if wait := e.countWrongSecret(r.RemoteAddr); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
			http.Error(w, "too many wrong secrets", http.StatusTooManyRequests)
			return
		}
		http.NotFound(w, r) // a caller without the secret must not learn that there is one
		return
	}
	if e.overRate() {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many events", http.StatusTooManyRequests)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEventBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "the event is too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the event could not be read", http.StatusBadRequest)
		return
	}
	if !e.repeated(sha256.Sum256(body)) {
		if tenants := tenantsIn(body); len(tenants) > 0 {
			e.Hint(tenants)
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

func (e *events) authenticated(r *http.Request) bool {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	want := sha256.Sum256([]byte(e.Secret.Reveal()))
	for _, given := range []string{r.PathValue("secret"), bearer, r.Header.Get("X-Api-Key")} {
		got := sha256.Sum256([]byte(given))
		if given != "" && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			return true
		}
	}
	return false
}

// countWrongSecret counts a wrong secret, and returns how long its sender must wait where
// there were too many from that address in a minute.
func (e *events) countWrongSecret(remote string) time.Duration {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.Now()
	if now.Sub(e.wrongSince) >= time.Minute || len(e.wrongSecrets) >= maxAddresses {
		e.wrongSince, e.wrongSecrets = now, map[string]int{}
	}
	if e.wrongSecrets[host]++; e.wrongSecrets[host] <= wrongSecretsPerMinute {
		return 0
	}
	return max(e.wrongSince.Add(time.Minute).Sub(now), time.Second)
}

// overRate counts the event, and reports whether there were too many in this minute.
func (e *events) overRate() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if minute := e.Now().Truncate(time.Minute); !minute.Equal(e.minute) {
		e.minute, e.count = minute, 0
	}
	e.count++
	return e.count > eventsPerMinute
}

// repeated reports whether the very same event came within the last hour.
func (e *events) repeated(sum [sha256.Size]byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.Now()
	for old, at := range e.seen {
		if now.Sub(at) > repeatWindow {
			delete(e.seen, old)
		}
	}
	_, again := e.seen[sum]
	e.seen[sum] = now
	return again
}

// maxDepth is how many lists and objects may enclose a tenant's name in an event.
const maxDepth = 3

// tenantsIn finds the tenants that an event names, in all shapes that CIPP
// sends: an object or a list of them, with or without its standard schema. It
// reads the text once and skips what is nested too deep.
func tenantsIn(body []byte) []string {
	var found []string
	known := map[string]bool{}
	in := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	named := false // the next text is a tenant's name
	for {
		kind := in.PeekKind()
		if (kind == '{' || kind == '[') && in.StackDepth() > maxDepth {
			if in.SkipValue() != nil {
				return found
			}
			named = false
			continue
		}
		token, err := in.ReadToken()
		if err != nil {
			return found // the end, or what is no JSON from here on
		}
		if kind != '"' {
			named = false
			continue
		}
		text := strings.ToLower(strings.TrimSpace(token.String()))
		if parent, n := in.StackIndex(in.StackDepth()); parent == '{' && n%2 == 1 { // a name, not a value
			named = slices.Contains(tenantNames, text)
			continue
		}
		if named && text != "" && text != "alltenants" && !known[text] && len(found) < maxTenants {
			known[text] = true
			found = append(found, text)
		}
		named = false
	}
}

// tenantNames are the members with a tenant's name in CIPP's events, in lower case.
var tenantNames = []string{"tenant", "tenantid", "tenantfilter", "defaultdomainname", "customerid"}

// maxTenants is how many tenants are taken from one event.
const maxTenants = 10_000
