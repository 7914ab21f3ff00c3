package cippsim_test

import (
	"strings"
	"testing"

	cippsim "syncd/internal/simulator/cipp"
)

func TestPeopleAndTheirThingsHaveCIPPsShape(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) {
		a := w.Tenants[0]
		a.Groups[0].Members = []string{a.Users[0].ID, "some-device"}
		a.Users[0].ManagerID = a.Users[1].ID
	})
	k.s.RefreshCache()
	a := k.s.World().Tenants[0]
	for _, tc := range []struct {
		name  string
		call  []string
		rows  int // 0 = an object or text
		wants []string
	}{
		{"users", []string{"ListUsers"}, 3, []string{`"LicJoined":"Microsoft 365 Business Premium, Exchange Online (Plan 1)"`, `"Aliases":"SMTP:ada.berg@alpha.example, smtp:ada@alpha.example"`, `"manager":{`, `"onPremisesSyncEnabled":false`, `"userType":"Guest"`}},
		{"one user", []string{"ListUsers", "UserID", "ada.berg@alpha.example", "IncludeLogonDetails", "x"}, 1, []string{`"LastSigninStatus":`}},
		{"live groups", []string{"ListGroups"}, 1, []string{`"groupType":"Microsoft 365"`, `"calculatedGroupType":"m365"`, `"membersCsv":""`, `"groupTypes":["Unified"]`}},
		{"expanded groups", []string{"ListGroups", "expandMembers", "true"}, 1, []string{`"membersCsv":"ada.berg@alpha.example"`}},
		{"cached groups", []string{"ListGroups", "UseReportDB", "true"}, 1, []string{`"CacheTimestamp":`, `"membersCsv":"ada.berg@alpha.example"`, `"owners":null`}},
		{"one group", []string{"ListGroups", "groupID", a.Groups[0].ID}, 0, []string{`"groupInfo":{`, `#microsoft.graph.device`}},
		{"a group that is not there", []string{"ListGroups", "groupID", "nothing"}, 0, []string{`"groupInfo":{"error":`}},
		{"mailboxes", []string{"ListMailboxes"}, 1, []string{`"Id":"ada.berg"`, `"ExternalDirectoryObjectId":"` + a.Users[0].ID, `"IsDirSynced":false`}},
		{"cached mailboxes", []string{"ListMailboxes", "UseReportDB", "true"}, 1, []string{`"id":"ada.berg"`, `"storageUsedInBytes":0`}},
		{"MFA", []string{"ListMFAUsers"}, 3, []string{`"MFARegistration":true`, `"MFARegistration":null`, `"CoveredByCA":"Not Enforced"`}},
		{"cached MFA", []string{"ListMFAUsers", "UseReportDB", "true"}, 3, []string{`"CacheTimestamp":`, `"PartitionKey":"users"`}},
	} {
		status, body := k.get(tc.call[0], append(tc.call[1:], "tenantFilter", "alpha.example")...)
		expect(t, tc.name, status, body, 200, tc.wants...)
		if tc.rows > 0 {
			if got := len(decode[rows](t, body)); got != tc.rows {
				t.Errorf("%s: got %d rows, want %d", tc.name, got, tc.rows)
			}
		}
	}
}

func TestPeopleOfAllTenants(t *testing.T) {
	k := open(t, cippsim.Options{})
	for _, tc := range []struct {
		call   []string
		status int
		want   string
	}{
		{[]string{"ListUsers"}, 200, "This function has been deprecated for all users"},
		{[]string{"ListMailboxes"}, 403, `["`},
		{[]string{"ListMFAUsers"}, 200, `"UPN":"Loading data for all tenants.`},
		{[]string{"ListMFAUsers", "UseReportDB", "true"}, 200, `"Tenant":"alpha.example"`},
		{[]string{"ListMailboxes", "UseReportDB", "true"}, 200, `"Tenant":"alpha.example"`},
		{[]string{"ListGroups"}, 200, `"Tenant":"alpha.example"`},
	} {
		status, body := k.get(tc.call[0], append(tc.call[1:], "tenantFilter", "AllTenants")...)
		expect(t, strings.Join(tc.call, " "), status, body, tc.status, tc.want)
	}
	// Beta has neither groups nor mailboxes, so nothing was ever cached for it.
	for endpoint, want := range map[string]string{
		"ListGroups": `["No groups data found`, "ListMailboxes": `["No mailbox data found`, "ListMFAUsers": `["No MFA state data found`,
	} {
		status, body := k.get(endpoint, "tenantFilter", "beta.example", "UseReportDB", "true")
		expect(t, endpoint+" without a cache", status, body, 500, want)
	}
	k.s.Update(func(w *cippsim.World) { w.Tenants[0].NoExchange, w.Tenants[0].NoEntraP1 = true, true })
	status, body := k.get("ListMailboxes", "tenantFilter", "alpha.example")
	expect(t, "mailboxes without Exchange", status, body, 403, cippsim.TextNoLicence)
	status, body = k.get("ListGraphRequest", "Endpoint", "users", "$select", "id,signInActivity", "tenantFilter", "alpha.example")
	expect(t, "sign-ins without P1", status, body, 400, "This feature requires a P1 license")
}
