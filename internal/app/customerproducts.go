package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// A CustomerProduct is a product of a customer as the ledger has it now, or a licence that no
// rule bills. Of such a licence the ledger knows nothing, and how many of it people hold is
// not remembered.
type CustomerProduct struct {
	Label   string // as people call it
	Product string // by which it can be explained; empty of a licence that no rule bills
	Span    state.Span
	Monthly *decimal.Decimal // what is billed for it a month; nil where nobody knows
	Change  *plan.Change     // of the plan that waits; nil where none does
	Held    []plan.Violation // what stops it alone
	Ignored string           // by whose word it is left alone, and why; empty where it is not
	Rule    *state.SpanRule  // of a licence that no rule bills: that it is not to be billed; nil where none says so
	Free    bool             // nobody pays for it
}

// Ruled reports whether a rule bills it.
func (p *CustomerProduct) Ruled() bool { return p.Product != "" }

// CustomerProducts are those of a customer, the most money first, then the licences that no
// rule bills. v is where everything of the customer stands.
func (w *App) CustomerProducts(ctx context.Context, c *KnownCustomer, v *Status) ([]CustomerProduct, error) {
	b, there := w.biller()
	if !there {
		return nil, nil
	}
	scope := plan.Scope{Customer: c.Key, Target: b.Targets()[0]}
	spans, err := w.Store.OpenSpans(ctx, scope)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	changes := map[plan.Key]*plan.Change{}
	h, held := v.Held[scope]
	if held {
		shown := ShownPlan(&h)
		for i := range shown.Changes {
			changes[shown.Changes[i].Key] = &shown.Changes[i]
		}
	}
	var all []CustomerProduct
	for i := range spans {
		x := &spans[i]
		p := CustomerProduct{Label: cmp.Or(x.Label, x.Product, x.Key.ID), Product: cmp.Or(x.Product, x.Key.ID), Span: *x, Monthly: BilledMonthly(x), Change: changes[x.Key]}
		if held {
			for _, v := range h.Violations {
				if v.Key == x.Key.ID && !v.Note {
					p.Held = append(p.Held, v)
				}
			}
		}
		for _, word := range v.Settlements {
			if word.Scope == scope && word.Key == x.Key && word.How == plan.SettleIgnore {
				p.Ignored = word.By + Because(word.Reason)
			}
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b CustomerProduct) int {
		return cmp.Or(orNought(b.Monthly).Cmp(orNought(a.Monthly)), strings.Compare(a.Label, b.Label))
	})
	i := slices.IndexFunc(c.Scopes, func(s Standing) bool { return s.Scope == scope })
	if i < 0 {
		return all, nil
	}
	unruled, err := w.unruled(ctx, &c.Scopes[i])
	return append(all, unruled...), err
}

func orNought(d *decimal.Decimal) decimal.Decimal {
	if d == nil {
		return decimal.Zero
	}
	return *d
}

// unruled are the licences that the last run saw and that no rule bills.
func (w *App) unruled(ctx context.Context, s *Standing) ([]CustomerProduct, error) {
	all, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	rules := all.For(s.Scope.Customer)
	bills, ignores := map[string]bool{}, map[string]*mapping.Rule{}
	for i := range rules.Rules {
		switch r := &rules.Rules[i]; r.Status {
		case mapping.Bill:
			bills[r.SKU] = true
		case mapping.Ignore:
			ignores[r.SKU] = r
		}
	}
	units := map[string]int{}
	for i := range s.Seen {
		x := &s.Seen[i]
		if x.SKU == "" || bills[x.SKU] || !x.Gone.IsZero() || x.State == string(money.Gone) || x.State == string(money.Lapsed) {
			continue
		}
		units[x.SKU] += x.Units
	}
	var out []CustomerProduct
	for sku, n := range units {
		part := directory.PartNumber(sku)
		p := CustomerProduct{Label: cmp.Or(directory.ProductName(sku, part), sku), Span: state.Span{Purchased: strconv.Itoa(n), Key: plan.Key{ID: sku}}, Free: directory.FreeSKU(part)}
		if r := ignores[sku]; r != nil {
			p.Rule = &state.SpanRule{Reason: r.Reason, Status: r.Status}
			p.Label = cmp.Or(r.Name, p.Label)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b CustomerProduct) int {
		return cmp.Or(strings.Compare(a.Label, b.Label), strings.Compare(a.Span.Key.ID, b.Span.Key.ID))
	})
	return out, nil
}

