package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/state"
	"syncd/internal/target"
)

// changeTimeout is how long the change in hand may take once the daemon is asked to stop.
const changeTimeout = 2 * time.Minute

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

// announce stores what is about to be sent, before it is, and what became of the
// changes before it.
func (s *scopeRun) announce(ctx context.Context, c *plan.Change) error {
	s.commit.Put = append(s.commit.Put, s.announcement(c))
	if err := s.run.Store.Commit(context.WithoutCancel(ctx), s.commit); err != nil {
		return &storeError{fmt.Errorf("announcing a change of %s: %w", s.id(), err)}
	}
	s.commit = &state.Commit{Scope: s.id()}
	return nil
}

func (s *scopeRun) announcement(c *plan.Change) plan.Record {
	var known *plan.Record
	if record, ok := s.recordOf(c.Key); ok {
		known = &record
	}
	record := c.Announced(known)
	record.Run, record.At = s.run.id, s.run.Now().UTC()
	return record
}

// A storeError ends the run: nobody could say any more what was done.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

// withdraw takes back the announcement of a change that did not go through.
func (s *scopeRun) withdraw(c *plan.Change) {
	if !c.Writes() {
		return
	}
	if record, known := s.recordOf(c.Key); known {
		s.commit.Put = append(s.commit.Put, record)
	} else {
		s.commit.Drop = append(s.commit.Drop, c.Key)
	}
}

func (s *scopeRun) recordOf(key plan.Key) (plan.Record, bool) {
	for _, r := range s.memory.Records {
		if r.Key == key {
			return r, true
		}
	}
	return plan.Record{}, false
}

// applyChange carries out one change and notes what became of it.
func (s *scopeRun) applyChange(ctx context.Context, c *plan.Change) error {
	applied := target.Applied{}
	if c.After != nil {
		applied.Object = *c.After
	} else if c.Before != nil {
		applied.Object = *c.Before
	}
	if c.Reason == plan.AttemptVanished {
		if err := s.awaitLateCreate(ctx, c); err != nil {
			return err
		}
	}
	if c.Writes() {
		var answer target.Applied
		err := s.connection().write(func() (err error) {
			if err = s.announce(ctx, c); err != nil {
				return err
			}
			// The change in hand is finished even while shutting down.
			changeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
			defer cancel()
			answer, err = s.view.Apply(changeCtx, *c)
			s.run.Metrics.countChange(s.target.spec.Name, c.Action, err)
			return err
		})
		if storeErr := (*storeError)(nil); errors.Is(err, errConnectionDenied) || errors.As(err, &storeErr) {
			return err
		}
		if later := (*target.Later)(nil); errors.As(err, &later) {
			s.withdraw(c)
			return err
		}
		if err != nil {
			s.recordFailure(c, err)
			return err
		}
		applied = answer
	}
	s.violations = append(s.violations, applied.Notes...)
	now := applied.Object
	now.Key = c.Key
	s.commit.Entries = append(s.commit.Entries, s.entry(c, state.ResultDone, "", &now))
	if c.Action == plan.Forget || c.Action == plan.Delete && c.After == nil {
		s.commit.Drop = append(s.commit.Drop, c.Key)
		return nil
	}
	record, known := s.recordOf(c.Key)
	if !known || record.Origin == plan.Announced {
		record.Origin = plan.Adopted
		if c.Action == plan.Create || known && c.Reason.Row() == plan.AttemptSucceeded {
			record.Origin = plan.Created
		}
	}
	if record.Ref != "" && record.Ref != now.Ref {
		record.FormerRefs = append(slices.Clip(record.FormerRefs), record.Ref)
	}
	record.Object, record.Pending, record.Run, record.At = c.Remembered(now), nil, s.run.id, s.run.Now().UTC()
	record.Rewritten, record.PutBack = c.Rewritten(record.Rewritten, applied.Rewritten, &applied.Object), c.PutBackAfter(record.PutBack)
	record.Attempts, record.Absences, record.AbsentSince = 0, 0, time.Time{}
	s.commit.Put = append(s.commit.Put, record)
	if c.Writes() {
		s.ledger.wrote(c.Key, now)
		s.addSpansOf(s.commit, c.Key)
	}
	return nil
}

// awaitLateCreate waits until a create whose answer was lost has had its time to show
// up. The target looks again before it sends; a slow one may have finished. It
// never waits longer than that, whatever the clock was when the create was sent.
func (s *scopeRun) awaitLateCreate(ctx context.Context, c *plan.Change) error {
	record, known := s.recordOf(c.Key)
	if !known {
		return nil
	}
	timer := time.NewTimer(min(s.run.LateAnswerWait, s.run.LateAnswerWait-s.run.Now().Sub(record.At)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// recordFailure notes a change that did not go through. Where nobody knows whether
// it did, the announcement stays, for the next run to find out.
func (s *scopeRun) recordFailure(c *plan.Change, err error) {
	result := state.ResultFailed
	if errors.Is(err, rest.ErrOutcomeUnknown) {
		result = state.ResultUnknown
		s.commit.Put = append(s.commit.Put, s.announcement(c)) // it may show up late, from now on
		s.ledger.lost[c.Key] = true
	} else {
		s.withdraw(c)
	}
	s.commit.Entries = append(s.commit.Entries, s.entry(c, result, s.run.Redact(err.Error()), c.After))
	s.log.Warn().Err(err).Str("kind", c.Key.Kind).Str("key", c.Key.ID).Str("action", string(c.Action)).Str("result", result).Msg("change not made")
}

// holdMoved holds an object that changed between plan and write.
func (s *scopeRun) holdMoved(c *plan.Change, err error) {
	c.Held = "target_moved"
	s.violations = append(s.violations, plan.Violation{Code: "target_moved", Kind: c.Key.Kind, Key: c.Key.ID, NeedsRepair: true,
		Message: fmt.Sprintf("%s was left alone: %s; the next plan shows it as it now is", c.Label, s.run.Redact(err.Error()))})
}

func (s *scopeRun) entry(c *plan.Change, result, message string, after *plan.Object) state.Entry {
	e := state.Entry{At: s.run.Now().UTC(), Run: s.run.id, Job: s.target.job.Name, Scope: s.id(), Name: s.customer.Name,
		Action: c.Action, Key: c.Key, Label: c.Label, Ref: c.Ref, Reason: c.Reason, Before: c.Before, After: after,
		Money: c.MonthlyDelta.StringFixed(2), Result: result, Message: message, Digest: s.report.Digest}
	if after != nil && after.Ref != "" {
		e.Ref = after.Ref
	}
	if c.Action == plan.Forget {
		e.After = nil
	}
	if h := s.memory.Hold; h.Approved(s.report.Digest) {
		e.By, e.Why = h.Decision.By, h.Decision.Reason
	}
	return e
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data of our own; cannot fail
	}
	return raw
}
