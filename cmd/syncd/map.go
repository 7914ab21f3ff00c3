package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/mapping"
	"syncd/internal/report"
)

func mapCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "map", Short: "Say where each customer lives in each target", Args: cobra.NoArgs,
		Long: "Without a further word, list every tenant with its links. Links are edited as CSV (export, edit in Excel, import) or taken from suggestions; nothing is ever linked without a person's word."}
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, _ []string) error { return w.listLinks(ctx, a) })
	out := output{format: "csv"}
	export := &cobra.Command{Use: "export FILE", Short: "Write the links as CSV for Excel", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *World, _ []string) error {
			table, customers, err := w.customers(ctx)
			if err != nil {
				return err
			}
			var body bytes.Buffer
			if err := mapping.ExportLinks(&body, w.columns(), customers, table, w.lookUp(ctx)); err != nil {
				fmt.Fprintf(a.err(), "syncd: warning: the names beside the ids are left blank (%v); an import then only checks that the ids exist\n", err)
				body.Reset()
				if err := mapping.ExportLinks(&body, w.columns(), customers, table, nil); err != nil {
					return fmt.Errorf("writing the links: %w", err)
				}
			}
			return a.deliverTable(&out, body.Bytes(), len(customers))
		})}
	a.writes(export, &out)
	load := &cobra.Command{Use: "import FILE", Short: "Read links from CSV; all of it or nothing", Args: cobra.ExactArgs(1),
		RunE: a.stateful(func(ctx context.Context, w *World, args []string) error {
			text, err := a.console.Files.ReadFile(args[0])
			if err != nil {
				return usage("reading the links: %w", err)
			}
			tenants, err := w.tenants(ctx)
			if err != nil {
				return err
			}
			table, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
			if err != nil {
				return err
			}
			next, edits, err := mapping.ImportLinks(bytes.NewReader(text), w.columns(), table, tenants, w.lookUp(ctx))
			switch {
			case err != nil && mapping.Problems(err) == nil:
				return fmt.Errorf("%s: nothing was imported: %w", args[0], err)
			case err != nil:
				return usage("%s: nothing was imported:\n%w", args[0], err)
			}
			if err := put(ctx, w.Store, linksDocument, version, next); err != nil {
				return err
			}
			return a.edits("link", edits)
		})}
	cmd.AddCommand(export, load, suggestLinksCommand(a), acceptLinksCommand(a), ignoreLinkCommand(a))
	return cmd
}

// customers joins the link table with the tenants as they are now.
func (w *World) customers(ctx context.Context) (mapping.Table, []mapping.Customer, error) {
	table, err := w.links(ctx)
	if err != nil {
		return table, nil, err
	}
	tenants, err := w.tenants(ctx)
	if err != nil {
		return table, nil, err
	}
	return table, table.Customers(tenants), nil
}

// lookUp finds what people write into link cells, each column in its system.
func (w *World) lookUp(ctx context.Context) mapping.LookUp {
	return func(column string, texts []string) (map[string]mapping.Found, error) {
		switch {
		case column == mapping.ITGlueOrganization && w.ITGlue != nil:
			return w.ITGlue.LookUp(ctx, texts)
		case w.ConnectWise != nil:
			return w.ConnectWise.LookUp(ctx, column, texts)
		}
		return nil, fmt.Errorf("the system of the column %s is not configured", column)
	}
}

// edits says what an import changed.
func (a *app) edits(what string, edits []mapping.Edit) error {
	if edits == nil {
		edits = []mapping.Edit{}
	}
	return a.print(struct {
		Edits []mapping.Edit `json:"edits"`
	}{edits}, func(out io.Writer) error {
		for _, e := range edits {
			fmt.Fprintln(out, clean(e.String()))
		}
		_, err := fmt.Fprintf(out, "%s changed\n", count(len(edits), what))
		return err
	})
}

type linkLine struct {
	Customer string         `json:"customer"`
	Key      string         `json:"key"`
	Tenant   string         `json:"tenant"`
	Domain   string         `json:"domain"`
	Links    mapping.Links  `json:"links"`
	Status   mapping.Status `json:"status"`
	Reason   string         `json:"reason"`
	// Proposed are suggestions beside other links; none of them is in force.
	Proposed map[string]mapping.Proposal `json:"proposed,omitempty"`
}

func (w *World) listLinks(ctx context.Context, a *app) error {
	table, customers, err := w.customers(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(customers, func(x, y mapping.Customer) int {
		return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
	})
	lines := []linkLine{}
	for _, c := range customers {
		l := linkLine{Customer: c.Name, Key: c.Key, Tenant: c.Tenant.Name, Domain: c.Tenant.DefaultDomain, Status: c.Status, Reason: c.Reason, Links: mapping.Links{}}
		if row, ok := table.Row(c.Tenant.ID); ok {
			if row.Links != nil {
				l.Links = row.Links
			}
			l.Proposed = row.Proposed
		}
		lines = append(lines, l)
	}
	return a.print(struct {
		Customers []linkLine `json:"customers"`
	}{lines}, func(out io.Writer) error {
		s := report.Sheet{Columns: []report.Column{{Name: "Customer"}, {Name: "Domain"}}}
		for _, column := range w.columns() {
			s.Columns = append(s.Columns, report.Column{Name: strings.ReplaceAll(column, "_", " ")})
		}
		s.Columns = append(s.Columns, report.Column{Name: "Status"}, report.Column{Name: "Reason"})
		open, proposed := 0, 0
		for _, l := range lines {
			row := []string{l.Customer, l.Domain}
			for _, column := range w.columns() {
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

func ignoreLinkCommand(a *app) *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: "ignore CUSTOMER", Short: "Leave a customer out of every target", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&why, "reason", "", "`TEXT` that says why")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		c, err := w.customer(ctx, args[0])
		if err != nil {
			return err
		}
		table, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
		if err != nil {
			return err
		}
		row, _ := table.Row(c.Tenant.ID)
		before := row.Status
		if before == "" {
			before = mapping.Unmapped
		}
		row.TenantID, row.Tenant, row.Status, row.Reason = c.Tenant.ID, c.Tenant.Name, mapping.Ignored, why
		if err := put(ctx, w.Store, linksDocument, version, table.With(row)); err != nil {
			return err
		}
		return a.edits("link", []mapping.Edit{{Key: c.Key, Name: c.Name, Column: "status", Before: string(before), After: string(mapping.Ignored)}})
	})
	completeArgs(cmd, a, "customer")
	return cmd
}
