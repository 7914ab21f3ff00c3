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

// patience is how long the change in hand may take once the daemon is asked to stop.
const patience = 2 * time.Minute

// apply carries out the changes that nothing holds, in order. Each is announced
// in the store before its request is sent, together with what became of the
// ones before it: after a crash anywhere the store knows what may be at the
// target, and nothing that was never sent looks as if it had been. Its error
// ends the run.
func (s *scope) apply(ctx context.Context) error {
	changes := s.plan.Changes
	s.commit = &state.Commit{Scope: s.id()}
	left := &plan.Plan{Scope: s.id()} // what still waits for a person
	var done, failed, refused int
	var first error
	stopped := false
	var later *target.Later
	for i := range changes {
		c := &changes[i]
		if c.Held != "" {
			left.Changes = append(left.Changes, *c)
			continue
		}
		if later != nil {
			left.Changes = append(left.Changes, *c)
			continue
		}
		if stopped || ctx.Err() != nil {
			stopped = true
			failed++
			if first == nil {
				first = context.Cause(ctx)
			}
			continue
		}
		err := s.change(ctx, c)
		if lost := (*storeError)(nil); errors.As(err, &lost) {
			return lost.error
		}
		switch {
		case err == nil:
			done++
			if c.Writes() {
				s.report.Written++
			}
		case errors.Is(err, errTurnedAway):
			failed++
			stopped = true
			if first == nil {
				first = s.turnedAway()
				s.report.Refused = true
			}
		case errors.As(err, &later):
			left.Changes = append(left.Changes, *c)
		case errors.Is(err, target.ErrMoved):
			s.moment(c, err)
			left.Changes = append(left.Changes, *c)
		default:
			failed++
			if !errors.Is(err, rest.ErrOutcomeUnknown) { // a lost answer is no refusal
				refused++
			}
			if first == nil {
				first = fmt.Errorf("%s %s: %w", c.Action, c.Label, err)
			}
			stopped = ends(err)
		}
	}
	s.normal = failed == 0 && len(left.Changes) == 0 || done > 0
	if later != nil {
		s.held = append(s.held, plan.Violation{Code: later.Code, Note: true, Message: fmt.Sprintf("%s left for the next run: %s", changesCount(len(left.Changes)), later.Why)})
		s.later = true
	}
	s.report.Violations = s.held
	approved := s.report.Approved
	switch {
	case failed > 0 && done > 0:
		s.report.fail(Partial, first)
	case failed > 0:
		s.report.fail(Failed, first)
	case plan.Holds(s.held):
		s.report.Outcome = Held
		s.wait(left)
	case later != nil:
		s.report.Outcome = Skipped
		if done > 0 {
			s.report.Outcome = Changed
		}
		if approved {
			s.wait(left)
		}
	default:
		s.report.Outcome = Changed
	}
	s.log.Info().Str("job", s.target.job.Name).Str("outcome", string(s.report.Outcome)).Int("done", done).Int("failed", failed).
		Int("held", len(left.Changes)).Msg("scope worked on")
	s.target.access.tally(s.report.Written, refused, first)
	// What was done is written down at once: a crash must find it.
	c := s.commit
	s.commit, s.written = nil, true
	if s.run.sel.Only == "" {
		s.learn(c)
	}
	s.conclude(c)
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
	if later != nil && approved && s.hold != nil {
		// What was approved is approved until it is done.
		if err := s.run.Store.Decide(context.WithoutCancel(ctx), s.id(), s.hold.Digest, *s.memory.Hold.Decision); err != nil {
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

// ends reports whether the scope is over: nobody knows what became of the
// request, or no further one has a chance.
func ends(err error) bool {
	if errors.Is(err, rest.ErrOutcomeUnknown) || errors.Is(err, rest.ErrBreakerOpen) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return turnedAway(err)
}

// announce stores what is about to be sent, before it is, and what became of the
// changes before it.
func (s *scope) announce(ctx context.Context, c *plan.Change) error {
	s.commit.Put = append(s.commit.Put, s.announcement(c))
	if err := s.run.Store.Commit(context.WithoutCancel(ctx), s.commit); err != nil {
		return &storeError{fmt.Errorf("announcing a change of %s: %w", s.id(), err)}
	}
	s.commit = &state.Commit{Scope: s.id()}
	return nil
}

func (s *scope) announcement(c *plan.Change) plan.Record {
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

// unannounce takes back the announcement of a change that did not go through.
func (s *scope) unannounce(c *plan.Change) {
	if !c.Writes() {
		return
	}
	if record, known := s.recordOf(c.Key); known {
		s.commit.Put = append(s.commit.Put, record)
	} else {
		s.commit.Drop = append(s.commit.Drop, c.Key)
	}
}

func (s *scope) recordOf(key plan.Key) (plan.Record, bool) {
	for _, r := range s.memory.Records {
		if r.Key == key {
			return r, true
		}
	}
	return plan.Record{}, false
}

// change carries out one change and notes what became of it.
func (s *scope) change(ctx context.Context, c *plan.Change) error {
	applied := target.Applied{}
	if c.After != nil {
		applied.Object = *c.After
	} else if c.Before != nil {
		applied.Object = *c.Before
	}
	if c.Reason == plan.AttemptVanished {
		if err := s.settle(ctx, c); err != nil {
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
			hand, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			answer, err = s.view.Apply(hand, *c)
			s.run.Metrics.changed(s.target.spec.Name, c.Action, err)
			return err
		})
		if lost := (*storeError)(nil); errors.Is(err, errTurnedAway) || errors.As(err, &lost) {
			return err
		}
		if later := (*target.Later)(nil); errors.As(err, &later) {
			s.unannounce(c)
			return err
		}
		if err != nil {
			s.refused(c, err)
			return err
		}
		applied = answer
	}
	s.held = append(s.held, applied.Notes...)
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
	return nil
}

// settle waits until a create whose answer was lost has had its time to show
// up. The target looks again before it sends; a slow one may have finished. It
// never waits longer than that, whatever the clock was when the create was sent.
func (s *scope) settle(ctx context.Context, c *plan.Change) error {
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

// refused notes a change that did not go through. Where nobody knows whether
// it did, the announcement stays, for the next run to find out.
func (s *scope) refused(c *plan.Change, err error) {
	result := state.ResultFailed
	if errors.Is(err, rest.ErrOutcomeUnknown) {
		result = state.ResultUnknown
		s.commit.Put = append(s.commit.Put, s.announcement(c)) // it may show up late, from now on
	} else {
		s.unannounce(c)
	}
	s.commit.Entries = append(s.commit.Entries, s.entry(c, result, s.run.Redact(err.Error()), c.After))
	s.log.Warn().Err(err).Str("kind", c.Key.Kind).Str("key", c.Key.ID).Str("action", string(c.Action)).Str("result", result).Msg("change not made")
}

// moment holds an object that changed between plan and write.
func (s *scope) moment(c *plan.Change, err error) {
	c.Held = "target_moved"
	s.held = append(s.held, plan.Violation{Code: "target_moved", Kind: c.Key.Kind, Key: c.Key.ID, NeedsRepair: true,
		Message: fmt.Sprintf("%s was left alone: %s; the next plan shows it as it now is", c.Label, s.run.Redact(err.Error()))})
}

func (s *scope) entry(c *plan.Change, result, message string, after *plan.Object) state.Entry {
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
