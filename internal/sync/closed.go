package sync

import (
	"fmt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// holdClosed holds what would be billed for days of a month that a person closed: no
// approval opens it, for the month's evidence would no longer say what was billed.
func (s *scopeRun) holdClosed() {
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		if c.Effect == nil || !c.Writes() {
			continue
		}
		m := state.Overlap(s.run.closed, c.Effect.From, c.Effect.To)
		if m == nil {
			continue
		}
		c.Held = plan.CodeClosed
		s.plan.Violations = append(s.plan.Violations, plan.Violation{Code: plan.CodeClosed, Kind: c.Key.Kind, Key: c.Key.ID, NeedsRepair: true, Message: fmt.Sprintf(
			"%s would be billed from %s, and %s closed %s: make the invoice of that month first, or open the month again (syncd report month --month %s --reopen --reason TEXT)",
			c.Label, c.Effect.From, m.By, m.Month, m.Month)})
	}
}
