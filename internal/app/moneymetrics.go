package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
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

// customerStates are those whose money is told by customer.
var customerStates = []string{"unbilled", "over_billed", "held"}

// customersTold is how many customers are told by themselves of each state and currency: those
// with the most money. All the others are told together, however many there are.
const customersTold = 20

// theOthers are the customers that are not told by themselves.
const theOthers = "others"

// A moneyOf says what an amount is: its currency and its state or use, and whose it is where it
// is told by customer.
type moneyOf struct{ currency, what, customer string }

// moneyMetrics say what the bill comes to and what is wrong with it, as the last runs saw it.
// Five series a currency, and three; by customer 63 at most.
func moneyMetrics(w *App) prometheus.Collector {
	states := prometheus.NewDesc("syncd_money_monthly",
		"Money of a month, as the last runs saw it (unbilled: due and not billed; over_billed: billed and not due; unassigned: bought and held by nobody; held: changes in plans that wait for a person, up and down; suspended: units that Microsoft bills though they do not work). States overlap.",
		[]string{"state", "currency"}, nil)
	bill := prometheus.NewDesc("syncd_bill_monthly", "What the units that are bought, due and billed come to a month at the lines' prices, as the last runs saw them.", []string{"of", "currency"}, nil)
	customers := prometheus.NewDesc("syncd_customer_money_monthly", "Money of a month of the twenty customers with the most of it in a state, and of the others together.", []string{"customer", "state", "currency"}, nil)
	return newRemembered(w, "money", []*prometheus.Desc{states, bill, customers}, func(ctx context.Context, _ time.Time) ([]prometheus.Metric, error) {
		m, err := w.money(ctx)
		if err != nil {
			return nil, err
		}
		currencies := map[string]bool{}
		for of := range m {
			currencies[of.currency] = true
		}
		out := []prometheus.Metric{}
		for _, currency := range slices.Sorted(maps.Keys(currencies)) {
			for _, s := range moneyStates {
				out = append(out, gauge(states, m[moneyOf{currency, s, ""}].InexactFloat64(), s, currency))
			}
			for _, b := range billedAs {
				out = append(out, gauge(bill, m[moneyOf{currency, b, ""}].InexactFloat64(), b, currency))
			}
			for _, s := range customerStates {
				for customer, amount := range mostMoney(m, currency, s) {
					out = append(out, gauge(customers, amount.InexactFloat64(), customer, s, currency))
				}
			}
		}
		return out, nil
	})
}

// mostMoney are the customers with the most money of a state, and the others.
func mostMoney(m map[moneyOf]decimal.Decimal, currency, state string) map[string]decimal.Decimal {
	var all []string
	for of, amount := range m {
		if of.currency == currency && of.what == state && of.customer != "" && !amount.IsZero() {
			all = append(all, of.customer)
		}
	}
	amount := func(customer string) decimal.Decimal { return m[moneyOf{currency, state, customer}] }
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(amount(b).Cmp(amount(a)), strings.Compare(a, b)) })
	told := map[string]decimal.Decimal{theOthers: {}}
	for i, customer := range all {
		if i >= customersTold {
			customer = theOthers
		}
		told[customer] = told[customer].Add(amount(all[i]))
	}
	return told
}

// tenantKey is the key of a customer that is one tenant; any other is a text that people wrote.
var tenantKey = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// calledInMetrics is how metrics call a customer: by its name only where the operator says so.
func (w *App) calledInMetrics(key, name string) string {
	switch {
	case w.Config.Metrics.Customers == customersByName:
		return cmp.Or(name, key)
	case tenantKey.MatchString(key):
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:6])
}

// money is the money of a month, from the ledger and the plans that wait.
func (w *App) money(ctx context.Context) (map[moneyOf]decimal.Decimal, error) {
	all := map[moneyOf]decimal.Decimal{}
	add := func(currency, what, customer string, amount decimal.Decimal) {
		of := moneyOf{cmp.Or(currency, w.Config.Currency), what, customer}
		all[of] = all[of].Add(amount)
	}
	add("", "billed", "", decimal.Zero)
	bill, err := w.BillState(ctx)
	if err != nil {
		return nil, err
	}
	addTotals := func(totals map[string]*report.Totals, customer string) {
		for currency, t := range totals {
			add(currency, "unbilled", customer, t.Unbilled.Money.Add(t.UnderBilled.Money))
			add(currency, "over_billed", customer, t.OverBilled.Money)
			add(currency, "unassigned", customer, t.Unassigned.Money)
		}
	}
	addTotals(bill.Licences.Totals, "")
	lines := map[string][]report.Licence{}
	for _, l := range bill.Licences.Lines {
		called := w.calledInMetrics(l.CustomerKey, l.Customer)
		lines[called] = append(lines[called], l)
		add(l.Currency, "suspended", "", l.MonthlySuspended)
		if l.UnitPrice == nil {
			continue
		}
		for what, units := range map[string]*decimal.Decimal{"bought": report.Units(l.Purchased), "due": l.Due, "billed": l.Billed} {
			if units != nil {
				add(l.Currency, what, "", units.Mul(*l.UnitPrice))
			}
		}
	}
	for called, own := range lines {
		addTotals(report.TotalsOf(own), called)
	}
	waiting, err := w.Waiting(ctx)
	if err != nil {
		return nil, err
	}
	for i := range waiting {
		x := &waiting[i]
		if x.Stands == state.StandsApproved {
			continue
		}
		for _, sums := range []Sums{x.Up, x.Down} {
			for currency, amount := range sums {
				add(currency, "held", "", amount.Abs())
				add(currency, "held", w.calledInMetrics(x.Scope.Customer, x.Name), amount.Abs())
			}
		}
	}
	return all, nil
}
