package sync

import (
	"fmt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// holdClosed holds what would be billed for days of a month that a person closed: no
// approval opens it, for the month's evidence would no longer say what was billed. Where
// nobody knows the days, a person decides.
func (s *scopeRun) holdClosed() {
	if len(s.run.closed) == 0 {
		return
	}
	latest := s.run.closed[0]
	for _, m := range s.run.closed[1:] {
		if m.Month > latest.Month {
			latest = m
		}
	}
	if whole := s.plan.Whole; whole != nil { // its digest is the part's
		markClosed(whole.Changes, latest.Month)
	}
	markClosed(s.plan.Changes, latest.Month)
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		if c.Effect == nil || !c.Writes() {
			continue
		}
		v := plan.Violation{Kind: c.Key.Kind, Key: c.Key.ID}
		if c.Effect.Closed != "" {
			v.Code = plan.CodeMayBeClosed
			v.Message = fmt.Sprintf(
				"%s may be billed for days of %s, which %s closed: %s; set the day of the next invoice at the target, open the month again (syncd report month --month %s --reopen --reason TEXT), or approve",
				c.Label, latest.Month, latest.By, c.Effect.Text, latest.Month)
			if c.Held == "" {
				c.Held = v.Code
			}
		} else if m := state.Overlap(s.run.closed, c.Effect.From, c.Effect.To); m != nil {
			v.Code, v.NeedsRepair = plan.CodeClosed, true
			v.Message = fmt.Sprintf(
				"%s would be billed from %s, and %s closed %s: make the invoice of that month first, or open the month again (syncd report month --month %s --reopen --reason TEXT)",
				c.Label, c.Effect.From, m.By, m.Month, m.Month)
			c.Held = v.Code
		} else {
			continue
		}
		s.plan.Violations = append(s.plan.Violations, v)
	}
}

// markClosed marks the changes whose days nobody knows with the last month that is closed.
func markClosed(changes []plan.Change, month string) {
	for i := range changes {
		if c := &changes[i]; c.Effect != nil && c.Writes() && c.Effect.DaysUnknown() {
			c.Effect.Closed = month
		}
	}
}
