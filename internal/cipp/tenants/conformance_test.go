package tenants_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/cipp/tenants"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
	"syncd/internal/target/targettest"
)

func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		name string
		conf tenants.Config
		edit func(*room, string) string
	}{
		{"aliases and groups", supported(), editAlias},
		{"groups alone", tenants.Config{Groups: supported().Groups}, editGroups},
		{"aliases alone", tenants.Config{Alias: tenants.AliasName}, editAlias},
	} {
		t.Run(tt.name, func(t *testing.T) {
			targettest.Run(t, func(t *testing.T) *targettest.Fixture { return conforming(newRoom(t, tt.conf), tt.edit) })
		})
	}
}

// A leaning target asks the suite's source for a list, so that a source that
// proves nothing is seen to stop this target too. By itself it needs none.
type leaning struct{ *tenants.Target }

func (l leaning) Spec() target.Spec {
	s := l.Target.Spec()
	s.Needs = directory.Domains
	return s
}

// conforming lets the first customer's company go through the steps, since
// that is what this target follows. Tenants come and go elsewhere, so there is
// no step for one that is new or gone.
func conforming(r *room, edit func(*room, string) string) *targettest.Fixture {
	f := &targettest.Fixture{Target: "cipp",
		Open: func(context.Context) (target.Target, error) {
			return leaning{tenants.Open(r.caller, r.client, r.config)}, nil
		},
		Tenants:   []directory.Tenant{{ID: dental, Name: "Fabrikam Dental"}, {ID: bakery, Name: "Northwind Bakery"}},
		Strangers: []string{garden, auto, region, gold, silver},
		Dump:      func() map[string]string { return everything(r) },
		Edit:      func(ref string) string { return edit(r, ref) },
		Fail: func(fault targettest.Fault) {
			switch fault {
			case targettest.LostAfter:
				lose(r.cipp, cippsim.CutBody, true)
			case targettest.LostBefore:
				lose(r.cipp, cippsim.Dropped, true)
			default:
				lose(r.cipp, cippsim.GraphRefused, false)
			}
		},
		Heal:   r.cipp.Heal,
		Writes: r.writes,
	}
	for i, t := range f.Tenants {
		f.Links.Rows = append(f.Links.Rows, mapping.Row{TenantID: t.ID, Tenant: t.Name, Status: mapping.Linked, Links: mapping.Links{mapping.ConnectWiseCompany: fmt.Sprint(250 + i)}})
	}
	f.Snapshot = func(tenant directory.Tenant, step targettest.Step) *directory.Snapshot {
		if tenant.ID == dental {
			switch step {
			case targettest.Start:
				r.company(250, func(c *cwsim.Company) { c.Name, c.TypeIDs = "Fabrikam Dental", []int{1, 2} })
			case targettest.Changed:
				r.company(250, func(c *cwsim.Company) { c.Name, c.TypeIDs = "Fabrikam Smiles", []int{1} })
			default:
				return nil
			}
		}
		return &directory.Snapshot{Tenant: tenant, TakenAt: time.Now(), Domains: directory.Proven([]directory.Domain{{Name: "example.com"}}, directory.Proof{TakenAt: time.Now(), AsOf: time.Now()})}
	}
	return f
}

func editAlias(r *room, ref string) string {
	r.cipp.Update(func(w *cippsim.World) { w.Tenant(ref).DisplayName += " as edited" })
	return "alias"
}

// editGroups puts a tenant into a managed group that no rule puts it into, or
// takes it out again.
func editGroups(r *room, ref string) string {
	r.cipp.Update(func(w *cippsim.World) {
		g := w.TenantGroups[1]
		if i := slices.Index(g.Members, ref); i >= 0 {
			g.Members = slices.Delete(slices.Clone(g.Members), i, i+1)
		} else {
			g.Members = append(g.Members, ref)
		}
	})
	return "groups"
}

// everything is how each tenant stands, and what groups hold besides the two
// tenants that are kept in step.
func everything(r *room) map[string]string {
	dump := map[string]string{}
	w := r.cipp.World()
	for _, t := range w.Tenants {
		dump[t.CustomerID] = r.stands(t.CustomerID)
	}
	for _, g := range w.TenantGroups {
		others := slices.DeleteFunc(slices.Clone(g.Members), func(id string) bool { return id == dental || id == bakery })
		dump[g.ID] = fmt.Sprintf("%s (%s), dynamic %t: %s", g.Name, g.Description, g.Dynamic, strings.Join(others, ", "))
	}
	return dump
}
