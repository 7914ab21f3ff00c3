package mapping

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xrash/smetrics"

	"syncd/internal/directory"
)

// ITGlueOrganization is the column of the IT Glue organization.
const ITGlueOrganization = "itglue_organization"

// SCIMColumn returns the column of a SCIM target.
func SCIMColumn(name string) string { return "scim_" + name }

// LinkHeader returns the head of the link table for the link columns of the
// systems that are configured, in their order, each id with its name beside it.
func LinkHeader(columns []Column) []string {
	head := []string{"customer", "tenant_id", "tenant", "filter"}
	for _, column := range columns {
		if head = append(head, column.Name); column.Numeric() {
			head = append(head, NameColumn(column.Name))
		}
	}
	return append(head, "status", "reason")
}

// ExportLinks writes the link table as CSV for Excel: one line a tenant, customers in
// the order given, unmapped ones and suggestions included. The cells of a
// suggestion show its links, which are not in force. Two customers of one name
// are told apart by their domain. look finds the names of the linked entities;
// where it is nil, or does not know one, the name is left blank.
func ExportLinks(w io.Writer, columns []Column, customers []Customer, table Table, look LookUp) error {
	names := uniqueNames(customers)
	var rows []Row // as they are shown
	ids := map[string][]string{}
	for _, c := range customers {
		for _, p := range c.Parts {
			row, _ := table.row(p.key())
			row.Customer, row.TenantID, row.Tenant, row.Status = names[p.key()], p.Tenant.ID, p.Tenant.Name, cmp.Or(row.Status, Unmapped)
			if row.Status == Unmapped {
				row.Links = nil
			}
			for column, id := range row.Links {
				ids[column] = append(ids[column], id)
			}
			rows = append(rows, row)
		}
	}
	entities := map[string]map[string]Found{}
	for _, column := range columns {
		of := ids[column.Name]
		if look == nil || !column.Numeric() || len(of) == 0 {
			continue
		}
		slices.Sort(of)
		found, err := look(column.Name, slices.Compact(of))
		if err != nil {
			return fmt.Errorf("looking up what %s leads to: %w", column.Name, err)
		}
		entities[column.Name] = found
	}
	lines := [][]string{LinkHeader(columns)}
	for i := range rows {
		row := &rows[i]
		cells := []string{row.Customer, string(row.TenantID), row.Tenant, row.Filter}
		for _, column := range columns {
			id := row.Links[column.Name]
			if cells = append(cells, id); column.Numeric() {
				cells = append(cells, entities[column.Name][id].Name)
			}
		}
		lines = append(lines, append(cells, string(row.Status), row.Reason))
	}
	return writeSheet(w, lines)
}

// uniqueNames returns, for each row, a name of its customer that no other customer has:
// an import takes customers of one name for one. The name of a customer that is not one
// whole tenant is its key, and stays.
func uniqueNames(customers []Customer) map[rowKey]string {
	out := make(map[rowKey]string, len(customers))
	keys := map[string]int{} // names that are keys, each once
	for _, c := range customers {
		if c.Several() || c.Divided() {
			keys[foldName(c.Name)] = 1
			continue
		}
		out[rowKey{tenant: c.Tenant.ID}] = c.Name
	}
	// The domain may be missing or make a name that another customer has; the
	// tenant id cannot.
	for _, suffix := range []func(directory.Tenant) string{
		func(t directory.Tenant) string { return t.DefaultDomain },
		func(t directory.Tenant) string { return string(t.ID) },
	} {
		times := maps.Clone(keys)
		for _, label := range out {
			times[foldName(label)]++
		}
		for _, c := range customers {
			key := rowKey{tenant: c.Tenant.ID}
			if label := foldName(out[key]); label != "" && times[label] > 1 && suffix(c.Tenant) != "" {
				out[key] = fmt.Sprintf("%s (%s)", c.Name, suffix(c.Tenant))
			}
		}
	}
	for _, c := range customers {
		for _, p := range c.Parts {
			if c.Several() || c.Divided() {
				out[p.key()] = c.Name
			}
		}
	}
	return out
}

