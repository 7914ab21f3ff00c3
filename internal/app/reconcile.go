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
	if w.ConnectWise == nil {
		return nil, false, Usage("connectwise is not configured; there is nothing to compare with")
	}
	sel, err := w.Select(ctx, Selector{Customer: customer, Target: "connectwise"})
	if err != nil {
		return nil, false, err
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, false, err
	}
	r = report.NewLicences(rules, money.Policy{Grace: w.Config.ConnectWise.Grace, Now: w.Now().In(w.Location)}, w.Config.Currency)
	sel.Unmapped, sel.Inspect, sel.Progress = true, r.Add, progress.scopes()
	run, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	if err != nil {
		return nil, false, err
	}
	r.Finish()
	return r, !run.Failed(), nil
}
