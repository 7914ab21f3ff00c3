package report

import (
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
)

func TestALineOfTheLedger(t *testing.T) {
	key := plan.Key{Kind: "addition", ID: "spb"}
	of := func(change func(*state.Span)) *state.Span {
		s := &state.Span{Key: key, Known: true, Purchased: "12", Assigned: "12", Due: "12", Billed: "12", Price: "240", Cycle: "12", Currency: "USD", Ref: "5/1"}
		change(s)
		return s
	}
	edit := []plan.Violation{{Kind: "addition", Key: "spb", Code: "changed_at_target", Message: "edited"}}
	for _, c := range []struct {
		name             string
		span             *state.Span
		held             []plan.Violation
		status           Status
		difference, note string
	}{
		{"as many", of(func(s *state.Span) {}), nil, InStep, "0.00", ""},
		{"fewer are billed", of(func(s *state.Span) { s.Billed = "10" }), nil, UnderBilled, "40.00", ""},
		{"no line", of(func(s *state.Span) { s.Billed, s.Ref = "0", "" }), nil, Unbilled, "240.00", "no line in the agreement"},
		{"more are billed", of(func(s *state.Span) { s.Billed = "13" }), nil, OverBilled, "-20.00", ""},
		{"not known", of(func(s *state.Span) { s.Known, s.Why, s.Billed = false, "not read", "10" }), nil, NeedsDecision, "", "not read"},
		{"no price", of(func(s *state.Span) { s.Billed, s.Price = "10", "" }), nil, UnderBilled, "", ""},
		{"edited by a person", of(func(s *state.Span) { s.Billed, s.Held = "10", "changed_at_target" }), edit, NeedsDecision, "40.00", "edited"},
		{"another line is edited", of(func(s *state.Span) { s.Billed = "10" }), []plan.Violation{{Kind: "addition", Key: "spe", Code: "changed_at_target"}}, UnderBilled, "40.00", ""},
		{"two lines are open", of(func(s *state.Span) { s.Held, s.Cost = "match_conflict", "236" }), []plan.Violation{{Kind: "addition", Key: "spb", Code: "match_conflict", NeedsRepair: true, Message: "two lines"}}, NeedsDecision, "4.00", "two lines"},
		{"two agreements fit", of(func(s *state.Span) { s.Held = "agreement_ambiguous" }), []plan.Violation{{Code: "agreement_ambiguous", NeedsRepair: true, Message: "two agreements"}}, NeedsDecision, "0.00", "two agreements"},
		{"not to be billed", of(func(s *state.Span) { s.Billed, s.NotBilled = "0", true }), []plan.Violation{{Kind: "addition", Key: "spb", Code: "do_not_bill", Note: true, Message: "DoNotBill"}}, NotBilled, "240.00", "DoNotBill"},
		{"the first plan waits", of(func(s *state.Span) {}), []plan.Violation{{Code: "first_plan", Message: "first"}}, InStep, "0.00", ""},
		{"the month is closed", of(func(s *state.Span) { s.Billed = "10" }), []plan.Violation{{Kind: "addition", Key: "spb", Code: "month_closed", NeedsRepair: true, Message: "closed"}}, UnderBilled, "40.00", "closed"},
		{"some are included", of(func(s *state.Span) { s.Billed, s.LessIncluded = "10", "11" }), nil, UnderBilled, "20.00", ""},
	} {
		r := NewLicences(mapping.Rules{}, money.Policy{Now: renewalDay}, "EUR")
		r.AddRecorded("C", c.span, c.held)
		r.Finish()
		l := r.Lines[0]
		if got := amount(l.MonthlyDifference, 2); l.Status != c.status || got != c.difference || l.Note != c.note {
			t.Errorf("%s: got %s, %q, %q, want %s, %q, %q", c.name, l.Status, got, l.Note, c.status, c.difference, c.note)
		}
	}
}

// What is remembered renews as what is read does: not what is gone, suspended, or known to
// be monthly, but the units it has to spare; the end of a term that is over is not known any more.
func TestRenewalsThatAreRemembered(t *testing.T) {
	day := func(n int) time.Time { return renewalDay.AddDate(0, 0, n) }
	seen := []directory.Seen{
		{ID: "late", SKU: "x", State: "enabled", Units: 10, Ends: day(40), Term: "annual"},
		{ID: "soon", SKU: "x", State: "enabled", Units: 2, Ends: day(10), Term: "annual"},
		{ID: "past", SKU: "x", State: "enabled", Units: 1, Ends: day(-1), Term: "annual"},
		{ID: "far", SKU: "x", State: "enabled", Units: 1, Ends: day(200), Term: "annual"},
		{ID: "gone", SKU: "x", State: "enabled", Units: 1, Ends: day(10), Gone: day(-3)},
		{ID: "suspended", SKU: "x", State: "suspended", Units: 1, Ends: day(10)},
		{ID: "monthly", SKU: "x", State: "enabled", Units: 1, Ends: day(10), Term: "monthly"},
	}
	spans := []state.Span{{Known: true, Purchased: "14", Assigned: "11", Price: "22", Cycle: "1", Ref: "5/1", Currency: "USD",
		Rules: []state.SpanRule{{SKU: "X", Part: "XP", Name: "Premium", Count: "purchased"}}}}
	r := NewRenewals(money.Policy{Now: renewalDay}, money.Claims{}, 90, false, "EUR")
	r.AddRemembered("k", "C", seen, spans)
	r.Finish()
	got := ""
	for _, row := range r.Plain().Rows {
		got += row[2] + " " + row[3] + " " + row[4] + "/" + row[5] + " " + row[8] + row[9] + "; "
	}
	if want := "soon XP 2/2 528.00USD; late XP 10/0 2640.00USD; past XP 1/0 264.00USD; "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
