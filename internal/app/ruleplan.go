package app

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/sync"
)

// PlannedMost is for how many customers a change of rules is planned before it is saved.
const PlannedMost = 25

// A RulePlan is what a change of rules would do: the plans of the customers whom it concerns,
// by the rules as they are and as they would be, and in what they differ.
type RulePlan struct {
	Customers []RulePlanCustomer `json:"customers"`         // whose plans differ, the most money first
	Same      int                `json:"customers_same"`    // whose plans are the same
	Unread    int                `json:"customers_unread"`  // of whom no plan could be made
	Rest      int                `json:"customers_unasked"` // who are concerned and were not planned
	Up        Sums               `json:"up"`                // a month
	Down      Sums               `json:"down"`              // likewise, none positive
	Unpriced  int                `json:"unpriced"`          // changes of which nobody knows the money
}

// A RulePlanCustomer is one customer of it.
type RulePlanCustomer struct {
	Customer sync.CustomerRef `json:"customer"`
	Added    []plan.Change    `json:"added"`   // planned by the new rules alone
	Dropped  []plan.Change    `json:"dropped"` // planned by the old rules alone
	Notes    []plan.Violation `json:"notes"`   // that only the new rules bring
	Change   Sums             `json:"change"`  // of a month's bill, beside what is planned anyway
	Error    string           `json:"error,omitempty"`
}

func (c *RulePlanCustomer) size() (size decimal.Decimal) {
	for _, amount := range c.Change {
		size = size.Add(amount.Abs())
	}
	return size
}

// concerned are the customers whom the rules of two tables treat differently and who have
// something of it, those with the most units first.
func (board *ProductBoard) concerned(before, after mapping.Rules) []string {
	units := map[string]int{}
	for _, c := range ruleConcerns(before, after) {
		switch sku := strings.ToLower(c.SKU); {
		case c.Customer != "":
			units[c.Customer] += board.held[sku][c.Customer]
		case sku == "":
			for customer := range board.all {
				units[customer] += 0
			}
		default:
			for customer, n := range board.held[sku] {
				units[customer] += n
			}
			for _, of := range []string{sku, strings.ToLower(c.Product)} {
				for customer := range board.has[of] {
					units[customer] += 0
				}
			}
		}
	}
	maps.DeleteFunc(units, func(customer string, _ int) bool {
		return reflect.DeepEqual(before.For(customer), after.For(customer))
	})
	return slices.SortedFunc(maps.Keys(units), func(a, b string) int { return cmp.Or(units[b]-units[a], strings.Compare(a, b)) })
}

// PlanRules plans for the customers whom a draft concerns, and writes nothing.
func (w *App) PlanRules(ctx context.Context, d *RuleDraft, progress Progress) (*RulePlan, error) {
	board, err := w.ProductBoard(ctx)
	if err != nil {
		return nil, err
	}
	all := board.concerned(d.before, d.next)
	asked := all[:min(len(all), PlannedMost)]
	p := &RulePlan{Customers: []RulePlanCustomer{}, Rest: len(all) - len(asked)}
	if len(asked) == 0 {
		return p, nil
	}
	now, err := w.planBy(ctx, d.before, asked, func(done, total int, name string) { progress(done, 2*total, name) })
	if err != nil {
		return nil, err
	}
	then, err := w.planBy(ctx, d.next, asked, func(done, total int, name string) { progress(total+done, 2*total, name) })
	if err != nil {
		return nil, err
	}
	for _, key := range asked {
		if a, b := now[key], then[key]; a == nil || b == nil {
			p.Same++ // it is no customer of the target: nothing is billed either way
		} else {
			p.add(difference(a, b, w.Config.Currency))
		}
	}
	slices.SortStableFunc(p.Customers, func(a, b RulePlanCustomer) int {
		return cmp.Or(b.size().Cmp(a.size()), strings.Compare(strings.ToLower(a.Customer.Name), strings.ToLower(b.Customer.Name)))
	})
	return p, nil
}

// planBy makes the plans of some customers as if some rules were in force.
func (w *App) planBy(ctx context.Context, rules mapping.Rules, customers []string, progress Progress) (map[string]*sync.ScopeReport, error) {
	links, err := w.Links(ctx)
	if err != nil {
		return nil, err
	}
	b, _ := w.biller()
	sel := sync.Selection{Jobs: w.Jobs, Target: b.Targets()[0], Among: map[string]bool{}, Trigger: "command", Progress: progress.scopes()}
	for _, key := range customers {
		sel.Among[key] = true
	}
	run, err := w.Engine.Run(context.WithValue(ctx, supposedKey{}, &supposed{links: links, rules: rules}), sel, sync.PlanOnly)
	if err != nil {
		return nil, err
	}
	out := map[string]*sync.ScopeReport{}
	for i := range run.Scopes {
		s := run.Scopes[i].Unpacked()
		out[s.Customer.Key] = &s
	}
	return out, nil
}

// difference is in what two plans of a customer differ.
func difference(now, then *sync.ScopeReport, currency string) RulePlanCustomer {
	c := RulePlanCustomer{Customer: then.Customer, Added: lacking(then.Changes, now.Changes), Dropped: lacking(now.Changes, then.Changes), Notes: []plan.Violation{}}
	for i := range then.Violations {
		v := &then.Violations[i]
		if !slices.ContainsFunc(now.Violations, func(x plan.Violation) bool { return x.Code == v.Code && x.Message == v.Message }) {
			c.Notes = append(c.Notes, *v)
		}
	}
	for i := range c.Added {
		c.Change.Add(cmp.Or(c.Added[i].Currency, currency), c.Added[i].MonthlyDelta)
	}
	for i := range c.Dropped {
		c.Change.Add(cmp.Or(c.Dropped[i].Currency, currency), c.Dropped[i].MonthlyDelta.Neg())
	}
	for _, s := range []*sync.ScopeReport{now, then} {
		if s.Error != nil {
			c.Error = *s.Error
		}
	}
	return c
}

// lacking are the changes of one plan that another lacks. The same change of the same line is the same,
// whatever the rules call it.
func lacking(of, in []plan.Change) []plan.Change {
	out := []plan.Change{}
	for i := range of {
		x := &of[i]
		if !slices.ContainsFunc(in, func(y plan.Change) bool {
			return x.Action == y.Action && (x.Key == y.Key || x.Ref != "" && x.Key.Kind == y.Key.Kind) && x.Ref == y.Ref && x.What() == y.What() && x.MonthlyDelta.Equal(y.MonthlyDelta)
		}) {
			out = append(out, *x)
		}
	}
	return out
}

func (p *RulePlan) add(c RulePlanCustomer) {
	switch {
	case c.Error != "":
		p.Unread++
	case len(c.Added)+len(c.Dropped)+len(c.Notes) == 0:
		p.Same++
		return
	}
	p.Customers = append(p.Customers, c)
	for i := range c.Added {
		if c.Added[i].Unpriced {
			p.Unpriced++
		}
	}
	for currency, amount := range c.Change {
		if amount.IsPositive() {
			p.Up.Add(currency, amount)
		} else if amount.IsNegative() {
			p.Down.Add(currency, amount)
		}
	}
}
