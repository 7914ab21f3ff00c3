package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"syncd/internal/directory"
)

// customers says how many lines have each name of a customer.
func (s *sheet) customers() map[string]int {
	times := map[string]int{}
	for _, l := range s.lines {
		if text, _ := s.cell(l, "customer"); foldName(text) != "" {
			times[foldName(text)]++
		}
	}
	return times
}

// customer returns the customer's own name, or nothing where it is the tenant's, and
// whether the lines of that name add up: several of the file have it, or it is that of
// a customer of several tenants.
func (in *linkImport) customer(l line, tenant directory.Tenant, before Row) (name string, together bool) {
	text, there := in.cell(l, "customer")
	if !there {
		return before.Customer, before.Together
	}
	folded := foldName(text)
	if before.Filter != "" {
		if folded == "" {
			in.report(l, "customer", "empty: a part of a tenant is a customer by itself, and its name is its key; give it one")
		}
		return strings.TrimSpace(text), false
	}
	if folded != "" && (in.customers[folded] > 1 || len(in.groups[folded]) > 0) {
		return strings.TrimSpace(text), true
	}
	label, listed := in.names[rowKey{tenant: tenant.ID}]
	switch {
	case listed && text == label:
		return before.Customer, false // as exported, perhaps with a domain to tell it apart
	case strings.TrimSpace(text) == "" || text == tenant.Name:
		return "", false
	}
	for _, key := range in.called(folded) {
		if key.tenant != tenant.ID && !in.inFile(key.tenant) {
			in.report(l, "customer", "tenant %s is called %q too, and its line is not in the file: put both lines into one file for the two to add up, or give each its own name", key.tenant, text)
			break
		}
	}
	return text, false
}

// called are the tenants whose customer has a name, sorted.
func (in *linkImport) called(folded string) []rowKey {
	if in.labels == nil {
		in.labels = map[string][]rowKey{}
		for _, key := range slices.SortedFunc(maps.Keys(in.names), func(a, b rowKey) int { return cmp.Compare(a.tenant, b.tenant) }) {
			name := foldName(in.names[key])
			in.labels[name] = append(in.labels[name], key)
		}
	}
	return in.labels[folded]
}

// inFile reports whether a line of the file is about a tenant.
func (in *linkImport) inFile(id directory.TenantID) bool {
	return slices.ContainsFunc(in.sheet.lines, func(l line) bool {
		text, _ := in.trimmed(l, "tenant_id")
		return strings.EqualFold(text, string(id))
	})
}

// table is the table of rows. A row that others of its name have left stands alone, and
// customers of several tenants that are no more are noted.
func (in *linkImport) table(next map[rowKey]Row) Table {
	out := Table{Rows: slices.SortedFunc(maps.Values(next), compareRows)}
	groups := out.together()
	for i := range out.Rows {
		out.Rows[i].Together = groups[out.Rows[i].group()] != nil
	}
	former := map[string]Former{}
	for _, f := range in.current.Former {
		former[f.Key] = f
	}
	for _, rows := range in.groups {
		f := Former{Key: rows[0].Customer}
		for _, row := range rows {
			f.Tenants = append(f.Tenants, row.TenantID)
		}
		former[f.Key] = f
	}
	for id, rows := range in.divided {
		for _, row := range rows {
			former[row.Customer] = Former{Key: row.Customer, Tenants: []directory.TenantID{id}}
		}
	}
	for _, rows := range groups {
		delete(former, rows[0].Customer)
	}
	for _, row := range out.Rows {
		if row.Filter != "" {
			delete(former, row.Customer)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(former)) {
		out.Former = append(out.Former, former[key])
	}
	return out
}

// checkTogether reports what is wrong with lines that add up to one customer.
func (in *linkImport) checkTogether(next *Table) {
	groups := next.together()
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		rows := groups[name]
		l, inFile := line{}, false
		for _, row := range rows { // the last line of the file that has to do with it
			if x, there := in.lines[row.key()]; there && (!inFile || x.number > l.number) {
				l, inFile = x, true
			}
		}
		if !inFile {
			continue
		}
		first := rows[0].Customer
		if i := slices.IndexFunc(rows, func(r Row) bool { return r.Customer != first }); i >= 0 {
			in.report(l, "customer", "%q and %q are one customer, whose name is its key: write it alike on all its lines", first, rows[i].Customer)
		}
		if why := badKey(first); why != "" {
			in.report(l, "customer", "%q is the key of a customer of several tenants, and %s: choose another name", first, why)
		}
		linked, ignored := 0, 0
		for _, row := range rows {
			switch row.Status {
			case Linked:
				linked++
			case Ignored:
				ignored++
			}
		}
		if ignored > 0 && ignored < len(rows) {
			in.report(l, "status", "some lines of customer %q are ignored and others are not: they are one customer; ignore all of them or none, or give what is left out a name of its own", first)
		}
		links := joinedLinks(rows)
		if linked > 0 && len(links) == 0 {
			in.report(l, "status", "linked, and no line of customer %q has a link: fill one in or write %s", first, Unmapped)
		}
		for _, c := range in.columns {
			in.checkOuter(l, c, links)
			in.checkAgree(l, c, rows)
			if c.OneTenant && links[c.Name] != "" {
				in.report(l, c.Name, "customer %q is made of %d tenants, and %s is kept in step for one tenant alone: leave the column empty on its lines", first, len(rows), cmp.Or(c.Noun, c.Name))
			}
		}
	}
}

