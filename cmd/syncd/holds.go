package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync"
)

func holdsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "holds", Short: "Show what waits for a person, with its plan and reasons", Args: cobra.NoArgs}
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error {
		holds, err := held(ctx, w.Store)
		if err != nil {
			return err
		}
		return a.print(struct {
			Holds []state.Hold `json:"holds"`
		}{holds}, func(out io.Writer) error { return writeHolds(a.page(out), holds, w.Location) })
	})
	return cmd
}

// held returns every hold.
func held(ctx context.Context, store state.Store) ([]state.Hold, error) {
	holds := []state.Hold{}
	for h, err := range store.Holds(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the holds: %w", err)
		}
		holds = append(holds, h)
	}
	return holds, nil
}

func writeHolds(p *page, holds []state.Hold, zone *time.Location) error {
	for i := range holds {
		h := &holds[i]
		var s sync.ScopeReport
		if err := json.Unmarshal(h.Plan, &s); err != nil {
			return err
		}
		s.Customer.Name, s.Violations = h.Name, h.Violations
		switch d := h.Decision; {
		case d != nil && d.Approved:
			p.decided = fmt.Sprintf("approved by %s at %s; passes at the next apply", d.By, d.At.In(zone).Format(time.DateTime))
		case d != nil:
			p.decided = fmt.Sprintf("rejected by %s at %s%s; syncd approve takes it back", d.By, d.At.In(zone).Format(time.DateTime), reason(d.Reason))
		default:
			p.decided = ""
		}
		p.scope(&s)
	}
	if len(holds) == 0 {
		p.line("nothing waits for a person")
	}
	return p.err
}

// A decider is approve or reject: it finds the holds that are meant and stores
// a person's word on each.
type decider struct {
	digest, reason string
	all            bool
}

func approveCommand(a *app) *cobra.Command {
	var d decider
	cmd := decisionCommand(a, &d, true)
	cmd.Use, cmd.Short = "approve (CUSTOMER TARGET | --digest DIGEST | --all)", "Let a held plan pass at the next apply"
	cmd.Long = "Let held plans pass at the next apply. An approval is of the plan as it is now: a plan that changes meanwhile is held again.\nWhere nothing was held yet, the plan is made afresh and shown with its approval. A hold that approval cannot cure says so and stays."
	return cmd
}

func rejectCommand(a *app) *cobra.Command {
	var d decider
	cmd := decisionCommand(a, &d, false)
	cmd.Use, cmd.Short = "reject (CUSTOMER TARGET | --digest DIGEST | --all)", "Refuse a held plan until it changes"
	return cmd
}

func decisionCommand(a *app, d *decider, approve bool) *cobra.Command {
	cmd := &cobra.Command{Args: func(_ *cobra.Command, args []string) error {
		switch {
		case d.all && d.digest == "" && len(args) == 0, !d.all && d.digest != "" && len(args) == 0, !d.all && d.digest == "" && len(args) == 2:
			return nil
		}
		return usage("name one plan (CUSTOMER TARGET, or --digest DIGEST) or say --all")
	}}
	cmd.Flags().StringVar(&d.digest, "digest", "", "the plan with this `DIGEST`")
	cmd.Flags().BoolVar(&d.all, "all", false, "every plan that waits")
	cmd.Flags().StringVar(&d.reason, "reason", "", "`TEXT` for the journal")
	completeArgs(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		holds, err := d.meant(ctx, a, w, args, approve)
		if err != nil {
			return err
		}
		return d.decide(ctx, a, w, holds, approve)
	})
	return cmd
}

