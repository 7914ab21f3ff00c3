// Package itgluesim simulates an IT Glue account: a small honest server that
// stores, pages, filters, limits and refuses as the vendor's REST API does.
// Tests and the practice mode talk to it instead of the real thing.
//
// Where the vendor documents a behaviour, that is what happens. Where clients
// have met another one, a switch in Faults brings it about. Where nobody
// knows, the stricter answer is the default:
//
//   - a batch with one bad record stores nothing,
//   - a tag of what does not exist, a label or an option that is not listed
//     and an attribute or filter that does not exist are refused,
//   - renaming a field changes its key in traits,
//   - a second related item between the same two objects is one more.
//
// The calls that can ruin an account (changes and deletions by filter,
// anything about passwords) work as they do in life, and ForbiddenCalls names them.
package itgluesim

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"syncd/internal/simulator/serving"
)

// Options is how the account is reached and by whom.
type Options struct {
	Key       string // the API key, such as ITG.…; empty accepts any but none
	Subdomain string // of the web pages that resource-url points to; empty means "msp"
	Writer    string // who Info says did what came through the API; empty means "api"

	// Now is the clock that objects are stamped with; nil means time.Now. The
	// rate meter and the limiter always go by the real clock.
	Now func() time.Time
}

// A Server is a simulated account. It may be used by many goroutines.
type Server struct {
	serving.Front[Fault]
	options Options

	mu     sync.Mutex
	world  *World
	index  *index // nil when the world has changed behind its back
	faults Faults
	meter  serving.Meter
	lastID int64 // largest id ever given, so that ids only grow
}

// New returns a server that holds a copy of world.
func New(world World, o Options) *Server {
	o.Subdomain = cmp.Or(o.Subdomain, "msp")
	o.Writer = cmp.Or(o.Writer, "api")
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{options: o, world: world.Clone()}
	s.lastID = s.world.assignIDs(0, s.now(), "setup")
	return s
}

func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Millisecond) }

// Update changes the world as a test's set-up would: nothing is noted about
// who did it, except on objects that are new.
func (s *Server) Update(change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.world)
	s.lastID = s.world.assignIDs(s.lastID, s.now(), "setup")
	s.index = nil
}

// World returns a copy of what the account holds now.
func (s *Server) World() *World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.Clone()
}

// Edit changes the world as a person working in the product would: whatever is
// changed carries that name and the time, and a field that was renamed gets a
// new key, unless Faults.StableNameKeys.
func (s *Server) Edit(who string, change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, now := s.world.Clone(), s.now()
	change(s.world)
	if !s.faults.StableNameKeys {
		for _, f := range s.world.Fields {
			if was := find(old.Fields, f.ID); was != nil && was.Name != f.Name && was.NameKey == f.NameKey {
				f.NameKey = nameKey(f.Name)
			}
		}
	}
	s.lastID = s.world.assignIDs(s.lastID, now, who)
	s.index = nil
	w := s.world
	note(old.Organizations, w.Organizations, now, who)
	note(old.OrganizationTypes, w.OrganizationTypes, now, who)
	note(old.OrganizationStatuses, w.OrganizationStatuses, now, who)
	note(old.Contacts, w.Contacts, now, who)
	note(old.ContactTypes, w.ContactTypes, now, who)
	note(old.Locations, w.Locations, now, who)
	note(old.Types, w.Types, now, who)
	note(old.Fields, w.Fields, now, who)
	note(old.Assets, w.Assets, now, who)
	note(old.Domains, w.Domains, now, who)
	note(old.Configurations, w.Configurations, now, who)
	note(old.Passwords, w.Passwords, now, who)
	note(old.Users, w.Users, now, who)
	note(old.RelatedItems, w.RelatedItems, now, who)
	note(old.Attachments, w.Attachments, now, who)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, &call{Server: s, r: r})
}

// Transport serves requests in this process, without a network, whatever the
// host in the URL is.
func (s *Server) Transport() http.RoundTripper { return serving.Transport(s) }

// Routes returns the patterns the server knows, each with its method: the
// keys of Counts.
func Routes() []string {
	var all []string
	for _, r := range routes {
		all = append(all, r.method+" "+r.pattern)
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}
