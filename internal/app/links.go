package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// A LinkLine is one customer with its links; the tenants of several have a plus
// between.
type LinkLine struct {
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

// A LinkList is every customer with its links.
type LinkList struct {
	Customers []LinkLine `json:"customers"`
}

// ListLinks returns every customer with its links, by name.
func (w *App) ListLinks(ctx context.Context) ([]LinkLine, error) {
	table, customers, err := w.Customers(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(customers, func(x, y mapping.Customer) int {
		return strings.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
	})
	lines := []LinkLine{}
	for _, c := range customers {
		l := LinkLine{Customer: c.Name, Key: c.Key, Tenant: c.Tenants(tenantName), Domain: c.Tenants(tenantDomain),
			Status: c.Status, Reason: c.Reason, Links: mapping.Links{}}
		row := c.Row(&table)
		if row.Links != nil {
			l.Links = row.Links
		}
		l.Proposed = row.Proposed
		lines = append(lines, l)
	}
	return lines, nil
}

// ExportLinks writes the links as CSV and returns how many lines it has. nameless
// says why the names beside the ids are left blank; nil where they are not.
func (w *App) ExportLinks(ctx context.Context, out *bytes.Buffer) (lines int, nameless, err error) {
	table, customers, err := w.Customers(ctx)
	if err != nil {
		return 0, nil, err
	}
	if nameless = mapping.ExportLinks(out, w.Columns(), customers, table, w.lookUp(ctx)); nameless != nil {
		out.Reset()
		if err := mapping.ExportLinks(out, w.Columns(), customers, table, nil); err != nil {
			return 0, nil, fmt.Errorf("writing the links: %w", err)
		}
	}
	for _, c := range customers {
		lines += len(c.Parts)
	}
	return lines, nameless, nil
}

func tenantName(t directory.Tenant) string   { return t.Name }
func tenantDomain(t directory.Tenant) string { return t.DefaultDomain }

// ImportLinks reads links from the CSV text of a file: all of it or nothing.
// The warnings are about what was set for those who are no customer any more.
func (w *App) ImportLinks(ctx context.Context, by Operator, file string, text []byte) (edits []mapping.Edit, warnings []string, err error) {
	tenants, err := w.Tenants(ctx)
	if err != nil {
		return nil, nil, err
	}
	table, version, err := Document[mapping.Table](ctx, w.Store, LinksDocument)
	if err != nil {
		return nil, nil, err
	}
	names := namesFound{}
	next, edits, err := mapping.ImportLinks(bytes.NewReader(text), w.Columns(), table, tenants, names.noting(w.lookUp(ctx)))
	if err != nil {
		return nil, nil, importRefused(file, err)
	}
	if warnings, err = w.leftUncounted(ctx, &next, tenants); err != nil {
		return nil, nil, err
	}
	if err := Put(ctx, w.Store, LinksDocument, version, next,
		concerning(linkConcerns(table, next), w.tableEntries(by, state.ActionImport, LinksDocument, file, text, edits))...); err != nil {
		return edits, warnings, err
	}
	w.keepNames(ctx, names)
	return edits, warnings, nil
}

// leftUncounted names what was set for customers that are none by a table of links: nobody's
// bill follows it any more.
func (w *App) leftUncounted(ctx context.Context, links *mapping.Table, tenants []directory.Tenant) ([]string, error) {
	tables, err := w.moneyTables(ctx)
	if err != nil {
		return nil, err
	}
	former := links.FormerKeys(links.Customers(tenants))
	var out []string
	for _, key := range slices.Sorted(maps.Keys(former)) {
		if set := tables.SetFor(key, w.today()); len(set) > 0 {
			out = append(out, fmt.Sprintf("%s is no customer by these links, and what was set for it alone counts no longer: %s; set it for %s as far as it is to go on, and end the rest",
				key, strings.Join(set, ", "), strings.Join(former[key], " and ")))
		}
	}
	return out, nil
}

// importRefused says that a table was not taken, and whether that is the table's fault.
func importRefused(file string, err error) error {
	if mapping.Problems(err) == nil {
		return fmt.Errorf("%s: nothing was imported: %w", file, err)
	}
	return Usage("%s: nothing was imported:\n%w", file, err)
}

// IgnoreLink leaves a customer out of every target. seen is the customer's status where the
// person looked; empty where nobody looked.
func (w *App) IgnoreLink(ctx context.Context, by Operator, customer, reason string, seen mapping.Status) ([]mapping.Edit, error) {
	table, version, err := Document[mapping.Table](ctx, w.Store, LinksDocument) // before the customer: who changes it meanwhile is met at the end
	if err != nil {
		return nil, err
	}
	c, err := w.Customer(ctx, customer)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Status == mapping.Ignored && c.Reason == reason:
		return nil, nil // said already
	case seen == "" || seen == mapping.Ignored:
	case c.Status == mapping.Ignored, c.Status == mapping.Linked && seen != mapping.Linked:
		return nil, &MovedError{[]string{fmt.Sprintf("%s is %s now", c.Name, c.Status)}}
	}
	before := cmp.Or(c.Status, mapping.Unmapped)
	rows := c.Rows(&table)
	for i := range rows {
		rows[i].Status, rows[i].Reason = mapping.Ignored, reason
	}
	edits := []mapping.Edit{{Key: c.Key, Name: c.Name, Column: "status", Before: string(before), After: string(mapping.Ignored)}}
	next := table.With(rows...)
	about := concerning(linkConcerns(table, next), w.tableEntries(by, state.ActionSettle, LinksDocument, "", nil, edits))
	about[0].Why = reason
	return edits, Put(ctx, w.Store, LinksDocument, version, next, about...)
}

// LetIn takes back that a customer is left out. What it was linked to before is suggested, and in force once
// somebody says so. seen is as for IgnoreLink.
func (w *App) LetIn(ctx context.Context, by Operator, customer, reason string, seen mapping.Status) ([]mapping.Edit, error) {
	table, version, err := Document[mapping.Table](ctx, w.Store, LinksDocument)
	if err != nil {
		return nil, err
	}
	c, err := w.Customer(ctx, customer)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Status != mapping.Ignored && seen == mapping.Ignored:
		return nil, nil // said already
	case c.Status != mapping.Ignored:
		return nil, Usage("%s is not left out", c.Name)
	case seen != "" && seen != mapping.Ignored:
		return nil, &MovedError{[]string{fmt.Sprintf("%s was left out%s", c.Name, Because(c.Reason))}}
	}
	rows, now := c.Rows(&table), mapping.Unmapped
	for i := range rows {
		rows[i].Status, rows[i].Reason = mapping.Unmapped, ""
		if len(rows[i].Links) > 0 {
			rows[i].Status, rows[i].Reason, now = mapping.Suggested, "0.50: it was so before it was left out", mapping.Suggested
		}
	}
	edits := []mapping.Edit{{Key: c.Key, Name: c.Name, Column: "status", Before: string(mapping.Ignored), After: string(now)}}
	next := table.With(rows...)
	about := concerning(linkConcerns(table, next), w.tableEntries(by, state.ActionSettle, LinksDocument, "", nil, edits))
	about[0].Why = reason
	return edits, Put(ctx, w.Store, LinksDocument, version, next, about...)
}

