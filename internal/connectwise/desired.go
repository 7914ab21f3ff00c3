package connectwise

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// Compare says which lines the customer's agreement has, and which it should have.
func (v *view) Compare(_ context.Context, s *directory.Snapshot, records []plan.Record) (target.Desired, target.Observed, error) {
	if err := recallEnds(v.observed.Objects, records); err != nil {
		return target.Desired{}, v.observed, err
	}
	d, err := v.desired(s)
	v.takeBackEnds(d.Objects)
	return d, v.observed, cmp.Or(v.err, err)
}

// desired says which lines a customer should have: what money.Policy.Due makes of
// the rules, where it is more than nothing. Of subscriptions that are not simply
// sold it says what they are, and what that costs.
//
// It follows from the source, the rules, the day, and what Observe saw of the
// customer: a product or a line that cannot be told is no basis for a desired line.
func (v *view) desired(s *directory.Snapshot) (target.Desired, error) {
	licences, err := s.Licences.Items()
	if err != nil {
		return target.Desired{}, err
	}
	term, claims := v.tables.Claims.Terms(v.customer, licences)
	src := money.NewSource(s, licences, v.rules, term)
	policy := v.policy()
	d := target.Desired{Source: src, Claims: claims}
	overridden := map[*money.Override]bool{}
	for i := range v.products {
		product := &v.products[i]
		due := policy.Due(product.label, product.rules, src)
		override := v.override(product, &due)
		overridden[override] = true
		var seen productState
		if v.states != nil {
			seen = v.states[i]
		}
		if due.Hold != nil && v.states != nil && !seen.hasLine && seen.conflict == nil && seen.unwanted == nil {
			switch {
			case due.Hold.Code == string(money.Unclear):
				// No line bills it: what is certain may be billed.
				d.Notes = append(d.Notes, plan.Violation{Code: due.Hold.Code, Kind: product.key.Kind, Key: product.key.ID, Note: true, Message: due.Hold.Text})
				due.Hold = nil
			case due.Hold.Code == money.NotProven && due.Units == 0 && !due.Listed:
				// A partial list lacks what the customer never had, too. Where there is
				// no line either there is nothing to decide.
				d.Counts = append(d.Counts, v.count(product, &due, override, policy, src))
				continue
			}
		}
		d.Counts = append(d.Counts, v.count(product, &due, override, policy, src))
		if due.Units > 0 {
			// What Observe or the next lines hold back is taken out of the plan; people see it.
			d.Objects = append(d.Objects, v.desiredLine(product, due.Units))
		}
		switch {
		case seen.conflict != nil:
			// Observe said so already; the key is out of all sides.
		case due.Hold != nil:
			d.Conflicts = append(d.Conflicts, plan.Conflict{Key: product.key, Violation: plan.Violation{
				Code: due.Hold.Code, Key: product.key.ID, NeedsRepair: true, Message: due.Hold.Text}})
		case due.Units > 0 && seen.wanted != nil:
			d.Conflicts = append(d.Conflicts, plan.Conflict{Key: product.key, Violation: *seen.wanted})
		case due.Units == 0 && seen.unwanted != nil:
			d.Conflicts = append(d.Conflicts, plan.Conflict{Key: product.key, Violation: *seen.unwanted})
		}
		d.Notes = append(d.Notes, v.subscriptionNotes(product, &due, &seen)...)
	}
	d.Counts = append(d.Counts, v.displacedCounts(policy)...)
	d.Notes = append(d.Notes, v.idleOverrides(overridden)...)
	d.Notes = append(d.Notes, v.soldOtherwise(src, policy)...)
	d.Notes = append(d.Notes, v.termsChanged(src, policy)...)
	d.Conflicts = append(d.Conflicts, v.unruled(licences, policy)...)
	return d, nil
}

// override puts what a person set in place of what the rules make of a product. A
// quantity is theirs, whatever the source says.
func (v *view) override(p *product, due *money.Due) *money.Override {
	today := v.client.today().time()
	id := 0
	if it := v.items[p.text].item; it != nil {
		id = it.ID
	}
	found := v.tables.Overrides.Find(today, v.customer, id, v.identifier(p), p.text)
	if found == nil {
		return nil
	}
	o := &found.Override
	rule := due.Units
	if due.Hold == nil {
		due.Counted = &rule
	}
	if o.Quantity != nil {
		due.Hold = nil
	}
	if due.Units = o.Apply(rule); due.Units != rule { // a floor of the rule says nothing of what is billed
		due.Remarks = slices.DeleteFunc(due.Remarks, func(r money.Remark) bool { return r.Code == money.Floor })
	}
	if o.Ending(today) {
		due.Remarks = append(due.Remarks, money.Remark{Code: money.OverrideEnding, Units: max(due.Units-rule, rule-due.Units), Text: fmt.Sprintf(
			"%s: %s set %s until %s (%s); after that it is %d by the rule", p.label, o.By, o, o.Until.Format(time.DateOnly), o.Reason, rule)})
	}
	return o
}

