package app

import (
	"cmp"
	"errors"
	"maps"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v4"

	"syncd/internal/plan"
	"syncd/internal/sync"
)

// LimitsConfig is how much may change without a person; what is absent is inherited.
type LimitsConfig struct {
	FirstPlan         string        `yaml:"first_plan" env:"FIRST_PLAN"` // whether the first plan of a scope waits for a person: hold | allow
	Creates           CeilingConfig `yaml:"creates" env:", prefix=CREATES_"`
	Updates           CeilingConfig `yaml:"updates" env:", prefix=UPDATES_"`
	Deletes           CeilingConfig `yaml:"deletes" env:", prefix=DELETES_"`
	MinimumPopulation *int          `yaml:"minimum_population" env:"MINIMUM_POPULATION"` // below this many objects percentages mean nothing
	Money             MoneyConfig   `yaml:"money" env:", prefix=MONEY_"`
	// MoneyByCurrency are the same limits for agreements in other currencies, e.g. {EUR: {increase: "450.00"}}; what is not named there is held.
	// Of the configured currency the lower amount of both counts.
	MoneyByCurrency map[string]MoneyConfig `yaml:"money_by_currency"`
	SourceShrink    ShrinkConfig           `yaml:"source_shrink" env:", prefix=SOURCE_SHRINK_"`
	Run             RunLimitsConfig        `yaml:"run" env:", prefix=RUN_"`
}

// CeilingConfig bounds one sort of change; each part holds on its own.
type CeilingConfig struct {
	Count   *int `yaml:"count" env:"COUNT"`     // of one plan
	Percent *int `yaml:"percent" env:"PERCENT"` // of the objects that a scope has
}

// MoneyConfig bounds what the monthly bill may do, per scope.
type MoneyConfig struct {
	Increase string `yaml:"increase" env:"INCREASE"` // a month, in the currency; above: hold
	Decrease string `yaml:"decrease" env:"DECREASE"` // a month, in the currency; above: hold
	// the same of falls that something explains; of a run the default is to count them as any other
	DecreaseExplained string `yaml:"decrease_explained" env:"DECREASE_EXPLAINED"`
}

// ShrinkConfig bounds what a source list may lose.
type ShrinkConfig struct {
	Percent *int `yaml:"percent" env:"PERCENT"`
}

// RunLimitsConfig bounds a whole run.
type RunLimitsConfig struct {
	Creates RunCount    `yaml:"creates" env:", prefix=CREATES_"`
	Updates RunCount    `yaml:"updates" env:", prefix=UPDATES_"`
	Deletes RunCount    `yaml:"deletes" env:", prefix=DELETES_"`
	Money   MoneyConfig `yaml:"money" env:", prefix=MONEY_"`
}

// RunCount is a number, written as 100 or as {count: 100}.
type RunCount struct {
	Count *int `yaml:"count" env:"COUNT"`
}

// UnmarshalYAML takes both spellings.
func (c *RunCount) UnmarshalYAML(n *yaml.Node) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	type plain RunCount
	switch {
	case n.Kind == yaml.MappingNode:
		return n.Load((*plain)(c))
	case n.Kind != yaml.ScalarNode || n.Load(&c.Count) != nil:
		return errors.New("is not a whole number; write one, such as 500, without quotes")
	}
	return nil
}

// over fills what l leaves open from base.
func (l LimitsConfig) over(base LimitsConfig) LimitsConfig {
	ceiling := func(c, b CeilingConfig) CeilingConfig {
		return CeilingConfig{cmp.Or(c.Count, b.Count), cmp.Or(c.Percent, b.Percent)}
	}
	cash := func(m, b MoneyConfig) MoneyConfig {
		return MoneyConfig{cmp.Or(m.Increase, b.Increase), cmp.Or(m.Decrease, b.Decrease), cmp.Or(m.DecreaseExplained, b.DecreaseExplained)}
	}
	l.FirstPlan = cmp.Or(l.FirstPlan, base.FirstPlan)
	l.Creates, l.Updates, l.Deletes = ceiling(l.Creates, base.Creates), ceiling(l.Updates, base.Updates), ceiling(l.Deletes, base.Deletes)
	l.MinimumPopulation = cmp.Or(l.MinimumPopulation, base.MinimumPopulation)
	l.Money = cash(l.Money, base.Money)
	byCurrency := maps.Clone(base.MoneyByCurrency)
	for code, m := range l.MoneyByCurrency {
		if byCurrency == nil {
			byCurrency = map[string]MoneyConfig{}
		}
		byCurrency[code] = cash(m, byCurrency[code])
	}
	l.MoneyByCurrency = byCurrency
	l.SourceShrink.Percent = cmp.Or(l.SourceShrink.Percent, base.SourceShrink.Percent)
	l.Run.Creates.Count = cmp.Or(l.Run.Creates.Count, base.Run.Creates.Count)
	l.Run.Updates.Count = cmp.Or(l.Run.Updates.Count, base.Run.Updates.Count)
	l.Run.Deletes.Count = cmp.Or(l.Run.Deletes.Count, base.Run.Deletes.Count)
	l.Run.Money = cash(l.Run.Money, base.Run.Money)
	return l
}

