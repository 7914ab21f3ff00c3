package cipp

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncd/internal/directory"
	cippsim "syncd/internal/simulator/cipp"
)

const (
	adaID   = "b2a70000-0000-4000-8000-000000000001"
	kernID  = "b2a70000-0000-4000-8000-000000000002"
	guestID = "b2a70000-0000-4000-8000-000000000003"
	deskID  = "b2a70000-0000-4000-8000-000000000004"
	oldID   = "b2a70000-0000-4000-8000-000000000005"
	teamID  = "5e0d0000-0000-4000-8000-000000000001"
	staffID = "5e0d0000-0000-4000-8000-000000000002"
	allID   = "5e0d0000-0000-4000-8000-000000000003"
	doorID  = "5e0d0000-0000-4000-8000-000000000004"

	everything = directory.Licences | directory.Users | directory.Groups | directory.Domains | directory.Mailboxes
)

var lastNight = time.Date(1999, 12, 31, 5, 31, 0, 0, time.UTC) // a bubble's clock begins at the year 2000

// populate gives the dental practice people, and the others a user each.
func populate(w *cippsim.World) {
	yes, no := true, false
	for _, t := range w.Tenants[1:] {
		t.Users = []*cippsim.User{{UPN: "admin@" + t.DefaultDomain, Licences: []string{t.SKUs[0].SkuID}}}
		t.Mailboxes = []*cippsim.Mailbox{{UPN: "admin@" + t.DefaultDomain}}
	}
	t := w.Tenants[0]
	t.Domains = []cippsim.Domain{
		{Name: "FabrikamDental.example", Default: true, Analysis: &cippsim.Analysis{At: lastNight, MailProvider: "Microsoft 365",
			MX: []string{"fabrikamdental-example.mail.protection.outlook.com"}, SPF: "v=spf1 -all", SPFPass: true, DMARC: "Quarantine", DKIM: true, Score: 69}},
		{Name: "fabrikamdental.onmicrosoft.com", Initial: true},
		{Name: "pending.example", Unverified: true},
		{Name: "federated.example", Federated: true, Analysis: &cippsim.Analysis{At: lastNight}},
	}
	t.Users = []*cippsim.User{
		{ID: strings.ToUpper(adaID), UPN: "Ada.Berg@fabrikamdental.example", DisplayName: "Ada Berg", GivenName: "Ada", Surname: "Berg", Mail: "old@fabrikamdental.example",
			ProxyAddresses: []string{"SMTP:Ada.Berg@fabrikamdental.example", "smtp:ada@fabrikamdental.example", "smtp:A.Berg@fabrikamdental.example", "SIP:ada@fabrikamdental.example", "X500:/o=Exchange Labs/cn=Ada Berg"},
			JobTitle:       "Dentist", Department: "Surgery", CompanyName: "Fabrikam", Office: "Leeds", MobilePhone: "+44 7700 900001", BusinessPhones: []string{"+44 113 496 0001"},
			City: "Leeds", Country: "United Kingdom", UsageLocation: "GB", Created: bought, Licences: []string{strings.ToUpper(premium), e3}, Synced: &yes, ManagerID: kernID,
			LastSignIn: lastNight, PerUserMFA: "disabled", MFARegistered: &yes, CoveredByCA: "Enforced - All Apps"},
		{ID: kernID, UPN: "m.kern@fabrikamdental.example", DisplayName: "M. Kern", Mail: "M.Kern@fabrikamdental.example", NullUserType: true, Created: bought, Synced: &no, MFARegistered: &no},
		{ID: guestID, UPN: "lee_partner.example#EXT#@fabrikamdental.onmicrosoft.com", DisplayName: "Lee", Mail: "lee@partner.example", Guest: true, NullUserType: true, Created: bought, Disabled: true},
		{ID: deskID, UPN: "desk@fabrikamdental.example", DisplayName: "Desk", Created: bought, Disabled: true, MFARegistered: &yes},
		{ID: oldID, UPN: "gone@fabrikamdental.example", DisplayName: "Gone", Created: bought, Deleted: true},
	}
	t.Groups = []*cippsim.Group{
		{ID: strings.ToUpper(teamID), DisplayName: "Reception", Description: "Front desk", Mail: "Reception@fabrikamdental.example", Kind: cippsim.Microsoft365, Team: true, Created: bought,
			Members: []string{kernID, strings.ToUpper(adaID), staffID, "d0000000-0000-4000-8000-000000000001"}, Owners: []string{kernID}, Licences: []string{premium}},
		{ID: staffID, DisplayName: "Staff", Kind: cippsim.Security, MembershipRule: `user.department -eq "Surgery"`, Created: bought, Synced: &yes},
		{ID: allID, DisplayName: "All", Mail: "all@fabrikamdental.example", Kind: cippsim.DistributionList, Created: bought, Members: []string{adaID}},
		{ID: doorID, DisplayName: "Door", Mail: "door@fabrikamdental.example", Kind: cippsim.MailEnabledSecurity, Created: bought},
	}
	t.Mailboxes = []*cippsim.Mailbox{
		{ID: "adaberg", UPN: "ada.berg@fabrikamdental.example", UserID: adaID, DisplayName: "Ada Berg", PrimarySMTP: "Ada.Berg@fabrikamdental.example", ExchangeGUID: "2B000000-0000-4000-8000-000000000001",
			Aliases: []string{"ada@fabrikamdental.example", "A.Berg@fabrikamdental.example"}, StorageUsed: 5 << 30, Archive: true, ForwardTo: "smtp:Ada@elsewhere.example",
			Calendar: []cippsim.CalendarRight{{User: "M.Kern@fabrikamdental.example", Rights: []string{"Editor"}, Folder: "Kalender"}, {User: "Default", Rights: []string{"AvailabilityOnly"}}}},
		{ID: "desk", UPN: "desk@fabrikamdental.example", UserID: deskID, DisplayName: "Desk", ExchangeGUID: "2b000000-0000-4000-8000-000000000002", Type: "RoomMailbox", Hidden: true,
			Delegates: []cippsim.Delegate{{User: `NT AUTHORITY\SELF`, Rights: "FullAccess"}, {User: "M.Kern@fabrikamdental.example", Rights: "FullAccess"},
				{User: "ada.berg@fabrikamdental.example", Rights: "FullAccess"}, {User: "ada.berg@fabrikamdental.example", Rights: "SendAs"}},
			SendOnBehalf: []string{"M. Kern"}},
	}
}

