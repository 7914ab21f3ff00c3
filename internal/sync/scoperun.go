package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	view       target.View // nil where the target was not read
	desired    target.Desired
	observed   target.Observed
	compareErr error // why desired and observed were not compared
	plan       *plan.Plan
	violations []plan.Violation // what holds the scope or one of its objects, and notes
	report     ScopeReport
	log        zerolog.Logger
	ledger     scopeLedger
	explained  map[plan.Key]*plan.Explanation // why lines are billed for more than the rules come to

	formerKeys map[plan.Key]plan.Key // of lines whose key is another one since, see rekeyRecords
	formerRefs []string              // see recallFormer
	formerSeen []directory.Seen      // what was remembered of the tenants' subscriptions
	ended      time.Time             // when the scope came to its end, if it ever did

	unsettled []state.Unsettled   // invoices that were made meanwhile, until a person settles them
	reopened  []state.InvoiceMark // agreements of which an invoice was deleted, as they were before

	snapshotDigest string          // of the snapshot
	newHold        *state.Hold     // to be stored with the outcome
	sourceAccepted bool            // the plan was empty or written: the next run compares with this snapshot
	commit         *state.Commit   // of the change under way, while changes are applied
	committed      bool            // the outcome is stored already
	applied        *applied        // what became of the changes; nil where none was to be sent
	decided        uint64          // how much people had decided when the plan was last held against it
	rejection      *state.Decision // of the plan, while it was carried out
	deferred       bool            // the target takes no more writes in this run; the next run goes on

	checked    bool     // there is a plan, and what holds it is known
	beside     bool     // compared for the halves of another part alone, see besides
	halved     bool     // an approved change waits for its other half
	leftBehind []string // refs of what checkFormer says of it
}

