package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// The ledger is kept by runs that apply. What they saw of a product is compared with
// its span that lasts; where it is the same nothing is written.
//
//	what the run knows of the customer            what becomes of its spans
//	the customer is not linked, or left out       those that last end
//	nothing was looked at: seen lately            they last on
//	a clock that was ahead dated them             unknown since the last run before that
//	the source did not prove it, or was not asked an unknown span each
//	the target was not read                       due as counted, billed unknown
//	a product is held: its count is not proven    billed as read, the count unknown
//	a write got no answer                         due as counted, billed unknown
//	a run was killed before a write was answered  billed unknown from that write to the next run
//	otherwise                                     what was counted and read, after the run's own writes
//	no rule bills the product any more            its span ends
//
// A product of which nothing is due, bought, assigned or billed begins no span.

// A scopeLedger is what a run adds to the ledger of one scope.
type scopeLedger struct {
	open       map[plan.Key]*state.Span // those that last, what the run added included; nil until somebody asks
	stands     bool                     // it says what the run saw, see ledgerStands
	written    map[plan.Key]plan.Object // what the run left at the target
	unanswered map[plan.Key]bool        // whose write got no answer
	sent       map[plan.Key]time.Time   // what an earlier run sent, and of which it wrote down no answer
}

// openSpans are the spans that last, by key.
func (s *scopeRun) openSpans(ctx context.Context) (map[plan.Key]*state.Span, error) {
	if s.ledger.open != nil {
		return s.ledger.open, nil
	}
	spans, err := s.run.Store.OpenSpans(ctx, s.id())
	if err != nil {
		return nil, err
	}
	s.ledger.open = make(map[plan.Key]*state.Span, len(spans))
	for i := range spans {
		s.ledger.open[spans[i].Key] = &spans[i]
	}
	return s.ledger.open, nil
}

// ledgerStands reports whether a run that has nothing to change saw of all products what
// the run saw that last brought the ledger in line: then no count fell, and no span
// needs to be read. A product of which something is not known, or whose line is billed
// for more than the rules come to, needs its spans all the same.
func (s *scopeRun) ledgerStands() bool {
	c := s.memory.Cursor
	if s.ledger.stands || c == nil || c.Ledger == "" || s.plan == nil || !s.plan.Empty() || len(s.formerKeys) > 0 {
		return s.ledger.stands
	}
	now := s.run.Now().UTC()
	if c.At.After(now.Add(clockSlack)) {
		return false // the clock was ahead, and what it dated is not what lasts now
	}
	spans := s.currentSpans(now)
	for i := range spans {
		if !spans[i].Known || spans[i].Due == "" || spans[i].Explanation != nil {
			return false
		}
	}
	s.ledger.stands = state.SpansDigest(spans) == c.Ledger
	return s.ledger.stands
}

// addSpans adds to a commit, which has a cursor, what changed in all products of the scope.
func (s *scopeRun) addSpans(ctx context.Context, c *state.Commit) error {
	now := s.run.Now().UTC()
	compared := s.plan != nil || len(s.desired.Counts) > 0
	if s.report.Outcome == Skipped && !compared || s.ledgerStands() {
		return nil
	}
	if err := s.takeOutMisdated(ctx, c, now); err != nil {
		return err
	}
	open := s.ledger.open
	c.Cursor.Ledger = ""
	switch {
	case s.report.Outcome == Unmapped:
		for _, key := range sortedKeys(open) {
			s.endSpan(c, key, now)
		}
	case !compared:
		for _, key := range sortedKeys(open) {
			s.addSpan(c, open[key].Unknown(now, s.whyUnread(), s.run.id))
		}
	default:
		spans := s.currentSpans(now)
		c.Cursor.Ledger = state.SpansDigest(spans)
		counted := make(map[plan.Key]bool, len(spans))
		for i := range spans {
			counted[spans[i].Key] = true
			s.addSpan(c, spans[i])
		}
		for _, key := range sortedKeys(open) {
			if !counted[key] {
				s.endSpan(c, key, now)
			}
		}
	}
	return nil
}

// addSpansOf adds what changed in one product alone.
func (s *scopeRun) addSpansOf(ctx context.Context, c *state.Commit, key plan.Key) error {
	i := slices.IndexFunc(s.desired.Counts, func(x target.Count) bool { return x.Key == key })
	if i < 0 {
		return nil
	}
	if err := s.takeOutMisdated(ctx, c, s.run.Now().UTC()); err != nil {
		return err
	}
	if s.addSpan(c, s.currentSpan(&s.desired.Counts[i], s.run.Now().UTC())); s.memory.Cursor != nil {
		s.memory.Cursor.Ledger = "" // of the other products nothing was compared
	}
	return nil
}

