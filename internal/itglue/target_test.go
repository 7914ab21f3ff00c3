package itglue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/directory"
	"syncd/internal/plan"
	itgluesim "syncd/internal/simulator/itglue"
	"syncd/internal/target"
)

func TestTheFirstRunDocumentsAndTheSecondFindsNothingToDo(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	w := h.sim.World()
	ana := h.asset(w, kindUser, objectID(1))
	for key, want := range map[string]any{"name": "Ana Ruiz", "tenant-id": tenantID, "contact": []int64{41}, "status": "Enabled",
		"mfa": "Enforced", "last-sign-in": "2026-11",
		"mailbox-size": "2-5 GB", "manager": "Bo Lind (bo@contoso.example)", "licences": "<ul><li>Microsoft 365 Business Premium</li></ul>"} {
		if got := w.Trait(ana, key); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("user: got %s %v, want %v", key, got, want)
		}
	}
	if got := w.Trait(h.asset(w, kindDomain, "contoso.example"), "tracked-domain"); fmt.Sprint(got) != "[81]" {
		t.Errorf("domain: got tag %v, want [81]", got)
	}
	group := h.asset(w, kindGroup, objectID(101))
	cy := slices.IndexFunc(w.Contacts, func(c *itgluesim.Contact) bool { return c.LastName == "Dahl" })
	if cy < 0 {
		t.Fatal("got no contact for Cy Dahl")
	}
	if got := fmt.Sprint(w.Trait(group, "member-contacts")); got != fmt.Sprint([]int64{41, w.Contacts[cy].ID}) {
		t.Errorf("group: got member contacts %v", got)
	}
	if got := fmt.Sprint(w.Trait(group, "members")); !strings.Contains(got, "(1 that are neither accounts nor groups)") {
		t.Errorf("group: got members %s, want the stranger counted", got)
	}
	if got := w.Trait(h.asset(w, kindGroup, objectID(102)), "members"); got != nil {
		t.Errorf("a group whose members are unknown has %v", got)
	}
	h.asset(w, kindMailbox, "mbx-info")
	h.asset(w, kindLicences, tenantID)
	for _, kind := range []string{kindUser, kindDomain} {
		want := map[string]int{kindUser: 3, kindDomain: 1}[kind]
		if got := len(w.AssetsOf(w.TypeNamed(h.conf.typeName(kind)).ID, 2)); got != want {
			t.Errorf("got %d assets of %s, want %d: filters", got, kind, want)
		}
	}
}

func TestContactsAreMatchedFilledAndNeverDoubled(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	r := h.plan()
	if c := r.change(kindContact, objectID(1)); c == nil || c.Action != plan.Adopt || c.Ref != "41" {
		t.Fatalf("got %+v for Ana, want contact 41 adopted by her alias:\n%s", c, r)
	}
	if c := r.change(kindContact, objectID(3)); c == nil || c.Action != plan.Create {
		t.Fatalf("got %+v for Cy, want a new contact", c)
	}
	if v := r.violation("match_proposed"); v == nil || v.Key != objectID(2) || !v.NeedsRepair || !strings.Contains(v.Message, "42 (Bo Lind)") {
		t.Fatalf("got %+v for Bo, want a proposal of contact 42", v)
	}
	if c := r.change(kindUser, objectID(2)); c == nil || c.Action != plan.Create {
		t.Errorf("got %+v for Bo's asset, want it written all the same", c)
	}
	h.apply(r)
	ana := h.sim.World().Contact(41)
	if ana.Title != "Buyer" || ana.Notes != "knows the alarm code" || len(ana.Emails) != 2 || len(ana.Phones) != 2 {
		t.Errorf("got %+v, want the title and the mobile filled and the rest alone", ana)
	}
	before := len(h.contacts())
	h.settlements = []plan.Settlement{{Key: plan.Key{Kind: kindContact, ID: objectID(2)}, How: plan.SettleAccept, Ref: "42"}}
	h.converge()
	bo := h.sim.World().Contact(42)
	if bo.Title != "Boss" || len(bo.Emails) != 1 || len(h.contacts()) != before {
		t.Errorf("got %+v and %d contacts, want the human's title, our address, and no new contact", bo, len(h.contacts()))
	}
	h.settlements = nil // the asset's tag remembers
	h.wantNoChanges()
}

