package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"syncd/internal/app"
)

func renewalsCommand(a *cli) *cobra.Command {
	var asked app.RenewalsAsked
	var out reportFile
	cmd := &cobra.Command{Use: "renewals", Short: "What ends when, and until when it can be reduced", Args: cobra.NoArgs,
		Long: "Read Microsoft's subscriptions and ConnectWise's agreements as they are now and list what ends, the first to end first. Microsoft takes units back at the end of a term: have fewer by that day. What is known to be monthly is left out. Nothing is written.\n\nExit status: 0 everything was read, 1 some of it could not be."}
	wholeVar(cmd.Flags(), &asked.Days, "days", 90, "what ends within so many `DAYS`")
	cmd.Flags().BoolVar(&asked.All, "all", false, "monthly ones too")
	a.reports(cmd, &out, &asked.Customer)
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		if err := out.decide(a, "renewals.xlsx"); err != nil {
			return err
		}
		p := a.progress("customers")
		r, whole, err := w.Renewals(ctx, asked, p.at)
		p.end()
		if err != nil {
			return err
		}
		for _, why := range r.Reasons() {
			fmt.Fprintf(a.err(), "syncd: warning: %s\n", clean(why))
		}
		if !whole {
			a.status = statusFailed
		}
		sheet, plain := r.Sheet(), r.Plain()
		if len(sheet.Rows) == 0 && out.named == "table" && out.path == "" {
			a.say("nothing ends within %d days", asked.Days)
			return nil
		}
		return a.deliver(r, &sheet, &plain, &out)
	})
	return cmd
}
