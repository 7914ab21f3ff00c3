package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/report"
)

func mapCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "map", Short: "Say where each customer lives in each target", Args: cobra.NoArgs,
		Long: "Without a further word, list every tenant with its links. Links are edited as CSV (export, edit in Excel, import) or taken from suggestions; nothing is ever linked without a person's word."}
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, _ []string) error { return a.listLinks(ctx, w) })
	a.addTable(cmd, csvTable{name: "the links", edit: "link", exports: "Write the links as CSV for Excel", imports: "Read links from CSV; all of it or nothing",
		export: func(ctx context.Context, w *app.App, out *bytes.Buffer) (int, error) {
			lines, nameless, err := w.ExportLinks(ctx, out)
			if err == nil && nameless != nil {
				fmt.Fprintf(a.err(), "syncd: warning: the names beside the ids are left blank (%v); an import then only checks that the ids exist\n", nameless)
			}
			return lines, err
		},
		load: func(ctx context.Context, w *app.App, file string, text []byte) ([]mapping.Edit, error) {
			edits, warnings, err := w.ImportLinks(ctx, a.operator(), file, text)
			for _, warning := range warnings {
				fmt.Fprintf(a.err(), "syncd: warning: %s\n", clean(warning))
			}
			return edits, err
		}})
	cmd.AddCommand(suggestLinksCommand(a), acceptLinksCommand(a), ignoreLinkCommand(a))
	return cmd
}

// edits says what an import changed.
func (a *cli) edits(what string, edits []mapping.Edit) error {
	if edits == nil {
		edits = []mapping.Edit{}
	}
	return a.print(struct {
		Edits []mapping.Edit `json:"edits"`
	}{edits}, func(out io.Writer) error {
		for _, e := range edits {
			fmt.Fprintln(out, clean(e.String()))
		}
		_, err := fmt.Fprintf(out, "%s changed\n", app.Count(len(edits), what))
		return err
	})
}

func (a *cli) listLinks(ctx context.Context, w *app.App) error {
	lines, err := w.ListLinks(ctx)
	if err != nil {
		return err
	}
	return a.print(app.LinkList{Customers: lines}, func(out io.Writer) error {
		s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Domain"}}}
		for _, column := range mapping.Names(w.Columns()) {
			s.Columns = append(s.Columns, report.Column{Name: strings.ReplaceAll(column, "_", " ")})
		}
		s.Columns = append(s.Columns, report.Column{Name: "Status"}, report.Column{Name: "Reason"})
		open, proposed := 0, 0
		for _, l := range lines {
			row := []string{l.Customer, l.Domain}
			for _, column := range mapping.Names(w.Columns()) {
				cell := l.Links[column]
				if p, ok := l.Proposed[column]; ok {
					cell = p.Value + "?"
					proposed++
				}
				row = append(row, cell)
			}
			s.Rows = append(s.Rows, append(row, string(l.Status), l.Reason))
			if l.Status == mapping.Unmapped || l.Status == mapping.Suggested {
				open++
			}
		}
		if err := s.Table(out, a.console.Width); err != nil {
			return err
		}
		if proposed > 0 {
			fmt.Fprintf(out, "%d only suggested (?): syncd map accept CUSTOMER\n", proposed)
		}
		if open > 0 {
			_, err = fmt.Fprintf(out, "%d of %d not linked: syncd map suggest, or syncd map export FILE\n", open, len(lines))
		}
		return err
	})
}

func ignoreLinkCommand(a *cli) *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: "ignore CUSTOMER", Short: "Leave a customer out of every target", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&why, "reason", "", "`TEXT` that says why")
	cmd.RunE = a.stateful(func(ctx context.Context, w *app.App, args []string) error {
		edits, err := w.IgnoreLink(ctx, a.operator(), args[0], why, "")
		if err != nil {
			return err
		}
		return a.edits("link", edits)
	})
	completeArgs(cmd, a, "customer")
	return cmd
}
