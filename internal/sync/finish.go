package sync

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// reportPlan puts the plan into the report.
func (s *scopeRun) reportPlan() {
	p := s.plan
	if s.violations == nil {
		s.violations = []plan.Violation{}
	}
	s.report.Digest = p.Digest()
	s.report.setMoney(p, s.run.Currency)
	s.report.Unchanged, s.report.Foreign = p.InStep, p.Foreign
	if len(p.Changes) > 0 {
		s.report.Changes = p.Changes
	}
	if len(s.violations) > 0 {
		s.report.Violations = s.violations
	}
	switch {
	case plan.Holds(s.violations):
		s.report.Outcome = Held
	case p.Empty():
		s.report.Outcome = InStep
	default:
		s.report.Outcome = Changed
	}
}

// holdPlan prepares a hold of p, for a person to decide on.
func (s *scopeRun) holdPlan(p *plan.Plan) {
	shown := s.report
	shown.Changes, shown.Digest = p.Changes, p.Digest()
	shown.setMoney(p, s.run.Currency)
	s.newHold = &state.Hold{Scope: s.id(), Name: s.customer.Name, Job: s.target.job.Name, Run: s.run.id,
		Since: s.run.Now().UTC(), Digest: p.Digest(), Violations: s.violations, Plan: encode(&shown)}
}

// holdRest prepares a hold of what is left of an approved plan, which keeps its approval.
// What it was held for is still said of it, that it is a way back too.
func (s *scopeRun) holdRest(rest *plan.Plan) {
	s.holdPlan(rest)
	held := slices.Clone(s.violations)
	for _, v := range s.memory.Hold.Violations {
		left := v.Key == "" || slices.ContainsFunc(rest.Changes, func(c plan.Change) bool { return c.Key.Kind == v.Kind && c.Key.ID == v.Key })
		if left && !v.Note && !v.NeedsRepair {
			held = append(held, v)
		}
	}
	s.newHold.Violations = held
}

// finish adds the scope to the run's report and returns what is to be stored of it, or
// nil where there is nothing or it is stored already.
func (s *scopeRun) finish(ctx context.Context) (*state.Commit, error) {
	defer s.run.addToReport(s)
	if s.run.mode == PlanOnly || s.committed || s.run.sel.Only != "" {
		return nil, nil
	}
	if s.run.sel.WayBack != nil && s.plan != nil && s.plan.Reverting == "" {
		if h := s.memory.Hold; h != nil && plan.IsWayBack(h.Violations) && s.run.mode == Apply {
			return s.clearWayBack(), nil
		}
		return nil, nil // there is nothing to take back, and of the rest nothing was looked at
	}
	if s.run.mode == HoldOnly {
		if s.report.Outcome != Held || s.plan.Empty() {
			return nil, nil // nothing to decide
		}
		if s.newHold == nil {
			s.holdPlan(s.plan)
		}
		c := &state.Commit{Scope: s.id(), Hold: s.newHold}
		if s.memory.Cursor != nil && s.memory.Hold != nil && s.memory.Hold.Digest != s.newHold.Digest {
			c.Cursor = new(*s.memory.Cursor)
			s.noteFormer(c)
		}
		return c, nil
	}
	if s.report.Outcome == Unmapped && s.memory.Cursor == nil && s.memory.Hold == nil {
		return nil, nil
	}
	if s.report.Outcome == Held && s.newHold == nil {
		s.holdPlan(s.plan) // held by conflicts of objects alone: nothing to approve, but to show
	}
	c := &state.Commit{Scope: s.id()}
	if s.plan != nil {
		s.recordArrived(c)
		s.updateRecords(c)
	}
	return c, s.addOutcome(ctx, c)
}

// clearWayBack forgets a plan that waits for a way back that nobody can go any more. The
// next run plans what else there is.
func (s *scopeRun) clearWayBack() *state.Commit {
	c := &state.Commit{Scope: s.id(), ClearHold: true}
	if s.memory.Cursor != nil {
		c.Cursor = new(*s.memory.Cursor)
		c.Cursor.End(string(s.report.Outcome), s.run.Now().UTC())
		c.Cursor.Violations, c.Cursor.Source = s.report.Violations, ""
	}
	return c
}

// addOutcome adds the scope's cursor and hold to a commit, and what changed in its ledger.
// Its error is one of the store.
func (s *scopeRun) addOutcome(ctx context.Context, c *state.Commit) error {
	if s.run.sel.Only == "" {
		c.Cursor = s.cursor()
		if err := s.addSpans(ctx, c); err != nil {
			return err
		}
	}
	c.Hold = s.newHold
	switch s.report.Outcome {
	case InStep, Changed, Unmapped:
		c.ClearHold = s.newHold == nil
	}
	s.noteFormer(c)
	return nil
}

