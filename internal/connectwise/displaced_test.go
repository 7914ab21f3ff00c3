package connectwise

import (
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	cwsim "syncd/internal/simulator/connectwise"
)

// Where a customer's own rules feed another product, a line of the one that the rules for all
// would bill is told with its money, and is never written.
func TestALineThatACustomersOwnRulesDoNotFeedIsTold(t *testing.T) {
	own := func(product string, edit func(*mapping.Rule)) mapping.Rule {
		return rule(skuBP, product, func(r *mapping.Rule) { r.Customer = tenant; edit(r) })
	}
	all := rule(skuBP, "M365-BP")
	people := own("E3", func(r *mapping.Rule) { r.Count = mapping.People })
	const told = "Microsoft 365 Business Premium is billed as M365-BP, 12 on line 55/910 (220.00 a month), and the customer's own rules feed no such product"
	const by = "its people for E3; billed on by line 55/910), and no rule bills the licence itself"
	second := func(w *cwsim.World) {
		w.Additions = append(w.Additions, &cwsim.Addition{ID: 950, AgreementID: 55, ProductID: 752, Quantity: num("1"), UnitPrice: num("22"), BillCustomer: "Billable", EffectiveDate: cwsim.Day(2025, 1, 1)})
	}
	for _, c := range []struct {
		name     string
		rules    mapping.Rules
		edit     func(*cwsim.World)
		refs     []string
		over     string // of the note
		unmapped string
		due      string // of the displaced product
	}{
		{"people of the licence", rules(all, people), nil, nil, told, by, "0 of 12"},
		{"another product", rules(all, own("E3", func(*mapping.Rule) {})), nil, nil, told, "", "0 of 12"},
		{"ignored", rules(all, own("", func(r *mapping.Rule) { r.Status = mapping.Ignore })), nil, nil, "", "", ""},
		{"two lines", rules(all, people), second, nil, "12 on line 55/910 (220.00 a month), 1 on line 55/950 (22.00 a month)", "billed on by line 55/910, 55/950", "0 of 13"},
		{"one that was kept in step", rules(all, people), nil, []string{"55/910"}, "", by, "0 of 12"},
		{"one that is not billed", rules(all, people), func(w *cwsim.World) { w.Addition(910).BillCustomer = "DoNotBill" }, nil, "", "its people for E3), and", "0 of 0"},
		{"one that ended", rules(all, people), func(w *cwsim.World) { w.Addition(910).CancelledDate = cwsim.Day(2026, 11, 20) }, nil, "", "its people for E3), and", "0 of 0"},
		{"one of no licences", rules(all, people), func(w *cwsim.World) { w.Addition(910).Quantity = num("0") }, nil, "", "its people for E3), and", "0 of 0"},
		{"the same product", rules(all, own("M365-BP", func(r *mapping.Rule) { r.Minimum = new(3) })), nil, []string{"55/910"}, "", "", ""},
		{"another customer's rule", rules(all, own("E3", func(r *mapping.Rule) { r.Customer = other })), nil, []string{"55/910"}, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, seed(), c.rules)
			h.refs = c.refs
			if c.edit != nil {
				h.sim.Update(c.edit)
			}
			seen := h.observeWith(snapshot(directory.Licence{SKU: skuBP, Name: "Premium", Purchased: 10}), contoso)
			over, unmapped := "", ""
			for _, x := range append(seen.Conflicts, seen.Desired.Conflicts...) {
				switch x.Code {
				case "over_billed":
					over = x.Message
					if !x.Note || x.Key.ID != skuBP+"@M365-BP" {
						t.Errorf("got %+v", x)
					}
				case "unmapped_sku":
					unmapped = x.Message
				}
			}
			if !strings.Contains(over, c.over) || c.over == "" && over != "" {
				t.Errorf("over_billed: got %q, want %q", over, c.over)
			}
			if !strings.Contains(unmapped, c.unmapped) || c.unmapped == "" && unmapped != "" {
				t.Errorf("unmapped_sku: got %q, want %q", unmapped, c.unmapped)
			}
			due := ""
			for i := range seen.Desired.Counts {
				if x := &seen.Desired.Counts[i]; x.Key == (plan.Key{Kind: kindAddition, ID: skuBP + "@M365-BP"}) {
					billed, _ := seen.Billed(x.Key)
					due = mapping.Number(x.Due) + " of " + billed.String()
				}
			}
			if due != c.due {
				t.Errorf("due of the displaced product: got %q, want %q", due, c.due)
			}
		})
	}
}
