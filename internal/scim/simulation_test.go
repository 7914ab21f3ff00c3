package scim

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	scimsim "syncd/internal/simulator/scim"
)

// A simulation is a fixture whose provider is the simulator.
type simulation struct {
	*fixture
	sim           *scimsim.Server
	staysDisabled bool // who was disabled stays so
}

// promisedRate is how fast the client may ask. The simulator notes what is faster.
var promisedRate = rest.Rate{PerSecond: 5, Burst: 10, Concurrency: 4}

func newSimulation(t *testing.T, dialect scimsim.Dialect, edit ...func(*Config)) *simulation {
	ann := scimsim.Person("ann@contoso.example", "Ann", "Old") // there already, nobody's so far
	zoe := scimsim.Person("zoe@elsewhere.example", "Zoe", "Stranger").With("externalId", "44444444-0000-4000-8000-000000000001")
	zoe.ID = "9001"
	team := scimsim.Group("Strangers", "9001")
	team.ID = "9002"
	sim := scimsim.New(scimsim.World{Accounts: []*scimsim.Account{{ID: "A1", Users: []*scimsim.Resource{ann, zoe},
		Groups: []*scimsim.Resource{team}}}},
		scimsim.Options{Dialect: dialect, Token: "secret-token-of-the-test", PerSecond: promisedRate.PerSecond, Burst: promisedRate.Burst})
	edit = append([]func(*Config){func(c *Config) {
		c.URL, c.Rate = "https://scim.example"+strings.Replace(sim.Base("A1"), "A1", account, 1), promisedRate
	}, withGroups}, edit...)
	f := &fixture{T: t, client: client(t, sim.Transport(), edit...), records: map[plan.Key]plan.Record{},
		writes:   func() int { return len(sim.Writes()) },
		customer: mapping.Customer{Key: "contoso", Name: "Contoso", Links: mapping.Links{"scim_app": "A1"}}}
	f.pause = time.Minute
	return &simulation{fixture: f, sim: sim}
}

// active reports whether a user is there and active.
func (s *simulation) active(name string) bool {
	u := s.sim.Account("A1").User(strings.ToLower(name) + "@contoso.example")
	return u != nil && u.Active()
}

func (s *simulation) members(group string, names ...string) {
	s.Helper()
	a := s.sim.Account("A1")
	g := a.Group(group)
	if g == nil {
		s.Errorf("there is no group %s", group)
		return
	}
	var want []string
	for _, n := range names {
		want = append(want, strings.ToLower(n)+"@contoso.example")
	}
	got := a.Names(g.Members)
	slices.Sort(got)
	got = slices.Compact(got)
	if !slices.Equal(got, want) {
		s.Errorf("got members %v of %s, want %v", got, group, want)
	}
}

// lifecycle is the whole life: a first run with somebody who is there already,
// updates, a move between groups, a block and its end, a leaver and a return.
func (s *simulation) lifecycle() {
	s.Helper()
	zoe, team := s.sim.Account("A1").User("zoe@elsewhere.example").Attributes, s.sim.Account("A1").Group("Strangers").Members
	blocked := userNamed(4, "Dan")
	blocked.Enabled = false
	s.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy"), blocked}
	s.groups = []directory.Group{groupOf(1, "Sales", 1, 2, 3), groupOf(2, "Board", 2)}
	s.run()
	s.wantNoChanges()
	s.members("Sales", "Ann", "Bo", "Cy")
	s.members("Board", "Bo")
	if u := s.sim.Account("A1").User("ann@contoso.example"); u == nil || u.Text("name.familyName") != "Berg" {
		s.Errorf("got %v, want Ann taken on and brought into step", u)
	}
	if s.sim.Account("A1").User("dan@contoso.example") != nil {
		s.Error("somebody was created who is blocked")
	}

	s.users[1].Surname, s.users[1].Name = "Holm", "Bo Holm"
	s.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
	s.groups[1].Members.IDs = []string{objectID(2), objectID(3)}
	s.run()
	s.wantNoChanges()
	s.members("Sales", "Ann", "Bo")
	s.members("Board", "Bo", "Cy")
	if got := s.sim.Account("A1").User("bo@contoso.example").Text("name.familyName"); got != "Holm" {
		s.Errorf("got %s, want Holm", got)
	}

	s.users[0].Enabled = false
	s.run()
	s.wantNoChanges()
	if s.active("Ann") {
		s.Error("Ann is blocked and active")
	}
	s.users[0].Enabled = true
	s.run()
	s.wantNoChanges()
	if s.active("Ann") == s.staysDisabled {
		s.Error("Ann is back and not active")
	}

	gone := s.users[2]
	s.users = slices.Delete(s.users, 2, 3)
	s.groups[1].Members.IDs = []string{objectID(2)}
	s.run()
	s.run()
	s.wantNoChanges()
	s.members("Board", "Bo")
	if s.active("Cy") {
		s.Error("Cy has left and is active")
	}
	s.users = append(s.users, gone)
	s.groups[1].Members.IDs = []string{objectID(2), objectID(3)}
	s.run()
	s.wantNoChanges()
	s.members("Board", "Bo", "Cy")
	if s.active("Cy") == s.staysDisabled {
		s.Error("Cy has returned and is not active")
	}
	s.groups[1].Members.IDs = nil
	s.run()
	s.wantNoChanges()
	s.members("Board")

	if s.staysDisabled && !slices.ContainsFunc(s.observed.Notes,
		func(v plan.Violation) bool { return v.Code == "non_convergent" && v.NeedsRepair && !v.Note }) {
		s.Errorf("got %+v, want it said that somebody must be enabled by hand", s.observed.Notes)
	}
	now := s.sim.Account("A1")
	if got := now.User("zoe@elsewhere.example"); got == nil || len(got.Attributes) != len(zoe) || !got.Active() ||
		!slices.Equal(now.Group("Strangers").Members, team) {
		s.Errorf("got %v, want strangers left alone", got)
	}
}

