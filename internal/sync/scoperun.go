package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// A scopeRun is one customer at one target in one run.
type scopeRun struct {
	run        *run
	target     *openTarget
	customer   mapping.Customer
	snapshot   *directory.Snapshot // nil where nothing was read
	memory     *state.Memory
	view       target.View // nil where nothing was looked at
	desired    target.Desired
	observed   target.Observed
	compareErr error // why they were not compared
	plan       *plan.Plan
	violations []plan.Violation // what stops the scope or one of its objects
	report     ScopeReport
	log        zerolog.Logger
	ledger     scopeLedger

	snapshotDigest string        // of the snapshot
	newHold        *state.Hold   // to be stored
	sourceAccepted bool          // the source's numbers were acted on: the next run compares with them
	commit         *state.Commit // what an apply has to write down, while it works
	committed      bool          // an apply wrote the scope's end down itself
	deferred       bool          // something was left for the next run, and nobody is waited for
}

func (r *run) newScopeRun(t *openTarget, c mapping.Customer, snap *directory.Snapshot) *scopeRun {
	return &scopeRun{run: r, target: t, customer: c, snapshot: snap, memory: &state.Memory{},
		log: r.log.With().Str("customer", c.Key).Str("target", t.spec.Name).Logger(),
		report: ScopeReport{Customer: customerRef(c), Target: t.spec.Name, Job: t.job.Name, Currency: r.Currency,
			MonthlyDelta: "0.00", Changes: []plan.Change{}, Violations: []plan.Violation{}}}
}

func (s *scopeRun) id() plan.Scope { return s.report.Scope() }

func (s *scopeRun) settlements() []plan.Settlement {
	out := make([]plan.Settlement, len(s.memory.Settlements))
	for i, x := range s.memory.Settlements {
		out[i] = x.Settlement
	}
	return out
}

// knownRefs are the target's ids of everything that was ever kept in step here.
func (s *scopeRun) knownRefs() []string {
	var refs []string
	for _, r := range s.memory.Records {
		if r.Ref != "" {
			refs = append(refs, r.Ref)
		}
		refs = append(refs, r.FormerRefs...)
	}
	return refs
}

// connection is the one that serves the scope's customer.
func (s *scopeRun) connection() *connection {
	return s.target.access.connection(s.customer, s.target.spec.Link)
}

// accessError says why the scope is left alone in this run.
func (s *scopeRun) accessError() error {
	return fmt.Errorf("left alone in this run, since %s turned it away: %w", s.target.spec.Name, s.connection().denied())
}

// prepare goes as far as can be gone without the target, and reports whether
// the target must be looked at. Its error ends the run.
func (s *scopeRun) prepare(ctx context.Context) (proceed bool, err error) {
	needs := s.target.spec.Needs
	if s.memory, err = s.run.Store.Recall(ctx, s.id()); err != nil {
		return false, fmt.Errorf("recalling %s: %w", s.id(), err)
	}
	s.ledger = newScopeLedger(s.memory.Spans)
	s.applyTrial()
	switch {
	case s.target.unusable != nil && (s.target.spec.Link == "" || isLinked(s.target, s.customer)):
		s.report.fail(Failed, s.target.unusable)
		s.report.Refused = true
		return false, nil
	case isLinked(s.target, s.customer) && s.connection().denied() != nil:
		s.report.fail(Failed, s.accessError())
		s.report.Refused = true
		return false, nil
	case s.customer.Status == mapping.Ignored, !isLinked(s.target, s.customer):
		s.report.Outcome, s.report.Ignored = Unmapped, s.customer.Status == mapping.Ignored
		if refs := s.knownRefs(); len(refs) > 0 {
			s.report.Violations = []plan.Violation{{Code: "left_behind", Note: true, Message: fmt.Sprintf(
				"it is not linked any more; what syncd kept in step for it is left as it is: %s", strings.Join(refs, ", "))}}
		}
		return false, nil
	case !s.customer.Listed:
		s.report.fail(Incomplete, fmt.Errorf("%w: the source no longer lists %s (excluded there, its relationship ended, or its list is not refreshed yet)",
			directory.ErrIncomplete, cmp.Or(s.customer.Name, string(s.customer.Tenant.ID))))
		return false, nil
	}
	if err := s.snapshot.Proven(needs); err != nil {
		s.report.fail(Incomplete, err)
		return false, nil
	}
	cursor := s.memory.Cursor
	if cursor != nil {
		for collection, n := range s.snapshot.Counts(needs) {
			if before := cursor.Counts[collection]; n == 0 && before > 0 {
				s.report.fail(Incomplete, fmt.Errorf("%w: the source lists no %s at all where it listed %d; that is how it answers when it cannot read a tenant",
					directory.ErrIncomplete, collection, before))
				return false, nil
			}
		}
	}
	s.snapshotDigest = s.snapshot.Digest(needs)
	if cursor != nil && s.billed() {
		s.snapshot = s.snapshot.Recalling(money.Recall, cursor.Seen)
	}
	if s.verifiedLately(cursor) {
		s.report.Outcome = Skipped
		s.report.Unchanged = cursor.Objects
		return false, nil
	}
	return true, nil
}

