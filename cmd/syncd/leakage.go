package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"syncd/internal/app"
)

func leakageCommand(a *cli) *cobra.Command {
	var from, to, customer string
	var out reportFile
	cmd := &cobra.Command{Use: "leakage", Short: "Money lost by month: not billed, billed too much, or unused", Args: cobra.NoArgs,
		Long: "List by month and customer what is not billed as it is due, and what nobody uses. Months that are over come from the ledger, as they ended; the one that lasts is read from Microsoft and ConnectWise as they are now. Nothing is written.\n\nExit status: 0 everything was read, 1 some of it could not be."}
	onceVar(cmd.Flags(), &from, "from", "the first `MONTH`, such as 2026-09 (default: this month)")
	onceVar(cmd.Flags(), &to, "to", "the last `MONTH` (default: this month)")
	a.reports(cmd, &out, &customer)
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
		if err := out.decide(a, "leakage.xlsx"); err != nil {
			return err
		}
		p := a.progress("customers")
		r, whole, err := w.Leakage(ctx, from, to, customer, p.at)
		p.end()
		if err != nil {
			return err
		}
		if !whole {
			a.status = statusFailed
		}
		for _, month := range r.Unrecorded {
			fmt.Fprintf(a.err(), "syncd: warning: nothing is recorded of %s: what was lost then is not known\n", month)
		}
		sheet, plain := r.Sheet(), r.Plain()
		if len(sheet.Rows) == 0 && len(r.Unrecorded) > 0 && out.named == "table" && out.path == "" {
			return nil
		}
		if len(sheet.Rows) == 0 && out.named == "table" && out.path == "" {
			a.say("nothing is lost in %s to %s", r.From, r.To)
			return nil
		}
		return a.deliver(r, &sheet, &plain, &out)
	})
	return cmd
}
