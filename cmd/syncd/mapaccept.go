package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
)

func acceptLinksCommand(a *cli) *cobra.Command {
	var least float64
	cmd := &cobra.Command{Use: "accept [CUSTOMER… | CUSTOMER COLUMN REF]", Short: "Put suggestions in force: those named, or all that are sure",
		Long: "Without arguments, put every suggestion in force that is sure; with CUSTOMERs, theirs.\nWith CUSTOMER COLUMN REF, link that one: COLUMN is a column of the table such as connectwise_agreement, REF the id there. It is looked up first.",
		Args: cobra.ArbitraryArgs}
	cmd.Flags().Float64Var(&least, "min-score", mapping.DefaultAccept, "without a CUSTOMER, accept from this score up")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		var edits []mapping.Edit
		var err error
		column := -1
		if len(args) == 3 {
			column = slices.Index(mapping.Names(w.Columns()), args[1])
		}
		if column >= 0 {
			edits, err = w.ChooseLink(ctx, a.operator(), args[0], w.Columns()[column], args[2])
		} else {
			edits, err = w.AcceptLinks(ctx, a.operator(), args, least)
		}
		if err != nil {
			return err
		}
		return a.edits("link", edits)
	})
	completeArgs(cmd, a, "customer")
	return cmd
}
