package msp

import (
	"maps"
	"slices"
	"strings"
	"testing"

	cippsim "syncd/internal/simulator/cipp"
)

// sound reports what of a tenant's people refers to nothing.
func sound(t *testing.T, tenant *cippsim.Tenant) {
	t.Helper()
	known := map[string]bool{}
	addresses := map[string]bool{}
	for _, u := range tenant.Users {
		if known[u.ID] || addresses[u.UPN] {
			t.Errorf("%s: %s is there twice", tenant.DisplayName, u.UPN)
		}
		known[u.ID], addresses[u.UPN] = true, true
	}
	for _, u := range tenant.Users {
		if u.ManagerID != "" && !known[u.ManagerID] || u.ManagerID == u.ID {
			t.Errorf("%s: the manager of %s is %q", tenant.DisplayName, u.UPN, u.ManagerID)
		}
		for _, sku := range u.Licences {
			if tenant.SKU(sku) == nil {
				t.Errorf("%s: %s holds %s, which the tenant does not", tenant.DisplayName, u.UPN, sku)
			}
		}
		for sku, id := range u.Inherited {
			if g := tenant.Group(id); g == nil || !slices.Contains(g.Licences, sku) || !slices.Contains(g.Members, u.ID) {
				t.Errorf("%s: %s has %s of a group that does not give it", tenant.DisplayName, u.UPN, sku)
			}
		}
	}
	for _, g := range tenant.Groups {
		if slices.ContainsFunc(g.Owners, func(id string) bool { return !known[id] }) {
			t.Errorf("%s: %s has an owner who is not there", tenant.DisplayName, g.DisplayName)
		}
		members := slices.Sorted(slices.Values(g.Members))
		if len(slices.Compact(members)) != len(g.Members) {
			t.Errorf("%s: %s has somebody twice", tenant.DisplayName, g.DisplayName)
		}
	}
	for _, m := range tenant.Mailboxes {
		if u := tenant.User(m.UserID); u == nil || u.UPN != m.UPN {
			t.Errorf("%s: mailbox %s belongs to nobody", tenant.DisplayName, m.UPN)
		}
		for _, d := range m.Delegates {
			if !addresses[d.User] {
				t.Errorf("%s: mailbox %s is open to %s, who is not there", tenant.DisplayName, m.UPN, d.User)
			}
		}
	}
}

func TestMicrosoftCountsTheLicencesThatPeopleHold(t *testing.T) {
	for name, m := range map[string]*MSP{"the MSP": New(atNoon), "an estate": NewEstate(3, atNoon, WithAccounts(250))} {
		for _, scenario := range []string{"", "seats", "leaver", "rename", "regroup"} {
			if scenario != "" && name == "the MSP" {
				if err := m.Play(scenario); err != nil {
					t.Fatal(err)
				}
			}
			for _, tenant := range m.CIPP.World().Tenants {
				sound(t, tenant)
				counted := tenant.Clone()
				counted.CountConsumed()
				for i, k := range tenant.SKUs {
					if got := counted.SKUs[i].Consumed; got != k.Consumed {
						t.Errorf("%s after %q: %d accounts of %s hold %s, Microsoft counts %d", name, scenario, got, tenant.DisplayName, k.PartNumber, k.Consumed)
					}
				}
			}
		}
	}
}

func TestPeopleOfEverySortAreThere(t *testing.T) {
	m := New(atNoon)
	got := map[string]int{}
	count := func(what string, is bool) {
		if is {
			got[what]++
		}
	}
	for _, tenant := range m.CIPP.World().Tenants {
		for _, u := range tenant.Users {
			count("guests", u.Guest)
			count("services", strings.HasPrefix(u.UPN, "svc-"))
			count("disabled with a licence", u.Disabled && len(u.Licences) > 0)
			count("with a manager", u.ManagerID != "")
			count("synced", u.Synced != nil)
			count("without a second factor", u.MFARegistered != nil && !*u.MFARegistered)
			count("with a second factor of their own", u.PerUserMFA == "enforced")
			count("with licences by group", len(u.Inherited) > 0)
			count("with aliases", len(u.ProxyAddresses) > 1)
		}
		for _, g := range tenant.Groups {
			count("groups: "+string(g.Kind), true)
			count("dynamic groups", g.MembershipRule != "")
			count("teams", g.Team)
			count("groups of a thousand", len(g.Members) > 1000)
		}
		for _, b := range tenant.Mailboxes {
			count("mailboxes: "+b.Type, true)
			count("with delegates", len(b.Delegates) > 0)
			count("with calendar rights", b.Type == "SharedMailbox" && len(b.Calendar) > 0)
			count("forwarded", b.ForwardTo != "")
		}
		for _, d := range tenant.Domains {
			count("analysed domains", d.Analysis != nil)
		}
	}
	for _, what := range []string{"guests", "services", "disabled with a licence", "with a manager", "synced", "without a second factor", "with a second factor of their own", "with licences by group",
		"with aliases", "groups: Microsoft 365", "groups: Security", "groups: Mail-Enabled Security", "groups: Distribution List", "dynamic groups", "teams", "groups of a thousand",
		"mailboxes: UserMailbox", "mailboxes: SharedMailbox", "mailboxes: RoomMailbox", "with delegates", "with calendar rights", "forwarded", "analysed domains"} {
		if got[what] == 0 {
			t.Errorf("there are no %s among %v", what, slices.Sorted(maps.Keys(got)))
		}
	}
	if got["groups of a thousand"] != 1 {
		t.Errorf("got %d groups of a thousand, want one", got["groups of a thousand"])
	}
}

func TestITGlueKnowsTheCustomersAsITGlueDoes(t *testing.T) {
	m := New(atNoon, WithDocumentation())
	w, cw := m.ITGlue.World(), m.ConnectWise.World()
	names, tied, handmade, namesakes := map[string]int{}, 0, 0, 0
	for _, o := range w.Organizations {
		names[o.Name]++
		for _, a := range o.Adapters {
			tied++
			if co := cw.Company(number(a.RemoteID)); co == nil || co.Name != o.Name {
				t.Errorf("organization %s is tied to company %s", o.Name, a.RemoteID)
			}
		}
	}
	for _, c := range w.Contacts {
		if w.Organization(c.OrganizationID) == nil {
			t.Errorf("contact %s %s is at no organization", c.FirstName, c.LastName)
		}
		if len(c.Adapters) == 0 {
			handmade++
		}
		if c.OrganizationID == m.organizationOf("larkspur.example") && len(c.Emails) == 1 && strings.HasSuffix(c.Emails[0].Value, "@home-mail.example") {
			namesakes++
		}
	}
	unlinked := 0
	for _, l := range m.Links() {
		if l.Organization != 0 && w.Organization(l.Organization) == nil {
			t.Errorf("%s is linked to organization %d, which is not there", l.Customer, l.Organization)
		}
		if l.Status == "linked" && l.Organization == 0 {
			unlinked++
		}
	}
	for _, x := range []struct {
		what      string
		got, want int
	}{
		{"organizations tied to ConnectWise", tied, 24}, {"organizations of one name", names["Greystone Quarries plc"], 2},
		{"linked customers without an organization, or with one to suggest", unlinked, 2}, {"contacts of one name at another address", namesakes, 1},
		{"our asset types", len(w.Types), 1},
	} {
		if x.got != x.want {
			t.Errorf("%s: got %d, want %d", x.what, x.got, x.want)
		}
	}
	if handmade < 20 || handmade == len(w.Contacts) {
		t.Errorf("%d of %d contacts were written by hand", handmade, len(w.Contacts))
	}
}
