package connectwise

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	cwsim "syncd/internal/simulator/connectwise"
	"syncd/internal/target"
)

// What the ledger keeps of a product is what its rules counted, and of whom.
func TestACountSaysWhatItIsMadeOf(t *testing.T) {
	assigned := func(r *mapping.Rule) { r.Count = mapping.Assigned }
	disputed := licence(skuBP, 12, 9)
	disputed.Disputed = "prepaidUnits says 14"
	two := directory.Licence{SKU: skuBP, Name: "Business Premium", Assigned: 9, Subscriptions: []directory.Subscription{
		{ID: "b", Status: "Enabled", Total: 8, Renews: noon.AddDate(0, 0, 90)}, {ID: "a", Status: "Suspended", Total: 5, Renews: noon.AddDate(0, 0, 336)}}}
	for _, c := range []struct {
		name     string
		rules    mapping.Rules
		licences []directory.Licence
		want     string
	}{
		{"purchased", rules(rule(skuBP, "M365-BP")), []directory.Licence{licence(skuBP, 12, 9)}, "M365-BP 12/9/12"},
		{"assigned", rules(rule(skuBP, "M365-BP", assigned)), []directory.Licence{licence(skuBP, 12, 2)}, "M365-BP 12/2/2 of ada@contoso.example, kern@contoso.example"},
		{"a product written by its id", rules(rule(skuBP, "752")), []directory.Licence{licence(skuBP, 12, 9)}, "M365-BP 12/9/12"},
		{"nothing of it is there", rules(rule(skuBP, "M365-BP")), nil, "M365-BP 0/0/0"},
		{"two answers disagree", rules(rule(skuBP, "M365-BP")), []directory.Licence{disputed}, "M365-BP ?/?/? because Microsoft 365 Business Premium: two answers of the source"},
		{"subscriptions as they are judged", rules(rule(skuBP, "M365-BP")), []directory.Licence{two}, "M365-BP 13/9/13 (a suspended_billed 5 until 2027-10-23, b enabled 8 until 2027-02-19)"},
		{"several licences add up", rules(rule(skuBP, "M365-BP"), rule(skuE3, "M365-BP")), []directory.Licence{licence(skuBP, 12, 9), licence(skuE3, 3, 1)}, "M365-BP 15/10/15"},
		{"a product that is not in the catalogue", rules(rule(skuBP, "NO-SUCH")), []directory.Licence{licence(skuBP, 12, 9)}, "NO-SUCH 12/9/12, its lines not known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, seed(), c.rules)
			h.client.options.Names = target.NamesUPN
			s := snapshot(c.licences...)
			s.Holders = directory.Proven([]directory.Holder{{ID: "2", UPN: "kern@contoso.example", Licences: []string{skuBP, skuE3}}, {ID: "1", UPN: "ada@contoso.example", Licences: []string{skuBP}},
				{ID: "3", UPN: "lee@contoso.example", Licences: []string{skuE3}}}, directory.Proof{})
			if got := counted(h.compare(t, s)); !strings.HasPrefix(got, c.want) || strings.Count(got, "/") != 2 {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func counted(counts []target.Count) string {
	var out []string
	for _, c := range counts {
		number := func(n *int) string {
			if n == nil {
				return "?"
			}
			return fmt.Sprint(*n)
		}
		text := fmt.Sprintf("%s %s/%s/%s", c.Product, number(c.Purchased), number(c.Assigned), number(c.Due))
		if len(c.Names) > 0 {
			text += " of " + strings.Join(c.Names, ", ")
		}
		var subs []string
		for _, s := range c.Subscriptions {
			subs = append(subs, fmt.Sprintf("%s %s %d until %s", s.ID, s.Standing.State, s.Total, s.Standing.Until.Format("2006-01-02")))
		}
		if len(subs) > 0 {
			text += " (" + strings.Join(subs, ", ") + ")"
		}
		if c.LinesUnknown != "" {
			text += ", its lines not known"
		}
		if c.Unknown != "" {
			text += " because " + c.Unknown
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// compare is what is wanted of contoso.
func (h *harness) compare(t *testing.T, s *directory.Snapshot) []target.Count {
	t.Helper()
	views, err := h.target.Observe(t.Context(), []target.Asked{{Customer: contoso}})
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := views[0].Compare(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.Counts
}

func TestNamesAreThoseThatTheConfigurationAllows(t *testing.T) {
	known := directory.Proven([]directory.Holder{{ID: "id-2", UPN: "kern@contoso.example", Licences: []string{skuBP}}, {ID: "id-1", UPN: "ada@contoso.example", Licences: []string{skuBP}}}, directory.Proof{})
	for _, c := range []struct {
		names   string
		count   string
		holders directory.List[directory.Holder]
		want    string
		asks    bool // for who holds them
	}{
		{target.NamesUPN, mapping.Assigned, known, "ada@contoso.example kern@contoso.example", true},
		{target.NamesID, mapping.Assigned, known, "id-1 id-2", true},
		{"", mapping.Assigned, known, "", false},
		{target.NamesUPN, mapping.Purchased, known, "", false},
		{target.NamesUPN, mapping.Assigned, directory.Unknown[directory.Holder](directory.Proof{}, errors.New("no access")), "unknown", true},
	} {
		h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP", func(r *mapping.Rule) { r.Count = c.count })))
		h.client.options.Names = c.names
		s := snapshot(licence(skuBP, 12, 2))
		s.Holders = c.holders
		counts := h.compare(t, s)
		got := strings.Join(counts[0].Names, " ")
		if counts[0].NamesUnknown {
			got += "unknown"
		}
		if asks := h.target.Spec().Also.Has(directory.Holders); got != c.want || asks != c.asks || counts[0].Due == nil {
			t.Errorf("names %q, counting %s: got %q, asks for holders: %v; want %q, %v", c.names, c.count, got, asks, c.want, c.asks)
		}
	}
}

// What a product bills is what all its open lines bill together.
func TestBilledIsWhatAllOpenLinesBill(t *testing.T) {
	h := newHarness(t, seed(), rules(rule(skuBP, "M365-BP")))
	h.sim.Update(func(w *cwsim.World) {
		for i, bill := range []string{"Billable", "DoNotBill", "Billable"} {
			a := &cwsim.Addition{ID: 950 + i, AgreementID: 55, ProductID: 752, Quantity: num("3"), UnitPrice: num("22"), BillCustomer: bill, EffectiveDate: cwsim.Day(2025, 1, 1)}
			if i == 2 {
				a.EffectiveDate = cwsim.Day(2027, 1, 1)
			}
			w.Additions = append(w.Additions, a)
		}
	})
	seen := h.observe(contoso).Observed
	key := h.target.of("").products[0].key
	if units, known := seen.Billed(key); !known || units.String() != "15" {
		t.Errorf("got %s, known: %v; want 15", units, known)
	}
	if line := seen.Line(key); line == nil || line.Ref != "55/910" {
		t.Errorf("got the line %+v, want 55/910", line)
	}
}
