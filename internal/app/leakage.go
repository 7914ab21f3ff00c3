package app

import (
	"cmp"
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
	var over []string
	for month := from; month <= to && month < now; month = monthAfter(month) {
		over = append(over, month)
	}
	if err := w.addLeaks(ctx, r, over, only, names); err != nil {
		return nil, false, err
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

// addLeaks adds what months that follow each other ended with, or come to so far, from the
// ledger alone.
func (w *App) addLeaks(ctx context.Context, r *report.Leakage, months []string, only string, names map[string]string) error {
	if len(months) == 0 {
		return nil
	}
	begins, ends := make([]time.Time, len(months)), make([]time.Time, len(months))
	for i, month := range months {
		var err error
		if begins[i], ends[i], err = monthOf(month, w.Location); err != nil {
			return err
		}
	}
	recorded := make([]bool, len(months))
	for s, err := range w.Store.Spans(ctx, state.SpanFilter{Customer: only, From: begins[0], To: ends[len(ends)-1]}) {
		if err != nil {
			return fmt.Errorf("reading the ledger: %w", err)
		}
		var lasted []string // to their end
		for i, month := range months {
			if !s.Within(begins[i], ends[i]) {
				continue
			}
			if recorded[i] = true; s.To.IsZero() || !s.To.Before(ends[i]) {
				lasted = append(lasted, month)
			}
		}
		r.AddSpan(cmp.Or(names[s.Scope.Customer], s.Scope.Customer), &s, lasted...)
	}
	for i, month := range months {
		if !recorded[i] {
			r.Unrecorded = append(r.Unrecorded, month)
		}
	}
	return nil
}

// monthAfter is the month after one that is right.
func monthAfter(month string) string {
	begins, _ := time.Parse("2006-01", month)
	return begins.AddDate(0, 1, 0).Format("2006-01")
}

// leaksShown is how many months of leaks pages look back on, the last one among them.
const leaksShown = 12

// RecordedLeaks is what a month and those before it ended with, or come to so far, from the
// ledger alone: licences without a rule, and what is billed for less than it costs, are not
// in it.
func (w *App) RecordedLeaks(ctx context.Context, last string) (*report.Leakage, error) {
	begins, _, err := monthOf(last, w.Location)
	if err != nil {
		return nil, err
	}
	names, err := w.billedCustomers(ctx)
	if err != nil {
		return nil, err
	}
	months := make([]string, leaksShown)
	for i := range months {
		months[i] = begins.AddDate(0, i+1-leaksShown, 0).Format("2006-01")
	}
	r := report.NewLeakage(months[0], last)
	if err := w.addLeaks(ctx, r, months, "", names); err != nil {
		return nil, err
	}
	r.Finish()
	return r, nil
}
