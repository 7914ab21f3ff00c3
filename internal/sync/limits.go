package sync

import (
	"fmt"
	"sync"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

// A Job is a named, scheduled pass over some targets with its own policy.
type Job struct {
	Name     string
	Schedule string // empty: only when a person runs it
	Targets  []string
	Policy   plan.Policy
	Limits   Limits
}

// Limits bound one scope and, where set, a whole run.
type Limits struct {
	plan.Limits
	Run RunLimits
}

// RunLimits bound what all scopes of a run may change together; nil does not limit.
type RunLimits struct {
	Creates, Updates, Deletes *int
	Increase, Decrease        *decimal.Decimal
	// DecreaseExplained is for falls that something explains; where it is nil they count
	// as any other.
	DecreaseExplained *decimal.Decimal
}

// A budget counts what the scopes of a run change, against the run's limits. A scope
// is counted before it writes; one that would exceed a limit is held and not counted.
type budget struct {
	mu    sync.Mutex
	limit RunLimits
	// currency is that of the limits of money; other currencies are never added to it.
	currency string
	spent    plan.Tally
}

// take counts a plan, or returns a violation where it would exceed a limit.
func (b *budget) take(p *plan.Plan) *plan.Violation {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := p.Tally()
	money := p.TallyIn(b.currency, b.currency)
	t.Up, t.Down, t.Explained = money.Up, money.Down, money.Explained
	if b.limit.DecreaseExplained == nil {
		t.Down, t.Explained = t.Down.Add(t.Explained), decimal.Zero
	}
	next := plan.Tally{
		Creates: b.spent.Creates + t.Creates, Updates: b.spent.Updates + t.Updates, Deletes: b.spent.Deletes + t.Deletes,
		Up: b.spent.Up.Add(t.Up), Down: b.spent.Down.Add(t.Down), Explained: b.spent.Explained.Add(t.Explained),
	}
	over := func(what, spent, limit string) *plan.Violation {
		return &plan.Violation{Code: "run_limit", Message: fmt.Sprintf(
			"the run as a whole would reach %s %s, %s are allowed (limits.run); it waits for the next run, or syncd approve --digest %s", spent, what, limit, p.Digest())}
	}
	for _, c := range []struct {
		what  string
		n     int
		took  int
		limit *int
	}{
		{"creations", next.Creates, t.Creates, b.limit.Creates},
		{"updates", next.Updates, t.Updates, b.limit.Updates},
		{"deletions", next.Deletes, t.Deletes, b.limit.Deletes},
	} {
		if c.limit != nil && c.took > 0 && c.n > *c.limit {
			return over(c.what, fmt.Sprint(c.n), fmt.Sprint(*c.limit))
		}
	}
	if b.limit.Increase != nil || b.limit.Decrease != nil || b.limit.DecreaseExplained != nil {
		for _, in := range p.Currencies(b.currency) {
			if other := p.TallyIn(in, b.currency); in != b.currency && (other.Up.IsPositive() || other.Down.IsPositive() || other.Explained.IsPositive()) {
				return &plan.Violation{Code: "money_unknown", Message: fmt.Sprintf(
					"the run's limit of money is in %s, and what this plan changes is in %s (limits.run.money): it cannot be counted; %s", b.currency, in, plan.ApproveCommand(p.Digest()))}
			}
		}
	}
	if m := b.limit.Increase; m != nil && t.Up.IsPositive() && next.Up.GreaterThan(*m) {
		return over("more a month", next.Up.StringFixed(2), m.StringFixed(2))
	}
	if m := b.limit.Decrease; m != nil && t.Down.IsPositive() && next.Down.GreaterThan(*m) {
		return over("less a month", next.Down.StringFixed(2), m.StringFixed(2))
	}
	if m := b.limit.DecreaseExplained; m != nil && t.Explained.IsPositive() && next.Explained.GreaterThan(*m) {
		return over("less a month by falls that are explained", next.Explained.StringFixed(2), m.StringFixed(2))
	}
	b.spent = next
	return nil
}
