package money

import (
	"fmt"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

func subscription(status string, units, days int) directory.Subscription {
	return directory.Subscription{ID: status, Status: status, Total: units, Renews: in(days)}
}

func trial(units int) directory.Subscription {
	return directory.Subscription{ID: "trial", Status: "Enabled", Total: units, Trial: true, Renews: in(20)}
}

func licence(assigned int, subs ...directory.Subscription) *directory.Licence {
	return &directory.Licence{SKU: "spb", Name: "Business Premium", Assigned: assigned, Subscriptions: subs}
}

func TestWhatAProductComesTo(t *testing.T) {
	n := func(n int) *int { return &n }
	purchased, assigned := mapping.Rule{SKU: "SPB", Count: mapping.Purchased}, mapping.Rule{SKU: "SPB", Count: mapping.Assigned}
	least := func(r mapping.Rule, least int) mapping.Rule { r.Minimum = n(least); return r }
	most := func(r mapping.Rule, most int) mapping.Rule { r.Maximum = n(most); return r }
	weighing := func(r mapping.Rule, weight string) mapping.Rule { r.Weight = weight; return r }
	larger := mapping.Rule{SKU: "SPB", Count: mapping.Larger}
	floor := mapping.Rule{SKU: "SPB", Count: mapping.Assigned, Floor: mapping.Purchased}
	unread := licence(3, subscription("Enabled", 10, 50))
	unread.Unread = "consumedUnits is negative (-1)"
	disputed := licence(3, subscription("Enabled", 10, 50))
	disputed.Purchased, disputed.Disputed = 10, "prepaidUnits says 12"
	for _, c := range []struct {
		name    string
		licence *directory.Licence
		rule    mapping.Rule
		free    bool
		partial bool
		want    string
	}{
		{"purchased", licence(7, subscription("Enabled", 10, 50)), purchased, false, false, "10"},
		{"assigned", licence(7, subscription("Enabled", 10, 50)), assigned, false, false, "7"},
		{"no more assigned than is sold", licence(12, subscription("Enabled", 10, 50)), assigned, false, false, "10"},
		{"a minimum", licence(2, subscription("Enabled", 3, 50)), least(assigned, 5), false, false, "5, floor +3"},
		{"a minimum that does not matter", licence(6, subscription("Enabled", 8, 50)), least(assigned, 5), false, false, "6"},
		{"a minimum of what is bought", licence(2, subscription("Enabled", 3, 50)), least(purchased, 5), false, false, "5"},
		{"the larger: bought", licence(7, subscription("Enabled", 10, 50)), larger, false, false, "10"},
		{"the larger: assigned", licence(12, subscription("Enabled", 10, 50)), larger, false, false, "12"},
		{"the larger, beside a trial", licence(29, subscription("Enabled", 5, 50), trial(25)), larger, false, false, "5, trial +0"},
		{"the larger, of a trial", licence(12, trial(25)), larger, false, false, "0, trial +0"},
		{"a floor of what is bought", licence(7, subscription("Enabled", 10, 50)), floor, false, false, "10, floor +3"},
		{"the larger, and a minimum that does not matter", licence(7, subscription("Enabled", 10, 50)), least(larger, 5), false, false, "10"},
		{"the larger, and a minimum", licence(2, subscription("Enabled", 3, 50)), least(larger, 5), false, false, "5, floor +2"},
		{"a floor, disputed", func() *directory.Licence { l := *disputed; return &l }(), floor, false, false, "10 hold source_disagrees, floor +7"},
		{"a floor that does not matter", licence(10, subscription("Enabled", 10, 50)), floor, false, false, "10"},
		{"a weight", licence(7, subscription("Enabled", 10, 50)), weighing(purchased, "1.5"), false, false, "15"},
		{"a weight, rounded up", licence(7, subscription("Enabled", 5, 50)), weighing(purchased, "0.5"), false, false, "3"},
		{"a weight within a maximum", licence(7, subscription("Enabled", 10, 50)), most(weighing(purchased, "2"), 12), false, false, "12"},
		{"a maximum", licence(2, subscription("Enabled", 30, 50)), most(purchased, 25), false, false, "25"},
		{"not listed", nil, least(purchased, 5), false, false, "0"},
		{"not listed, and the list is partial", nil, purchased, false, true, "0 hold not_proven"},

		{"a trial", licence(7, trial(25)), purchased, false, false, "0, trial +0"},
		{"a trial, counted by assigned", licence(7, trial(25)), assigned, false, false, "0, trial +0"},
		{"a trial, and a minimum", licence(7, trial(25)), least(purchased, 5), false, false, "0, trial +0"},
		{"a trial beside four that are paid for", licence(7, subscription("Enabled", 4, 50), trial(25)), assigned, false, false, "4, trial +0"},
		{"a trial that was suspended", licence(7, directory.Subscription{ID: "s", Status: "Suspended", Total: 25, Trial: true}), least(assigned, 5), false, false, "0, trial +0"},
		{"deleted, and still assigned", licence(7, subscription("Deleted", 10, 50)), assigned, false, false, "0, gone +0"},
		{"locked out, and a minimum", licence(7, subscription("LockedOut", 10, 50)), least(purchased, 5), false, false, "0, gone +0"},
		{"what is free of charge at Microsoft and has no subscription", &directory.Licence{SKU: "spb", Purchased: 10000, Assigned: 3}, assigned, false, false, "3"},

		{"in grace", licence(7, subscription("Warning", 10, 20)), purchased, false, false, "10, in_grace +10"},
		{"in grace, free", licence(7, subscription("Warning", 10, 20)), purchased, true, false, "0, in_grace +10"},
		{"in grace beside others", licence(7, subscription("Enabled", 5, 50), subscription("Warning", 10, 20)), purchased, false, false, "15, in_grace +10"},
		{"in grace beside others, free", licence(7, subscription("Enabled", 5, 50), subscription("Warning", 10, 20)), purchased, true, false, "5, in_grace +10"},
		{"in grace, and it does not matter", licence(3, subscription("Enabled", 5, 50), subscription("Warning", 10, 20)), assigned, true, false, "3, in_grace +0"},
		{"in grace without a subscription", &directory.Licence{SKU: "spb", Purchased: 12, Grace: 2}, purchased, true, false, "10, in_grace +2"},

		{"suspended, and billed on", licence(7, subscription("Suspended", 10, 336)), purchased, false, false, "10, suspended_billed +10"},
		{"suspended, and lapsed", licence(7, directory.Subscription{ID: "s", Status: "Suspended", Total: 10, Before: directory.Seen{Lapsed: true}}), purchased, false, false, "0, lapsed +0"},
		{"suspended, and nobody knows", licence(7, subscription("Suspended", 10, 60)), purchased, false, false, "0 hold suspension_unclear"},
		{"suspended, and nobody knows, beside others", licence(7, subscription("Enabled", 5, 50), subscription("Suspended", 10, 60)), purchased, false, false, "5 hold suspension_unclear"},
		{"suspended without a subscription", &directory.Licence{SKU: "spb", Purchased: 5, Suspended: 10}, purchased, false, false, "5 hold suspension_unclear"},
		{"a state of which nobody heard", licence(7, subscription("Resting", 10, 60)), purchased, false, false, "0 hold suspension_unclear"},

		{"a row that makes no sense", unread, purchased, false, false, "0 hold not_proven"},
		{"a row that makes no sense, counted by assigned", unread, assigned, false, false, "0 hold not_proven"},
		{"disputed", disputed, purchased, false, false, "10 hold source_disagrees"},
		{"disputed, and it does not matter", disputed, assigned, false, false, "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Policy{Grace: GraceBill, Now: now}
			if c.free {
				p.Grace = GraceFree
			}
			all := map[string]*directory.Licence{}
			if c.licence != nil {
				all["spb"] = c.licence
			}
			d := p.Due("Business Premium", []mapping.Rule{c.rule}, Source{Licences: all, Partial: c.partial})
			got := fmt.Sprint(d.Units)
			if d.Hold != nil {
				got += " hold " + d.Hold.Code
			}
			for _, r := range d.Remarks {
				got += fmt.Sprintf(", %s +%d", r.Code, r.Units)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWhatIsSaidOfUnitsThatAreNotSimplySold(t *testing.T) {
	rules := []mapping.Rule{{SKU: "spb", Count: mapping.Purchased}}
	var got []string
	for _, c := range []struct {
		grace string
		l     *directory.Licence
	}{
		{GraceBill, licence(0, subscription("Warning", 10, 20))},
		{GraceFree, licence(0, subscription("Warning", 1, 20))},
		{GraceBill, licence(0, subscription("Suspended", 5, 336))},
		{GraceBill, licence(0, directory.Subscription{ID: "s", Status: "Suspended", Total: 5, Before: directory.Seen{Lapsed: true, Ends: in(-40)}})},
		{GraceBill, licence(0, subscription("LockedOut", 5, 0), trial(25))},
		{GraceBill, licence(0, subscription("Suspended", 5, 60))},
		{GraceBill, licence(0, subscription("Resting", 5, 60))},
	} {
		d := Policy{Grace: c.grace, Now: now}.Due("Business Premium", rules, Source{Licences: map[string]*directory.Licence{"spb": c.l}})
		for _, r := range d.Remarks {
			got = append(got, r.Text)
		}
		if d.Hold != nil {
			got = append(got, d.Hold.Text)
		}
	}
	const unclear = ": nothing shows whether Microsoft bills them on or whether their term ended, and the line is left as it is; look in Partner Center, and "
	const byHand = "set the line by hand and leave it out (syncd matches ignore)"
	want := []string{
		"10 units of Business Premium lapsed and are in their grace period (suspended 2026-12-11): they are billed on (connectwise.grace: bill)",
		"1 unit of Business Premium lapsed and are in their grace period (suspended 2026-12-11): they are not billed (connectwise.grace: free)",
		"5 units of Business Premium are suspended, and Microsoft bills them until 2027-10-23: they stay due",
		"5 units of Business Premium lapsed 2026-10-12 and are suspended: they are not billed",
		"5 units of Business Premium are deleted or locked out: they are not billed",
		"25 units of Business Premium are a trial: they are not billed",
		"Business Premium: 5 units are suspended" + unclear + "say when the term of Suspended ends (syncd terms import), or " + byHand,
		`Business Premium: 5 units are in the state "Resting", which is not known here` + unclear + byHand + " if it is known sooner",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got:\n%s\nwant:\n%s", a, b)
	}
}

// Several subscriptions of one SKU go to different products, by who sold them, by
// their term, or by id; each must have its one rule.
func TestSubscriptionsGoToDifferentProducts(t *testing.T) {
	const partner, annual, monthly, grant = "22222222-2222-2222-2222-222222222222", "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002", "aaaaaaaa-0000-0000-0000-000000000003"
	licence := directory.Licence{SKU: "spb", Name: "Business Premium", Subscriptions: []directory.Subscription{
		{ID: annual, Status: "Enabled", Total: 10, Owner: partner, Renews: in(100)},
		{ID: monthly, Status: "Enabled", Total: 3, Owner: partner, Renews: in(10)},
		{ID: grant, Status: "Enabled", Total: 300, Renews: in(200)},
		{ID: "trial", Status: "Enabled", Total: 25, Trial: true},
	}}
	rule := func(product, subscriptions string) mapping.Rule {
		return mapping.Rule{SKU: "spb", Product: product, Count: mapping.Purchased, Subscriptions: subscriptions, Status: mapping.Bill}
	}
	terms := map[string]string{annual: TermAnnual, monthly: TermMonthly, grant: TermAnnual}
	backup := mapping.Rule{SKU: "spb", Product: "backup", Count: mapping.Assigned, Status: mapping.Bill}
	for _, c := range []struct {
		name  string
		rules []mapping.Rule
		terms map[string]string
		want  string // of each rule's product
	}{
		{"all to one", []mapping.Rule{rule("a", "")}, nil, "313"},
		{"by who sold them", []mapping.Rule{rule("a", "owner="+partner), rule("b", "owner=none")}, nil, "13 300"},
		{"by term and who sold them", []mapping.Rule{rule("a", "term=annual; owner="+partner), rule("b", "term=monthly; owner="+partner), rule("c", "owner=none")}, terms, "10 3 300"},
		{"by id", []mapping.Rule{rule("a", annual+"; "+monthly), rule("b", grant)}, nil, "13 300"},
		{"what is assigned goes to another product, too", []mapping.Rule{rule("a", "owner="+partner), rule("b", "owner=none"), backup}, nil, "13 300 0"},
		{"by term, and one is not known", []mapping.Rule{rule("a", "term=annual"), rule("b", "term=monthly")}, map[string]string{annual: TermAnnual}, "hold subscription_unruled"},
		{"none of its rules picks one", []mapping.Rule{rule("a", "owner="+partner)}, nil, "hold subscription_unruled"},
		{"a grant is left out", []mapping.Rule{rule("a", "owner="+partner), {SKU: "spb", Subscriptions: "owner=none", Status: mapping.Ignore}}, nil, "13"},
		{"what is left out is billed, too", []mapping.Rule{rule("a", ""), {SKU: "spb", Subscriptions: "owner=none", Status: mapping.Ignore}}, nil, "hold subscription_twice"},
		{"two pick one", []mapping.Rule{rule("a", ""), rule("b", "owner=none")}, nil, "hold subscription_twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := NewSource(&directory.Snapshot{}, []directory.Licence{licence}, c.rules, func(id string) string { return c.terms[id] })
			var got []string
			for _, r := range c.rules {
				if r.Status != mapping.Bill {
					continue
				}
				d := Policy{Grace: GraceBill, Now: now}.Due(r.Product, []mapping.Rule{r}, src)
				if d.Hold != nil {
					got = []string{"hold " + d.Hold.Code}
					break
				}
				got = append(got, fmt.Sprint(d.Units))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

func TestPeopleAreCounted(t *testing.T) {
	user := func(id, department string, licences ...string) directory.User {
		return directory.User{ID: id, UPN: id + "@contoso.example", Department: department, Enabled: true, Licences: licences}
	}
	users := []directory.User{user("ann", "Sales", "spb"), user("bob", "Sales"), user("cid", "IT", "spb", "e3")}
	licences := []directory.Licence{{SKU: "spb", Name: "Business Premium", Assigned: 2, Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Total: 10, Renews: in(50)}}}}
	groups := directory.Proven([]directory.Group{{ID: "g", Name: "Backup", Members: directory.Members{IDs: []string{"cid"}}}}, directory.Proof{})
	known := &directory.Snapshot{Groups: groups, Users: directory.Proven(users, directory.Proof{}), Licences: directory.Proven(licences, directory.Proof{})}
	unknown := &directory.Snapshot{Licences: directory.Proven(licences, directory.Proof{})}
	n := 5
	for _, c := range []struct {
		name     string
		rule     mapping.Rule
		snapshot *directory.Snapshot
		want     string
	}{
		{"all", mapping.Rule{Product: "backup", Count: mapping.People}, known, "3 [ann bob cid]"},
		{"a department", mapping.Rule{Product: "backup", Count: mapping.People, Who: "department=sales"}, known, "2 [ann bob]"},
		{"who hold it", mapping.Rule{SKU: "spb", Product: "backup", Count: mapping.People}, known, "2 [ann cid]"},
		{"a department, assigned", mapping.Rule{SKU: "spb", Product: "spb", Count: mapping.Assigned, Who: "department=it"}, known, "1 [cid]"},
		{"with a minimum", mapping.Rule{Product: "backup", Count: mapping.People, Minimum: &n}, known, "5 [ann bob cid] floor"},
		{"half of them", mapping.Rule{Product: "backup", Count: mapping.People, Weight: "0.5"}, known, "2 [ann bob cid]"},
		{"nobody", mapping.Rule{Product: "backup", Count: mapping.People, Who: "department=HR"}, known, "0 []"},
		{"no fewer than are bought", mapping.Rule{SKU: "spb", Product: "backup", Count: mapping.People, Floor: mapping.Purchased}, known, "10 [ann cid] floor"},
		{"no fewer than are bought, of what is not bought", mapping.Rule{SKU: "e5", Product: "backup", Count: mapping.People, Floor: mapping.Purchased}, known, "0 []"},
		{"a group that is there", mapping.Rule{Product: "backup", Count: mapping.People, Who: "group=Backup"}, known, "1 [cid]"},
		{"a group that is not there", mapping.Rule{Product: "backup", Count: mapping.People, Who: "group=Backups"}, known, "hold not_proven unlisted"},
		{"a group that is not there, for one customer", mapping.Rule{Customer: "c", Product: "backup", Count: mapping.People, Who: "group=Backups"}, known, "hold not_proven"},
		{"not proven", mapping.Rule{Product: "backup", Count: mapping.People, Who: "department=sales"}, unknown, "hold not_proven"},
		{"not proven, assigned", mapping.Rule{SKU: "spb", Product: "spb", Count: mapping.Assigned, Who: "department=it"}, unknown, "hold not_proven"},
	} {
		c.rule.Status = mapping.Bill
		d := Policy{Grace: GraceBill, Now: now}.Due("x", []mapping.Rule{c.rule}, NewSource(c.snapshot, licences, []mapping.Rule{c.rule}, nil))
		got := fmt.Sprint(d.Units, " ", d.People)
		if d.Hold != nil {
			got = "hold " + d.Hold.Code
			if !d.Listed {
				got += " unlisted"
			}
		}
		for _, r := range d.Remarks {
			got += " " + r.Code
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