// withPeople runs f in front of the estate with people in it.
func withPeople(t *testing.T, run func(t *testing.T, f *fixture)) {
	t.Helper()
	inBubble(t, func(t *testing.T, f *fixture) {
		f.sim.Update(populate)
		f.sim.RefreshCache()
		run(t, f)
	})
}

// snapshot reads the dental practice; an error for the whole run fails the test.
func (f *fixture) snapshot(t *testing.T, id directory.TenantID, want directory.Kinds) *directory.Snapshot {
	t.Helper()
	s, err := f.client.Snapshot(t.Context(), f.tenant(t, id), want)
	if err != nil {
		t.Fatalf("snapshot of %s ended the run: %v", id, err)
	}
	return s
}

// items returns what a list holds, which must be proven.
func items[T any](t *testing.T, l directory.List[T]) []T {
	t.Helper()
	all, err := l.Items()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPeopleAreReadAsMicrosoftKeepsThem(t *testing.T) {
	withPeople(t, func(t *testing.T, f *fixture) {
		s := f.snapshot(t, dentalID, everything)
		if err := s.Proven(everything); err != nil {
			t.Fatal(err)
		}
		users := []directory.User{
			{ID: adaID, UPN: "ada.berg@fabrikamdental.example", Name: "Ada Berg", GivenName: "Ada", Surname: "Berg", Mail: "ada.berg@fabrikamdental.example",
				Aliases: []string{"a.berg@fabrikamdental.example", "ada@fabrikamdental.example"}, Enabled: true, JobTitle: "Dentist", Department: "Surgery", Company: "Fabrikam",
				Office: "Leeds", MobilePhone: "+44 7700 900001", BusinessPhones: []string{"+44 113 496 0001"}, City: "Leeds", Country: "United Kingdom", UsageLocation: "GB", MailNickname: "Ada.Berg",
				Created: bought, Licences: []string{e3, premium}, Synced: true, ManagerID: kernID, LastSignIn: lastNight, MFA: directory.MFAEnforced},
			{ID: kernID, UPN: "m.kern@fabrikamdental.example", Name: "M. Kern", Mail: "m.kern@fabrikamdental.example", MailNickname: "m.kern", Enabled: true, Created: bought, MFA: directory.MFANone},
			{ID: guestID, UPN: "lee_partner.example#ext#@fabrikamdental.onmicrosoft.com", Name: "Lee", Mail: "lee@partner.example", MailNickname: "lee_partner.example#EXT#", Guest: true, Created: bought},
			{ID: deskID, UPN: "desk@fabrikamdental.example", Name: "Desk", MailNickname: "desk", Resource: true, Created: bought, MFA: directory.MFARegistered},
		}
		if diff := cmp.Diff(users, items(t, s.Users), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("users (-want +got):\n%s", diff)
		}
		groups := []directory.Group{
			{ID: teamID, Name: "Reception", Description: "Front desk", Mail: "reception@fabrikamdental.example", Kind: directory.Microsoft365Group, Team: true, Visibility: "Private",
				Created: bought, Licences: []string{premium}, Owners: []string{kernID},
				Members: directory.Members{IDs: []string{staffID, adaID, kernID, "d0000000-0000-4000-8000-000000000001"}}},
			{ID: staffID, Name: "Staff", Kind: directory.SecurityGroup, Rule: `user.department -eq "Surgery"`, Synced: true, Created: bought},
			{ID: allID, Name: "All", Mail: "all@fabrikamdental.example", Kind: directory.DistributionList, Created: bought, Members: directory.Members{IDs: []string{adaID}}},
			{ID: doorID, Name: "Door", Mail: "door@fabrikamdental.example", Kind: directory.MailSecurity, Created: bought},
		}
		if diff := cmp.Diff(groups, items(t, s.Groups), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("groups (-want +got):\n%s", diff)
		}
		services := []string{"Email", "OfficeCommunicationsOnline"}
		domains := []directory.Domain{
			{Name: "fabrikamdental.example", Verified: true, Default: true, Authentication: "Managed", Services: services, Health: directory.DomainHealth{Known: true, Checked: lastNight,
				MailProvider: "Microsoft 365", MX: []string{"fabrikamdental-example.mail.protection.outlook.com"}, SPF: "v=spf1 -all", SPFPass: true, DMARC: "quarantine", DKIM: true, Score: 69}},
			{Name: "fabrikamdental.onmicrosoft.com", Verified: true, Initial: true, Authentication: "Managed", Services: services},
			{Name: "federated.example", Verified: true, Authentication: "Federated", Services: services, Health: directory.DomainHealth{Known: true, Checked: lastNight}},
			{Name: "pending.example", Authentication: "Managed"},
		}
		if diff := cmp.Diff(domains, items(t, s.Domains), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("domains (-want +got):\n%s", diff)
		}
		mailboxes := []directory.Mailbox{
			{ID: "2b000000-0000-4000-8000-000000000001", UserID: adaID, UPN: "ada.berg@fabrikamdental.example", Name: "Ada Berg", Address: "ada.berg@fabrikamdental.example",
				Aliases: []string{"a.berg@fabrikamdental.example", "ada@fabrikamdental.example"}, Kind: "UserMailbox", SizeBytes: 5 << 30, Archive: true, Forwarding: "ada@elsewhere.example",
				Calendar: []directory.CalendarRight{{Who: "m.kern@fabrikamdental.example", Rights: "Editor", Folder: "Kalender"}}},
			{ID: "2b000000-0000-4000-8000-000000000002", UserID: deskID, UPN: "desk@fabrikamdental.example", Name: "Desk", Address: "desk@fabrikamdental.example", Kind: "RoomMailbox", Hidden: true,
				FullAccess: []string{"ada.berg@fabrikamdental.example", "m.kern@fabrikamdental.example"}, SendAs: []string{"ada.berg@fabrikamdental.example"}, SendOnBehalf: []string{"M. Kern"}},
		}
		if diff := cmp.Diff(mailboxes, items(t, s.Mailboxes), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("mailboxes (-want +got):\n%s", diff)
		}
		for name, p := range map[string]directory.Proof{"users": s.Users.Proof(), "groups": s.Groups.Proof(), "domains": s.Domains.Proof(), "mailboxes": s.Mailboxes.Proof()} {
			if p.Source == "" || p.Endpoint == "" || p.TakenAt.IsZero() || p.AsOf.IsZero() || p.Rows == 0 || len(p.Checks) < 2 || slices.Contains(p.Checks, "") {
				t.Errorf("proof of %s: got %+v", name, p)
			}
		}
	})
}

// Whoever is read in full and who holds a licence are the same people.
func TestHoldersAreThoseWhoHoldALicence(t *testing.T) {
	withPeople(t, func(t *testing.T, f *fixture) {
		want := []directory.Holder{{ID: adaID, UPN: "ada.berg@fabrikamdental.example", Licences: []string{e3, premium}}}
		for what, kinds := range map[string]directory.Kinds{"alone": directory.Holders, "beside the licences": directory.Holders | directory.Licences, "of the users": directory.Holders | everything} {
			s := f.snapshot(t, dentalID, kinds)
			if diff := cmp.Diff(want, items(t, s.Holders)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if p := s.Holders.Proof(); p.Source == "" || p.TakenAt.IsZero() || p.Rows != 1 || len(p.Checks) < 2 {
				t.Errorf("%s: proof: got %+v", what, p)
			}
		}
	})
}

func TestASnapshotCostsFewCalls(t *testing.T) {
	for _, c := range []struct {
		name string
		want directory.Kinds
		all  string // calls for three tenants, one after the other
	}{
		{"licences", directory.Licences, "listgraphbulkrequest:3"},
		{"licences and who holds them", directory.Licences | directory.Holders, "listgraphbulkrequest:3"},
		{"users", directory.Users, "listdbcache:1 listgraphbulkrequest:3 listmailboxes:3 listmfausers:3"},
		{"domains", directory.Domains, "listdomainanalyser:1 listgraphbulkrequest:3"},
		{"groups, of which one tenant has four", directory.Groups, "listgraphbulkrequest:4"},
		{"mailboxes", directory.Mailboxes, "listcalendarpermissions:3 listdbcache:1 listmailboxes:3 listmailboxpermissions:3"},
		{"everything", everything, "listcalendarpermissions:3 listdbcache:1 listdomainanalyser:1 listgraphbulkrequest:4 listmailboxes:3 listmailboxpermissions:3 listmfausers:3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				for _, id := range []directory.TenantID{dentalID, bakeryID, shipyardID} {
					if err := f.snapshot(t, id, c.want).Proven(c.want); err != nil {
						t.Error(err)
					}
				}
				if got := counted(f); got != c.all {
					t.Errorf("got  %s\nwant %s", got, c.all)
				}
			})
		})
	}
}

