package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
)

func termsCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "terms", Short: "Say how long subscriptions run, which Microsoft does not", Args: cobra.NoArgs,
		Long: "Microsoft tells no term of a subscription. syncd observes one where it sees a term end and the next one begin; a distributor's list or a person may say more, and is believed before it. What is said is edited as CSV (export, edit in Excel, import)."}
	a.addTable(cmd, csvTable{name: "the terms", edit: "term", exports: "Write what is said and what was observed as CSV for Excel", imports: "Read what is said from CSV; all of it or nothing",
		long: "Read term (monthly, annual, triennial), ends (the last day, such as 2027-01-31), source and reason of each line; a line without term and ends takes back what was said.\n" +
			"The source is distributor, or left empty: it is whoever imports then. What syncd observed itself (observed) is left as it is.",
		export: func(ctx context.Context, w *app.App, out *bytes.Buffer) (int, error) { return w.ExportTerms(ctx, out) },
		load: func(ctx context.Context, w *app.App, file string, text []byte) ([]mapping.Edit, error) {
			done, err := w.ImportTerms(ctx, a.operator(), file, text)
			for _, warning := range done.Warnings {
				fmt.Fprintf(a.err(), "syncd: warning: %s\n", clean(warning))
			}
			return done.Edits, err
		}})
	return cmd
}
