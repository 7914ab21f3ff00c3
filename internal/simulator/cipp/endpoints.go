package cippsim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// allTenants is the keyword, in the only case that CIPP knows.
const allTenants = "AllTenants"

// tenancy says how an endpoint treats the tenant of a request.
type tenancy int

const (
	noTenant  tenancy = iota // it is about no tenant
	oneTenant                // one tenant; without a filter the partner's own
	ownCheck                 // it looks at tenantFilter itself
)

// An endpoint is one entry of the table.
type endpoint struct {
	name    string
	role    string
	tenancy tenancy
	where   place
	since   string // first version that has it; empty means always
	serve   func(*call) answer
}

// place says where an endpoint looks for tenantFilter.
type place int

const (
	anywhere place = iota
	inQuery
	inBody
)

// endpoints is what the instance serves. A new endpoint is one line here and
// one function. The rest of what CIPP publishes is answered in general.
var endpoints = []endpoint{
	{name: "PublicPing", role: public, serve: (*call).publicPing},
	{name: "GetVersion", role: "CIPP.Core.Read", serve: (*call).getVersion},

	{name: "ListTenants", role: "CIPP.Core.Read", tenancy: ownCheck, serve: (*call).listTenants},
	{name: "ListTenantDetails", role: "CIPP.Core.Read", tenancy: oneTenant, serve: (*call).listTenantDetails},
	{name: "ListApiTest", role: "CIPP.Core.Read", serve: (*call).listAPITest},
	{name: "ListTenantGroups", role: "CIPP.Core.Read", serve: (*call).listTenantGroups},
	{name: "ListDomains", role: "Tenant.Administration.Read", tenancy: oneTenant, serve: (*call).listDomains},

	{name: "ListLicenses", role: "Tenant.Directory.Read", tenancy: oneTenant, serve: (*call).listLicenses},
	{name: "ListLicensesReport", role: "Tenant.Directory.Read", tenancy: oneTenant, since: "10.5.0", serve: (*call).listLicensesReport},
	{name: "ExecLicenseSearch", role: "CIPP.Core.Read", serve: (*call).execLicenseSearch},

	{name: "ListGraphRequest", role: "CIPP.Core.Read", tenancy: oneTenant, where: inQuery, serve: (*call).listGraphRequest},
	{name: "ListGraphBulkRequest", role: "CIPP.Core.Read", tenancy: oneTenant, where: inBody, serve: (*call).listGraphBulkRequest},
	{name: "ListDBCache", role: "CIPP.Core.Read", tenancy: ownCheck, where: inQuery, since: "10.1.0", serve: (*call).listDBCache},
	{name: "ExecCIPPDBCache", role: "CIPP.Core.ReadWrite", tenancy: oneTenant, since: "10.1.0", serve: (*call).execCIPPDBCache},
	{name: "ListCippQueue", role: "CIPP.Core.Read", serve: (*call).listCippQueue},
	{name: "ListCippQueues", role: "CIPP.Core.Read", since: "10.7.0", serve: (*call).listCippQueues},

	{name: "ListUsers", role: "Identity.User.Read", tenancy: oneTenant, serve: (*call).listUsers},
	{name: "ListMFAUsers", role: "Identity.User.Read", tenancy: oneTenant, serve: (*call).listMFAUsers},
	{name: "ListGroups", role: "Identity.Group.Read", tenancy: oneTenant, serve: (*call).listGroups},
	{name: "ListMailboxes", role: "Exchange.Mailbox.Read", tenancy: oneTenant, serve: (*call).listMailboxes},
	{name: "ListmailboxPermissions", role: "Exchange.Mailbox.Read", tenancy: oneTenant, serve: (*call).listMailboxPermissions},
	{name: "ListCalendarPermissions", role: "Exchange.Mailbox.Read", tenancy: oneTenant, serve: (*call).listCalendarPermissions},
	{name: "ListDomainAnalyser", role: "Tenant.DomainAnalyser.Read", tenancy: oneTenant, serve: (*call).listDomainAnalyser},
	{name: "ListDomainHealth", role: "Tenant.DomainAnalyser.Read", serve: (*call).listDomainHealth},
	{name: "ListUserCounts", role: "Identity.User.Read", tenancy: oneTenant, serve: (*call).listUserCounts},
	{name: "ListUserGroups", role: "Identity.User.Read", tenancy: oneTenant, serve: (*call).listUserGroups},
	{name: "ListPerUserMFA", role: "Identity.User.Read", tenancy: oneTenant, serve: (*call).listPerUserMFA},
	{name: "ListDeletedItems", role: "Tenant.Directory.Read", tenancy: oneTenant, serve: (*call).listDeletedItems},
	{name: "ListMailboxForwarding", role: "Exchange.Mailbox.Read", tenancy: oneTenant, serve: (*call).listMailboxForwarding},
	{name: "ListConditionalAccessPolicies", role: "Tenant.ConditionalAccess.Read", tenancy: oneTenant, serve: (*call).listPolicies},
	{name: "ListDevices", role: "Endpoint.Device.Read", tenancy: oneTenant, serve: (*call).listDevices},
	{name: "ListServiceHealth", role: "Tenant.Administration.Read", tenancy: oneTenant, serve: (*call).listServiceHealth},
	{name: "ListSecureScoreReport", role: "Tenant.Reports.Read", tenancy: ownCheck, since: "10.8.0", serve: (*call).listSecureScore},
	{name: "ExecAlertsList", role: "Security.Alert.Read", tenancy: oneTenant, serve: (*call).execAlertsList},
	{name: "ListAlertResults", role: "CIPP.Alert.Read", tenancy: ownCheck, serve: (*call).listAlertResults},
	{name: "ListLogs", role: "CIPP.Core.Read", serve: (*call).listLogs},

	{name: "EditTenant", role: "Tenant.Config.ReadWrite", serve: (*call).editTenant},
	{name: "EditTenantOffboardingDefaults", role: "Tenant.Config.ReadWrite", serve: (*call).editOffboardingDefaults},
	{name: "ExecTenantGroup", role: "Tenant.Groups.ReadWrite", serve: (*call).execTenantGroup},

	{name: "AddUser", role: "Identity.User.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).addUser},
	{name: "EditUser", role: "Identity.User.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).editUser},
	{name: "PatchUser", role: "Identity.User.ReadWrite", tenancy: ownCheck, where: inBody, serve: (*call).patchUser},
	{name: "EditUserAliases", role: "Identity.User.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).editUserAliases},
	{name: "ExecDisableUser", role: "Identity.User.ReadWrite", tenancy: oneTenant, serve: (*call).execDisableUser},
	{name: "ExecResetPass", role: "Identity.User.ReadWrite", tenancy: oneTenant, serve: (*call).execResetPass},
	{name: "ExecRevokeSessions", role: "Identity.User.ReadWrite", tenancy: oneTenant, serve: (*call).execRevokeSessions},
	{name: "ExecResetMFA", role: "Identity.User.ReadWrite", tenancy: oneTenant, serve: (*call).execResetMFA},
	{name: "ExecPerUserMFA", role: "Identity.User.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).execPerUserMFA},
	{name: "RemoveUser", role: "Identity.User.ReadWrite", tenancy: oneTenant, serve: (*call).removeUser},
	{name: "ExecBulkLicense", role: "Identity.User.ReadWrite", tenancy: ownCheck, where: inBody, serve: (*call).execBulkLicense},
	{name: "ExecOffboardUser", role: "Identity.User.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).execOffboardUser},

	{name: "AddGroup", role: "Identity.Group.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).addGroup},
	{name: "EditGroup", role: "Identity.Group.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).editGroup},
	{name: "ExecGroupsDelete", role: "Exchange.Mailbox.ReadWrite", tenancy: oneTenant, serve: (*call).execGroupsDelete},

	{name: "ExecConvertMailbox", role: "Exchange.Mailbox.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).execConvertMailbox},
	{name: "ExecEmailForward", role: "Exchange.Mailbox.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).execEmailForward},
	{name: "ExecEditCalendarPermissions", role: "Exchange.Mailbox.ReadWrite", tenancy: oneTenant, serve: (*call).execEditCalendarPermissions},
	{name: "ExecModifyCalPerms", role: "Exchange.Mailbox.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).execModifyCalPerms},
	{name: "ExecModifyMBPerms", role: "Exchange.Mailbox.ReadWrite", tenancy: oneTenant, where: inBody, serve: (*call).execModifyMBPerms},

	{name: "AddTenant", role: "Tenant.Config.ReadWrite", serve: (*call).addTenant},
	{name: "ListGDAPRoles", role: "Tenant.Relationship.Read", serve: (*call).listGDAPRoles},
	{name: "ExecGDAPInvite", role: "Tenant.Relationship.ReadWrite", serve: (*call).execGDAPInvite},
	{name: "ListGDAPInvite", role: "Tenant.Relationship.Read", serve: (*call).listGDAPInvite},
	{name: "ListGDAPRelationships", role: "Tenant.Relationship.Read", serve: (*call).listGDAPRelationships},
	{name: "ExecOnboardTenant", role: "Tenant.Administration.ReadWrite", serve: (*call).execOnboardTenant},
	{name: "ListTenantOnboarding", role: "Tenant.Administration.Read", serve: (*call).listTenantOnboarding},

	{name: "ListScheduledItems", role: "CIPP.Scheduler.Read", tenancy: ownCheck, serve: (*call).listScheduledItems},
	{name: "ListScheduledItemDetails", role: "CIPP.Scheduler.Read", serve: (*call).listScheduledItemDetails},
	{name: "AddScheduledItem", role: "CIPP.Scheduler.ReadWrite", tenancy: ownCheck, serve: (*call).addScheduledItem},
	{name: "RemoveScheduledItem", role: "CIPP.Scheduler.ReadWrite", serve: (*call).removeScheduledItem},
}

// canonical gives a name the case that CIPP publishes.
func canonical(name string) string {
	if d, known := catalogue()[strings.ToLower(name)]; known {
		return d.name
	}
	for _, ep := range endpoints {
		if strings.EqualFold(ep.name, name) {
			return ep.name
		}
	}
	return name
}

// endpoint finds an endpoint that this instance has.
func (s *Server) endpoint(name string) (endpoint, bool) {
	if among(s.faults.MissingEndpoints, name) {
		return endpoint{}, false
	}
	if i := slices.IndexFunc(endpoints, func(e endpoint) bool { return e.name == name }); i >= 0 {
		return endpoints[i], endpoints[i].since == "" || s.atLeast(endpoints[i].since)
	}
	d, known := catalogue()[strings.ToLower(name)]
	if !known && among(s.faults.NewEndpoints, name) {
		return endpoint{name: name, tenancy: oneTenant, serve: (*call).generic}, true
	}
	ep := d.endpoint()
	return ep, known && (ep.since == "" || s.atLeast(ep.since))
}

// findTenant settles which tenant a call is about.
func (c *call) findTenant() *answer {
	if c.endpoint.tenancy == noTenant {
		return nil
	}
	var named bool
	switch c.endpoint.where {
	case inQuery:
		c.filter, named = c.param("tenantFilter"), c.param("tenantFilter") != ""
	case inBody:
		for _, v := range []any{member(c.field("tenantFilter"), "value"), c.field("tenantFilter")} {
			if t, ok := v.(string); ok && t != "" && !named {
				c.filter, named = t, true
			}
		}
	default:
		c.filter, named = c.tenantFilter()
	}
	if c.endpoint.tenancy == ownCheck {
		c.tenant = c.lookUp(c.filter)
		return nil
	}
	if !named {
		// The dangerous silence: Graph calls without a tenant go to the partner's own.
		c.s.complain("%s: no tenantFilter; the partner's own tenant was answered", c.endpoint.name)
		c.filter = c.w.PartnerTenant.CustomerID
	}
	if c.filter == allTenants {
		c.all = true
		return nil
	}
	t := c.lookUp(c.filter)
	f := c.s.tenantFaults(t)
	if f.Denied {
		a := text(http.StatusForbidden, TextNoTenant)
		return &a
	}
	if f.Unauthorised {
		return nil
	}
	c.tenant, c.data = t, c.s.dataOf(t)
	if f.DomainLost && t != nil && !strings.EqualFold(c.filter, t.DefaultDomain) {
		c.data = t
	}
	return nil
}

// lookUp finds a tenant that CIPP considers authorised.
func (c *call) lookUp(filter string) *Tenant {
	t := c.w.Tenant(filter)
	if filter == "" || t == nil || t.Excluded {
		return nil
	}
	return t
}

// dataOf is the tenant whose data are answered for t: t itself, but for
// TenantFaults.AnswersFor.
func (s *Server) dataOf(t *Tenant) *Tenant {
	if t == nil {
		return nil
	}
	if other := s.tenantFaults(t).AnswersFor; other != "" {
		if o := s.world.Tenant(other); o != nil {
			return o
		}
	}
	if old := s.stale[t.CustomerID]; s.now().Before(old.until) {
		return old.tenant
	}
	return t
}

// graphError is the text every live call for a tenant ends with; "" if they work.
func (c *call) graphError(t *Tenant) string {
	f := c.s.tenantFaults(t)
	if f.DomainLost && f.AnswersFor == "" && t != nil && strings.EqualFold(c.filter, t.DefaultDomain) {
		return "AADSTS90002: Tenant '" + t.DefaultDomain + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
	}
	return f.GraphError
}

// failed is how an endpoint passes on an upstream error: its own status,
// unless the fault names one.
func (c *call) failed(status int, body any) answer {
	if st := c.s.tenantFaults(c.tenant).ErrorStatus; st != 0 {
		status = st
	}
	if msg, isText := body.(string); isText {
		return text(status, msg)
	}
	return answer{status: status, body: body}
}

// publicPing answers whatever the caller's role.
func (c *call) publicPing() answer {
	return results(object{
		"Message": "Pong", "ColdStart": c.cold, "Timestamp": stamp(c.now), "RequestId": c.s.nextID("request"),
	})
}

func (c *call) getVersion() answer {
	if c.param("LocalVersion") == "" && !c.s.atLeast("9.0.0") {
		return c.exception("Cannot convert value \"\" to type \"System.Management.Automation.SemanticVersion\".")
	}
	v := c.s.opts.Version
	if c.s.faults.Version != "" {
		v = c.s.faults.Version
	}
	return ok(object{
		"LocalCIPPVersion": v, "RemoteCIPPVersion": v, "LocalCIPPAPIVersion": v, "RemoteCIPPAPIVersion": v,
		"OutOfDateCIPP": false, "OutOfDateCIPPAPI": false,
	})
}

// stamp is a time as table storage and PowerShell write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999+00:00") }

// zulu is a time as Graph writes it; nil for the zero time.
func zulu(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// orNil is nil for the empty text.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// list is an empty list instead of null.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
