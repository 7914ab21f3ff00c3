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

// findGrowths returns the customer's subscriptions that grew at this read. One that
// comes back, from its grace period or from a list that lacked it, did not grow, nor did
// one whose units come back up to what they were before they fell without a reason;
// neither did one of which nobody remembers how many units it had. One that was suspended
// since is billed on, and grew all the same.
func (e *Explainer) findGrowths() []*growth {
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
			if now := StandingOf(s, e.policy.Now).State; s.ID == "" || now != Enabled && now != Suspended || known && m.SKU == "" {
				continue
			}
			n := s.Total
			switch State(m.State) {
			case Enabled:
				n -= max(m.Units, m.Most)
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

// explainByMove explains a fall by a subscription, or all of one licence, that grew by
// exactly as much. What explains one fall explains no other.
func (e *Explainer) explainByMove(units int) *plan.Explanation {
	is := func(g *growth) *plan.Explanation {
		return &plan.Explanation{Code: plan.ByMove, Subscription: g.id, Date: day(e.policy.Now), Source: Microsoft}
	}
	sums := map[string]int{}
	for i, g := range e.growths {
		if g.units == units {
			e.growths = slices.Delete(e.growths, i, i+1)
			return is(g)
		}
		sums[g.sku] += g.units
	}
	for _, g := range e.growths {
		if sums[g.sku] == units {
			e.growths = slices.DeleteFunc(e.growths, func(x *growth) bool { return x.sku == g.sku })
			return is(g)
		}
	}
	return nil
}
