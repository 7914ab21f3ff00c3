package money

import (
	"cmp"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

// CalendarOf is what an invoice line says of its agreement's invoices.
func CalendarOf(b *plan.Billing) Calendar {
	next, _ := time.Parse(time.DateOnly, b.NextInvoice) // zero where there is none
	return Calendar{Next: next, Cycle: b.Cycle, Unclear: b.Unclear}
}

// EffectOf says which days a change of a line is billed for. It is nil where nothing
// of the line changes that is billed. The first row that fits decides:
//
//	the change                  the first day not yet invoiced    billed from, to                                     periods
//	a new line, not prorated    after today                       that day, to the end of its period                  1
//	                            today or before                   the period of today                                 1
//	a new line, prorated        after today                       today, to the end of the first period not invoiced  1
//	                            today or before                   today, to the end of its period                     1
//	a last day is set           any                               no more from the day after it on
//	a last day is taken back    any                               the later of the day after it and that day,         all of them
//	                                                              to the end of the period of today
//	another quantity            after the line's last day         on no invoice to come
//	                            any                               as above, no more from the day after the last one
//	another quantity, and       after the last day                as of the last day alone
//	another last day            any                               as above, and no more, or on, after the last day
func EffectOf(before, after *plan.Object, today time.Time) *plan.Effect {
	about := cmp.Or(after, before)
	if about == nil || about.Billing == nil {
		return nil
	}
	c := CalendarOf(about.Billing)
	var e plan.Effect
	switch {
	case before == nil:
		e = c.lineBegins(today, about.Billing.Prorates)
	case after == nil:
		e = c.Effect(today)
	case onlyEndChanges(before, after):
		e = c.lineEnds(after.Fields.Text(plan.FieldCancelled), before.Fields.Text(plan.FieldCancelled), today)
	default:
		return c.quantityChanges(before, after, today)
	}
	e.Money = moneyInPeriods(before, after, e.Periods)
	return &e
}

// quantityChanges is the effect of another quantity of a line that may end, and of another
// last day beside it.
func (c Calendar) quantityChanges(before, after *plan.Object, today time.Time) *plan.Effect {
	was, last := before.Fields.Text(plan.FieldCancelled), after.Fields.Text(plan.FieldCancelled)
	e := c.Effect(today)
	switch end := cmp.Or(last, was); {
	case e.Periods == 0 || end == "":
		e.Money = moneyInPeriods(before, after, e.Periods)
	case end < e.From && was == last:
		return &plan.Effect{Money: new(decimal.Zero), Text: "on no invoice to come: the line ends on " + dayInWords(end) + ", and its days to then are invoiced"}
	case end < e.From:
		e = c.lineEnds(last, was, today)
		e.Money = moneyInPeriods(before, after, e.Periods)
		return &e
	default: // it is billed in each of these periods, before and after
		e.Money = moneyInPeriods(withoutEnd(before), withoutEnd(after), e.Periods)
		switch {
		case last == "":
			e.Text += "; its last day, " + dayInWords(was) + ", is taken back: it is billed on after that"
		case last < e.To:
			e.To = last
			fallthrough
		default:
			e.Text += "; not billed after its last day, " + dayInWords(last)
		}
	}
	if p := after.Billing.Prorates; p != nil && *p {
		e.Text += "; whether ConnectWise prorates a changed quantity (prorateFlag) is not documented"
	}
	return &e
}

func dayInWords(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("2 January 2006")
}

func withoutEnd(o *plan.Object) *plan.Object {
	line := *o
	line.Fields = o.Fields.With(plan.FieldCancelled, plan.Value{""})
	return &line
}

func onlyEndChanges(before, after *plan.Object) bool {
	return after.Fields.Text(plan.FieldCancelled) != before.Fields.Text(plan.FieldCancelled) &&
		after.Fields.Text(plan.FieldQuantity) == before.Fields.Text(plan.FieldQuantity)
}

// lineBegins is the effect of a line that begins today.
func (c Calendar) lineBegins(today time.Time, prorates *bool) plan.Effect {
	from, last, periods, known := c.uninvoiced(today)
	if !known { // the period of today may be all that is not invoiced
		return c.unknownFrom(c.Next, today)
	}
	if periods > 1 { // those before the period of today are not the line's
		from, _ = Step(c.Next, c.Cycle, periods-1)
	}
	full := c.effect(from, last, 1, "billed "+Days(from, last)+", invoice not made")
	switch {
	case prorates == nil:
		full.Text += "; whether the agreement prorates (prorateFlag) is not known"
	case *prorates && from.After(today):
		return c.effect(today, last, 1, "billed "+Days(today, last)+" on one invoice, which is not made: prorated, since its first period is invoiced already")
	case *prorates:
		return c.effect(today, last, 1, "billed "+Days(today, last)+", prorated, invoice not made")
	}
	return full
}

// lineEnds is the effect of another last day.
func (c Calendar) lineEnds(last, former string, today time.Time) plan.Effect {
	day, err := time.Parse(time.DateOnly, cmp.Or(last, former))
	_, to, _, known := c.uninvoiced(today)
	from := day.AddDate(0, 0, 1)
	switch {
	case err != nil:
		return c.unknown()
	case known:
	case last != "":
		return c.unknownFrom(from, today)
	case c.Next.IsZero(): // its days may be invoiced
		return c.unknown()
	case from.Before(c.Next):
		return c.unknownFrom(c.Next, today)
	default:
		return c.unknownFrom(from, today)
	}
	if last != "" {
		end, _ := Step(from, c.Cycle, 1)
		return c.effect(from, end.AddDate(0, 0, -1), 1, "not billed from "+from.Format("2 January 2006")+" on")
	}
	if from.Before(c.Next) {
		from = c.Next
	}
	periods := 1
	for {
		end, _ := Step(from, c.Cycle, periods)
		if end.After(to) {
			return c.effect(from, end.AddDate(0, 0, -1), periods, "billed on "+Days(from, end.AddDate(0, 0, -1))+", invoice not made")
		}
		periods++
	}
}

// moneyInPeriods is what a change of a line comes to in some billing periods; nil where
// nobody knows.
func moneyInPeriods(before, after *plan.Object, periods int) *decimal.Decimal {
	if periods == 0 {
		return nil
	}
	about := cmp.Or(after, before)
	if about.Billing.UnitPrice == nil && about.Billing.Billable {
		return nil
	}
	// The price is for a period: Delta of a monthly cycle is what one comes to.
	perPeriod := func(o *plan.Object) *plan.Object {
		if o == nil || o.Billing == nil {
			return o
		}
		line, billing := *o, *o.Billing
		billing.Cycle = plan.Monthly
		line.Billing = &billing
		return &line
	}
	return new(MonthlyDelta(perPeriod(before), perPeriod(after)).Mul(decimal.NewFromInt(int64(periods))))
}
