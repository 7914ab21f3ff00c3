package mapping

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func shownProducts(suggestions []ProductSuggestion) string {
	var b strings.Builder
	for _, s := range suggestions {
		fmt.Fprintf(&b, "%s:", s.Part)
		for _, c := range s.Candidates {
			fmt.Fprintf(&b, " %s %.2f", c.ID, c.Score)
		}
		if s.Ignore != "" {
			fmt.Fprintf(&b, " ignore, %s", s.Ignore)
		}
		if s.Ambiguous != "" {
			fmt.Fprintf(&b, " (%s)", s.Ambiguous)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestWhatSpeaksForAProduct(t *testing.T) {
	premium, standard, e3, flow := seenSKUs[0], seenSKUs[1], seenSKUs[2], seenSKUs[3]
	exchange := SKU{ID: "4b9405b0-7788-4568-add1-99614e613b69", Part: "EXCHANGESTANDARD", Name: "EXCHANGESTANDARD"}
	for _, c := range []struct {
		name     string
		sku      SKU
		products []ProductEvidence
		want     string
	}{
		{"the SKU id", premium, []ProductEvidence{{ID: "1", Identifier: "X", XRef: "{CBDC14AB-D96C-4C30-B9F4-6ADA7CDC1D46}"}}, "SPB: 1 1.00"},
		{"the part number", premium, []ProductEvidence{{ID: "1", Identifier: "X", VendorSKU: "spb"}}, "SPB: 1 0.95"},
		{"the part number with a term", premium, []ProductEvidence{{ID: "1", Identifier: "MS-SPB-P1Y"}}, "SPB: 1 0.90"},
		{"a part number inside another word is none", premium, []ProductEvidence{{ID: "1", Identifier: "SPBX"}, {ID: "2", Identifier: "SPB-TRAINING"}}, ""},
		{"several terms of one product", premium, []ProductEvidence{{ID: "1", Identifier: "SPB-M"}, {ID: "2", Identifier: "SPB-A"}},
			"SPB: 2 0.90 1 0.90 (several terms of one product: SPB-A, SPB-M; the licence does not say which was bought)"},
		{"several terms by description", e3, []ProductEvidence{
			{ID: "1", Identifier: "A", Description: "Microsoft 365 E3 (Monthly)"}, {ID: "2", Identifier: "B", Description: "Microsoft 365 E3 (Annual)"},
		}, "SPE_E3: 2 0.80 1 0.80 (several terms of one product: B, A; the licence does not say which was bought)"},
		{"the name", premium, []ProductEvidence{{ID: "1", Identifier: "M365BP", Description: "MS 365 Business Premium - NCE"}}, "SPB: 1 0.80"},
		{"the name under another tier is nothing", premium, []ProductEvidence{
			{ID: "1", Description: "Microsoft 365 Business Standard"}, {ID: "2", Description: "Microsoft 365 Business Basic"},
		}, ""},
		{"E3 is not E5", e3, []ProductEvidence{{ID: "1", Description: "Microsoft 365 E5"}, {ID: "2", Description: "Microsoft 365 E3"}}, "SPE_E3: 2 0.80"},
		{"Office 365 E3 is not Microsoft 365 E3", e3, []ProductEvidence{{ID: "1", Description: "Office 365 E3"}, {ID: "2", Description: "O365 E3"}}, ""},
		{"without Teams is another product", e3, []ProductEvidence{{ID: "1", Description: "Microsoft 365 E3 (no Teams)"}}, ""},
		{"nonprofit is another product", premium, []ProductEvidence{{ID: "1", Description: "Microsoft 365 Business Premium (Non-Profit)"}}, ""},
		{"Plan 1 is P1, not Plan 2; and the id names a SKU that has no name", exchange, []ProductEvidence{
			{ID: "1", Description: "Exchange Online Plan 2"}, {ID: "2", Description: "Exchange Online P1"},
		}, "EXCHANGESTANDARD: 2 0.80"},
		{"a plan named on one side only is not enough", exchange, []ProductEvidence{{ID: "1", Description: "Exchange Online"}}, ""},
		{"the part number of one plan and the name of another", standard, []ProductEvidence{
			{ID: "1", Identifier: "O365_BUSINESS_PREMIUM", Description: "Microsoft 365 Business Premium"},
		}, "O365_BUSINESS_PREMIUM: 1 0.50"},
		{"the old name of Business Standard is not Business Premium", premium, []ProductEvidence{{ID: "1", Description: "Office 365 Business Premium"}}, ""},
		{"bundles and inactive products are never suggested", premium, []ProductEvidence{
			{ID: "1", Identifier: "SPB", Class: "Bundle"}, {ID: "2", Identifier: "SPB", Inactive: true},
		}, ""},
		{"a free SKU may be ignored", flow, nil, "FLOW_FREE: ignore, free or trial: nothing is paid for it"},
		{"a free SKU with a product of its own is for a person", flow, []ProductEvidence{{ID: "1", Identifier: "FLOW_FREE"}}, "FLOW_FREE: 1 0.95"},
		{"a long text for the customer is no name", premium, []ProductEvidence{{ID: "1", Identifier: "Q", CustomerDescription: strings.Repeat("microsoft 365 business premium ", 9)}}, ""},
	} {
		if got := shownProducts(SuggestProducts([]SKU{c.sku}, c.products, Rules{})); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestTheOldNameOfBusinessStandardIsLeftToAPerson(t *testing.T) {
	got := SuggestProducts(seenSKUs[1:2], []ProductEvidence{{ID: "1", Identifier: "O365_BUSINESS_PREMIUM", Description: "Microsoft 365 Business Premium"}}, Rules{})
	if len(got) != 1 || got[0].Acceptable(DefaultAccept) || !strings.Contains(strings.Join(got[0].Candidates[0].Evidence, ";"), "but it is described as") {
		t.Errorf("got %+v; want a suggestion that nobody accepts in bulk, and why", got)
	}
}

func TestSettledSKUsGetNoSuggestion(t *testing.T) {
	got := SuggestProducts(seenSKUs, []ProductEvidence{{ID: "7", Identifier: "SPE_E3"}, {ID: "8", Identifier: "SPB"}}, settledRules())
	if text, want := shownProducts(got), "SPE_E3: 7 0.95"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	rule, ok := got[0].Rule()
	if !ok || rule.Product != "SPE_E3" || rule.Status != Propose || rule.Count != Purchased || rule.Reason != "0.95: the identifier is the part number SPE_E3" {
		t.Errorf("got %+v, %v; want the rule with its evidence", rule, ok)
	}
}

func TestAPlanIsNeverTakenForAnother(t *testing.T) {
	plans := []string{"E1", "E3", "E5", "F1", "F3", "A3", "A5", "P1", "P2", "Plan 1", "Plan 2", "Business Basic", "Business Standard", "Business Premium"}
	same := func(a, b string) bool {
		return strings.Replace(a, "Plan ", "P", 1) == strings.Replace(b, "Plan ", "P", 1)
	}
	rapid.Check(t, func(t *rapid.T) {
		family := rapid.SampledFrom([]string{"Microsoft 365", "M365", "Office 365", "Exchange Online", "Entra ID"}).Draw(t, "family")
		a, b := rapid.SampledFrom(plans).Draw(t, "plan"), rapid.SampledFrom(plans).Draw(t, "other")
		sku := SKU{ID: lostID, Part: "X_Y", Name: family + " " + a}
		got := SuggestProducts([]SKU{sku}, []ProductEvidence{{ID: "1", Description: family + " (" + b + ")"}}, Rules{})
		if (len(got) == 1) != same(a, b) {
			t.Fatalf("%s %s and %s: got %s", family, a, b, shownProducts(got))
		}
		if len(got) == 1 && got[0].Acceptable(DefaultAccept) {
			t.Fatalf("a name alone is accepted: %s", shownProducts(got))
		}
	})
}
