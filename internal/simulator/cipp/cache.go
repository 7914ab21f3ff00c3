package cippsim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// cached is one collection of one tenant in the reporting database.
type cached struct {
	tenant    *Tenant // as it was when the rows were written; nil if there never were any
	id        string  // the tenant's customer id, for it may be renamed
	count     int     // of the last run, which may have found nothing and left the rows
	refreshed time.Time
}

// A cacheType is a collection of the reporting database.
type cacheType struct {
	name  string
	count func(*Server, *Tenant) int // of the rows, without making them
	rows  func(s *Server, t *Tenant, at time.Time) []object
}

// cacheTypes are those that hold something here.
var cacheTypes = []cacheType{
	{"Users", usersIn(false), func(_ *Server, t *Tenant, _ time.Time) []object { return cachedUserRows(t, false) }},
	{"Guests", usersIn(true), func(_ *Server, t *Tenant, _ time.Time) []object { return cachedUserRows(t, true) }},
	{"MFAState", usersIn(false), func(_ *Server, t *Tenant, _ time.Time) []object { return mfaRows(t) }},
	{"Groups", func(_ *Server, t *Tenant) int { return len(t.Groups) }, func(_ *Server, t *Tenant, _ time.Time) []object { return cachedGroupRows(t) }},
	{"Domains", func(_ *Server, t *Tenant) int { return len(t.Domains) }, func(_ *Server, t *Tenant, _ time.Time) []object { return domainRows(t) }},
	{"Organization", func(*Server, *Tenant) int { return 1 }, func(_ *Server, t *Tenant, _ time.Time) []object { return []object{organizationRow(t)} }},
	{"Mailboxes", func(_ *Server, t *Tenant) int { return len(t.Mailboxes) }, func(_ *Server, t *Tenant, _ time.Time) []object { return mailboxRows(t, true) }},
	{"MailboxPermissions", func(_ *Server, t *Tenant) int { return len(permissionRows(t)) }, func(_ *Server, t *Tenant, _ time.Time) []object { return permissionRows(t) }},
	{"CalendarPermissions", func(_ *Server, t *Tenant) int { return len(calendarRows(t)) }, func(_ *Server, t *Tenant, _ time.Time) []object { return calendarRows(t) }},
	{
		"LicenseOverview",
		func(s *Server, t *Tenant) (n int) {
			for i := range t.SKUs {
				if !s.excluded(t.SKUs[i].SkuID) {
					n++
				}
			}
			return n
		},
		func(s *Server, t *Tenant, at time.Time) []object { return s.licenceRows(t, t.DefaultDomain, at, false) },
	},
}

func usersIn(guestsOnly bool) func(*Server, *Tenant) int {
	return func(_ *Server, t *Tenant) (n int) {
		for _, u := range t.Users {
			if !u.Deleted && (u.Guest || !guestsOnly) {
				n++
			}
		}
		return n
	}
}

// otherTypes exist as names; nothing is ever cached under them here.
var otherTypes = []string{
	"Apps", "CASMailboxes", "ConditionalAccessPolicies", "Devices", "ExoAcceptedDomains",
	"MailboxUsage", "ManagedDevices", "Roles", "SecureScore", "ServicePrincipals", "UserRegistrationDetails",
}

// maxGraphErrors is where a tenant drops out of CIPP's error-free list.
const maxGraphErrors = 50

// RefreshCache is a run of the reporting database over all tenants, of all
// types or of those named.
func (s *Server) RefreshCache(types ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshCache(types)
}

func (s *Server) refreshCache(types []string) {
	now := s.now()
	first := len(s.cache) == 0
	tenants := slices.Clone(s.world.Tenants)
	if s.world.PartnerListed {
		tenants = append(tenants, s.world.PartnerTenant)
	}
	for _, t := range tenants {
		if first {
			for _, old := range t.FormerDomains { // what was written before the world was taken in
				s.cacheTenant(old, t.Clone(), nil, now.AddDate(0, 0, -7), false)
			}
		}
		s.refreshTenantCache(t, types, now)
	}
	for domain, all := range s.cache {
		maps.DeleteFunc(all, func(_ string, e *cached) bool { return now.Sub(e.refreshed) > 30*24*time.Hour })
		if len(all) == 0 {
			delete(s.cache, domain)
		}
	}
}

