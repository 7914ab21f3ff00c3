package admin_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	cippsim "syncd/internal/simulator/cipp"
)

const (
	dentalID = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	bakeryID = "a4c2e5d1-7f60-4b8a-9c3d-2e1f0a9b8c22"
	gardenID = "c9b8a7d6-1e2f-4c3b-8d4e-5f6a7b8c9d33"

	goldID   = "3f0c0000-0000-4000-8000-000000000001"
	silverID = "3f0c0000-0000-4000-8000-000000000002"
	autoID   = "3f0c0000-0000-4000-8000-000000000003"

	premium = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	e3      = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	exo     = "4b9405b0-7788-4568-add1-99614e613b69"

	ada  = "ada.berg@fabrikamdental.example"
	kern = "max.kern@fabrikamdental.example"
	desk = "desk@fabrikamdental.example"
	old  = "olga.synced@fabrikamdental.example"

	teamID  = "5e0d0000-0000-4000-8000-000000000001"
	staffID = "5e0d0000-0000-4000-8000-000000000002"
	allID   = "5e0d0000-0000-4000-8000-000000000003"
)

func world() cippsim.World {
	yes := true
	bought := time.Date(1999, 6, 1, 0, 0, 0, 0, time.UTC)
	return cippsim.World{
		Tenants: []*cippsim.Tenant{
			{
				CustomerID: dentalID, DisplayName: "Fabrikam Dental", MicrosoftName: "Fabrikam Dental GmbH", DefaultDomain: "fabrikamdental.example", InitialDomain: "fabrikamdental.onmicrosoft.com",
				SKUs: []cippsim.SKU{
					{SkuID: premium, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Enabled: 3, Subscriptions: []cippsim.Subscription{cippsim.Yearly(3, bought)}},
					{SkuID: e3, PartNumber: "SPE_E3", Name: "Microsoft 365 E3", Enabled: 1, Subscriptions: []cippsim.Subscription{cippsim.Yearly(1, bought)}},
					{SkuID: exo, PartNumber: "EXCHANGESTANDARD", Name: "Exchange Online (Plan 1)", Enabled: 1, Subscriptions: []cippsim.Subscription{cippsim.Yearly(1, bought)}},
				},
				Users: []*cippsim.User{
					{UPN: ada, DisplayName: "Ada Berg", GivenName: "Ada", Surname: "Berg", Mail: ada, UsageLocation: "DE", JobTitle: "Dentist", Licences: []string{premium}, MFARegistered: &yes, CoveredByCA: "Enforced - All Apps"},
					{UPN: kern, DisplayName: "Max Kern", Mail: kern, UsageLocation: "DE", Licences: []string{premium, exo}, Inherited: map[string]string{exo: teamID}},
					{UPN: desk, DisplayName: "Desk", Mail: desk, Disabled: true},
					{UPN: old, DisplayName: "Olga Synced", Mail: old, Synced: &yes},
					{UPN: "lee_partner.example#EXT#@fabrikamdental.onmicrosoft.com", DisplayName: "Lee", Mail: "lee@partner.example", Guest: true},
					{UPN: "twin.a@fabrikamdental.example", DisplayName: "Twin"}, {UPN: "twin.b@fabrikamdental.example", DisplayName: "Twin"},
				},
				Groups: []*cippsim.Group{
					{ID: teamID, DisplayName: "Reception", Kind: cippsim.Microsoft365, Mail: "reception@fabrikamdental.example", Description: "Front desk", MailNickname: "reception", Licences: []string{exo}},
					{ID: staffID, DisplayName: "Everybody", Kind: cippsim.Security, MembershipRule: `user.userType -eq "Member"`},
					{ID: allID, DisplayName: "All mail", Kind: cippsim.DistributionList, Mail: "all@fabrikamdental.example"},
				},
				Mailboxes: []*cippsim.Mailbox{
					{UPN: ada, CalendarName: "Kalender"}, {UPN: kern}, {UPN: desk, Type: "SharedMailbox"},
				},
				Domains: []cippsim.Domain{
					{Name: "fabrikamdental.example", Default: true, Analysis: &cippsim.Analysis{At: bought, MailProvider: "Microsoft 365", SPF: "v=spf1 -all", SPFPass: true, DMARC: "Reject", DKIM: true, Score: 80}},
					{Name: "fabrikamdental.onmicrosoft.com", Initial: true}, {Name: "pending.example", Unverified: true},
				},
				Policies: []cippsim.Policy{{Name: "MFA for all", State: "enabled", Grant: "mfa"}, {Name: "Block legacy", State: "enabledForReportingButNotEnforced", Grant: "block"}},
				Issues:   []cippsim.Issue{{ID: "EX123456", Service: "Exchange Online", Feature: "Mail flow", Text: "Some mail is late"}},
				Alerts:   []cippsim.Alert{{Title: "Impossible travel", Category: "InitialAccess", Severity: "high", Status: "newAlert", At: bought, Users: ada}},
			},
			{CustomerID: bakeryID, DisplayName: "Northwind", DefaultDomain: "northwind.example", InitialDomain: "northwindbakery.onmicrosoft.com", Users: []*cippsim.User{{UPN: "admin@northwind.example"}}},
			{CustomerID: gardenID, DisplayName: "Northwind", DefaultDomain: "northwind-gardens.example", InitialDomain: "nwgardens.onmicrosoft.com", Users: []*cippsim.User{{UPN: "admin@northwind-gardens.example"}}},
		},
		TenantGroups: []*cippsim.TenantGroup{
			{ID: goldID, Name: "Gold support", Description: "24x7", Members: []string{dentalID, bakeryID}},
			{ID: silverID, Name: "Silver support", Members: []string{gardenID}},
			{ID: autoID, Name: "All with GDAP", Dynamic: true, Members: []string{dentalID, bakeryID, gardenID}},
		},
	}
}

