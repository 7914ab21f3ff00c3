// Package scimsim simulates a SCIM 2.0 service provider: a small honest
// server that stores, filters, pages and refuses as RFC 7643, 7644 and 9865
// say. Tests and the practice mode talk to it instead of the real thing.
//
// How real providers differ is data: a Dialect has a switch for each
// behaviour, Strict, Cinode and Quirk are ready-made ones. Whatever the
// dialect, the server notes in Violations what no client of ours may do, such
// as removing all members of a group at once.
package scimsim

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"syncd/internal/simulator/serving"
)

// Options is how the provider speaks and by whom it may be used.
type Options struct {
	Dialect Dialect // the zero value is Strict
	Token   string  // of accounts without their own; empty accepts any but none
	Writer  string  // who Info says did what came through the API; empty means "api"

	// PerSecond and Burst are what our client promised: a request beyond is a
	// violation, and served. 0 = not measured.
	PerSecond float64
	Burst     int
	// Now is the clock that resources are stamped with; nil means time.Now.
	// Limits, lag and cursors always go by the real clock.
	Now func() time.Time
}

// A Server is a simulated provider. It may be used by many goroutines.
type Server struct {
	serving.Front[Fault]
	options Options

	mu         sync.Mutex
	world      *World
	dialect    Dialect
	users      *resourceType
	groups     *resourceType
	indexes    map[*Account]*index // an account missing here has changed behind its index's back
	stale      map[*Account][]*staleResource
	faults     Faults
	meter      serving.Meter
	lastID     int // largest number ever used in an id
	history    clientHistory
	violations []Violation
}

// A staleResource is a resource that is gone and still shown by a replica.
type staleResource struct {
	r    *Resource
	user bool
}

// New returns a server that holds a copy of world.
func New(world World, o Options) *Server {
	if o.Writer == "" {
		o.Writer = "api"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{options: o, world: world.Clone(), lastID: 1000, stale: map[*Account][]*staleResource{}, history: newClientHistory()}
	s.dialect = o.Dialect
	s.users, s.groups = o.Dialect.types()
	s.assignIDs("setup")
	return s
}

func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Millisecond) }

// Base returns the path that an account's resources are under, with its id
// escaped; clients add it to the server's address.
func (s *Server) Base(account string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.dialect.base(), "{account}", url.PathEscape(account))
}

func (d *Dialect) base() string {
	if d.Base == "" {
		return "/scim/{account}/v2"
	}
	return d.Base
}

// Update changes the world as a test's set-up would: nothing is noted about
// who did it, except on resources that are new.
func (s *Server) Update(change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.world)
	s.assignIDs("setup")
}

// World returns a copy of what the provider holds now.
func (s *Server) World() *World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.Clone()
}

// Account returns a copy of what one account holds now; nil if there is none.
func (s *Server) Account(id string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.world.Account(id); a != nil {
		return a.Clone()
	}
	return nil
}

// Count returns how many users, active users and groups an account holds.
func (s *Server) Count(account string) (users, active, groups int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.world.Account(account)
	if a == nil {
		return 0, 0, 0
	}
	for _, u := range a.Users {
		if !u.Hidden {
			users++
			if u.Active() {
				active++
			}
		}
	}
	return users, active, len(a.Groups)
}

// Edit changes the world as a person working in the product would: whatever
// is changed carries that name, the time and a new version. The teams of
// groups whose members were edited follow them.
func (s *Server) Edit(who string, change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, now := s.world.Clone(), s.now()
	change(s.world)
	s.assignIDs(who)
	for _, a := range s.world.Accounts {
		was := old.Account(a.ID)
		if was == nil {
			continue
		}
		note(was.Users, a.Users, now, who)
		note(was.Groups, a.Groups, now, who)
		s.followTeams(a)
	}
}

// note marks what a person changed as theirs.
func note(old, all []*Resource, at time.Time, by string) {
	was := make(map[string]*Resource, len(old))
	for _, r := range old {
		was[r.ID] = r
	}
	for _, r := range all {
		before := was[r.ID]
		if before == nil || reflect.DeepEqual(before.Attributes, copied(r.Attributes)) && slices.Equal(before.Members, r.Members) {
			continue
		}
		r.Info.UpdatedAt, r.Info.UpdatedBy = at, by
		r.Info.Version++
	}
}

// assignIDs gives ids and notes to what has none, after a change from outside.
func (s *Server) assignIDs(by string) {
	s.indexes = nil
	for _, a := range s.world.Accounts {
		for _, r := range slices.Concat(a.Users, a.Groups) {
			if n, err := strconv.Atoi(r.ID); err == nil {
				s.lastID = max(s.lastID, n)
			}
		}
	}
	for _, a := range s.world.Accounts {
		for i, list := range [][]*Resource{a.Users, a.Groups} {
			for _, r := range list {
				r.set = nil
				if r.Attributes == nil {
					r.Attributes = map[string]any{}
				}
				if r.ID == "" {
					r.ID = s.newID(r, "", i == 0)
				}
				if r.Info.UpdatedAt.IsZero() {
					r.Info = Info{CreatedAt: s.now(), CreatedBy: by, UpdatedAt: s.now(), UpdatedBy: by, Version: max(r.Info.Version, 1)}
				}
			}
		}
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, r: r}
	defer c.endWrite()
	s.Serve(w, r, c)
}

// Transport serves requests in this process, without a network, whatever the
// host in the URL is.
func (s *Server) Transport() http.RoundTripper { return serving.Transport(s) }
