package money

import (
	"cmp"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/plan"
)

// A Reverted line is one whose quantity goes back to what it was before a run.
type Reverted struct {
	Ref     string
	Left    decimal.Decimal // what the run left on the line
	Before  decimal.Decimal // what was there before; nought of a line that it made
	Made    bool            // the run made the line
	Billing *plan.Billing   // of the line now
	// Then is how the line was billed when the run wrote, and Next the first day that was
	// not yet invoiced; nil and zero where nobody knows.
	Then *plan.Billing
	Next time.Time
	// Moved says why nobody knows that the line held Left ever since the run wrote; empty
	// where the journal shows that it did.
	Moved string
}

// An Invoice is one that was made for an agreement.
type Invoice struct {
	Number string
	Date   time.Time        // the day on it
	Amount *decimal.Decimal // of the agreement; nil where the invoice does not say
	// Currency is what it is in; empty where the invoice does not say.
	Currency string
}

// Foreign reports whether the invoice says that it is in another currency.
func (i *Invoice) Foreign(currency string) bool {
	return i.Currency != "" && currency != "" && i.Currency != currency
}

// Invoices are those made for an agreement since a day, oldest first.
type Invoices struct {
	Since   time.Time // the day
	Made    []Invoice
	Unknown string // why nobody knows them; empty where they are known
}

// A Credit is what an invoice billed too much for a line, to be issued by hand. What is
// not known is nil, and Why says why.
type Credit struct {
	Ref      string  `json:"ref"`
	Invoice  *string `json:"invoice"`
	From     *string `json:"from"`
	To       *string `json:"to"`
	Amount   *string `json:"amount"`
	Currency string  `json:"currency"`
	Why      string  `json:"why,omitempty"`
}

// String is a credit as people read it.
func (c Credit) String() string {
	or := func(text *string, none string) string {
		if text == nil {
			return none
		}
		return *text
	}
	text := "an amount that is not known"
	switch {
	case c.Amount != nil:
		text = *c.Amount + " " + c.Currency
	case c.Currency != "":
		text = "an amount in " + c.Currency + " that is not known"
	}
	if c.From != nil && c.To != nil {
		from, _ := time.Parse(time.DateOnly, *c.From)
		to, _ := time.Parse(time.DateOnly, *c.To)
		text += ", billed " + Days(from, to)
	}
	text += " on " + or(c.Invoice, "an invoice whose number is not known")
	if c.Invoice != nil {
		text = text[:len(text)-len(*c.Invoice)] + "invoice " + *c.Invoice
	}
	if c.Why != "" {
		text += " (" + c.Why + ")"
	}
	return text
}

// Credits says what to credit of a line that goes back, for each period that was
// invoiced since the run wrote it:
//
//	the line and the period                                            the credit
//	no more was charged than before                                    none
//	the first day not yet invoiced is where it was, or came back       none
//	that day is not known, then or now, and no invoice was made since  none
//	that day is not known, then or now                                 one, of which nothing is known
//	the billing cycle is another one now                               one, of which nothing is known
//	the line began after the period                                    none
//	the price is not known, or is another one now                      the amount is not known
//	what is included, whether it bills or its currency is another now  the amount is not known
//	the line may have held another quantity since the run              the amount is not known
//	the line began in mid-period and may be prorated                   the amount is not known
//	otherwise                                                          units charged too much × unit price of the cycle
//
// Charged are the units above those that are included. The invoice is named where
// there is one for each period since, or one for all of them.
func Credits(line Reverted, made Invoices) []Credit {
	b := line.Billing
	if b == nil || !b.Billable && line.Then != nil && line.Then.Bill == b.Bill || !line.Left.GreaterThan(line.Before) {
		return nil
	}
	changed := changedTerms(line.Then, b)
	units := ChargedUnits(b, line.Left).Sub(ChargedUnits(b, line.Before))
	if changed == "" && !units.IsPositive() {
		return nil
	}
	now, _ := time.Parse(time.DateOnly, b.NextInvoice) // zero where there is none
	if was := line.Then; was != nil && was.Cycle != b.Cycle {
		if !line.Next.IsZero() && !now.IsZero() && !line.Next.Before(now) {
			return nil
		}
		return []Credit{{Ref: line.Ref, Currency: b.Currency, Why: fmt.Sprintf("the agreement billed every %s months when the run wrote and bills every %s now: look at its invoices since the run",
			cmp.Or(was.Cycle, "unknown"), cmp.Or(b.Cycle, "unknown"))}}
	}
	periods, known := invoicedPeriods(line.Next, now, b.Cycle)
	if !known {
		if made.Unknown == "" && len(made.Made) == 0 {
			return nil
		}
		return []Credit{{Ref: line.Ref, Currency: b.Currency, Why: "how far the agreement was invoiced is not known: look at its invoices since the run"}}
	}
	numbers, why := made.of(len(periods))
	var out []Credit
	for i, p := range periods {
		begun, err := time.Parse(time.DateOnly, b.Effective)
		if err == nil && begun.After(p.last) {
			continue
		}
		c := Credit{Ref: line.Ref, From: dayText(p.first), To: dayText(p.last), Currency: b.Currency, Invoice: numbers[i], Why: why}
		switch {
		case changed != "":
			c.Why = changed
		case line.Moved != "":
			c.Why = line.Moved
		case (b.Prorates == nil || *b.Prorates) && (begun.After(p.first) || line.Made && i == 0 && !begun.Equal(p.first)):
			c.Why = "the line began in mid-period and may be prorated: what was billed is on the invoice"
		default:
			amount := units.Mul(*b.UnitPrice).StringFixed(2)
			c.Amount = &amount
		}
		out = append(out, c)
	}
	return out
}

