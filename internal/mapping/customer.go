// Package mapping holds the tables that join systems: which customer a tenant is, what
// the customer is linked to at each target, and which licence is billed as which
// product. Tables are plain data; people edit them as CSV, never as configuration.
package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"syncd/internal/directory"
)

// A Customer is what the MSP bills and documents: one tenant as a rule, whose id is
// then the customer's key; several that add up, whose common name is the key; or a part
// of one, whose name is the key.
type Customer struct {
	Key    string
	Name   string
	Tenant directory.Tenant // the one, whole; of several, and of a part, it has the customer's name alone
	Parts  []Part           // what it is made of, by tenant id
	Listed bool             // the source lists all its tenants now
	Status Status
	Reason string
	Links  Links
}

// A Part is a tenant that a customer is made of, or a part of one.
type Part struct {
	Tenant directory.Tenant
	Listed bool   // the source lists it now
	Filter string // whom of the tenant, see Who, or Rest; empty = the whole tenant
	// Of are all parts of the tenant, this one included, by filter; nil where it is whole.
	Of []Share
}

// A Share is one of the parts that a tenant is divided into.
type Share struct {
	Customer string // its name and key
	Filter   string
}

// Rest is the filter of whom no other part of a tenant takes.
const Rest = "rest"

// Several reports whether the customer is more than one tenant.
func (c *Customer) Several() bool { return len(c.Parts) > 1 }

// Divided reports whether the customer is a part of a tenant.
func (c *Customer) Divided() bool { return len(c.Parts) == 1 && c.Parts[0].Filter != "" }

// Tenants are the customer's tenants by one of their names, with a plus between.
func (c *Customer) Tenants(name func(directory.Tenant) string) string {
	names := make([]string, len(c.Parts))
	for i, p := range c.Parts {
		names[i] = name(p.Tenant)
	}
	return strings.Join(names, " + ")
}

// Unlisted are the names of its tenants that the source does not list.
func (c *Customer) Unlisted() []string {
	var out []string
	for _, p := range c.Parts {
		if !p.Listed {
			out = append(out, cmp.Or(p.Tenant.Name, string(p.Tenant.ID)))
		}
	}
	return out
}

// Links are what a customer is linked to at the targets, by CSV column: company id,
// agreement id, organization id.
type Links map[string]string

// The columns of the systems.
const (
	ConnectWiseCompany   = "connectwise_company"
	ConnectWiseAgreement = "connectwise_agreement"
)

// Status says whether a customer's links are in force.
type Status string

// The statuses of a line.
const (
	Linked    Status = "linked"
	Suggested Status = "suggested" // proposed, not in force
	Ignored   Status = "ignored"   // a person left it out, with a reason
	Unmapped  Status = "unmapped"
)

// A Row is one tenant of the link table, or a part of one.
type Row struct {
	Customer string `json:"customer"` // the customer's name; the tenant's where empty
	// Together says that the rows with this customer's name add up: an import had
	// them on several lines. Two tenants that merely are called alike do not.
	Together bool               `json:"together,omitempty"`
	TenantID directory.TenantID `json:"tenant_id"`
	Tenant   string             `json:"tenant"` // the tenant's name, for people
	// Filter is whom of the tenant, where the row is about a part of it: see Part.
	Filter string `json:"filter,omitempty"`
	Links  Links  `json:"links,omitempty"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"` // why ignored, or the evidence of a suggestion
	// Proposed are suggestions, not in force, for columns without a link, in a row whose
	// other links are in force or have a higher score.
	Proposed map[string]Proposal `json:"proposed,omitempty"`
}

// A Proposal is a suggested link of one column.
type Proposal struct {
	Value  string  `json:"value"`
	Score  float64 `json:"score"`
	Reason string  `json:"reason"` // the evidence
}

