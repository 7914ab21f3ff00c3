package cippsim_test

import (
	"strings"
	"testing"
	"time"

	cippsim "syncd/internal/simulator/cipp"
)

func TestReportsAboutMailboxesAndDomains(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) {
		a := w.Tenants[0]
		a.Mailboxes[0].Delegates = []cippsim.Delegate{{User: "max.kern@alpha.example", Rights: "FullAccess"}}
		a.Mailboxes[0].Calendar = []cippsim.CalendarRight{{User: "max.kern@alpha.example", Rights: []string{"Editor"}}}
		a.Mailboxes[0].SendOnBehalf = []string{"Max Kern"}
		a.Domains[0].Analysis = &cippsim.Analysis{At: time.Date(2026, 11, 21, 5, 31, 0, 0, time.UTC), MX: []string{"mx.alpha.example"}, DMARC: "Quarantine", Score: 69}
	})
	k.s.RefreshCache()
	for _, tc := range []struct {
		call   []string
		status int
		wants  []string
	}{
		{[]string{"ListmailboxPermissions", "tenantFilter", "alpha.example", "UseReportDB", "true"}, 200, []string{`"MailboxUPN":"ada.berg@alpha.example"`, `"AccessRights":"FullAccess"`, `"PermissionCacheTimestamp":"2026-11-21T09:00:00+00:00"`, `"PermissionCount":1`}},
		{[]string{"ListCalendarPermissions", "tenantFilter", "AllTenants", "UseReportDB", "true"}, 200, []string{`"CalendarUPN":"ada.berg@alpha.example"`, `"AccessRights":["Editor"]`, `"FolderName":"Calendar"`}},
		{[]string{"ListCalendarPermissions", "tenantFilter", "beta.example", "UseReportDB", "true"}, 500, []string{`["No CalendarPermissions data found`}},
		{[]string{"ListmailboxPermissions", "tenantFilter", "nobody.example", "UseReportDB", "true"}, 500, []string{`["No MailboxPermissions data found`}},
		{[]string{"ListmailboxPermissions", "tenantFilter", "alpha.example"}, 500, []string{"Identity"}},
		{[]string{"ListMailboxes", "tenantFilter", "alpha.example", "UseReportDB", "true"}, 200, []string{`"GrantSendOnBehalfTo":["Max Kern"]`}},
		{[]string{"ListDBCache", "tenantFilter", "alpha.example", "type", "MailboxPermissions"}, 200, []string{`NT AUTHORITY\\SELF`}},
		{[]string{"ListDBCache", "tenantFilter", "alpha.example", "type", "CalendarPermissions"}, 200, []string{`"User":"Default"`}},
		{[]string{"ListDomainAnalyser", "tenantFilter", "alpha.example"}, 200, []string{`"Domain":"alpha.example"`, `"ScorePercentage":69`, `"SPFPassAll":""`, `"DMARCActionPolicy":"Quarantine"`, `"TenantID":"` + alpha}},
		{[]string{"ListDomainAnalyser", "tenantFilter", "AllTenants"}, 200, []string{`"LastRefresh":"2026-11-21T05:31:00+00:00"`}},
	} {
		status, body := k.get(tc.call[0], tc.call[1:]...)
		expect(t, strings.Join(tc.call, " "), status, body, tc.status, tc.wants...)
	}
}

func TestSignInsComeInSmallPagesAndManagersByExpansion(t *testing.T) {
	k := open(t, cippsim.Options{})
	k.s.Update(func(w *cippsim.World) { w.Tenants[0].Users[0].ManagerID = w.Tenants[0].Users[1].ID })
	for top, want := range map[string]int{"500": 200, "999": 400} {
		status, body := k.get("ListGraphRequest", "tenantFilter", "alpha.example", "Endpoint", "users", "$select", "id,signInActivity", "$top", top)
		expect(t, "sign-ins, $top="+top, status, body, want)
	}
	status, body := k.get("ListGraphRequest", "tenantFilter", "alpha.example", "Endpoint", "users", "$select", "id", "$expand", "manager($select=id)")
	expect(t, "managers", status, body, 200, `"manager":{`, k.s.World().Tenants[0].Users[1].ID)
}