// applyTrial puts the words that are only tried in the place of those that are stored.
func (s *scopeRun) applyTrial() {
	if s.run.mode != PlanOnly {
		return
	}
	for _, word := range s.run.sel.Trial[s.id()] {
		others := slices.DeleteFunc(slices.Clone(s.memory.Settlements), func(x state.Settlement) bool { return x.Key == word.Key })
		s.memory.Settlements = append(others, state.Settlement{Scope: s.id(), Settlement: word})
	}
}

// settingsDigest is a digest of everything besides the source that decides the plan.
func (s *scopeRun) settingsDigest() string {
	return s.target.spec.Settings + " " + s.customer.Links[s.target.spec.Link]
}

// billed reports whether the scope's objects cost money by what subscriptions say.
func (s *scopeRun) billed() bool {
	return s.target.spec.Needs.Has(directory.Licences) && slices.ContainsFunc(s.target.spec.Kinds, func(k plan.Kind) bool { return k.Delta != nil })
}

// verifiedLately reports whether looking at the target can wait: nothing changed at the
// source or in the rules, and the target was seen to be right lately. This is
// the only use of the cursor besides the guards.
func (s *scopeRun) verifiedLately(c *state.Cursor) bool {
	return c != nil && c.Absent == 0 && s.run.mode == Apply && s.run.sel.Trigger != "command" && s.target.spec.VerifyEvery > 0 &&
		s.memory.Hold == nil && !c.Restored && c.Source == s.snapshotDigest && c.Settings == s.settingsDigest() && !c.InStepAt.IsZero() &&
		!c.InStepAt.After(s.run.Now()) && s.run.Now().Sub(c.InStepAt) < s.target.spec.VerifyEvery
}

// planAndApply brings one customer at one target into step, or says why it did not.
// Its error ends the run; what concerns the scope is in its report.
func (s *scopeRun) planAndApply(ctx context.Context) error {
	var err error
	s.desired, s.observed, err = s.view.Compare(ctx, s.snapshot, s.memory.Records)
	s.target.access.countObserved(err)
	if s.compareErr = err; err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.reportCompareError(err)
		return nil
	}
	if s.plan, err = plan.Make(s.id(), s.target.spec.Kinds, s.sides()); err != nil {
		s.report.fail(Failed, err) // two objects with one key: never guess
		return nil
	}
	s.report.Trace = s.plan.Trace
	s.checkGuards()
	s.reportPlan()
	if s.plan.Empty() || s.run.mode == PlanOnly {
		s.sourceAccepted = s.plan.Empty()
		return nil // a dry run is the same road, stopped here
	}
	if err := s.run.verifyStore(ctx, true); err != nil {
		return err
	}
	if plan.Blocks(s.violations) {
		s.holdPlan(s.plan)
		return nil
	}
	if s.run.mode != Apply {
		return nil
	}
	if s.deferred {
		if s.report.Outcome != Held {
			s.report.Outcome = Skipped
		}
		return nil
	}
	return s.apply(ctx)
}

// compareUnobserved finds out, for Selection.Inspect and for the ledger, what a scope should hold at a
// target that could not be looked at: a report that left it out would say that nothing is due.
func (s *scopeRun) compareUnobserved(ctx context.Context) {
	if (s.run.sel.Inspect != nil || s.run.mode == Apply && s.billed()) && s.view != nil {
		s.desired, _, _ = s.view.Compare(ctx, s.snapshot, s.memory.Records)
	}
}

// reportCompareError reports a scope that could not be compared. One that a person
// must repair is held, with what to repair.
func (s *scopeRun) reportCompareError(err error) {
	if errors.Is(err, directory.ErrIncomplete) {
		s.report.fail(Incomplete, fmt.Errorf("mapping: %w", err))
		return
	}
	blocked, ok := errors.AsType[*target.Blocked](err)
	if !ok {
		s.connection().recordDenial(err)
		s.report.fail(Failed, fmt.Errorf("observing: %w", err))
		s.report.Refused = accessDenied(err)
		return
	}
	s.violations = blocked.Violations
	for i := range s.violations {
		s.violations[i].NeedsRepair = true
	}
	s.report.Outcome, s.report.Violations = Held, s.violations
	s.holdPlan(&plan.Plan{Scope: s.id()})
}
