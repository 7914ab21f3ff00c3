package money

import (
	"slices"
	"strings"

	"syncd/internal/plan"
)

// A growth is a subscription that has more paid units than at the read before, and
// that explains no fall yet.
type growth struct {
	id, sku string
	units   int
}

// growths are the customer's subscriptions that grew at this read. One that comes back,
// from its grace period or from a list that lacked it, did not grow; neither did one of
// which nobody remembers how many units it had.
func (e *Explainer) growths() []*growth {
	var out []*growth
	if len(e.memory) == 0 {
		return nil
	}
	for _, l := range e.src.Licences {
		if l.Unread != "" || l.Disputed != "" {
			continue
		}
		for _, s := range l.Subscriptions {
			m, known := e.memory[s.ID]
			s.Before = m
			if s.ID == "" || Judge(s, e.policy.Now).State != Enabled || known && m.SKU == "" {
				continue
			}
			n := s.Total
			switch State(m.State) {
			case Enabled:
				n -= m.Units
			case Trial, "":
			default:
				continue
			}
			if n > 0 {
				out = append(out, &growth{s.ID, l.SKU, n})
			}
		}
	}
	slices.SortFunc(out, func(a, b *growth) int { return strings.Compare(a.id, b.id) })
	return out
}

// move explains a fall by a subscription, or all of one licence, that grew by exactly as
// much. What explains one fall explains no other.
func (e *Explainer) move(units int) *plan.Explanation {
	is := func(g *growth) *plan.Explanation {
		return &plan.Explanation{Code: plan.ByMove, Subscription: g.id, Date: day(e.policy.Now), Source: Microsoft}
	}
	sums := map[string]int{}
	for i, g := range e.grown {
		if g.units == units {
			e.grown = slices.Delete(e.grown, i, i+1)
			return is(g)
		}
		sums[g.sku] += g.units
	}
	for _, g := range e.grown {
		if sums[g.sku] == units {
			e.grown = slices.DeleteFunc(e.grown, func(x *growth) bool { return x.sku == g.sku })
			return is(g)
		}
	}
	return nil
}
