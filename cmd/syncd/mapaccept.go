package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

func acceptLinksCommand(a *app) *cobra.Command {
	var least float64
	cmd := &cobra.Command{Use: "accept [CUSTOMER… | CUSTOMER COLUMN REF]", Short: "Put suggestions in force: those named, or all that are sure",
		Long: "Without arguments, put every suggestion in force that is sure; with CUSTOMERs, theirs.\nWith CUSTOMER COLUMN REF, link that one: COLUMN is a column of the table such as connectwise_agreement, REF the id there. It is looked up first.",
		Args: cobra.ArbitraryArgs}
	cmd.Flags().Float64Var(&least, "min-score", mapping.DefaultAccept, "without a CUSTOMER, accept from this score up")
	cmd.RunE = a.stateful(func(ctx context.Context, w *World, args []string) error {
		if len(args) == 3 && slices.Contains(w.columns(), args[1]) {
			return w.choose(ctx, a, args[0], args[1], args[2])
		}
		table, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
		if err != nil {
			return err
		}
		named := map[directory.TenantID]bool{}
		for _, arg := range args {
			c, err := w.customer(ctx, arg)
			if err != nil {
				return err
			}
			if row, ok := table.Row(c.Tenant.ID); !ok || row.Status != mapping.Suggested && len(row.Proposed) == 0 {
				return usage("nothing is suggested for %s; see syncd map suggest", c.Name)
			}
			named[c.Tenant.ID] = true
		}
		var rows []mapping.Row
		edits := []mapping.Edit{}
		for _, row := range table.Rows {
			from := least
			if len(args) > 0 {
				if from = 0; !named[row.TenantID] {
					continue
				}
			}
			next, columns := row.Accept(from)
			if len(columns) == 0 {
				continue
			}
			rows = append(rows, next)
			for _, column := range columns {
				edits = append(edits, mapping.Edit{Key: string(row.TenantID), Name: row.Tenant, Column: "status", Before: string(mapping.Suggested),
					After: fmt.Sprintf("%s to %s %s", mapping.Linked, linkNoun(column), next.Links[column])})
			}
		}
		if len(rows) > 0 {
			if err := put(ctx, w.Store, linksDocument, version, table.With(rows...)); err != nil {
				return err
			}
		}
		return a.edits("link", edits)
	})
	completeArgs(cmd, a, "customer")
	return cmd
}

// choose links a customer in one column to what a person chose. It is an import
// of that one line, and judged like one.
func (w *World) choose(ctx context.Context, a *app, customer, column, ref string) error {
	c, err := w.customer(ctx, customer)
	if err != nil {
		return err
	}
	table, version, err := document[mapping.Table](ctx, w.Store, linksDocument)
	if err != nil {
		return err
	}
	tenants, err := w.tenants(ctx)
	if err != nil {
		return err
	}
	var line bytes.Buffer
	out := csv.NewWriter(&line)
	if err := out.WriteAll([][]string{{"tenant_id", column, "status"}, {string(c.Tenant.ID), ref, string(mapping.Linked)}}); err != nil {
		return err
	}
	next, edits, err := mapping.ImportLinks(&line, w.columns(), table.Choosing(c.Tenant.ID, column), tenants, w.lookUp(ctx))
	if problems := mapping.Problems(err); len(problems) > 0 {
		return usage("%s was not linked: %s: %s", c.Name, problems[0].Column, problems[0].Message)
	}
	if err != nil {
		return fmt.Errorf("%s was not linked: %w", c.Name, err)
	}
	if err := put(ctx, w.Store, linksDocument, version, next); err != nil {
		return err
	}
	return a.edits("link", edits)
}