// takeOutMisdated reads what lasts, and takes out what a clock dated that was ahead: it would
// hide what is seen until that day comes. Since when the clock was ahead nobody knows, but
// no earlier than a run of which the time is past.
func (s *scopeRun) takeOutMisdated(ctx context.Context, c *state.Commit, now time.Time) error {
	open, err := s.openSpans(ctx)
	if err != nil {
		return err
	}
	var since time.Time
	for _, key := range sortedKeys(open) {
		if !open[key].From.After(now.Add(clockSlack)) {
			continue
		}
		if since.IsZero() {
			if since, err = s.run.clockWasRight(ctx, now); err != nil {
				return err
			}
		}
		m := state.Misdated{Key: key, Since: since, Now: now, Run: s.run.id, Why: "the clock was ahead, and was right again on " + now.Format(time.DateOnly)}
		c.Misdated = append(c.Misdated, m)
		open[key] = new(open[key].Unknown(since, m.Why, m.Run))
	}
	return nil
}

func sortedKeys(open map[plan.Key]*state.Span) []plan.Key {
	return slices.SortedFunc(maps.Keys(open), plan.Key.Compare)
}

// addSpan adds a span where it says something else than the one that lasts; those are read.
func (s *scopeRun) addSpan(c *state.Commit, span state.Span) {
	s.doubtSent(c, span.Key, span.From)
	last, lasts := s.ledger.open[span.Key]
	if lasts && last.Same(&span) || !lasts && !span.Holds() {
		return
	}
	if span.Proof.Run == "" {
		span.Proof = s.spanProof()
	}
	if !span.Counts() && lasts {
		span.CountedAt = s.countedAt(last)
	}
	s.ledger.open[span.Key] = &span
	c.Spans = append(c.Spans, span)
}

// doubtSent puts an unknown span for the time since an earlier run sent a change of which it
// could write down no answer, as one that was killed: what the line billed then nobody saw.
func (s *scopeRun) doubtSent(c *state.Commit, key plan.Key, now time.Time) {
	at, sent := s.ledger.sent[key]
	last := s.ledger.open[key]
	if delete(s.ledger.sent, key); !sent || last == nil || !last.Known || !at.After(last.From) || !at.Before(now) {
		return
	}
	doubt := last.Unknown(at, "a change of it was sent and not answered", s.run.id)
	s.ledger.open[key] = &doubt
	c.Spans = append(c.Spans, doubt)
}

// countedAt is when the product of a span that lasts was last counted; zero where nobody
// wrote it down.
func (s *scopeRun) countedAt(last *state.Span) time.Time {
	if !last.Counts() || s.memory.Cursor == nil {
		return last.CountedAt
	}
	return s.memory.Cursor.At
}

func (s *scopeRun) endSpan(c *state.Commit, key plan.Key, at time.Time) {
	delete(s.ledger.open, key)
	c.Ends = append(c.Ends, state.Ending{Key: key, At: at})
}

// whyUnread says why nothing is known of what a scope bills.
func (s *scopeRun) whyUnread() string {
	if s.report.Error != nil {
		return s.run.Redact(*s.report.Error)
	}
	for _, v := range s.violations {
		if !v.Note {
			return s.run.Redact(v.Message)
		}
	}
	return "it was not read"
}

// currentSpans are what holds of all products from now on.
func (s *scopeRun) currentSpans(now time.Time) []state.Span {
	spans := make([]state.Span, len(s.desired.Counts))
	for i := range spans {
		spans[i] = s.currentSpan(&s.desired.Counts[i], now)
	}
	return spans
}

