package directory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func tenantHolding(n int, licences ...Licence) *Snapshot {
	day := time.Date(2026, 11, 20-n, 0, 0, 0, 0, time.UTC)
	id := TenantID(fmt.Sprintf("00000000-0000-4000-8000-%012d", n))
	user := User{ID: fmt.Sprintf("user-%d", n)}
	return &Snapshot{Tenant: Tenant{ID: id, Name: fmt.Sprintf("T%d", n)}, TakenAt: day, Licences: Proven(licences, Proof{AsOf: day, Checks: []string{"whole"}}),
		Users: Proven([]User{user}, Proof{AsOf: day}), Domains: Proven([]Domain{{Name: "a.example", Verified: n == 2}}, Proof{AsOf: day})}
}

func TestSeveralTenantsAddUp(t *testing.T) {
	spb := Licence{SKU: "spb", Purchased: 5, Assigned: 4, Subscriptions: []Subscription{{ID: "s1", Total: 5}}}
	more := Licence{SKU: "spb", Purchased: 7, Assigned: 7, Trial: 1, Subscriptions: []Subscription{{ID: "s2", Total: 8}}}
	for _, c := range []struct {
		name string
		of   []*Snapshot
		want string
	}{
		{"two", []*Snapshot{tenantHolding(1, spb), tenantHolding(2, more)}, "spb 12/11 2 subscriptions"},
		{"one has none", []*Snapshot{tenantHolding(1, spb), tenantHolding(2)}, "spb 5/4 1 subscriptions"},
		{"disputed in one", []*Snapshot{tenantHolding(1, spb), tenantHolding(2, Licence{SKU: "spb", Disputed: "3 or 4"})}, "spb 5/4 1 subscriptions disputed T2: 3 or 4"},
		{"unread in one", []*Snapshot{tenantHolding(1, spb), tenantHolding(2, Licence{SKU: "spb", Unread: "no number"})}, "spb 5/4 1 subscriptions unread T2: no number"},
		{"subscriptions of one alone", []*Snapshot{tenantHolding(1, spb), tenantHolding(2, Licence{SKU: "spb", Purchased: 2})},
			"spb 7/4 1 subscriptions unread T2 has units of it and lists no subscription, while another of the customer's tenants does"},
		{"one subscription in two tenants", []*Snapshot{tenantHolding(1, spb), tenantHolding(2, spb)}, "spb 10/8 2 subscriptions unread T2: subscription s1 is listed in two of the customer's tenants"},
		{"one that was not read", []*Snapshot{tenantHolding(1, spb), nil}, "the source did not prove this complete: one of its tenants was not read"},
		{"one unknown", []*Snapshot{tenantHolding(1, spb), {Tenant: Tenant{Name: "T2"}, Licences: Unknown[Licence](Proof{}, errors.New("401"))}},
			"the source did not prove this complete: tenant T2: 401"},
		{"one hides some", []*Snapshot{tenantHolding(1, spb), {Tenant: Tenant{Name: "T2"}, Licences: Proven([]Licence{}, Proof{Partial: true})}},
			"spb 5/4 1 subscriptions unread T2 hides some licences, and whether it has this one is not known"},
	} {
		s := Sum("Acme", c.of)
		got := ""
		items, err := s.Licences.Items()
		for _, l := range items {
			got += fmt.Sprintf("%s %d/%d %d subscriptions", l.SKU, l.Purchased, l.Assigned, len(l.Subscriptions))
			if l.Disputed != "" {
				got += " disputed " + l.Disputed
			}
			if l.Unread != "" {
				got += " unread " + l.Unread
			}
		}
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestASumIsAsOldAsItsOldestAndCountsEachTenant(t *testing.T) {
	s := Sum("Acme", []*Snapshot{tenantHolding(1, Licence{SKU: "spb"}), tenantHolding(2)})
	p := s.Licences.Proof()
	if p.AsOf.Day() != 18 || !s.TakenAt.Equal(p.AsOf) || !cmp.Equal(p.Checks, []string{"T1: whole", "T2: whole"}) {
		t.Errorf("got %+v; want the proof of both, as old as the older", p)
	}
	want := map[string]int{"licences": 1, "licences of tenant 00000000-0000-4000-8000-000000000001": 1, "licences of tenant 00000000-0000-4000-8000-000000000002": 0}
	if diff := cmp.Diff(want, s.Counts(Licences)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if domains, _ := s.Domains.Items(); len(domains) != 1 || !domains[0].Verified {
		t.Errorf("got domains %+v; want one, verified", domains)
	}
	if _, err := Sum("Acme", []*Snapshot{tenantHolding(1), tenantHolding(1)}).Users.Items(); err != nil {
		t.Errorf("a tenant with itself: %v", err)
	}
	twice := tenantHolding(2)
	twice.Users = tenantHolding(1).Users
	if _, err := Sum("Acme", []*Snapshot{tenantHolding(1), twice}).Users.Items(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("one person in two tenants: got %v, want unknown", err)
	}
}

func TestASumIsTheSumWhateverTheTenantsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var of []*Snapshot
		bought, given, units := map[string]int{}, map[string]int{}, map[string]int{}
		for n := range rapid.IntRange(1, 4).Draw(t, "tenants") {
			var licences []Licence
			for _, sku := range []string{"a", "b", "c"} {
				if !rapid.Bool().Draw(t, sku) {
					continue
				}
				l := Licence{SKU: sku, Purchased: rapid.IntRange(0, 9).Draw(t, "purchased"), Assigned: rapid.IntRange(0, 9).Draw(t, "assigned")}
				l.Subscriptions = []Subscription{{ID: fmt.Sprint(n, sku), Total: l.Purchased}}
				bought[sku], given[sku], units[sku] = bought[sku]+l.Purchased, given[sku]+l.Assigned, units[sku]+l.Purchased
				licences = append(licences, l)
			}
			of = append(of, tenantHolding(n, licences...))
		}
		items, err := Sum("Acme", of).Licences.Items()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range items {
			total := 0
			for _, s := range l.Subscriptions {
				total += s.Total
			}
			if l.Purchased != bought[l.SKU] || l.Assigned != given[l.SKU] || total != units[l.SKU] || l.Unread != "" {
				t.Fatalf("got %+v; want %d bought, %d given", l, bought[l.SKU], given[l.SKU])
			}
			delete(bought, l.SKU)
		}
		if len(bought) > 0 {
			t.Fatalf("left out: %v", bought)
		}
	})
}
