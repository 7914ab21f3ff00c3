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

// apply carries out the changes that nothing holds, in order. Each is announced
// in the store before its request is sent, together with what became of the
// ones before it: after a crash anywhere the store knows what may be at the
// target, and nothing that was never sent looks as if it had been. Its error
// ends the run.
func (s *scopeRun) apply(ctx context.Context) error {
	changes := s.plan.Changes
	s.commit = &state.Commit{Scope: s.id()}
	waiting := &plan.Plan{Scope: s.id()} // what still waits for a person
	var done, failed, refused int
	var firstErr error
	stopped := false
	var later *target.Later
	for i := range changes {
		c := &changes[i]
		if c.Held != "" {
			waiting.Changes = append(waiting.Changes, *c)
			continue
		}
		if later != nil {
			waiting.Changes = append(waiting.Changes, *c)
			continue
		}
		if stopped || ctx.Err() != nil {
			stopped = true
			failed++
			if firstErr == nil {
				firstErr = context.Cause(ctx)
			}
			continue
		}
		err := s.applyChange(ctx, c)
		if storeErr := (*storeError)(nil); errors.As(err, &storeErr) {
			return storeErr.error
		}
		switch {
		case err == nil:
			done++
			if c.Writes() {
				s.report.Written++
			}
		case errors.Is(err, errConnectionDenied):
			failed++
			stopped = true
			if firstErr == nil {
				firstErr = s.accessError()
				s.report.Refused = true
			}
		case errors.As(err, &later):
			waiting.Changes = append(waiting.Changes, *c)
		case errors.Is(err, target.ErrMoved):
			s.holdMoved(c, err)
			waiting.Changes = append(waiting.Changes, *c)
		default:
			failed++
			if !errors.Is(err, rest.ErrOutcomeUnknown) { // a lost answer is no refusal
				refused++
			}
			if firstErr == nil {
				firstErr = fmt.Errorf("%s %s: %w", c.Action, c.Label, err)
			}
			stopped = endsScope(err)
		}
	}
	s.sourceAccepted = failed == 0 && len(waiting.Changes) == 0 || done > 0
	if later != nil {
		s.violations = append(s.violations, plan.Violation{Code: later.Code, Note: true, Message: fmt.Sprintf("%s left for the next run: %s", changesCount(len(waiting.Changes)), later.Why)})
		s.deferred = true
	}
	s.report.Violations = s.violations
	approved := s.report.Approved
	switch {
	case failed > 0 && done > 0:
		s.report.fail(Partial, firstErr)
	case failed > 0:
		s.report.fail(Failed, firstErr)
	case plan.Holds(s.violations):
		s.report.Outcome = Held
		s.holdPlan(waiting)
	case later != nil:
		s.report.Outcome = Skipped
		if done > 0 {
			s.report.Outcome = Changed
		}
		if approved {
			s.holdPlan(waiting)
		}
	default:
		s.report.Outcome = Changed
	}
	s.log.Info().Str("job", s.target.job.Name).Str("outcome", string(s.report.Outcome)).Int("done", done).Int("failed", failed).
		Int("held", len(waiting.Changes)).Msg("scope worked on")
	s.target.access.countChanges(s.report.Written, refused, firstErr)
	// What was done is written down at once: a crash must find it.
	c := s.commit
	s.commit, s.committed = nil, true
	if s.run.sel.Only == "" {
		s.updateRecords(c)
	}
	s.addOutcome(c)
	if done > 0 {
		if c.Cursor == nil && s.memory.Cursor != nil {
			c.Cursor = s.memory.Cursor
		}
		if c.Cursor != nil {
			c.Cursor.Applied = true
		}
	}
	if err := s.run.Store.Commit(context.WithoutCancel(ctx), c); err != nil {
		return fmt.Errorf("writing down what was done for %s: %w", s.id(), err)
	}
	if later != nil && approved && s.newHold != nil {
		// What was approved is approved until it is done.
		if err := s.run.Store.Decide(context.WithoutCancel(ctx), s.id(), s.newHold.Digest, *s.memory.Hold.Decision); err != nil {
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

// endsScope reports whether the scope is over: nobody knows what became of the
// request, or no further one has a chance.
func endsScope(err error) bool {
	if errors.Is(err, rest.ErrOutcomeUnknown) || errors.Is(err, rest.ErrBreakerOpen) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return accessDenied(err)
}
