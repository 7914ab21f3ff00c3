package cippsim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

// counts returns what countsOnly says about one type of one domain.
func counts(k *caller, domain, kind string) string {
	k.t.Helper()
	_, body := k.get("ListDBCache", "tenantFilter", "AllTenants", "countsOnly", "true")
	for _, row := range decode[envelope](k.t, body).Results {
		if row["Tenant"] == domain && row["Type"] == kind {
			return fmt.Sprint(row["Count"], " ", row["LastRefresh"])
		}
	}
	return "none"
}

func cachedCount(k *caller, kind string, pairs ...string) int {
	k.t.Helper()
	_, body := k.get("ListDBCache", append([]string{"type", kind}, pairs...)...)
	return len(decode[envelope](k.t, body).Results)
}

func TestTheCacheIsOfTheLastRun(t *testing.T) {
	k := open(t, cippsim.Options{TokenLife: 1000 * time.Hour})
	k.s.Update(func(w *cippsim.World) {
		w.Tenants[0].Users = append(w.Tenants[0].Users, &cippsim.User{UPN: "new@alpha.example"})
	})
	if got := cachedCount(k, "Users", "tenantFilter", alpha); got != 3 {
		t.Errorf("before a run: got %d users, want the old 3", got)
	}
	k.clock.pass(18 * time.Hour)
	k.s.RefreshCache()
	if got := cachedCount(k, "Users", "tenantFilter", "alpha.example"); got != 4 {
		t.Errorf("after a run: got %d users, want 4", got)
	}
	if got, want := counts(k, "alpha.example", "Users"), "4 2026-11-22T03:00:00+00:00"; got != want {
		t.Errorf("counts: got %s, want %s", got, want)
	}

	// A run that finds nothing keeps the rows and says 0; one that throws moves nothing.
	k.clock.pass(24 * time.Hour)
	k.s.SetFaults(cippsim.Faults{Tenants: map[string]cippsim.TenantFaults{alpha: {CacheNothing: true}, beta: {CacheThrows: true}}})
	k.s.RefreshCache()
	if got, want := counts(k, "alpha.example", "Users"), "0 2026-11-23T03:00:00+00:00"; got != want {
		t.Errorf("a run that found nothing: got %s, want %s", got, want)
	}
	if got := cachedCount(k, "Users", "tenantFilter", "alpha.example"); got != 4 {
		t.Errorf("a run that found nothing: got %d users, want the old 4", got)
	}
	if got, want := counts(k, "beta.example", "LicenseOverview"), "1 2026-11-22T03:00:00+00:00"; got != want {
		t.Errorf("a run that threw: got %s, want %s", got, want)
	}
}

func TestARenamedTenantLingersUnderItsOldDomain(t *testing.T) {
	k := open(t, cippsim.Options{TokenLife: 2000 * time.Hour})
	k.s.Update(func(w *cippsim.World) { w.Tenants[0].Rename("alpha-new.example") })
	k.s.RefreshCache()
	if got := cachedCount(k, "Domains", "tenantFilter", "AllTenants"); got != 2+3+2 {
		t.Errorf("after a rename: got %d domains, want those of both partitions", got)
	}
	if got := counts(k, "alpha.example", "Domains"); !strings.HasPrefix(got, "2 ") {
		t.Errorf("the old partition: got %s", got)
	}
	if _, body := k.get("ListGroups", "tenantFilter", "AllTenants"); len(decode[rows](t, body)) != 1 {
		t.Errorf("ListGroups: got %s, want the listed tenant's group once", body)
	}
	k.clock.pass(31 * 24 * time.Hour)
	k.s.RefreshCache()
	if got := counts(k, "alpha.example", "Domains"); got != "none" {
		t.Errorf("a month later: got %s, want none", got)
	}
}

