package itglue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/itglue"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/target"
	"syncd/internal/target/targettest"
)

func TestConformance(t *testing.T) {
	t.Run("leavers are archived", func(t *testing.T) {
		runSuite(t, targettest.Run, func(*itglue.Config) {}, targettest.Changed, targettest.New, targettest.Gone)
	})
	// How leavers are dealt with is told by them alone.
	t.Run("leavers are deleted", func(t *testing.T) {
		runSuite(t, targettest.RunSteps, func(c *itglue.Config) { c.Leavers.Then = itglue.ThenDelete }, targettest.Gone)
	})
}

func runSuite(t *testing.T, run func(*testing.T, func(*testing.T) *targettest.Fixture), edit func(*itglue.Config), steps ...targettest.Step) {
	world := documentedWorld(t, edit)
	run(t, func(t *testing.T) *targettest.Fixture { return newFixture(t, world.Clone(), edit, steps) })
}

var tenants = []directory.Tenant{
	{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11", Name: "Contoso Ltd", DefaultDomain: "contoso.example"},
	{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12", Name: "Fabrikam", DefaultDomain: "fabrikam.example"},
}

func links() (table mapping.Table) {
	for i, tenant := range tenants {
		table.Rows = append(table.Rows, mapping.Row{TenantID: tenant.ID, Tenant: tenant.Name, Status: mapping.Linked,
			Links: mapping.Links{mapping.ITGlueOrganization: strconv.Itoa(2 + i)}})
	}
	return table
}

func dial(t *testing.T, sim *itgluesim.Server, edit func(*itglue.Config)) *itglue.Client {
	t.Helper()
	conf := itglue.Defaults()
	conf.APIKey = secret.New("ITG.example")
	conf.Rate = rest.Rate{PerSecond: 1000, Burst: 100, Concurrency: 4}
	conf.Leavers.Absences, conf.Leavers.Days = 2, 2 // missed twice, waited for once: no night more than makes the point
	edit(&conf)
	client, err := itglue.New(conf, itglue.Options{Log: zerolog.Nop(), Transport: sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// documentedWorld is an account with two customers, and records that are nobody's
// business. The second customer is documented already: two that are made at once
// would get other ids each time.
func documentedWorld(t *testing.T, edit func(*itglue.Config)) *itgluesim.World {
	sim := itgluesim.New(itgluesim.World{
		Organizations: []*itgluesim.Organization{{ID: 1, Name: "Example Networks", Primary: true}, {ID: 2, Name: "Contoso Ltd"},
			{ID: 3, Name: "Fabrikam"}, {ID: 4, Name: "Tailspin"}},
		Contacts: []*itgluesim.Contact{
			{ID: 41, OrganizationID: 2, FirstName: "Ana", LastName: "Ruiz", Title: "Head of buying",
				Emails: []itgluesim.Email{{Value: "ana@contoso.example", Label: "Work", Primary: true}}},
			{ID: 42, OrganizationID: 2, FirstName: "Zoe", LastName: "Stranger"},
			{ID: 43, OrganizationID: 4, FirstName: "Ana", LastName: "Ruiz",
				Emails: []itgluesim.Email{{Value: "ana@contoso.example", Label: "Work", Primary: true}}},
		},
		Domains: []*itgluesim.Domain{{ID: 81, OrganizationID: 2, Name: "contoso.example"}},
		// before a bubble's clock begins
	}, itgluesim.Options{Key: "ITG.example", Now: func() time.Time { return time.Date(1999, 12, 1, 0, 0, 0, 0, time.UTC) }})
	client := dial(t, sim, edit)
	if _, err := client.CreateLayouts(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Assets that look like ours and are not: of another tenant, and without a key.
	const typed = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a99"
	sim.Update(func(w *itgluesim.World) {
		typ := w.TypeNamed("M365 User")
		for i, tenant := range []string{typed, ""} {
			a := &itgluesim.Asset{ID: int64(701 + i), OrganizationID: 2, TypeID: typ.ID}
			w.Assets = append(w.Assets, a)
			w.SetTrait(a, "name", "Ana Ruiz")
			if tenant != "" {
				w.SetTrait(a, "tenant-id", tenant)
				w.SetTrait(a, "object-id", person(1))
			}
		}
	})
	table := links()
	document(t, client, table.Customers(tenants)[1], held(tenants[1], targettest.Start, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
	return sim.World()
}

// held is what a tenant holds at a step.
func held(tenant directory.Tenant, step targettest.Step, now time.Time) *directory.Snapshot {
	domain := strings.ToLower(strings.Fields(tenant.Name)[0]) + ".example"
	var users []directory.User
	for _, n := range []int{1, 2, 3} {
		name := []string{"", "Ana", "Bo", "Cy"}[n]
		users = append(users, directory.User{ID: person(n), UPN: strings.ToLower(name) + "@" + domain, Mail: strings.ToLower(name) + "@" + domain,
			Name: name, GivenName: name, Surname: "Ruiz", Enabled: true})
	}
	// The contact that is there already has a title of its own and lacks a phone.
	users[0].JobTitle, users[0].BusinessPhones = "Purchaser", []string{"+44 20 7946 0101"}
	switch {
	case tenant.ID != tenants[0].ID:
	case step == targettest.Changed:
		users[1].JobTitle = "Buyer"
	case step == targettest.New:
		users = append(users, directory.User{ID: person(4), UPN: "dee@" + domain, Mail: "dee@" + domain, Name: "Dee", GivenName: "Dee",
			Enabled: true})
	case step == targettest.Gone:
		users = users[:2]
	}
	proof := directory.Proof{Source: "test", TakenAt: now, AsOf: now}
	return &directory.Snapshot{Tenant: tenant, TakenAt: now, Users: directory.Proven(users, proof),
		Licences: directory.Proven([]directory.Licence{{SKU: "0a11aaaa-0000-4000-8000-000000000001", PartNumber: "SPB",
			Name: "Business Premium", Purchased: 3, Assigned: 3}}, proof),
		Groups:    directory.Proven([]directory.Group{}, proof),
		Domains:   directory.Proven([]directory.Domain{{Name: domain, Verified: true}}, proof),
		Mailboxes: directory.Proven([]directory.Mailbox{}, proof)}
}

func newFixture(t *testing.T, world *itgluesim.World, edit func(*itglue.Config), steps []targettest.Step) *targettest.Fixture {
	sim := itgluesim.New(*world, itgluesim.Options{Key: "ITG.example"})
	client := dial(t, sim, edit)
	edits := 0
	return &targettest.Fixture{Target: "itglue",
		Open:  func(context.Context) (target.Target, error) { return client.Open(), nil },
		Links: links(), Tenants: tenants,
		Strangers: []string{"701", "702", "42", "43"},
		Snapshot: func(tenant directory.Tenant, step targettest.Step) *directory.Snapshot {
			if step != targettest.Start && !slices.Contains(steps, step) {
				return nil
			}
			return held(tenant, step, time.Now())
		},
		Dump: func() map[string]string { return everything(sim.World()) },
		Edit: func(ref string) string {
			edits++
			return editName(t, sim, ref, edits)
		},
		Fail:   func(fault targettest.Fault) { fail(sim, fault) },
		Heal:   sim.Heal,
		Writes: func() int { return len(sim.Writes()) },
	}
}

// document makes what a customer lacks.
func document(t *testing.T, client *itglue.Client, c mapping.Customer, s *directory.Snapshot) {
	t.Helper()
	opened := client.Open()
	views, err := opened.Observe(t.Context(), []target.Asked{{Customer: c}})
	if err != nil {
		t.Fatal(err)
	}
	desired, observed, err := views[0].Compare(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Make(plan.Scope{Customer: c.Key, Target: "itglue"}, opened.Spec().Kinds,
		plan.Sides{Desired: desired.Objects, Observed: observed.Objects})
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range p.Changes {
		if _, err := views[0].Apply(t.Context(), ch); err != nil {
			t.Fatal(err)
		}
	}
}

func person(n int) string { return fmt.Sprintf("22222222-0000-4000-8000-%012d", n) }

func everything(w *itgluesim.World) map[string]string {
	dump := map[string]string{}
	show := func(ref string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // plain data
		}
		dump[ref] = string(text)
	}
	for _, a := range w.Assets {
		show(strconv.FormatInt(a.ID, 10), a)
	}
	for _, c := range w.Contacts {
		show(strconv.FormatInt(c.ID, 10), c)
	}
	for _, o := range w.Organizations {
		show("organization "+strconv.FormatInt(o.ID, 10), o)
	}
	return dump
}

// editName renames what has that ref, as a person would.
func editName(t *testing.T, sim *itgluesim.Server, ref string, n int) (field string) {
	t.Helper()
	id, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		t.Fatalf("%q is no id", ref)
	}
	sim.Edit("tess", func(w *itgluesim.World) {
		if a := w.Asset(id); a != nil {
			w.SetTrait(a, "name", fmt.Sprintf("Edited %d", n))
			field = "name"
			return
		}
		w.Contact(id).FirstName = fmt.Sprintf("Edited %d", n)
		field = "first_name"
	})
	return field
}

// fail lets the next write go wrong; after one that nobody heard of, nothing
// answers any more.
func fail(sim *itgluesim.Server, fault targettest.Fault) {
	var mu sync.Mutex
	hit := false
	sim.Before(func(r *http.Request) itgluesim.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case hit && fault != targettest.Refused:
			return itgluesim.Fault{Kind: itgluesim.Dropped}
		case hit || r.Method == http.MethodGet:
			return itgluesim.Fault{}
		}
		hit = true
		switch fault {
		case targettest.LostAfter:
			return itgluesim.Fault{Kind: itgluesim.DroppedCommitted}
		case targettest.LostBefore:
			return itgluesim.Fault{Kind: itgluesim.Dropped}
		}
		return itgluesim.Fault{Kind: itgluesim.Unprocessable}
	})
}
