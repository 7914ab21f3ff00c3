package report

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// What is not known of any line is no nought in a total.
func TestATotalOfWhatNobodyKnows(t *testing.T) {
	r := NewLeakage("2026-11", "2026-11")
	r.Lines = []Leak{{Month: "2026-11", Kind: "unmapped", Units: new(decimal.NewFromInt(3)), Currency: "USD"}, {Month: "2026-11", Kind: "held", Currency: "USD"},
		{Month: "2026-11", Kind: "held", Units: new(decimal.NewFromInt(1)), Money: new(decimal.NewFromInt(22)), Currency: "USD"}}
	r.Finish()
	got := ""
	for _, row := range r.Sheet().Footer {
		got += strings.Join(row[2:], ",") + "; "
	}
	if want := "held,1 of unknown money,1,22.00,USD; unmapped,1 of unknown money,3,,USD; "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Units that cost more than they are billed at lose money, whatever their number.
func TestUnitsPastTheirMargin(t *testing.T) {
	costs := func(cost string) func(*plan.Billing) {
		return func(b *plan.Billing) { b.UnitCost = new(decimal.RequireFromString(cost)) }
	}
	included := func(b *plan.Billing) { b.LessIncluded = new(decimal.NewFromInt(2)) }
	for _, c := range []struct {
		name string
		line plan.Object
		want string
	}{
		{"less", object(premium, "10", "22", costs("17.60")), ""},
		{"as much", object(premium, "10", "22", costs("22")), ""},
		{"more", object(premium, "10", "22", costs("22.50")), "10 units, 5.00"},
		{"more, some included", object(premium, "10", "22", costs("22.50"), included), "8 units, 4.00"},
		{"more a year", object(premium, "10", "240", costs("264"), yearly), "10 units, 20.00"},
		{"not billed", object(premium, "10", "22", costs("30"), free), ""},
		{"not yet", object(premium, "10", "22", costs("30"), next), ""},
		{"no cost", object(premium, "10", "22"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := NewLicences(mapping.Rules{Rules: []mapping.Rule{{SKU: premium, Product: "M365-BP", Status: mapping.Bill}}}, money.Policy{Now: renewalDay}, "USD")
			now.Add(evidence("C", sync.InStep, []directory.Licence{{SKU: premium, Purchased: 10, Assigned: 10}}, []plan.Object{object(premium, "10", "22")}, []plan.Object{c.line}))
			now.Finish()
			r := NewLeakage("2026-11", "2026-11")
			r.AddNow("2026-11", now)
			r.Finish()
			got := ""
			for _, l := range r.Lines {
				if l.Kind == "past_margin" {
					got += l.Units.String() + " units, " + l.Money.StringFixed(2)
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What is included costs nothing: not where it is billed too little, and not unassigned.
func TestIncludedUnitsAreNoLoss(t *testing.T) {
	var r Leakage
	r.AddSpan("C", &state.Span{Known: true, Purchased: "15", Assigned: "0", Due: "15", Billed: "11", Price: "20", LessIncluded: "12", Cycle: "1", Ref: "5/1", Currency: "USD"}, "2026-11")
	got := map[string]string{}
	for _, l := range r.Lines {
		got[l.Kind] = l.Units.String() + " units, " + l.Money.StringFixed(2)
	}
	if got["under_billed"] != "4 units, 60.00" || got["unassigned"] != "15 units, 60.00" {
		t.Errorf("got %v", got)
	}
}
