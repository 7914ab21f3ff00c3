package scim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
	"syncd/internal/target"
)

func mustPath(text string) attribute.Path {
	p, err := attribute.ParsePath(text)
	if err != nil {
		panic(err) // of a test
	}
	return p
}

// A stage is a customer, its directory, a provider and what is remembered
// between runs, without the engine: one object's life can be followed closely.
type stage struct {
	*testing.T
	provider *provider
	writes   func() int
	client   *Client
	customer mapping.Customer
	users    []directory.User
	groups   []directory.Group
	records  map[plan.Key]plan.Record
	settled  []plan.Settlement
	target   *Target
	view     target.View // of the last plan
	observed target.Observed
	pause    time.Duration // before each run, in a bubble
	owners   others
	domains  []directory.Domain
}

func newStage(t *testing.T, edit ...func(*Config)) *stage {
	conf := config(edit...)
	p := &provider{titleOps: conf.Profile == "cinode"}
	return &stage{T: t, provider: p, writes: func() int { return p.writes }, client: client(t, p, edit...), records: map[plan.Key]plan.Record{},
		customer: mapping.Customer{Key: "contoso", Name: "Contoso", Links: mapping.Links{"scim_app": "x"}}}
}

// others are what other customers keep, and what everybody is linked to.
type others struct {
	keep  map[string]string // kind and ref → customer
	links map[string]string
}

func (o others) Linked() map[string]string { return o.links }

func (o others) Others(_ context.Context, _, kind, ref string) ([]string, error) {
	if c := o.keep[kind+" "+ref]; c != "" {
		return []string{c}, nil
	}
	return nil, nil
}

// perAccount gives each customer an account of its own.
func perAccount(c *Config) { c.URL += "/{account}" }

func withGroups(c *Config) { c.Groups.Include = []string{"*"} }

func someone(n int, name string) directory.User {
	return directory.User{ID: objectID(n), UPN: strings.ToLower(name) + "@contoso.example", Mail: strings.ToLower(name) + "@contoso.example",
		Name: name + " Berg", GivenName: name, Surname: "Berg", Enabled: true}
}

func objectID(n int) string { return fmt.Sprintf("22222222-0000-4000-8000-%012d", n) }

func (s *stage) snapshot() *directory.Snapshot {
	proof := directory.Proof{Source: "test", TakenAt: time.Now(), AsOf: time.Now()}
	return &directory.Snapshot{TakenAt: time.Now(), Users: directory.Proven(s.users, proof), Groups: directory.Proven(s.groups, proof),
		Domains: directory.Proven(append(s.domains, directory.Domain{Name: "contoso.example", Verified: true}), proof)}
}

// plan is what a run would do.
func (s *stage) plan() *plan.Plan {
	s.Helper()
	time.Sleep(s.pause)
	s.target = s.client.Open()
	asked := target.Asked{Customer: s.customer, Settlements: s.settled, Owners: s.owners}
	var records []plan.Record
	for _, r := range s.records {
		records = append(records, r)
		if r.Ref != "" {
			asked.Refs = append(asked.Refs, r.Ref)
		}
	}
	views, err := s.target.Observe(s.Context(), []target.Asked{asked})
	if err != nil {
		s.Fatal(err)
	}
	s.view = views[0]
	desired, observed, err := s.view.Compare(s.Context(), s.snapshot(), records)
	s.observed = observed
	if err != nil {
		s.Fatal(err)
	}
	p, err := plan.Make(plan.Scope{Customer: s.customer.Key, Target: s.target.Name()}, s.target.Spec().Kinds, plan.Sides{Desired: desired.Objects,
		Observed: observed.Objects, Records: records, Conflicts: append(desired.Conflicts, observed.Conflicts...), Now: time.Now().Add(1000 * time.Hour)})
	if err != nil {
		s.Fatal(err)
	}
	return p
}

// run plans, applies and remembers; it returns what was done, one text a change.
func (s *stage) run() []string {
	s.Helper()
	done, notes := s.try()
	for _, n := range notes {
		if strings.HasPrefix(n, "error") {
			s.Error(n)
		}
	}
	return done
}