func (r *run) newScopeRun(t *openTarget, c mapping.Customer, snap *directory.Snapshot) *scopeRun {
	return &scopeRun{run: r, target: t, customer: c, snapshot: snap, memory: &state.Memory{}, decided: r.planned,
		ledger: scopeLedger{written: map[plan.Key]plan.Object{}, unanswered: map[plan.Key]bool{}},
		log:    r.log.With().Str("customer", c.Key).Str("target", t.spec.Name).Logger(),
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

// knownRefs are the target's ids of all objects that were ever managed in this scope.
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

// connection returns the connection of the scope's customer.
func (s *scopeRun) connection() *connection {
	return s.target.access.connection(s.customer, s.target.spec.Link)
}

// accessError says that an earlier refusal closed the scope's connection.
func (s *scopeRun) accessError() error {
	return fmt.Errorf("left alone in this run, since %s turned it away: %w", s.target.spec.Name, s.connection().denied())
}

// prepare does what can be done without the target, and reports whether the target
// must be read. Its error ends the run.
func (s *scopeRun) prepare(ctx context.Context) (proceed bool, err error) {
	needs := s.target.spec.Needs
	if s.memory, err = s.run.Store.Recall(ctx, s.id()); err != nil {
		return false, fmt.Errorf("recalling %s: %w", s.id(), err)
	}
	s.setOldRecordsAside()
	s.ledger.sent = map[plan.Key]time.Time{}
	for i := range s.memory.Records {
		if r := &s.memory.Records[i]; r.Pending != nil {
			s.ledger.sent[r.Key] = r.At
		}
	}
	if err := s.recallFormer(ctx); err != nil {
		return false, err
	}
	s.recallSubscriptions()
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
		if c := s.memory.Cursor; s.isFormer() {
			if c != nil {
				s.customer.Name, s.report.Customer.Name = c.Name, c.Name
			}
			s.report.Violations = []plan.Violation{{Code: plan.LeftBehind, Note: true, Message: s.whyFormer()}}
		} else if refs := s.knownRefs(); len(refs) > 0 {
			s.report.Violations = []plan.Violation{{Code: plan.LeftBehind, Note: true, Message: fmt.Sprintf(
				"it is not linked any more; what syncd kept in step for it is left as it is: %s", strings.Join(refs, ", "))}}
		}
		return false, nil
	case s.customer.Several() && s.target.spec.OneTenant != "":
		s.report.Outcome = Unmapped
		s.report.Violations = []plan.Violation{{Code: "several_tenants", Note: true, Message: fmt.Sprintf(
			"the customer is made of %d tenants, and %s", len(s.customer.Parts), s.target.spec.OneTenant)}}
		return false, nil
	case s.customer.Divided() && !s.target.spec.Parts:
		s.report.Outcome = Unmapped
		s.report.Violations = []plan.Violation{{Code: "part_of_tenant", Note: true, Message: "the customer is a part of a tenant, and " + s.target.spec.Name + " keeps whole tenants in step: clear its column on that line"}}
		return false, nil
	case !s.customer.Listed:
		s.report.fail(Incomplete, fmt.Errorf("%w: the source no longer lists %s (excluded there, its relationship ended, or its list is not refreshed yet)",
			directory.ErrIncomplete, strings.Join(s.customer.Unlisted(), ", ")))
		return false, nil
	}
	if p := s.snapshot.Part; p != nil && p.Code != "" {
		s.compareErr = &target.Blocked{Violations: []plan.Violation{{Code: p.Code, NeedsRepair: true, Message: p.Why}}}
		s.reportCompareError(s.compareErr)
		return false, nil
	}
	if err := s.snapshot.Proven(needs); err != nil {
		s.report.fail(Incomplete, err)
		return false, nil
	}
	cursor := s.memory.Cursor
	if cursor != nil {
		for collection, n := range s.sourceRows() {
			if before := cursor.Counts[collection]; n == 0 && before > 0 {
				s.report.fail(Incomplete, fmt.Errorf("%w: the source lists no %s at all where it listed %d; that is how it answers when it cannot read a tenant",
					directory.ErrIncomplete, collection, before))
				return false, nil
			}
		}
	}
	s.snapshotDigest = s.snapshot.Digest(needs)
	if s.verifiedLately(cursor) {
		s.report.Outcome = Skipped
		s.report.Unchanged = cursor.Objects
		return false, nil
	}
	return true, nil
}

// recallSubscriptions adds to the snapshot what is remembered of the subscriptions, and
// what is said of them.
func (s *scopeRun) recallSubscriptions() {
	if s.snapshot == nil || !s.billed() {
		return
	}
	s.snapshot = s.snapshot.WithRemembered(func(licences []directory.Licence, seen []directory.Seen) []directory.Licence {
		return s.target.spec.Claims.Join(s.customer.Key, money.WithMemory(licences, seen))
	}, s.seen())
}

// applyTrial replaces stored settlements by those of Selection.Trial.
func (s *scopeRun) applyTrial() {
	if s.run.mode != PlanOnly {
		return
	}
	for _, word := range s.run.sel.Trial[s.id()] {
		others := slices.DeleteFunc(slices.Clone(s.memory.Settlements), func(x state.Settlement) bool { return x.Key == word.Key })
		s.memory.Settlements = append(others, state.Settlement{Scope: s.id(), Settlement: word})
	}
}

// wayBack reports whether the scope's plan is a way back and nothing else: what the
// source says was not compared with what the target holds.
func (s *scopeRun) wayBack() bool { return s.plan.Reverting != "" || s.run.sel.WayBack != nil }

// settingsDigest is a digest of what decides the plan besides the source: rules,
// options, the link, what is said of the customer's subscriptions, and the tenants that
// make it up.
func (s *scopeRun) settingsDigest() string { return settingsOf(&s.target.spec, &s.customer) }

func settingsOf(spec *target.Spec, c *mapping.Customer) string {
	digest := spec.Settings + " " + c.Links[spec.Link]
	if claims := spec.Claims.For(c.Key); len(claims) > 0 {
		digest += " " + target.SettingsDigest(json.Marshal(claims))
	}
	if own := spec.Own[c.Key].Settings; own != "" {
		digest += " " + own
	}
	return digest + made(c)
}

// seen is what is remembered of the subscriptions.
func (s *scopeRun) seen() []directory.Seen {
	c := s.memory.Cursor
	switch {
	case c == nil:
		return s.formerSeen
	case len(s.formerSeen) == 0:
		return c.Seen
	}
	return append(slices.Clip(s.formerSeen), c.Seen...) // the last one of an id counts
}

// billed reports whether the scope's objects are billed by licences.
func (s *scopeRun) billed() bool {
	return s.target.spec.Needs.Has(directory.Licences) && slices.ContainsFunc(s.target.spec.Kinds, func(k plan.Kind) bool { return k.Delta != nil })
}

// verifiedLately reports whether the target need not be read: source and settings are
// unchanged since it was last in step, less than VerifyEvery ago. This is the only use
// of the cursor besides the guards.
func (s *scopeRun) verifiedLately(c *state.Cursor) bool {
	return c != nil && c.Absent == 0 && len(s.run.reversals.of(s.id())) == 0 && s.run.mode == Apply && s.run.sel.Trigger != "command" && s.target.spec.VerifyEvery > 0 &&
		s.memory.Hold == nil && !c.Restored && c.Source == s.snapshotDigest && c.Settings == s.settingsDigest() && !c.InStepAt.IsZero() &&
		!c.InStepAt.After(s.run.Now()) && s.run.Now().Sub(c.InStepAt) < s.target.spec.VerifyEvery
}

// planAndApply compares, plans, checks and applies, as far as the mode allows. Its error
// ends the run; what concerns the scope alone is in its report. What the parts of a tenant
// plan is carried out together, see applyDivided.
func (s *scopeRun) planAndApply(ctx context.Context) error {
	if err := s.makeAndCheckPlan(ctx); err != nil || !s.checked || s.dividedTenant() != "" {
		return err
	}
	return s.act(ctx)
}

// makeAndCheckPlan compares, plans and checks. Where it came to no plan the
// report says why.
func (s *scopeRun) makeAndCheckPlan(ctx context.Context) error {
	var err error
	s.desired, s.observed, err = s.view.Compare(ctx, s.snapshot, s.memory.Records)
	s.target.access.countObserved(err)
	if s.compareErr = err; err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.reportCompareError(err)
		return s.explainCounts(ctx)
	}
	if err = s.leaveToOthers(ctx); err != nil {
		return err
	}
	if err = s.rekeyRecords(ctx); err != nil {
		return err
	}
	if made, err := s.makePlan(ctx, s.sides()); !made {
		return err
	}
	if s.run.sel.Only != "" {
		whole := s.plan
		if made, err := s.makePlan(ctx, s.sidesOfOne()); !made {
			return err
		}
		s.plan.Whole = whole
	}
	s.report.Trace, s.report.Reverts = s.plan.Trace, s.plan.Reverting
	if s.run.sel.Only == "" && !s.beside {
		s.run.reversals.planned(s.id(), s.plan.Reversals)
	}
	s.checkInvoices()
	s.checkGuards()
	s.checked = true
	return nil
}

