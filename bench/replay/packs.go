package replay

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"syncd/bench/model"
	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
)

// comparePacks holds the packs of a month against the model.
func (e *estate) comparePacks(packs *app.Months, last time.Time, closed bool) error {
	all := decimal.Zero
	for i, c := range e.customers {
		at := slices.IndexFunc(packs.Packs, func(m *report.Month) bool { return m.Customer.Key == e.key(i) })
		if at < 0 {
			return fmt.Errorf("there is none of %s", c.Name)
		}
		m := packs.Packs[at]
		if m.Closed != closed || !m.Sealed() {
			return fmt.Errorf("that of %s says closed %t, sealed %t", c.Name, m.Closed, m.Sealed())
		}
		sum, err := e.comparePack(c, m, last)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", c.Name, err, e.story(i))
		}
		all = all.Add(sum)
	}
	// Of a customer that was never read in the month not even the currency is known.
	t := slices.DeleteFunc(slices.Clone(packs.MSP.Totals), func(t report.MonthTotal) bool { return t.Currency == "" && t.Unknown == t.Lines })
	if len(packs.Packs) != len(e.customers) || len(t) != 1 || t[0].Unknown < t[0].Lines && or(t[0].Money) != all.StringFixed(2) {
		return fmt.Errorf("%d packs come to %+v, the model says %s", len(packs.Packs), packs.MSP.Totals, all.StringFixed(2))
	}
	return nil
}

// comparePack holds the pack of a customer against the model, and returns what its lines
// come to.
func (e *estate) comparePack(c *model.Customer, m *report.Month, last time.Time) (decimal.Decimal, error) {
	sum, known := decimal.Zero, true
	if len(m.Lines) != len(c.Products()) {
		return sum, fmt.Errorf("%d lines, want %d", len(m.Lines), len(c.Products()))
	}
	for _, p := range c.Products() {
		at := slices.IndexFunc(m.Lines, func(l report.MonthLine) bool { return l.Product == p.ID })
		if at < 0 {
			return sum, fmt.Errorf("no line of %s", p.ID)
		}
		l := &m.Lines[at]
		end := c.On(p, last)
		if end.Read {
			sum = sum.Add(decimal.RequireFromString(p.Price).Mul(decimal.NewFromInt(int64(end.Billed))))
		}
		known = known && end.Read
		if err := e.compareLine(c, p, l, last); err != nil {
			return sum, fmt.Errorf("%s: %w", p.ID, err)
		}
	}
	if !known {
		return sum, nil
	}
	return sum, compareInvoices(c, m, sum, last)
}

func text(known bool, n int) string {
	if !known {
		return "unknown"
	}
	return strconv.Itoa(n)
}

func or(s *string) string {
	if s == nil {
		return "unknown"
	}
	return *s
}

func (e *estate) compareLine(c *model.Customer, p model.Product, l *report.MonthLine, last time.Time) error {
	end := c.On(p, last)
	first := time.Date(last.Year(), last.Month(), 1, 0, 0, 0, 0, time.UTC)
	opening := "unknown"
	if before := c.On(p, first.AddDate(0, 0, -1)); before != nil {
		opening = text(before.Read, before.Billed)
	}
	for _, x := range []struct{ what, got, want string }{
		{"the opening", or(l.Opening), opening},
		{"the closing", or(l.Closing), text(end.Read, end.Billed)},
		{"what is due", or(l.Due), text(end.Known, end.Due)},
		{"the money", or(l.Money), moneyOf(p, end)},
	} {
		if x.got != x.want {
			return fmt.Errorf("%s is %s, the model says %s", x.what, x.got, x.want)
		}
	}
	if err := e.compareDays(c, p, l.Spans, last); err != nil {
		return err
	}
	at := l.Opening // every step from the opening to the closing is there
	for i := range l.Changes {
		if x := &l.Changes[i]; at != nil && or(x.Before) != *at {
			return fmt.Errorf("a change begins with %s where %s was billed", or(x.Before), *at)
		}
		at = l.Changes[i].After
	}
	if at != nil && l.Closing != nil && *at != *l.Closing {
		return fmt.Errorf("the changes end with %s, and the closing is %s", *at, *l.Closing)
	}
	for i := range l.Writes {
		w := &l.Writes[i]
		before, err := decimal.NewFromString(w.Before)
		after, err2 := decimal.NewFromString(w.After)
		if err := cmp.Or(err, err2); err != nil {
			return fmt.Errorf("a write from %q to %q", w.Before, w.After)
		}
		if after.LessThan(before) && w.By == "" && (w.Result == state.ResultDone || w.Result == state.ResultRecovered) && (w.Explanation == nil || w.Explanation.Code == plan.Unexplained) {
			return fmt.Errorf("syncd wrote %s after %s on %s, nobody approved it, and it is not explained (%+v)", w.After, w.Before, w.At.Format(time.DateOnly), w.Explanation)
		}
	}
	return nil
}

func moneyOf(p model.Product, end *model.Entry) string {
	if !end.Read {
		return "unknown"
	}
	return decimal.RequireFromString(p.Price).Mul(decimal.NewFromInt(int64(end.Billed))).StringFixed(2)
}

