package money

import (
	"fmt"
	"strings"
	"time"

	"syncd/internal/plan"
)

// A Calendar is what is known of an agreement's invoices. Days are at midnight UTC.
type Calendar struct {
	Next  time.Time // the first day that is not yet invoiced; zero where nobody knows
	Cycle plan.Cycle
	// Unclear are words about what it is set to and nobody documents.
	Unclear []string
}

// maxPeriods bounds the search in the calendar of an agreement that nobody has
// invoiced for very long: decades of weeks.
const maxPeriods = 5000

// Effect says what a change that is written today is billed for. A quantity counts
// for every period that is not yet invoiced, and an invoice that was made stays as
// it is:
//
//	the first day not yet invoiced    billed from, to                                  periods
//	not known                         not known
//	known, no regular cycle           that day, or to today; to when is not known
//	after today                       that day, to the end of its period               1
//	today or before                   that day, to the end of the period of today      all of them
func (c Calendar) Effect(today time.Time) plan.Effect {
	from, last, periods, known := c.uninvoiced(today)
	switch {
	case !known:
		return c.unknownFrom(c.Next, today)
	case periods == 1:
		return c.effect(from, last, periods, "billed "+Days(from, last)+", invoice not made")
	}
	return c.effect(from, last, periods, fmt.Sprintf("billed %s: %d periods, whose invoices are not made", Days(from, last), periods))
}

// effect says so of some days, with what is unclear about them.
func (c Calendar) effect(from, last time.Time, periods int, text string) plan.Effect {
	return plan.Effect{
		From: from.Format(time.DateOnly), To: last.Format(time.DateOnly), Periods: periods,
		Text: strings.Join(append([]string{text}, c.Unclear...), "; "),
	}
}

func (c Calendar) unknown() plan.Effect {
	return plan.Effect{Text: strings.Join(append([]string{"from which invoice on it counts is not known"}, c.Unclear...), "; ")}
}

// unknownFrom is the effect from a day on, zero where that is not known either, for as
// long as nobody knows: certain are the days that went by.
func (c Calendar) unknownFrom(day, today time.Time) plan.Effect {
	e := c.unknown()
	if day.IsZero() {
		return e
	}
	e.From, e.To = day.Format(time.DateOnly), day.Format(time.DateOnly)
	if today.After(day) {
		e.To = today.Format(time.DateOnly)
	}
	return e
}

// uninvoiced are the days that the next invoices are about.
func (c Calendar) uninvoiced(today time.Time) (from, last time.Time, periods int, known bool) {
	if c.Next.IsZero() {
		return from, last, 0, false
	}
	for n := 1; n < maxPeriods; n++ {
		next, ok := Step(c.Next, c.Cycle, n)
		if !ok {
			break
		}
		if next.After(today) {
			return c.Next, next.AddDate(0, 0, -1), n, true
		}
	}
	return from, last, 0, false
}

// Step is a day n billing cycles later, the last day of a month staying one. It is
// not known for a cycle that is none.
func Step(from time.Time, cycle plan.Cycle, n int) (time.Time, bool) {
	if n == 0 {
		return from, true
	}
	switch cycle {
	case "12/52":
		return from.AddDate(0, 0, 7*n), true
	case "12/26":
		return from.AddDate(0, 0, 14*n), true
	case "1", "2", "3", "6", "12":
		months := 0
		for _, digit := range cycle {
			months = 10*months + int(digit-'0')
		}
		first := time.Date(from.Year(), from.Month()+time.Month(months*n), 1, 0, 0, 0, 0, time.UTC)
		length := first.AddDate(0, 1, -1).Day()
		return first.AddDate(0, 0, min(from.Day(), length)-1), true
	}
	return time.Time{}, false
}

// Days spells a span of days for people: from 1 to 31 December 2026.
func Days(from, to time.Time) string {
	switch {
	case from.Equal(to):
		return "for " + from.Format("2 January 2006")
	case from.Year() != to.Year():
		return "from " + from.Format("2 January 2006") + " to " + to.Format("2 January 2006")
	case from.Month() != to.Month():
		return "from " + from.Format("2 January") + " to " + to.Format("2 January 2006")
	}
	return "from " + from.Format("2") + " to " + to.Format("2 January 2006")
}
