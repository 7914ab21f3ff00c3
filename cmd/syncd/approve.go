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

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

// A decider is approve or reject: it finds the holds that are meant and stores
// a person's word on each.
type decider struct {
	approve        bool
	digest, reason string
	all, yes       bool
}

func approveCommand(a *app) *cobra.Command {
	d := decider{approve: true}
	cmd := decisionCommand(a, &d)
	cmd.Use, cmd.Short = "approve (CUSTOMER [TARGET] | --digest DIGEST | --all)", "Let a held plan pass at the next apply"
	cmd.Long = "Let held plans pass at the next apply. An approval is of the plan as it is now: a plan that changes meanwhile is held again.\n" +
		"Where nothing was held yet, the plan is made afresh and shown with its approval. A hold that approval cannot cure says so and stays.\n\n" +
		"--all leaves out what was rejected and every plan that would write over what a person edited at the target: those are approved by name or by digest.\n" +
		"On a terminal it lists the plans with their money and asks first."
	cmd.Flags().BoolVar(&d.yes, "yes", false, "with --all: do not ask")
	return cmd
}

func rejectCommand(a *app) *cobra.Command {
	var d decider
	cmd := decisionCommand(a, &d)
	cmd.Use, cmd.Short = "reject (CUSTOMER [TARGET] | --digest DIGEST | --all)", "Refuse a held plan until it changes"
	return cmd
}

func decisionCommand(a *app, d *decider) *cobra.Command {
	cmd := &cobra.Command{Args: func(_ *cobra.Command, args []string) error {
		switch named := len(args) == 1 || len(args) == 2; {
		case d.all && d.digest == "" && len(args) == 0, !d.all && d.digest != "" && len(args) == 0, !d.all && d.digest == "" && named:
			return nil
		}
		return usage("name one plan (CUSTOMER TARGET, or --digest DIGEST), all of a CUSTOMER, or say --all")
	}}
	cmd.Flags().StringVar(&d.digest, "digest", "", "the plan with this `DIGEST`")
	cmd.Flags().BoolVar(&d.all, "all", false, "every plan that waits")
	cmd.Flags().StringVar(&d.reason, "reason", "", "`TEXT` for the journal")
	completeArgs(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		holds, err := d.meant(ctx, a, w, args)
		if err != nil {
			return err
		}
		verdicts := []verdict{}
		if d.approve && d.all {
			holds, verdicts = sweep(holds)
			if allowed, err := d.allowed(ctx, a, holds); err != nil || !allowed {
				return err
			}
		}
		decided, err := d.decide(ctx, a, w, holds)
		if err != nil {
			return err
		}
		return a.writeVerdicts(append(decided, verdicts...))
	})
	return cmd
}

// meant returns the holds that were named. An approval of a plan that was only
// shown, never held, makes the plan again and holds it first.
func (d *decider) meant(ctx context.Context, a *app, w *World, args []string) ([]state.Hold, error) {
	sel := sync.Selection{Jobs: w.Jobs, Trigger: "command"}
	if len(args) > 0 {
		c, err := w.customer(ctx, args[0])
		if err != nil {
			return nil, err
		}
		sel.Customer = c.Key
	}
	if len(args) > 1 {
		target, err := w.Config.targetNamed(args[1])
		if err != nil {
			return nil, err
		}
		sel.Target = target
	}
	find := func() ([]state.Hold, error) {
		holds, err := held(ctx, w.Store)
		return slices.DeleteFunc(holds, func(h state.Hold) bool {
			switch {
			case d.all:
				return d.approve && h.Decision != nil && h.Decision.Approved
			case d.digest != "":
				return h.Digest != d.digest
			}
			return h.Scope.Customer != sel.Customer || sel.Target != "" && h.Scope.Target != sel.Target
		}), err
	}
	found, err := find()
	if err != nil || len(found) > 0 {
		return found, err
	}
	if d.approve {
		p := a.progress("customers")
		sel.Progress = func(done, total int, s *sync.ScopeReport) { p.at(done, total, s.Customer.Name) }
		_, err := w.Engine.Run(ctx, sel, sync.HoldOnly)
		p.end()
		if err != nil {
			return nil, err
		}
		if found, err = find(); err != nil || len(found) > 0 {
			return found, err
		}
	}
	switch {
	case d.digest != "":
		return nil, usage("no plan that waits has digest %s; it may have changed: see syncd holds", d.digest)
	case d.all:
		return nil, nil
	}
	return nil, usage("nothing waits for %s; see syncd holds", strings.Join(args, " at "))
}