// rejected is who refused the plan with a digest, be it that another one stood in its place
// since; nil where nobody did, or somebody approved it after that.
func (s *scopeRun) rejected(digest string) *state.Decision {
	if h := s.memory.Hold; h != nil && h.Digest == digest && h.Decision != nil {
		if h.Decision.Approved {
			return nil
		}
		return h.Decision
	}
	if c := s.memory.Cursor; c != nil {
		if i := slices.IndexFunc(c.Former, func(f state.FormerPlan) bool { return f.Digest == digest }); i >= 0 {
			return c.Former[i].Rejected
		}
	}
	return nil
}

// What is remembered of plans that wait no longer.
const (
	maxFormer        = 4
	maxFormerChanges = 10
)

// noteFormer keeps in a commit's cursor which plan waited until now, where it does no longer.
func (s *scopeRun) noteFormer(c *state.Commit) {
	was := s.memory.Hold
	if was == nil || was.Digest == "" || c.Cursor == nil || c.Hold == nil && !c.ClearHold || c.Hold != nil && c.Hold.Digest == was.Digest {
		return
	}
	former := state.FormerPlan{Digest: was.Digest, At: s.run.Now().UTC()}
	if s.report.Approved && s.report.Written > 0 || s.report.Approved && s.report.Outcome == Changed {
		former.Done = was.Decision
	}
	former.Rejected = s.rejected(was.Digest)
	var shown ScopeReport
	if json.Unmarshal(was.Plan, &shown) == nil {
		for i := range shown.Changes[:min(len(shown.Changes), maxFormerChanges)] {
			x := &shown.Changes[i]
			former.Changes = append(former.Changes, state.FormerChange{Key: x.Key, Label: x.Label, What: x.What()})
		}
		former.More = len(shown.Changes) - len(former.Changes)
	}
	kept := c.Cursor.Former[:min(len(c.Cursor.Former), maxFormer-1)]
	c.Cursor.Former = append([]state.FormerPlan{former}, kept...)
}

// sourceRows are the rows of the source's lists that decide what the scope should
// hold, as far as they are proven: those that the target needs, and, where people are
// counted for money, those lists of people.
func (s *scopeRun) sourceRows() map[string]int {
	spec := s.target.spec
	rows := s.snapshot.Counts(spec.Needs)
	if !s.billed() {
		return rows
	}
	people := (spec.Also | spec.Own[s.customer.Key].Also) &^ directory.Holders // who names a count decides none
	known := s.snapshot.AsOf(people)
	for name, n := range s.snapshot.Counts(people) {
		list, _, _ := strings.Cut(name, " of tenant ")
		if _, proven := known[list]; proven {
			rows[name] = n
		}
	}
	return rows
}

// sourceCounts are the rows that the next run compares with. While leavers are waited
// for, the counts keep the rows that vanished with them: the run that removes them must
// see how many they are. A list that is not proven this time keeps its count.
func (s *scopeRun) sourceCounts(before map[string]int) map[string]int {
	now := s.sourceRows()
	if s.billed() {
		for collection, n := range before {
			if _, known := now[collection]; !known {
				now[collection] = n
			}
		}
	}
	if len(s.plan.Absent) > 0 && !s.report.Approved {
		for collection, n := range now {
			now[collection] = max(n, before[collection])
		}
	}
	return now
}

// cursor returns the scope's new cursor.
func (s *scopeRun) cursor() *state.Cursor {
	c := state.Cursor{}
	if s.memory.Cursor != nil {
		c = *s.memory.Cursor
	}
	now := s.run.Now().UTC()
	c.End(string(s.report.Outcome), now)
	c.Scope, c.Name, c.Job, c.Run, c.At = s.id(), s.customer.Name, s.target.job.Name, s.run.id, now
	c.Violations, c.Error = s.report.Violations, ""
	if s.report.Error != nil {
		c.Error = s.run.Redact(*s.report.Error)
	}
	if s.isFormer() {
		c.Applied, c.Ended = false, now // should it be a customer of its own again, that begins with a first plan
	} else if !s.ended.IsZero() {
		c.Ended = s.ended
	}
	s.remember(&c)
	s.keepInvoices(&c)
	if !s.sourceAccepted {
		return &c
	}
	c.Restored = false
	c.Settings, c.Counts, c.Source = s.settingsDigest(), s.sourceCounts(c.Counts), ""
	c.Objects, c.Absent = s.plan.Managed, len(s.plan.Absent)
	if (s.report.Outcome == InStep || s.report.Outcome == Changed) && !s.deferred {
		c.Source, c.InStepAt = s.snapshotDigest, now
	}
	return &c
}

// remember keeps what the source proved of the subscriptions, whatever becomes of the plan.
func (s *scopeRun) remember(c *state.Cursor) {
	if s.snapshot == nil || !s.billed() {
		return
	}
	if licences, err := s.snapshot.Licences.Items(); err == nil {
		c.Seen = money.Remember(licences, s.snapshot.Licences.Proof().Partial, s.seen(), s.run.Now().UTC())
	}
}
