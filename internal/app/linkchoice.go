package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// A LinkChoice is what a person linked a customer to in one column.
type LinkChoice struct {
	Customer string // key, name or domain
	Column   mapping.Column
	Ref      string // empty: the link is taken away, with what is linked within it
	Reason   string // of taking it away
	// Seen is what the cell said where the person looked, see SeenLink; nil where nobody looked.
	Seen *string
}

// SeenLink is what a cell of the table says of a customer, so that it can be told whether it
// is another one since: the link in force, or that the customer is left out.
func SeenLink(c *mapping.Customer, column string) string {
	if c.Status == mapping.Ignored {
		return string(mapping.Ignored)
	}
	return c.Links[column]
}

// A MovedError says that what a person decided on is no longer as that person saw it, and
// that nothing was done. It is state.ErrConflict.
type MovedError struct{ Moved []string }

func (e *MovedError) Error() string {
	return "nothing was done, for this changed since you looked: " + strings.Join(e.Moved, "; ")
}

func (e *MovedError) Unwrap() error { return state.ErrConflict }

// ChooseLinks links customers to what a person chose: all of it or nothing. It is an import
// of these lines, and judged like one. What is linked so already is left as it is.
func (w *App) ChooseLinks(ctx context.Context, by Operator, choices []LinkChoice) ([]mapping.Edit, error) {
	table, version, err := Document[mapping.Table](ctx, w.Store, LinksDocument)
	if err != nil {
		return nil, err
	}
	tenants, err := w.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	chosen, err := w.chosenLinks(ctx, &table, table.Customers(tenants), choices)
	if err != nil || len(chosen.rows) == 0 {
		return nil, err
	}
	prepared := chosen.prepared(table)
	text, err := chosen.sheet(&prepared, w.Columns())
	if err != nil {
		return nil, err
	}
	names := namesFound{}
	next, edits, err := mapping.ImportLinks(text, w.Columns(), prepared, tenants, names.noting(w.lookUp(ctx)))
	if problems := mapping.Problems(err); len(problems) > 0 {
		return nil, chosen.refused(problems)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: nothing was linked: %w", chosen.names(), err)
	}
	about := concerning(linkConcerns(table, next), w.tableEntries(by, state.ActionSettle, LinksDocument, "", nil, edits))
	for i := range about {
		about[i].Why = choices[0].Reason
	}
	if err := Put(ctx, w.Store, LinksDocument, version, next, about...); err != nil {
		return edits, err
	}
	w.keepNames(ctx, names)
	return edits, nil
}

// ChooseLink links one customer in one column.
func (w *App) ChooseLink(ctx context.Context, by Operator, customer string, column mapping.Column, ref string) ([]mapping.Edit, error) {
	return w.ChooseLinks(ctx, by, []LinkChoice{{Customer: customer, Column: column, Ref: ref}})
}

// chosenLinks are choices by the rows of the table that they are about.
type chosenLinks struct {
	rows    []chosenRow
	columns []mapping.Column // of all choices
}

type chosenRow struct {
	customer mapping.Customer
	tenant   directory.TenantID
	columns  []mapping.Column
	refs     map[string]string // by column
}

// chosenLinks finds whom the choices are about. It refuses what contradicts itself, and what
// somebody decided otherwise since it was seen.
func (w *App) chosenLinks(ctx context.Context, table *mapping.Table, customers []mapping.Customer, choices []LinkChoice) (*chosenLinks, error) {
	out := &chosenLinks{}
	var moved []string
	for _, x := range choices {
		c, err := oneCustomer(customersMeant(customers, x.Customer), x.Customer)
		if err != nil {
			return nil, err
		}
		switch now := SeenLink(&c, x.Column.Name); {
		case x.Seen == nil || now == *x.Seen:
		case now == x.Ref:
			continue // somebody was faster, and said the same
		default:
			moved = append(moved, w.linkMoved(ctx, &c, x.Column, now))
			continue
		}
		if x.Ref == "" {
			for _, column := range w.Columns() { // what is linked within it goes with it
				for _, row := range c.Rows(table) {
					if (column.Name == x.Column.Name || column.Within == x.Column.Name) && row.Links[column.Name] != "" {
						out.row(&c, row.TenantID).take(out, column, "")
					}
				}
			}
			continue
		}
		row := out.row(&c, tenantOfLink(&c, table, x.Column))
		if other, twice := row.refs[x.Column.Name]; twice && other != x.Ref {
			return nil, Usage("%s can have one %s, and %s and %s were chosen: take one of them", c.Name, LinkNoun(x.Column.Name), other, x.Ref)
		}
		row.take(out, x.Column, x.Ref)
	}
	if len(moved) > 0 {
		return nil, &MovedError{moved}
	}
	if i := slices.IndexFunc(out.rows, func(r chosenRow) bool { return r.customer.Divided() }); i >= 0 && len(out.rows) > 1 {
		return nil, Usage("%s is a part of a tenant: link it by itself", out.rows[i].customer.Name)
	}
	return out, nil
}

