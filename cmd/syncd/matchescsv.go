package main

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"syncd/internal/app"
)

// matchesTable are the commands that take the table of matches out and back in.
func matchesTable(a *cli) (export, load *cobra.Command) {
	out := output{format: "csv"}
	export = &cobra.Command{Use: "export FILE", Short: "Write what is to be settled, and what was, as CSV for Excel", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			var body bytes.Buffer
			lines, err := w.ExportMatches(ctx, &body)
			if err != nil {
				return err
			}
			return a.deliverTable(&out, body.Bytes(), lines)
		})}
	a.writes(export, &out)
	load = &cobra.Command{Use: "import FILE", Short: "Read decisions from CSV; all of it or nothing", Args: cobra.ExactArgs(1),
		Long: "Read decision (accept, create, ignore, or empty to take a word back), ref and reason of each line; the other columns say which object is meant.\nWhat is accepted is looked up at its target first: it must be there, and able to be the object.",
		RunE: a.stateful(func(ctx context.Context, w *app.App, args []string) error {
			text, err := a.console.Files.ReadFile(args[0])
			if err != nil {
				return usage("reading the matches: %w", err)
			}
			edits, err := w.ImportMatches(ctx, a.operator(), args[0], text)
			if err != nil {
				return err
			}
			return a.edits("decision", edits)
		})}
	return export, load
}
