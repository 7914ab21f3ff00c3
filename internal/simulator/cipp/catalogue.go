package cippsim

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// catalogueTable is every endpoint that CIPP 10.8 publishes: verbs, role,
// category and the names of its parameters (CIPP source: Config/openapi.json);
// and those that newer front ends call, with the version that has them. Their
// role is not known; they take any.
//
//go:embed catalogue.tsv
var catalogueTable string

// A declaration is what CIPP publishes about an endpoint.
type declaration struct {
	name     string
	methods  []string
	role     string
	category string
	query    []string
	body     []string
	since    string
}

// catalogue holds the declarations by their names in lower case.
var catalogue = sync.OnceValue(func() map[string]declaration {
	words := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, ",")
	}
	all := map[string]declaration{}
	lines := strings.Split(strings.TrimRight(catalogueTable, "\n"), "\n")
	for _, line := range lines[1:] {
		f := strings.Split(line, "\t")
		all[strings.ToLower(f[0])] = declaration{f[0], words(f[1]), f[2], f[3], words(f[4]), words(f[5]), f[6]}
	}
	return all
})

// declared is what CIPP publishes about an endpoint, or would.
func (s *Server) declared(name string) declaration {
	if d, known := catalogue()[strings.ToLower(name)]; known {
		return d
	}
	return declaration{name: name, query: []string{"tenantFilter"}}
}

func among(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

func (d declaration) takes(name string) bool { return among(d.query, name) || among(d.body, name) }

// writes says whether it changes anything: the permission tells, the verb does not.
func (d declaration) writes() bool {
	return strings.HasSuffix(d.role, ".ReadWrite") || d.role == "" && !strings.HasPrefix(d.name, "List")
}

// tenantOptional are those that declare tenantFilter and mean something
// sensible without it.
var tenantOptional = []string{
	"ListScheduledItems", "ListSecureScoreReport", "ListAlertResults", "ListTenants", "AddAlert", "ListAuditLogs", "ListGDAPRelationships",
}

// endpoint makes the entry of an endpoint that has no code of its own.
func (d declaration) endpoint() endpoint {
	ep := endpoint{name: d.name, role: d.role, since: d.since, serve: (*call).generic}
	if d.takes("tenantFilter") && !among(tenantOptional, d.name) {
		ep.tenancy = oneTenant
	}
	return ep
}

// checkDeclared complains about what CIPP ignores in silence: another verb
// than the published one, and parameters that nobody reads. It cannot know the
// names in a body that is passed on as it is, such as PatchUser's.
func (c *call) checkDeclared(method string) {
	d, known := catalogue()[strings.ToLower(c.endpoint.name)]
	if !known {
		return
	}
	if !slices.Contains(d.methods, method) {
		c.s.complain("%s: sent as %s; CIPP publishes it as %s", d.name, method, strings.Join(d.methods, " or "))
	}
	for name := range c.query {
		// Wherever it is declared, CIPP's own check of the tenant looks for it in both places.
		if !strings.EqualFold(name, "tenantFilter") && !d.takes(name) {
			c.s.complain("%s: nobody reads the query parameter %s", d.name, name)
		}
	}
	if len(d.body) == 0 && d.writes() {
		return
	}
	bodies, isList := c.body.([]any)
	if !isList {
		bodies = []any{c.body}
	}
	for _, body := range bodies {
		m, _ := body.(map[string]any)
		for name := range m {
			if !strings.EqualFold(name, "tenantFilter") && !d.takes(name) {
				c.s.complain("%s: nobody reads %s in the body", d.name, name)
			}
		}
	}
}

// generic answers for an endpoint whose doings do not matter here: rows that
// look like rows, and for a write a sentence of success.
func (c *call) generic() answer {
	d := c.s.declared(c.endpoint.name)
	if d.takes("selectedTenants") {
		if chosen, isList := c.field("selectedTenants").([]any); !isList || len(chosen) == 0 {
			c.s.complain("%s: no selectedTenants; nothing is done", d.name)
		}
	}
	about := "this instance"
	if c.endpoint.tenancy == oneTenant {
		if c.tenant == nil && !c.all {
			return ok([]object{}) // not authorised: nothing, and no word about it
		}
		if msg := c.graphError(c.tenant); msg != "" {
			return c.failed(http.StatusForbidden, []string{msg})
		}
		about = c.filter
	}
	if d.writes() {
		return c.alter(func() answer {
			c.wrote("Info", "Executed "+d.name+" for "+about)
			return results([]string{"Successfully executed " + d.name + " for " + about + "."})
		})
	}
	rows := []object{}
	for _, n := range []string{"first", "second"} {
		row := object{"id": guid(d.name, about, n), "displayName": d.name + ", the " + n, "createdDateTime": "2026-03-01T09:00:00Z"}
		if c.endpoint.tenancy == oneTenant {
			row["Tenant"] = about
		}
		rows = append(rows, row)
	}
	if strings.HasPrefix(d.category, "CIPP/") {
		return results(rows) // both shapes occur; a reader must take either
	}
	return ok(rows)
}

// listAPITest repeats the request, headers and token and all
// (CIPP source: Invoke-ListApiTest.ps1).
func (c *call) listAPITest() answer {
	headers := object{}
	for name, values := range c.header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	return ok(object{"Request": object{"Headers": headers, "Query": c.query, "RawBody": nil, "Params": object{"CIPPEndpoint": "ListApiTest"}}})
}
