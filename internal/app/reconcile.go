package app

import (
	"context"

	"syncd/internal/money"
	"syncd/internal/report"
	"syncd/internal/sync"
)

// Reconcile compares Microsoft's licences with the bill as both are now, of one
// customer or of all. whole is false where some of it could not be read.
func (w *App) Reconcile(ctx context.Context, customer string, progress Progress) (r *report.Licences, whole bool, err error) {
	b, there := w.biller()
	if !there {
		return nil, false, Usage("%s; there is nothing to compare with", missing[Biller](w.Config.table))
	}
	sel, err := w.Select(ctx, Selector{Customer: customer, Target: b.Targets()[0]})
	if err != nil {
		return nil, false, err
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, false, err
	}
	r = report.NewLicences(rules, money.Policy{Grace: b.Grace(), Now: w.Now().In(w.Location)}, w.Config.Currency)
	sel.Unmapped, sel.Inspect, sel.Progress = true, r.Add, progress.scopes()
	run, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	if err != nil {
		return nil, false, err
	}
	r.Finish()
	return r, !run.Failed(), nil
}
