package plan

import (
	"encoding/json"
	"testing"

	"github.com/shopspring/decimal"
)

func TestWhatIsShownOfALineBesideAChange(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   *Billing
		want string
		back bool
	}{
		{"an invoice line", &Billing{Agreement: "55", AgreementName: "Managed", UnitPrice: new(decimal.RequireFromString("22.5")), Cycle: "12/52", Bill: "Billable", Billable: true, Product: "M365-BP"},
			`{"agreement":"55","agreement_name":"Managed","cycle_months":"12/52","unit_price":"22.5"}`, true},
		{"a price that nobody knows is none", &Billing{Agreement: "55"}, `{"agreement":"55"}`, true},
		{"a price of nothing is known", &Billing{Agreement: "55", UnitPrice: new(decimal.Zero)}, `{"agreement":"55","unit_price":"0"}`, true},
		{"nothing to show", &Billing{Bill: "Billable"}, "", false},
		{"no invoice line", nil, "", false},
	} {
		text, err := json.Marshal(Change{Action: Update, Billing: tt.of})
		if err != nil {
			t.Fatal(err)
		}
		var shown struct{ Facts json.RawMessage }
		var back Change
		if json.Unmarshal(text, &shown) != nil || string(shown.Facts) != tt.want || json.Unmarshal(text, &back) != nil || (back.Billing != nil) != tt.back {
			t.Errorf("%s: got %s, read back as %+v", tt.name, text, back.Billing)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != string(text) {
			t.Errorf("%s: got %s, %v the second time, want %s", tt.name, again, err, text)
		}
	}
}