// checkAgree reports links of one customer that differ.
func (in *linkImport) checkAgree(l line, c Column, rows []Row) {
	value := ""
	for _, row := range rows {
		is := row.Links[c.Name]
		if row.Status != Linked || is == "" {
			continue
		}
		if value != "" && is != value {
			in.report(l, c.Name, "the lines of customer %q say %s and %s: write the same on all its lines, or leave all but one empty", row.Customer, value, is)
			return
		}
		value = is
	}
}

// badKey says why a text cannot be the key of a customer.
func badKey(text string) string {
	_, err := directory.ParseTenantID(text)
	switch {
	case err == nil:
		return "it is the form of a tenant's id"
	case utf8.RuneCountInString(text) > 200:
		return "it is longer than 200 characters"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "it has characters that cannot be seen"
	}
	return ""
}

// checkShared reports lines that link a customer to where another one is billed
// already: each would overwrite the other's numbers, every run. Lines that
// leave such links as they are pass.
func (in *linkImport) checkShared(next *Table) {
	for _, c := range in.columns {
		if c.Exclusive {
			in.checkSharedIn(c, next)
		}
	}
}

func (in *linkImport) checkSharedIn(outer Column, next *Table) {
	inner := outer // what tells two links of one place apart
	if i := slices.IndexFunc(in.columns, func(c Column) bool { return c.Within == outer.Name }); i >= 0 {
		inner = in.columns[i]
	}
	type place struct{ outer, inner string }
	at := map[place][]Row{}
	for _, row := range in.linkedRows(next) {
		if row.Links[outer.Name] != "" {
			p := place{row.Links[outer.Name], row.Links[inner.Name]}
			at[p] = append(at[p], row)
		}
	}
	for p, rows := range at {
		for i, row := range rows {
			l, inFile := in.lines[row.key()]
			before := in.linksBefore(row.key())
			if len(rows) == 1 || !inFile || before[outer.Name] == p.outer && before[inner.Name] == p.inner {
				continue
			}
			other := rows[(i+1)%len(rows)]
			in.report(l, outer.Name, "tenant %s (%s) is linked to %s %s too: two tenants on one %s overwrite each other; give each its own %s",
				other.TenantID, cmp.Or(other.Customer, other.Tenant), outer.thing(), p.outer, inner.thing(), inner.Name)
		}
	}
}

// linkedRows are the rows whose links are in force, one for a customer of several:
// with all its links, and of the file where one of them is.
func (in *linkImport) linkedRows(t *Table) []Row {
	groups, out := t.together(), []Row{}
	for _, row := range t.Rows {
		if groups[row.group()] == nil && row.Status == Linked {
			out = append(out, row)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		rows := groups[name]
		i := max(0, slices.IndexFunc(rows, func(r Row) bool { _, inFile := in.lines[r.key()]; return inFile }))
		row := rows[i]
		row.Links = joinedLinks(rows)
		out = append(out, row)
	}
	return out
}

// linksBefore are the links in force of a tenant's customer before the import.
func (in *linkImport) linksBefore(key rowKey) Links {
	row, _ := in.current.row(key)
	if rows := in.groups[row.group()]; rows != nil {
		return joinedLinks(rows)
	}
	if row.Status != Linked {
		return nil
	}
	return row.Links
}
