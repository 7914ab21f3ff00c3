package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// Customers joins the tenants the source lists with the table. Every tenant is a
// customer of its own, but for those whose rows add up to one, and those that are
// divided, of which each part is one. Tenants that are
// linked and no longer listed stay in the result with Listed false: they are
// unknown, not gone. Sorted by key.
func (t *Table) Customers(tenants []directory.Tenant) []Customer {
	listed := make(map[directory.TenantID]directory.Tenant, len(tenants))
	for _, tenant := range tenants {
		listed[tenant.ID] = tenant
	}
	var out []Customer
	alone := maps.Clone(listed)
	groups := t.together()
	for _, rows := range groups {
		if c := joined(rows, listed); c.Status == Linked || slices.ContainsFunc(c.Parts, func(p Part) bool { return p.Listed }) {
			out = append(out, c)
		}
		for _, row := range rows {
			delete(alone, row.TenantID)
		}
	}
	for id, rows := range t.divided() {
		out = append(out, shares(rows, listed)...)
		delete(alone, id)
	}
	for _, row := range t.Rows {
		tenant, listed := alone[row.TenantID]
		switch {
		case row.Filter != "":
			continue
		case groups[row.group()] != nil:
			continue
		case !listed && row.Status != Linked:
			continue
		case !listed:
			tenant = directory.Tenant{ID: row.TenantID, Name: row.Tenant}
		}
		delete(alone, row.TenantID)
		c := single(tenant, listed)
		if strings.TrimSpace(row.Customer) != "" {
			c.Name = row.Customer
		}
		c.Status, c.Reason = row.Status, row.Reason
		if row.Status == Linked {
			c.Links = row.Links
		}
		out = append(out, c)
	}
	for _, tenant := range alone {
		out = append(out, single(tenant, true))
	}
	slices.SortFunc(out, func(a, b Customer) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

func single(tenant directory.Tenant, listed bool) Customer {
	return Customer{Key: string(tenant.ID), Name: tenant.Name, Tenant: tenant, Listed: listed, Status: Unmapped, Parts: []Part{{Tenant: tenant, Listed: listed}}}
}

// divided are the rows of the tenants that are divided, by tenant.
func (t *Table) divided() map[directory.TenantID][]Row {
	out := map[directory.TenantID][]Row{}
	for _, row := range t.Rows {
		if row.Filter != "" {
			out[row.TenantID] = append(out[row.TenantID], row)
		}
	}
	return out
}

// shares are the customers that a tenant is divided into. One that is not listed and
// of which no part is linked has none.
func shares(rows []Row, listed map[directory.TenantID]directory.Tenant) []Customer {
	tenant, there := listed[rows[0].TenantID]
	if !there {
		tenant = directory.Tenant{ID: rows[0].TenantID, Name: rows[0].Tenant}
		if !slices.ContainsFunc(rows, func(r Row) bool { return r.Status == Linked }) {
			return nil
		}
	}
	var of []Share
	for _, row := range rows {
		of = append(of, Share{row.Customer, row.Filter})
	}
	var out []Customer
	for _, row := range rows {
		c := Customer{Key: row.Customer, Name: row.Customer, Tenant: directory.Tenant{Name: row.Customer}, Listed: there, Status: row.Status, Reason: row.Reason,
			Parts: []Part{{tenant, there, row.Filter, of}}}
		if row.Status == Linked {
			c.Links = row.Links
		}
		out = append(out, c)
	}
	return out
}

// joined is the customer that several rows make up. It is linked where one of them
// is, and left out where all are.
func joined(rows []Row, listed map[directory.TenantID]directory.Tenant) Customer {
	name := rows[0].Customer
	c := Customer{Key: name, Name: name, Tenant: directory.Tenant{Name: name}, Listed: true, Status: rows[0].Status}
	for _, row := range rows {
		tenant, there := listed[row.TenantID]
		if !there {
			tenant = directory.Tenant{ID: row.TenantID, Name: row.Tenant}
		}
		c.Parts, c.Listed = append(c.Parts, Part{Tenant: tenant, Listed: there}), c.Listed && there
		c.Reason = cmp.Or(c.Reason, row.Reason)
		switch {
		case row.Status == Linked:
			c.Status = Linked
		case row.Status != c.Status && c.Status != Linked:
			c.Status = Unmapped
		}
	}
	if c.Status == Linked {
		c.Links = joinedLinks(rows)
	}
	return c
}

// joinedLinks are the links that stand on any of several rows.
func joinedLinks(rows []Row) Links {
	links := Links{}
	for _, row := range rows {
		if row.Status == Linked {
			maps.Copy(links, row.Links)
		}
	}
	return links
}

// group is what rows that add up have in common; empty for a row that stands alone.
func (r *Row) group() string {
	if !r.Together || r.Filter != "" {
		return ""
	}
	return foldName(r.Customer)
}

// together are the rows that add up, two or more each, by what they have in common.
func (t *Table) together() map[string][]Row {
	out := map[string][]Row{}
	for _, row := range t.Rows {
		if g := row.group(); g != "" {
			out[g] = append(out[g], row)
		}
	}
	maps.DeleteFunc(out, func(_ string, rows []Row) bool { return len(rows) < 2 })
	return out
}

// Row returns the row of a customer: that of its one tenant, or the rows of several
// together.
func (c *Customer) Row(t *Table) Row {
	if !c.Several() {
		row, _ := t.row(c.Parts[0].key())
		return row
	}
	return Row{Customer: c.Name, Tenant: c.Tenant.Name, Links: c.Links, Status: c.Status, Reason: c.Reason}
}

// Rows returns the rows of a customer's tenants.
func (c *Customer) Rows(t *Table) []Row {
	rows := make([]Row, len(c.Parts))
	for i, p := range c.Parts {
		rows[i], _ = t.row(p.key())
		rows[i].TenantID, rows[i].Tenant = p.Tenant.ID, cmp.Or(p.Tenant.Name, rows[i].Tenant)
	}
	return rows
}

// FormerKeys are the keys that customers had before their tenants came to others, each
// with the keys of the customers that have its tenants now.
func (t *Table) FormerKeys(customers []Customer) map[string][]string {
	out := map[string][]string{}
	for i := range customers {
		c := &customers[i]
		for _, p := range c.Parts {
			out[string(p.Tenant.ID)] = append(out[string(p.Tenant.ID)], c.Key)
		}
	}
	for _, f := range t.Former {
		var now []string
		for _, id := range f.Tenants {
			now = append(now, out[string(id)]...)
		}
		slices.Sort(now)
		out[f.Key] = slices.Compact(now)
	}
	for i := range customers {
		delete(out, customers[i].Key)
	}
	return out
}

// TakenOver names the customer that has the tenants of a key now, where that is no customer
// any more; it is empty where it may be one.
func (t *Table) TakenOver(key string) string {
	var names []string
	for i := range t.Rows {
		row := &t.Rows[i]
		former := slices.ContainsFunc(t.Former, func(f Former) bool { return f.Key == key && slices.Contains(f.Tenants, row.TenantID) })
		if (former || string(row.TenantID) == key) && (row.Together || row.Filter != "") && row.Customer != key && !slices.Contains(names, row.Customer) {
			names = append(names, row.Customer)
		}
	}
	return strings.Join(names, " and ")
}
