package mapping

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"syncd/internal/directory"
)

// Customers joins the tenants the source lists with the table. Every tenant is a
// customer of its own, but for those whose rows add up to one. Tenants that are
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
	for _, row := range t.Rows {
		tenant, listed := alone[row.TenantID]
		switch {
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
	return Customer{Key: string(tenant.ID), Name: tenant.Name, Tenant: tenant, Listed: listed, Status: Unmapped, Parts: []Part{{tenant, listed}}}
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
		c.Parts, c.Listed = append(c.Parts, Part{tenant, there}), c.Listed && there
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
	if !r.Together {
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
		row, _ := t.Row(c.Tenant.ID)
		return row
	}
	return Row{Customer: c.Name, Tenant: c.Tenant.Name, Links: c.Links, Status: c.Status, Reason: c.Reason}
}

// Rows returns the rows of a customer's tenants.
func (c *Customer) Rows(t *Table) []Row {
	rows := make([]Row, len(c.Parts))
	for i, p := range c.Parts {
		rows[i], _ = t.Row(p.Tenant.ID)
		rows[i].TenantID, rows[i].Tenant = p.Tenant.ID, cmp.Or(p.Tenant.Name, rows[i].Tenant)
	}
	return rows
}

// FormerKeys are the keys that customers had before their tenants came to others, each
// with the keys of the customers that have its tenants now.
func (t *Table) FormerKeys(customers []Customer) map[string][]string {
	out, now := map[string][]string{}, map[directory.TenantID]string{}
	for i := range customers {
		c := &customers[i]
		for _, p := range c.Parts {
			now[p.Tenant.ID] = c.Key
			out[string(p.Tenant.ID)] = []string{c.Key}
		}
	}
	for _, f := range t.Former {
		out[f.Key] = nil
		for _, id := range f.Tenants {
			if key := now[id]; key != "" && !slices.Contains(out[f.Key], key) {
				out[f.Key] = append(out[f.Key], key)
			}
		}
	}
	for i := range customers {
		delete(out, customers[i].Key)
	}
	return out
}