// refreshTenantCache leaves everything as it was for a tenant that cannot be read.
func (s *Server) refreshTenantCache(t *Tenant, types []string, at time.Time) {
	f := s.tenantFaults(t)
	if t.Excluded || t.GraphErrorCount >= maxGraphErrors || f.CacheThrows || f.GraphError != "" {
		return
	}
	s.cacheTenant(t.DefaultDomain, t.Clone(), types, at, f.CacheNothing)
}

func (s *Server) cacheTenant(domain string, t *Tenant, types []string, at time.Time, nothing bool) {
	all := s.cache[domain]
	if all == nil {
		all = map[string]*cached{}
		s.cache[domain] = all
	}
	for _, kind := range cacheTypes {
		if len(types) > 0 && !slices.Contains(types, kind.name) {
			continue
		}
		if t.NoExchange && (strings.HasPrefix(kind.name, "Mailbox") || kind.name == "CalendarPermissions") {
			continue // not licensed for it: not even tried
		}
		e := all[kind.name]
		if e == nil {
			e = &cached{}
			all[kind.name] = e
		}
		e.id, e.refreshed, e.count = t.CustomerID, at, 0
		if !nothing {
			e.count = kind.count(s, t)
		}
		if e.count > 0 {
			e.tenant = t // a run that finds nothing leaves the old rows
		}
	}
}

func (s *Server) cachedRows(domain, kind string) ([]object, *cached) {
	e := s.cache[domain][kind]
	if e == nil || e.tenant == nil {
		return []object{}, e
	}
	i := slices.IndexFunc(cacheTypes, func(t cacheType) bool { return t.name == kind })
	return cacheTypes[i].rows(s, e.tenant, e.refreshed), e
}

// listDBCache reads the reporting database. It checks the tenant itself, and
// answers 400 where others answer 403.
func (c *call) listDBCache() answer {
	c.s.advance()
	bad := func(body object) answer { return answer{status: http.StatusBadRequest, body: body} }
	current := c.s.atLeast("10.8.0")
	kind := c.param("type") // case-sensitive, unlike everything else
	countsOnly := current && c.isTrue("countsOnly")
	if kind == "_availableTypes" {
		return results(availableTypes())
	}
	if kind == "" && !countsOnly {
		return bad(object{"Results": "Error: type query parameter is required", "AvailableTypes": availableTypes()})
	}
	if c.filter == "" {
		return bad(object{"Results": "Error: tenantFilter query parameter is required"})
	}
	var domains []string
	switch {
	case c.filter == allTenants && !current:
		return results(nil)
	case c.filter == allTenants:
		for domain, all := range c.s.cache {
			for _, e := range all {
				t := c.w.Tenant(e.id)
				if t == nil && c.scope == nil || t != nil && c.allows(t) && !c.s.tenantFaults(t).NoRows {
					domains = append(domains, domain)
				}
				break
			}
		}
		slices.Sort(domains)
	default:
		if c.tenant != nil && (!c.allows(c.tenant) || c.s.tenantFaults(c.tenant).Denied) {
			return bad(object{"Results": TextNoTenant})
		}
		if c.tenant == nil || c.tenant.GraphErrorCount >= maxGraphErrors {
			return bad(object{"Results": "Tenant '" + c.filter + "' not found"})
		}
		domains = []string{c.tenant.DefaultDomain}
	}
	rows := []object{}
	for _, domain := range domains {
		if countsOnly {
			all := c.s.cache[domain]
			for _, name := range slices.Sorted(maps.Keys(all)) {
				if kind == "" || kind == name {
					rows = append(rows, object{
						"Tenant": domain, "Type": name, "Count": all[name].count, "LastRefresh": stamp(all[name].refreshed),
					})
				}
			}
			continue
		}
		got, _ := c.s.cachedRows(domain, kind)
		if c.filter == allTenants {
			for _, row := range got {
				row["Tenant"] = domain
			}
		}
		rows = append(rows, got...)
	}
	return results(rows)
}

