package sync

import (
	"cmp"
	"context"
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

// settingsDigest is a digest of everything besides the source that decides the plan.
func (s *scopeRun) settingsDigest() string {
	return s.target.spec.Settings + " " + s.customer.Links[s.target.spec.Link]
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

func (s *scopeRun) settlements() []plan.Settlement {
	out := make([]plan.Settlement, len(s.memory.Settlements))
	for i, x := range s.memory.Settlements {
		out[i] = x.Settlement
	}
	return out
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

// connection is the one that serves the scope's customer.
func (s *scopeRun) connection() *connection {
	return s.target.access.connection(s.customer, s.target.spec.Link)
}

// accessError says why the scope is left alone in this run.
func (s *scopeRun) accessError() error {
	return fmt.Errorf("left alone in this run, since %s turned it away: %w", s.target.spec.Name, s.connection().denied())
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

// sides are the three inputs of the plan, narrowed where one object was asked for.
func (s *scopeRun) sides() plan.Sides {
	sides := plan.Sides{Desired: s.desired.Objects, Observed: s.observed.Objects, Records: slices.Clone(s.memory.Records),
		Conflicts: append(slices.Clip(s.desired.Conflicts), s.observed.Conflicts...), HandsOff: map[plan.Key]string{}, Now: s.run.Now(), Unmanaged: s.observed.Unmanaged, Ended: s.observed.Ended}
	if s.run.sel.Inspect != nil { // Make takes conflicts out, and Inspect is shown them
		sides.Desired, sides.Observed = slices.Clone(sides.Desired), slices.Clone(sides.Observed)
	}
	for _, x := range s.memory.Settlements {
		if x.How == plan.SettleIgnore {
			sides.HandsOff[x.Key] = x.Reason
		}
	}
	sides.Conflicts = append(sides.Conflicts, s.unreadConflicts(&sides)...)
	if only := s.run.sel.Only; only != "" {
		ids := s.userIDs(only)
		other := func(k plan.Key, info map[string]string) bool { return !Matches(k, info, only) && !ids[k.ID] }
		sides.Desired = slices.DeleteFunc(slices.Clone(sides.Desired), func(o plan.Object) bool { return other(o.Key, o.Info) })
		sides.Observed = slices.DeleteFunc(slices.Clone(sides.Observed), func(o plan.Object) bool { return other(o.Key, o.Info) })
		sides.Records = slices.DeleteFunc(sides.Records, func(r plan.Record) bool { return other(r.Key, r.Info) })
		sides.Conflicts = slices.DeleteFunc(sides.Conflicts, func(c plan.Conflict) bool { return other(c.Key, nil) })
		sides.Explain = true
		s.report.Looked = s.observed.Looked
	}
	return sides
}

// unreadConflicts freezes everything that is made from an account or a group of which the
// source's row makes no sense: it is not as it seems, and it is not gone.
func (s *scopeRun) unreadConflicts(sides *plan.Sides) []plan.Conflict {
	why := map[string]string{} // by object id
	users, _ := s.snapshot.Users.Items()
	for i := range users {
		if u := &users[i]; u.Unread != "" {
			why[u.ID] = fmt.Sprintf("%s is left as it is: what the source says of it makes no sense (%s); correct it in Microsoft 365", cmp.Or(u.UPN, u.Name, u.ID), u.Unread)
		}
	}
	groups, _ := s.snapshot.Groups.Items()
	for i := range groups {
		if g := &groups[i]; g.Unread != "" {
			why[g.ID] = fmt.Sprintf("%s is left as it is: what the source says of it makes no sense (%s); correct it in Microsoft 365", cmp.Or(g.Name, g.ID), g.Unread)
		}
	}
	if len(why) == 0 {
		return nil
	}
	frozen := map[plan.Key]bool{}
	for _, c := range sides.Conflicts {
		frozen[c.Key] = true // said already
	}
	var out []plan.Conflict
	freeze := func(k plan.Key) {
		if text := why[strings.ToLower(k.ID)]; text != "" && !frozen[k] {
			frozen[k] = true
			out = append(out, plan.Conflict{Key: k, Violation: plan.Violation{Code: "not_proven", Key: k.ID, NeedsRepair: true, Message: text}})
		}
	}
	for _, o := range sides.Desired {
		freeze(o.Key)
	}
	for _, o := range sides.Observed {
		freeze(o.Key)
	}
	for _, r := range sides.Records {
		freeze(r.Key)
	}
	return out
}

// userIDs are the object ids of the accounts with that UPN.
func (s *scopeRun) userIDs(upn string) map[string]bool {
	ids := map[string]bool{}
	users, err := s.snapshot.Users.Items()
	for i := range users {
		if err == nil && strings.EqualFold(users[i].UPN, upn) {
			ids[users[i].ID] = true
		}
	}
	return ids
}

// Matches reports whether a person who typed text means the object: its key, a
// part of a joined key, or the user's UPN.
func Matches(k plan.Key, info map[string]string, text string) bool {
	id, _, _ := strings.Cut(k.ID, "@")
	return strings.EqualFold(k.ID, text) || strings.EqualFold(info["upn"], text) && text != "" ||
		slices.ContainsFunc(strings.Split(id, "+"), func(part string) bool { return strings.EqualFold(part, text) })
}

// checkGuards collects what stops the plan, in whole or in part.
func (s *scopeRun) checkGuards() {
	p, cursor, needs := s.plan, s.memory.Cursor, s.target.spec.Needs
	facts := plan.Facts{Currency: s.run.Currency, Policy: s.target.job.Policy, First: cursor == nil || !cursor.Applied, Now: s.run.Now()}
	if needs != 0 { // what is made from nothing of the tenant's cannot be too old
		facts.SourceAsOf, facts.SourceMaxAge = s.snapshot.Oldest(needs).AsOf, s.run.MaxAge
	}
	if r := s.run.restored; r != nil && (cursor == nil || cursor.Restored) {
		facts.Restored = fmt.Sprintf("the state was restored on %s from a backup whose last run was %s", r.At.Format(time.DateOnly), formatLastRun(r.AsOf))
	}
	if cursor != nil {
		facts.SettingsChanged = facts.Policy == plan.Auto && cursor.Settings != "" && cursor.Settings != s.settingsDigest()
		for collection, now := range s.snapshot.Counts(needs) {
			facts.Counts = append(facts.Counts, plan.Count{Collection: collection, Before: cursor.Counts[collection], Now: now})
		}
	}
	s.report.First = facts.First
	digest := p.Digest()
	approved := s.memory.Hold.Approved(digest)
	s.report.Approved = approved
	stops := plan.Check(p, facts, s.target.job.Limits.Limits)
	if saved, ok := s.run.sel.Saved[s.id()]; ok && saved != digest {
		stops = append(stops, plan.Violation{Code: "plan_moved", NeedsRepair: true, Message: fmt.Sprintf(
			"the saved plan was %s and today's is %s: %s; save a new plan and read it", orNone(saved), orNone(digest), orNone(s.planSummary()))})
	}
	if h := s.memory.Hold; h != nil && h.Digest == digest && h.Decision != nil && !h.Decision.Approved {
		stops = append(stops, plan.Violation{Code: "rejected", Message: fmt.Sprintf("%s rejected this plan%s; it waits until the plan changes or somebody approves it",
			h.Decision.By, inParentheses(h.Decision.Reason))})
	}
	for _, v := range append(stops, p.Violations...) {
		if !approved || v.NeedsRepair || v.Note {
			s.violations = append(s.violations, v)
		}
	}
	if later := s.observed.Later; later != nil && !p.Empty() {
		// Nobody is waited for: an approval neither opens it nor is lost to it.
		s.deferred = true
		s.violations = append(s.violations, plan.Violation{Code: later.Code, Note: true, Message: later.Why})
	}
	if !s.deferred && !plan.Blocks(s.violations) && !p.Empty() && !approved && s.run.mode == Apply {
		if v := s.target.budget.take(p); v != nil {
			s.violations = append(s.violations, *v)
		}
	}
	if approved {
		for i := range p.Changes {
			if c := &p.Changes[i]; !heldForRepair(s.violations, c) {
				c.Held = ""
			}
		}
	}
	s.violations = append(append(s.violations, s.desired.Notes...), s.observed.Notes...)
}

// heldForRepair reports whether a change is held by what no approval cures.
func heldForRepair(held []plan.Violation, c *plan.Change) bool {
	return slices.ContainsFunc(held, func(v plan.Violation) bool {
		return v.NeedsRepair && !v.Note && v.Code == c.Held && v.Kind == c.Key.Kind && v.Key == c.Key.ID
	})
}

// planSummary says in short what today's plan does, for one who saved another.
func (s *scopeRun) planSummary() string {
	var parts []string
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		part := fmt.Sprintf("%s %s", c.Action, c.Label)
		for _, f := range c.Fields {
			part += fmt.Sprintf(" %s %s -> %s", f.Name, orNone(f.Before.String()), f.After)
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

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func inParentheses(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

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

// holdPlan stores what is left of the plan for a person to decide.
func (s *scopeRun) holdPlan(p *plan.Plan) {
	shown := s.report
	shown.Changes, shown.Digest = p.Changes, p.Digest()
	shown.setMoney(p, s.run.Currency)
	s.newHold = &state.Hold{Scope: s.id(), Name: s.customer.Name, Job: s.target.job.Name, Run: s.run.id,
		Since: s.run.Now().UTC(), Digest: p.Digest(), Violations: s.violations, Plan: encode(&shown)}
}

// finish ends the scope: it goes into the report, and what is to be remembered
// of it is returned, or nil where there is nothing or it is written already.
func (s *scopeRun) finish() *state.Commit {
	defer s.run.addToReport(s)
	if s.run.mode == PlanOnly || s.committed || s.run.sel.Only != "" {
		return nil
	}
	if s.run.mode == HoldOnly {
		if s.report.Outcome != Held || s.plan.Empty() {
			return nil // nothing that could be decided on
		}
		if s.newHold == nil {
			s.holdPlan(s.plan)
		}
		return &state.Commit{Scope: s.id(), Hold: s.newHold}
	}
	if s.report.Outcome == Unmapped && s.memory.Cursor == nil && s.memory.Hold == nil {
		return nil
	}
	if s.report.Outcome == Held && s.newHold == nil {
		s.holdPlan(s.plan) // conflicts of objects alone: nothing to approve, everything to see
	}
	c := &state.Commit{Scope: s.id()}
	if s.plan != nil {
		s.updateRecords(c)
	}
	s.addOutcome(c)
	return c
}

// addOutcome adds to a commit where the scope stands and what waits.
func (s *scopeRun) addOutcome(c *state.Commit) {
	if s.run.sel.Only == "" {
		c.Cursor = s.cursor()
		s.addSpans(c)
	}
	c.Hold = s.newHold
	switch s.report.Outcome {
	case InStep, Changed, Unmapped:
		c.ClearHold = s.newHold == nil
	}
}

// updateRecords brings the memory up to date where both sides agree already, and tells
// the journal of attempts that turn out to have got through.
func (s *scopeRun) updateRecords(c *state.Commit) {
	planned := map[plan.Key]bool{}
	for i := range s.plan.Changes {
		planned[s.plan.Changes[i].Key] = true
	}
	learned := map[plan.Key]plan.Object{}
	for _, o := range s.plan.Learned {
		learned[o.Key] = o
	}
	c.Drop = append(c.Drop, s.plan.Dropped...)
	dropped := map[plan.Key]bool{}
	for _, key := range s.plan.Dropped {
		dropped[key] = true
		if r, ok := s.recordOf(key); ok && r.Origin != plan.Announced { // a deletion that was never answered
			c.Entries = append(c.Entries, s.entry(&plan.Change{Action: plan.Delete, Key: key, Label: r.Label, Ref: r.Ref,
				Reason: plan.AttemptSucceeded, Before: &r.Object}, state.ResultRecovered, "", nil))
		}
	}
	absent := map[plan.Key]bool{}
	for _, key := range s.plan.Absent {
		absent[key] = true
	}
	for _, record := range s.memory.Records {
		if dropped[record.Key] {
			continue
		}
		if absent[record.Key] {
			// A day to come was noted by a clock that was ahead.
			if record.Absences++; record.AbsentSince.IsZero() || record.AbsentSince.After(s.run.Now()) {
				record.AbsentSince = s.run.Now().UTC()
			}
			c.Put = append(c.Put, record)
			continue
		}
		o, news := learned[record.Key]
		if record.Absences > 0 && !planned[record.Key] { // it is back
			record.Absences, record.AbsentSince = 0, time.Time{}
			if !news {
				c.Put = append(c.Put, record)
			}
		}
		if planned[record.Key] || !news && (record.Pending == nil || record.Origin == plan.Announced) {
			continue
		}
		if record.Origin == plan.Announced {
			record.Origin = plan.Created
		}
		if record.Pending != nil && news {
			c.Entries = append(c.Entries, s.entry(&plan.Change{Action: plan.Update, Key: record.Key, Label: o.Label, Ref: o.Ref,
				Reason: plan.AttemptSucceeded, Before: &record.Object, After: &o}, state.ResultRecovered, "", &o))
		}
		if news {
			record.Object = o
		}
		record.Pending, record.Attempts, record.Run, record.At = nil, 0, s.run.id, s.run.Now().UTC()
		c.Put = append(c.Put, record)
	}
}

// sourceCounts are the rows of the source lists that the next run compares with. While
// leavers are waited for, what vanished with them is not forgotten: the run that
// deals with them must see how many they are.
func (s *scopeRun) sourceCounts(before map[string]int) map[string]int {
	now := s.snapshot.Counts(s.target.spec.Needs)
	if len(s.plan.Absent) > 0 && !s.report.Approved {
		for collection, n := range now {
			now[collection] = max(n, before[collection])
		}
	}
	return now
}

// cursor is where the scope stands now.
func (s *scopeRun) cursor() *state.Cursor {
	c := state.Cursor{}
	if s.memory.Cursor != nil {
		c = *s.memory.Cursor
	}
	now := s.run.Now().UTC()
	c.Scope, c.Name, c.Job, c.Run, c.At = s.id(), s.customer.Name, s.target.job.Name, s.run.id, now
	c.Outcome, c.Violations, c.Error = string(s.report.Outcome), s.report.Violations, ""
	if s.report.Error != nil {
		c.Error = s.run.Redact(*s.report.Error)
	}
	if s.snapshot != nil && s.billed() {
		// What the source proved is so, whatever becomes of the plan.
		if licences, err := s.snapshot.Licences.Items(); err == nil {
			c.Seen = money.Remember(licences, c.Seen, now)
		}
	}
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
