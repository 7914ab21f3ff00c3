package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/report"
)

func freezeCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "freeze", Short: "Write nothing to agreements while invoices are made", Args: cobra.NoArgs,
		Long: "Without a further word, list what is frozen, and when the configuration's freezes (connectwise.freeze) come next. " +
			"While one lasts nobody's change is written, approved or not; approvals are kept, and the next run after its last day goes on. Plans can be made and approved all the time."}
	list := a.stateful(func(ctx context.Context, w *app.App, _ []string) error { return a.listFreezes(ctx, w) })
	cmd.RunE = list
	var until, reason, startType, endType string
	start := &cobra.Command{Use: "start", Short: "Begin one now, with its last day and why", Args: cobra.NoArgs,
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			edits, err := w.StartFreeze(ctx, a.operator(), until, reason, startType)
			if err != nil {
				return err
			}
			return a.edits("freeze", edits)
		})}
	start.Flags().StringVar(&until, "until", "", "the last `DATE` of it, such as 2027-03-03")
	start.Flags().StringVar(&reason, "reason", "", "`TEXT` that says why")
	start.Flags().StringVar(&startType, "agreement-type", "", "only agreements of this `TYPE`, or of those that fit a shell pattern")
	end := &cobra.Command{Use: "end", Short: "End what was begun by hand", Args: cobra.NoArgs,
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			edits, err := w.EndFreeze(ctx, a.operator(), endType)
			if err != nil {
				return err
			}
			return a.edits("freeze", edits)
		})}
	end.Flags().StringVar(&endType, "agreement-type", "", "only the one of this `TYPE`, as it was begun")
	cmd.AddCommand(start, end, &cobra.Command{Use: "list", Short: "Show what is frozen, and what comes next", Args: cobra.NoArgs, RunE: list})
	return cmd
}

func (a *cli) listFreezes(ctx context.Context, w *app.App) error {
	freezes, err := w.Freezes(ctx)
	if err != nil {
		return err
	}
	return a.print(struct {
		Freezes []app.Freeze `json:"freezes"`
	}{freezes}, func(out io.Writer) error {
		if len(freezes) == 0 {
			_, err := fmt.Fprintln(out, "nothing is frozen, and no freeze is configured (connectwise.freeze)")
			return err
		}
		s := report.Sheet{Columns: []report.Column{{Name: "Agreements"}, {Name: "From"}, {Name: "Until"}, {Name: "Frozen"}, {Name: "By"}, {Name: "Reason"}}}
		for _, f := range freezes {
			types, frozen, by := "all", "not yet", f.By
			if len(f.AgreementTypes) > 0 {
				types = strings.Join(f.AgreementTypes, ", ")
			}
			if f.Frozen {
				frozen = "now"
			}
			if by == "" {
				by = "configuration"
			}
			s.Rows = append(s.Rows, []string{types, f.From, f.Until, frozen, by, f.Reason})
		}
		return s.Table(out, a.console.Width)
	})
}
