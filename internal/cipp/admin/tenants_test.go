package admin_test

import (
	"strings"
	"testing"

	"syncd/internal/cipp/admin"
	cippsim "syncd/internal/simulator/cipp"
)

func TestAnAliasIsReadWhereCIPPTellsIt(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*cippsim.Tenant)
		alias  string
	}{
		{"saved twice, so that the list has the alias as the original name too", func(d *cippsim.Tenant) { d.OriginalDisplayName = "Fabrikam Dental" }, "Fabrikam Dental"},
		{"the list's original name is a former alias", func(d *cippsim.Tenant) { d.OriginalDisplayName = "Fabrikam (old)" }, "Fabrikam Dental"},
		{"no other than Microsoft's name", func(d *cippsim.Tenant) { d.DisplayName, d.SameAlias = d.MicrosoftName, true }, "Fabrikam Dental GmbH"},
		{"of two spaces", func(d *cippsim.Tenant) { d.DisplayName = "Fabrikam  Dental" }, "Fabrikam  Dental"},
		{"there is none", func(d *cippsim.Tenant) { d.DisplayName = d.MicrosoftName }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			withFixture(t, func(t *testing.T, f *fixture) {
				f.sim.Update(func(w *cippsim.World) { tc.change(w.Tenants[0]) })
				steps, err := f.admin.EditTenant(t.Context(), f.tenant(), admin.TenantEdit{AddGroups: []string{"Silver support"}})
				if err != nil {
					t.Fatal(err)
				}
				f.run(steps[0], nil)
				if got := f.dental().Alias(); got != tc.alias {
					t.Errorf("got the alias %q after a group was added, want %q as before", got, tc.alias)
				}
			})
		})
	}
}

func TestAnEditAsksAboutNobodyElse(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetTenantFaults("northwind.example", cippsim.TenantFaults{GraphError: "AADSTS65001: consent has not been given"})
		steps, err := f.admin.EditTenant(t.Context(), f.tenant(), admin.TenantEdit{Alias: "Fabrikam (Leeds)"})
		if err != nil {
			t.Fatal(err)
		}
		f.run(steps[0], nil)
		if live := f.sim.Count("ListTenantDetails"); live != 3 {
			t.Errorf("got %d live reads, want one to show it, one before it is sent and one to read it back", live)
		}
		_, err = f.admin.EditTenant(t.Context(), f.named(bakeryID), admin.TenantEdit{AddGroups: []string{"Silver support"}})
		if err == nil || !strings.Contains(err.Error(), "whether Northwind has an alias in CIPP is not known, and editing would remove it") || f.sim.Count("EditTenant") != 1 {
			t.Errorf("got %v after %d writes, want a tenant whose alias cannot be read to be left alone", err, f.sim.Count("EditTenant"))
		}
	})
}
