// Package cwsim simulates a ConnectWise PSA instance: a small honest server
// that stores, pages, filters, limits and refuses as the vendor's REST API
// 3.0 does. Tests and the practice mode talk to it instead of the real thing.
//
// Where the vendor documents a behaviour, that is what happens. Where clients
// have met another one, a switch in Faults brings it about. Where nobody
// knows, the stricter answer is the default:
//
//   - a PATCH is all or nothing, refuses what only the server sets, and takes
//     lower-case ops alone; null and remove both clear a member,
//   - a comparison with null is false, strings compare without regard to case,
//   - inside quotes there is no way to write the same quote,
//   - the quantity of an addition that names none is 1.
package cwsim

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"syncd/internal/simulator/serving"
)

// Options is how the instance is reached and by whom.
type Options struct {
	Company    string // the login company, case-sensitive
	PublicKey  string
	PrivateKey string
	ClientID   string // the one client id that works here; empty accepts any
	Member     string // identifier of the API member whose keys these are; empty means "syncd"

	// Codebase is the current one, such as v2025_1/, with its slash. It
	// defaults to that on the cloud; on-premises it is always v4_6_release/.
	Codebase string
	Version  string // of the release; empty means 2025.1
	OnPrem   bool

	// TimeZone is where the server's calendar days begin; nil means UTC.
	TimeZone *time.Location
	// Now is the clock that objects are stamped with; nil means time.Now. The
	// rate meter and the limiter always go by the real clock.
	Now func() time.Time
}

// A Server is a simulated instance. It may be used by many goroutines.
type Server struct {
	serving.Front[Fault]
	options Options

	mu       sync.Mutex
	world    *World
	index    *index // nil when the world has changed
	codebase string
	faults   Faults
	meter    serving.Meter
	served   int
	lastID   int // largest addition id ever given, so that ids only grow
}

// New returns a server that holds a copy of world.
func New(world World, o Options) *Server {
	o.Member = cmp.Or(o.Member, "syncd")
	o.Version = cmp.Or(o.Version, "2025.1")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TimeZone == nil {
		o.TimeZone = time.UTC
	}
	switch {
	case o.OnPrem:
		o.Codebase = router
	case o.Codebase == "":
		o.Codebase = "v2025_1/"
	}
	s := &Server{options: o, world: world.Clone(), codebase: o.Codebase}
	s.world.assignIDs(s.now(), "setup")
	return s
}

// router is the codebase of every on-premises instance. On the cloud it
// stands for whatever the current one is.
const router = "v4_6_release/"

func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Second) }

// today is the calendar day at the server.
func (s *Server) today() time.Time {
	y, m, d := s.options.Now().In(s.options.TimeZone).Date()
	return Day(y, m, d)
}

// Update changes the world as a test's set-up would: nothing is noted about
// who did it, except on objects that are new.
func (s *Server) Update(change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.world)
	s.world.assignIDs(s.now(), "setup")
	s.index = nil
}

// World returns a copy of what the instance holds now.
func (s *Server) World() *World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.Clone()
}

// Look lets a reader see the world as it is, without a copy; it must neither change nor
// keep anything of it.
func (s *Server) Look(look func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	look(s.world)
}

// Edit changes the world as a person working in the product would: whatever
// is changed carries that member and the time, and the audit trail says so.
func (s *Server) Edit(member string, change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, now := s.world.Clone(), s.now()
	change(s.world)
	s.world.assignIDs(now, member)
	s.index = nil
	v := s.view("")
	note(v, "Company", old.Companies, s.world.Companies, (*Company).key, func(o *Company) *Info { return &o.Info }, now, member)
	note(v, "Contact", old.Contacts, s.world.Contacts, (*Contact).key, func(o *Contact) *Info { return &o.Info }, now, member)
	note(v, "Ticket", old.Tickets, s.world.Tickets, (*Ticket).key, func(o *Ticket) *Info { return &o.Info }, now, member)
	note(v, "Agreement", old.Agreements, s.world.Agreements, (*Agreement).key, func(o *Agreement) *Info { return &o.Info }, now, member)
	note(v, "AgreementAddition", old.Additions, s.world.Additions, (*Addition).key, func(o *Addition) *Info { return &o.Info }, now, member)
	note(v, "ProductCatalog", old.Products, s.world.Products, (*Product).key, func(o *Product) *Info { return &o.Info }, now, member)
	note(v, "Invoice", old.Invoices, s.world.Invoices, (*Invoice).key, func(o *Invoice) *Info { return &o.Info }, now, member)
}

// note finds what a person changed and marks it as theirs.
func note[T any](v *view, on string, old, now []*T, key func(*T) int, info func(*T) *Info, at time.Time, by string) {
	was := byKey(old, key)
	for _, o := range now {
		before := was[key(o)]
		delete(was, key(o))
		switch {
		case before == nil:
			v.audit(on, key(o), at, by, "Add", on+" has been created.")
		case !reflect.DeepEqual(before, o):
			info(o).LastUpdated, info(o).UpdatedBy = at, by
			var names []string
			x, y := reflect.ValueOf(before).Elem(), reflect.ValueOf(o).Elem()
			for i := range x.NumField() {
				if n := x.Type().Field(i).Name; n != "Info" && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
					names = append(names, n)
				}
			}
			v.audit(on, key(o), at, by, "Update", strings.Join(names, ", ")+" has been changed.")
		}
	}
	for id := range was {
		v.audit(on, id, at, by, "Delete", on+" has been deleted.")
	}
}

// Upgrade moves a cloud instance to another codebase, as an upgrade night
// does: the old one answers 404 from now on.
func (s *Server) Upgrade(codebase string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codebase = codebase
}

func (s *Server) view(base string) *view {
	if s.index == nil {
		s.index = newIndex(s.world)
	}
	return &view{index: s.index, world: s.world, faults: &s.faults, today: s.today(), base: base}
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
