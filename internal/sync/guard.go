package sync

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/plan"
)

// checkGuards collects what holds the plan, in whole or in part.
func (s *scopeRun) checkGuards() {
	p, cursor, needs := s.plan, s.memory.Cursor, s.target.spec.Needs
	facts := plan.GuardInput{Currency: s.run.Currency, Policy: s.target.job.Policy, First: cursor == nil || !cursor.Applied, Now: s.run.Now()}
	if needs != 0 { // what is made from nothing of the tenant's cannot be too old
		facts.SourceAsOf, facts.SourceMaxAge = s.snapshot.Oldest(needs).AsOf, s.run.MaxAge
	}
	if r := s.run.restored; r != nil && (cursor == nil || cursor.Restored) {
		facts.Restored = fmt.Sprintf("the state was restored on %s from a backup whose last run was %s", r.At.Format(time.DateOnly), formatLastRun(r.AsOf))
	}
	if cursor != nil {
		facts.SettingsChanged = facts.Policy == plan.Auto && cursor.Settings != "" && cursor.Settings != s.settingsDigest()
		for collection, now := range s.sourceRows() {
			facts.Counts = append(facts.Counts, plan.Count{Collection: collection, Before: cursor.Counts[collection], Now: now})
		}
	}
	s.report.First = facts.First
	s.holdClosed()
	digest := p.Digest()
	approved := s.memory.Hold.Approved(digest) && p.WithinWhole()
	s.report.Approved = approved
	stops := plan.Check(p, facts, s.target.job.Limits.Limits)
	changed := facts.First || cursor.Settings != s.settingsDigest()
	stops = append(append(stops, s.checkFormer(changed)...), s.checkFormerSettings(changed)...)
	stops = append(stops, s.checkTakenOver()...)
	if saved, ok := s.run.sel.Saved[s.id()]; ok && saved != digest {
		stops = append(stops, plan.Violation{Code: plan.PlanMoved, NeedsRepair: true, Message: fmt.Sprintf(
			"the saved plan was %s and today's is %s: %s; save a new plan and read it", cmp.Or(saved, "nothing"), cmp.Or(digest, "nothing"), cmp.Or(s.planSummary(), "nothing"))})
	}
	if d := s.rejected(digest); d != nil && digest != "" {
		stops = append(stops, plan.Violation{Code: plan.Rejected, Message: fmt.Sprintf("%s rejected this plan%s; it waits until the plan changes or somebody approves it",
			d.By, inParentheses(d.Reason))})
	}
	for _, v := range append(stops, p.Violations...) {
		if !approved || v.NeedsRepair || v.Note {
			s.violations = append(s.violations, v)
		}
	}
	if later := s.observed.Later; later != nil && !p.Empty() {
		// Nobody is waited for: an approval neither opens it nor is lost to it.
		s.deferred = true
		s.violations = append(s.violations, later.Note())
	}
	if s.dividedTenant() == "" {
		s.takeBudget()
	}
	if approved {
		for i := range p.Changes {
			if c := &p.Changes[i]; !heldForRepair(s.violations, c) {
				c.Held = ""
			}
		}
	}
	s.violations = append(append(s.violations, s.desired.Notes...), s.observed.Notes...)
	if part := s.snapshot.Part; part != nil && !p.Empty() {
		s.violations = append(s.violations, plan.Violation{Code: "split", Note: true, Message: part.Proof})
	}
}

// takeBudget counts the plan against the run's limits, where it would be written.
func (s *scopeRun) takeBudget() {
	if s.plan == nil || s.beside || s.deferred || plan.Blocks(s.violations) || s.plan.Empty() || s.report.Approved || s.run.mode != Apply {
		return
	}
	if v := s.target.budget.take(s.plan); v != nil {
		s.violations = append(s.violations, *v)
	}
}

// heldForRepair reports whether a change is held by a violation that no approval cures.
func heldForRepair(held []plan.Violation, c *plan.Change) bool {
	return slices.ContainsFunc(held, func(v plan.Violation) bool {
		return v.NeedsRepair && !v.Note && v.Code == c.Held && v.Kind == c.Key.Kind && v.Key == c.Key.ID
	})
}

// planSummary lists the first changes of today's plan, beside a saved one that differs.
func (s *scopeRun) planSummary() string {
	var parts []string
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		part := fmt.Sprintf("%s %s", c.Action, c.Label)
		for _, f := range c.Fields {
			part += fmt.Sprintf(" %s %s -> %s", f.Name, f.Before.Or("nothing"), f.After)
		}
		parts = append(parts, part)
	}
	if len(parts) > 3 {
		parts = append(parts[:3], fmt.Sprintf("and %d more", len(parts)-3))
	}
	return strings.Join(parts, ", ")
}

func formatLastRun(at time.Time) string {
	if at.IsZero() {
		return "none"
	}
	return "on " + at.Format(time.DateOnly)
}

func inParentheses(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}