// allowedViolations are the rules that a dialect cannot but break, as the simulator sees it.
var allowedViolations = map[string][]scimsim.ViolationCode{
	"totalResults lies":     {scimsim.ReadsPastEnd}, // it cannot be known where the end is
	"redirects":             {scimsim.OverRate},     // a hop belongs to the request that it ends
	"redirects without end": {scimsim.OverRate},
}

// expectedLimits are the dialects with which something cannot be done at all, and what
// is said then.
var expectedLimits = map[string]string{
	"filtered remove is ignored":             "members_stopped",
	"filtered remove is refused":             "members_stopped",
	"redirects that lose the method":         "redirected",
	"redirects to another host":              "redirected to elsewhere.example",
	"redirects without end":                  "redirected",
	"members are removed by their operation": "members_stopped",
}

func TestEveryQuirkOfAProvider(t *testing.T) {
	for _, name := range scimsim.Quirks() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSimulation(t, scimsim.Quirk(name))
				if name == "op is Title" {
					profile := *s.client.profile
					profile.TitleCaseOps = true
					s.client.profile = &profile
				}
				s.lifecycleOrLimit(name)
			})
		})
	}
}

// A provider that has had enough says when to come back, and is believed.
func TestAProviderThatLimitsItsClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, scimsim.Strict())
		s.sim.SetFaults(scimsim.Faults{RateLimit: 3, RateWindow: 2 * time.Second, RetryAfter: 1})
		s.lifecycle()
		refused := 0
		for _, r := range s.sim.Requests() {
			if r.Status == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused == 0 {
			t.Error("nothing was refused")
		}
	})
}

func TestCinodeAndItsVariants(t *testing.T) {
	variants := scimsim.CinodeVariants()
	variants["none"] = func(*scimsim.Dialect) {}
	for name, variant := range variants {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialect := scimsim.Cinode()
				variant(&dialect)
				s := newSimulation(t, dialect, func(c *Config) { c.Profile = "cinode" })
				s.staysDisabled = name == "disconnected users cannot come back"
				s.lifecycleOrLimit(name, scimsim.RemovesByList) // its profile names that way, after the RFC's
			})
		})
	}
}

// lifecycleOrLimit plays the life, or, where it cannot be lived, wants to be told why
// and nobody to be harmed.
func (s *simulation) lifecycleOrLimit(name string, may ...scimsim.ViolationCode) {
	s.Helper()
	may = append(may, allowedViolations[name]...)
	if want := expectedLimits[name]; want != "" {
		s.wantLimit(want)
	} else {
		s.lifecycle()
	}
	for _, v := range s.sim.Violations(may...) {
		s.Errorf("the provider noted: %v", v)
	}
}

// wantLimit wants the first run, or the first removal, to say why it cannot be.
func (s *simulation) wantLimit(want string) {
	s.Helper()
	s.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy")}
	s.groups = []directory.Group{groupOf(1, "Sales", 1, 2, 3)}
	views, err := s.client.Open().Observe(s.Context(), asked(s.customer))
	if err == nil {
		err = views[0].(*view).err
	}
	if err != nil {
		if text := err.Error(); !strings.Contains(text, want) {
			s.Errorf("got %s, want %q", text, want)
		}
		if n := s.writes(); n > 0 {
			s.Errorf("got %d writes", n)
		}
		return
	}
	s.run()
	s.groups[0].Members.IDs = s.groups[0].Members.IDs[:2]
	said := ""
	for range 3 {
		_, notes := s.runWithNotes()
		said += strings.Join(notes, "\n")
	}
	if !strings.Contains(said, want) {
		s.Errorf("got %s, want %q", said, want)
	}
	before := s.writes()
	s.runWithNotes()
	if n := s.writes() - before; n > 0 {
		s.Errorf("got %d more writes in vain", n)
	}
	s.members("Sales", "Ann", "Bo", "Cy")
}
