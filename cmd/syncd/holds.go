package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

func holdsCommand(a *app) *cobra.Command {
	var customer, target string
	cmd := &cobra.Command{Use: "holds", Short: "Show what waits for a person, with its plan and reasons", Args: cobra.NoArgs}
	onceVar(cmd.Flags(), &customer, "customer", "only this `CUSTOMER`: key, name or domain")
	onceVar(cmd.Flags(), &target, "target", "only this `TARGET`, such as connectwise")
	complete(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error {
		holds, err := held(ctx, w.Store)
		if err != nil {
			return err
		}
		if customer != "" {
			c, err := w.customer(ctx, customer)
			if err != nil {
				return err
			}
			holds = slices.DeleteFunc(holds, func(h state.Hold) bool { return h.Scope.Customer != c.Key })
		}
		if target != "" {
			if target, err = w.Config.targetNamed(target); err != nil {
				return err
			}
			holds = slices.DeleteFunc(holds, func(h state.Hold) bool { return h.Scope.Target != target })
		}
		return a.print(struct {
			Holds []state.Hold `json:"holds"`
		}{holds}, func(out io.Writer) error { return writeHolds(a.page(out), holds, w.Location) })
	})
	return cmd
}

// held returns every hold, the most money first.
func held(ctx context.Context, store state.Store) ([]state.Hold, error) {
	holds, money := []state.Hold{}, map[plan.Scope]decimal.Decimal{} // a plan may be long: each is read once, not at every comparison
	for h, err := range store.Holds(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the holds: %w", err)
		}
		delta, _ := decimal.NewFromString(shownPlan(&h).MonthlyDelta) // nothing counts as no money
		holds, money[h.Scope] = append(holds, h), delta.Abs()
	}
	slices.SortStableFunc(holds, func(a, b state.Hold) int {
		return cmp.Or(money[b.Scope].Cmp(money[a.Scope]), strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
	})
	return holds, nil
}

// shownPlan is the plan of a hold as it was shown when it was held.
func shownPlan(h *state.Hold) (s sync.ScopeReport) {
	if err := json.Unmarshal(h.Plan, &s); err != nil {
		s.Changes = nil // it is shown without its changes rather than not at all
	}
	return s
}

func writeHolds(p *page, holds []state.Hold, zone *time.Location) error {
	p.shared = map[string]int{}
	for i := range holds {
		if d := holds[i].Decision; d == nil || !d.Approved {
			p.share(holds[i].Violations)
		}
	}
	for i := range holds {
		h := &holds[i]
		s := shownPlan(h)
		s.Customer.Name, s.Violations, p.stands = h.Name, h.Violations, h.Standing()
		switch d := h.Decision; {
		case d != nil && d.Approved:
			s.Violations = slices.DeleteFunc(slices.Clone(s.Violations), func(v plan.Violation) bool { return v.Key == "" && !v.Note && !v.NeedsRepair })
			p.decided = fmt.Sprintf("approved by %s at %s; passes at the next apply", d.By, d.At.In(zone).Format(time.DateTime))
		case d != nil:
			p.decided = fmt.Sprintf("rejected by %s at %s%s; syncd approve takes it back", d.By, d.At.In(zone).Format(time.DateTime), reason(d.Reason))
		default:
			p.decided = ""
		}
		p.scope(&s)
	}
	p.guards()
	if len(holds) == 0 {
		p.line("nothing waits for a person")
	}
	return p.err
}
