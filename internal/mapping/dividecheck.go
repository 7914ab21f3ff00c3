package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// filter is whom of its tenant a line is about, as it is kept; empty for all.
func (in *linkImport) filter(l line) string {
	text, _ := in.trimmed(l, "filter")
	if text == "" {
		return ""
	}
	if strings.EqualFold(text, Rest) {
		return Rest
	}
	who, err := ParseWho(text)
	switch {
	case err != nil:
		in.report(l, "filter", "%v; or write %s for whom no other part takes", err, Rest)
		return text
	case who.Empty():
		in.report(l, "filter", "%q takes everybody: leave the column empty for a whole tenant, or write whom it takes", text)
	}
	return who.String()
}

// dropFormer takes out of next the rows of the tenants that the file divides anew, or
// makes whole again, and says which parts go.
func (in *linkImport) dropFormer(next map[rowKey]Row) []Edit {
	divides, lines := map[directory.TenantID]bool{}, map[rowKey]line{}
	for _, l := range in.sheet.lines {
		text, _ := in.trimmed(l, "tenant_id")
		id, err := directory.ParseTenantID(text)
		if err != nil {
			continue
		}
		text, _ = in.trimmed(l, "filter")
		if who, err := ParseWho(text); err == nil {
			text = who.String()
		}
		divides[id] = divides[id] || text != ""
		lines[rowKey{id, strings.ToLower(text)}] = l
	}
	named := map[directory.TenantID]line{}
	for key, l := range lines {
		named[key.tenant] = l
	}
	var edits []Edit
	for _, row := range slices.SortedFunc(maps.Values(next), compareRows) {
		l, inFile := named[row.TenantID]
		if _, stays := lines[row.key()]; !inFile || stays || row.Filter == "" && !divides[row.TenantID] {
			continue
		}
		delete(next, row.key())
		e := Edit{l.number, string(row.TenantID), cmp.Or(row.Customer, row.Tenant), "filter", row.Filter, ""}
		if row.Filter == "" {
			e.Column, e.Before, e.After = "status", string(row.Status), "divided"
		}
		edits = append(edits, e)
	}
	return edits
}

// filterBefore is the filter that a row had before the import; empty for a new one.
func (in *linkImport) filterBefore(before Row) string {
	row, _ := in.current.row(before.key())
	return row.Filter
}

// checkDivided reports what is wrong with the lines of tenants that are divided.
func (in *linkImport) checkDivided(next *Table) {
	owner := map[string]rowKey{} // by name of a customer
	for _, row := range next.Rows {
		l, inFile := in.lines[row.key()]
		name := foldName(row.Customer)
		first, twice := owner[name]
		if name != "" && !twice {
			owner[name] = row.key()
		}
		if row.Filter == "" {
			if inFile && twice && first.filter != "" {
				in.report(l, "customer", "%q is a part of a tenant: a part is a customer by itself, and does not add up with other lines yet; give the two names of their own", row.Customer)
			}
			continue
		}
		if !inFile {
			continue
		}
		if _, whole := in.lines[rowKey{tenant: row.TenantID}]; whole {
			in.report(l, "filter", "tenant %s is on a line without a filter too: it is one customer, or all its lines have a filter", row.TenantID)
		}
		if twice {
			in.report(l, "customer", "%q is on another line already: a part of a tenant is a customer by itself, and does not add up with other lines yet; give the two names of their own", row.Customer)
		}
		if why := badKey(row.Customer); why != "" {
			in.report(l, "customer", "%q is the key of a part of a tenant, and %s: choose another name", row.Customer, why)
		}
		for _, c := range in.columns {
			if !c.Parts && row.Links[c.Name] != "" {
				in.report(l, c.Name, "whole tenants alone are kept in step there: leave the cell of a part empty")
			}
		}
	}
}
