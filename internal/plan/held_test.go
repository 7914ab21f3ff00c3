package plan

import (
	"testing"

	"github.com/shopspring/decimal"
)

// What is taken on as it is is shown at its own price, not at that of the catalogue.
func TestWhatIsTakenOnIsShownAtItsOwnPrice(t *testing.T) {
	line := func(price, ref string) Object {
		return Object{Key: Key{"addition", "spb"}, Label: "SPB", Ref: ref, Fields: Set(FieldQuantity, "10"),
			Billing: &Billing{UnitPrice: new(decimal.RequireFromString(price)), Cycle: Monthly, Billable: true}}
	}
	p, err := Make(Scope{Customer: "c", Target: "connectwise"}, []Kind{{Name: "addition", Owner: Hold, MayCreate: true}},
		Sides{Desired: []Object{line("22", "")}, Observed: []Object{line("19.995", "5/1")}})
	if err != nil || len(p.Changes) != 1 || p.Changes[0].Action != Adopt {
		t.Fatalf("got %+v, %v, want one adoption", p, err)
	}
	if got := p.Changes[0].Billing.UnitPrice.String(); got != "19.995" {
		t.Errorf("it is shown at %s, want 19.995", got)
	}
}
