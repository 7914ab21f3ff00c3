package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"syncd/internal/app"
	"syncd/internal/state"
)

// writeMonth says what the ledger has of a month.
func (x *explanation) writeMonth(p *page, zone *time.Location) {
	p.line("%s, %s, %s", clean(x.Customer.Name), clean(x.label()), x.From.Format("January 2006"))
	switch {
	case len(x.Spans) > 0:
	case x.RecordedFrom == nil:
		p.line("Nothing is recorded of it: the ledger of it begins with the next run that applies")
	case !x.RecordedFrom.Before(x.To):
		p.line("It was not recorded before %s", x.RecordedFrom.In(zone).Format(time.DateOnly))
	default:
		p.line("Nothing was due or billed: no rule billed it, or the customer was not linked")
	}
	for i := range x.Spans {
		s := &x.Spans[i]
		if i == 0 || s.Key != x.Spans[i-1].Key {
			x.writeObject(p, s)
			if s.From.After(x.From) && !s.Recorded.Before(s.From) {
				p.line("It was not recorded before %s", s.From.In(zone).Format(time.DateOnly))
			}
		}
		x.writeSpan(p, s, zone)
	}
	for _, a := range x.Approvals {
		by := clean(a.By)
		if a.How != "" {
			by += " (" + a.How + ")"
		}
		p.line("Approved %s by %s%s; plan %s", a.At.In(zone).Format("2006-01-02 15:04"), by, app.Because(a.Reason), a.Digest)
	}
	for i := range x.Writes {
		p.line("Written %s", writeText(&x.Writes[i], zone))
	}
	if len(x.Writes) == 0 {
		if x.Before != nil {
			p.line("syncd wrote nothing in that month; the last time before was %s", writeText(x.Before, zone))
		} else {
			p.line("syncd wrote nothing in that month, nor before")
		}
	}
	x.writeInvoices(p)
	x.writeIgnored(p, zone)
}

// writeInvoices says what the agreement comes to on its invoices.
func (x *explanation) writeInvoices(p *page) {
	for _, inv := range x.Invoices {
		amount := "it does not say what the agreement comes to"
		if inv.Amount != nil {
			amount = "the agreement comes to " + *inv.Amount + " " + inv.Currency
		}
		p.line("Invoice %s of %s: %s", clean(inv.Number), inv.Date, amount)
	}
	if x.Uninvoiced != "" {
		p.line("Invoices: %s", clean(x.Uninvoiced))
	}
}

// writeObject says what the spans that follow are about, where a licence is counted in
// several ways, at once or one after the other.
func (x *explanation) writeObject(p *page, s *app.ExplainedSpan) {
	if slices.ContainsFunc(x.Spans, func(o app.ExplainedSpan) bool { return o.Key != s.Key }) {
		p.line("%s:", s.CountedText())
	}
}

// label is what the licence is called.
func (x *explanation) label() string {
	for i := range x.Spans {
		return cmp.Or(x.Spans[i].Label, x.What)
	}
	return x.What
}

func (x *explanation) writeIgnored(p *page, zone *time.Location) {
	for _, g := range x.Ignored {
		p.line("It is left alone since %s by the word of %s%s; syncd matches retry takes that back", g.At.In(zone).Format(time.DateOnly), clean(g.By), app.Because(g.Reason))
	}
}

// writeOpen says what the ledger has now.
func (x *explanation) writeOpen(p *page, zone *time.Location) {
	for i := range x.Spans {
		s := &x.Spans[i]
		x.writeObject(p, s)
		p.line("The ledger, since %s (%s): %s", s.From.In(zone).Format("2006-01-02 15:04"), app.Count(s.Days, "day"), numbers(s))
		for _, why := range append(s.OverrideReason(), s.NamesReason()...) {
			p.line("  %s", why)
		}
	}
	if x.RecordedFrom != nil {
		p.line("  recorded since %s; --month shows any month since", x.RecordedFrom.In(zone).Format(time.DateOnly))
	}
	x.writeIgnored(p, zone)
}

// numbers are what was bought, due and billed.
func numbers(s *app.ExplainedSpan) string {
	unknown := func(n string) string { return cmp.Or(n, "unknown") }
	return fmt.Sprintf("purchased %s, assigned %s, due %s, billed %s", unknown(s.Purchased), unknown(s.Assigned), unknown(s.Due), unknown(s.Billed))
}

// writeSpan says what held for some days of the month.
func (x *explanation) writeSpan(p *page, s *app.ExplainedSpan, zone *time.Location) {
	p.line("%s: %s", x.days(s, zone), numbers(s))
	for _, why := range s.Reasons(zone) {
		p.line("  %s", why)
	}
}

// days says on which days of the month a span held. The day on which something changed
// is the later span's; one that ended the day it began is a matter of hours.
func (x *explanation) days(s *app.ExplainedSpan, zone *time.Location) string {
	first := x.From
	if s.From.After(first) {
		first = s.From.In(zone)
	}
	if s.Days == 0 {
		if day := first.Format(time.DateOnly); s.From.In(zone).Format(time.DateOnly) != day {
			return fmt.Sprintf("%s until %s", day, s.To.In(zone).Format("15:04"))
		}
		return fmt.Sprintf("%s from %s to %s", first.Format(time.DateOnly), s.From.In(zone).Format("15:04"), s.To.In(zone).Format("15:04"))
	}
	text := first.Format(time.DateOnly)
	if s.Days > 1 {
		text += " to " + first.AddDate(0, 0, s.Days-1).Format(time.DateOnly)
	}
	return fmt.Sprintf("%s (%s)", text, app.Count(s.Days, "day"))
}

func writeText(w *app.ExplainedWrite, zone *time.Location) string {
	text := fmt.Sprintf("%s: %s %s", w.At.In(zone).Format("2006-01-02 15:04"), w.Action, w.Ref)
	if w.Before != w.After {
		text += fmt.Sprintf(" %s -> %s", cmp.Or(w.Before, "nothing"), cmp.Or(w.After, "nothing"))
	}
	if w.Result != state.ResultDone {
		text += ", " + w.Result
	}
	if w.By != "" {
		text += ", approved by " + clean(w.By)
	}
	return text + " (run " + w.Run + ")"
}
