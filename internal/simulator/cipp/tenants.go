package cippsim

import (
	"net/http"
	"slices"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// listed are the tenants that CIPP works with, in the order of the list: not
// the excluded ones, the partner only if that is switched on, and only those
// within the caller's role.
func (c *call) listed() []*Tenant {
	var all []*Tenant
	if c.w.PartnerListed && c.allows(c.w.PartnerTenant) {
		all = append(all, c.w.PartnerTenant)
	}
	for _, t := range c.w.Tenants {
		if !t.Excluded && c.allows(t) {
			all = append(all, t)
		}
	}
	return all
}

// listTenants reads CIPP's own table, so what is wrong with a tenant's Graph
// does not show here.
func (c *call) listTenants() answer {
	f := c.s.faults.List
	if clear, _ := c.field("ClearCache").(bool); clear {
		c.s.complain("ListTenants: ClearCache empties the tenant cache of the whole instance")
		c.s.cleared = true
		return results("Successfully completed request.")
	}
	if c.param("TriggerRefresh") != "" {
		c.s.refreshTenants()
	}
	failure := func(msg string) object {
		return object{
			"Results": "Failed to retrieve tenants: " + msg, "defaultDomainName": "", "customerId": "",
			"displayName": "Failed to retrieve tenants. Perform a permission check.",
		}
	}
	if f.Failure != "" {
		return ok([]object{failure(f.Failure)})
	}
	rows := []object{}
	if f.Pseudo || c.isTrue("AllTenantSelector") {
		rows = append(rows, object{
			"customerId": allTenants, "defaultDomainName": allTenants, "displayName": "*All Tenants",
			"domains": allTenants, "GraphErrorCount": 0,
		})
	}
	if f.FailureAmong != "" {
		rows = append(rows, failure(f.FailureAmong))
	}
	if f.Empty || c.s.cleared {
		return ok(rows)
	}
	tenants := c.listed()
	if f.ShowExcluded {
		for _, t := range c.w.Tenants {
			if t.Excluded && c.allows(t) {
				tenants = append(tenants, t)
			}
		}
	}
	filter := c.param("tenantFilter")
	for _, t := range tenants {
		hidden := slices.ContainsFunc(f.Hidden, func(id string) bool { return strings.EqualFold(id, t.CustomerID) })
		if hidden || filter != "" && filter != allTenants && c.w.Tenant(filter) != t {
			continue
		}
		rows = append(rows, c.tenantRow(t))
		if f.RenamedTwice {
			for _, old := range t.FormerDomains {
				row := c.tenantRow(t)
				row["defaultDomainName"] = old
				row["Timestamp"] = stamp(t.Refreshed.AddDate(0, 0, -7))
				row["LastRefresh"] = zulu(t.Refreshed.AddDate(0, 0, -7))
				rows = append(rows, row)
			}
		}
	}
	return ok(rows)
}

func (c *call) tenantRow(t *Tenant) object {
	id := t.CustomerID
	if c.s.faults.List.UpperCase {
		id = strings.ToUpper(id)
	}
	row := object{
		"PartitionKey": "Tenants", "RowKey": id, "Timestamp": stamp(t.Refreshed), "customerId": id,
		"displayName":       t.DisplayName,
		"defaultDomainName": t.DefaultDomain, "initialDomainName": t.InitialDomain,
		"domains": "", "Excluded": t.Excluded, "ExcludeUser": t.ExcludeUser, "ExcludeDate": t.ExcludeDate,
		"GraphErrorCount": t.GraphErrorCount, "LastGraphError": t.LastGraphError,
		"RequiresRefresh": false, "LastRefresh": zulu(t.Refreshed),
	}
	if t.OriginalDisplayName != "" {
		row["originalDisplayName"] = t.OriginalDisplayName
	}
	switch {
	case t == c.w.PartnerTenant:
		row["displayName"], row["domains"] = "*Partner Tenant", "PartnerTenant"
	case t.Direct:
		row["delegatedPrivilegeStatus"] = "directTenant"
		row["directTenantUserPrincipalName"] = "cipp-service@" + t.InitialDomain
		row["directTenantAuthDate"] = zulu(t.Created)
	default:
		row["delegatedPrivilegeStatus"] = "granularDelegatedAdminPrivileges"
		row["relationshipEnd"] = zulu(t.RelationshipEnd)
		row["relationshipCount"] = 1
		row["hasAutoExtend"] = true
	}
	if strings.EqualFold(c.param("Mode"), "TenantList") {
		row["portal_m365"] = "https://admin.cloud.microsoft/?delegatedOrg=" + t.InitialDomain
		row["portal_entra"] = "https://entra.microsoft.com/" + t.DefaultDomain
	}
	if c.isTrue("IncludeOffboardingDefaults") {
		row["offboardingDefaults"] = t.OffboardingDefault
	}
	return row
}

// listTenantDetails reads the organization live; displayName is Microsoft's.
func (c *call) listTenantDetails() answer {
	if c.tenant == nil {
		return ok(nil)
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusInternalServerError, "Failed to retrieve tenant details: "+msg)
	}
	t := c.data
	org := organizationRow(t)
	row := object{}
	for _, k := range []string{
		"displayName", "id", "city", "country", "countryLetterCode", "street", "state", "postalCode", "tenantType",
		"createdDateTime", "onPremisesLastPasswordSyncDateTime", "onPremisesLastSyncDateTime", "onPremisesSyncEnabled", "assignedPlans",
	} {
		row[k] = org[k]
	}
	row["businessPhones"] = strings.Join(t.BusinessPhones, ", ")
	row["technicalNotificationMails"] = strings.Join(t.TechnicalMails, ", ")
	custom := object{}
	if alias := t.Alias(); alias != "" {
		custom["Alias"] = alias
	}
	row["customProperties"] = custom
	groups := []object{}
	for _, g := range c.w.TenantGroups {
		if slices.ContainsFunc(g.Members, func(id string) bool { return strings.EqualFold(id, t.CustomerID) }) {
			groups = append(groups, object{"Id": g.ID, "Name": g.Name, "Description": g.Description, "GroupType": groupTypeOf(g)})
		}
	}
	row["Groups"] = groups
	return ok(row)
}

