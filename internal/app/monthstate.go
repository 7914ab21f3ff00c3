package app

import (
	"context"
	"slices"
	"time"

	"syncd/internal/report"
	"syncd/internal/state"
)

// A MonthState is a month as the state knows it: nobody is asked for anything. Invoices
// are in it only where the month is closed.
type MonthState struct {
	Month     string // such as 2026-11
	From, To  time.Time
	AsOf      time.Time
	Closed    *state.Closing // nil while it is open
	All       *report.Month  // the totals of all, and of each customer
	Obstacles []Obstacle     // between here and a closed month, but that it is not over
	Leaks     []report.Leak  // what it lost
	Former    []MonthLeaks   // of the months before it and its own, oldest first
}

// MonthLeaks is what a month lost, by kind and currency; nothing is known of one that is
// not recorded.
type MonthLeaks struct {
	Month    string
	Recorded bool
	Unbilled Sums
	Over     Sums
}

// MonthState reads a month from the state.
func (w *App) MonthState(ctx context.Context, month string) (*MonthState, error) {
	from, to, err := w.pastMonth(month)
	if err != nil {
		return nil, err
	}
	s := &MonthState{Month: month, From: from, To: to, AsOf: w.Now()}
	closed, _, err := state.Closed(ctx, w.Store)
	if err != nil {
		return nil, err
	}
	for i := range closed {
		if closed[i].Month == month {
			s.Closed = &closed[i]
		}
	}
	if s.Closed != nil {
		frozen, err := w.closedMonth(ctx, month)
		if err != nil {
			return nil, err
		}
		if s.All, err = report.ParseMonth([]byte(frozen.MSP)); err != nil {
			return nil, err
		}
	} else {
		packs, err := w.makeMonth(ctx, monthAsked{month: month, from: from, to: to, asOf: s.AsOf, offline: true})
		if err != nil {
			return nil, err
		}
		s.All = packs.MSP
		ended := to
		if s.AsOf.Before(to) {
			ended = time.Time{} // whoever was looked at was looked at late enough so far
		}
		if s.Obstacles, err = w.obstacles(ctx, ended, packs); err != nil {
			return nil, err
		}
	}
	leaks, err := w.RecordedLeaks(ctx, month)
	if err != nil {
		return nil, err
	}
	s.Former = FormerLeaks(leaks)
	s.Leaks = slices.DeleteFunc(leaks.Lines, func(l report.Leak) bool { return l.Month != month })
	return s, nil
}

// FormerLeaks adds up what each month of a report lost, oldest first.
func FormerLeaks(r *report.Leakage) []MonthLeaks {
	var months []MonthLeaks
	for month := r.From; month <= r.To; month = monthAfter(month) {
		sum := MonthLeaks{Month: month, Recorded: !slices.Contains(r.Unrecorded, month)}
		for i := range r.Lines {
			switch l := &r.Lines[i]; {
			case l.Month != month || l.Money == nil:
			case l.Kind == "unbilled" || l.Kind == "under_billed":
				sum.Unbilled.Add(l.Currency, *l.Money)
			case l.Kind == "over_billed":
				sum.Over.Add(l.Currency, *l.Money)
			}
		}
		months = append(months, sum)
	}
	return months
}

// OpenMonth is the month that waits to be closed: the one before this, unless it is closed
// or nothing of it is recorded.
func (w *App) OpenMonth(ctx context.Context) (string, error) {
	now := w.Now().In(w.Location)
	begins := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, w.Location)
	before := begins.AddDate(0, -1, 0)
	closed, _, err := state.Closed(ctx, w.Store)
	if err != nil {
		return "", err
	}
	for _, c := range closed {
		if c.Month == before.Format("2006-01") {
			return begins.Format("2006-01"), nil
		}
	}
	for _, err := range w.Store.Spans(ctx, state.SpanFilter{From: before, To: begins}) {
		return before.Format("2006-01"), err
	}
	return begins.Format("2006-01"), nil
}
