package sync

import (
	"context"
	"errors"
	"fmt"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/state"
	"syncd/internal/target"
)

// An applied counts what became of a plan's changes.
type applied struct {
	done     int           // carried out
	failed   int           // refused, unanswered, or not sent after such a one
	refused  int           // of the failed ones, refused by the target
	waiting  []plan.Change // for a person, or for the next run
	deferred *target.Later // why the target takes no more changes in this run; nil as a rule
	stopped  bool          // no further change is sent
	firstErr error         // of the first failed change
}

// fail counts a change that was not carried out; only the first error is reported.
func (a *applied) fail(err error) {
	a.failed++
	if a.firstErr == nil {
		a.firstErr = err
	}
}

// apply carries out the changes that nothing holds, in order. Each is announced
// in the store before its request is sent, together with what became of the
// ones before it: after a crash anywhere the store knows what may be at the
// target, and nothing that was never sent looks as if it had been. Its error
// ends the run.
func (s *scopeRun) apply(ctx context.Context) error {
	s.commit = &state.Commit{Scope: s.id()}
	s.noteWaited()
	s.recordArrived(s.commit)
	a, err := s.applyChanges(ctx)
	if err != nil {
		return err
	}
	s.reportApplied(a)
	s.target.access.countChanges(s.report.Written, a.refused, a.firstErr)
	return s.commitApplied(ctx, a)
}

// applyChanges sends the changes one after another. Its error is one of the store.
func (s *scopeRun) applyChanges(ctx context.Context) (*applied, error) {
	a := &applied{}
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		if c.Held != "" || a.deferred != nil {
			a.waiting = append(a.waiting, *c)
			continue
		}
		if a.stopped || ctx.Err() != nil {
			a.stopped = true
			a.fail(context.Cause(ctx))
			continue
		}
		err := s.applyChange(ctx, c)
		if storeErr := (*storeError)(nil); errors.As(err, &storeErr) {
			return nil, storeErr.error
		}
		s.countChange(a, c, err)
	}
	return a, nil
}

// countChange counts what became of one change, and stops the scope where no
// further change has a chance.
func (s *scopeRun) countChange(a *applied, c *plan.Change, err error) {
	switch {
	case err == nil:
		a.done++
		if c.Writes() {
			s.report.Written++
		}
	case errors.Is(err, errConnectionDenied):
		s.report.Refused = s.report.Refused || a.firstErr == nil
		a.fail(s.accessError())
		a.stopped = true
	case errors.As(err, &a.deferred):
		a.waiting = append(a.waiting, *c)
	case errors.Is(err, target.ErrMoved):
		s.holdMoved(c, err)
		a.waiting = append(a.waiting, *c)
	default:
		a.fail(fmt.Errorf("%s %s: %w", c.Action, c.Label, err))
		if !errors.Is(err, rest.ErrOutcomeUnknown) { // a lost answer is no refusal
			a.refused++
		}
		a.stopped = endsScope(err)
	}
}

// reportApplied puts the outcome into the report, and holds what waits for a person.
func (s *scopeRun) reportApplied(a *applied) {
	s.applied = a
	s.sourceAccepted = (a.failed == 0 && len(a.waiting) == 0 || a.done > 0) && !s.wayBack()
	switch {
	case a.deferred == nil:
	case a.deferred.Decided:
		s.violations = append(s.violations, plan.Violation{Code: a.deferred.Code, NeedsRepair: true,
			Message: fmt.Sprintf("%s not sent: %s", changesCount(len(a.waiting)), a.deferred.Why)})
	default:
		s.deferred = true
		note := a.deferred.Note()
		note.Message = fmt.Sprintf("%s left for the next run: %s", changesCount(len(a.waiting)), a.deferred.Why)
		s.violations = append(s.violations, note)
	}
	s.report.Violations = s.violations
	waiting := s.plan.With(a.waiting)
	switch {
	case a.failed > 0 && a.done > 0:
		s.report.fail(Partial, a.firstErr)
	case a.failed > 0:
		s.report.fail(Failed, a.firstErr)
	case plan.Holds(s.violations):
		s.report.Outcome = Held
		s.holdPlan(waiting)
	case s.halved && a.done == 0:
		s.report.Outcome = Held
		s.holdRest(waiting)
	case a.deferred != nil:
		s.report.Outcome = Skipped
		if a.done > 0 {
			s.report.Outcome = Changed
		}
		if s.report.Approved {
			s.holdRest(waiting)
		}
	default:
		s.report.Outcome = Changed
		if (s.plan.Whole != nil || s.halved) && s.report.Approved && !waiting.Empty() {
			s.holdRest(waiting)
		}
	}
	s.log.Info().Str("job", s.target.job.Name).Str("outcome", string(s.report.Outcome)).Int("done", a.done).Int("failed", a.failed).
		Int("held", len(a.waiting)).Msg("scope worked on")
}

// commitApplied stores what was done, and where the scope stands, at once: after a
// crash the next run must know it.
func (s *scopeRun) commitApplied(ctx context.Context, a *applied) error {
	c := s.commit
	s.commit, s.committed = nil, true
	if s.run.sel.Only == "" {
		s.updateRecords(c)
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.addOutcome(ctx, c); err != nil {
		return err
	}
	if a.done > 0 {
		if c.Cursor == nil && s.memory.Cursor != nil {
			c.Cursor = new(*s.memory.Cursor)
		}
		if c.Cursor != nil {
			if s.run.sel.Only != "" {
				s.remember(c.Cursor) // what explained this fall explains no other
			}
			c.Cursor.Applied = true
		}
	}
	if err := s.run.Store.Commit(ctx, c); err != nil {
		return fmt.Errorf("writing down what was done for %s: %w", s.id(), err)
	}
	if s.rejection != nil && s.newHold != nil && s.newHold.Digest != s.report.Digest {
		// What is left of a plan that was rejected is rejected too.
		if err := s.run.Store.Decide(ctx, s.id(), s.newHold.Digest, *s.rejection); err != nil {
			return fmt.Errorf("carrying the rejection of %s on: %w", s.id(), err)
		}
	}
	if (a.deferred != nil && !a.deferred.Decided || s.plan.Whole != nil || s.halved) && s.report.Approved && s.rejection == nil && s.newHold != nil {
		// An approval lasts until all that it was given for is done.
		if err := s.run.Store.Decide(ctx, s.id(), s.newHold.Digest, *s.memory.Hold.Decision); err != nil {
			return fmt.Errorf("carrying the approval of %s on: %w", s.id(), err)
		}
	}
	return nil
}

func changesCount(n int) string {
	if n == 1 {
		return "1 change is"
	}
	return fmt.Sprintf("%d changes are", n)
}

// endsScope reports whether no further change of the scope is sent: the outcome of
// the request is unknown, or the next one would fail alike.
func endsScope(err error) bool {
	if errors.Is(err, rest.ErrOutcomeUnknown) || errors.Is(err, rest.ErrBreakerOpen) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return accessDenied(err)
}