// AcceptLinks puts suggestions in force: those of the named customers, or all that
// score least or more where nobody is named.
func (w *App) AcceptLinks(ctx context.Context, by Operator, customers []string, least float64) ([]mapping.Edit, error) {
	table, version, err := Document[mapping.Table](ctx, w.Store, LinksDocument)
	if err != nil {
		return nil, err
	}
	named := map[directory.TenantID]bool{}
	for _, text := range customers {
		c, err := w.Customer(ctx, text)
		if err != nil {
			return nil, err
		}
		if row := c.Row(&table); row.Status != mapping.Suggested && len(row.Proposed) == 0 {
			return nil, Usage("nothing is suggested for %s; see syncd map suggest", c.Name)
		}
		named[c.Tenant.ID] = true
	}
	var rows []mapping.Row
	edits := []mapping.Edit{}
	for _, row := range table.Rows {
		from := least
		if len(customers) > 0 {
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
				After: fmt.Sprintf("%s to %s %s", mapping.Linked, LinkNoun(column), next.Links[column])})
		}
	}
	if len(rows) == 0 {
		return edits, nil
	}
	accepted := table.With(rows...)
	return edits, Put(ctx, w.Store, LinksDocument, version, accepted,
		concerning(linkConcerns(table, accepted), w.tableEntries(by, state.ActionSettle, LinksDocument, "", nil, edits))...)
}

// lookUp finds what people write into link cells, each column in its system.
func (w *App) lookUp(ctx context.Context) mapping.LookUp {
	return func(column string, texts []string) (map[string]mapping.Found, error) {
		for _, s := range w.Config.systems {
			if r, ok := s.System.(Resolver); ok && slices.Contains(mapping.Names(s.Columns()), column) {
				return r.LookUp(ctx, column, texts)
			}
		}
		return nil, fmt.Errorf("the system of the column %s is not configured", column)
	}
}