// row is the row of a customer's tenant, which is added where it is not there yet.
func (x *chosenLinks) row(c *mapping.Customer, tenant directory.TenantID) *chosenRow {
	at := slices.IndexFunc(x.rows, func(r chosenRow) bool { return r.customer.Key == c.Key && r.tenant == tenant })
	if at < 0 {
		at = len(x.rows)
		x.rows = append(x.rows, chosenRow{customer: *c, tenant: tenant, refs: map[string]string{}})
	}
	return &x.rows[at]
}

// take notes what a column of the row is to say.
func (r *chosenRow) take(of *chosenLinks, column mapping.Column, ref string) {
	r.refs[column.Name], r.columns = ref, append(r.columns, column)
	if !slices.Contains(mapping.Names(of.columns), column.Name) {
		of.columns = append(of.columns, column)
	}
}

// linkMoved says what a link is now, and who made it so.
func (w *App) linkMoved(ctx context.Context, c *mapping.Customer, column mapping.Column, now string) string {
	text := fmt.Sprintf("%s is no longer linked to any %s", c.Name, LinkNoun(column.Name))
	switch {
	case now == string(mapping.Ignored):
		text = c.Name + " was left out of every target"
	case now != "":
		text = fmt.Sprintf("%s is linked to %s %s now", c.Name, LinkNoun(column.Name), now)
	}
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: c.Key, Limit: 20}) {
		if err != nil {
			break // what it is now is known all the same
		}
		if e.Key.Kind == LinksDocument {
			return fmt.Sprintf("%s (%s, %s)", text, e.By, e.At.In(w.Location).Format("2 Jan 15:04"))
		}
	}
	return text
}

// prepared is the table in which no suggestion is in force but what was chosen.
func (x *chosenLinks) prepared(table mapping.Table) mapping.Table {
	for _, r := range x.rows {
		table = table.PrepareChoice(r.tenant, r.columns...)
	}
	return table
}

// sheet are the choices as the lines of a table that somebody edited.
func (x *chosenLinks) sheet(table *mapping.Table, all []mapping.Column) (*bytes.Buffer, error) {
	head := []string{"tenant_id", "status"}
	divided := x.rows[0].customer.Divided()
	if divided {
		head = append(head, "filter", "customer")
	}
	columns := slices.DeleteFunc(slices.Clone(all), func(c mapping.Column) bool { return !slices.Contains(mapping.Names(x.columns), c.Name) })
	lines := [][]string{append(head, mapping.Names(columns)...)}
	line := func(r *chosenRow, row mapping.Row, is bool) {
		cells := []string{string(r.tenant), string(mapping.Linked)}
		if !is {
			cells[1] = string(row.Status)
		} else if slices.Contains(slices.Collect(maps.Values(r.refs)), "") {
			cells[1] = "" // linked, where another link is left
		}
		if divided {
			cells = append(cells, row.Filter, row.Customer)
		}
		for _, c := range columns {
			link := row.Links[c.Name]
			if ref, ok := r.refs[c.Name]; ok && is {
				link = ref
			}
			cells = append(cells, link)
		}
		lines = append(lines, cells)
	}
	for i := range x.rows {
		r := &x.rows[i]
		if !divided {
			row, _ := table.Row(r.tenant)
			line(r, row, true)
			continue
		}
		for _, row := range table.Rows { // the lines of a divided tenant are all that there is of it
			if row.TenantID == r.tenant {
				line(r, row, row.Customer == r.customer.Key)
			}
		}
	}
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	return &text, out.WriteAll(lines)
}

// refused says what is wrong with the choices, by customer.
func (x *chosenLinks) refused(problems []mapping.Problem) error {
	if len(x.rows) == 1 {
		return Usage("%s was not linked: %s: %s", x.rows[0].customer.Name, problems[0].Column, problems[0].Message)
	}
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.Message
		if at := p.Line - 2; at >= 0 && at < len(x.rows) { // the head is line 1
			texts[i] = x.rows[at].customer.Name + ": " + p.Column + ": " + p.Message
		}
	}
	return Usage("nothing was linked: %s", strings.Join(texts, "; "))
}

func (x *chosenLinks) names() string {
	return Names(x.rows, func(r chosenRow) string { return r.customer.Name })
}

// tenantOfLink is the tenant on whose line a link of the customer stands, or is to stand.
func tenantOfLink(c *mapping.Customer, table *mapping.Table, column mapping.Column) directory.TenantID {
	rows := c.Rows(table)
	for _, name := range []string{column.Name, column.Within} {
		if i := slices.IndexFunc(rows, func(r mapping.Row) bool { return name != "" && r.Links[name] != "" }); i >= 0 {
			return rows[i].TenantID
		}
	}
	return c.Parts[0].Tenant.ID
}
