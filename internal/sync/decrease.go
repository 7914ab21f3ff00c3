package sync

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// Why a product comes to less is found at the first read that shows it: what it came to
// is in the ledger, what its subscriptions were like in the cursor. It is kept with the
// span until the line is right, since a plan may wait for days.

// explainCounts finds, for each product, why its line is billed for more than the rules
// come to.
func (s *scopeRun) explainCounts(ctx context.Context) error {
	if s.explained != nil || len(s.desired.Counts) == 0 {
		return nil
	}
	s.explained = make(map[plan.Key]*plan.Explanation, len(s.desired.Counts))
	if s.ledgerStands() {
		return nil
	}
	explainer := money.Policy{Grace: s.desired.Counts[0].Grace, Now: s.run.Now()}.NewExplainer(s.seen(), s.desired.Source, s.desired.Claims)
	for i := range s.desired.Counts {
		c := &s.desired.Counts[i]
		last, counted, err := s.lastKnown(ctx, c.Key)
		if former, rekeyed := s.formerKeys[c.Key]; err == nil && last == nil && rekeyed {
			last, counted, err = s.lastKnown(ctx, former)
		}
		if err != nil {
			return err
		}
		if last == nil {
			continue
		}
		var found *plan.Explanation
		if before := countThen(counted); before != nil && c.Counted != nil {
			if before.At = counted.To; before.At.IsZero() && s.memory.Cursor != nil {
				before.At = s.memory.Cursor.At
			}
			if open := s.ledger.open[c.Key]; open != nil && !open.CountedAt.IsZero() {
				before.At = open.CountedAt
			}
			before.Override = overrideThen(last.Override)
			found = explainer.Explain(before, countNow(c))
		}
		s.explained[c.Key] = money.CarryExplanation(last.Explanation, found, nil, 0)
	}
	return nil
}

// lastKnown is the last span of a product that says what was due, and the last that says
// what the rules came to; each nil where there is none.
func (s *scopeRun) lastKnown(ctx context.Context, key plan.Key) (last, counted *state.Span, err error) {
	spans, err := s.openSpans(ctx)
	if err != nil {
		return nil, nil, err
	}
	open, lasts := spans[key]
	switch {
	case !lasts:
		return nil, nil, nil
	case open.Counts():
		return open, open, nil
	}
	for span, err := range s.run.Store.Spans(ctx, state.SpanFilter{Customer: s.customer.Key, Key: key}) {
		if err != nil {
			return nil, nil, fmt.Errorf("reading the ledger of %s: %w", s.id(), err)
		}
		if span.Scope != s.id() {
			continue
		}
		if span.Due != "" {
			last = &span
		}
		if span.Counts() {
			counted = &span
		}
	}
	return last, counted, nil
}

// explainDecreases tells each change that lowers a line why, and holds those that
// nothing explains. The way back from a run follows no count, and always waits.
func (s *scopeRun) explainDecreases(ctx context.Context) error {
	if err := s.explainCounts(ctx); err != nil || s.plan.Reverting != "" {
		return err
	}
	for i := range s.desired.Counts {
		count := &s.desired.Counts[i]
		for j := range s.plan.Changes {
			if c := &s.plan.Changes[j]; c.Key == count.Key && c.Lowers() {
				c.Explanation = s.explanation(c, count)
			}
		}
	}
	s.plan.JoinMoves(s.lineOf, s.run.Currency)
	s.plan.HoldUnexplained(s.run.Currency)
	return nil
}

// explanation is why a change lowers a line. The first row that fits decides:
//
//	what is known                                          explanation
//	a fall of the count that nothing explains              unexplained
//	the line is taken on, and was kept in step before      unexplained
//	the line is taken on                                   adoption
//	a fall of the count, or what a person set              that
//	less is due than syncd last left there                 unexplained
//	a person made the line hold more                       none
func (s *scopeRun) explanation(c *plan.Change, count *target.Count) *plan.Explanation {
	why := s.carried(count)
	if count.Due != nil {
		why = money.ExplanationOf(why, count.Override, count.Counted, *count.Due)
	}
	switch {
	case why != nil && !why.Explained():
		return why
	case c.Action == plan.Adopt && s.keptBefore(c):
		why = &plan.Explanation{Code: plan.Unexplained}
	case c.Action == plan.Adopt:
		why = &plan.Explanation{Code: plan.ByAdoption}
	case why != nil:
		return why
	case s.dueLess(c):
		why = &plan.Explanation{Code: plan.Unexplained}
	default:
		return nil
	}
	s.explained[c.Key] = why
	return why
}

// keptBefore reports whether a line that is taken on was kept in step for the product before
// another one was.
func (s *scopeRun) keptBefore(c *plan.Change) bool {
	record, known := s.recordOf(c.Key)
	return known && slices.Contains(record.FormerRefs, c.Ref)
}