func TestRoomsAreToldByTheKindOfTheirMailbox(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(f *fixture)
		want directory.Kinds
		room bool
		asks int // for mailboxes, in three snapshots of a night and one of the next
	}{
		{"from the mailboxes that are read anyhow", nil, directory.Users | directory.Mailboxes, true, 4},
		{"asked for once a night", nil, directory.Users, true, 2},
		{"a shared mailbox is nobody's room", func(f *fixture) { f.retype("SharedMailbox") }, directory.Users, false, 2},
		{"equipment", func(f *fixture) { f.retype("EquipmentMailbox") }, directory.Users, true, 2},
		{"a role that may not read mailboxes is asked once an hour, and users are read all the same", func(f *fixture) {
			f.sim.Fail(cippsim.Rule{Endpoint: "ListMailboxes", Fault: cippsim.Fault{Kind: cippsim.Denied}})
		}, directory.Users, false, 2},
		{"no cache", func(f *fixture) { f.sim.SetFaults(cippsim.Faults{Version: "10.0.0"}) }, directory.Users, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				if c.set != nil {
					c.set(f)
				}
				for i := range 4 {
					if i == 3 {
						time.Sleep(24 * time.Hour)
						f.sim.RefreshCache()
					}
					users := items(t, f.snapshot(t, dentalID, c.want).Users)
					if got := users[len(users)-1]; got.ID != deskID || got.Resource != c.room {
						t.Errorf("got %s as a room: %t, want %t", got.UPN, got.Resource, c.room)
					}
				}
				if got := f.sim.Count("ListMailboxes"); got != c.asks {
					t.Errorf("got %d calls for mailboxes, want %d", got, c.asks)
				}
			})
		})
	}
}

