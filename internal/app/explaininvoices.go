package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"syncd/internal/money"
)

// closedInvoices takes over the invoices of a month from its closing: no system is asked.
func (w *App) closedInvoices(ctx context.Context, x *Explanation) error {
	if !slices.ContainsFunc(x.Spans, func(s ExplainedSpan) bool { return s.Agreement != "" }) {
		return nil // nothing was billed
	}
	closed, err := w.closedMonth(ctx, *x.Month)
	if err != nil {
		return err
	}
	if closed == nil {
		x.Uninvoiced = "they are kept once the month is closed; syncd report month --month " + *x.Month + " reads them"
		return nil
	}
	packs, err := closed.months(x.Customer.Key)
	if err != nil {
		return err
	}
	for _, p := range packs.Packs {
		for i := range p.InvoiceCheck {
			c := &p.InvoiceCheck[i]
			if !slices.ContainsFunc(x.Spans, func(s ExplainedSpan) bool { return s.Agreement == c.Agreement }) {
				continue
			}
			if c.Unread != "" {
				x.Uninvoiced = fmt.Sprintf("those of agreement %s were not read: %s", c.Agreement, c.Unread)
			}
			for _, made := range c.Made {
				x.Invoices = append(x.Invoices, ExplainedInvoice{made.Number, made.Date, made.Amount, cmp.Or(made.Currency, c.Currency)})
			}
		}
	}
	return nil
}

// latestInvoices reads the invoices of the agreements that bill the licence now: those of
// this month and the one before.
func (w *App) latestInvoices(ctx context.Context, x *Explanation) {
	biller, ok := Find[Invoicer](w)
	if !ok {
		return
	}
	now := w.Now().In(w.Location)
	since := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, w.Location)
	var asked []string
	for i := range x.Lines {
		b := x.Lines[i].Billing
		if b == nil {
			continue
		}
		agreement := cmp.Or(b.Parent, b.Agreement) // a child is billed on its parent's invoice
		if agreement == "" || slices.Contains(asked, agreement) {
			continue
		}
		asked = append(asked, agreement)
		made, err := biller.Invoices(ctx, agreement, since)
		if err != nil {
			made = money.Invoices{Unknown: w.Config.Redactor().Text(err.Error())}
		}
		switch {
		case made.Unknown != "":
			x.Uninvoiced = made.Unknown
		case len(made.Made) == 0:
			x.Uninvoiced = fmt.Sprintf("agreement %s has none since %s", agreement, since.Format(time.DateOnly))
		}
		for _, i := range made.Made {
			one := ExplainedInvoice{Number: i.Number, Date: i.Date.Format(time.DateOnly), Currency: cmp.Or(i.Currency, b.Currency)}
			if i.Amount != nil {
				one.Amount = new(i.Amount.StringFixed(2))
			}
			x.Invoices = append(x.Invoices, one)
		}
	}
}
