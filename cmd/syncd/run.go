package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/sync"
)

// A selector narrows a run from the command line.
type selector struct {
	app.Selector
	view view
}

// selection turns what was typed into what the engine takes.
func (s *selector) selection(ctx context.Context, w *app.App) (sync.Selection, error) {
	if s.view.all && s.view.summary {
		return sync.Selection{}, usage("--summary is a line a customer and --all is every object; type one of the two")
	}
	return w.Select(ctx, s.Selector)
}

func (s *selector) flags(cmd *cobra.Command, a *cli) {
	onceVar(cmd.Flags(), &s.Job, "job", "only this `JOB` (default all)")
	onceVar(cmd.Flags(), &s.Customer, "customer", "only this `CUSTOMER`: key, name or domain")
	onceVar(cmd.Flags(), &s.Target, "target", "only this `TARGET`, such as connectwise")
	cmd.Flags().BoolVar(&s.view.all, "all", false, "show what is in step, or taken on as it is, too")
	cmd.Flags().BoolVar(&s.view.summary, "summary", false, "a line a customer, with what changes a month")
	complete(cmd, a, "customer", "target", "job")
}

func planCommand(a *cli) *cobra.Command {
	var s selector
	out := output{format: "json"}
	cmd := &cobra.Command{Use: "plan", Short: "Show what would change and why; writes nowhere", Args: cobra.NoArgs,
		Long: "Read the source and the targets and show what apply would do, with the reasons and the money. Nothing is written anywhere.\n\nExit status: 0 all in step, 2 changes are pending, 1 something failed or is not proven."}
	s.flags(cmd, a)
	a.writesOut(cmd, &out, "save the plan to `FILE`, for syncd apply FILE")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		sel, err := s.selection(ctx, w)
		if err != nil {
			return err
		}
		report, err := a.run(ctx, w, sel, sync.PlanOnly, s.view)
		if report == nil || out.path == "" {
			return err
		}
		body, jerr := json.MarshalIndent(report, "", " ")
		if jerr != nil {
			return jerr
		}
		if werr := a.write(&out, append(body, '\n')); werr != nil {
			return werr
		}
		a.say("saved to %s; syncd apply %s applies only what is still the same", out.path, out.path)
		return err
	})
	return cmd
}

func applyCommand(a *cli) *cobra.Command {
	var s selector
	cmd := &cobra.Command{Use: "apply [FILE]", Short: "Bring the targets into step, as far as limits and approvals allow", Args: cobra.MaximumNArgs(1),
		Long: "Plan, guard, and write what is within the limits or was approved; everything else is held for a person.\nWith FILE, only plans that still are as saved by syncd plan --out.\n\nExit status: 0 done, 3 something is held, 1 something failed or is not proven."}
	s.flags(cmd, a)
	onceVar(cmd.Flags(), &s.Only, "only", "only the object with this `KEY` (a licence, an object id, a user's UPN), with a trace of what was compared")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		sel, err := s.selection(ctx, w)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			if sel.Saved, err = a.saved(args[0]); err != nil {
				return err
			}
		}
		s.view.part = sel.Only != ""
		report, err := a.run(ctx, w, sel, sync.Apply, s.view)
		if err == nil && sel.Only != "" && !traced(report) {
			return usage("no object is called %q there; write its key, as syncd plan --json shows it", s.Only)
		}
		return err
	})
	return cmd
}

// traced reports whether the run met the one object it was about.
func traced(r *sync.Report) bool {
	return slices.ContainsFunc(r.Scopes, func(s sync.ScopeReport) bool {
		return len(s.Trace) > 0 || len(s.Looked) > 0 || len(s.Violations) > 0 || s.Error != nil
	})
}

// saved reads the digests of a saved plan.
func (a *cli) saved(path string) (map[plan.Scope]string, error) {
	body, err := a.console.Files.ReadFile(path)
	if err != nil {
		return nil, usage("reading the saved plan: %w", err)
	}
	var saved struct {
		Run    string `json:"run"`
		Scopes []struct {
			Customer sync.CustomerRef `json:"customer"`
			Target   string           `json:"target"`
			Outcome  sync.Outcome     `json:"outcome"`
			Digest   string           `json:"digest"`
		} `json:"scopes"`
	}
	if err := json.Unmarshal(body, &saved); err != nil {
		return nil, usage("%s is not a saved plan (%w); make one with syncd plan --out FILE", path, err)
	}
	if saved.Run == "" || saved.Scopes == nil {
		return nil, usage("%s is not a saved plan; make one with syncd plan --out FILE", path)
	}
	digests := map[plan.Scope]string{}
	for _, s := range saved.Scopes {
		if s.Digest != "" {
			digests[plan.Scope{Customer: s.Customer.Key, Target: s.Target}] = s.Digest
		}
	}
	return digests, nil // none where the plan was empty: then nothing is applied
}

// run runs the engine, shows how far it is, and prints the report.
func (a *cli) run(ctx context.Context, w *app.App, sel sync.Selection, mode sync.Mode, v view) (*sync.Report, error) {
	p := a.progress("customers")
	sel.Progress = func(done, total int, s *sync.ScopeReport) { p.at(done, total, s.Customer.Name) }
	report, err := w.Engine.Run(ctx, sel, mode)
	p.end()
	return report, a.showRun(w, report, v, err)
}

// showRun prints the report of a run that ended with an error, or with none.
func (a *cli) showRun(w *app.App, report *sync.Report, v view, err error) error {
	v.ofPeople = w.OfPeople
	if perr := a.print(report, func(out io.Writer) error { return a.page(out).writeReport(report, v) }); perr != nil {
		return perr
	}
	if report.Clock != "" {
		a.complain(errors.New(report.Clock))
	}
	for _, why := range report.Refusals() {
		a.complain(errors.New(why))
	}
	a.status = report.Status()
	return err
}