func (s *stage) try() (done, notes []string) {
	s.Helper()
	p := s.plan()
	for _, v := range append(p.Violations, s.observed.Notes...) {
		notes = append(notes, v.Code)
	}
	for _, o := range p.Learned {
		r := s.records[o.Key]
		r.Object, r.Pending = o, nil
		s.records[o.Key] = r
	}
	for _, key := range p.Absent {
		r := s.records[key]
		r.Absences++
		s.records[key] = r
	}
	for _, c := range p.Changes {
		done = append(done, string(c.Action)+" "+c.Label)
		out := target.Applied{}
		if c.Writes() {
			var err error
			if out, err = s.view.Apply(s.Context(), c); err != nil {
				notes = append(notes, "error: "+err.Error())
				continue
			}
		} else if c.After != nil {
			out.Object = *c.After
		}
		for _, n := range out.Notes {
			notes = append(notes, n.Code)
		}
		if c.Action == plan.Forget || c.Action == plan.Delete && c.After == nil {
			delete(s.records, c.Key)
			continue
		}
		out.Object.Key = c.Key
		s.records[c.Key] = plan.Record{Object: c.Remembered(out.Object), Origin: plan.Created, Rewritten: c.Rewritten(s.records[c.Key].Rewritten, out.Rewritten, &out.Object)}
	}
	return done, notes
}

// still wants the next run to do nothing, and to ask for nothing but lists.
func (s *stage) still() {
	s.Helper()
	if s.provider != nil {
		s.provider.forget()
	}
	before := s.writes()
	if done := s.run(); len(done) > 0 {
		p := s.plan()
		for _, c := range p.Changes {
			s.Logf("%s %s: %+v", c.Action, c.Label, c.Fields)
		}
		s.Errorf("got %v, want nothing to do", done)
	}
	if n := s.writes() - before; n > 0 {
		s.Errorf("got %d writes, want none", n)
	}
}

func TestTheLifeOfAUser(t *testing.T) {
	s := newStage(t)
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
	blocked := someone(3, "Cy")
	blocked.Enabled = false
	s.users = append(s.users, blocked)
	if got, want := s.run(), []string{"create Ann Berg (ann@contoso.example)", "create Bo Berg (bo@contoso.example)"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: who is blocked at first sight is not created", got, want)
	}
	u := s.provider.user("ann@contoso.example")
	if u.text("externalId") != objectID(1) || u.text("active") != "true" || asDocument(u.get("name")).text("formatted") != "Ann Berg" ||
		asDocument(u.list("emails")[0]).text("value") != "ann@contoso.example" {
		t.Errorf("got %v", u)
	}
	s.still()

	s.users[0].Surname, s.users[0].Name = "Holm", "Ann Holm"
	s.run()
	if got := compact(s.provider.bodies[0]); !strings.Contains(got, `{"op":"replace","path":"name.familyName","value":"Holm"}`) || strings.Contains(got, "userName") {
		t.Errorf("got %s, want one operation for each attribute that changed", got)
	}
	s.still()

	s.users[0].Enabled = false
	if tally := s.plan().Tally(); tally.Deletes != 1 {
		t.Errorf("got %+v, want an account that is blocked to count as a deletion", tally)
	}
	s.run()
	if got := s.provider.user("ann@contoso.example").text("active"); got != "false" {
		t.Errorf("got active %s, want false", got)
	}
	s.still()

	s.users[0].Enabled = true
	s.run()
	if got := s.provider.user("ann@contoso.example").text("active"); got != "true" {
		t.Errorf("got active %s, want true again", got)
	}
	s.still()

	s.users = s.users[1:]
	s.still() // not long enough
	s.run()
	if got := s.provider.user("ann@contoso.example").text("active"); got != "false" {
		t.Errorf("got active %s of a leaver, want false", got)
	}
	s.still()
}

func asked(c mapping.Customer) []target.Asked { return []target.Asked{{Customer: c}} }
