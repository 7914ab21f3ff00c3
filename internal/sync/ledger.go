package sync

import (
	"context"
	"errors"
	"fmt"
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
//	the source did not prove it, or was not asked an unknown span each
//	the target was not read                       due as counted, billed unknown
//	a product is held: its count is not proven    billed as read, the count unknown
//	a write got no answer                         due as counted, billed unknown
//	otherwise                                     what was counted and read, after the run's own writes
//	no rule bills the product any more            its span ends
//
// A product of which nothing is due, bought, assigned or billed begins no span.

// A scopeLedger is what a run adds to the ledger of one scope.
type scopeLedger struct {
	open       map[plan.Key]state.Span  // those that last, what the run added included
	written    map[plan.Key]plan.Object // what the run left at the target
	unanswered map[plan.Key]bool        // whose write got no answer
}

func newScopeLedger(open []state.Span) scopeLedger {
	l := scopeLedger{open: make(map[plan.Key]state.Span, len(open)), written: map[plan.Key]plan.Object{}, unanswered: map[plan.Key]bool{}}
	for _, span := range open {
		l.open[span.Key] = span
	}
	return l
}

// addSpans adds to a commit what changed in all products of the scope.
func (s *scopeRun) addSpans(c *state.Commit) {
	now := s.run.Now().UTC()
	compared := s.plan != nil || len(s.desired.Counts) > 0
	switch {
	case s.report.Outcome == Unmapped:
		for _, key := range s.ledger.openKeys() {
			s.endSpan(c, key, now)
		}
	case s.report.Outcome == Skipped && !compared:
	case !compared:
		for _, key := range s.ledger.openKeys() {
			last := s.ledger.open[key]
			s.addSpan(c, last.Unknown(now, s.whyUnread(), s.run.id))
		}
	default:
		counted := make(map[plan.Key]bool, len(s.desired.Counts))
		for i := range s.desired.Counts {
			counted[s.desired.Counts[i].Key] = true
			s.addSpan(c, s.currentSpan(&s.desired.Counts[i], now))
		}
		for _, key := range s.ledger.openKeys() {
			if !counted[key] {
				s.endSpan(c, key, now)
			}
		}
	}
}

// addSpansOf adds what changed in one product alone.
func (s *scopeRun) addSpansOf(c *state.Commit, key plan.Key) {
	i := slices.IndexFunc(s.desired.Counts, func(x target.Count) bool { return x.Key == key })
	if i >= 0 {
		s.addSpan(c, s.currentSpan(&s.desired.Counts[i], s.run.Now().UTC()))
	}
}

// openKeys are those of the spans that last, sorted.
func (l *scopeLedger) openKeys() []plan.Key {
	keys := make([]plan.Key, 0, len(l.open))
	for key := range l.open {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, plan.Key.Compare)
	return keys
}

func (s *scopeRun) addSpan(c *state.Commit, span state.Span) {
	last, lasts := s.ledger.open[span.Key]
	if lasts && last.Same(&span) || !lasts && !span.Holds() {
		return
	}
	s.ledger.open[span.Key] = span
	c.Spans = append(c.Spans, span)
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

// currentSpan is what holds of a product from now on.
func (s *scopeRun) currentSpan(c *target.Count, now time.Time) state.Span {
	x := state.Span{
		Scope: s.id(), Key: c.Key, From: now, Known: true, Product: c.Product, Label: c.Label,
		Purchased: mapping.Number(c.Purchased), Assigned: mapping.Number(c.Assigned), Due: mapping.Number(c.Due),
		Names: c.Names, NamesUnknown: c.NamesUnknown, Proof: s.spanProof(),
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
	return x
}

// prunedDocument holds the day on which old spans were last looked for: to look
// reads a span of each product, which every command would pay for.
const prunedDocument = "ledger_pruned"

// pruneLedger forgets, once a day, what ended longer ago than is to be kept.
func (r *run) pruneLedger(ctx context.Context) error {
	if r.LedgerMonths <= 0 {
		return nil
	}
	r.pruning.Lock()
	defer r.pruning.Unlock()
	now := r.Now().UTC()
	today := now.Format(time.DateOnly)
	doc, err := r.Store.Document(ctx, prunedDocument)
	if err != nil || string(doc.Body) == today {
		return err
	}
	n, err := r.Store.Prune(ctx, now.AddDate(0, -r.LedgerMonths, 0))
	if err != nil {
		return fmt.Errorf("forgetting what the ledger need not keep (evidence.keep): %w", err)
	}
	if n > 0 {
		r.log.Info().Int("spans", n).Int("months", r.LedgerMonths).Msg("old spans forgotten")
	}
	err = r.Store.PutDocument(ctx, state.Document{Name: prunedDocument, Version: doc.Version, Body: []byte(today)})
	if errors.Is(err, state.ErrConflict) {
		return nil // another run of the same moment did
	}
	return err
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