// meant returns the holds that were named. An approval of a plan that was only
// shown, never held, makes the plan again and holds it first.
func (d *decider) meant(ctx context.Context, a *app, w *World, args []string, approve bool) ([]state.Hold, error) {
	sel := sync.Selection{Jobs: w.Jobs, Trigger: "command"}
	if len(args) == 2 {
		c, err := w.customer(ctx, args[0])
		if err != nil {
			return nil, err
		}
		if sel.Target, err = w.Config.targetNamed(args[1]); err != nil {
			return nil, err
		}
		sel.Customer = c.Key
	}
	is := func(h *state.Hold) bool {
		// What somebody refused waits for its plan to change, not for the next sweep.
		if d.all && approve && h.Decision != nil && !h.Decision.Approved {
			return false
		}
		return d.all || d.digest != "" && h.Digest == d.digest || sel.Customer != "" && h.Scope == plan.Scope{Customer: sel.Customer, Target: sel.Target}
	}
	find := func() ([]state.Hold, error) {
		holds, err := held(ctx, w.Store)
		var found []state.Hold
		for i := range holds {
			if is(&holds[i]) {
				found = append(found, holds[i])
			}
		}
		return found, err
	}
	found, err := find()
	if err != nil || len(found) > 0 {
		return found, err
	}
	if approve {
		if err := w.hold(ctx, a, sel); err != nil {
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
		a.say("nothing waits for a person; what was rejected is approved by name or by digest only")
		return nil, nil
	}
	return nil, usage("nothing waits for %s at %s; see syncd holds", args[0], args[1])
}

// hold makes the plans afresh and stores those that wait, as apply would,
// writing nothing at any target.
func (w *World) hold(ctx context.Context, a *app, sel sync.Selection) error {
	p := a.progress("customers")
	sel.Progress = func(done, total int, s *sync.ScopeReport) { p.at(done, total, s.Customer.Name) }
	report, err := w.Engine.Run(ctx, sel, sync.PlanOnly)
	p.end()
	if err != nil {
		return err
	}
	for i := range report.Scopes {
		s := &report.Scopes[i]
		if s.Outcome != sync.Held || s.Digest == "" {
			continue
		}
		body, err := json.Marshal(s)
		if err != nil {
			return err
		}
		h := &state.Hold{Scope: s.Scope(), Name: s.Customer.Name, Job: s.Job, Run: report.Run, Since: w.Now().UTC(), Digest: s.Digest, Violations: s.Violations, Plan: body}
		if err := w.Store.Commit(ctx, &state.Commit{Scope: s.Scope(), Hold: h}); err != nil {
			return fmt.Errorf("holding the plan: %w", err)
		}
	}
	return nil
}

// verdict is one line of what approve and reject did.
type verdict struct {
	Customer sync.Party `json:"customer"`
	Target   string     `json:"target"`
	Digest   string     `json:"digest"`
	Decision string     `json:"decision"` // approved, rejected or stays
	Message  string     `json:"message"`
}

func (d *decider) decide(ctx context.Context, a *app, w *World, holds []state.Hold, approve bool) error {
	verdicts := []verdict{}
	for _, h := range holds {
		v := verdict{Customer: sync.Party{Key: h.Scope.Customer, Name: h.Name}, Target: h.Scope.Target, Digest: h.Digest, Decision: "rejected"}
		if approve {
			v.Decision = "approved"
		}
		switch stays := repairs(h.Violations); {
		case h.Digest == "" && stays == "":
			v.Decision, v.Message = "stays", "there is no change to decide on"
		case approve && h.Digest == "":
			v.Decision, v.Message = "stays", "approval does not cure it: "+stays
		default:
			err := w.Store.Decide(ctx, h.Scope, h.Digest, state.Decision{Approved: approve, By: a.console.User, At: w.Now().UTC(), Reason: d.reason})
			if err != nil {
				return fmt.Errorf("%s at %s: %w; see syncd holds", h.Name, h.Scope.Target, err)
			}
			if stays != "" && approve {
				v.Message = "approved, but this stays until it is repaired: " + stays
			}
		}
		verdicts = append(verdicts, v)
	}
	return a.print(struct {
		Decisions []verdict `json:"decisions"`
	}{verdicts}, func(out io.Writer) error {
		p := a.page(out)
		for i, v := range verdicts {
			head := fmt.Sprintf("%s at %s", clean(v.Customer.Name), v.Target)
			p.line("%s%s%s  plan %s", head, pad(head, 50), v.Decision, v.Digest)
			var s sync.ScopeReport
			if v.Decision == "approved" && json.Unmarshal(holds[i].Plan, &s) == nil {
				p.changes(s.Changes)
				p.monthly(&s)
			}
			if v.Message != "" {
				p.line("  ! %s", clean(v.Message))
			}
		}
		return p.err
	})
}

// repairs says what no approval cures.
func repairs(vs []plan.Violation) string {
	text := ""
	for _, v := range vs {
		if v.Stays && !v.Note {
			if text != "" {
				text += "; "
			}
			text += v.Message
		}
	}
	return text
}