// retype makes the mailbox of the desk another kind of mailbox.
func (f *fixture) retype(kind string) {
	f.sim.Update(func(w *cippsim.World) { w.Tenant(dentalID).Mailboxes[1].Type = kind })
	f.sim.RefreshCache()
}

// counted are the calls of the API, in the order of their names.
func counted(f *fixture) string {
	var out []string
	for endpoint, n := range f.sim.Counts() {
		if endpoint != cippsim.TokenEndpoint && n > 0 {
			out = append(out, fmt.Sprintf("%s:%d", endpoint, n))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestATenantThatDoesNotTellSignInsIsAskedOnceADay(t *testing.T) {
	withPeople(t, func(t *testing.T, f *fixture) {
		f.sim.Update(func(w *cippsim.World) { w.Tenant(dentalID).NoEntraP1 = true })
		for i, want := range []int{2, 3, 5} {
			if i == 2 {
				time.Sleep(noSignInsTTL)
			}
			users := items(t, f.snapshot(t, dentalID, directory.Users).Users)
			if len(users) != 4 || users[0].ManagerID != kernID || !users[0].LastSignIn.IsZero() {
				t.Errorf("got %+v", users)
			}
			if got := f.sim.Count("ListGraphBulkRequest"); got != want {
				t.Errorf("reading %d: got %d bulk calls in all, want %d", i+1, got, want)
			}
		}
	})
}

func TestCollectionsLongerThanAPage(t *testing.T) {
	many := func(users, groups, members int) func(w *cippsim.World) {
		return func(w *cippsim.World) {
			t := w.Tenant(dentalID)
			for i := range users {
				t.Users = append(t.Users, &cippsim.User{UPN: fmt.Sprintf("u%05d@fabrikamdental.example", i)})
			}
			for i := range groups {
				t.Groups = append(t.Groups, &cippsim.Group{DisplayName: fmt.Sprintf("g%05d", i)})
			}
			for i := range members {
				t.Groups[0].Members = append(t.Groups[0].Members, fmt.Sprintf("d0000000-0000-4000-8000-1%011d", i))
			}
		}
	}
	later := func(f cippsim.Fault) cippsim.Rule {
		return cippsim.Rule{Endpoint: "ListGraphRequest", Query: "nextLink=", Skip: 1, Fault: f}
	}
	for _, c := range []struct {
		name   string
		change func(*cippsim.World)
		rules  []cippsim.Rule
		rows   int    // of users; 0 = unknown
		want   string // in a check or in the reason
		pages  int    // calls of ListGraphRequest
	}{
		{name: "three pages of users", change: many(1200, 0, 0), rows: 1204, want: "as many as Graph counts", pages: 3},
		{name: "a page that fails", change: many(1200, 0, 0), rules: []cippsim.Rule{later(cippsim.Fault{Kind: cippsim.GraphRefused})}, want: "a further page", pages: 2},
		{name: "a page that is put off", change: many(1200, 0, 0), rules: []cippsim.Rule{later(cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[],"Metadata":{"Queued":true}}`}})}, want: "put the answer off", pages: 2},
		{name: "a page with an error row", change: many(1200, 0, 0), rules: []cippsim.Rule{later(cippsim.Fault{Shape: cippsim.Shape{Rows: []any{"Could not connect"}}})}, want: `"Could not connect"`, pages: 2},
		{name: "a page that is silently empty, twice", change: many(1200, 0, 0), rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Query: "nextLink=", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[]}`}}}},
			want: "500 rows on all pages where Graph counts 1204", pages: 5},
		{name: "a page that is silently empty, once", change: many(1200, 0, 0), rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Query: "nextLink=", Times: 1, Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[]}`}}}},
			rows: 1204, want: "as many as Graph counts", pages: 6},
		{name: "a count that cannot be had", change: many(1200, 0, 0), rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Query: "CountOnly", Fault: cippsim.Fault{Kind: cippsim.GraphRefused}}},
			rows: 1204, want: "users read page by page to the end", pages: 3},
		{name: "a page that is silently empty, and a count that cannot be had", change: many(1200, 0, 0), rules: []cippsim.Rule{
			{Endpoint: "ListGraphRequest", Query: "nextLink=", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[]}`}}},
			{Endpoint: "ListGraphRequest", Query: "CountOnly", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[null]}`}}}},
			want: "a further page is empty, and how many rows there are could not be confirmed", pages: 2},
		{name: "a count of none", change: many(1200, 0, 0), rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Query: "CountOnly", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[0]}`}}}},
			want: "1204 rows on all pages where Graph counts none", pages: 3},
		{name: "a count without its list", change: many(1200, 0, 0), rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Query: "CountOnly", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":1204}`}}}},
			rows: 1204, want: "as many as Graph counts", pages: 3},
		{name: "a count that is text", change: many(1200, 0, 0), rules: []cippsim.Rule{{Endpoint: "ListGraphRequest", Query: "CountOnly", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":["1204"]}`}}}},
			rows: 1204, want: "as many as Graph counts", pages: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				f.sim.Update(c.change)
				f.sim.Fail(c.rules...)
				s := f.snapshot(t, dentalID, directory.Licences|directory.Users)
				if _, err := s.Licences.Items(); err != nil {
					t.Errorf("licences suffer: %v", err)
				}
				users, err := s.Users.Items()
				said := strings.Join(s.Users.Proof().Checks, "\n")
				if err != nil {
					said = err.Error()
				}
				if len(users) != c.rows || !strings.Contains(said, c.want) {
					t.Errorf("got %d users, %q; want %d, %q", len(users), said, c.rows, c.want)
				}
				if got := f.sim.Count("ListGraphRequest"); got != c.pages {
					t.Errorf("got %d calls for pages, want %d", got, c.pages)
				}
			})
		})
	}

	t.Run("groups and members", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.Update(many(0, 1000, 2500))
			groups := items(t, f.snapshot(t, dentalID, directory.Groups).Groups)
			team := groups[slices.IndexFunc(groups, func(g directory.Group) bool { return g.ID == teamID })]
			if len(groups) != 1004 || len(team.Members.IDs) != 2504 || team.Members.Unknown != "" || !slices.IsSorted(team.Members.IDs) {
				t.Errorf("got %d groups, %d members, %q", len(groups), len(team.Members.IDs), team.Members.Unknown)
			}
			// One for the list, 101 for ten groups each; pages: groups 1+count, members 2+count.
			if got := counted(f); got != "listgraphbulkrequest:102 listgraphrequest:5" {
				t.Errorf("got %s", got)
			}
		})
	})
	t.Run("a page that names itself", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.Update(many(1200, 0, 0))
			f.sim.Before(func(r *http.Request) cippsim.Fault {
				link := r.URL.Query().Get("nextLink")
				if link == "" {
					return cippsim.Fault{}
				}
				return cippsim.Fault{Shape: cippsim.Shape{Body: cippsim.Body(fmt.Sprintf(`{"Results":[],"Metadata":{"nextLink":%q}}`, link))}}
			})
			if _, err := f.snapshot(t, dentalID, directory.Users).Users.Items(); err == nil || !strings.Contains(err.Error(), "names itself") {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("an instance that follows the pages though told not to", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.Update(many(700, 0, 0))
			rows := make([]any, 600)
			for i := range rows {
				rows[i] = user(fmt.Sprintf("a0000000-0000-4000-8000-%012d", i))
			}
			// The bulk answer has more rows than a page, and the link.
			f.sim.SetFaults(graph("users", cippsim.ResourceFault{Times: 1, Rows: rows, NextLink: true}))
			users, err := f.snapshot(t, dentalID, directory.Users).Users.Items()
			if err != nil || len(users) != 704 {
				t.Errorf("got %d users, %v", len(users), err)
			}
		})
	})
}

