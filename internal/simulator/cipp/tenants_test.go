package cippsim_test

import (
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

func TestListTenantsHasTheRowsThatItsSwitchesSay(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*cippsim.World)
		faults cippsim.ListFaults
		query  []string
		want   string // customer ids in order
	}{
		{name: "all that are not excluded", want: alpha + " " + beta},
		{name: "one", query: []string{"tenantFilter", "alpha.onmicrosoft.com"}, want: alpha},
		{name: "an unknown one", query: []string{"tenantFilter", "nobody.example"}, want: ""},
		{name: "the pseudo row on request", query: []string{"AllTenantSelector", "true"}, want: "AllTenants " + alpha + " " + beta},
		{name: "the pseudo row unasked", faults: cippsim.ListFaults{Pseudo: true}, want: "AllTenants " + alpha + " " + beta},
		{name: "without the excluded", change: func(w *cippsim.World) { w.Tenants[0].Excluded = true }, want: beta},
		{name: "with the excluded", change: func(w *cippsim.World) { w.Tenants[0].Excluded = true }, faults: cippsim.ListFaults{ShowExcluded: true}, want: beta + " " + alpha},
		{name: "with the partner", change: func(w *cippsim.World) { w.PartnerListed = true }, want: msp + " " + alpha + " " + beta},
		{name: "twice after a rename", change: func(w *cippsim.World) { w.Tenants[0].Rename("alpha-new.example") }, faults: cippsim.ListFaults{RenamedTwice: true}, want: alpha + " " + alpha + " " + beta},
		{name: "with a tenant gone", faults: cippsim.ListFaults{Hidden: []string{alpha}}, want: beta},
		{name: "in upper case", faults: cippsim.ListFaults{UpperCase: true}, want: strings.ToUpper(alpha + " " + beta)},
		{name: "empty", faults: cippsim.ListFaults{Empty: true}, want: ""},
		{name: "a failure alone", faults: cippsim.ListFaults{Failure: "no token"}, want: ""},
		{name: "a failure among others", faults: cippsim.ListFaults{FailureAmong: "no token"}, want: " " + alpha + " " + beta},
	} {
		k := open(t, cippsim.Options{})
		if tc.change != nil {
			k.s.Update(tc.change)
		}
		k.s.SetFaults(cippsim.Faults{List: tc.faults})
		status, body := k.get("ListTenants", tc.query...)
		expect(t, tc.name, status, body, 200)
		var ids []string
		for _, row := range decode[rows](t, body) {
			ids = append(ids, row["customerId"].(string))
		}
		if got := strings.Join(ids, " "); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestATenantRowHasTheShapeOfItsTable(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) { w.Tenants[0].GraphErrorCount, w.Tenants[0].LastGraphError = 51, "AADSTS65001" })
	_, body := k.get("ListTenants", "tenantFilter", alpha, "IncludeOffboardingDefaults", "true")
	row := decode[rows](t, body)[0]
	for key, want := range map[string]any{
		"PartitionKey": "Tenants", "RowKey": alpha, "displayName": "Alpha Dental",
		"defaultDomainName": "alpha.example", "initialDomainName": "alpha.onmicrosoft.com", "domains": "", "Excluded": false,
		"delegatedPrivilegeStatus": "granularDelegatedAdminPrivileges", "GraphErrorCount": 51.0, "LastGraphError": "AADSTS65001",
		"LastRefresh": "2026-11-21T09:00:00Z", "Timestamp": "2026-11-21T09:00:00+00:00", "offboardingDefaults": nil,
	} {
		if got, has := row[key]; !has || got != want {
			t.Errorf("%s: got %#v (present: %v), want %#v", key, got, has, want)
		}
	}
}

