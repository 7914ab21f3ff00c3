package app

import (
	"context"
	"time"

	"syncd/internal/money"
	"syncd/internal/report"
	"syncd/internal/sync"
)

// A BillReading is a reading of what is bought and billed, from CIPP and the bill as they
// are, that somebody asked the daemon for.
type BillReading struct {
	By          string
	Began       time.Time
	Ended       time.Time // zero while it is under way
	Done, Total int       // customers
	Whole       bool      // whether all of it could be read
	Err         error     // why there is nothing
	Licences    *report.Licences
	Renewals    *report.Renewals
}

// readBill reads what is bought and billed once for both reports.
func (w *App) readBill(ctx context.Context, progress Progress) (licences *report.Licences, renewals *report.Renewals, whole bool, err error) {
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	claims, _, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return nil, nil, false, err
	}
	whole, err = w.inspectBill(ctx, "", func(policy money.Policy) func(sync.Inspection) {
		licences, renewals = report.NewLicences(rules, policy, w.Config.Currency), report.NewRenewals(policy, claims, renewalDays, false, w.Config.Currency)
		return func(e sync.Inspection) { licences.Add(e); renewals.Add(e) }
	}, progress)
	if err != nil {
		return nil, nil, false, err
	}
	licences.Finish()
	renewals.Finish()
	return licences, renewals, whole && len(renewals.Unread) == 0, nil
}

// ReadBill starts a reading and returns at once. There is one at a time, and the daemon's
// end stops it.
func (r *Running) ReadBill(by Operator) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reading != nil && r.reading.Ended.IsZero() {
		return Usage("everything is being read already, since %s; look again in a moment", r.reading.Began.In(r.Location).Format("15:04"))
	}
	if err := r.ctx.Err(); err != nil {
		return Usage("the daemon is about to stop; try again once it is up")
	}
	former, reading := r.reading, &BillReading{By: by.Name, Began: r.Now()}
	r.reading = reading
	r.Log.Info().Str("by", by.Name).Str("identified", by.Identified).Msg("reading of the bill asked for on the pages")
	r.applied.Go(func() {
		licences, renewals, whole, err := r.readBill(r.ctx, func(done, total int, _ string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			reading.Done, reading.Total = done, total
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		reading.Ended, reading.Whole, reading.Err, reading.Licences, reading.Renewals = r.Now(), whole, err, licences, renewals
		if err != nil {
			r.Log.Warn().Err(err).Msg("reading of the bill failed")
			if former != nil { // the last one that came to something is kept
				reading.Licences, reading.Renewals = former.Licences, former.Renewals
			}
		}
	})
	return nil
}

// Reading is the last reading that somebody asked for; nil where nobody did. While one is
// under way it has the numbers of none.
func (r *Running) Reading() *BillReading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reading == nil {
		return nil
	}
	return new(*r.reading)
}
