package tenants_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/tenants"
	"syncd/internal/connectwise"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

// ConnectWise tells what rules look at.
var _ tenants.Companies = (*connectwise.Client)(nil)

const (
	dental = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	bakery = "a4c2e5d1-7f60-4b8a-9c3d-2e1f0a9b8c22"
	garden = "c9b8a7d6-1e2f-4c3b-8d4e-5f6a7b8c9d33"

	gold   = "3f0c0000-0000-4000-8000-000000000001"
	silver = "3f0c0000-0000-4000-8000-000000000002"
	auto   = "3f0c0000-0000-4000-8000-000000000003"
	region = "3f0c0000-0000-4000-8000-000000000004"
)

// threeTenants are three customers as CIPP lists them.
func threeTenants() cippsim.World {
	return cippsim.World{
		Tenants: []*cippsim.Tenant{
			{CustomerID: dental, DisplayName: "Fabrikam Dental GmbH", DefaultDomain: "fabrikamdental.example", InitialDomain: "fabrikamdental.onmicrosoft.com"},
			{CustomerID: bakery, DisplayName: "Northwind Bakery", MicrosoftName: "Northwind", DefaultDomain: "northwind.example", InitialDomain: "northwindbakery.onmicrosoft.com"},
			{CustomerID: garden, DisplayName: "The gardeners", MicrosoftName: "Northwind Gardens", DefaultDomain: "northwind-gardens.example", InitialDomain: "nwgardens.onmicrosoft.com"},
		},
		TenantGroups: []*cippsim.TenantGroup{
			{ID: gold, Name: "Gold support", Description: "24x7", Members: []string{bakery, garden}},
			{ID: silver, Name: "Silver support", Members: []string{dental}},
			{ID: auto, Name: "All with GDAP", Dynamic: true, Members: []string{dental, bakery, garden}},
			{ID: region, Name: "North, and east", Members: []string{dental}},
		},
	}
}

// customers are the companies that they are linked to.
func customers() cwsim.World {
	return cwsim.World{
		Companies: []*cwsim.Company{
			{ID: 250, Identifier: "FabDental", Name: "Fabrikam Dental", StatusID: 1, TypeIDs: []int{1, 2}, Custom: map[int]any{7: "Dentists  (FD)"}},
			{ID: 251, Identifier: "NWBakery", Name: "Northwind Bakery", StatusID: 1, TypeIDs: []int{1, 2}},
			{ID: 252, Identifier: "NWGarden", Name: "Northwind Gardens", StatusID: 2, TypeIDs: []int{1}},
			{ID: 253, Identifier: "Gone", Name: "Gone", Deleted: true},
		},
		CompanyStatuses: []*cwsim.Setup{{ID: 1, Name: "Active"}, {ID: 2, Name: "Credit Hold"}},
		CompanyTypes:    []*cwsim.Setup{{ID: 1, Name: "Customer"}, {ID: 2, Name: "Gold/24x7"}},
		AgreementTypes:  []*cwsim.AgreementType{{ID: 3, Name: "Managed Services"}},
		BillingCycles:   []*cwsim.BillingCycle{{ID: 2, Identifier: "M", Name: "Monthly", Option: "Monthly"}},
		Agreements: []*cwsim.Agreement{
			{ID: 55, Name: "Gold 24x7 2026", TypeID: 3, CompanyID: 250, StartDate: cwsim.Day(1999, 1, 1), NoEndingDate: true, BillingCycleID: 2},
			{ID: 56, Name: "Silver", TypeID: 3, CompanyID: 252, StartDate: cwsim.Day(1999, 1, 1), NoEndingDate: true, BillingCycleID: 2},
		},
		Fields: []*cwsim.Field{{ID: 7, On: "Company", Caption: "Portal name"}},
	}
}

// supported is a configuration for them.
func supported() tenants.Config {
	return tenants.Config{Alias: tenants.AliasName, Groups: []tenants.Rule{{Group: "Gold support", Type: "gold*"}, {Group: "silver support", Agreement: "SILVER*"}, {Group: "Silver support", Status: "credit ?old"}}}
}

