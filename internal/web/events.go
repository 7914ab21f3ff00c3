package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"syncd/internal/secret"
)

// Limits of what CIPP may tell us. Its logbook sends up to 500 rows an hour;
// what is larger or faster than this is not CIPP.
const (
	mostEventBytes  = 4 << 20
	eventsPerMinute = 60
	rememberEvents  = time.Hour
)

// Events are CIPP's webhooks. They are hints to look at a tenant, no data:
// CIPP neither signs nor repeats nor orders them.
type Events struct {
	Secret secret.String // in the path or in a header; empty turns events off
	// Hint hears which tenants an event names, by id or domain. It must return at once.
	Hint func(tenants []string)
	Now  func() time.Time
}

// events answers /events/cipp/{secret}, and /events/cipp with the secret as
// bearer token or as X-Api-Key.
type events struct {
	Events

	mu     sync.Mutex
	seen   map[[sha256.Size]byte]time.Time // what came lately
	minute time.Time                       // that is being counted
	count  int
}

func (e Events) register(mux *http.ServeMux) {
	if e.Secret.Empty() || e.Hint == nil {
		return
	}
	h := &events{Events: e, seen: map[[sha256.Size]byte]time.Time{}}
	mux.HandleFunc("POST /events/cipp", h.take)
	mux.HandleFunc("POST /events/cipp/{secret}", h.take)
}

func (e *events) take(w http.ResponseWriter, r *http.Request) {
	if !e.trusted(r) {
		http.NotFound(w, r) // nobody is told that there is something to guess
		return
	}
	if e.flooded() {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many events", http.StatusTooManyRequests)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostEventBytes))
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

func (e *events) trusted(r *http.Request) bool {
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

// flooded counts the event, and reports whether this minute has had enough.
func (e *events) flooded() bool {
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
		if now.Sub(at) > rememberEvents {
			delete(e.seen, old)
		}
	}
	_, again := e.seen[sum]
	e.seen[sum] = now
	return again
}

// tenantsIn finds the tenants that an event names, in all shapes that CIPP
// sends: an object or a list of them, with or without its standard schema.
func tenantsIn(body []byte) []string {
	var found []string
	known := map[string]bool{}
	var look func(raw json.RawMessage, depth int)
	look = func(raw json.RawMessage, depth int) {
		if depth > 3 {
			return
		}
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			for _, item := range list {
				look(item, depth+1)
			}
			return
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return
		}
		for key, value := range object {
			switch strings.ToLower(key) {
			case "tenant", "tenantid", "tenantfilter", "defaultdomainname", "customerid":
				var text string
				if json.Unmarshal(value, &text) == nil {
					if text = strings.ToLower(strings.TrimSpace(text)); text != "" && text != "alltenants" && !known[text] {
						known[text] = true
						found = append(found, text)
					}
					continue
				}
			}
			look(value, depth+1)
		}
	}
	look(body, 0)
	return found
}