// foldName is a name in lower case, with single spaces between its words.
func foldName(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

// ImportLinks reads an edited link table and returns current with its lines
// in place, sorted by tenant id, and what changes. Rows of tenants that the
// file does not name stay, as do columns it does not have. Of a tenant that is divided,
// or comes to be, the lines of the file are all that there is.
//
// known are the tenants that the source lists, nil where nobody asked it: a
// tenant id outside known and current is then no problem. look finds what ids and
// names lead to; where it is nil nothing is looked up, and names are no links.
//
// Where any line is bad it returns current as it is and an *ImportError; another
// error says that the links could not be looked up.
func ImportLinks(r io.Reader, columns []Column, current Table, known []directory.Tenant, look LookUp) (Table, []Edit, error) {
	s, err := readSheet(r, LinkHeader(columns), "tenant_id")
	if err != nil {
		return current, nil, err
	}
	in := &linkImport{sheet: s, columns: columns, current: current, known: known,
		names: uniqueNames(current.Customers(known)), lines: map[rowKey]line{}, customers: s.customers(), groups: current.together(), divided: current.divided()}
	if err := in.lookUp(look); err != nil {
		return current, nil, err
	}
	next := make(map[rowKey]Row, len(current.Rows)+len(s.lines))
	for _, row := range current.Rows {
		next[row.key()] = row
	}
	edits := in.dropFormer(next)
	for _, l := range s.lines {
		before, after, ok := in.row(l)
		if !ok {
			continue
		}
		edits = append(edits, in.edits(l, before, after)...)
		if after.Status == Unmapped && after.Customer == "" && len(after.Links) == 0 && after.Reason == "" {
			delete(next, after.key())
		} else {
			next[after.key()] = after
		}
	}
	out := in.table(next)
	in.checkTogether(&out)
	in.checkDivided(&out)
	in.checkShared(&out)
	if err := s.err(); err != nil {
		return current, nil, err
	}
	return out, edits, nil
}

type linkImport struct {
	*sheet
	columns   []Column
	current   Table
	known     []directory.Tenant
	entities  map[string]map[string]Found  // by column and text; nil where nothing was looked up
	names     map[rowKey]string            // as export calls the customers now
	lines     map[rowKey]line              // where a tenant, or a part of it, was seen first
	customers map[string]int               // how many lines have a customer's name
	divided   map[directory.TenantID][]Row // tenants that are in parts now
	labels    map[string][]rowKey          // whose customer has a name; made when first asked
	groups    map[string][]Row             // that add up now
}

// row returns what a line makes of its tenant's row, and the row as it is now.
// It is false where the line is bad.
func (in *linkImport) row(l line) (before, after Row, ok bool) {
	problems := len(in.problems)
	tenant, ok := in.tenant(l)
	if !ok {
		return
	}
	before = Row{TenantID: tenant.ID, Tenant: tenant.Name, Filter: in.filter(l)}
	if _, there := in.cell(l, "filter"); !there && len(in.divided[tenant.ID]) > 0 {
		in.report(l, "tenant_id", "tenant %s is divided into parts, and the file does not say which the line is about: add the column filter", tenant.ID)
		return before, before, false
	}
	if first, twice := in.lines[before.key()]; twice {
		of := "tenant " + string(tenant.ID)
		if before.Filter != "" {
			of = fmt.Sprintf("part %q of %s", before.Filter, of)
		}
		in.report(l, "tenant_id", "%s is on line %d already: keep one of the two lines", of, first.number)
		return before, after, false
	}
	in.lines[before.key()] = l
	if row, exists := in.current.row(before.key()); exists {
		before = row
	}
	before.Status = cmp.Or(before.Status, Unmapped)
	after = before
	after.Tenant = cmp.Or(tenant.Name, before.Tenant)
	after.Customer, after.Together = in.customer(l, tenant, before)
	if reason, there := in.cell(l, "reason"); there {
		after.Reason = reason
	}
	after.Links = in.links(l, before.Links)
	after.Status = in.status(l, before, after)
	if after.Status == Unmapped {
		after.Links = nil
	}
	after.Proposed = after.openProposals()
	for _, c := range in.columns {
		if after.Status == Linked && !after.Together {
			in.checkOuter(l, c, after.Links)
		}
	}
	return before, after, len(in.problems) == problems
}

// tenant finds the tenant of a line.
func (in *linkImport) tenant(l line) (directory.Tenant, bool) {
	text, _ := in.trimmed(l, "tenant_id")
	called, _ := in.cell(l, "tenant")
	id, err := directory.ParseTenantID(text)
	if err != nil {
		if text == "" {
			in.report(l, "tenant_id", "empty: write the tenant's id%s", in.didYouMean(l))
		} else {
			in.report(l, "tenant_id", "%v%s", err, in.didYouMean(l, text))
		}
		return directory.Tenant{}, false
	}
	if i := slices.IndexFunc(in.known, func(t directory.Tenant) bool { return t.ID == id }); i >= 0 {
		tenant := in.known[i]
		// After a sort of one column alone every cell looks right, and every tenant is
		// linked to another one's company.
		if called != "" && foldName(called) != foldName(tenant.Name) {
			if j := slices.IndexFunc(in.known, func(t directory.Tenant) bool { return foldName(t.Name) == foldName(called) }); j >= 0 {
				in.report(l, "tenant", "%s is tenant %q, and %q is tenant %s: were some columns sorted without the others? Export again", id, tenant.Name, called, in.known[j].ID)
				return tenant, false
			}
		}
		return tenant, true
	}
	if i := slices.IndexFunc(in.current.Rows, func(r Row) bool { return r.TenantID == id }); i >= 0 {
		return directory.Tenant{ID: id, Name: in.current.Rows[i].Tenant}, true
	}
	if in.known != nil {
		in.report(l, "tenant_id", "the source lists no tenant %s: correct the id or leave the line out%s", id, in.didYouMean(l))
		return directory.Tenant{}, false
	}
	return directory.Tenant{ID: id, Name: called}, true
}

// didYouMean returns a hint at the tenant whose names and domains are most similar to
// those on the line, or the empty text.
func (in *linkImport) didYouMean(l line, words ...string) string {
	for _, column := range []string{"tenant", "customer"} {
		if text, _ := in.trimmed(l, column); text != "" {
			words = append(words, text)
		}
	}
	var best directory.Tenant
	score := 0.85 // below, similar names are chance
	for _, word := range words {
		for _, t := range in.known {
			for _, name := range []string{t.Name, t.DefaultDomain, t.InitialDomain, string(t.ID)} {
				if name == "" {
					continue
				}
				if s := smetrics.JaroWinkler(foldName(word), foldName(name), 0.7, 4); s > score {
					best, score = t, s
				}
			}
		}
	}
	if best.ID == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s, %s, %s?)", best.ID, best.Name, best.DefaultDomain)
}