func TestAPersonMayAskForANewContact(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.settlements = []plan.Settlement{{Key: plan.Key{Kind: kindContact, ID: objectID(2)}, How: plan.SettleCreate}}
	h.converge()
	if got := len(h.contacts()); got != 5 {
		t.Errorf("got %d contacts, want 5", got)
	}
	h.settlements = nil
	h.wantNoChanges()
}

func TestOneContactWithTheAddressesOfTwoIsForAPerson(t *testing.T) {
	world := seed()
	world.Contacts[0].Emails = append(world.Contacts[0].Emails, itgluesim.Email{Value: "cy@contoso.example", Label: "Work"})
	h := newHarness(t, world).layouts()
	r := h.run()
	var held []string
	for _, v := range r.violations {
		if v.Code == "match_ambiguous" {
			held = append(held, v.Key)
		}
	}
	slices.Sort(held)
	if fmt.Sprint(held) != fmt.Sprint([]string{objectID(1), objectID(3)}) || len(h.contacts()) != 3 {
		t.Errorf("got %v and %d contacts, want both held and none created:\n%s", held, len(h.contacts()), r)
	}
}

func TestWithPSASyncNobodyIsCreated(t *testing.T) {
	for _, sync := range []string{SyncOneWay, SyncTwoWay} {
		world := seed()
		world.ContactSync = sync
		world.Contacts[0].Adapters = []itgluesim.Adapter{{ID: 99, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "7", Sync: true}}
		h := newHarness(t, world, func(c *Config) { c.PSAContactSync = sync }).layouts()
		h.converge()
		if got := len(h.contacts()); got != 3 {
			t.Errorf("%s: got %d contacts, want 3", sync, got)
		}
		if got := h.sim.World().Pushed; len(got) != 0 {
			t.Errorf("%s: got contacts %v pushed into the PSA, want none", sync, got)
		}
		if v := h.plan().violation("contact_missing"); v == nil || !v.Note {
			t.Errorf("%s: got %+v, want a note of the missing contact", sync, v)
		}
	}
}

// Whose a contact is, and whether its blank title and mobile number are filled.
func TestContactsOfThePSAAreNeverWritten(t *testing.T) {
	manage := func(a itgluesim.Adapter) []itgluesim.Adapter {
		a.ID, a.TypeName, a.PSA, a.RemoteID = 99, "ConnectWise Manage", "manage", "7"
		return []itgluesim.Adapter{a}
	}
	for _, tt := range []struct {
		name     string
		adapters []itgluesim.Adapter
		filled   map[string]bool // by setting; not there: not filled
	}{
		{"nobody's", nil, map[string]bool{SyncOff: true, SyncOneWay: true, SyncTwoWay: true}},
		{"synced", manage(itgluesim.Adapter{Sync: true}), nil},
		{"tied, and its sync is paused", manage(itgluesim.Adapter{}), map[string]bool{SyncOff: true}},
		{"orphaned", manage(itgluesim.Adapter{Sync: true, Orphaned: true}), map[string]bool{SyncOff: true, SyncOneWay: true, SyncTwoWay: true}},
	} {
		for _, sync := range []string{SyncOff, SyncOneWay, SyncTwoWay} {
			t.Run(tt.name+", "+sync, func(t *testing.T) {
				world := seed()
				world.ContactSync = sync
				world.Contacts[0].Adapters = tt.adapters
				h := newHarness(t, world, func(c *Config) { c.PSAContactSync = sync }).layouts()
				h.converge()
				w := h.sim.World()
				filled := w.Contact(41).Title != "" || len(w.Contact(41).Phones) != 1
				if filled != tt.filled[sync] || len(w.Pushed) > 0 {
					t.Errorf("got %+v and %v pushed, want filled %t and none pushed", w.Contact(41), w.Pushed, tt.filled[sync])
				}
				if tag := fmt.Sprint(w.Trait(h.asset(w, kindUser, objectID(1)), "contact")); tag != "[41]" {
					t.Errorf("got tag %s, want the asset to lead to the contact all the same", tag)
				}
			})
		}
	}
}