// A fixture is an Admin in front of a simulated CIPP.
type fixture struct {
	t     *testing.T
	sim   *cippsim.Server
	admin *admin.Admin
	// careless are complaints of CIPP's that a test expects, by a part of each.
	careless []string
}

// withFixture calls run in a bubble, where waiting costs nothing. Whatever happens, CIPP
// was used with care.
func withFixture(t *testing.T, run func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := world()
		for _, tenant := range w.Tenants {
			tenant.CountConsumed()
		}
		f := &fixture{t: t, sim: cippsim.New(w, cippsim.Options{Role: "editor"})}
		f.sim.Update(func(w *cippsim.World) {
			d := w.Tenants[0]
			d.Group("Reception").Members = []string{d.User(kern).ID}
			d.Group("All mail").Members = []string{d.User(kern).ID}
		})
		f.admin = admin.New(newCaller(t, f.sim), admin.Options{})
		run(t, f)
		for _, c := range f.sim.Complaints() {
			if !slices.ContainsFunc(f.careless, func(s string) bool { return strings.Contains(c, s) }) {
				t.Errorf("CIPP was used carelessly: %s", c)
			}
		}
	})
}

func (f *fixture) tenant() directory.Tenant { return f.named(dentalID) }

func (f *fixture) named(id string) directory.Tenant {
	w := f.sim.World()
	t := w.Tenant(id)
	return directory.Tenant{ID: directory.TenantID(id), Name: t.DisplayName, DefaultDomain: t.DefaultDomain, InitialDomain: t.InitialDomain}
}

func (f *fixture) dental() *cippsim.Tenant { w := f.sim.World(); return w.Tenant(dentalID) }

func (f *fixture) user(upn string) *cippsim.User { return f.dental().User(upn) }

// run makes a step's end: no error of either half.
func (f *fixture) run(s admin.Step, err error) admin.Result {
	f.t.Helper()
	if err != nil {
		f.t.Fatalf("the step: %v", err)
	}
	out, err := f.admin.Run(f.t.Context(), s)
	if err != nil {
		f.t.Fatalf("%s: %v", s.Title, err)
	}
	if !out.Verified {
		f.t.Errorf("%s: got a result that is not verified", s.Title)
	}
	return out
}

// writes counts the calls that changed something, or tried to.
func (f *fixture) writes() (n int) {
	for name, count := range f.sim.Counts() {
		if !strings.HasPrefix(name, "list") && name != "token" && name != "" && name != "execalertslist" {
			n += count
		}
	}
	return n
}

func text(v any) string {
	raw, err := json.Marshal(v)
	return fmt.Sprintf("%+v %s %v", v, raw, err)
}

// member is one of a step's body.
func member(s admin.Step, name string) any {
	body, _ := s.Body.(map[string]any)
	return body[name]
}