// A room is a target between a simulated CIPP and a simulated ConnectWise.
type room struct {
	t      *testing.T
	cipp   *cippsim.Server
	cw     *cwsim.Server
	caller admin.Caller
	client *connectwise.Client
	config tenants.Config
	target *tenants.Target
	view   target.View              // of the last plan
	store  map[string][]plan.Record // by customer: what the loop remembers
}

// newRoom must be called in a bubble.
func newRoom(t *testing.T, c tenants.Config) *room {
	t.Helper()
	r := &room{t: t, cipp: cippsim.New(threeTenants(), cippsim.Options{Role: "editor"}), config: c, store: map[string][]plan.Record{},
		cw: cwsim.New(customers(), cwsim.Options{Company: "msp", PublicKey: "public", PrivateKey: "private", ClientID: "client"})}
	conf := cipp.Defaults()
	conf.URL, conf.TenantID = "https://cipp-api.example.net", r.cipp.World().PartnerTenant.CustomerID
	conf.ClientID, conf.ClientSecret = r.cipp.Options().ClientID, secret.New(r.cipp.Options().ClientSecret)
	conf.Rate = rest.Rate{PerSecond: 1000, Burst: 100, Concurrency: 5}
	caller, err := cipp.New(conf, cipp.Options{Log: zerolog.Nop(), Transport: r.cipp.Transport(), Operate: true})
	if err != nil {
		t.Fatal(err)
	}
	cw := connectwise.Defaults()
	cw.URL, cw.Company = "https://cw.example.test", "msp"
	cw.PublicKey, cw.PrivateKey, cw.ClientID = secret.New("public"), secret.New("private"), secret.New("client")
	cw.Rate = rest.Rate{PerSecond: 1000, Burst: 100, Concurrency: 4}
	if r.client, err = connectwise.New(cw, connectwise.Options{Log: zerolog.Nop(), Transport: r.cw.Transport()}); err != nil {
		t.Fatal(err)
	}
	r.caller = caller
	r.open()
	return r
}

func (r *room) open() { r.target = tenants.Open(r.caller, r.client, r.config) }

// inRoom runs f in a bubble, where waiting costs nothing. Whatever happens,
// CIPP was used with care, and ConnectWise only read.
func inRoom(t *testing.T, c tenants.Config, f func(t *testing.T, r *room)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, c)
		f(t, r)
		for _, c := range r.cipp.Complaints() {
			// To be shown under Microsoft's name a tenant loses its alias.
			if !strings.Contains(c, "no tenantAlias; the alias \"The gardeners\"") {
				t.Errorf("CIPP was used carelessly: %s", c)
			}
		}
		if w := r.cw.Writes(); len(w) > 0 {
			t.Errorf("got %v, want nothing written to ConnectWise", w)
		}
	})
}

func customer(id, company string) mapping.Customer {
	return mapping.Customer{Key: id, Name: "Customer " + company, Tenant: directory.Tenant{ID: directory.TenantID(id), Name: "Customer " + company}, Listed: true,
		Status: mapping.Linked, Links: mapping.Links{mapping.ConnectWiseCompany: company}}
}

var (
	theDental = customer(dental, "250")
	theBakery = customer(bakery, "251")
	theGarden = customer(garden, "252")
)

// A looked is what came of a look at one customer.
type looked struct {
	target.Observed
	Desired target.Desired
	Err     error
	view    target.View
}

// look looks at some customers.
func (r *room) look(asked ...target.Asked) ([]looked, error) {
	views, err := r.target.Observe(r.t.Context(), asked)
	out := make([]looked, len(views))
	for i, v := range views {
		out[i].view = v
		out[i].Desired, out[i].Observed, out[i].Err = v.Compare(r.t.Context(), &directory.Snapshot{}, asked[i].Records)
	}
	return out, err
}

