package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A billedProduct is a product that rules bill a customer.
type billedProduct struct {
	name  string // the catalogue identifier, or as the rules write it where nobody looked
	rules string // as the rules write it
	id    int    // 0 where nobody looked
	key   plan.Key
	line  bool // a line bills it, or the plan makes one
}

// billedProducts are those of one customer, and how far they are known.
type billedProducts struct {
	products []billedProduct
	looked   bool   // at the customer's lines as they are now
	unread   string // why they could not be looked at
}

// productOf is the product of a customer that a person means, or what is wrong with
// it: it must be one that a rule bills and that has a line. What the ledger does not
// know is looked up.
func (in *overrideChange) productOf(ctx context.Context, c mapping.Customer, text string) (p billedProduct, problem string, err error) {
	b, there := in.biller()
	if !there {
		return p, missing[Biller](in.Config.table) + ": there is no line whose quantity could be set", nil
	}
	all := in.billed[c.Key]
	if all == nil {
		if all, err = in.recordedProducts(ctx, c, b.Targets()[0]); err != nil {
			return p, "", err
		}
		if in.billed == nil {
			in.billed = map[string]*billedProducts{}
		}
		in.billed[c.Key] = all
	}
	found := all.find(text)
	if (found == nil || !found.line) && !all.looked {
		if err := in.observeProducts(ctx, c, b.Targets()[0], all); err != nil {
			return p, "", err
		}
		found = all.find(text)
	}
	switch {
	case found != nil && found.line:
		return *found, "", nil
	case all.unread != "":
		return p, "", fmt.Errorf(
			"whether %s has a line of product %q could not be looked up in %s, so nothing was set: %s", c.Name, text, b.Title, all.unread)
	case found == nil:
		return p, fmt.Sprintf("no rule bills %s for a product %q: its rules bill %s; write a rule first (syncd products)", c.Name, text,
			Names(all.products, func(p billedProduct) string { return p.name })), nil
	}
	return p, fmt.Sprintf(
		"%s has no line of product %q in %s, so there is nothing to set: add the line there first (and check the link: syncd map)", c.Name, text, b.Title), nil
}

func (all *billedProducts) find(text string) *billedProduct {
	i := slices.IndexFunc(all.products, func(p billedProduct) bool { return isOneOf(text, p.name, p.rules) })
	if i < 0 {
		return nil
	}
	return &all.products[i]
}

// add takes over what is known of a product that rules bill.
func (all *billedProducts) add(rules []mapping.Rule, name string, key plan.Key, line bool) {
	for _, r := range rules {
		i := slices.IndexFunc(all.products, func(p billedProduct) bool { return strings.EqualFold(p.rules, r.Product) })
		if i < 0 {
			continue // of a rule that is in force no longer
		}
		p := &all.products[i]
		p.name, p.key, p.line = cmp.Or(name, p.name), key, p.line || line
		return
	}
}

// recordedProducts is what rules and the ledger say.
func (w *App) recordedProducts(ctx context.Context, c mapping.Customer, target string) (*billedProducts, error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	all := &billedProducts{}
	inForce := rules.For(c.Key)
	for text, of := range inForce.Billed() {
		p := billedProduct{name: text, rules: text}
		for _, r := range of {
			p.id = max(p.id, r.ProductID)
		}
		all.products = append(all.products, p)
	}
	slices.SortFunc(all.products, func(a, b billedProduct) int { return strings.Compare(a.rules, b.rules) })
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{Customer: c.Key, From: w.Now()}) {
		if err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
		if s.Scope.Target != target || !s.To.IsZero() {
			continue
		}
		var of []mapping.Rule
		for _, r := range s.Rules {
			of = append(of, mapping.Rule{Product: r.Product})
		}
		all.add(of, s.Product, s.Key, s.Ref != "" || s.Billed != "" && s.Billed != "0")
	}
	return all, nil
}

// observeProducts takes over what the customer's lines are now.
func (w *App) observeProducts(ctx context.Context, c mapping.Customer, target string, all *billedProducts) error {
	all.looked = true
	sel := sync.Selection{Jobs: w.Jobs, Customer: c.Key, Target: target, Trigger: "command"}
	sel.Inspect = func(e sync.Inspection) {
		for i := range e.Desired.Counts {
			x := &e.Desired.Counts[i]
			has := func(o plan.Object) bool { return o.Key == x.Key }
			line := slices.ContainsFunc(e.Observed.Objects, has) || slices.ContainsFunc(e.Observed.Beside, has) ||
				slices.ContainsFunc(e.Report.Changes, func(ch plan.Change) bool { return ch.Key == x.Key && ch.Action == plan.Create })
			all.add(x.Rules, x.Product, x.Key, line)
		}
		if e.Report.Error != nil {
			all.unread = *e.Report.Error
		}
	}
	_, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	return err
}