// Table holds the rows that a person wrote or that were suggested, by tenant id.
type Table struct {
	Rows []Row `json:"rows"`
	// Former are customers of several tenants that an import dissolved. What syncd
	// remembers of them comes to its end.
	Former []Former `json:"former,omitempty"`
}

// A Former customer is one that is no more.
type Former struct {
	Key     string               `json:"key"`
	Tenants []directory.TenantID `json:"tenants"` // that it was made of
}

// With returns a copy of the table in which rows replace those of the same tenants and
// parts, sorted by both.
func (t *Table) With(rows ...Row) Table {
	all := make(map[rowKey]Row, len(t.Rows)+len(rows))
	for _, r := range slices.Concat(t.Rows, rows) {
		all[r.key()] = r
	}
	return Table{Former: t.Former, Rows: slices.SortedFunc(maps.Values(all), compareRows)}
}

// A rowKey is what a table has one row of.
type rowKey struct {
	tenant directory.TenantID
	filter string // in lower case
}

func (r *Row) key() rowKey { return rowKey{r.TenantID, strings.ToLower(r.Filter)} }

func (p *Part) key() rowKey { return rowKey{p.Tenant.ID, strings.ToLower(p.Filter)} }

// compareRows orders rows by tenant, and the parts of one by filter, the rest last.
func compareRows(a, b Row) int {
	rest := func(r *Row) int {
		if r.Filter == Rest {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.TenantID, b.TenantID), cmp.Compare(rest(&a), rest(&b)), cmp.Compare(a.key().filter, b.key().filter))
}

// Row returns the row of a whole tenant.
func (t *Table) Row(id directory.TenantID) (Row, bool) { return t.row(rowKey{tenant: id}) }

func (t *Table) row(key rowKey) (Row, bool) {
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.key() == key })
	if i < 0 {
		return Row{}, false
	}
	return t.Rows[i], true
}

// Made reports whether a person made a customer of a tenant: of it and others, or of
// parts of it.
func (t *Table) Made(id directory.TenantID) bool {
	return slices.ContainsFunc(t.Rows, func(r Row) bool { return r.TenantID == id && (r.Together || r.Filter != "") })
}

// Unsuggested returns the table without suggestions.
func (t *Table) Unsuggested() Table {
	rows := make([]Row, 0, len(t.Rows))
	for _, r := range t.Rows {
		r.Proposed = nil
		if r.Status == Suggested {
			r.Status, r.Links, r.Reason = Unmapped, nil, ""
			if r.Customer == "" {
				continue
			}
		}
		rows = append(rows, r)
	}
	return Table{Former: t.Former, Rows: rows}
}

// Accept puts suggestions of at least a score into force, and returns the columns that
// became links.
func (r Row) Accept(minScore float64) (Row, []string) {
	var columns []string
	if r.Status == Suggested && r.Score() >= minScore {
		r.Status = Linked
		columns = slices.Collect(maps.Keys(r.Links))
	}
	if r.Status == Linked && len(r.Proposed) > 0 {
		links, proposed := maps.Clone(r.Links), maps.Clone(r.Proposed)
		for column, p := range r.Proposed {
			if p.Score >= minScore {
				links[column] = p.Value
				delete(proposed, column)
				columns = append(columns, column)
			}
		}
		r.Links, r.Proposed = links, proposed
	}
	slices.Sort(columns)
	return r, columns
}

// openProposals returns the proposals for columns without a link.
func (r Row) openProposals() map[string]Proposal {
	if len(r.Proposed) == 0 || r.Status == Ignored {
		return nil
	}
	open := maps.Clone(r.Proposed)
	maps.DeleteFunc(open, func(column string, _ Proposal) bool { return r.Links[column] != "" })
	if len(open) == 0 {
		return nil
	}
	return open
}

// Score is the score of a suggested row, with which its reason begins. A row that a
// person wrote has none.
func (r Row) Score() float64 {
	text, _, _ := strings.Cut(r.Reason, ":")
	score, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return score
}
