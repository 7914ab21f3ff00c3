package cipp

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	cippsim "syncd/internal/simulator/cipp"
)

func names(tenants []directory.Tenant) (out []string) {
	for _, t := range tenants {
		out = append(out, t.Name)
	}
	return out
}

func TestTheListOfTenants(t *testing.T) {
	all := []string{"Fabrikam Dental", "Northwind Bakery", "Ålesund Shipyard"}
	for _, c := range []struct {
		name   string
		list   cippsim.ListFaults
		shape  cippsim.Shape
		change func(*cippsim.World)
		want   []string // nil: not proven
		reason string   // of an unproven list
		ends   string   // of an error that ends the run
		check  func(*testing.T, []directory.Tenant)
	}{
		{name: "every tenant once, by name", want: all, check: func(t *testing.T, got []directory.Tenant) {
			if d := got[0]; d.ID != dentalID || d.DefaultDomain != "fabrikamdental.example" || d.InitialDomain != "fabrikamdental.onmicrosoft.com" || d.Partner || d.Trouble != "" {
				t.Errorf("got %+v", d)
			}
		}},
		{name: "ids in upper case", list: cippsim.ListFaults{UpperCase: true}, want: all, check: func(t *testing.T, got []directory.Tenant) {
			if got[0].ID != dentalID {
				t.Errorf("got id %s", got[0].ID)
			}
		}},
		{name: "the pseudo row of a selector is no tenant", list: cippsim.ListFaults{Pseudo: true}, want: all},
		{name: "an excluded tenant is left out, listed or not", list: cippsim.ListFaults{ShowExcluded: true},
			change: func(w *cippsim.World) { w.Tenant(bakeryID).Excluded = true }, want: []string{all[0], all[2]}},
		{name: "the partner is marked", change: func(w *cippsim.World) { w.PartnerListed = true }, want: append([]string{"*Partner Tenant"}, all...),
			check: func(t *testing.T, got []directory.Tenant) {
				if !got[0].Partner || got[1].Partner {
					t.Errorf("got %+v", got[:2])
				}
			}},
		{name: "a renamed domain leaves an older row behind", list: cippsim.ListFaults{RenamedTwice: true},
			change: func(w *cippsim.World) { w.Tenant(dentalID).FormerDomains = []string{"old.example", "older.example"} }, want: all,
			check: func(t *testing.T, got []directory.Tenant) {
				if got[0].DefaultDomain != "fabrikamdental.example" {
					t.Errorf("got the old domain %s", got[0].DefaultDomain)
				}
			}},
		{name: "trouble is told", change: func(w *cippsim.World) {
			w.Tenant(dentalID).GraphErrorCount, w.Tenant(dentalID).LastGraphError = 61, "AADSTS65001:\r\nno consent"
			w.Tenant(bakeryID).LastGraphError = "an old one"
		}, want: all, check: func(t *testing.T, got []directory.Tenant) {
			if got[0].Trouble != "61 Graph errors, the last: AADSTS65001: no consent" || got[1].Trouble != "" {
				t.Errorf("got %q and %q", got[0].Trouble, got[1].Trouble)
			}
		}},
		{name: "a single row without its list", shape: cippsim.Shape{Collapse: true, TextNumbers: true, TextBools: true, OtherCase: true, BOM: true},
			change: func(w *cippsim.World) { w.Tenants = w.Tenants[:1]; w.Tenants[0].GraphErrorCount = 3 }, want: all[:1],
			check: func(t *testing.T, got []directory.Tenant) {
				if got[0].Trouble != "3 Graph errors" {
					t.Errorf("got %q", got[0].Trouble)
				}
			}},

		{name: "nothing but a failure", list: cippsim.ListFaults{Failure: "no access"}, ends: "Failed to retrieve tenants: no access"},
		{name: "nothing but a failure, without its list", list: cippsim.ListFaults{Failure: "no access"}, shape: cippsim.Shape{Collapse: true}, ends: "Failed to retrieve tenants: no access"},
		{name: "a failure among tenants", list: cippsim.ListFaults{FailureAmong: "half of it"}, want: all},
		{name: "an empty list", list: cippsim.ListFaults{Empty: true}, reason: "CIPP lists no tenant"},
		{name: "only the pseudo row", list: cippsim.ListFaults{Empty: true, Pseudo: true}, reason: "CIPP lists no tenant"},
		{name: "no body", shape: cippsim.Shape{Body: cippsim.NoBody}, reason: "CIPP lists no tenant"},
		{name: "null", shape: cippsim.Shape{Body: cippsim.Null}, reason: "CIPP lists no tenant"},
		{name: "a list of null", shape: cippsim.Shape{Body: cippsim.ListOfNull}, reason: "CIPP lists no tenant"},
		{name: "null among tenants", shape: cippsim.Shape{Rows: []any{nil}}, want: all},
		{name: "a text among tenants", shape: cippsim.Shape{Rows: []any{"Could not read table"}}, want: all},
		{name: "a row without an id", shape: cippsim.Shape{Rows: []any{object{"displayName": "Nobody"}}}, want: all},
		{name: "an id that is none", shape: cippsim.Shape{Rows: []any{object{"customerId": "7d1f", "defaultDomainName": "cut.example"}}}, want: all},
		{name: "nothing but a text", shape: cippsim.Shape{Body: `{"Results":"Could not read table"}`}, ends: "Could not read table"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, f *fixture) {
				if c.change != nil {
					f.sim.Update(c.change)
				}
				f.sim.SetFaults(cippsim.Faults{List: c.list, Answers: map[string]cippsim.Shape{"ListTenants": c.shape}})
				list, err := f.client.Tenants(t.Context())
				if c.ends != "" {
					if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), c.ends) {
						t.Errorf("got %v, want an end of the run: %q", err, c.ends)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got, err := list.Items()
				if c.want == nil {
					if err == nil || !strings.Contains(err.Error(), c.reason) {
						t.Errorf("got %v, %v; want a reason with %q", names(got), err, c.reason)
					}
					return
				}
				if err != nil || !slices.Equal(names(got), c.want) {
					t.Fatalf("got %q, %v; want %q", names(got), err, c.want)
				}
				if p := list.Proof(); p.Endpoint != "ListTenants" || p.Rows != len(c.want) || p.AsOf.After(p.TakenAt) || p.AsOf.IsZero() || len(p.Checks) == 0 {
					t.Errorf("proof: got %+v", p)
				}
				if c.check != nil {
					c.check(t, got)
				}
			})
		})
	}
}

func TestTheListIsAsOldAsItsLastRefresh(t *testing.T) {
	inBubble(t, func(t *testing.T, f *fixture) {
		time.Sleep(7 * time.Hour)
		list, err := f.client.Tenants(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p := list.Proof(); p.TakenAt.Sub(p.AsOf).Round(time.Minute) != 7*time.Hour {
			t.Errorf("got as of %v, taken at %v", p.AsOf, p.TakenAt)
		}
	})
}
