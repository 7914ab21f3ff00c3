package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/app"
	"syncd/internal/plan"
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
		p.line("%s:", objectText(s))
	}
}

// objectText is what is billed, and what it is counted of.
func objectText(s *app.ExplainedSpan) string {
	var of []string
	for i := range s.Rules {
		if text := ruledText(&s.Rules[i]); !slices.Contains(of, text) {
			of = append(of, text)
		}
	}
	text := "Product " + clean(cmp.Or(s.Product, s.Label, s.Key.ID))
	if len(of) > 0 {
		text += ", counted of " + strings.Join(of, " and ")
	}
	return text
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
		writeOverride(p, s)
		writeNames(p, s)
	}
	if x.RecordedFrom != nil {
		p.line("  recorded since %s; --month shows any month since", x.RecordedFrom.In(zone).Format(time.DateOnly))
	}
	x.writeIgnored(p, zone)
}

// priceText is a price that the ledger has, as people read it.
func priceText(price string) string {
	d, err := decimal.NewFromString(price)
	if err != nil {
		return price
	}
	return plan.Price(&d)
}

// numbers are what was bought, due and billed.
func numbers(s *app.ExplainedSpan) string {
	unknown := func(n string) string { return cmp.Or(n, "unknown") }
	return fmt.Sprintf("purchased %s, assigned %s, due %s, billed %s", unknown(s.Purchased), unknown(s.Assigned), unknown(s.Due), unknown(s.Billed))
}

// writeSpan says what held for some days of the month.
func (x *explanation) writeSpan(p *page, s *app.ExplainedSpan, zone *time.Location) {
	p.line("%s: %s", x.days(s, zone), numbers(s))
	if !s.Known {
		p.line("  not proven: %s", clean(s.Why))
	}
	if s.Agreement != "" {
		text := fmt.Sprintf("  product %s on agreement %s", clean(s.Product), s.Agreement)
		if s.AgreementName != "" {
			text = fmt.Sprintf("  product %s on %s (agreement %s)", clean(s.Product), clean(s.AgreementName), s.Agreement)
		}
		if s.Ref != "" {
			text += ", line " + s.Ref
		}
		if s.Price != "" {
			text += fmt.Sprintf(", unit price %s %s%s", priceText(s.Price), s.Currency, plan.Cycle(s.Cycle).Per())
		}
		if s.LessIncluded != "" && s.LessIncluded != "0" {
			text += fmt.Sprintf(", %s included free of charge", s.LessIncluded)
		}
		if s.NextInvoice != "" {
			text += ", next invoice date " + s.NextInvoice
		}
		p.line("%s", text)
	}
	for i := range s.Rules {
		p.line("  the rule then: %s", ruleText(&s.Rules[i]))
	}
	writeOverride(p, s)
	for i := range s.Subscriptions {
		u := &s.Subscriptions[i]
		text := fmt.Sprintf("  subscription %s: %s, %s", clean(cmp.Or(u.CommerceID, u.ID)), u.Units, strings.ReplaceAll(u.State, "_", " "))
		if !u.Until.IsZero() {
			text += " until " + u.Until.In(zone).Format(time.DateOnly)
		}
		p.line("%s", text)
	}
	writeNames(p, s)
}

func writeOverride(p *page, s *app.ExplainedSpan) {
	if o := s.Override; o != nil {
		p.line("  override: %s by %s until %s%s", overrideThen(o), clean(o.By), o.Until.Format(time.DateOnly), app.Because(o.Reason))
	}
}

// writeNames says of whom a count is made.
func writeNames(p *page, s *app.ExplainedSpan) {
	switch {
	case s.NamesUnknown:
		p.line("  who they were was not proven")
	case len(s.Names) > 0:
		p.line("  counted: %s", clean(strings.Join(s.Names, ", ")))
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

func overrideThen(o *state.SpanOverride) string {
	switch {
	case o.Minimum != "":
		return "at least " + o.Minimum
	case o.Maximum != "":
		return "at most " + o.Maximum
	}
	return o.Quantity
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
