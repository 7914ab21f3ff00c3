// Package cippsim is a CIPP instance that exists only in memory, with the
// Entra token endpoint in front of it and make-believe Microsoft 365 tenants
// behind it.
//
// It holds a World, answers as CIPP 10.8.2 does, strict where CIPP is strict
// and silent where CIPP is silent, and has a switch for every quirk that a
// client can meet. What is written is seen by every read, with all that CIPP
// does beside what it was asked. Endpoints without code of their own answer in
// general, and complain of calls that CIPP does not publish. Tests and the
// practice mode use it.
package cippsim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"syncd/internal/simulator/serving"
)

// TokenEndpoint is how the log and rules name Entra's token endpoint.
const TokenEndpoint = "token"

// Options are what is fixed about an instance.
type Options struct {
	// ClientID, ClientSecret and Role make the API client of a world that has
	// none. Defaults: a fixed id, "practice-secret" and readonly.
	ClientID     string
	ClientSecret string
	Role         string

	Version   string           // semver; empty means 10.8.2
	TokenLife time.Duration    // 0 means 3599 s
	Now       func() time.Time // nil means time.Now
}

// A Server is the instance. It may be used by several goroutines at once.
type Server struct {
	serving.Front[Fault]
	opts Options

	mu         sync.Mutex
	world      *World
	faults     Faults
	spent      map[string]int // uses of faults that last for a number of reads
	cold       bool           // the next API answer is a cold start's
	cleared    bool           // somebody emptied the tenant cache
	serial     int            // makes ids that differ
	tokens     map[string]*token
	issued     int
	queues     []*queue
	graphRows  map[string][]cachedRows // AllTenants rows of the Graph proxy, by key
	licenceRun []cachedRows            // AllTenants rows of ListLicenses and ListLicensesReport
	cache      map[string]map[string]*cached
	stale      map[string]stale // by customer id, and that id + "groups"
	logbook    []Entry
	complaints []string
}

// New takes in a copy of world. Its reporting cache is that of a nightly run
// that ended just now.
func New(world World, opts Options) *Server {
	opts.Version = cmp.Or(opts.Version, "10.8.2")
	opts.ClientID = cmp.Or(opts.ClientID, "3d0c6f52-8a5e-4c0b-9f7d-51c1d0a2b6e4")
	opts.ClientSecret = cmp.Or(opts.ClientSecret, "practice-secret")
	opts.Role = cmp.Or(opts.Role, "readonly")
	opts.TokenLife = cmp.Or(opts.TokenLife, 3599*time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Server{
		opts: opts, world: world.Clone(), spent: map[string]int{}, tokens: map[string]*token{},
		graphRows: map[string][]cachedRows{}, cache: map[string]map[string]*cached{},
		stale: map[string]stale{},
	}
	if len(s.world.Clients) == 0 {
		s.world.Clients = []*Client{{ID: opts.ClientID, Name: "practice", Secret: opts.ClientSecret, Role: opts.Role}}
	}
	s.world.settle(s.now())
	s.refreshCache(nil)
	return s
}

// Update changes the world while the server runs. What CIPP caches stays as
// it was until RefreshCache. f must not call the server's methods.
func (s *Server) Update(f func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.world)
	s.world.settle(s.now())
}

// World returns a copy of the world as it is.
func (s *Server) World() *World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world.Clone()
}

// Options returns the options with their defaults filled in.
func (s *Server) Options() Options { return s.opts }

// TokenPath is the path of the token endpoint below the server's URL.
func (s *Server) TokenPath() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "/" + s.world.PartnerTenant.CustomerID + "/oauth2/v2.0/token"
}

// RefreshTenants is the nightly refresh of the tenant list.
func (s *Server) RefreshTenants() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshTenants()
}

func (s *Server) refreshTenants() {
	s.cleared = false
	for _, t := range s.world.Tenants {
		t.Refreshed = s.now()
	}
}

func (s *Server) now() time.Time { return s.opts.Now().UTC() }

// nextID makes an id that was not there before.
func (s *Server) nextID(kind string) string {
	s.serial++
	return guid(kind, fmt.Sprint(s.serial))
}

// atLeast says whether the instance is of that version or newer.
func (s *Server) atLeast(version string) bool {
	return compareVersions(cmp.Or(s.faults.Version, s.opts.Version), version) >= 0
}

func compareVersions(a, b string) int {
	parse := func(v string) (n [3]int) {
		fmt.Sscanf(v, "%d.%d.%d", &n[0], &n[1], &n[2]) // what is missing stays 0
		return n
	}
	x, y := parse(a), parse(b)
	return slices.Compare(x[:], y[:])
}

// ServeHTTP serves the API below /api/ and the token endpoint at TokenPath.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, &call{s: s, r: r})
}

// answer decides what a request gets. The server is locked.
func (c *call) answer(f Fault) answer {
	s := c.s
	if f.Kind != "" && (f.Kind != CutBody || c.line.Aside) {
		return f.answer(c.line.Route)
	}
	if c.line.Aside {
		return s.token(c.r)
	}
	a := s.api(c)
	if f.Kind == CutBody {
		a.end = serving.Cut
	}
	if a.status == http.StatusOK && a.deformable {
		for _, sh := range []Shape{s.faults.Answers["*"], s.faults.Answers[c.line.Route], s.tenantFaults(c.tenant).Shape, f.Shape} {
			a = a.deform(sh)
		}
	}
	return a
}

// api serves what stands below /api/.
func (s *Server) api(in *call) answer {
	switch s.faults.Address {
	case PortalSignIn:
		return signIn()
	case PortalPage:
		return page(http.StatusForbidden, "403: Forbidden")
	case OffloadedHost:
		return text(http.StatusForbidden, TextOffloaded)
	}
	if in.line.Route == "" || !slices.Contains([]string{"GET", "POST", "PATCH", "PUT", "DELETE"}, in.r.Method) {
		return text(http.StatusNotFound, "")
	}
	client, refused := s.bearer(in.r)
	if refused != nil {
		return *refused
	}
	ep, ok := s.endpoint(in.line.Route)
	if !ok {
		return text(http.StatusNotFound, TextNoEndpoint)
	}
	if s.faults.SubscriptionEnded && ep.role != public {
		return text(http.StatusForbidden, TextEnded)
	}
	in.w, in.now, in.endpoint = s.world, s.now(), ep
	if refused := s.authorise(in.r, client, ep, in); refused != nil {
		return *refused
	}
	if _, unparsed := in.body.(string); unparsed {
		s.complain("%s: the body is not JSON or not declared as application/json; it arrives as mere text", ep.name)
	}
	if in.bad != "" {
		return in.exception(in.bad)
	}
	in.checkDeclared(in.r.Method)
	s.runDueTasks()
	if refused := in.findTenant(); refused != nil {
		return *refused
	}
	a := ep.serve(in)
	a.deformable = true
	return a
}

// Transport serves requests in this process, without a network, whatever the
// host in the URL is.
func (s *Server) Transport() http.RoundTripper { return serving.Transport(s) }
