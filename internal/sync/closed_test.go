package sync

import (
	"strings"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
)

func TestNothingTakesEffectInAClosedMonth(t *testing.T) {
	closed := []state.Closing{{Month: "2026-10", From: "2026-10-01", Until: "2026-10-31", By: "ada"}}
	for _, tt := range []struct {
		name   string
		action plan.Action
		effect *plan.Effect
		held   bool
	}{
		{"begins in it", plan.Update, &plan.Effect{From: "2026-10-01", To: "2026-10-31", Periods: 1}, true},
		{"begins on its last day", plan.Create, &plan.Effect{From: "2026-10-31", To: "2026-11-30", Periods: 1}, true},
		{"begins before, and goes on into it", plan.Update, &plan.Effect{From: "2026-09-01", To: "2026-10-31", Periods: 2}, true},
		{"begins after", plan.Update, &plan.Effect{From: "2026-11-01", To: "2026-11-30", Periods: 1}, false},
		{"is over before", plan.Update, &plan.Effect{From: "2026-09-01", To: "2026-09-30", Periods: 1}, false},
		{"writes nothing", plan.Forget, &plan.Effect{From: "2026-10-01", To: "2026-10-31", Periods: 1}, false},
		{"is no money", plan.Update, nil, false},
		{"nobody knows when", plan.Update, &plan.Effect{}, false},
	} {
		s := &scopeRun{run: &run{closed: closed}, plan: &plan.Plan{Changes: []plan.Change{{Action: tt.action, Key: plan.Key{Kind: "addition", ID: "a"}, Label: "A", Effect: tt.effect}}}}
		s.holdClosed()
		held := s.plan.Changes[0].Held == plan.CodeClosed
		if held != tt.held || held != (len(s.plan.Violations) == 1) {
			t.Errorf("%s: held %t, %d violations; want %t", tt.name, held, len(s.plan.Violations), tt.held)
		}
		if held && (!s.plan.Violations[0].NeedsRepair || !strings.Contains(s.plan.Violations[0].Message, "ada closed 2026-10")) {
			t.Errorf("%s: got %+v", tt.name, s.plan.Violations[0])
		}
	}
}