// changedTerms says what of a line's terms is another now than when the run wrote, so that
// nobody knows which were billed; it is empty where nothing is.
func changedTerms(then, now *plan.Billing) string {
	const onInvoice = " now: which was billed is on the invoice"
	switch {
	case then == nil || then.UnitPrice == nil || now.UnitPrice == nil:
		return "what a unit costs is not known"
	case !then.UnitPrice.Equal(*now.UnitPrice):
		return "a unit cost " + plan.Price(then.UnitPrice) + " when the run wrote and costs " + plan.Price(now.UnitPrice) + onInvoice
	case (then.LessIncluded == nil) != (now.LessIncluded == nil), then.LessIncluded != nil && !then.LessIncluded.Equal(*now.LessIncluded):
		unit := func(d *decimal.Decimal) string { return cmp.Or(plan.Number(d), "an unknown number of") }
		return unit(then.LessIncluded) + " units were included when the run wrote and " + unit(now.LessIncluded) + " are" + onInvoice
	case then.Bill != now.Bill:
		return "the line was " + cmp.Or(then.Bill, "unknown") + " when the run wrote and is " + cmp.Or(now.Bill, "unknown") + onInvoice
	case then.Currency != "" && then.Currency != now.Currency:
		return "the line was billed in " + then.Currency + " when the run wrote and is billed in " + now.Currency + onInvoice
	}
	return ""
}

func dayText(t time.Time) *string {
	text := t.Format(time.DateOnly)
	return &text
}

type period struct{ first, last time.Time }

// invoicedPeriods are those between two first days that are not yet invoiced.
func invoicedPeriods(from, to time.Time, cycle plan.Cycle) (out []period, known bool) {
	if from.IsZero() || to.IsZero() {
		return nil, false
	}
	for n := range maxPeriods {
		first, ok := Step(from, cycle, n)
		next, more := Step(from, cycle, n+1)
		switch {
		case !first.Before(to):
			return out, true
		case !ok || !more || next.After(to): // no whole periods lie between
			return nil, false
		}
		out = append(out, period{first, next.AddDate(0, 0, -1)})
	}
	return nil, false
}

// of are the numbers of the invoices of the last periods. Those of the first day may be
// older than what is asked about.
func (i *Invoices) of(periods int) (numbers []*string, why string) {
	numbers = make([]*string, periods)
	made := i.Made
	for len(made) > periods && made[0].Date.Equal(i.Since) {
		made = made[1:]
	}
	switch {
	case i.Unknown != "":
		return numbers, "which invoice it is is not known: " + i.Unknown
	case periods > 0 && len(made) == 1:
		for n := range numbers {
			numbers[n] = &made[0].Number
		}
	case len(made) == periods:
		for n := range numbers {
			numbers[n] = &made[n].Number
		}
	default:
		return numbers, "which invoice it is is not known: they are not one a period"
	}
	return numbers, ""
}
