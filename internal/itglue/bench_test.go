package itglue

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/target"
)

// manyCustomers is an MSP of so many customers with so many users each.
func manyCustomers(customers, users int) (itgluesim.World, []mapping.Customer, map[string]*directory.Snapshot) {
	world := itgluesim.World{Organizations: []*itgluesim.Organization{{ID: 1, Name: "Example Networks", Primary: true}}}
	var all []mapping.Customer
	snapshots := map[string]*directory.Snapshot{}
	for i := range customers {
		n := int64(10 + i)
		world.Organizations = append(world.Organizations, &itgluesim.Organization{ID: n, Name: fmt.Sprint("Customer ", i)})
		tenant := fmt.Sprintf("7d1f0b7e-2c55-4a39-9d0e-%012d", i)
		all = append(all, mapping.Customer{Key: tenant, Name: fmt.Sprint("Customer ", i),
			Tenant: directory.Tenant{ID: directory.TenantID(tenant)}, Listed: true, Status: mapping.Linked,
			Links: mapping.Links{mapping.ITGlueOrganization: fmt.Sprint(n)}})
		s := &source{licences: contosoSource().licences}
		var members []string
		for u := range users {
			object := fmt.Sprintf("11111111-0000-4000-%04d-%012d", i, u)
			upn := fmt.Sprintf("user%d@customer%d.example", u, i)
			s.users = append(s.users, directory.User{ID: object, UPN: upn, Mail: upn, Name: fmt.Sprintf("User %d of %d", u, i),
				GivenName: "User", Surname: fmt.Sprint(u), Enabled: true,
				JobTitle: "Clerk", Department: "Sales", Licences: []string{skuBP}, Aliases: []string{"u" + upn}})
			if u%10 == 0 {
				members = append(members, object)
			}
		}
		s.domains = []directory.Domain{{Name: fmt.Sprintf("customer%d.example", i), Verified: true}}
		s.groups = []directory.Group{{ID: fmt.Sprintf("22222222-0000-4000-8000-%012d", i), Name: "Sales",
			Members: directory.Members{IDs: members}}}
		snapshots[tenant] = s.snapshot(tenant)
	}
	return world, all, snapshots
}

// documentAll takes customers from nothing to everything, as the loop would.
func documentAll(t testing.TB, opened *Target, all []mapping.Customer, snapshots map[string]*directory.Snapshot) (changes int) {
	t.Helper()
	var mu sync.Mutex
	for from := 0; from < len(all); from += batch {
		chunk := all[from:min(from+batch, len(all))]
		asked := make([]target.Asked, len(chunk))
		for i := range chunk {
			asked[i].Customer = chunk[i]
		}
		views, err := opened.Observe(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		group := errgroup.Group{}
		group.SetLimit(4)
		for i, c := range chunk {
			group.Go(func() error {
				s := snapshots[c.Key]
				d, o, err := views[i].Compare(t.Context(), s, nil)
				if err != nil {
					return err
				}
				p, err := plan.Make(plan.Scope{Customer: c.Key, Target: "itglue"}, opened.Spec().Kinds,
					plan.Sides{Desired: d.Objects, Observed: o.Objects})
				if err != nil {
					return err
				}
				for _, ch := range p.Changes {
					if !ch.Writes() {
						continue
					}
					if _, err := views[i].Apply(t.Context(), ch); err != nil {
						return err
					}
					mu.Lock()
					changes++
					mu.Unlock()
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	return changes
}

func harnessAtRate(t testing.TB, world itgluesim.World, rate rest.Rate) (*itgluesim.Server, *Client) {
	t.Helper()
	sim := itgluesim.New(world, itgluesim.Options{Key: key})
	conf := settings()
	client, err := New(conf, Options{Log: zerolog.Nop(), Transport: sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateLayouts(t.Context()); err != nil {
		t.Fatal(err)
	}
	sim.Forget()
	conf.Rate = rate
	if client, err = New(conf, Options{Log: zerolog.Nop(), Transport: sim.Transport()}); err != nil {
		t.Fatal(err)
	}
	return sim, client
}

func TestTheFirstDocumentationTakesAsLongAsTheRateAllows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const customers, users = 10, 25
		world, all, snapshots := manyCustomers(customers, users)
		sim, client := harnessAtRate(t, world, Defaults().Rate)
		began := time.Now()
		changes := documentAll(t, client.Open(), all, snapshots)
		took := time.Since(began)
		objects := customers * (2*users + 3)
		if changes != objects {
			t.Fatalf("got %d changes, want %d", changes, objects)
		}
		if got, most := len(sim.Requests()), objects*105/100; got > most {
			t.Errorf("got %d requests for %d objects, want at most %d", got, objects, most)
		}
		if allowed := time.Duration(float64(objects) / 8 * 1.05 * float64(time.Second)); took > allowed {
			t.Errorf("took %s, want at most %s", took, allowed)
		}
		if got := sim.MaxRate(5 * time.Minute); got > vendorRequests {
			t.Errorf("got %d requests in five minutes", got)
		}
		sim.Forget()
		if changes := documentAll(t, client.Open(), all, snapshots); changes != 0 {
			t.Errorf("got %d changes in the second run, want none", changes)
		}
		want := map[string]int{"GET /organizations": 1, "GET /flexible_asset_types": 1,
			"GET /flexible_asset_types/{id}/relationships/flexible_asset_fields": 5,
			"GET /contacts": 1, "GET /domains": 1, "GET /flexible_assets": 4 + (customers*users+assetPageSize-1)/assetPageSize}
		for route, n := range sim.Counts() {
			if want[route] != n {
				t.Errorf("an unchanged run asked %s %d times, want %d", route, n, want[route])
			}
		}
	})
}

func TestARunForOneCustomerAsksForThatOneAlone(t *testing.T) {
	world, all, snapshots := manyCustomers(3, 4)
	sim, client := harnessAtRate(t, world, settings().Rate)
	documentAll(t, client.Open(), all, snapshots)
	sim.Forget()
	if changes := documentAll(t, client.Open(), all[:1], snapshots); changes != 0 {
		t.Errorf("got %d changes, want none", changes)
	}
	for _, r := range sim.Requests() {
		if (r.Route == "/contacts" || r.Route == "/flexible_assets" || r.Route == "/domains") && r.Query == "" {
			t.Errorf("got %s %s without a filter", r.Path, r.Query)
		}
	}
}

// BenchmarkUnchangedRun is a run in which nothing is to be done: time and
// memory of 20 customers with 100 users each, and how many bytes an asset waits
// in.
func BenchmarkUnchangedRun(b *testing.B) {
	const customers, users = 20, 100
	world, all, snapshots := manyCustomers(customers, users)
	sim, client := harnessAtRate(b, world, settings().Rate)
	documentAll(b, client.Open(), all, snapshots)
	b.ReportAllocs()
	waiting := 0
	for b.Loop() {
		sim.Forget()
		opened := client.Open()
		if documentAll(b, opened, all, snapshots) != 0 {
			b.Fatal("something changed")
		}
		waiting = opened.lists.assets[kindUser].size()
	}
	b.ReportMetric(float64(waiting)/(customers*users), "B/waiting-asset")
	runtime.KeepAlive(sim)
}
