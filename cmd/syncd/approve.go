package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/state"
)

// A decider is approve or reject as typed.
type decider struct {
	app.Meant
	reason string
	yes    bool
}

func approveCommand(a *cli) *cobra.Command {
	d := decider{Meant: app.Meant{Approve: true}}
	cmd := decisionCommand(a, &d)
	cmd.Use, cmd.Short = "approve (CUSTOMER [TARGET] | --digest DIGEST | --all)", "Let a held plan pass at the next apply"
	cmd.Long = "Let held plans pass at the next apply. An approval is of the plan as it is now: a plan that changes meanwhile is held again.\n" +
		"Where nothing was held yet, the plan is made afresh and shown with its approval. A hold that approval cannot cure says so and stays.\n\n" +
		"--all leaves out what was rejected and every plan that would write over what a person edited at the target: those are approved by name or by digest.\n" +
		"On a terminal it lists the plans with their money and asks first."
	cmd.Flags().BoolVar(&d.yes, "yes", false, "with --all: do not ask")
	return cmd
}

func rejectCommand(a *cli) *cobra.Command {
	var d decider
	cmd := decisionCommand(a, &d)
	cmd.Use, cmd.Short = "reject (CUSTOMER [TARGET] | --digest DIGEST | --all)", "Refuse a held plan until it changes"
	return cmd
}

func decisionCommand(a *cli, d *decider) *cobra.Command {
	cmd := &cobra.Command{Args: func(_ *cobra.Command, args []string) error {
		switch named := len(args) == 1 || len(args) == 2; {
		case d.All && d.Digest == "" && len(args) == 0, !d.All && d.Digest != "" && len(args) == 0, !d.All && d.Digest == "" && named:
			return nil
		}
		return usage("name one plan (CUSTOMER TARGET, or --digest DIGEST), all of a CUSTOMER, or say --all")
	}}
	cmd.Flags().StringVar(&d.Digest, "digest", "", "the plan with this `DIGEST`")
	cmd.Flags().BoolVar(&d.All, "all", false, "every plan that waits")
	cmd.Flags().StringVar(&d.reason, "reason", "", "`TEXT` for the journal")
	completeArgs(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		d.Names = args
		p := a.progress("customers")
		holds, err := w.Meant(ctx, d.Meant, p.at)
		p.end()
		if err != nil {
			return err
		}
		verdicts := []app.Verdict{}
		if d.Approve && d.All {
			holds, verdicts = app.Sweep(holds)
			taken, forOthers, err := w.ForOthers(ctx, a.operator(), holds)
			if err != nil {
				return err
			}
			taken, forOthers = app.WithoutHalves(taken, forOthers)
			if len(taken) == 0 && len(forOthers) > 0 {
				return usage("nothing was approved:\n%s", app.Apart(forOthers))
			}
			holds, verdicts = taken, append(verdicts, forOthers...)
			if allowed, err := d.allowed(ctx, a, holds); err != nil || !allowed {
				return err
			}
		}
		decided, err := w.Decide(ctx, a.operator(), d.Approve, d.reason, holds)
		if err != nil {
			return err
		}
		return a.writeVerdicts(append(decided, verdicts...))
	})
	return cmd
}

// allowed shows what --all would approve and asks, where somebody can answer.
func (d *decider) allowed(ctx context.Context, a *cli, holds []state.Hold) (bool, error) {
	holds = slices.DeleteFunc(slices.Clone(holds), func(h state.Hold) bool { return h.Digest == "" })
	if d.yes || len(holds) == 0 || a.console.Asker == nil {
		return true, nil
	}
	p := a.page(a.console.Err)
	sums, unknown := map[string]decimal.Decimal{}, 0
	for i := range holds {
		s := app.ShownPlan(&holds[i])
		head, money := fmt.Sprintf("%s at %s", clean(holds[i].Name), holds[i].Scope.Target), ""
		if delta, err := decimal.NewFromString(s.MonthlyDelta); err == nil && !delta.IsZero() {
			money = signed(s.MonthlyDelta) + " " + s.Currency + " a month"
			sums[s.Currency] = sums[s.Currency].Add(delta)
		} else if n := s.Unpriced(); n > 0 {
			money = unknownMoney + " a month"
			unknown += n
		}
		p.line("%s%s%s%s%s", head, pad(head, 50), app.Count(len(s.Changes), "change"), pad(app.Count(len(s.Changes), "change"), 14), money)
	}
	question := "Approve " + app.Count(len(holds), "plan")
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		question += ", " + signed(sums[currency].StringFixed(2)) + " " + currency + " a month"
	}
	if unknown > 0 {
		question += ", and " + app.Count(unknown, "change") + " without a known price"
	}
	if p.err != nil {
		return false, p.err
	}
	answer, err := a.console.Ask(ctx, question+"? [y/N] ")
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		a.say("nothing was approved")
		return false, nil
	}
	return true, nil
}

func (a *cli) writeVerdicts(verdicts []app.Verdict) error {
	return a.print(struct {
		Decisions []app.Verdict `json:"decisions"`
	}{app.Listed(verdicts)}, func(out io.Writer) error {
		p := a.page(out)
		for i := range verdicts {
			v := &verdicts[i]
			head := fmt.Sprintf("%s at %s", clean(v.Customer.Name), v.Target)
			p.line("%s%s%s  plan %s", head, pad(head, 50), strings.ReplaceAll(v.Decision, "_", " "), v.Digest)
			if v.Decision == "approved" {
				p.changes(v.Plan.Changes)
				p.monthly(&v.Plan)
				p.credits(v.Credits)
			}
			if v.Message != "" {
				p.line("  ! %s", clean(v.Message))
			}
		}
		if len(verdicts) == 0 {
			p.line("nothing waits for a person that was not approved already")
		}
		return p.err
	})
}
