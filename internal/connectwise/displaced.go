package connectwise

import (
	"fmt"
	"slices"
	"strings"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A customer's own rules may bill a licence as another product than those for all do. What
// the rules for all would bill is displaced: nothing is due of it, no line of it is
// written, and one that bills on is told. A licence that they ignore is left to people, and
// so are its lines.

// displacedBy are the products of the rules for all that a customer's own rules bill
// otherwise. Their keys are no product's that is fed.
func (s *ruleset) displacedBy(own *ruleset, customer string) []product {
	var out []product
	for _, p := range s.products {
		fed := slices.ContainsFunc(own.products, func(x product) bool { return x.text == p.text })
		otherwise := slices.ContainsFunc(p.rules, func(r mapping.Rule) bool {
			return slices.ContainsFunc(own.rules, func(x mapping.Rule) bool { return x.Customer == customer && x.Status == mapping.Bill && x.SKU == r.SKU })
		})
		if fed || !otherwise {
			continue
		}
		if ids, _, several := strings.Cut(p.key.ID, "@"); !several {
			p.key.ID = ids + "@" + p.text
		}
		out = append(out, p)
	}
	return out
}

// showDisplaced shows the lines of displaced products that bill in the agreement. Those that
// were kept in step once are told as left behind.
func (v *view) showDisplaced(asked *target.Asked, rows []addition) {
	out := &v.observed
	for _, p := range v.displaced {
		it := v.items[p.text].item
		if it == nil {
			continue
		}
		q := question{key: p.key, label: p.label, agreement: v.agreement, item: it, today: v.client.today()}
		var bills []string
		for _, o := range q.otherLines(rows, nil) {
			if !o.Billing.Bills() || o.Retired {
				continue
			}
			out.Beside = append(out.Beside, o)
			if o.Fields.Text(fieldCancelled) == "" && !slices.Contains(asked.Refs, o.Ref) {
				bills = append(bills, fmt.Sprintf("%s on line %s (%s a month)", o.Fields.Text(fieldQuantity), o.Ref, money.MonthlyText(&o)))
			}
		}
		if len(bills) > 0 {
			out.Conflicts = append(out.Conflicts, plan.Conflict{Key: p.key, Violation: *q.note("over_billed",
				"%s is billed as %s, %s, and the customer's own rules feed no such product: syncd leaves it alone; end it in ConnectWise if nobody is to pay for it, or write a line of product rules for the customer that bills it",
				p.label, it.Identifier, strings.Join(bills, ", "))})
		}
	}
}

// displacedCounts are the counts of displaced products: nothing of them is due.
func (v *view) displacedCounts(policy money.Policy) []target.Count {
	var out []target.Count
	for _, p := range v.displaced {
		c := target.Count{Key: p.key, Product: v.identifier(&p), Label: p.label, Grace: policy.Grace,
			Purchased: new(int), Assigned: new(int), Counted: new(int), Due: new(int)}
		if r := v.items[p.text]; r.item == nil {
			c.LinesUnknown = r.why
		}
		out = append(out, c)
	}
	return out
}

// billedOtherwise names the lines of displaced products that bill a SKU; empty where there is
// none.
func (v *view) billedOtherwise(sku string) string {
	var lines []string
	for _, p := range v.displaced {
		if !slices.ContainsFunc(p.rules, func(r mapping.Rule) bool { return strings.EqualFold(r.SKU, sku) }) {
			continue
		}
		for _, o := range v.observed.Beside {
			if o.Key == p.key {
				lines = append(lines, o.Ref)
			}
		}
	}
	return strings.Join(lines, ", ")
}