// resolve checks the limits and gives them as the engine takes them. The
// limits must be complete. Where money_by_currency names the configured currency too, the
// lower amount counts: whoever wrote either believes in it.
func (l LimitsConfig) resolve(path, currency string, report func(path, format string, args ...any)) sync.Limits {
	l = l.over(Defaults().Limits)
	amount := func(field, text string) decimal.Decimal {
		d, err := decimal.NewFromString(text)
		if err != nil || d.IsNegative() || d.Exponent() < -4 || d.GreaterThan(decimal.New(1, 12)) {
			report(path+"."+field, "%q is not an amount of money; write it as \"500.00\"", text)
			return decimal.Zero
		}
		return d
	}
	number := func(field string, n *int, most int) int {
		if *n < 0 || *n > most {
			report(path+"."+field, "%d is out of range; write a number from 0 to %d", *n, most)
			return 0
		}
		return *n
	}
	ceiling := func(field string, c CeilingConfig) plan.Ceiling {
		return plan.Ceiling{Count: number(field+".count", c.Count, 1_000_000), Percent: number(field+".percent", c.Percent, 100)}
	}
	if l.FirstPlan != "hold" && l.FirstPlan != "allow" {
		report(path+".first_plan", "%q means nothing here; write hold or allow", l.FirstPlan)
	}
	out := sync.Limits{Limits: plan.Limits{HoldFirst: l.FirstPlan == "hold",
		Creates: ceiling("creates", l.Creates), Updates: ceiling("updates", l.Updates), Deletes: ceiling("deletes", l.Deletes),
		MinPopulation: number("minimum_population", l.MinimumPopulation, 1_000_000),
		Increase:      amount("money.increase", l.Money.Increase), Decrease: amount("money.decrease", l.Money.Decrease),
		DecreaseExplained: amount("money.decrease_explained", l.Money.DecreaseExplained),
		SourceShrink:      number("source_shrink.percent", l.SourceShrink.Percent, 100)}}
	for code, m := range l.MoneyByCurrency {
		at := "money_by_currency." + code
		if !currencyCode.MatchString(code) {
			report(path+"."+at, "%q is not a currency; write three capital letters such as EUR", code)
			continue
		}
		if code == currency {
			for _, both := range []struct {
				field, text string
				limit       *decimal.Decimal
			}{{"increase", m.Increase, &out.Increase}, {"decrease", m.Decrease, &out.Decrease}, {"decrease_explained", m.DecreaseExplained, &out.DecreaseExplained}} {
				if both.text != "" {
					*both.limit = decimal.Min(*both.limit, amount(at+"."+both.field, both.text))
				}
			}
			continue
		}
		if out.ByCurrency == nil {
			out.ByCurrency = map[string]plan.MoneyLimits{}
		}
		// What is left out lets nothing pass: an amount in one currency says nothing of another.
		out.ByCurrency[code] = plan.MoneyLimits{Increase: amount(at+".increase", cmp.Or(m.Increase, "0")), Decrease: amount(at+".decrease", cmp.Or(m.Decrease, "0")),
			DecreaseExplained: amount(at+".decrease_explained", cmp.Or(m.DecreaseExplained, "0"))}
	}
	for _, c := range []struct {
		field string
		from  *int
		to    **int
	}{{"run.creates", l.Run.Creates.Count, &out.Run.Creates}, {"run.updates", l.Run.Updates.Count, &out.Run.Updates}, {"run.deletes", l.Run.Deletes.Count, &out.Run.Deletes}} {
		if c.from != nil {
			*c.to = new(number(c.field, c.from, 10_000_000))
		}
	}
	if l.Run.Money.Increase != "" {
		out.Run.Increase = new(amount("run.money.increase", l.Run.Money.Increase))
	}
	if l.Run.Money.Decrease != "" {
		out.Run.Decrease = new(amount("run.money.decrease", l.Run.Money.Decrease))
	}
	if l.Run.Money.DecreaseExplained != "" {
		out.Run.DecreaseExplained = new(amount("run.money.decrease_explained", l.Run.Money.DecreaseExplained))
	}
	return out
}
