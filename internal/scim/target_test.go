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

// A fixture is a customer, its directory, a provider and what is remembered
// between runs, without the engine: one object's life can be followed closely.
type fixture struct {
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
	owners   otherCustomers
	domains  []directory.Domain
}

func newFixture(t *testing.T, edit ...func(*Config)) *fixture {
	conf := config(edit...)
	p := &provider{titleOps: conf.Profile == "cinode"}
	return &fixture{T: t, provider: p, writes: func() int { return p.writes }, client: client(t, p, edit...),
		records:  map[plan.Key]plan.Record{},
		customer: mapping.Customer{Key: "contoso", Name: "Contoso", Links: mapping.Links{"scim_app": "x"}}}
}

// otherCustomers are what other customers keep, and what everybody is linked to.
type otherCustomers struct {
	owned map[string]string // kind and ref → customer
	links map[string]string
}

func (o otherCustomers) Linked() map[string]string { return o.links }

func (o otherCustomers) Others(_ context.Context, _, kind, ref string) ([]string, error) {
	if c := o.owned[kind+" "+ref]; c != "" {
		return []string{c}, nil
	}
	return nil, nil
}

// perAccount gives each customer an account of its own.
func perAccount(c *Config) { c.URL += "/{account}" }

func withGroups(c *Config) { c.Groups.Include = []string{"*"} }

func userNamed(n int, name string) directory.User {
	return directory.User{ID: objectID(n), UPN: strings.ToLower(name) + "@contoso.example", Mail: strings.ToLower(name) + "@contoso.example",
		Name: name + " Berg", GivenName: name, Surname: "Berg", Enabled: true}
}

func objectID(n int) string { return fmt.Sprintf("22222222-0000-4000-8000-%012d", n) }

func (f *fixture) snapshot() *directory.Snapshot {
	proof := directory.Proof{Source: "test", TakenAt: time.Now(), AsOf: time.Now()}
	return &directory.Snapshot{TakenAt: time.Now(), Users: directory.Proven(f.users, proof), Groups: directory.Proven(f.groups, proof),
		Domains: directory.Proven(append(f.domains, directory.Domain{Name: "contoso.example", Verified: true}), proof)}
}

// plan is what a run would do.
func (f *fixture) plan() *plan.Plan {
	f.Helper()
	time.Sleep(f.pause)
	f.target = f.client.Open()
	asked := target.Asked{Customer: f.customer, Settlements: f.settled, Owners: f.owners}
	var records []plan.Record
	for _, r := range f.records {
		records = append(records, r)
		if r.Ref != "" {
			asked.Refs = append(asked.Refs, r.Ref)
		}
	}
	views, err := f.target.Observe(f.Context(), []target.Asked{asked})
	if err != nil {
		f.Fatal(err)
	}
	f.view = views[0]
	desired, observed, err := f.view.Compare(f.Context(), f.snapshot(), records)
	f.observed = observed
	if err != nil {
		f.Fatal(err)
	}
	p, err := plan.Make(plan.Scope{Customer: f.customer.Key, Target: f.target.Name()}, f.target.Spec().Kinds,
		plan.Sides{Desired: desired.Objects,
			Observed: observed.Objects, Records: records, Conflicts: append(desired.Conflicts, observed.Conflicts...),
			Now: time.Now().Add(1000 * time.Hour)})
	if err != nil {
		f.Fatal(err)
	}
	return p
}

// run plans, applies and remembers; it returns what was done, one text a change.
func (f *fixture) run() []string {
	f.Helper()
	done, notes := f.runWithNotes()
	for _, n := range notes {
		if strings.HasPrefix(n, "error") {
			f.Error(n)
		}
	}
	return done
}

func (f *fixture) runWithNotes() (done, notes []string) {
	f.Helper()
	p := f.plan()
	for _, v := range append(p.Violations, f.observed.Notes...) {
		notes = append(notes, v.Code)
	}
	for _, o := range p.Learned {
		r := f.records[o.Key]
		r.Object, r.Pending = o, nil
		f.records[o.Key] = r
	}
	for _, key := range p.Absent {
		r := f.records[key]
		r.Absences++
		f.records[key] = r
	}
	for _, c := range p.Changes {
		done = append(done, string(c.Action)+" "+c.Label)
		out := target.Applied{}
		if c.Writes() {
			var err error
			if out, err = f.view.Apply(f.Context(), c); err != nil {
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
			delete(f.records, c.Key)
			continue
		}
		out.Object.Key = c.Key
		f.records[c.Key] = plan.Record{Object: c.Remembered(out.Object), Origin: plan.Created,
			Rewritten: c.Rewritten(f.records[c.Key].Rewritten, out.Rewritten, &out.Object)}
	}
	return done, notes
}

// wantNoChanges wants the next run to do nothing, and to ask for nothing but lists.
func (f *fixture) wantNoChanges() {
	f.Helper()
	if f.provider != nil {
		f.provider.forget()
	}
	before := f.writes()
	if done := f.run(); len(done) > 0 {
		p := f.plan()
		for _, c := range p.Changes {
			f.Logf("%s %s: %+v", c.Action, c.Label, c.Fields)
		}
		f.Errorf("got %v, want nothing to do", done)
	}
	if n := f.writes() - before; n > 0 {
		f.Errorf("got %d writes, want none", n)
	}
}

func TestTheLifeOfAUser(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	blocked := userNamed(3, "Cy")
	blocked.Enabled = false
	f.users = append(f.users, blocked)
	if got, want := f.run(), []string{"create Ann Berg (ann@contoso.example)",
		"create Bo Berg (bo@contoso.example)"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: who is blocked at first sight is not created", got, want)
	}
	u := f.provider.user("ann@contoso.example")
	if u.text("externalId") != objectID(1) || u.text("active") != "true" || asDocument(u.get("name")).text("formatted") != "Ann Berg" ||
		asDocument(u.list("emails")[0]).text("value") != "ann@contoso.example" {
		t.Errorf("got %v", u)
	}
	f.wantNoChanges()

	f.users[0].Surname, f.users[0].Name = "Holm", "Ann Holm"
	f.run()
	if got := compact(f.provider.bodies[0]); !strings.Contains(got, `{"op":"replace","path":"name.familyName","value":"Holm"}`) ||
		strings.Contains(got, "userName") {
		t.Errorf("got %s, want one operation for each attribute that changed", got)
	}
	f.wantNoChanges()

	f.users[0].Enabled = false
	if tally := f.plan().Tally(); tally.Deletes != 1 {
		t.Errorf("got %+v, want an account that is blocked to count as a deletion", tally)
	}
	f.run()
	if got := f.provider.user("ann@contoso.example").text("active"); got != "false" {
		t.Errorf("got active %s, want false", got)
	}
	f.wantNoChanges()

	f.users[0].Enabled = true
	f.run()
	if got := f.provider.user("ann@contoso.example").text("active"); got != "true" {
		t.Errorf("got active %s, want true again", got)
	}
	f.wantNoChanges()

	f.users = f.users[1:]
	f.wantNoChanges() // not long enough
	f.run()
	if got := f.provider.user("ann@contoso.example").text("active"); got != "false" {
		t.Errorf("got active %s of a leaver, want false", got)
	}
	f.wantNoChanges()
}

func asked(c mapping.Customer) []target.Asked { return []target.Asked{{Customer: c}} }