// lookUp looks up all links of the file, with one call a column.
func (in *linkImport) lookUp(look LookUp) error {
	if look == nil {
		return nil
	}
	in.entities = map[string]map[string]Found{}
	for _, column := range in.columns {
		var texts []string
		for _, l := range in.sheet.lines {
			if text, _ := in.trimmed(l, column.Name); column.Numeric() && text != "" && checkCell(text) == nil {
				texts = append(texts, plainID(text))
			}
		}
		if len(texts) == 0 {
			continue
		}
		slices.Sort(texts)
		found, err := look(column.Name, slices.Compact(texts))
		if err != nil {
			return fmt.Errorf("looking up what %s leads to: %w", column.Name, err)
		}
		in.entities[column.Name] = found
	}
	return nil
}

// links returns the links of a line: those of before, changed by the line's cells.
func (in *linkImport) links(l line, before Links) Links {
	links := Links{}
	maps.Copy(links, before)
	for _, column := range in.columns {
		at := column.Name
		text, there := in.trimmed(l, at)
		name, _ := in.trimmed(l, NameColumn(at))
		switch {
		case !there:
			continue
		case text == "":
			if name != "" && before[at] == "" {
				in.report(l, at, "empty, and %s says %q: write the id, or the name, here", NameColumn(at), name)
			}
			delete(links, at)
			continue
		case text == before[at] && name == "":
			continue // as it was, whatever has become of it since
		}
		value, err := in.resolve(column, text, name, before[at])
		if err != nil {
			in.report(l, at, "%v", err)
		}
		// Kept where it is bad too: the rest of the line is judged as if it were good.
		links[at] = cmp.Or(value, text)
	}
	if len(links) == 0 {
		return nil
	}
	in.checkWithin(l, before, links)
	return links
}

// checkWithin reports a link that belongs to another entity than the line's, such as an
// agreement of another company.
func (in *linkImport) checkWithin(l line, before, links Links) {
	for _, c := range in.columns {
		outer := in.within(c)
		id, owner := links[c.Name], links[outer.Name]
		if id == "" || owner == "" || owner == before[outer.Name] && id == before[c.Name] {
			continue
		}
		if of := in.entities[c.Name][id]; of.Err == nil && of.Company != "" && of.Company != owner {
			in.report(l, c.Name, "%s %s (%s) belongs to %s %s and not to %s: correct the one or the other", c.thing(), id, of.Name, outer.thing(), of.Company, owner)
		}
	}
}

