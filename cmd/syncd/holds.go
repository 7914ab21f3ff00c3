package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
)

func holdsCommand(a *cli) *cobra.Command {
	var customer, target string
	cmd := &cobra.Command{Use: "holds", Short: "Show what waits for a person, with its plan and reasons", Args: cobra.NoArgs}
	onceVar(cmd.Flags(), &customer, "customer", "only this `CUSTOMER`: key, name or domain")
	onceVar(cmd.Flags(), &target, "target", "only this `TARGET`, such as connectwise")
	complete(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		holds, err := w.Holds(ctx, customer, target)
		if err != nil {
			return err
		}
		return a.print(app.HoldList{Holds: holds}, func(out io.Writer) error { return writeHolds(a.page(out), holds, w.Location) })
	})
	return cmd
}

func writeHolds(p *page, holds []state.Hold, zone *time.Location) error {
	p.shared, p.curable = map[string]int{}, map[string]bool{}
	for i := range holds {
		if d := holds[i].Decision; d == nil || !d.Approved {
			p.share(holds[i].Violations)
		}
	}
	for i := range holds {
		h := &holds[i]
		s := app.ShownPlan(h)
		s.Customer.Name, s.Violations, p.stands = h.Name, h.Violations, h.Standing()
		switch d := h.Decision; {
		case d != nil && d.Approved:
			s.Violations = slices.DeleteFunc(slices.Clone(s.Violations), func(v plan.Violation) bool { return v.Key == "" && !v.Note && !v.NeedsRepair })
			p.decided = fmt.Sprintf("approved by %s at %s; passes at the next apply", d.By, d.At.In(zone).Format(time.DateTime))
			if until := plan.PutOff(h.Violations); until != "" {
				p.decided += " after this: put off until " + until
			}
		case d != nil:
			p.decided = fmt.Sprintf("rejected by %s at %s%s; syncd approve takes it back", d.By, d.At.In(zone).Format(time.DateTime), app.Because(d.Reason))
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