// dueLess reports whether a change lowers a line because less is due than what syncd
// last left there.
func (s *scopeRun) dueLess(c *plan.Change) bool {
	record, known := s.recordOf(c.Key)
	if !known {
		return true
	}
	if c.Action == plan.Delete || c.After == nil || c.After.Retired {
		return !record.Retired
	}
	last, err := decimal.NewFromString(record.Fields.Text(plan.FieldQuantity))
	now, err2 := decimal.NewFromString(c.After.Fields.Text(plan.FieldQuantity))
	return err != nil || err2 != nil || now.LessThan(last)
}

// carried is what explains that a product's line is billed for more than the rules come
// to, as the line is now. A fall without a reason waits on where the line is gone: who makes
// another one in its place explains nothing.
func (s *scopeRun) carried(c *target.Count) *plan.Explanation {
	billed, known := s.lineQuantity(c.Key)
	if why := s.explained[c.Key]; known && billed == 0 && why != nil && !why.Explained() && !s.hasLine(c.Key) {
		return why
	}
	if !known {
		return s.explained[c.Key]
	}
	return money.CarryExplanation(s.explained[c.Key], nil, c.Counted, billed)
}

// hasLine reports whether there is a line of a product, after the run's own writes.
func (s *scopeRun) hasLine(key plan.Key) bool {
	_, written := s.ledger.written[key]
	return written || slices.ContainsFunc(s.observed.Objects, func(o plan.Object) bool { return o.Key == key })
}

// lineQuantity is what the line that is kept in step bills, after the run's own writes.
func (s *scopeRun) lineQuantity(key plan.Key) (units int, known bool) {
	line, written := s.ledger.written[key]
	if !written {
		if s.plan == nil || s.ledger.unanswered[key] {
			return 0, false
		}
		i := slices.IndexFunc(s.observed.Objects, func(o plan.Object) bool { return o.Key == key })
		if i < 0 {
			return 0, s.observed.Line(key) == nil // one of several, or one that cannot be told
		}
		line = s.observed.Objects[i]
	}
	n, err := decimal.NewFromString(line.Fields.Text(plan.FieldQuantity))
	return int(n.Ceil().IntPart()), err == nil
}

// lineOf is the product that a subscription is counted for.
func (s *scopeRun) lineOf(subscription string) (plan.Key, string) {
	for i := range s.desired.Counts {
		c := &s.desired.Counts[i]
		for j := range c.Subscriptions {
			if c.Subscriptions[j].ID != subscription {
				continue
			}
			made := slices.ContainsFunc(s.plan.Changes, func(x plan.Change) bool { return x.Key == c.Key })
			if line := s.observed.Line(c.Key); made || line != nil && line.Ref != "" {
				return c.Key, c.Label
			}
		}
	}
	return plan.Key{}, ""
}

// countNow is what a product comes to by the rules, as it is explained.
func countNow(c *target.Count) *money.Count {
	out := &money.Count{Units: *c.Counted, Rules: c.Rules, Override: c.Override, Grace: c.Grace, People: c.Names}
	if c.Purchased != nil && c.Assigned != nil {
		out.Purchased, out.Assigned = *c.Purchased, *c.Assigned
	}
	return out
}

// countThen is what a product came to by the rules when a span began, whatever an override
// made of that, or nil where that was not proven.
func countThen(span *state.Span) *money.Count {
	if span == nil {
		return nil
	}
	units := span.Due
	if span.Override != nil {
		units = span.Counted
	}
	c := &money.Count{Grace: span.Grace, People: span.Names}
	for _, n := range []struct {
		text string
		to   *int
	}{{units, &c.Units}, {span.Purchased, &c.Purchased}, {span.Assigned, &c.Assigned}} {
		var err error
		if *n.to, err = strconv.Atoi(n.text); err != nil {
			return nil
		}
	}
	for i := range span.Rules {
		c.Rules = append(c.Rules, ruleThen(&span.Rules[i]))
	}
	for i := range span.Subscriptions {
		x := &span.Subscriptions[i]
		units, err := strconv.Atoi(x.Units)
		if err != nil {
			return nil
		}
		c.Subscriptions = append(c.Subscriptions, money.Former{ID: x.ID, CommerceID: x.CommerceID, SKU: x.SKU, Owner: x.Owner, State: money.State(x.State),
			Units: units, Created: x.Created, Until: x.Until})
	}
	return c
}

func overrideThen(o *state.SpanOverride) *money.Override {
	if o == nil {
		return nil
	}
	return &money.Override{
		Quantity: number(o.Quantity), Minimum: number(o.Minimum), Maximum: number(o.Maximum), Until: o.Until,
		Reason: o.Reason, By: o.By,
	}
}

func ruleThen(r *state.SpanRule) mapping.Rule {
	return mapping.Rule{Customer: r.Customer, SKU: r.SKU, Part: r.Part, Name: r.Name, Product: r.Product, Count: r.Count, Who: r.Who, Subscriptions: r.Subscriptions,
		Weight: r.Weight, Minimum: number(r.Minimum), Maximum: number(r.Maximum), Floor: r.Floor, Status: r.Status, Reason: r.Reason}
}

// number reads what countText wrote.
func number(text string) *int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return &n
}
