package connectwise

import (
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	cwsim "syncd/internal/simulator/connectwise"
)

// What units cost that are not simply sold is in the note, by the line's own price.
func TestNotesAboutSubscriptionsSayWhatTheyCost(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP"), rule(skuE3, "E3")))
	p := h.plan(contoso, snapshot(
		directory.Licence{SKU: skuBP, Name: "Business Premium", Subscriptions: []directory.Subscription{sub("Enabled", 7, 90), {ID: "x", Status: "Suspended", Total: 5, Renews: noon.AddDate(0, 0, 336)}}},
		directory.Licence{SKU: skuE3, Name: "E3", Subscriptions: []directory.Subscription{{ID: "y", Status: "Warning", Total: 2}}}), additionRecord("55/910", "12", ""))
	var got []string
	for _, v := range p.Violations {
		if v.Code != "unbilled" {
			got = append(got, v.Code+": "+v.Message)
		}
	}
	want := []string{
		"suspended_billed: 5 units of Business Premium are suspended, and Microsoft bills them until 2027-10-23: they stay due, 110.00 USD a month",
		"in_grace: 2 units of E3 lapsed and are in their grace period (suspended at the end of it): they are billed on (connectwise.grace: bill), 73.00 USD a month",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got:\n%s\nwant:\n%s", a, b)
	}
}