// currentSpan is what holds of a product from now on, without its proof.
func (s *scopeRun) currentSpan(c *target.Count, now time.Time) state.Span {
	x := state.Span{
		Scope: s.id(), Key: c.Key, From: now, Known: true, Product: c.Product, Label: c.Label,
		Purchased: mapping.Number(c.Purchased), Assigned: mapping.Number(c.Assigned), Due: mapping.Number(c.Due),
		Names: c.Names, NamesUnknown: c.NamesUnknown,
	}
	unknown := func(why string) {
		if x.Known {
			x.Known, x.Why = false, why
		}
	}
	if c.Unknown != "" {
		unknown(c.Unknown)
	}
	for _, r := range c.Rules {
		x.Rules = append(x.Rules, SpanRule(&r))
	}
	if o := c.Override; o != nil {
		x.Override = &state.SpanOverride{
			Quantity: mapping.Number(o.Quantity), Minimum: mapping.Number(o.Minimum), Maximum: mapping.Number(o.Maximum),
			Until: o.Until.UTC(), Reason: o.Reason, By: o.By,
		}
	}
	if c.Override != nil {
		x.Counted = mapping.Number(c.Counted)
	}
	if c.Grace == money.GraceFree {
		x.Grace = c.Grace
	}
	x.Explanation = s.carried(c)
	for i := range c.Subscriptions {
		x.Subscriptions = append(x.Subscriptions, spanSubscription(&c.Subscriptions[i]))
	}
	observed := s.observed
	if o, ok := s.ledger.written[c.Key]; ok {
		observed.Objects = slices.DeleteFunc(slices.Clone(observed.Objects), func(o plan.Object) bool { return o.Key == c.Key })
		observed.Objects = append(observed.Objects, o)
	}
	units, known := observed.Billed(c.Key)
	switch {
	case s.ledger.unanswered[c.Key]:
		unknown("a change of it was sent and not answered")
	case s.plan == nil && observed.Beside == nil:
		unknown(s.whyUnread())
	case c.LinesUnknown != "":
		unknown(c.LinesUnknown)
	case !known:
		unknown("a line of it bills no number")
	default:
		x.Billed = units.String()
	}
	line := observed.Line(c.Key)
	for i := range s.desired.Objects { // what a missing line would cost, and where
		if o := &s.desired.Objects[i]; line == nil && o.Key == c.Key {
			line = o
		}
	}
	if line != nil && line.Billing != nil {
		b := line.Billing
		x.Price, x.LessIncluded, x.Cycle, x.Ref = plan.Number(b.UnitPrice), plan.Number(b.LessIncluded), string(b.Cycle), line.Ref
		x.Agreement, x.AgreementName, x.NextInvoice, x.Currency = b.Agreement, b.AgreementName, b.NextInvoice, b.Currency
	}
	if x.Currency == "" {
		x.Currency = s.run.Currency
	}
	if cost, lines, known := observed.Monthly(c.Key); lines > 1 && known {
		x.Cost = cost.String()
	}
	x.Held, x.NotBilled = s.heldFor(c.Key)
	return x
}

// heldFor is the code of what a person must settle of a product first: at its lines, in
// what is counted, or because the run could not compare the customer at all.
func (s *scopeRun) heldFor(key plan.Key) (code string, notBilled bool) {
	for _, all := range [][]plan.Conflict{s.desired.Conflicts, s.observed.Conflicts} {
		for i := range all {
			switch v := &all[i]; {
			case v.Key != key:
			case v.Unsettled():
				return v.Code, false
			case v.Code == plan.DoNotBill:
				notBilled = true
			}
		}
	}
	for i := range s.violations {
		v := &s.violations[i]
		if ofAll := v.Kind == "" && v.Key == ""; s.plan == nil && ofAll && v.Unsettled() || v.OverwritesEdit() && v.Kind == key.Kind && v.Key == key.ID {
			return v.Code, false
		}
	}
	return "", notBilled
}

// forget forgets, once a day, what is older than it is kept.
func (r *run) forget(ctx context.Context) error {
	if r.LedgerMonths <= 0 {
		return nil
	}
	r.forgetting.Lock()
	defer r.forgetting.Unlock()
	done, err := state.Forget(ctx, r.Store, r.Now(), r.LedgerMonths)
	if err != nil {
		return fmt.Errorf("forgetting what need not be kept (evidence.keep): %w", err)
	}
	if done != (state.Pruned{}) {
		r.log.Info().Int("spans", done.Spans).Int("entries", done.Entries).Int("runs", done.Runs).Int("months", r.LedgerMonths).Msg("forgotten what is older than it is kept")
	}
	return nil
}

// spanProof says how the numbers of the scope are known.
func (s *scopeRun) spanProof() state.SpanProof {
	p := state.SpanProof{Run: s.run.id, Digest: s.snapshotDigest}
	if s.snapshot != nil {
		of := s.snapshot.Oldest(directory.Licences)
		p.Source, p.Endpoint, p.TakenAt, p.AsOf, p.Rows = of.Source, of.Endpoint, of.TakenAt.UTC(), of.AsOf.UTC(), of.Rows
	}
	return p
}

// SpanRule is a rule as the ledger keeps it.
func SpanRule(r *mapping.Rule) state.SpanRule {
	return state.SpanRule{
		Customer: r.Customer, SKU: r.SKU, Part: r.Part, Name: r.Name, Product: r.Product, Count: r.Count, Who: r.Who,
		Subscriptions: r.Subscriptions, Weight: r.Weight, Minimum: mapping.Number(r.Minimum), Maximum: mapping.Number(r.Maximum),
		Floor: r.Floor, Status: r.Status, Reason: r.Reason,
	}
}

func spanSubscription(x *target.Subscription) state.SpanSubscription {
	return state.SpanSubscription{
		ID: x.ID, CommerceID: x.CommerceID, SKU: x.SKU, Status: x.Status, State: string(x.Standing.State), Units: strconv.Itoa(x.Total),
		Trial: x.Trial, Owner: x.Owner, Created: x.Created.UTC(), Until: x.Standing.Until.UTC(),
	}
}

// recordWrite remembers what a change left at the target.
func (l *scopeLedger) recordWrite(key plan.Key, now plan.Object) {
	l.written[key] = now
	delete(l.unanswered, key)
}
