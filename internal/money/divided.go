package money

import (
	"cmp"
	"fmt"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// holdingOfPart says what of a licence counts as purchased in a part of a tenant: what the
// people of the part hold, and in the rest what the other parts leave of what the
// tenant has.
func (p Policy) holdingOfPart(d *directory.Divided) Holding {
	whole := p.Holding(&d.Whole)
	h := Holding{Units: map[State]int{Unclear: whole.Units[Unclear]}}
	if !d.Rest {
		h.Purchased = min(d.Held, whole.Purchased)
		h.Units[Enabled] = h.Purchased
		return h
	}
	h.Purchased, h.Units = max(0, whole.Purchased-d.Taken), whole.Units
	return h
}

// dividedProblem says why nobody can tell how many of a licence a part of a tenant has; the
// same in all parts, which are held together.
func (p Policy) dividedProblem(r *mapping.Rule, l *directory.Licence) (code, text string) {
	name, d := cmp.Or(l.Name, l.SKU), l.Divided
	switch whole := p.Holding(&d.Whole); {
	case d.Unsure != "":
		return mapping.SplitIncomplete, fmt.Sprintf(
			"%s: which part of the tenant has how many is not known (%s): nothing is changed until it is", name, d.Unsure)
	case whole.Purchased > 0 && d.Taken > whole.Purchased:
		return mapping.SplitOverlap, fmt.Sprintf(
			"%s: the people of the tenant's parts hold %d and only %d are bought: nothing is changed until they are no more", name, d.Taken, whole.Purchased)
	case r.Subscriptions != "":
		return mapping.SplitIncomplete, fmt.Sprintf(
			"%s: a rule picks some of its subscriptions (%s), and whose people use which is not known in a divided tenant: bill all of them by one rule", name, r.Subscriptions)
	}
	return "", ""
}