func TestARowDoesNotTellAnAliasFromMicrosoftsName(t *testing.T) {
	k := open(t, cippsim.Options{Role: "editor"})
	row := func() map[string]any {
		_, body := k.get("ListTenants", "tenantFilter", alpha)
		return decode[rows](t, body)[0]
	}
	if _, has := row()["originalDisplayName"]; has {
		t.Error("a row that EditTenant never wrote has an originalDisplayName")
	}
	for _, want := range []string{"Alpha Dental", "Alpha"} { // the second save makes the alias of it
		k.write("EditTenant", `{"customerId":"`+alpha+`","tenantAlias":"Alpha"}`)
		if got := row(); got["displayName"] != "Alpha" || got["originalDisplayName"] != want {
			t.Errorf("got %v before %v, want Alpha before %s", got["displayName"], got["originalDisplayName"], want)
		}
	}
	k.s.Update(func(w *cippsim.World) { w.Tenants[0].GraphErrorCount = 12 })
	k.write("EditTenant", `{"customerId":"`+alpha+`","tenantAlias":""}`)
	got := row()
	if _, has := got["originalDisplayName"]; has || got["displayName"] != "Alpha Dental GmbH" || got["GraphErrorCount"] != 0.0 {
		t.Errorf("got %v, want a row built anew", got)
	}
}

func TestTheTenantListRefreshesOnRequestAndCanBeEmptied(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.clock.pass(time.Hour)
	k.login()
	_, body := k.get("ListTenants", "TriggerRefresh", "true")
	if !strings.Contains(body, `"LastRefresh":"2026-11-21T10:00:00Z"`) {
		t.Errorf("after TriggerRefresh: got %s", body)
	}
	k.send("ListTenants", `{"ClearCache":true}`)
	if _, body = k.get("ListTenants"); body != "[]" {
		t.Errorf("after ClearCache: got %s, want []", body)
	}
	k.s.RefreshTenants()
	if _, body = k.get("ListTenants"); !strings.Contains(body, alpha) {
		t.Errorf("after the nightly refresh: got %s", body)
	}
}

func TestARequestWithoutATenantIsAnsweredForThePartner(t *testing.T) {
	k := open(t, cippsim.Options{})
	status, body := k.get("ListTenantDetails")
	expect(t, "ListTenantDetails", status, body, 200, msp)
	status, body = k.get("ListGraphRequest", "Endpoint", "organization")
	expect(t, "ListGraphRequest", status, body, 200, `"Tenant":"`+msp+`"`, `"id":"`+msp+`"`)
	status, body = k.send("ListGraphBulkRequest?tenantFilter=alpha.example", `{"requests":[{"id":"o","method":"GET","url":"organization"}]}`)
	expect(t, "ListGraphBulkRequest with the tenant in the query", status, body, 200, `"id":"`+msp+`"`)
}

func TestUnknownAndExcludedTenantsAreSilentlyEmpty(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) { w.Tenants[1].Excluded = true })
	for _, tenant := range []string{"nobody.example", "beta.example", beta, "alltenants"} {
		for endpoint, want := range map[string]string{
			"ListLicenses": "[]", "ListUsers": "[]", "ListGroups": "[]", "ListDomains": "[]", "ListMailboxes": "[]", "ListMFAUsers": "[]", "ListTenantDetails": "",
		} {
			if status, body := k.get(endpoint, "tenantFilter", tenant); status != 200 || body != want {
				t.Errorf("%s of %s: got %d %q, want 200 %q", endpoint, tenant, status, body, want)
			}
		}
		status, body := k.get("ListGraphRequest", "Endpoint", "subscribedSkus", "tenantFilter", tenant)
		expect(t, "ListGraphRequest of "+tenant, status, body, 200, `"Results":[]`)
		if status, body = k.bulk(tenant); status != 200 || body != "[]" {
			t.Errorf("ListGraphBulkRequest of %s: got %d %q, want 200 []", tenant, status, body)
		}
	}
	k.s.SetFaults(cippsim.Faults{EmptyUnknown: true})
	if status, body := k.bulk("nobody.example"); status != 200 || body != "" {
		t.Errorf("with EmptyUnknown: got %d %q, want 200 and no body", status, body)
	}
}

