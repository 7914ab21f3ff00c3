package scim

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	scimsim "syncd/internal/simulator/scim"
)

// A drama is a stage whose provider is the simulator.
type drama struct {
	*stage
	sim      *scimsim.Server
	noReturn bool // who was disabled stays so
}

func newDrama(t *testing.T, dialect scimsim.Dialect, edit ...func(*Config)) *drama {
	ann := scimsim.Person("ann@contoso.example", "Ann", "Old") // there already, nobody's so far
	zoe := scimsim.Person("zoe@elsewhere.example", "Zoe", "Stranger").With("externalId", "44444444-0000-4000-8000-000000000001")
	zoe.ID = "9001"
	team := scimsim.Group("Strangers", "9001")
	team.ID = "9002"
	sim := scimsim.New(scimsim.World{Accounts: []*scimsim.Account{{ID: "A1", Users: []*scimsim.Resource{ann, zoe}, Groups: []*scimsim.Resource{team}}}},
		scimsim.Options{Dialect: dialect, Token: "secret-token-of-the-test"})
	edit = append([]func(*Config){func(c *Config) { c.URL = "https://scim.example" + strings.Replace(sim.Base("A1"), "A1", account, 1) }, withGroups}, edit...)
	s := &stage{T: t, client: client(t, sim.Transport(), edit...), records: map[plan.Key]plan.Record{}, writes: func() int { return len(sim.Writes()) },
		customer: mapping.Customer{Key: "contoso", Name: "Contoso", Links: mapping.Links{"scim_app": "A1"}}}
	s.pause = time.Minute
	return &drama{stage: s, sim: sim}
}

// active reports whether a user is there and active.
func (d *drama) active(name string) bool {
	u := d.sim.Account("A1").User(strings.ToLower(name) + "@contoso.example")
	return u != nil && u.Active()
}

func (d *drama) members(group string, names ...string) {
	d.Helper()
	a := d.sim.Account("A1")
	g := a.Group(group)
	if g == nil {
		d.Errorf("there is no group %s", group)
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
		d.Errorf("got members %v of %s, want %v", got, group, want)
	}
}

// play is the whole life: a first run with somebody who is there already,
// updates, a move between groups, a block and its end, a leaver and a return.
func (d *drama) play() {
	d.Helper()
	zoe, team := d.sim.Account("A1").User("zoe@elsewhere.example").Attributes, d.sim.Account("A1").Group("Strangers").Members
	blocked := someone(4, "Dan")
	blocked.Enabled = false
	d.users = []directory.User{someone(1, "Ann"), someone(2, "Bo"), someone(3, "Cy"), blocked}
	d.groups = []directory.Group{teamOf(1, "Sales", 1, 2, 3), teamOf(2, "Board", 2)}
	d.run()
	d.still()
	d.members("Sales", "Ann", "Bo", "Cy")
	d.members("Board", "Bo")
	if u := d.sim.Account("A1").User("ann@contoso.example"); u == nil || u.Text("name.familyName") != "Berg" {
		d.Errorf("got %v, want Ann taken on and brought into step", u)
	}
	if d.sim.Account("A1").User("dan@contoso.example") != nil {
		d.Error("somebody was created who is blocked")
	}

	d.users[1].Surname, d.users[1].Name = "Holm", "Bo Holm"
	d.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
	d.groups[1].Members.IDs = []string{objectID(2), objectID(3)}
	d.run()
	d.still()
	d.members("Sales", "Ann", "Bo")
	d.members("Board", "Bo", "Cy")
	if got := d.sim.Account("A1").User("bo@contoso.example").Text("name.familyName"); got != "Holm" {
		d.Errorf("got %s, want Holm", got)
	}

	d.users[0].Enabled = false
	d.run()
	d.still()
	if d.active("Ann") {
		d.Error("Ann is blocked and active")
	}
	d.users[0].Enabled = true
	d.run()
	d.still()
	if d.active("Ann") == d.noReturn {
		d.Error("Ann is back and not active")
	}

	gone := d.users[2]
	d.users = slices.Delete(d.users, 2, 3)
	d.groups[1].Members.IDs = []string{objectID(2)}
	d.run()
	d.run()
	d.still()
	d.members("Board", "Bo")
	if d.active("Cy") {
		d.Error("Cy has left and is active")
	}
	d.users = append(d.users, gone)
	d.groups[1].Members.IDs = []string{objectID(2), objectID(3)}
	d.run()
	d.still()
	d.members("Board", "Bo", "Cy")
	if d.active("Cy") == d.noReturn {
		d.Error("Cy has returned and is not active")
	}
	d.groups[1].Members.IDs = nil
	d.run()
	d.still()
	d.members("Board")

	if d.noReturn && !slices.ContainsFunc(d.observed.Notes, func(v plan.Violation) bool { return v.Code == "non_convergent" && v.NeedsRepair && !v.Note }) {
		d.Errorf("got %+v, want it said that somebody must be enabled by hand", d.observed.Notes)
	}
	now := d.sim.Account("A1")
	if got := now.User("zoe@elsewhere.example"); got == nil || len(got.Attributes) != len(zoe) || !got.Active() || !slices.Equal(now.Group("Strangers").Members, team) {
		d.Errorf("got %v, want strangers left alone", got)
	}
}