// sweep parts what --all approves from what somebody must name: a word of a
// person stands against it, or a person's own edit at the target.
func sweep(holds []state.Hold) (taken []state.Hold, out []verdict) {
	for _, h := range holds {
		v := verdictOn(&h, "left_out")
		switch edits := edited(&h); {
		case h.Digest == "": // there is nothing to approve, and that is said
			taken = append(taken, h)
		case h.Decision != nil && !h.Decision.Approved:
			v.Message = fmt.Sprintf("%s rejected it%s; syncd approve --digest %s takes it back", h.Decision.By, reason(h.Decision.Reason), h.Digest)
			out = append(out, v)
		case edits != "":
			v.Message = fmt.Sprintf("it would write over a person's edit: %s; syncd approve --digest %s allows it", edits, h.Digest)
			out = append(out, v)
		default:
			taken = append(taken, h)
		}
	}
	return taken, out
}

// edited says what of a hold would write over what a person did at the target.
func edited(h *state.Hold) string {
	var of []string
	for _, v := range h.Violations {
		if v.OverEdit() {
			text, _, _ := strings.Cut(v.Message, "; approve ")
			of = append(of, text)
		}
	}
	return strings.Join(of, "; ")
}

// allowed shows what --all would approve and asks, where somebody can answer.
func (d *decider) allowed(ctx context.Context, a *app, holds []state.Hold) (bool, error) {
	holds = slices.DeleteFunc(slices.Clone(holds), func(h state.Hold) bool { return h.Digest == "" })
	if d.yes || len(holds) == 0 || a.console.Asker == nil {
		return true, nil
	}
	p := a.page(a.console.Err)
	sums := map[string]decimal.Decimal{}
	for i := range holds {
		s := shownPlan(&holds[i])
		head, money := fmt.Sprintf("%s at %s", clean(holds[i].Name), holds[i].Scope.Target), ""
		if delta, err := decimal.NewFromString(s.MonthlyDelta); err == nil && !delta.IsZero() {
			money = signed(s.MonthlyDelta) + " " + s.Currency + " a month"
			sums[s.Currency] = sums[s.Currency].Add(delta)
		}
		p.line("%s%s%s%s%s", head, pad(head, 50), count(len(s.Changes), "change"), pad(count(len(s.Changes), "change"), 14), money)
	}
	question := "Approve " + count(len(holds), "plan")
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		question += ", " + signed(sums[currency].StringFixed(2)) + " " + currency + " a month"
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

// verdict is one line of what approve and reject did.
type verdict struct {
	Customer sync.CustomerRef `json:"customer"`
	Target   string           `json:"target"`
	Digest   string           `json:"digest"`
	Decision string           `json:"decision"` // approved, rejected, stays or left_out
	Message  string           `json:"message"`

	plan sync.ScopeReport // as it was approved
}

func verdictOn(h *state.Hold, decision string) verdict {
	return verdict{Customer: sync.CustomerRef{Key: h.Scope.Customer, Name: h.Name}, Target: h.Scope.Target, Digest: h.Digest, Decision: decision}
}

func (d *decider) decide(ctx context.Context, a *app, w *World, holds []state.Hold) ([]verdict, error) {
	var verdicts []verdict
	for i := range holds {
		h := &holds[i]
		v := verdictOn(h, "rejected")
		if d.approve {
			v.Decision, v.plan = "approved", shownPlan(h)
		}
		switch stays := repairs(h.Violations); {
		case h.Digest == "" && stays == "":
			v.Decision, v.Message = "stays", "there is no change to decide on"
		case d.approve && h.Digest == "":
			v.Decision, v.Message = "stays", "approval does not cure it: "+stays
		default:
			err := w.Store.Decide(ctx, h.Scope, h.Digest, state.Decision{Approved: d.approve, By: a.console.User, At: w.Now().UTC(), Reason: d.reason})
			if err != nil {
				return nil, fmt.Errorf("%s at %s: %w; see syncd holds", h.Name, h.Scope.Target, err)
			}
			if stays != "" && d.approve {
				v.Message = "approved, but this stays until it is repaired: " + stays
			}
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}

func (a *app) writeVerdicts(verdicts []verdict) error {
	return a.print(struct {
		Decisions []verdict `json:"decisions"`
	}{listed(verdicts)}, func(out io.Writer) error {
		p := a.page(out)
		for i := range verdicts {
			v := &verdicts[i]
			head := fmt.Sprintf("%s at %s", clean(v.Customer.Name), v.Target)
			p.line("%s%s%s  plan %s", head, pad(head, 50), strings.ReplaceAll(v.Decision, "_", " "), v.Digest)
			if v.Decision == "approved" {
				p.changes(v.plan.Changes)
				p.monthly(&v.plan)
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

// repairs says what no approval cures.
func repairs(vs []plan.Violation) string {
	text := ""
	for _, v := range vs {
		if v.NeedsRepair && !v.Note {
			if text != "" {
				text += "; "
			}
			text += v.Message
		}
	}
	return text
}
