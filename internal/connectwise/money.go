package connectwise

import (
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/money"
	"syncd/internal/plan"
)

// cycleMonths is how many months a billing cycle has, as an object's info
// carries it: a number, or a fraction where the cycle is no whole month. It is
// empty where the cycle bills nothing regularly.
func cycleMonths(c cycle) string {
	switch c {
	case weekly:
		return "12/52"
	case biWeekly:
		return "12/26"
	case monthly:
		return "1"
	case biMonthly:
		return "2"
	case quarterly:
		return "3"
	case semiAnnual:
		return "6"
	case yearly:
		return "12"
	}
	return ""
}

// monthlyOf is what an object comes to in a month:
//
//	max(0, quantity − lessIncluded) × unitPrice ÷ months of the cycle
//
// and nothing where the line is not billable, or ends by itself.
// lessIncluded is what the customer gets for free; ConnectWise takes it off
// when it invoices, so the quantity always is the full one.
func monthlyOf(o *plan.Object) decimal.Decimal {
	if o == nil || o.Info["bill"] != billable {
		return decimal.Zero
	}
	quantity := amount(o.Fields.Text(fieldQuantity))
	units := decimal.Max(decimal.Zero, quantity.Sub(amount(o.Info["less_included"])))
	price, _ := money.Monthly(units.Mul(amount(o.Info["unit_price"])), o.Info["cycle_months"])
	return price
}

// unitMonthly is what one unit on a line costs a month; nil where it costs
// nothing or nobody knows.
func unitMonthly(info map[string]string) *decimal.Decimal {
	if info["bill"] != billable || info["unit_price"] == "" {
		return nil
	}
	price, known := money.Monthly(amount(info["unit_price"]), info["cycle_months"])
	if !known {
		return nil
	}
	return &price
}

func amount(text string) decimal.Decimal {
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Zero
	}
	return d
}

// delta is what a change does to a month's bill. Either side may be nil.
func delta(before, after *plan.Object) decimal.Decimal {
	was, will := monthlyOf(before), monthlyOf(after)
	switch {
	case after == nil:
		will = decimal.Zero
	case before == nil || before.Fields.Text(fieldCancelled) == after.Fields.Text(fieldCancelled):
	default: // ended, or taken back
		if before.Fields.Text(fieldCancelled) != "" {
			was = decimal.Zero
		}
		if after.Fields.Text(fieldCancelled) != "" {
			will = decimal.Zero
		}
	}
	return will.Sub(was).Round(2)
}

// mostSteps bounds the search for the period of an agreement that nobody has
// invoiced for very long: decades of weeks.
const mostSteps = 5000

// periodEnd is the last day of the billing period that today lies in: the day
// before the next invoice's period begins. Where that is past, because nobody
// made invoices or the agreement is a child, it is stepped on by the cycle;
// where it is not known, it is the end of the month.
func periodEnd(next day, months string, today day) day {
	t := today.time()
	monthEnd := dayOf(time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC))
	if next == 0 {
		return monthEnd
	}
	for i := range mostSteps {
		from, ok := stepped(next, months, i)
		if !ok {
			return monthEnd
		}
		if last := from.add(0, 0, -1); last >= today {
			return last
		}
	}
	return monthEnd
}

// stepped is a day n billing cycles later, the last day of a month staying one.
func stepped(from day, months string, n int) (day, bool) {
	if n == 0 {
		return from, true
	}
	switch months {
	case "12/52":
		return from.add(0, 0, 7*n), true
	case "12/26":
		return from.add(0, 0, 14*n), true
	case "1", "2", "3", "6", "12":
		t := from.time()
		m := int(amount(months).IntPart()) * n
		first := time.Date(t.Year(), t.Month()+time.Month(m), 1, 0, 0, 0, 0, time.UTC)
		length := first.AddDate(0, 1, -1).Day()
		return dayOf(first.AddDate(0, 0, min(t.Day(), length)-1)), true
	}
	return 0, false
}
