package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"syncd/internal/app"
)

func exportCommand(a *cli) *cobra.Command {
	out := output{argument: true, folder: true}
	cmd := &cobra.Command{Use: "export DIR", Short: "Write the data set for BrightGauge, Power BI and Excel", Args: cobra.ExactArgs(1),
		Long: "Write what the state knows as tables, a CSV file each, with datapackage.json that describes them; docs/reporting.md shows what to do with them. Nobody is asked for anything. The files of a former export are replaced, each whole, once all are written.",
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			folder, err := a.console.Files.OpenFolder(out.path)
			if err != nil {
				return fmt.Errorf("exporting to %s: %w", out.path, err)
			}
			defer folder.Discard()
			if err := w.Export(ctx, folder); err != nil {
				return fmt.Errorf("exporting to %s: %w; the files that were there are as they were", out.path, err)
			}
			return a.print(map[string]any{"folder": out.path, "version": app.DataSet.Version, "tables": len(app.DataSet.Tables)}, func(to io.Writer) error {
				_, err := fmt.Fprintf(to, "%d tables written to %s\n", len(app.DataSet.Tables), out.path)
				return err
			})
		})}
	a.outputOf(cmd, &out)
	return cmd
}
