package app

import (
	"context"
	"fmt"
	"time"

	"syncd/internal/report"
	"syncd/internal/state"
)

// Leakage is the money lost in some months: those that are over from the ledger, as they
// ended, and the one that lasts as Microsoft and the bill are now. Without months it is
// the one that lasts. whole is false where some of it could not be read.
func (w *App) Leakage(ctx context.Context, from, to, customer string, progress Progress) (r *report.Leakage, whole bool, err error) {
	now := w.Now().In(w.Location).Format("2006-01")
	switch {
	case from == "" && to == "":
		from, to = now, now
	case from == "":
		from = to
	case to == "":
		to = now
	}
	for flag, month := range map[string]string{"--from": from, "--to": to} {
		begins, _, err := monthOf(month, w.Location)
		if err != nil {
			return nil, false, Usage("%s %q is not a month; write it as 2026-11", flag, month)
		}
		if begins.After(w.Now()) {
			return nil, false, Usage("%s %s is still to come", flag, month)
		}
	}
	if from > to {
		return nil, false, Usage("--from %s is after --to %s", from, to)
	}
	only := ""
	if customer != "" && from < now {
		c, err := w.known(ctx, customer)
		if err != nil {
			return nil, false, err
		}
		only = c.Key
	}
	r, whole = report.NewLeakage(from, to), true
	names, err := w.billedCustomers(ctx)
	if err != nil {
		return nil, false, err
	}
	for month := from; month <= to && month < now; {
		ends, err := w.leaksOf(ctx, r, month, only, names)
		if err != nil {
			return nil, false, err
		}
		month = ends.Format("2006-01")
	}
	if to == now {
		var bill *report.Licences
		if bill, whole, err = w.Reconcile(ctx, customer, progress); err != nil {
			return nil, false, err
		}
		r.AddNow(now, bill)
	}
	r.Finish()
	return r, whole, nil
}

// leaksOf adds what a month ended with, or comes to so far, from the ledger alone, and
// returns when the month ends.
func (w *App) leaksOf(ctx context.Context, r *report.Leakage, month, only string, names map[string]string) (ends time.Time, err error) {
	begins, ends, err := monthOf(month, w.Location)
	if err != nil {
		return ends, err
	}
	recorded := false
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{Customer: only, From: begins, To: ends}) {
		if err != nil {
			return ends, fmt.Errorf("reading the ledger: %w", err)
		}
		recorded = true
		if !s.To.IsZero() && s.To.Before(ends) {
			continue // it did not last to the end
		}
		name := names[s.Scope.Customer]
		if name == "" {
			name = s.Scope.Customer
		}
		r.AddSpan(month, name, &s)
	}
	if !recorded {
		r.Unrecorded = append(r.Unrecorded, month)
	}
	return ends, nil
}