// execCIPPDBCache refreshes one collection of a tenant, or of all, in a queue.
// That the queue ends well proves nothing: errors are swallowed.
func (c *call) execCIPPDBCache() answer {
	name := c.param("Name")
	known := slices.Contains(otherTypes, name) || slices.ContainsFunc(cacheTypes, func(t cacheType) bool { return t.name == name })
	tenants := []*Tenant{c.tenant}
	if c.all {
		tenants = c.listed()
	}
	if !known || !c.all && c.tenant == nil {
		return answer{status: http.StatusBadRequest, body: object{"Results": "Failed to start cache operation for " + name + " on tenant " + c.filter}}
	}
	q := c.s.startQueue(name+" Cache ("+c.filter+")", "CIPPDBCache-"+name+"-"+c.filter, tenants,
		func(s *Server, _ *queue, t *Tenant, at time.Time) { s.refreshTenantCache(t, []string{name}, at) })
	return ok(object{
		"Results":  "Successfully started cache operation for " + name + " on tenant " + c.filter,
		"Metadata": object{"Name": name, "Tenant": c.filter, "InstanceId": q.id, "QueueId": q.id},
	})
}

func availableTypes() []string {
	names := slices.Clone(otherTypes)
	for _, t := range cacheTypes {
		names = append(names, t.name)
	}
	slices.Sort(names)
	return names
}

// reportRows are the rows of a UseReportDB endpoint: of one tenant, or of all
// that are listed now, so what lingers under old domains does not show.
// missing is set if the single tenant asked for has nothing cached.
func (c *call) reportRows(kind string) (rows []object, missing bool) {
	c.s.advance()
	rows = []object{}
	tenants := []*Tenant{c.tenant}
	if c.all {
		tenants = c.listed()
	}
	for _, t := range tenants {
		if t == nil || c.all && c.s.tenantFaults(t).NoRows {
			continue
		}
		got, e := c.s.cachedRows(t.DefaultDomain, kind)
		if e == nil || e.tenant == nil {
			missing = !c.all
			continue
		}
		for _, row := range got {
			row["CacheTimestamp"] = stamp(e.refreshed)
			if c.all {
				row["Tenant"] = t.DefaultDomain
			}
			rows = append(rows, row)
		}
	}
	return rows, missing || !c.all && c.tenant == nil
}

// cachedText is text that went through CIPP's cache: its parser takes
// anything that looks like a date for one (CIPP source: CippJsonConverter.cs).
func cachedText(v any) any {
	s, isText := v.(string)
	if !isText || len(s) != len("2006-01-02") {
		return v
	}
	if _, err := time.Parse("2006-01-02", s); err != nil {
		return v
	}
	return s + "T00:00:00"
}

// withoutKeys removes columns that a cached row does not have.
func withoutKeys(row object, keys ...string) object {
	for _, k := range keys {
		delete(row, k)
	}
	return row
}

func cachedUserRows(t *Tenant, guests bool) []object {
	rows := []object{}
	for _, u := range t.Users {
		if u.Deleted || guests && !u.Guest {
			continue
		}
		row := withoutKeys(userRow(t, u), "deletedDateTime", "onPremisesSamAccountName", "securityIdentifier", "externalUserState", "creationType")
		row["perUserMfaState"] = orNil(u.PerUserMFA)
		if !t.NoEntraP1 && !u.LastSignIn.IsZero() {
			row["signInActivity"] = object{"lastSignInDateTime": zulu(u.LastSignIn), "lastNonInteractiveSignInDateTime": zulu(u.LastSignIn)}
		}
		for k, v := range row {
			if !strings.HasSuffix(k, "DateTime") {
				row[k] = cachedText(v)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func cachedGroupRows(t *Tenant) []object {
	rows := groupRows(t)
	for i, g := range t.Groups {
		members, csv := briefMembers(t, g.Members)
		owners, ownersCSV := briefMembers(t, g.Owners)
		row := rows[i]
		row["members"], row["owners"] = nil, nil
		if len(members) > 0 {
			row["members"] = members
		}
		if len(owners) > 0 {
			row["owners"] = owners
		}
		addGroupFields(row, g)
		row["membersCsv"], row["ownersCsv"] = csv, ownersCSV
	}
	return rows
}

// briefMembers are members as {id, displayName, userPrincipalName}, and the
// UPNs of those that are users.
func briefMembers(t *Tenant, ids []string) ([]object, string) {
	var rows []object
	var upns []string
	for _, m := range memberRows(t, ids) {
		row := object{"id": m["id"], "displayName": m["displayName"]}
		if upn, isUser := m["userPrincipalName"].(string); isUser {
			row["userPrincipalName"] = upn
			upns = append(upns, upn)
		}
		rows = append(rows, row)
	}
	return rows, strings.Join(upns, ",")
}
