package connectwise

import (
	"strings"
	"testing"

	"syncd/internal/directory"
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