// user is a sound row of users, changed by the pairs of key and value.
func user(id string, pairs ...any) object {
	row := object{"id": id, "userPrincipalName": id + "@fabrikamdental.example", "displayName": "Somebody", "accountEnabled": true, "assignedLicenses": []any{}, "proxyAddresses": []any{}}
	for i := 0; i < len(pairs); i += 2 {
		row[pairs[i].(string)] = pairs[i+1]
	}
	return row
}

func group(id string, pairs ...any) object {
	row := object{"id": id, "displayName": "Some", "mailEnabled": false, "securityEnabled": true, "groupTypes": []any{}}
	for i := 0; i < len(pairs); i += 2 {
		row[pairs[i].(string)] = pairs[i+1]
	}
	return row
}

func TestACollectionThatIsNotProvenLeavesTheOthersAlone(t *testing.T) {
	const x = "a0000000-0000-4000-8000-000000000009"
	rows := func(path string, rows ...any) cippsim.Faults {
		return graph(path, cippsim.ResourceFault{Rows: rows})
	}
	for _, c := range []struct {
		name   string
		faults cippsim.Faults
		lost   directory.Kinds // these and no other
		want   string
	}{
		{"users refused", graph("users", cippsim.ResourceFault{Status: 403}), directory.Users, "users: 403: Insufficient privileges"},
		{"users throttled to the end", graph("users", cippsim.ResourceFault{Status: 429}), directory.Users, "users: 429"},
		{"users not answered", graph("users", cippsim.ResourceFault{Missing: true}), directory.Users, "no answer to this part"},
		{"no users", graph("users", cippsim.ResourceFault{Empty: true}), directory.Users, "no tenant is without users"},
		{"null for users", graph("users", cippsim.ResourceFault{NullValue: true}), directory.Users, "null where a list was due"},
		{"no list of users", graph("users", cippsim.ResourceFault{NoValue: true}), directory.Users, "no object id"},
		{"a text among users", rows("users", "Could not connect"), directory.Users, `"Could not connect"`},
		{"null among users", rows("users", nil), directory.Users, "is not data"},
		{"a placeholder among users", rows("users", cippsim.LoadingRow()), directory.Users, "Loading data"},
		{"an error row among users", rows("users", user(x, "CippStatus", "Could not connect to tenant. AADSTS65001")), directory.Users, "AADSTS65001"},
		{"another tenant's row among users", rows("users", user(x, "Tenant", "northwind.example")), directory.Users, "belongs to another tenant"},
		{"a user without an id", rows("users", user(x, "id", nil)), directory.Users, "no object id"},
		{"a deleted user", rows("users", user(x, "deletedDateTime", "2025-01-01T00:00:00Z")), directory.Users, "is deleted"},

		{"groups refused", graph("groups", cippsim.ResourceFault{Status: 403}), directory.Groups, "groups: 403"},
		{"groups down", graph("groups", cippsim.ResourceFault{Status: 503}), directory.Groups, "groups: 503"},
		{"null for groups", graph("groups", cippsim.ResourceFault{NullValue: true}), directory.Groups, "null where a list was due"},
		{"a group without an id", rows("groups", group("x")), directory.Groups, "no object id"},

		{"domains refused", graph("domains", cippsim.ResourceFault{Status: 403}), directory.Domains, "domains: 403"},
		{"no domains", graph("domains", cippsim.ResourceFault{Empty: true}), directory.Domains, "no tenant is without"},
		{"a domain without a name", rows("domains", object{"id": "", "isVerified": true}), directory.Domains, "has no name"},
		{"a domain without a state", rows("domains", object{"id": "x.example"}), directory.Domains, "whether it is verified"},

		{"no organization to say whose they are", graph("organization", cippsim.ResourceFault{Status: 403}), directory.Users | directory.Groups | directory.Domains, "nothing shows whose"},
		{"another tenant's answer", one(cippsim.TenantFaults{AnswersFor: bakeryID}), directory.Licences | directory.Users | directory.Groups | directory.Domains, "belongs to another tenant"},
		{"a tenant that CIPP may not read", one(cippsim.TenantFaults{Unauthorised: true}), everything, ""},
		{"access dissolved by the tenant", one(cippsim.TenantFaults{GraphError: cippsim.TextDissolved}), directory.Licences | directory.Users | directory.Groups | directory.Domains, "check its GDAP relationship"},
		{"outside the role", one(cippsim.TenantFaults{Denied: true}), everything, "let the role of the API client see this tenant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				f.sim.SetFaults(c.faults)
				s := f.snapshot(t, dentalID, everything)
				for name, kind := range map[string]directory.Kinds{"licences": directory.Licences, "users": directory.Users, "groups": directory.Groups, "domains": directory.Domains, "mailboxes": directory.Mailboxes} {
					err := s.Proven(kind)
					switch {
					case !c.lost.Has(kind) && err != nil:
						t.Errorf("%s suffer: %v", name, err)
					case c.lost.Has(kind) && err == nil:
						t.Errorf("%s are proven", name)
					case c.lost.Has(kind) && (!errors.Is(err, directory.ErrIncomplete) || !strings.Contains(err.Error(), c.want)):
						t.Errorf("%s: the reason %q does not say %q", name, err, c.want)
					}
				}
				if err := f.snapshot(t, bakeryID, everything).Proven(everything); err != nil {
					t.Errorf("another tenant suffers: %v", err)
				}
			})
		})
	}
}

