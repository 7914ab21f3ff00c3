package endpoint

import "strings"

// A Place is where a parameter is sent.
type Place string

// The places.
const (
	InQuery Place = "query"
	InBody  Place = "body"
)

// A Form is how an endpoint wants a tenant written.
type Form string

// The forms.
const (
	// Domain is the default domain as text. It is what CIPP keeps its own data
	// under, and what a restricted role is checked against.
	Domain Form = "domain"
	// ID is the tenant's id (a GUID) as text.
	ID Form = "id"
	// Picked is a list of objects as CIPP's own pages send them, of which some
	// endpoints read value, some defaultDomainName and some customerId.
	Picked Form = "picked"
)

// A Parameter is the one from which an endpoint reads its tenant.
type Parameter struct {
	Name string // as CIPP publishes it: tenantFilter, TenantFilter, tenantID, selectedTenants, customerId, …
	In   Place
	Form Form
}

// exception is what the names of an endpoint's parameters do not show.
type exception struct {
	name     string // of the parameter; "" means none of its own
	form     Form
	optional bool // it means something sensible without a tenant
	all      bool // a write that AllTenants makes sense for
	none     bool // what looks like a tenant parameter is none
}

var exceptions = map[string]exception{
	// Those that keep one table for all tenants; without a filter they give all of it.
	"ListTenants":           {optional: true},
	"ListScheduledItems":    {optional: true},
	"ListSecureScoreReport": {optional: true},
	"ListLogs":              {name: "Tenant", optional: true}, // a part of the domain, the id or AllTenants
	"ListTenantAlignment":   {optional: true},
	"ExecBitlockerSearch":   {optional: true}, // a search over all tenants
	"ExecExcludeTenant":     {optional: true}, // List=true
	"ExecAccessChecks":      {name: "TenantId", form: ID, optional: true},
	"ExecExtensionSync":     {name: "TenantID", form: ID, optional: true},

	// By id, because the domain is among what they may change or lose.
	"EditTenant":                    {name: "customerId", form: ID},
	"EditTenantOffboardingDefaults": {name: "customerId", form: ID},
	"ExecRemoveTenant":              {name: "TenantID", form: ID},
	"ExecExchangeRoleRepair":        {name: "tenantId", form: ID},
	"ExecCippReplacemap":            {name: "tenantId", form: ID, all: true},

	// A body that is handed on to Graph, so CIPP publishes no names for it.
	"PatchUser": {name: "tenantFilter"},

	// Lists of tenants where other endpoints have one.
	"AddAlert":    {form: Picked, all: true},
	"AddBaseline": {name: "assignedTenants", form: Picked},

	// Writes into CIPP's own tables, for which AllTenants is a tenant like any other.
	"AddScheduledItem":    {all: true},
	"AddScriptedAlert":    {all: true},
	"AddUserDefaults":     {all: true},
	"AddJITAdminTemplate": {all: true},
	"ExecCIPPDBCache":     {all: true},

	// Tenants that CIPP does not know yet, or the partner's own.
	"AddTenant": {none: true}, "ExecAddTenant": {none: true}, "ExecCombinedSetup": {none: true}, "ExecTokenExchange": {none: true},
	"ExecUpdateRefreshToken": {none: true}, "ExecDeviceCodeLogon": {none: true}, "ListExternalTenantInfo": {none: true},
	"PublicPhishingCheck": {none: true},
}

// tenantParameters are the names of tenant parameters, in order of precedence.
var tenantParameters = []struct {
	name string
	form Form
}{
	{"tenantfilter", Domain}, {"selectedtenants", Picked}, {"tenantid", Domain}, {"tenant", Domain},
}

// TenantParameter returns the parameter from which the endpoint reads its tenant, and false
// where it is about CIPP itself.
func (e Endpoint) TenantParameter() (Parameter, bool) {
	x := exceptions[e.Name]
	if x.none {
		return Parameter{}, false
	}
	for _, s := range tenantParameters {
		if x.name != "" && !strings.EqualFold(x.name, s.name) {
			continue
		}
		if p, ok := e.parameter(s.name); ok {
			p.Form = s.form
			if x.form != "" {
				p.Form = x.form
			}
			return p, true
		}
	}
	if x.name == "" {
		return Parameter{}, false
	}
	p, ok := e.parameter(x.name)
	if !ok {
		p = Parameter{Name: x.name, In: InBody}
	}
	if p.Form = x.form; p.Form == "" {
		p.Form = Domain
	}
	return p, true
}

// parameter finds a published parameter, where it is best put: the body of a
// POST, because the query of a write ends up in the logs of whatever stands
// between us and CIPP.
func (e Endpoint) parameter(name string) (Parameter, bool) {
	find := func(names []string, in Place) (Parameter, bool) {
		for _, n := range names {
			if strings.EqualFold(n, name) {
				return Parameter{Name: n, In: in}, true
			}
		}
		return Parameter{}, false
	}
	if e.Method() == "GET" {
		return find(e.Query, InQuery)
	}
	if p, ok := find(e.Body, InBody); ok {
		return p, true
	}
	return find(e.Query, InQuery)
}

// NeedsTenant reports whether a call must say whom it is about. Most endpoints
// answer a call that does not with the data of the partner's own tenant, or
// change it there.
func (e Endpoint) NeedsTenant() bool {
	_, takes := e.TenantParameter()
	return takes && !exceptions[e.Name].optional
}

// TakesAllTenants reports whether AllTenants may stand in the tenant's place.
// Of writes only few: one slip would touch every customer.
func (e Endpoint) TakesAllTenants() bool {
	p, takes := e.TenantParameter()
	if e.Writes() {
		return exceptions[e.Name].all
	}
	return takes && p.Form != ID && !single[e.Name]
}

// single are reads that do not know AllTenants, or answer it with a sentence.
var single = map[string]bool{
	"ListTenants": true, "ListUsers": true, "ListUserCounts": true, "ListGraphBulkRequest": true, "ListDirectoryObjects": true,
	"ListTenantDetails": true, "ListExoRequest": true,
}