func TestAContactThatBecameThePSAsMeanwhileIsNotWritten(t *testing.T) {
	for _, sync := range []string{SyncOff, SyncOneWay, SyncTwoWay} {
		world := seed()
		world.ContactSync = SyncTwoWay // IT Glue itself would take it
		h := newHarness(t, world, func(c *Config) { c.PSAContactSync = sync }).layouts()
		r := h.plan()
		h.sim.Update(func(w *itgluesim.World) {
			w.Contact(41).Adapters = []itgluesim.Adapter{{ID: 99, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "7", Sync: true}}
		})
		h.apply(r)
		if len(r.errs) != 1 || !errors.Is(r.errs[0], target.ErrMoved) || h.sim.World().Contact(41).Title != "" {
			t.Errorf("%s: got\n%s\nwant the contact left alone", sync, r)
		}
		h.converge() // it is taken on as it is
	}
}

func TestLeaversAreArchivedAndReturn(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.converge()
	all := h.source.users
	h.source.users = slices.Delete(slices.Clone(all), 2, 3)
	for range 2 {
		h.now = h.now.AddDate(0, 0, 4)
		if r := h.run(); r.change(kindUser, objectID(3)) != nil {
			t.Fatalf("archived too early:\n%s", r)
		}
	}
	h.now = h.now.AddDate(0, 0, 4)
	if r := h.run(); r.change(kindUser, objectID(3)) == nil || len(r.errs) > 0 {
		t.Fatalf("not archived:\n%s", r)
	}
	w := h.sim.World()
	cy := h.asset(w, kindUser, objectID(3))
	if !cy.Archived || w.Trait(cy, "upn") == nil && w.Trait(cy, "user-principal-name") == nil {
		t.Errorf("got %+v, want it archived with its traits", cy)
	}
	if len(h.contacts()) != 4 {
		t.Errorf("got %d contacts, want 4: contacts are never removed", len(h.contacts()))
	}
	h.wantNoChanges()
	h.source.users = all
	if r := h.run(); len(r.errs) > 0 || r.change(kindUser, objectID(3)).Reason != plan.BackAtSource {
		t.Fatalf("not restored:\n%s", r)
	}
	if h.asset(h.sim.World(), kindUser, objectID(3)).Archived {
		t.Error("still archived")
	}
	h.wantNoChanges()
}

func TestLeaversAreDeletedOnlyByPolicy(t *testing.T) {
	h := newHarness(t, seed(), func(c *Config) { c.Leavers = Leavers{Absences: 1, Then: ThenDelete} }).layouts()
	h.converge()
	h.source.users = slices.Delete(h.source.users, 2, 3)
	h.sim.Edit("tess", func(w *itgluesim.World) { w.SetTrait(h.asset(w, kindUser, objectID(3)), "notes-manual", "<p>mine</p>") })
	if r := h.run(); len(r.errs) != 1 || !strings.Contains(r.errs[0].Error(), "notes") {
		t.Fatalf("got %s, want an asset with notes to stay", r)
	}
	h.sim.Edit("tess", func(w *itgluesim.World) { w.SetTrait(h.asset(w, kindUser, objectID(3)), "notes-manual", nil) })
	if r := h.run(); len(r.errs) != 0 {
		t.Fatalf("%s", r)
	}
	if got := h.sim.Counts()["DELETE /flexible_assets/{id}"]; got != 1 {
		t.Errorf("got %d deletions, want 1", got)
	}
	h.wantNoChanges()
}

