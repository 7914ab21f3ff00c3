package main

import (
	"context"

	"github.com/spf13/cobra"

	"syncd/internal/app"
)

func revertCommand(a *cli) *cobra.Command {
	var asked app.Revert
	cmd := &cobra.Command{Use: "revert RUN", Short: "Plan the way back from a run, and go it once it is approved", Args: cobra.ExactArgs(1),
		Long: "Plan the way back from a run: what it wrote gets back what it held before, a line that it made is set to nothing and ended, and what was changed since is left and named.\n" +
			"The plan is held. Once it is approved, the next syncd apply writes it, or the same syncd revert; rejecting it gives it up.\n" +
			"What was taken back is held (reverted) until what is wanted of it changes, somebody approves it, or syncd matches retry lets it go.\n" +
			"An invoice that was made meanwhile stays as it is: the credit to issue by hand is named.\n\n" +
			"Exit status: 0 done, 3 it waits for approval, 1 something failed or is not proven."}
	onceVar(cmd.Flags(), &asked.Customer, "customer", "only what the run wrote of this `CUSTOMER`")
	onceVar(cmd.Flags(), &asked.Only, "only", "only the object with this `KEY` (a licence, an object id, a user's UPN)")
	cmd.Flags().StringVar(&asked.Reason, "reason", "", "`TEXT` for the journal")
	complete(cmd, a, "customer")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		asked.Run = args[0]
		p := a.progress("customers")
		report, err := w.Revert(ctx, a.operator(), asked, p.at)
		p.end()
		if report == nil {
			return err
		}
		return a.showRun(w, report, view{}, err)
	})
	return cmd
}