// plan goes the road of the loop for one customer, whose view stays.
func (r *room) plan(c mapping.Customer) *plan.Plan {
	r.t.Helper()
	asked := target.Asked{Customer: c, Records: slices.Clone(r.store[c.Key])}
	for _, record := range r.store[c.Key] {
		asked.Refs = append(asked.Refs, record.Ref)
	}
	seen, err := r.look(asked)
	if err != nil || seen[0].Err != nil {
		r.t.Fatalf("observing: %v, %v", err, seen[0].Err)
	}
	want := seen[0].Desired
	r.view = seen[0].view
	p, err := plan.Make(plan.Scope{Customer: c.Key, Target: "cipp"}, r.target.Spec().Kinds, plan.Sides{Desired: want.Objects, Observed: seen[0].Objects,
		Records: slices.Clone(r.store[c.Key]), Conflicts: append(want.Conflicts, seen[0].Conflicts...), Now: time.Now()})
	if err != nil {
		r.t.Fatal(err)
	}
	p.Violations = append(p.Violations, seen[0].Notes...)
	return p
}

// apply plans, does what nothing holds or an approval opens, and remembers it
// as the loop does.
func (r *room) apply(c mapping.Customer) *plan.Plan {
	r.t.Helper()
	p := r.plan(c)
	for _, o := range p.Learned {
		r.store[c.Key] = []plan.Record{{Object: o, Origin: plan.Adopted}}
	}
	for _, ch := range p.Changes {
		if ch.Held != "" {
			continue
		}
		now := *ch.After
		if ch.Writes() {
			applied, err := r.view.Apply(r.t.Context(), ch)
			if err != nil {
				r.t.Fatalf("%s: %v", written(p), err)
			}
			now = applied.Object
		}
		r.store[c.Key] = []plan.Record{{Object: ch.Remembered(now), Origin: plan.Adopted}}
	}
	return p
}

// written shows what a plan changes, in short.
func written(p *plan.Plan) string {
	var parts []string
	for _, c := range p.Changes {
		for _, f := range c.Fields {
			text := fmt.Sprintf("%s %s>%s", f.Name, f.Before, f.After)
			if c.Held != "" {
				text += " (" + c.Held + ")"
			}
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "; ")
}

// codes are those of a plan's violations, notes in brackets.
func codes(p *plan.Plan) string {
	var parts []string
	for _, v := range p.Violations {
		if v.Note {
			v.Code = "[" + v.Code + "]"
		}
		parts = append(parts, v.Code)
	}
	return strings.Join(parts, " ")
}

// stands is how a tenant stands in CIPP: its alias, and all groups it is in.
func (r *room) stands(id string) string {
	w := r.cipp.World()
	t := w.Tenant(id)
	alias := cmp.Or(t.Alias(), "–")
	in := []string{alias}
	for _, g := range w.TenantGroups {
		if slices.Contains(g.Members, id) {
			in = append(in, g.Name)
		}
	}
	return strings.Join(in, " | ")
}

func (r *room) want(id, want string) {
	r.t.Helper()
	if got := r.stands(id); got != want {
		r.t.Errorf("got %s, want %s", got, want)
	}
}

// writes counts the calls that change something, or tried to.
func (r *room) writes() int { return r.cipp.Count("EditTenant") + r.cipp.Count("ExecTenantGroup") }

// company changes a company as a person in ConnectWise would.
func (r *room) company(id int, change func(*cwsim.Company)) {
	r.cw.Edit("jwhite", func(w *cwsim.World) {
		for _, c := range w.Companies {
			if c.ID == id {
				change(c)
			}
		}
	})
}

// lose makes the next write's answer, or the write itself, get lost; nothing
// answers any more until Heal.
func lose(sim *cippsim.Server, kind cippsim.FaultKind, dark bool) {
	hit := false
	sim.Before(func(r *http.Request) cippsim.Fault {
		writes := r.URL.Path == "/api/EditTenant" || r.URL.Path == "/api/ExecTenantGroup"
		switch {
		case hit && dark:
			return cippsim.Fault{Kind: cippsim.Dropped}
		case hit || !writes:
			return cippsim.Fault{}
		}
		hit = true
		return cippsim.Fault{Kind: kind}
	})
}