// BilledMonthly is what a span's lines come to a month; nil where nobody knows.
func BilledMonthly(s *state.Span) *decimal.Decimal {
	billed, err := decimal.NewFromString(s.Billed)
	if err != nil {
		return nil
	}
	if billed.IsZero() {
		return new(decimal.Zero)
	}
	price, err := decimal.NewFromString(s.Price)
	if err != nil {
		return nil
	}
	monthly, known := money.MonthlyPrice(price, plan.Cycle(s.Cycle))
	if !known {
		return nil
	}
	line := plan.Billing{}
	if included, err := decimal.NewFromString(s.LessIncluded); err == nil {
		line.LessIncluded = &included
	}
	return new(money.ChargedUnits(&line, billed).Mul(monthly).Round(2))
}

// Why says in a sentence or two why a product's due number is what it is.
func (p *CustomerProduct) Why() string {
	s := &p.Span
	var all []string
	switch {
	case !p.Ruled() && p.Rule != nil:
		return visible.Text(p.Rule.Reason)
	case !p.Ruled() && p.Free:
		return "nobody pays Microsoft for it"
	case !p.Ruled():
		return "no rule says what it is billed as"
	case !s.Known:
		all = append(all, "not proven"+Because(s.Why))
	}
	if p.Ignored != "" {
		all = append(all, "left alone by the word of "+p.Ignored)
	}
	switch {
	case s.Override != nil:
		all = append(all, (&ExplainedSpan{Span: *s}).OverrideReason()...)
	case len(s.Rules) > 0:
		for i := range s.Rules {
			text := countingText(&s.Rules[i])
			if of := RuledText(&s.Rules[i]); of != p.Label {
				text += " of " + of
			}
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	if s.Explanation != nil {
		all = append(all, s.Explanation.Text())
	}
	return strings.Join(all, "; ")
}

// MonthlyBill is what the ledger says that a customer is billed a month, by currency; whole is
// false where something of it is not known.
func (w *App) MonthlyBill(ctx context.Context, customer string) (sums Sums, whole bool, err error) {
	b, there := w.biller()
	if !there {
		return nil, true, nil
	}
	spans, err := w.Store.OpenSpans(ctx, plan.Scope{Customer: customer, Target: b.Targets()[0]})
	if err != nil {
		return nil, false, fmt.Errorf("reading the ledger: %w", err)
	}
	whole = true
	for i := range spans {
		if monthly := BilledMonthly(&spans[i]); monthly != nil {
			sums.Add(cmp.Or(spans[i].Currency, w.Config.Currency), *monthly)
		} else {
			whole = false
		}
	}
	return sums, whole, nil
}

// ProductSpans are what the ledger has of a customer's product, in the order of time.
func (w *App) ProductSpans(ctx context.Context, customer, product string) ([]state.Span, error) {
	var all []state.Span
	keys := map[plan.Key]bool{} // a span that is not known may name no product
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{Customer: customer}) {
		if err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		keys[s.Key] = keys[s.Key] || strings.EqualFold(cmp.Or(s.Product, s.Key.ID), product)
		all = append(all, s)
	}
	all = slices.DeleteFunc(all, func(s state.Span) bool { return !keys[s.Key] })
	slices.SortStableFunc(all, func(a, b state.Span) int { return a.From.Compare(b.From) })
	return all, nil
}