// Units in use and people who hold them are told by two lists of one answer. Where
// one of them knows of nobody, neither is believed.
func TestListsThatContradictEachOtherProveNothing(t *testing.T) {
	const both = directory.Licences | directory.Users
	nobody := func(t *cippsim.Tenant) {
		for _, u := range t.Users {
			u.Licences = nil
		}
	}
	unused := func(t *cippsim.Tenant) {
		for i := range t.SKUs {
			t.SKUs[i].Consumed = 0
		}
	}
	for _, c := range []struct {
		name   string
		change []func(*cippsim.Tenant)
		faults cippsim.Faults
		want   string // in the reason; empty where they agree
	}{
		{"nobody licensed", []func(*cippsim.Tenant){nobody}, cippsim.Faults{}, "units in use: 35, users listed: 4, and nobody of them is licensed"},
		{"nothing in use", []func(*cippsim.Tenant){unused}, cippsim.Faults{}, "units in use: 0, and 1 of 4 users are licensed"},
		{"neither", []func(*cippsim.Tenant){nobody, unused}, cippsim.Faults{}, ""},
		{"neither, but for what the company holds as a whole", []func(*cippsim.Tenant){nobody, unused},
			graph("subscribedSkus", cippsim.ResourceFault{Rows: []any{sku("c0000000-0000-4000-8000-000000000001", "appliesTo", "Company")}}), ""},
		{"some of both", nil, cippsim.Faults{}, ""},
	} {
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.Update(func(w *cippsim.World) {
				for _, change := range c.change {
					change(w.Tenants[0])
				}
			})
			f.sim.SetFaults(c.faults)
			s := f.snapshot(t, dentalID, everything)
			for what, err := range map[string]error{"licences": s.Proven(directory.Licences), "users": s.Proven(directory.Users)} {
				if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, directory.ErrIncomplete) || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: %s: got %v, want %q", c.name, what, err, c.want)
				}
			}
			if err := s.Proven(everything &^ both); err != nil {
				t.Errorf("%s: the others suffer: %v", c.name, err)
			}
			if err := f.snapshot(t, dentalID, directory.Licences).Proven(directory.Licences); err != nil {
				t.Errorf("%s: licences alone: %v", c.name, err)
			}
		})
	}
}