// act reports the plan and carries it out, as far as the mode allows.
func (s *scopeRun) act(ctx context.Context) error {
	err := s.addCredits(ctx)
	s.reportPlan()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.connection().recordDenial(err)
		s.report.fail(Failed, err) // what goes back unread would be credited by nobody
		return nil
	}
	if s.plan.Empty() || s.run.mode == PlanOnly {
		s.sourceAccepted = s.plan.Empty() && !s.wayBack()
		return nil // a dry run runs the same code, and ends here
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

// makePlan makes the plan and explains it. Its error ends the run; where the plan was not
// made and there is none, the report says why.
func (s *scopeRun) makePlan(ctx context.Context, sides plan.Sides) (made bool, err error) {
	if s.plan, err = plan.Make(s.id(), s.target.spec.Kinds, sides); err != nil {
		s.report.fail(Failed, err) // two objects with one key
		return false, nil
	}
	s.plan.In = s.run.Currency
	err = s.explainDecreases(ctx)
	return err == nil, err
}

// compareUnobserved finds out what a scope should hold at a target that could not be read,
// for Selection.Inspect and for the ledger: without it nothing would seem due.
func (s *scopeRun) compareUnobserved(ctx context.Context) error {
	if (s.run.sel.Inspect != nil || s.run.mode == Apply && s.billed()) && s.view != nil {
		s.desired, _, _ = s.view.Compare(ctx, s.snapshot, s.memory.Records)
	}
	return s.explainCounts(ctx)
}

// reportCompareError reports why a scope could not be compared. A scope that a person
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