// compareDays holds what is told of each day of a month against what the model knew at its
// end.
func (e *estate) compareDays(c *model.Customer, p model.Product, spans []report.MonthSpan, last time.Time) error {
	for day := time.Date(last.Year(), last.Month(), 1, 0, 0, 0, 0, time.UTC); !day.After(last); day = day.AddDate(0, 0, 1) {
		want := c.On(p, day)
		over := day.AddDate(0, 0, 1).Add(-time.Microsecond)
		at := slices.IndexFunc(spans, func(s report.MonthSpan) bool { return !s.From.After(over) && (s.To == nil || s.To.After(over)) })
		if want == nil || at < 0 {
			if want != nil || at >= 0 {
				return fmt.Errorf("%s: recorded %t, the model says %t", day.Format(time.DateOnly), at >= 0, want != nil)
			}
			continue
		}
		if err := compareDay(p, &spans[at], want); err != nil {
			return fmt.Errorf("%s: %w", day.Format(time.DateOnly), err)
		}
	}
	return nil
}

func compareDay(p model.Product, s *report.MonthSpan, want *model.Entry) error {
	if got := or(s.Billed); got != text(want.Read, want.Billed) {
		return fmt.Errorf("%s was billed, the model says %s", got, text(want.Read, want.Billed))
	}
	if got := or(s.Due); got != text(want.Known, want.Due) {
		return fmt.Errorf("%s was due, the model says %s", got, text(want.Known, want.Due))
	}
	if want.Said {
		return nil
	}
	if s.Known != want.Known {
		return fmt.Errorf("known %t (%s), the model says %t", s.Known, s.Why, want.Known)
	}
	if !s.Known {
		return nil
	}
	if p.Count == model.People || p.Count == model.Assigned {
		if !slices.Equal(s.Names, want.Names) {
			return fmt.Errorf("%v were counted, the model says %v", s.Names, want.Names)
		}
	}
	if len(s.Rules) != 1 || s.Rules[0].Count != p.Count || s.Rules[0].Who != p.Who || (s.Rules[0].Customer != "") != p.Own {
		return fmt.Errorf("the rules were %+v", s.Rules)
	}
	return compareOverride(s.Override, want.Override)
}

func compareOverride(got *state.SpanOverride, want model.Override) error {
	if got == nil {
		if want.Kind != "" {
			return fmt.Errorf("no override, the model says %+v", want)
		}
		return nil
	}
	units := map[string]string{model.Exactly: got.Quantity, model.AtLeast: got.Minimum, model.AtMost: got.Maximum}[want.Kind]
	if want.Kind == "" || units != strconv.Itoa(want.Units) || !got.Until.Equal(want.Until) || got.By != jane.Name {
		return fmt.Errorf("the override was %+v, the model says %+v", *got, want)
	}
	return nil
}

// spanOf is a span of the ledger as a pack has it.
func spanOf(s *state.Span) report.MonthSpan {
	known := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	x := report.MonthSpan{From: s.From, Known: s.Known, Why: s.Why, Due: known(s.Due), Billed: known(s.Billed), Rules: s.Rules, Override: s.Override, Names: s.Names}
	if !s.To.IsZero() {
		x.To = &s.To
	}
	return x
}

// compareInvoices holds the invoice check of a pack against the invoices that the model
// has, and what its lines come to.
func compareInvoices(c *model.Customer, m *report.Month, lines decimal.Decimal, last time.Time) error {
	if len(m.InvoiceCheck) != 1 {
		return errors.New("there is no invoice check, or there are several")
	}
	in := func(day time.Time) bool { return day.Year() == last.Year() && day.Month() == last.Month() }
	invoiced, made := decimal.Zero, 0
	for _, x := range c.Agreement.Invoices {
		if in(x.Made) {
			invoiced, made = invoiced.Add(decimal.RequireFromString(x.Total)), made+1
		}
	}
	want := report.InvoiceCheck{Ours: new(lines.StringFixed(2)), Others: new("0.00"), Lines: new(lines.StringFixed(2))}
	if made > 0 {
		want.Invoice, want.Difference = new(invoiced.StringFixed(2)), new(invoiced.Sub(lines).StringFixed(2))
	}
	if in(c.Agreement.Next) {
		want.Recap = new(total(c).StringFixed(2))
	}
	got := &m.InvoiceCheck[0]
	for _, x := range []struct {
		what      string
		got, want *string
	}{
		{"products", got.Ours, want.Ours},
		{"others", got.Others, want.Others},
		{"lines", got.Lines, want.Lines},
		{"recap", got.Recap, want.Recap},
		{"invoice", got.Invoice, want.Invoice},
		{"difference", got.Difference, want.Difference},
	} {
		if or(x.got) != or(x.want) {
			return fmt.Errorf("%s of the invoice check is %s, the model says %s", x.what, or(x.got), or(x.want))
		}
	}
	if len(got.Numbers) != made {
		return fmt.Errorf("the invoice check names %d invoices, the model says %d", len(got.Numbers), made)
	}
	return nil
}
