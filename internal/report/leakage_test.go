package report

import (
	"testing"

	"syncd/internal/state"
)

// What is included costs nothing: not where it is billed too little, and not unassigned.
func TestIncludedUnitsAreNoLoss(t *testing.T) {
	var r Leakage
	r.AddSpan("2026-11", "C", &state.Span{Known: true, Purchased: "15", Assigned: "0", Due: "15", Billed: "11", Price: "20", LessIncluded: "12", Cycle: "1", Ref: "5/1", Currency: "USD"})
	got := map[string]string{}
	for _, l := range r.Lines {
		got[l.Kind] = l.Units.String() + " units, " + l.Money.StringFixed(2)
	}
	if got["under_billed"] != "4 units, 60.00" || got["unassigned"] != "15 units, 60.00" {
		t.Errorf("got %v", got)
	}
}