// checkOuter reports a link without that of the entity that it belongs to.
func (in *linkImport) checkOuter(l line, c Column, links Links) {
	if outer := in.within(c); outer.Name != "" && links[c.Name] != "" && links[outer.Name] == "" {
		in.report(l, c.Name, "%s needs its %s: fill in %s too", c.Noun, outer.thing(), outer.Name)
	}
}

// within is the column of the entity that a column's links belong to, if any.
func (in *linkImport) within(c Column) Column {
	i := slices.IndexFunc(in.columns, func(outer Column) bool { return c.Within != "" && outer.Name == c.Within })
	if i < 0 {
		return Column{}
	}
	return in.columns[i]
}

var (
	wholeNumber = regexp.MustCompile(`^([1-9][0-9]*)[.,]0{1,2}$`)
	exponent    = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE][+-][0-9]{2,}$`)
	cellError   = regexp.MustCompile(`^#[A-Z0-9/]+[!?A]?$`)
)

// plainID takes away what a spreadsheet adds to whole numbers.
func plainID(text string) string {
	if m := wholeNumber.FindStringSubmatch(text); m != nil {
		return m[1] // "250.0": what a spreadsheet makes of 250, and nothing else
	}
	return text
}

// resolve returns the id that a cell stands for; name is the cell beside it, was the
// present link.
func (in *linkImport) resolve(column Column, text, name, was string) (string, error) {
	if err := checkCell(text); err != nil {
		return "", err
	}
	if !column.Numeric() {
		return text, nil
	}
	text = plainID(text)
	n, err := strconv.ParseInt(text, 10, 64)
	isID := err == nil && n > 0 && strconv.FormatInt(n, 10) == text
	found, exists := in.entities[column.Name][text]
	switch {
	case roundedBySpreadsheet(was, text):
		return "", fmt.Errorf("%s looks like %s after a spreadsheet had rounded it: format the column as text and write the id again", text, was)
	case isID && in.entities == nil:
		return text, nil
	case isID:
		return text, checkEntity(column, found, exists, text, name)
	case !exists:
		return "", fmt.Errorf("%q is not %s id (a number)", text, column.Noun)
	}
	return found.ID, checkEntity(column, found, exists, text, name)
}

// checkCell returns an error where a spreadsheet damaged an id.
func checkCell(text string) error {
	switch {
	case exponent.MatchString(text):
		return fmt.Errorf("%q is a number that a spreadsheet cut short: format the column as text and write the id again", text)
	case cellError.MatchString(text):
		return fmt.Errorf("%q is a formula that went wrong in a spreadsheet: write the value", text)
	}
	return nil
}

// status decides the status of a row from the line's own status and its links.
func (in *linkImport) status(l line, before, after Row) Status {
	text, there := in.trimmed(l, "status")
	status := Status(strings.ToLower(text))
	has := len(after.Links) > 0
	same := maps.Equal(before.Links, after.Links)
	switch status {
	case Linked, Suggested:
		if !has && !after.Together {
			in.report(l, "status", "%s, and no link is filled in: fill one in or write %s", status, Unmapped)
		}
		return status
	case Ignored:
		return status
	case Unmapped:
		// People fill in a link and leave the word beside it as it was. The word
		// written beside links that were there is something else.
		if has && before.Status != Unmapped {
			in.report(l, "status", "%s, and links are filled in: clear their cells, or write %s", status, before.Status)
		}
	case "":
		if same && before.Status != Unmapped && (has || !there) {
			return before.Status // a suggestion is not accepted by saying nothing
		}
	default:
		in.report(l, "status", "%q is no status: write %s, %s, %s or %s", text, Linked, Suggested, Ignored, Unmapped)
		return before.Status
	}
	if has {
		return Linked
	}
	return Unmapped
}

func (in *linkImport) edits(l line, before, after Row) []Edit {
	name := cmp.Or(after.Customer, after.Tenant, string(after.TenantID))
	var out []Edit
	add := func(column, was, is string) {
		if was != is {
			out = append(out, Edit{l.number, string(after.TenantID), name, column, was, is})
		}
	}
	if after.Filter != "" {
		add("filter", in.filterBefore(before), after.Filter)
	}
	add("customer", before.Customer, after.Customer)
	columns := Names(in.columns)
	for _, column := range slices.Sorted(maps.Keys(before.Links)) {
		if !slices.Contains(columns, column) {
			columns = append(columns, column) // of a system that is not configured now
		}
	}
	for _, column := range columns {
		add(column, before.Links[column], after.Links[column])
	}
	add("status", string(before.Status), string(after.Status))
	add("reason", before.Reason, after.Reason)
	return out
}