// What cannot be kept in step is there all the same, for people to see.
func TestLinesThatAreNotComparedAreShown(t *testing.T) {
	second := func(edit func(*cwsim.Addition)) func(*cwsim.World) {
		return func(w *cwsim.World) {
			a := &cwsim.Addition{ID: 950, AgreementID: 55, ProductID: 752, Quantity: num("1"), UnitPrice: num("22"), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)}
			edit(a)
			w.Additions = append(w.Additions, a)
		}
	}
	for _, c := range []struct {
		name string
		edit func(*cwsim.World)
		want string
	}{
		{"one line", func(*cwsim.World) {}, ""},
		{"two lines", second(func(*cwsim.Addition) {}), "55/910 12 Billable; 55/950 1 Billable"},
		{"one that is not billed beside it", second(func(a *cwsim.Addition) { a.BillCustomer = "DoNotBill" }), "55/950 1 DoNotBill"},
		{"one that ended", second(func(a *cwsim.Addition) { a.CancelledDate = cwsim.Day(2026, 11, 20) }), ""},
		{"one that begins later", func(w *cwsim.World) { w.Addition(910).EffectiveDate = cwsim.Day(2026, 12, 1) }, "55/910 12 Billable from 2026-12-01"},
		{"two agreements", func(w *cwsim.World) {
			a, l := *w.Agreement(55), *w.Addition(910)
			a.ID, l.ID, l.AgreementID, l.Quantity = 70, 970, 70, num("3")
			w.Agreements, w.Additions = append(w.Agreements, &a), append(w.Additions, &l)
		}, "55/910 12 Billable; 70/970 3 Billable"},
		{"no agreement that fits", func(w *cwsim.World) { w.Agreement(55).TypeID = 4 }, "55/910 12 Billable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
			h.sim.Update(c.edit)
			seen := h.observe(contoso)
			var got []string
			for _, o := range seen.Beside {
				if o.Key != (plan.Key{Kind: kindAddition, ID: skuBP}) || o.Billing.UnitPrice.String() != "22" || o.Billing.Currency != "USD" {
					t.Errorf("got %+v", o)
				}
				got = append(got, strings.TrimSpace(o.Ref+" "+o.Fields.Text(fieldQuantity)+" "+o.Billing.Bill+" "+o.Billing.Idle))
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}

// Who sold a subscription, and how it renews, is noted where a rule bills it.
func TestNotesAboutWhoSoldItAndHowItRenews(t *testing.T) {
	const partner = "0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d90"
	owned := func(id, status, owner string, units int) directory.Subscription {
		return directory.Subscription{ID: id, Status: status, Total: units, Owner: owner, Renews: noon.AddDate(0, 0, 25)}
	}
	renewing := func(status, term, earlier string) directory.Subscription {
		s := owned("s", status, "", 5)
		s.Before = directory.Seen{ID: "s", Term: term, Earlier: earlier}
		return s
	}
	claim := money.Claim{Customer: tenant, Subscription: "s", Term: money.TermAnnual, Ends: noon.AddDate(0, 0, -5).Truncate(24 * time.Hour), Source: money.Distributor}
	for _, c := range []struct {
		name   string
		rule   mapping.Rule
		subs   []directory.Subscription
		claims []money.Claim
		want   string // codes and the subscriptions named
	}{
		{"all by a partner", rule(skuBP, "M365-BP"), []directory.Subscription{owned("a", "Enabled", partner, 5)}, nil, ""},
		{"none by a partner", rule(skuBP, "M365-BP"), []directory.Subscription{owned("a", "Enabled", "", 5)}, nil, ""},
		{"one beside another", rule(skuBP, "M365-BP"), []directory.Subscription{owned("a", "Enabled", partner, 5), owned("b", "Enabled", "", 2)}, nil, "bought_direct b (2 units"},
		{"in grace", rule(skuBP, "M365-BP"), []directory.Subscription{owned("a", "Enabled", partner, 5), owned("b", "Warning", "", 2)}, nil, "bought_direct b (2 units"},
		{"gone", rule(skuBP, "M365-BP"), []directory.Subscription{owned("a", "Enabled", partner, 5), owned("b", "Deleted", "", 2)}, nil, ""},
		{"without a unit", rule(skuBP, "M365-BP"), []directory.Subscription{owned("a", "Enabled", partner, 5), owned("b", "Enabled", "", 0)}, nil, ""},
		{"somebody decided", rule(skuBP, "M365-BP", func(r *mapping.Rule) { r.Subscriptions = "owner=none|" + partner }), []directory.Subscription{owned("a", "Enabled", partner, 5), owned("b", "Enabled", "", 2)}, nil, ""},
		{"a year that renews by the month", rule(skuBP, "M365-BP"), []directory.Subscription{renewing("Enabled", money.TermMonthly, money.TermAnnual)}, nil, "term_changed s (5 units of Premium, annual before)"},
		{"… in Microsoft's state of grace", rule(skuBP, "M365-BP"), []directory.Subscription{renewing("Warning", money.TermMonthly, money.TermAnnual)}, nil, "term_changed s (5 units of Premium, annual before)"},
		{"… and gone", rule(skuBP, "M365-BP"), []directory.Subscription{renewing("Deleted", money.TermMonthly, money.TermAnnual)}, nil, ""},
		{"a claimed year that renews by the month", rule(skuBP, "M365-BP"), []directory.Subscription{renewing("Enabled", "", "")}, []money.Claim{claim}, "term_changed s (5 units of Premium, annual until 2026-11-16, says distributor)"},
		{"… claimed for another customer", rule(skuBP, "M365-BP"), []directory.Subscription{renewing("Enabled", "", "")}, []money.Claim{{Customer: other, Subscription: "s", Term: claim.Term, Ends: claim.Ends, Source: claim.Source}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, seed(), rules(c.rule))
			h.target = h.client.Open(money.Tables{Rules: rules(c.rule), Claims: money.Claims{Claims: c.claims}})
			p := h.plan(contoso, snapshot(directory.Licence{SKU: skuBP, Name: "Premium", Subscriptions: c.subs}), additionRecord("55/910", "12", ""))
			var got []string
			for _, v := range p.Violations {
				if v.Code == "bought_direct" || v.Code == "term_changed" {
					got = append(got, v.Code+" "+v.Message)
				}
			}
			code, text, _ := strings.Cut(c.want, " ")
			switch {
			case c.want == "" && len(got) == 0:
			case c.want != "" && len(got) == 1 && strings.HasPrefix(got[0], code) && strings.Contains(got[0], text):
			default:
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A line that is kept in step no longer is there until it ends; under an agreement that is
// over it bills no more.
func TestALineUnderAnAgreementThatIsOverBillsNoMore(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*cwsim.Agreement)
		want string
	}{
		{"it runs on", func(*cwsim.Agreement) {}, "70/970 1 "},
		{"it runs on, by the year", func(a *cwsim.Agreement) { a.BillingCycleID = 3 }, "70/970 12 "},
		{"it is cancelled", func(a *cwsim.Agreement) { a.Cancelled = true }, "70/970 1 agreement 70 is cancelled"},
		{"it ended yesterday", func(a *cwsim.Agreement) { a.NoEndingDate, a.EndDate = false, cwsim.Day(2026, 11, 20) }, "70/970 1 agreement 70 ended"},
		{"it ends today", func(a *cwsim.Agreement) { a.NoEndingDate, a.EndDate = false, cwsim.Day(2026, 11, 21) }, "70/970 1 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, named := range []string{"", "55"} { // the other one is read, or is not
				h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
				h.sim.Update(func(w *cwsim.World) {
					a, l := *w.Agreement(55), *w.Addition(910)
					a.ID, a.TypeID, l.ID, l.AgreementID = 70, 4, 970, 70
					c.edit(&a)
					w.Agreements, w.Additions = append(w.Agreements, &a), append(w.Additions, &l)
				})
				h.refs = []string{"70/970"}
				seen := h.observe(customer(tenant, "250", named))
				if seen.Err != nil || len(seen.Unmanaged) != 1 {
					t.Fatalf("got %+v, want line 970", seen.Observed)
				}
				o := seen.Unmanaged[0]
				if got := o.Ref + " " + string(o.Billing.Cycle) + " " + o.Billing.Idle; got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

// A licence that nobody bills is named, and so are those who are counted by it all the same.
func TestWhatIsSaidOfLicencesThatNoRuleBills(t *testing.T) {
	people := func(customer string) mapping.Rule {
		return rule(skuBP, "BACKUP", func(r *mapping.Rule) { r.Count, r.Customer = mapping.People, customer })
	}
	ignored := rule(skuBP, "", func(r *mapping.Rule) { r.Status, r.Customer = mapping.Ignore, tenant })
	const counted, by = "rules count only who holds Premium (3, its people for BACKUP", "), and no rule bills the licence itself"
	for _, c := range []struct {
		name  string
		rules mapping.Rules
		want  string
	}{
		{"no rule at all", rules(rule(skuE3, "E3")), "no product rule says what becomes of Premium (3): syncd products suggest"},
		{"billed", rules(rule(skuBP, "M365-BP")), ""},
		{"billed, and its people counted", rules(rule(skuBP, "M365-BP"), people("")), ""},
		{"its people counted alone", rules(people("")), counted + by},
		{"one customer's people, before what is so for all", rules(rule(skuBP, "M365-BP"), people(tenant)), counted + "; billed on by line 55/910" + by},
		{"… and the licence left out", rules(rule(skuBP, "M365-BP"), people(tenant), ignored), ""},
	} {
		h := newHarness(t, seed(), c.rules)
		got := ""
		for _, x := range h.observeWith(snapshot(directory.Licence{SKU: skuBP, Name: "Premium", Purchased: 3}), contoso).Desired.Conflicts {
			if x.Code == "unmapped_sku" {
				got += x.Message
			}
		}
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
