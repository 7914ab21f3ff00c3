package target

import (
	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
)

// A Count is what a product comes to for a customer, and what it is made of: what
// the ledger keeps. Numbers are nil where they are not proven.
type Count struct {
	Key       plan.Key
	Product   string // the catalogue identifier
	Label     string
	Rules     []mapping.Rule // that feed it
	Override  *money.Override
	Grace     string // what is made of subscriptions in grace, see money.Policy
	Purchased *int
	Assigned  *int
	// Counted is what the rules come to, and Due what is billed: the two differ where
	// an override stands in the rules' place.
	Counted *int
	Due     *int
	Unknown string // why a number is not proven; empty where all are
	// LinesUnknown says why the lines that bill it cannot be told from others; empty
	// where they can.
	LinesUnknown string
	// Names are those of whom the count is made, where it is made of people; sorted.
	Names        []string
	NamesUnknown bool // there are some, and the source did not prove who
	// Subscriptions are those of the licences that feed it.
	Subscriptions []Subscription
}

// How those are named whom a count is made of.
const (
	NamesUPN = "upn"
	NamesID  = "id"
)

// A Subscription is one purchase of a licence, and what it is to the bill.
type Subscription struct {
	directory.Subscription
	SKU      string
	Standing money.Standing
}

// Billed adds up what the lines of a product bill that are open: the one that is
// kept in step, and those beside it. It is not known where one of them says no
// number.
func (o *Observed) Billed(k plan.Key) (units decimal.Decimal, known bool) {
	known = true
	add := func(line *plan.Object) {
		n, err := decimal.NewFromString(line.Fields.Text(plan.FieldQuantity))
		known = known && err == nil
		units = units.Add(n)
	}
	for i := range o.Objects {
		if o.Objects[i].Key == k {
			add(&o.Objects[i])
		}
	}
	for i := range o.Beside {
		if o.Beside[i].Key == k && o.Beside[i].Billing.Bills() {
			add(&o.Beside[i])
		}
	}
	return units, known
}

// Monthly is what the lines of a product come to a month that Billed adds up, and how many
// they are. It is not known where one of them says no number or no price.
func (o *Observed) Monthly(k plan.Key) (cost decimal.Decimal, lines int, known bool) {
	known = true
	add := func(line *plan.Object) {
		lines++
		n, err := decimal.NewFromString(line.Fields.Text(plan.FieldQuantity))
		b := line.Billing
		if err != nil || b == nil || b.UnitPrice == nil {
			known = false
			return
		}
		price, ok := money.MonthlyPrice(*b.UnitPrice, b.Cycle)
		known = known && ok
		cost = cost.Add(money.ChargedUnits(b, n).Mul(price))
	}
	for i := range o.Objects {
		if o.Objects[i].Key == k {
			add(&o.Objects[i])
		}
	}
	for i := range o.Beside {
		if o.Beside[i].Key == k && o.Beside[i].Billing.Bills() {
			add(&o.Beside[i])
		}
	}
	return cost, lines, known
}

// Line is the line of a product that its price and agreement are taken from, or
// nil where there is none: the one that is kept in step before those beside it, and
// of those one that bills before the others.
func (o *Observed) Line(k plan.Key) *plan.Object {
	for i := range o.Objects {
		if o.Objects[i].Key == k {
			return &o.Objects[i]
		}
	}
	var silent *plan.Object
	for i := range o.Beside {
		switch line := &o.Beside[i]; {
		case line.Key != k:
		case line.Billing.Bills():
			return line
		case silent == nil:
			silent = line
		}
	}
	return silent
}
