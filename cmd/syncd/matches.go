package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/report"
)

func matchesCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "matches", Short: "Settle single objects: which line is ours, what to leave alone", Args: cobra.NoArgs}
	list := a.stateful(func(ctx context.Context, w *app.App, _ []string) error { return a.listMatches(ctx, w) })
	cmd.RunE = list
	a.addTable(cmd, csvTable{name: "the matches", edit: "decision", exports: "Write what is to be settled, and what was, as CSV for Excel", imports: "Read decisions from CSV; all of it or nothing",
		long: "Read decision (accept, create, ignore, or empty to take a word back), ref and reason of each line; the other columns say which object is meant.\n" +
			"What is accepted is looked up at its target first: it must be there, and able to be the object.",
		export: func(ctx context.Context, w *app.App, out *bytes.Buffer) (int, error) {
			return w.ExportMatches(ctx, out)
		},
		load: func(ctx context.Context, w *app.App, file string, text []byte) ([]mapping.Edit, error) {
			return w.ImportMatches(ctx, a.operator(), file, text)
		}})
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "Show what a person must settle, and what was settled", Args: cobra.NoArgs, RunE: list},
		settleCommand(a, plan.SettleAccept, "accept CUSTOMER TARGET KEY REF", "It is this one: manage the object with that id at the target", 4),
		settleCommand(a, plan.SettleCreate, "create CUSTOMER TARGET KEY", "None of the candidates: create a new one", 3),
		settleCommand(a, plan.SettleIgnore, "ignore CUSTOMER TARGET KEY", "Leave the object alone from now on", 3),
		settleCommand(a, plan.SettleRetry, "retry CUSTOMER TARGET KEY", "Take the word back, or try again what the target refused", 3),
	)
	return cmd
}

func settleCommand(a *cli, how, use, short string, args int) *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(args)}
	if how == plan.SettleIgnore {
		cmd.Flags().StringVar(&why, "reason", "", "`TEXT` that says why; asked for at the next audit")
	}
	completeArgs(cmd, a, "customer", "target")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		word := app.Word{Customer: args[0], Target: args[1], Key: args[2], How: how, Reason: why}
		if how == plan.SettleAccept {
			word.Ref = args[3]
		}
		done, err := w.Settle(ctx, a.operator(), word)
		if err != nil {
			return err
		}
		a.say("%s of %s at %s: %s; the next plan shows what follows", done.Key, done.Customer.Name, done.Target, how)
		if a.json {
			return a.print(map[string]any{"customer": done.Customer, "target": done.Target, "key": done.Key.ID, "how": how}, nil)
		}
		return nil
	})
	return cmd
}

func (a *cli) listMatches(ctx context.Context, w *app.App) error {
	open, err := w.Matches(ctx)
	if err != nil {
		return err
	}
	return a.print(app.MatchList{Matches: open}, func(out io.Writer) error {
		if len(open) == 0 {
			_, err := fmt.Fprintln(out, "nothing to settle")
			return err
		}
		s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Target"}, {Name: "Key"}, {Name: "What"}, {Name: "Why"}}}
		for _, u := range open {
			what := u.Code
			if u.How != "" {
				what = u.How + " " + u.Ref + " (" + u.By + ")"
			}
			s.Rows = append(s.Rows, []string{u.Customer.Name, u.Target, u.Key, what, u.Message})
		}
		return s.Table(out, a.console.Width)
	})
}
