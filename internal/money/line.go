package money

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

// MonthlyPrice is what a price of a billing cycle comes to in a month. It is not known
// where the cycle is not.
func MonthlyPrice(price decimal.Decimal, cycle plan.Cycle) (monthly decimal.Decimal, known bool) {
	over, under, fraction := strings.Cut(string(cycle), "/")
	months, err := decimal.NewFromString(over)
	if err != nil || !months.IsPositive() {
		return decimal.Zero, false
	}
	if fraction {
		parts, err := decimal.NewFromString(under)
		if err != nil {
			return decimal.Zero, false
		}
		price = price.Mul(parts)
	}
	return price.DivRound(months, 8), true
}

// ChargedUnits are the units of a quantity that a line charges for: what is included
// the customer gets for free, and the quantity always is the full one.
func ChargedUnits(b *plan.Billing, quantity decimal.Decimal) decimal.Decimal {
	if b != nil && b.LessIncluded != nil {
		quantity = quantity.Sub(*b.LessIncluded)
	}
	return decimal.Max(decimal.Zero, quantity)
}

// PastMargin is of how many units a line charges less than they cost, and what that comes
// to a month; nil where it charges as much, bills nothing, or nobody knows.
func PastMargin(o *plan.Object) (units, loss *decimal.Decimal) {
	b := o.Billing
	if !b.Bills() || b.UnitPrice == nil || b.UnitCost == nil || !b.UnitCost.GreaterThan(*b.UnitPrice) {
		return nil, nil
	}
	quantity, err := decimal.NewFromString(o.Fields.Text(plan.FieldQuantity))
	if err != nil {
		return nil, nil
	}
	charged := ChargedUnits(b, quantity)
	monthly, known := MonthlyPrice(charged.Mul(b.UnitCost.Sub(*b.UnitPrice)), b.Cycle)
	if !known || !charged.IsPositive() {
		return nil, nil
	}
	return &charged, &monthly
}

// MonthlyUnitPrice is what one unit on a line costs a month; nil where it costs nothing or
// nobody knows.
func MonthlyUnitPrice(b *plan.Billing) *decimal.Decimal {
	if b == nil || !b.Billable || b.UnitPrice == nil {
		return nil
	}
	price, known := MonthlyPrice(*b.UnitPrice, b.Cycle)
	if !known {
		return nil
	}
	return &price
}

// Priced reports whether it is known what a line costs: its price, and for how long a
// price counts.
func Priced(o *plan.Object) bool {
	if o.Billing == nil || !o.Billing.Billable {
		return true
	}
	if o.Billing.UnitPrice == nil {
		return false
	}
	_, known := MonthlyPrice(*o.Billing.UnitPrice, o.Billing.Cycle)
	return known || o.Billing.UnitPrice.IsZero()
}

// MonthlyText is what a line comes to in a month, for people.
func MonthlyText(o *plan.Object) string {
	if !Priced(o) {
		return "an amount that is not known"
	}
	return MonthlyAmount(o).StringFixed(2)
}

// MonthlyAmount is what a line comes to in a month:
//
//	units that it charges for × unit price ÷ months of the cycle
//
// and nothing where it is not billable, or ends by itself.
func MonthlyAmount(o *plan.Object) decimal.Decimal {
	if o == nil || o.Billing == nil || !o.Billing.Billable || o.Billing.UnitPrice == nil {
		return decimal.Zero
	}
	quantity, err := decimal.NewFromString(o.Fields.Text(plan.FieldQuantity))
	if err != nil {
		quantity = decimal.Zero
	}
	monthly, _ := MonthlyPrice(ChargedUnits(o.Billing, quantity).Mul(*o.Billing.UnitPrice), o.Billing.Cycle)
	return monthly
}

// MonthlyDelta is what a change of a line does to a month's bill. Either side may be nil.
func MonthlyDelta(before, after *plan.Object) decimal.Decimal {
	was, will := MonthlyAmount(before), MonthlyAmount(after)
	switch {
	case after == nil:
		will = decimal.Zero
	case before == nil || before.Fields.Text(plan.FieldCancelled) == after.Fields.Text(plan.FieldCancelled):
	default: // ended, or taken back
		if before.Fields.Text(plan.FieldCancelled) != "" {
			was = decimal.Zero
		}
		if after.Fields.Text(plan.FieldCancelled) != "" {
			will = decimal.Zero
		}
	}
	return will.Sub(was).Round(2)
}

// PeriodEnd is the last day of the billing period that today lies in: the day
// before the next invoice's period begins. Where that is past, because nobody
// made invoices or the agreement is a child, it is stepped on by the cycle; where
// it is not known (zero), it is the end of the month. Days are midnights of UTC.
func PeriodEnd(next time.Time, cycle plan.Cycle, today time.Time) time.Time {
	monthEnd := time.Date(today.Year(), today.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	if next.IsZero() {
		return monthEnd
	}
	for i := range maxPeriods {
		from, ok := Step(next, cycle, i)
		if !ok {
			return monthEnd
		}
		if last := from.AddDate(0, 0, -1); !last.Before(today) {
			return last
		}
	}
	return monthEnd
}
