package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// aboutInvoices are what of a hold is about invoices that were made or deleted meanwhile
// and is settled by its approval, each once.
func aboutInvoices(h *state.Hold) []plan.Key {
	var keys []plan.Key
	for _, v := range h.Violations {
		key := plan.Key{Kind: v.Kind, ID: v.Key}
		// A plan that was held for an invoice that was deleted passes by its own approval.
		if (v.Code == plan.CodeInvoiced || v.Code == plan.CodeReopened && h.Digest == "") && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// settleInvoices settles what a hold says of invoices, for one who approves it, and
// returns how many there are.
func (w *App) settleInvoices(ctx context.Context, by Operator, h *state.Hold, reason string) (int, error) {
	keys := aboutInvoices(h)
	for _, key := range keys {
		word := plan.Settlement{Key: key, How: plan.SettleIgnore, Reason: cmp.Or(reason, "approved")}
		if err := w.settle(ctx, by, h.Scope, h.Name, word); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// unsettled are the scopes of a selection that hold nothing, and of whose invoices a
// person must yet say that it is known.
func (w *App) unsettled(ctx context.Context, sel sync.Selection) ([]state.Hold, error) {
	var out []state.Hold
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if c.Scope.Customer != sel.Customer || sel.Target != "" && c.Scope.Target != sel.Target || len(c.Unsettled) == 0 {
			continue
		}
		h := state.Hold{Scope: c.Scope, Name: c.Name, Job: c.Job, Run: c.Run}
		for _, u := range c.Unsettled {
			h.Violations = append(h.Violations, u.Violation)
		}
		out = append(out, h)
	}
	return out, nil
}