// A row that makes no sense freezes whom it is about, and nobody else.
func TestARowThatMakesNoSenseFreezesItsOwnPersonOrGroup(t *testing.T) {
	const x = "a0000000-0000-4000-8000-000000000009"
	for _, c := range []struct {
		name string
		path string
		row  any
		want string
	}{
		{"a user without a name", "users", user(x, "userPrincipalName", ""), "it has no userPrincipalName"},
		{"a user without a state", "users", user(x, "accountEnabled", nil), "it does not say whether it is enabled"},
		{"an object for a name", "users", user(x, "displayName", object{"en": "Ada"}), "displayName: an object where a single value was due"},
		{"a licence without a SKU", "users", user(x, "assignedLicenses", []any{object{"skuId": ""}}), `a licence has no SKU id ("")`},
		{"licences as text", "users", user(x, "assignedLicenses", "none"), `assignedLicenses: text ("none") where a list was due`},
		{"a proxy address with a space", "users", user(x, "proxyAddresses", []any{"SMTP:a@x.example", "smtp:two words@x.example"}), `proxyAddresses: "smtp:two words@x.example" is no address: there is a space in it`},
		{"proxy addresses run together", "users", user(x, "proxyAddresses", "SMTP:a@x.example smtp:b@x.example"), `proxyAddresses: "SMTP:a@x.example smtp:b@x.example" is no address: there is a space in it`},
		{"proxy addresses printed", "users", user(x, "proxyAddresses", "System.Object[]"), "cut at its depth limit"},
		{"a group without a kind", "groups", group(x, "mailEnabled", nil), "it does not say of what kind it is"},
		{"group types run together", "groups", group(x, "groupTypes", "Unified DynamicMembership"), "cut at its depth limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				before := f.snapshot(t, dentalID, everything)
				f.sim.SetFaults(graph(c.path, cippsim.ResourceFault{Rows: []any{c.row}}))
				s := f.snapshot(t, dentalID, everything)
				type one struct{ id, unread string }
				var frozen []one
				for _, u := range items(t, s.Users) {
					if u.Unread != "" {
						frozen = append(frozen, one{u.ID, u.Unread})
					}
				}
				for _, g := range items(t, s.Groups) {
					if g.Unread != "" {
						frozen = append(frozen, one{g.ID, g.Unread})
					}
				}
				if len(frozen) != 1 || frozen[0].id != x || !strings.Contains(frozen[0].unread, c.want) {
					t.Errorf("got %+v, want %s alone: %s", frozen, x, c.want)
				}
				if now, then := len(items(t, s.Users))+len(items(t, s.Groups)), len(items(t, before.Users))+len(items(t, before.Groups)); now != then+1 {
					t.Errorf("got %d users and groups, want %d", now, then+1)
				}
			})
		})
	}
}

