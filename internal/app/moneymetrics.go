package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"

	"syncd/internal/report"
	"syncd/internal/state"
)

// moneyStates are the states of syncd_money_monthly. They overlap: what waits for a person is
// unbilled meanwhile.
var moneyStates = []string{"unbilled", "over_billed", "unassigned", "held", "suspended"}

// billedAs are the values of syncd_bill_monthly.
var billedAs = []string{"bought", "due", "billed"}

// moneyMetrics say what the bill comes to and what is wrong with it, as the last runs saw it.
// Five series a currency, and three.
func moneyMetrics(w *App) prometheus.Collector {
	states := prometheus.NewDesc("syncd_money_monthly",
		"Money of a month, as the last runs saw it (unbilled: due and not billed; over_billed: billed and not due; unassigned: bought and held by nobody; held: changes in plans that wait for a person, up and down; suspended: units that Microsoft bills though they do not work). States overlap.",
		[]string{"state", "currency"}, nil)
	bill := prometheus.NewDesc("syncd_bill_monthly", "What the units that are bought, due and billed come to a month at the lines' prices, as the last runs saw them.", []string{"of", "currency"}, nil)
	return newRemembered(w, "money", []*prometheus.Desc{states, bill}, func(ctx context.Context, _ time.Time) ([]prometheus.Metric, error) {
		m, err := w.money(ctx)
		out := []prometheus.Metric{}
		for _, currency := range slices.Sorted(maps.Keys(m)) {
			for _, s := range moneyStates {
				out = append(out, gauge(states, m[currency][s].InexactFloat64(), s, currency))
			}
			for _, b := range billedAs {
				out = append(out, gauge(bill, m[currency][b].InexactFloat64(), b, currency))
			}
		}
		return out, err
	})
}

// money is the money of a month by currency and by what it is about, from the ledger and the
// plans that wait.
func (w *App) money(ctx context.Context) (map[string]map[string]decimal.Decimal, error) {
	all := map[string]map[string]decimal.Decimal{}
	add := func(what, currency string, amount decimal.Decimal) {
		currency = cmp.Or(currency, w.Config.Currency)
		if all[currency] == nil {
			all[currency] = map[string]decimal.Decimal{}
		}
		all[currency][what] = all[currency][what].Add(amount)
	}
	add("billed", "", decimal.Zero)
	bill, err := w.BillState(ctx)
	if err != nil {
		return nil, err
	}
	for currency, t := range bill.Licences.Totals {
		add("unbilled", currency, t.Unbilled.Money.Add(t.UnderBilled.Money))
		add("over_billed", currency, t.OverBilled.Money)
		add("unassigned", currency, t.Unassigned.Money)
	}
	for i := range bill.Licences.Lines {
		l := &bill.Licences.Lines[i]
		add("suspended", l.Currency, l.MonthlySuspended)
		if l.UnitPrice == nil {
			continue
		}
		for what, units := range map[string]*decimal.Decimal{"bought": report.Units(l.Purchased), "due": l.Due, "billed": l.Billed} {
			if units != nil {
				add(what, l.Currency, units.Mul(*l.UnitPrice))
			}
		}
	}
	waiting, err := w.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	for i := range waiting {
		if waiting[i].Stands == state.StandsApproved {
			continue
		}
		for _, sums := range []Sums{waiting[i].Up, waiting[i].Down} {
			for currency, amount := range sums {
				add("held", currency, amount.Abs())
			}
		}
	}
	return all, nil
}