// idleOverrides notes what a person set for products that no rule bills: it counts for
// nothing.
func (v *view) idleOverrides(counting map[*money.Override]bool) []plan.Violation {
	var out []plan.Violation
	all := v.tables.Overrides.Overrides
	for i := range all {
		x := &all[i]
		if x.Customer != v.customer || !x.InForce(v.client.today().time()) || counting[&x.Override] {
			continue
		}
		out = append(out, plan.Violation{Code: money.OverrideIdle, Kind: kindAddition, Key: x.Product, Note: true, Message: fmt.Sprintf(
			"%s: %s set %s until %s (%s), and that counts for nothing: no rule bills the product; write one (syncd products), or end it (syncd override end)",
			x.Product, x.By, &x.Override, x.Until.Format(time.DateOnly), x.Reason)})
	}
	return out
}

func (t *Target) policy() money.Policy {
	return money.Policy{Grace: t.client.config.Grace, Now: t.client.options.Now()}
}

// subscriptionNotes are notes about units that are not simply sold, with their money. Those
// that make no difference are worth a word only where a line bills the product.
func (v *view) subscriptionNotes(p *product, due *money.Due, seen *productState) []plan.Violation {
	unit := seen.unit
	if unit == nil && len(due.Remarks) > 0 {
		o := v.desiredLine(p, 1)
		unit = money.MonthlyUnitPrice(o.Billing)
	}
	var out []plan.Violation
	for _, r := range due.Remarks {
		if r.Units == 0 && !seen.hasLine {
			continue
		}
		text := r.Text
		if r.Units > 0 && unit != nil {
			text += ", " + unit.Mul(decimal.NewFromInt(int64(r.Units))).StringFixed(2)
			if v.agreement != nil && v.agreement.Currency.code() != "" {
				text += " " + v.agreement.Currency.code()
			}
			text += " a month"
		}
		out = append(out, plan.Violation{Code: r.Code, Kind: p.key.Kind, Key: p.key.ID, Note: true, Message: text})
	}
	return out
}

// unruled notes the licences that are paid for and that no rule settles, and
// those of which nobody knows anything.
func (v *view) unruled(licences []directory.Licence, policy money.Policy) []plan.Conflict {
	var names, counted, unread []string
	for i := range licences {
		l := &licences[i]
		switch h := policy.Holding(l); {
		case l.Unread != "" && !v.bills(l.SKU):
			unread = append(unread, fmt.Sprintf("%s (%s)", cmp.Or(l.Name, l.SKU), l.Unread))
		case h.Purchased > 0 && !v.settled[l.SKU] && !directory.FreeSKU(l.PartNumber):
			if by := v.countsHolders(l.SKU); len(by) > 0 {
				text := fmt.Sprintf("%d, its people for %s", h.Purchased, strings.Join(by, " and "))
				if lines := v.billedOtherwise(l.SKU); lines != "" {
					text += "; billed on by line " + lines
				}
				counted = append(counted, fmt.Sprintf("%s (%s)", l.Name, text))
			} else {
				names = append(names, fmt.Sprintf("%s (%d)", l.Name, h.Purchased))
			}
		}
	}
	var out []plan.Conflict
	note := func(id, code, text string) {
		out = append(out, plan.Conflict{Key: plan.Key{Kind: kindAddition, ID: id}, Violation: plan.Violation{Code: code, Note: true, Message: text}})
	}
	if len(names) > 0 {
		slices.Sort(names)
		note("unruled", "unmapped_sku", "no product rule says what becomes of "+strings.Join(names, ", ")+": syncd products suggest")
	}
	if len(counted) > 0 {
		slices.Sort(counted)
		note("counted", "unmapped_sku", "rules count only who holds "+strings.Join(counted, ", ")+
			", and no rule bills the licence itself: write a line that does, or one with the status ignore (a line for one customer stands before those for all)")
	}
	if len(unread) > 0 {
		slices.Sort(unread)
		note("unread", money.NotProven,
			"what the source says of some licences that nobody bills makes no sense, and they were left out: "+strings.Join(unread, ", "))
	}
	return out
}

// desiredLine is the line a customer should have. Its billing says what a missing one
// would cost, from the catalogue's price.
func (v *view) desiredLine(p *product, units int) plan.Object {
	o := plan.Object{Key: p.key, Label: p.label, Fields: plan.Set(fieldQuantity, strconv.Itoa(units)), Billing: &plan.Billing{}}
	if v.agreement != nil {
		o.Billing, o.Facts = v.agreement.billing(), v.agreement.facts()
	}
	o.Billing.Product = p.text
	if it := v.items[p.text].item; it != nil {
		o.Billing.Product, o.Billing.ProductID = it.Identifier, strconv.Itoa(it.ID)
		o.Billing.UnitPrice, o.Billing.LessIncluded = it.Price.value(), new(decimal.Zero)
		o.Billing.Bill = it.bill()
		o.Billing.Billable = o.Billing.Bill == billable
	}
	return o
}

// unbilled says that a licence is on no line, and what that costs a month.
func unbilled(o *plan.Object) plan.Violation {
	b := billingOf(o)
	where := "the agreement"
	if b.Agreement != "" {
		where = "agreement " + b.Agreement
	}
	return plan.Violation{Code: "unbilled", Message: fmt.Sprintf(
		"%s is not billed: Microsoft has %s, %s has no line of product %s (%s a month by the catalogue); add the line in ConnectWise, or let syncd propose it (connectwise.create_additions: true)",
		o.Label, o.Fields.Text("quantity"), where, b.Product, money.MonthlyText(o))}
}
