package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
)

// MoneyLimits are how much the monthly bill may move in one currency without a person.
type MoneyLimits struct {
	Increase, Decrease, DecreaseExplained decimal.Decimal
}

// Currencies are those in which the plan changes a monthly bill, sorted; by is that of
// what names none.
func (p *Plan) Currencies(by string) []string {
	var out []string
	for i := range p.Changes {
		c := &p.Changes[i]
		if in := cmp.Or(c.Currency, by); !c.MonthlyDelta.IsZero() && !slices.Contains(out, in) {
			out = append(out, in)
		}
	}
	slices.Sort(out)
	return out
}

// TallyIn is the Tally of what the plan changes in one currency: they are never added.
func (p *Plan) TallyIn(in, by string) Tally {
	return p.tally(func(c *Change) bool { return c.Held == "" && cmp.Or(c.Currency, by) == in })
}

// in are the limits of money in a currency, and whether there are any.
func (l *Limits) in(currency, by string) (m MoneyLimits, path string, known bool) {
	if currency == by || by == "" {
		return MoneyLimits{l.Increase, l.Decrease, l.DecreaseExplained}, "limits.money", true
	}
	m, known = l.ByCurrency[currency]
	return m, "limits.money_by_currency." + currency, known
}

// checkMoney holds what moves the monthly bill past a limit of its currency, and what is
// in a currency that has none.
func (p *Plan) checkMoney(by string, l Limits, approve string) []Violation {
	var vs []Violation
	hold := func(code, format string, args ...any) {
		vs = append(vs, Violation{Code: code, Message: fmt.Sprintf(format, args...) + "; " + approve})
	}
	for _, in := range p.Currencies(by) {
		m, path, known := l.in(in, by)
		if !known {
			i := slices.IndexFunc(p.Changes, func(c Change) bool { return cmp.Or(c.Currency, by) == in && !c.MonthlyDelta.IsZero() })
			hold("money_unknown", "what %s costs is in %s, and the limits of money are in %s (limits.money): none can be kept (name it under limits.money_by_currency)", p.Changes[i].Label, in, by)
			continue
		}
		unit := "" // the configured one is what limits are in
		if in != by {
			unit = " " + in
		}
		t := p.tally(func(c *Change) bool { return c.counted() && cmp.Or(c.Currency, by) == in })
		if t.Up.GreaterThan(m.Increase) {
			hold("money_increase", "the monthly bill would rise by %s%s, %s are allowed (%s.increase)", t.Up.StringFixed(2), unit, m.Increase.StringFixed(2), path)
		}
		if t.Down.GreaterThan(m.Decrease) {
			hold("money_decrease", "the monthly bill would fall by %s%s, %s are allowed (%s.decrease)", t.Down.StringFixed(2), unit, m.Decrease.StringFixed(2), path)
		}
		if t.Explained.GreaterThan(m.DecreaseExplained) {
			hold("money_decrease", "the monthly bill would fall by %s%s, and why is known%s; %s are allowed (%s.decrease_explained)",
				t.Explained.StringFixed(2), unit, p.moves(), m.DecreaseExplained.StringFixed(2), path)
		}
		vs = append(vs, p.checkHeldMoney(in, by, t, m)...)
	}
	return vs
}