func TestTenantDetailsGroupsAndDomains(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) {
		w.TenantGroups = []*cippsim.TenantGroup{{Name: "Gold support", Members: []string{alpha, beta, "gone"}}}
		w.Tenants[1].Excluded = true
		w.Tenants[0].Domains = append(w.Tenants[0].Domains, cippsim.Domain{Name: "planned.example", Unverified: true})
	})
	status, body := k.get("ListTenantDetails", "tenantFilter", "alpha.example")
	expect(t, "details", status, body, 200, `"displayName":"Alpha Dental GmbH"`, `"customProperties":{"Alias":"Alpha Dental"}`, `"GroupType":"static"`)
	_, body = k.get("ListTenantGroups")
	members := decode[envelope](t, body).Results[0]["Members"].([]any)
	if len(members) != 1 {
		t.Errorf("members: got %v, want alpha alone", members)
	}
	_, body = k.get("ListDomains", "tenantFilter", "alpha.example")
	if want := `[{"id":"alpha.example","isDefault":true,"isInitial":false},{"id":"alpha.onmicrosoft.com","isDefault":false,"isInitial":true},{"id":"planned.example","isDefault":false,"isInitial":false}]`; body != want {
		t.Errorf("domains: got %s, want %s", body, want)
	}
}

func TestATenantsGraphErrorComesOutInEachEndpointsOwnWay(t *testing.T) {
	const msg = "AADSTS65001: consent has not been given"
	k := open(t, cippsim.Options{})
	k.s.SetTenantFaults("alpha.example", cippsim.TenantFaults{GraphError: msg})
	for _, tc := range []struct {
		endpoint string
		status   int
		want     string
	}{
		{"ListTenantDetails", 500, "Failed to retrieve tenant details: " + msg},
		{"ListUsers", 500, msg},
		{"ListDomains", 500, `["` + msg + `"]`},
		{"ListGroups", 403, msg},
		{"ListMailboxes", 403, `["` + msg + `"]`},
		{"ListMFAUsers", 403, `["` + msg + `"]`},
		{"ListLicenses", 200, "[]"},
		{"ListLicensesReport", 500, msg},
	} {
		status, body := k.get(tc.endpoint, "tenantFilter", "alpha.example")
		if status != tc.status || body != tc.want {
			t.Errorf("%s: got %d %s, want %d %s", tc.endpoint, status, body, tc.status, tc.want)
		}
		if status, body = k.get(tc.endpoint, "tenantFilter", "beta.example"); status != 200 {
			t.Errorf("%s of the other tenant: got %d %s, want 200", tc.endpoint, status, body)
		}
	}
	status, body := k.get("ListGraphRequest", "Endpoint", "domains", "tenantFilter", "alpha.example")
	expect(t, "ListGraphRequest", status, body, 400, "Graph Error: "+msg+" - Endpoint: domains")
	status, body = k.get("ListGraphRequest", "Endpoint", "domains", "tenantFilter", "alpha.example", "IgnoreErrors", "true")
	expect(t, "ListGraphRequest with IgnoreErrors", status, body, 200, "Graph Error: "+msg)
	status, body = k.bulk("alpha.example")
	expect(t, "ListGraphBulkRequest", status, body, 400, msg)
	k.s.SetTenantFaults("alpha.example", cippsim.TenantFaults{GraphError: cippsim.TextThrottled, ErrorStatus: 500})
	status, body = k.bulk("alpha.example")
	expect(t, "a throttle text as 500", status, body, 500, "Too many requests")
	k.s.SetTenantFaults("alpha.example", cippsim.TenantFaults{Denied: true})
	status, body = k.bulk("alpha.example")
	expect(t, "outside the role", status, body, 403, "Access to this tenant is not allowed")
	k.s.SetTenantFaults("alpha.example", cippsim.TenantFaults{Unauthorised: true})
	status, body = k.bulk("alpha.example")
	expect(t, "unauthorised", status, body, 200, "[]")
	k.s.SetFaults(cippsim.Faults{Version: "8.7.0", Tenants: map[string]cippsim.TenantFaults{"*": {}}})
	status, body = k.get("GetVersion")
	expect(t, "an exception of an old version", status, body, 403, "SemanticVersion")
	status, body = k.get("GetVersion", "LocalVersion", "10.0.0")
	expect(t, "an old version", status, body, 200, `"LocalCIPPAPIVersion":"8.7.0"`)
}
