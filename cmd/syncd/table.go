package main

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
)

// A csvTable is what people take out as CSV for Excel, edit, and read back in: all of
// it or nothing.
type csvTable struct {
	name          string // of the whole, such as "the links"
	edit          string // of one change, such as "link"
	exports       string // what export does, in a line
	imports, long string // what import does, in a line and in several
	export        func(ctx context.Context, w *app.App, out *bytes.Buffer) (lines int, err error)
	load          func(ctx context.Context, w *app.App, file string, text []byte) ([]mapping.Edit, error)
}

// addTable adds the commands that take a table out and back in.
func (a *cli) addTable(cmd *cobra.Command, t csvTable) {
	out := output{format: "csv"}
	export := &cobra.Command{Use: "export FILE", Short: t.exports, Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			var body bytes.Buffer
			lines, err := t.export(ctx, w, &body)
			if err != nil {
				return err
			}
			return a.deliverTable(&out, body.Bytes(), lines)
		})}
	a.writes(export, &out)
	cmd.AddCommand(export, &cobra.Command{Use: "import FILE", Short: t.imports, Long: t.long, Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *app.App, args []string) error {
			text, err := a.console.Files.ReadFile(args[0])
			if err != nil {
				return usage("reading %s: %w", t.name, err)
			}
			edits, err := t.load(ctx, w, args[0], text)
			if err != nil {
				return err
			}
			return a.edits(t.edit, edits)
		})})
}
