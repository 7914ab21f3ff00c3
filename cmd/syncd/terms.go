package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"syncd/internal/app"
)

func termsCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "terms", Short: "Say how long subscriptions run, which Microsoft does not", Args: cobra.NoArgs,
		Long: "Microsoft tells no term of a subscription. syncd observes one where it sees a term end and the next one begin; a distributor's list or a person may say more, and is believed before it. What is said is edited as CSV (export, edit in Excel, import)."}
	out := output{format: "csv"}
	export := &cobra.Command{Use: "export FILE", Short: "Write what is said and what was observed as CSV for Excel", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			var body bytes.Buffer
			lines, err := w.ExportTerms(ctx, &body)
			if err != nil {
				return err
			}
			return a.deliverTable(&out, body.Bytes(), lines)
		})}
	a.writes(export, &out)
	load := &cobra.Command{Use: "import FILE", Short: "Read what is said from CSV; all of it or nothing", Args: cobra.ExactArgs(1),
		Long: "Read term (monthly, annual, triennial), ends (the last day, such as 2027-01-31), source and reason of each line; a line without term and ends takes back what was said.\nThe source is distributor, or left empty: it is whoever imports then. What syncd observed itself (observed) is left as it is.",
		RunE: a.stateful(func(ctx context.Context, w *app.App, args []string) error {
			text, err := a.console.Files.ReadFile(args[0])
			if err != nil {
				return usage("reading the terms: %w", err)
			}
			done, err := w.ImportTerms(ctx, a.operator(), args[0], text)
			if err != nil {
				return err
			}
			for _, warning := range done.Warnings {
				fmt.Fprintf(a.err(), "syncd: warning: %s\n", clean(warning))
			}
			return a.edits("term", done.Edits)
		})}
	cmd.AddCommand(export, load)
	return cmd
}
