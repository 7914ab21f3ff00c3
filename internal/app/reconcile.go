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
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, false, err
	}
	whole, err = w.inspectBill(ctx, customer, func(policy money.Policy) func(sync.Inspection) {
		r = report.NewLicences(rules, policy, w.Config.Currency)
		return r.Add
	}, progress)
	if err != nil {
		return nil, false, err
	}
	r.Finish()
	return r, whole, nil
}

// RenewalsAsked says which renewals a person asks for.
type RenewalsAsked struct {
	Customer string
	Days     int  // that end within so many days
	All      bool // monthly ones too
}

// Renewals lists the subscriptions whose term ends, as Microsoft and the bill both are
// now. whole is false where some of it could not be read.
func (w *App) Renewals(ctx context.Context, asked RenewalsAsked, progress Progress) (r *report.Renewals, whole bool, err error) {
	if asked.Days < 0 || asked.Days > mostDays {
		return nil, false, Usage("--days %d: write 0 to %d", asked.Days, mostDays)
	}
	claims, _, err := Document[money.Claims](ctx, w.Store, TermsDocument)
	if err != nil {
		return nil, false, err
	}
	inspect := func(policy money.Policy) func(sync.Inspection) {
		r = report.NewRenewals(policy, claims, asked.Days, asked.All, w.Config.Currency)
		return r.Add
	}
	if whole, err = w.inspectBill(ctx, asked.Customer, inspect, progress); err != nil {
		return nil, false, err
	}
	r.Finish()
	return r, whole && len(r.Unread) == 0, nil
}

// mostDays is more than any term lasts.
const mostDays = 1200

// inspectBill looks at what Microsoft says and what is billed, of one customer or of
// all, and writes nothing. whole is false where some of it could not be read.
func (w *App) inspectBill(ctx context.Context, customer string, inspect func(money.Policy) func(sync.Inspection), progress Progress) (whole bool, err error) {
	b, there := w.biller()
	if !there {
		return false, Usage("%s; there is nothing to compare with", missing[Biller](w.Config.table))
	}
	sel, err := w.Select(ctx, Selector{Customer: customer, Target: b.Targets()[0]})
	if err != nil {
		return false, err
	}
	sel.Unmapped, sel.Inspect, sel.Progress = true, inspect(money.Policy{Grace: b.Grace(), Now: w.Now().In(w.Location)}), progress.scopes()
	run, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	if err != nil {
		return false, err
	}
	return !run.Failed(), nil
}
