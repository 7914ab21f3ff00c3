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

// applyChange carries out one change and adds its journal entry and its record to the
// commit.
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
			if err = s.checkDecided(ctx); err != nil {
				return err
			}
			if err = s.announce(ctx, c); err != nil {
				return err
			}
			// A change that was begun is finished even while the daemon stops.
			changeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
			defer cancel()
			answer, err = s.view.Apply(target.WithGate(changeCtx, s.checkDecided), *c)
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
	s.noteInvoices(applied.Notes)
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
	record.Object, record.Pending, record.Sent, record.Run, record.At = c.Remembered(now), nil, nil, s.run.id, s.run.Now().UTC()
	record.Rewritten, record.PutBack = c.Rewritten(record.Rewritten, applied.Rewritten, &applied.Object), c.PutBackAfter(record.PutBack)
	record.Attempts, record.Absences, record.AbsentSince = 0, 0, time.Time{}
	s.commit.Put = append(s.commit.Put, record)
	if c.Writes() {
		s.ledger.recordWrite(c.Key, now)
		if err := s.addSpansOf(context.WithoutCancel(ctx), s.commit, c.Key); err != nil {
			return &storeError{err}
		}
	}
	return nil
}

// announce commits what is about to be sent, together with what became of the changes
// before it.
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
		if record.Origin == plan.Announced && c.Before != nil && c.Reason.Row() == plan.AttemptSucceeded { // it was made, and is changed now
			record.Origin, record.Ref, record.Pending = plan.Created, c.Before.Ref, nil
		}
		known = &record
	}
	record := c.Announced(known)
	record.Run, record.At = s.run.id, s.run.Now().UTC()
	e := s.entry(c, "", "", nil)
	record.Sent = &plan.Sent{Digest: e.Digest, By: e.By, How: e.How, Why: e.Why, Reverts: e.Reverts}
	return record
}

// foundOut is the journal's entry of a request whose answer was lost and that got
// through: it belongs to the plan that sent it, with that plan's approval.
func foundOut(e state.Entry, sent *plan.Sent) state.Entry {
	if sent != nil {
		e.Digest, e.By, e.How, e.Why, e.Reverts = sent.Digest, sent.By, sent.How, sent.Why, sent.Reverts
	}
	return e
}

// withdraw undoes the announcement of a change that the target did not make.
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

// recordFailure adds a failed change to the commit. Where the outcome is unknown the
// announcement stays, and the next run finds out.
func (s *scopeRun) recordFailure(c *plan.Change, err error) {
	result := state.ResultFailed
	if errors.Is(err, rest.ErrOutcomeUnknown) {
		result = state.ResultUnknown
		s.commit.Put = append(s.commit.Put, s.announcement(c)) // it may appear at the target late, counted from now
		s.ledger.unanswered[c.Key] = true
	} else {
		s.withdraw(c)
	}
	s.commit.Entries = append(s.commit.Entries, s.entry(c, result, s.run.Redact(err.Error()), c.After))
	s.log.Warn().Err(err).Str("kind", c.Key.Kind).Str("key", c.Key.ID).Str("action", string(c.Action)).Str("result", result).Msg("change not made")
}

// holdMoved holds an object that changed at the target between plan and write.
func (s *scopeRun) holdMoved(c *plan.Change, err error) {
	c.Held = plan.TargetMoved
	s.violations = append(s.violations, plan.Violation{Code: plan.TargetMoved, Kind: c.Key.Kind, Key: c.Key.ID, NeedsRepair: true,
		Message: fmt.Sprintf("%s was left alone: %s; the next plan shows it as it now is", c.Label, s.run.Redact(err.Error()))})
}

// awaitLateCreate waits until LateAnswerWait has passed since a create whose answer was
// lost: a slow target may still finish it, and the target reads again before it sends.
// It never waits longer, even if the clock went back since.
func (s *scopeRun) awaitLateCreate(ctx context.Context, c *plan.Change) error {
	record, known := s.recordOf(c.Key)
	if !known {
		return nil
	}
	return rest.Sleep(ctx, min(s.run.LateAnswerWait, s.run.LateAnswerWait-s.run.Now().Sub(record.At)))
}

// changeTimeout bounds one change, which is finished even while the daemon stops.
const changeTimeout = 2 * time.Minute

// A storeError ends the run: what was done can no longer be recorded.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

func (s *scopeRun) entry(c *plan.Change, result, message string, after *plan.Object) state.Entry {
	e := state.Entry{At: s.run.Now().UTC(), Run: s.run.id, Job: s.target.job.Name, Scope: s.id(), Name: s.customer.Name,
		Action: c.Action, Key: c.Key, Label: c.Label, Ref: c.Ref, Reason: c.Reason, Before: state.ImageOf(c.Before), After: state.ImageOf(after),
		Money: moneyOf(c), Result: result, Message: message, Digest: s.report.Digest, Reverts: s.plan.Reverting, Explanation: c.Explanation}
	if after != nil && after.Ref != "" {
		e.Ref = after.Ref
	}
	if c.Action == plan.Forget {
		e.After = nil
	} else if after != nil && after.Billing != nil && (result == state.ResultDone || result == state.ResultRecovered) {
		e.Credits = s.creditsOf(e.Ref)
	}
	if h := s.memory.Hold; h.Approved(s.report.Digest) {
		e.By, e.How, e.Why = h.Decision.By, h.Decision.How, h.Decision.Reason
	}
	return e
}

// moneyOf is what a change does to the monthly bill; empty where nobody knows.
func moneyOf(c *plan.Change) string {
	if c.Unpriced {
		return ""
	}
	return c.MonthlyDelta.StringFixed(2)
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data of our own; cannot fail
	}
	return raw
}