func TestTheCacheRefusesInItsOwnWay(t *testing.T) {
	for _, tc := range []struct {
		name   string
		pairs  []string
		status int
		want   string
	}{
		{"no type", []string{"tenantFilter", "alpha.example"}, 400, `"Results":"Error: type query parameter is required"`},
		{"no tenant", []string{"type", "Users"}, 400, "tenantFilter"},
		{"an unknown tenant", []string{"type", "Users", "tenantFilter", "nobody.example"}, 400, `{"Results":"Tenant 'nobody.example' not found"}`},
		{"a tenant with too many errors", []string{"type", "Users", "tenantFilter", "beta.example"}, 400, `{"Results":"Tenant 'beta.example' not found"}`},
		{"a type in the wrong case", []string{"type", "users", "tenantFilter", "alpha.example"}, 200, `{"Results":[]}`},
		{"the list of types", []string{"type", "_availableTypes", "tenantFilter", "alpha.example"}, 200, `"LicenseOverview"`},
		{"a date-like job title", []string{"type", "Users", "tenantFilter", "alpha.example"}, 200, `"jobTitle":"2024-05-01T00:00:00"`},
		{"mailboxes with another key", []string{"type", "Mailboxes", "tenantFilter", "alpha.example"}, 200, `"id":"ada.berg"`},
	} {
		k := open(t, cippsim.Options{})
		k.s.Update(func(w *cippsim.World) { w.Tenants[1].GraphErrorCount = 50 })
		status, body := k.get("ListDBCache", tc.pairs...)
		expect(t, tc.name, status, body, tc.status, tc.want)
	}
}

func TestOlderVersionsKnowLessOfTheCache(t *testing.T) {
	k := open(t, cippsim.Options{Version: "10.7.1"})
	status, body := k.get("ListDBCache", "tenantFilter", "AllTenants", "type", "Users")
	expect(t, "AllTenants", status, body, 200, `{"Results":null}`)
	status, body = k.get("ListDBCache", "tenantFilter", "AllTenants", "countsOnly", "true")
	expect(t, "countsOnly", status, body, 400, "type query parameter is required")
	status, body = k.get("ListDBCache", "tenantFilter", "alpha.example", "type", "Users")
	expect(t, "one tenant", status, body, 200, "Ada Berg")
	k.s.SetFaults(cippsim.Faults{Version: "10.0.3"})
	for _, endpoint := range []string{"ListDBCache", "ListLicensesReport", "ListCippQueues"} {
		status, body = k.get(endpoint)
		expect(t, endpoint+" of an older one", status, body, 404, "Endpoint not found")
	}
}

func TestTheCacheRefreshesOnRequestInAQueue(t *testing.T) {
	k := open(t, cippsim.Options{Role: "editor"})
	k.s.Update(func(w *cippsim.World) { w.Tenants[0].Users = w.Tenants[0].Users[:1] })
	_, body := k.get("ExecCIPPDBCache", "Name", "Users", "tenantFilter", "alpha.example")
	if !strings.Contains(body, `"QueueId":"`) {
		t.Errorf("got %s, want a queue", body)
	}
	if got := cachedCount(k, "Users", "tenantFilter", "alpha.example"); got != 1 {
		t.Errorf("after it: got %d users, want 1", got)
	}
}

func TestTheCountsAreThoseOfTheRows(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) {
		a := w.Tenants[0]
		a.Users = append(a.Users, &cippsim.User{UPN: "left@alpha.example", Deleted: true})
		w.ExcludedSKUs = []string{exo}
	})
	k.s.RefreshCache()
	_, body := k.get("ListDBCache", "tenantFilter", "alpha.example", "countsOnly", "true")
	all := decode[envelope](t, body).Results
	if len(all) != 10 {
		t.Errorf("got %d types, want 10: %s", len(all), body)
	}
	for _, row := range all {
		kind := row["Type"].(string)
		if got := cachedCount(k, kind, "tenantFilter", "alpha.example"); float64(got) != row["Count"] {
			t.Errorf("%s: got %d rows, want the %v that are counted", kind, got, row["Count"])
		}
	}
}