// allowed are the rules that a dialect cannot but break, as the simulator sees it.
var allowed = map[string][]scimsim.Rulebreak{
	"totalResults lies": {scimsim.ReadsPastEnd}, // it cannot be known where the end is
}

// limits are the dialects with which something cannot be done at all, and what
// is said then.
var limits = map[string]string{
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
				d := newDrama(t, scimsim.Quirk(name))
				if name == "op is Title" {
					profile := *d.client.profile
					profile.TitleCaseOps = true
					d.client.profile = &profile
				}
				d.playOut(name)
			})
		})
	}
}

func TestCinodeAndItsDoubts(t *testing.T) {
	doubts := scimsim.CinodeDoubts()
	doubts["none"] = func(*scimsim.Dialect) {}
	for name, doubt := range doubts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialect := scimsim.Cinode()
				doubt(&dialect)
				d := newDrama(t, dialect, func(c *Config) { c.Profile = "cinode" })
				d.noReturn = name == "disconnected users cannot come back"
				d.playOut(name, scimsim.RemovesByList) // its profile names that way, after the RFC's
			})
		})
	}
}

// playOut plays the life, or, where it cannot be lived, wants to be told why
// and nobody to be harmed.
func (d *drama) playOut(name string, may ...scimsim.Rulebreak) {
	d.Helper()
	may = append(may, allowed[name]...)
	if want := limits[name]; want != "" {
		d.fails(want)
	} else {
		d.play()
	}
	for _, v := range d.sim.Violations(may...) {
		d.Errorf("the provider noted: %v", v)
	}
}

// fails wants the first run, or the first removal, to say why it cannot be.
func (d *drama) fails(want string) {
	d.Helper()
	d.users = []directory.User{someone(1, "Ann"), someone(2, "Bo"), someone(3, "Cy")}
	d.groups = []directory.Group{teamOf(1, "Sales", 1, 2, 3)}
	views, err := d.client.Open().Observe(d.Context(), asked(d.customer))
	if err == nil {
		err = views[0].(*place).err
	}
	if err != nil {
		if text := err.Error(); !strings.Contains(text, want) {
			d.Errorf("got %s, want %q", text, want)
		}
		if n := d.writes(); n > 0 {
			d.Errorf("got %d writes", n)
		}
		return
	}
	d.run()
	d.groups[0].Members.IDs = d.groups[0].Members.IDs[:2]
	said := ""
	for range 3 {
		_, notes := d.try()
		said += strings.Join(notes, "\n")
	}
	if !strings.Contains(said, want) {
		d.Errorf("got %s, want %q", said, want)
	}
	before := d.writes()
	d.try()
	if n := d.writes() - before; n > 0 {
		d.Errorf("got %d more writes in vain", n)
	}
	d.members("Sales", "Ann", "Bo", "Cy")
}