func TestAGroupOfThousandsIsCutAndSaysSo(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	g := &h.source.groups[0]
	for i := range 520 {
		upn := fmt.Sprintf("member%04d@contoso.example", i)
		u := directory.User{ID: objectID(1000 + i), UPN: upn, Name: fmt.Sprintf("Member %04d", i), GivenName: "Member",
			Surname: fmt.Sprintf("%04d", i), Enabled: true}
		if i >= 260 {
			u.Guest = true // named in the list, not documented
		}
		h.source.users = append(h.source.users, u)
		g.Members.IDs = append(g.Members.IDs, u.ID)
	}
	h.converge()
	w := h.sim.World()
	a := h.asset(w, kindGroup, objectID(101))
	tags, _ := w.Trait(a, "member-contacts").([]int64)
	members := fmt.Sprint(w.Trait(a, "members"))
	if len(tags) != maxTags || fmt.Sprint(w.Trait(a, "member-count")) != "523" {
		t.Errorf("got %d tags and count %v, want %d and 523", len(tags), w.Trait(a, "member-count"), maxTags)
	}
	for _, want := range []string{"more in Microsoft 365</li>", "(at most 250 members are linked to their contacts)"} {
		if !strings.Contains(members, want) {
			t.Errorf("the list does not say %q", want)
		}
	}
}

func TestAContactIsKnownByItsAddressInConnectWise(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.sim.Update(func(w *itgluesim.World) {
		w.Contact(42).Adapters = []itgluesim.Adapter{{ID: 98, TypeName: "ConnectWise Manage", PSA: "manage", RemoteID: "700", Sync: true}}
	})
	asked := []string{}
	h.client.options.Addresses = func(_ context.Context, ids []string) (map[string][]string, error) {
		asked = ids
		return map[string][]string{"700": {"Bo@Contoso.example"}}, nil
	}
	r := h.plan()
	if c := r.change(kindContact, objectID(2)); c == nil || c.Action != plan.Adopt || c.Ref != "42" || len(asked) != 1 || asked[0] != "700" {
		t.Errorf("got %+v for Bo after asking for %v, want contact 42, by ConnectWise:\n%s", c, asked, r)
	}
}

func TestADomainIsItsPunycodeTwin(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.source.domains = append(h.source.domains, directory.Domain{Name: "müller.example", Verified: true},
		directory.Domain{Name: "xn--bcher-kva.example", Verified: true})
	h.sim.Update(func(w *itgluesim.World) {
		w.Domains = append(w.Domains, &itgluesim.Domain{ID: 801, OrganizationID: 2, Name: "xn--mller-kva.example"},
			&itgluesim.Domain{ID: 802, OrganizationID: 2, Name: "Bücher.example."})
	})
	h.converge()
	for domain, want := range map[string]string{"müller.example": "[801]", "xn--bcher-kva.example": "[802]"} {
		if got := fmt.Sprint(h.sim.World().Trait(h.asset(h.sim.World(), kindDomain, domain), "tracked-domain")); got != want {
			t.Errorf("%s: got tag %s, want %s", domain, got, want)
		}
	}
	h.wantNoChanges()
}

func TestAnAddressThatIsNoneIsLeftOut(t *testing.T) {
	for _, c := range []struct{ mail, upn, want string }{
		{"ada@localhost", "ada.berg@contoso.example", "ada.berg@contoso.example"},
		{"Ada.Berg@contoso.example", "x@contoso.example", "ada.berg@contoso.example"},
		{"", "ada berg", ""},
	} {
		f := desiredContact(&directory.User{Mail: c.mail, UPN: c.upn, GivenName: "Ada"})
		if got := f.Text("email"); got != c.want {
			t.Errorf("%q, %q: got %q, want %q", c.mail, c.upn, got, c.want)
		}
	}
}