func TestAGroupWhoseMembersCannotBeReadIsUnknownByItself(t *testing.T) {
	members, owners := "groups/"+teamID+"/members", "groups/"+teamID+"/owners"
	for _, c := range []struct {
		name   string
		faults cippsim.Faults
		change func(*cippsim.Group)
		want   string // why the members are unknown
		owners string // why the owners are
	}{
		{"refused", graph(members, cippsim.ResourceFault{Status: 403}), nil, "403", ""},
		{"deleted meanwhile", graph(members, cippsim.ResourceFault{Status: 404}), nil, "404", ""},
		{"throttled to the end", graph(members, cippsim.ResourceFault{Status: 429}), nil, "429", ""},
		{"not answered", graph(members, cippsim.ResourceFault{Missing: true}), nil, "no answer to this part", ""},
		{"null", graph(members, cippsim.ResourceFault{NullValue: true}), nil, "null where a list was due", ""},
		{"no list", graph(members, cippsim.ResourceFault{NoValue: true}), nil, "without an id", ""},
		{"an error among them", graph(members, cippsim.ResourceFault{Rows: []any{"Could not connect"}}), nil, "Could not connect", ""},
		{"owners refused", graph(owners, cippsim.ResourceFault{Status: 403}), nil, "", "403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				f.sim.Update(func(w *cippsim.World) {
					g := w.Tenant(dentalID).Groups[0]
					g.ID = teamID // the path of a fault is compared as it is sent
					if c.change != nil {
						c.change(g)
					}
				})
				f.sim.SetFaults(c.faults)
				s := f.snapshot(t, dentalID, directory.Groups)
				groups := items(t, s.Groups)
				g := groups[0]
				if (c.want == "") != (g.Members.Unknown == "") || !strings.Contains(g.Members.Unknown, c.want) || c.want != "" && g.Members.IDs != nil {
					t.Errorf("members: got %+v, want unknown for %q", g.Members, c.want)
				}
				if (c.owners == "") != (g.OwnersUnknown == "") || !strings.Contains(g.OwnersUnknown, c.owners) {
					t.Errorf("owners: got %v, unknown for %q, want %q", g.Owners, g.OwnersUnknown, c.owners)
				}
				if len(groups) != 4 || groups[2].Members.Unknown != "" || len(groups[2].Members.IDs) != 1 {
					t.Errorf("another group suffers: %+v", groups[2])
				}
			})
		})
	}
	t.Run("a whole call that fails", func(t *testing.T) {
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.Fail(cippsim.Rule{Endpoint: "ListGraphBulkRequest", Skip: 1, Fault: cippsim.Fault{Kind: cippsim.Broken}})
			for _, g := range items(t, f.snapshot(t, dentalID, directory.Groups).Groups) {
				if !strings.Contains(g.Members.Unknown, "Object reference") || g.OwnersUnknown == "" {
					t.Errorf("got %+v", g)
				}
			}
		})
	})
	t.Run("members that are hidden", func(t *testing.T) {
		row := group("a0000000-0000-4000-8000-000000000009", "visibility", "HiddenMembership")
		withPeople(t, func(t *testing.T, f *fixture) {
			f.sim.Update(func(w *cippsim.World) {
				w.Tenant(dentalID).Groups = []*cippsim.Group{{ID: row["id"].(string), DisplayName: "Board"}}
			})
			f.sim.SetFaults(graph("groups", cippsim.ResourceFault{Empty: true, Rows: []any{row}}))
			groups := items(t, f.snapshot(t, dentalID, directory.Groups).Groups)
			if len(groups) != 1 || !strings.Contains(groups[0].Members.Unknown, "hidden") {
				t.Errorf("got %+v", groups)
			}
		})
	})
}

func TestHireDatesAreReadWhereSomebodyMapsThem(t *testing.T) {
	withPeople(t, func(t *testing.T, f *fixture) {
		hired := time.Date(2021, 3, 1, 0, 0, 0, 0, time.UTC)
		f.sim.Update(func(w *cippsim.World) { w.Tenant(dentalID).User(adaID).Hired = hired })
		for _, asked := range []bool{false, true} {
			f.client.hireDates = asked
			users := items(t, f.snapshot(t, dentalID, directory.Users).Users)
			if got := users[0].Hired; got.Equal(hired) != asked {
				t.Errorf("asked %t: hired %v", asked, got)
			}
		}
	})
}
