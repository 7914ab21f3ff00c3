package sync

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
)

func TestNothingTakesEffectInAClosedMonth(t *testing.T) {
	closed := []state.Closing{{Month: "2026-10", From: "2026-10-01", Until: "2026-10-31", By: "ada"}}
	for _, tt := range []struct {
		name   string
		action plan.Action
		effect *plan.Effect
		held   string
	}{
		{"begins in it", plan.Update, &plan.Effect{From: "2026-10-01", To: "2026-10-31", Periods: 1}, plan.CodeClosed},
		{"begins on its last day", plan.Create, &plan.Effect{From: "2026-10-31", To: "2026-11-30", Periods: 1}, plan.CodeClosed},
		{"begins before, and goes on into it", plan.Update, &plan.Effect{From: "2026-09-01", To: "2026-10-31", Periods: 2}, plan.CodeClosed},
		{"begins after", plan.Update, &plan.Effect{From: "2026-11-01", To: "2026-11-30", Periods: 1}, ""},
		{"is over before", plan.Update, &plan.Effect{From: "2026-09-01", To: "2026-09-30", Periods: 1}, ""},
		{"writes nothing", plan.Forget, &plan.Effect{From: "2026-10-01", To: "2026-10-31", Periods: 1}, ""},
		{"is no money", plan.Update, nil, ""},
		{"from when is known, to when is not", plan.Update, &plan.Effect{From: "2026-10-01", To: "2026-11-21"}, plan.CodeClosed},
		{"to when is not known, and it begins after", plan.Update, &plan.Effect{From: "2026-11-01", To: "2026-11-21"}, ""},
		{"nobody knows when", plan.Update, &plan.Effect{Text: "not known"}, plan.CodeMayBeClosed},
		{"nobody knows when, and it writes nothing", plan.Forget, &plan.Effect{}, ""},
		{"on no invoice to come", plan.Update, &plan.Effect{Money: &decimal.Zero}, ""},
	} {
		s := &scopeRun{run: &run{closed: closed}, plan: &plan.Plan{Changes: []plan.Change{{Action: tt.action, Key: plan.Key{Kind: "addition", ID: "a"}, Label: "A", Effect: tt.effect}}}}
		s.holdClosed()
		held := s.plan.Changes[0].Held
		if held != tt.held || (held != "") != (len(s.plan.Violations) == 1) {
			t.Errorf("%s: held %q, %d violations; want %q", tt.name, held, len(s.plan.Violations), tt.held)
		}
		if held == "" {
			continue
		}
		if v := s.plan.Violations[0]; v.Code != held || v.NeedsRepair != (held == plan.CodeClosed) || !strings.Contains(v.Message, "ada closed") || !strings.Contains(v.Message, "--month 2026-10 --reopen") {
			t.Errorf("%s: got %+v", tt.name, v)
		}
	}
}

func TestAnApprovalFromBeforeAMonthWasClosedDoesNotCoverDaysThatNobodyKnows(t *testing.T) {
	digest := func(e plan.Effect, closed ...state.Closing) string {
		s := &scopeRun{run: &run{closed: closed}, plan: &plan.Plan{Changes: []plan.Change{{Action: plan.Update, Key: plan.Key{Kind: "addition", ID: "a"}, Effect: &e}}}}
		s.plan.Whole = &plan.Plan{Changes: []plan.Change{{Action: plan.Update, Key: plan.Key{Kind: "addition", ID: "a"}, Effect: new(e)}}}
		s.holdClosed()
		if !s.plan.WithinWhole() {
			t.Errorf("the part is not in the whole: %+v", e)
		}
		return s.plan.Digest()
	}
	october, november := state.Closing{Month: "2026-10", From: "2026-10-01", Until: "2026-10-31"}, state.Closing{Month: "2026-11", From: "2026-11-01", Until: "2026-11-30"}
	open, one, two := digest(plan.Effect{}), digest(plan.Effect{}, october), digest(plan.Effect{}, november, october)
	if open == one || one == two || open == two {
		t.Errorf("got %s open, %s and %s with closed months; want three", open, one, two)
	}
	december := plan.Effect{From: "2026-12-01", To: "2026-12-31", Periods: 1}
	if got, want := digest(december, november), digest(december); got != want {
		t.Errorf("got %s, want %s: the days are known and open", got, want)
	}
}