func TestWhatIsBoughtAndWhatIsFreeAreCountedApart(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	h.source.licences = []directory.Licence{
		{SKU: skuBP, PartNumber: "SPB", Name: "Microsoft 365 Business Premium", Purchased: 25, Assigned: 24, Grace: 2},
		{SKU: "f30db892-07e9-47e9-837c-80727f46fd3d", PartNumber: "FLOW_FREE", Name: "Microsoft Power Automate Free", Purchased: 10000,
			Assigned: 9},
		{SKU: "0a11aaaa-0000-4000-8000-000000000002", PartNumber: "MCOEV", Name: "Teams Phone", Purchased: 2, Assigned: 3, Trial: 5},
		{SKU: "0a11aaaa-0000-4000-8000-000000000003", PartNumber: "COPILOT", Name: "Copilot", Assigned: 7, Trial: 25},
	}
	show := func() string {
		w := h.sim.World()
		a := h.asset(w, kindLicences, tenantID)
		var out []string
		for _, key := range []string{"bought", "assigned", "unassigned", "free-of-charge"} {
			out = append(out, fmt.Sprintf("%s %v", key, w.Trait(a, key)))
		}
		for _, key := range []string{"products", "free-products-and-trials"} {
			out = append(out, key)
			if text, ok := w.Trait(a, key).(string); ok {
				out = append(out, htmlRows(text)...)
			}
		}
		return strings.Join(out, "\n")
	}
	h.converge()
	want := `bought 27
assigned 27
unassigned 1
free-of-charge 10030
products
Microsoft 365 Business Premium | SPB | 25 | 24 | 1 | 2 in grace
Teams Phone | MCOEV | 2 | 3 | 0 | 5 trial
free-products-and-trials
Copilot | COPILOT | 25 | 7 | 25 trial
Microsoft Power Automate Free | FLOW_FREE | 10000 | 9 | -`
	if got := show(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// A type of the first version has no room for the free ones: they are not lost.
	h = newHarness(t, seed(), func(*Config) {}).layouts()
	h.source.licences = []directory.Licence{{SKU: "f30db892-07e9-47e9-837c-80727f46fd3d", PartNumber: "FLOW_FREE",
		Name: "Microsoft Power Automate Free", Purchased: 10000, Assigned: 9}}
	h.sim.Update(func(w *itgluesim.World) { formerLabels(w, &h.conf) })
	h.converge()
	want = `bought 0
assigned 0
unassigned <nil>
free-of-charge <nil>
products
Microsoft Power Automate Free | FLOW_FREE | - | 9 | - | free of charge
free-products-and-trials`
	if got := show(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAssetsLeadToWhatTheyDocument(t *testing.T) {
	for name, faults := range map[string]itgluesim.Faults{"as sent": {}, "HTML rewritten": {RewriteHTML: true}} {
		h := newHarness(t, seed()).layouts()
		h.sim.SetFaults(faults)
		h.client.options.Portal = "https://cipp.example.net"
		h.customer.Tenant.DefaultDomain, h.customer.Tenant.InitialDomain = "contoso.example", "contoso.onmicrosoft.com"
		h.converge()
		w := h.sim.World()
		var got []string
		for _, of := range []plan.Key{{Kind: kindUser, ID: objectID(1)}, {Kind: kindUser, ID: objectID(2)},
			{Kind: kindGroup, ID: objectID(101)}, {Kind: kindGroup, ID: objectID(102)},
			{Kind: kindMailbox, ID: "mbx-info"}, {Kind: kindDomain, ID: "contoso.example"}, {Kind: kindLicences, ID: tenantID}} {
			got = append(got, of.Kind+" "+of.ID)
			got = append(got, htmlLinks(fmt.Sprint(w.Trait(h.asset(w, of.Kind, of.ID), "open-in")))...)
		}
		const filter, entra, exchange = "tenantFilter=contoso.example", "Entra: https://entra.microsoft.com/" + tenantID + "/#view/", "Exchange: https://admin.cloud.microsoft/exchange?delegatedOrg=contoso.onmicrosoft.com#/"
		want := []string{
			"user " + objectID(1), "CIPP: https://cipp.example.net/identity/administration/users/user?userId=" + objectID(1) + "&" + filter,
			entra + "Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/" + objectID(1),
			exchange + "mailboxes/:/MailboxDetails/" + objectID(1),
			"user " + objectID(2), "CIPP: https://cipp.example.net/identity/administration/users/user?userId=" + objectID(2) + "&" + filter,
			entra + "Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/" + objectID(2),
			"group " + objectID(101), "CIPP: https://cipp.example.net/identity/administration/groups/group?groupId=" + objectID(101) + "&" + filter,
			entra + "Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/" + objectID(101), exchange + "groups",
			"group " + objectID(102), "CIPP: https://cipp.example.net/identity/administration/groups/group?groupId=" + objectID(102) + "&" + filter,
			entra + "Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Overview/groupId/" + objectID(102),
			"mailbox mbx-info", "CIPP: https://cipp.example.net/identity/administration/users/user/exchange?userId=" + objectID(5) + "&" + filter,
			entra + "Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/" + objectID(5),
			exchange + "mailboxes/:/MailboxDetails/" + objectID(5),
			"domain contoso.example", "CIPP: https://cipp.example.net/tenant/administration/domains?" + filter,
			entra + "Microsoft_AAD_IAM/DomainsList.ReactView", exchange + "accepteddomains",
			"licences " + tenantID, "CIPP: https://cipp.example.net/tenant/reports/list-licenses?" + filter,
			entra + "Microsoft_AAD_IAM/LicensesMenuBlade/~/Products",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", name, diff)
		}
		h.sim.Edit("tess", func(w *itgluesim.World) {
			w.SetTrait(h.asset(w, kindUser, objectID(1)), "open-in", `<ul><li><a href="https://evil.example">CIPP</a></li></ul>`)
		})
		if r := h.run(); r.change(kindUser, objectID(1)) == nil {
			t.Errorf("%s: a link that leads elsewhere is not put back:\n%s", name, r)
		}
		h.wantNoChanges()
	}
}

func TestAssetsSayInWhichMonthTheyWereLastProven(t *testing.T) {
	h := newHarness(t, seed()).layouts()
	asOf := noon
	h.asOf = func() time.Time { return asOf }
	h.converge()
	all := len(h.sim.World().Assets)
	for _, tt := range []struct {
		asOf    time.Time
		changes int
		says    string
	}{
		{noon.AddDate(0, 0, 9), 0, "2026-11"},    // 30 November
		{noon.AddDate(0, 0, 10), all, "2026-12"}, // the month begins
		{noon.AddDate(0, 0, 11), 0, "2026-12"},
		{noon, 0, "2026-12"}, // an older answer: what was proven stays proven
		{noon.AddDate(0, 0, 40), 0, "2026-12"},
		{noon.AddDate(0, 0, 41), all, "2027-01"},
	} {
		asOf = tt.asOf
		r := h.run()
		if len(r.plan.Changes) != tt.changes || r.plan.Tally().Updates != 0 {
			t.Errorf("%s: got %d changes, %d of them counted, want %d and none:\n%s", asOf.Format(time.DateOnly), len(r.plan.Changes),
				r.plan.Tally().Updates, tt.changes, r)
		}
		w := h.sim.World()
		for _, a := range w.Assets {
			if got := w.Trait(a, "last-proven"); got != tt.says {
				t.Errorf("%s: asset %d says %v, want %s", asOf.Format(time.DateOnly), a.ID, got, tt.says)
			}
		}
	}
	// With something to say besides it counts like any other.
	h.source.users[0].Department, asOf = "Sales", noon.AddDate(0, 3, 0)
	if r := h.plan(); r.plan.Tally().Updates != 1 {
		t.Errorf("got %d updates counted, want Ana's:\n%s", r.plan.Tally().Updates, r)
	}
}