func groupTypeOf(g *TenantGroup) string {
	if g.Dynamic {
		return "dynamic"
	}
	return "static"
}

// listTenantGroups leaves out members that are unknown or excluded.
func (c *call) listTenantGroups() answer {
	wanted := c.param("groupId")
	if id, isText := c.field("groupId").(string); isText && wanted == "" {
		wanted = id
	}
	rows := []object{}
	for _, g := range c.shownGroups() {
		if wanted != "" && !strings.EqualFold(wanted, g.ID) {
			continue
		}
		members := []object{}
		for _, id := range g.Members {
			if t := c.w.Tenant(id); t != nil && !t.Excluded && c.allows(t) {
				members = append(members, object{
					"customerId": t.CustomerID, "displayName": t.DisplayName, "defaultDomainName": t.DefaultDomain,
				})
			}
		}
		row := object{
			"Id": g.ID, "Name": g.Name, "Description": g.Description, "GroupType": groupTypeOf(g), "RuleLogic": "and",
			"ExcludePartnerTenant": false, "DynamicRules": []object{}, "Members": members,
		}
		if g.Dynamic {
			row["DynamicRules"] = []object{{"property": "delegatedAccessStatus", "operator": "eq", "value": "granularDelegatedAdminPrivileges"}}
		}
		if c.isTrue("includeUsage") {
			row["Usage"] = []object{}
		}
		rows = append(rows, row)
	}
	return results(rows)
}

// listDomains does not say which domains are unverified.
func (c *call) listDomains() answer {
	rows := []object{}
	if c.tenant == nil {
		return ok(rows)
	}
	if msg := c.graphError(c.tenant); msg != "" {
		return c.failed(http.StatusInternalServerError, []string{msg})
	}
	got := c.s.graphGet(c.tenant, c.data, graphPath{path: "domains"}, c.s.resourceFault(c.tenant, "domains", ""))
	if got.failed() {
		return c.failed(http.StatusInternalServerError, []string{got.message})
	}
	for _, d := range got.rows {
		rows = append(rows, object{"id": member(d, "id"), "isDefault": member(d, "isDefault"), "isInitial": member(d, "isInitial")})
	}
	slices.SortStableFunc(rows, func(a, b object) int {
		if a["isDefault"] == b["isDefault"] {
			return 0
		}
		if a["isDefault"] == true {
			return -1
		}
		return 1
	})
	return ok(rows)
}
