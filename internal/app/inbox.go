package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// DecideTogether stores a person's word on the plans with these digests. Approved together
// are only plans that --all would take; the others, and what does not wait any more, are
// left out and say why.
func (w *App) DecideTogether(ctx context.Context, by Operator, approve bool, reason string, digests []string) (decided []Verdict, leftOut []Verdict, err error) {
	var holds []state.Hold
	there := map[string]bool{}
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return nil, nil, fmt.Errorf("reading the holds: %w", err)
		}
		if h.Digest == "" || !slices.Contains(digests, h.Digest) {
			continue
		}
		there[h.Digest] = true
		if d := h.Decision; d != nil && d.Approved == approve {
			decided = append(decided, decidedAlready(&h, *d))
			continue
		}
		holds = append(holds, h)
	}
	for _, digest := range digests {
		if there[digest] {
			continue
		}
		v, err := w.decideOnFormer(ctx, digest, approve)
		if gone := (*PlanGoneError)(nil); errors.As(err, &gone) {
			leftOut = append(leftOut, Verdict{Digest: digest, Decision: "left_out", Message: gone.Error()})
			continue
		} else if err != nil {
			return nil, nil, err
		}
		decided = append(decided, v)
	}
	if approve {
		taken, out := Sweep(holds)
		taken, forOthers, err := w.ForOthers(ctx, by, taken)
		if err != nil {
			return nil, nil, err
		}
		holds, leftOut = taken, append(append(leftOut, out...), forOthers...)
	}
	undecided := Seen(nil) // no list of many shows what is decided already
	for i := range holds { // one by one: what moves meanwhile stops none of the others
		v, err := w.DecideOn(ctx, by, holds[i].Digest, approve, reason, &undecided)
		if errors.As(err, new(*PlanGoneError)) || errors.As(err, new(*MovedError)) {
			leftOut = append(leftOut, Verdict{Customer: sync.CustomerRef{Key: holds[i].Scope.Customer, Name: holds[i].Name}, Target: holds[i].Scope.Target,
				Digest: holds[i].Digest, Decision: "left_out", Message: err.Error()})
			continue
		} else if err != nil {
			return decided, leftOut, err
		}
		decided = append(decided, v)
	}
	return decided, leftOut, nil
}

// heldChange finds the change of an object in the plan with a digest.
func (w *App) heldChange(ctx context.Context, digest string, key plan.Key) (*state.Hold, *plan.Change, error) {
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return nil, nil, fmt.Errorf("reading the holds: %w", err)
		}
		if h.Digest != digest || digest == "" {
			continue
		}
		shown := ShownPlan(&h)
		if i := slices.IndexFunc(shown.Changes, func(c plan.Change) bool { return c.Key == key }); i >= 0 {
			return &h, &shown.Changes[i], nil
		}
		return nil, nil, Usage("the plan %s has no change of %s", digest, key)
	}
	_, err := w.decideOnFormer(ctx, digest, false)
	return nil, nil, err
}

// KeepUntil keeps what a person set at the target on a line that a plan would write over: an
// override with an end.
func (w *App) KeepUntil(ctx context.Context, by Operator, digest string, key plan.Key, until, reason string) ([]mapping.Edit, error) {
	h, change, err := w.heldChange(ctx, digest, key)
	if err != nil {
		return nil, err
	}
	there := decimal.NullDecimal{}
	for _, f := range change.Fields {
		if f.Name == plan.FieldQuantity {
			d, err := decimal.NewFromString(f.Before.String())
			there = decimal.NullDecimal{Decimal: d, Valid: err == nil && d.IsInteger() && !d.IsNegative()}
		}
	}
	if !there.Valid {
		return nil, Usage("%s has no whole quantity there that could be kept", change.Label)
	}
	all, err := w.recordedProducts(ctx, mapping.Customer{Key: h.Scope.Customer, Name: h.Name}, h.Scope.Target)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all.products, func(p billedProduct) bool { return p.key == key })
	if i < 0 {
		return nil, Usage("no product rule bills %s, so no override could keep it", change.Label)
	}
	quantity := int(there.Decimal.IntPart())
	return w.SetOverride(ctx, by, OverrideWord{Customer: h.Scope.Customer, Product: all.products[i].rules, Quantity: &quantity, Until: until, Reason: reason})
}

// LeaveAlone has syncd leave an object alone that a plan would write over. Said again it
// changes nothing.
func (w *App) LeaveAlone(ctx context.Context, by Operator, digest string, key plan.Key, reason string) (state.Hold, error) {
	if strings.TrimSpace(reason) == "" {
		return state.Hold{}, Usage("say why it is left alone: somebody will ask")
	}
	h, _, err := w.heldChange(ctx, digest, key)
	if err != nil {
		return state.Hold{}, err
	}
	w.settling.Lock()
	defer w.settling.Unlock()
	m, err := w.Store.Recall(ctx, h.Scope)
	if err != nil {
		return state.Hold{}, err
	}
	if i := slices.IndexFunc(m.Settlements, func(s state.Settlement) bool { return s.Key == key }); i >= 0 && m.Settlements[i].How == plan.SettleIgnore {
		return *h, nil
	}
	return *h, w.settle(ctx, by, h.Scope, h.Name, plan.Settlement{Key: key, How: plan.SettleIgnore, Reason: reason})
}
