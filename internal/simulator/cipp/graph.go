package cippsim

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A collection is a Graph collection that the tenants have.
type collection struct {
	path  string // in lower case
	kind  string // Graph's name of the type of a row
	rows  func(*Tenant) []object
	known []string // properties that come only when they are selected
}

// collections is what the make-believe Graph serves. Single objects and
// navigation (users/{id}, groups/{id}/members) are built on it.
var collections = []collection{
	{"subscribedskus", "subscribedSku", skuRows, nil},
	{"directory/subscriptions", "companySubscription", subscriptionRows, nil},
	{"organization", "organization", func(t *Tenant) []object { return []object{organizationRow(t)} }, nil},
	{"domains", "domain", domainRows, nil},
	{"users", "user", userRows, []string{"signInActivity", "employeeId", "employeeHireDate", "employeeType", "manager", "licenseDetails"}},
	{"groups", "group", groupRows, []string{"members", "owners"}},
	{"directory/deleteditems/microsoft.graph.user", "user", deletedUserRows, nil},
}

// signInPage is the largest page of users with their signInActivity.
const signInPage = 500

// A graphPath is a request to Graph: a path below the version, and options.
type graphPath struct {
	path   string // without a leading slash, as it was sent
	query  url.Values
	asApp  bool
	offset int
}

// graphURL splits what a caller sent as url or Endpoint.
func graphURL(raw string) (graphPath, error) {
	p, q, _ := strings.Cut(strings.TrimPrefix(raw, "/"), "?")
	values, err := url.ParseQuery(q)
	return graphPath{path: strings.TrimSuffix(p, "/"), query: values}, err
}

func (p graphPath) option(name string) string {
	for k, v := range p.query {
		if strings.EqualFold(k, name) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// A graphAnswer is what Graph says. rows are objects, unless a fault put
// something else among them.
type graphAnswer struct {
	status  int
	code    string // of an error
	message string
	rows    []any
	single  bool // rows holds one object that is the whole body
	size    int  // of a page
	kind    string
}

func (g graphAnswer) failed() bool { return g.status >= 300 }

func graphFailure(status int, code, msg string) graphAnswer {
	usual := map[int][2]string{
		400: {"Request_BadRequest", "Bad request."},
		403: {"Authorization_RequestDenied", "Insufficient privileges to complete the operation."},
		404: {"Request_ResourceNotFound", "Resource does not exist or one of its queried reference-property objects are not present."},
		429: {"TooManyRequests", TextThrottled},
		500: {"InternalServerError", "An internal server error occurred."},
		503: {"ServiceUnavailable", TextUnavailable},
	}[status]
	return graphAnswer{status: status, code: cmp.Or(code, usual[0], "UnknownError"), message: cmp.Or(msg, usual[1], http.StatusText(status))}
}

// graphGet reads from the tenant data on behalf of t: all rows, in Graph's
// order. f has been looked up by the caller, because it is used up by that.
func (s *Server) graphGet(t, data *Tenant, p graphPath, f ResourceFault) graphAnswer {
	if s.tenantFaults(t).NeedsApp && !p.asApp {
		return graphFailure(403, "", "")
	}
	if f.Status >= 300 {
		return graphFailure(f.Status, "", f.Message)
	}
	g := s.graphRead(data, p)
	if g.failed() || g.single {
		return g
	}
	if f.Empty {
		g.rows = []any{}
	}
	g.rows = append(g.rows, f.Rows...)
	if f.Keep > 0 && len(g.rows) > f.Keep {
		g.rows = g.rows[:f.Keep]
	}
	return g
}

// graphRead finds the rows that a path names, then does with them what the options say.
func (s *Server) graphRead(t *Tenant, p graphPath) graphAnswer {
	c, rest := findCollection(p.path)
	if c == nil {
		segment, _, _ := strings.Cut(p.path, "/")
		return noSegment(segment)
	}
	found := c.resolve(t, rest)
	if found.failed() {
		return found.graphAnswer
	}
	size, failure := p.pageSize(found.kind)
	if failure.failed() {
		return failure
	}
	if filter := p.option("$filter"); filter != "" {
		kept, err := filterRows(found.objects, filter)
		if err != nil {
			return graphFailure(400, "Request_UnsupportedQuery", err.Error())
		}
		found.objects = kept
	}
	expanded, _, _ := strings.Cut(p.option("$expand"), "(")
	if p.option("$expand") != "" {
		if failure := expandRows(t, found.objects, found.kind, expanded); failure.failed() {
			return failure
		}
	}
	if sel := p.option("$select"); sel != "" {
		if size > signInPage && found.kind == "user" && strings.Contains(sel, "signInActivity") {
			return graphFailure(400, "Request_UnsupportedQuery",
				"Page size too large: at most "+strconv.Itoa(signInPage)+" with signInActivity.")
		}
		sel += "," + expanded // what is expanded need not be selected
		picked, failure := selectRows(t, found.objects, sel, found.kind, c.known)
		if failure.failed() {
			return failure
		}
		found.objects = picked
	}
	g := found.graphAnswer
	g.status, g.size, g.rows = http.StatusOK, size, make([]any, len(found.objects))
	for i, row := range found.objects {
		g.rows[i] = row
	}
	return g
}

// findCollection splits a path into its collection, or nil, and what follows it.
func findCollection(path string) (c *collection, rest string) {
	lower := strings.ToLower(path)
	for i := range collections {
		c := &collections[i]
		if lower == c.path || strings.HasPrefix(lower, c.path+"/") {
			return c, strings.TrimPrefix(path[len(c.path):], "/")
		}
	}
	return nil, ""
}

// A resolved path is the rows that it names, before any option; kind and single
// are those of the answer, which is a failure where the path names nothing.
type resolved struct {
	graphAnswer
	objects []object
}

// resolve follows what a path says below the collection: an id, and a navigation.
func (c *collection) resolve(t *Tenant, rest string) resolved {
	id, nav, _ := strings.Cut(rest, "/")
	rows := c.rows(only(t, c.kind, id))
	if rest == "" {
		return resolved{graphAnswer{kind: c.kind}, rows}
	}
	row := findRow(rows, id)
	if row == nil {
		return resolved{graphAnswer: notFound(id)}
	}
	u, g := t.User(id), t.Group(id)
	switch lower := strings.ToLower(nav); {
	case nav == "":
		return resolved{graphAnswer{kind: c.kind, single: true}, []object{row}}
	case (lower == "members" || lower == "transitivemembers") && c.kind == "group" && g != nil:
		return resolved{graphAnswer{kind: "directoryObject"}, memberRows(t, g.Members)}
	case lower == "owners" && c.kind == "group" && g != nil:
		return resolved{graphAnswer{kind: "directoryObject"}, memberRows(t, g.Owners)}
	case (lower == "memberof" || lower == "memberof/microsoft.graph.group") && c.kind == "user" && u != nil:
		return resolved{graphAnswer{kind: "group"}, groupRowsOf(t, u)}
	case lower == "manager":
		if c.kind != "user" || u == nil || u.ManagerID == "" || t.User(u.ManagerID) == nil {
			return resolved{graphAnswer: notFound("manager")}
		}
		return resolved{graphAnswer{kind: c.kind, single: true}, []object{userRow(t, t.User(u.ManagerID))}}
	}
	return resolved{graphAnswer: noSegment(nav)}
}

func noSegment(segment string) graphAnswer {
	return graphFailure(400, "BadRequest", "Resource not found for the segment '"+segment+"'.")
}

func notFound(id string) graphAnswer {
	return graphFailure(404, "", "Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
}

func noProperty(name, kind string) graphAnswer {
	return graphFailure(400, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+
		name+"' on type 'microsoft.graph."+kind+"'.")
}

// groupRowsOf are the groups that a user is a member of.
func groupRowsOf(t *Tenant, u *User) []object {
	rows := []object{}
	for _, row := range groupRows(t) {
		if g := t.Group(row["id"].(string)); among(g.Members, u.ID) {
			rows = append(rows, row)
		}
	}
	return rows
}

// pageSize is $top, or what Graph sends of a kind unasked.
func (p graphPath) pageSize(kind string) (int, graphAnswer) {
	top := p.option("$top")
	if top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 || n > 999 {
			return 0, graphFailure(400, "Request_UnsupportedQuery", "Invalid page size specified: '"+top+"'. Must be between 1 and 999 inclusive.")
		}
		return n, graphAnswer{}
	}
	if kind != "user" && kind != "group" && kind != "directoryObject" {
		return math.MaxInt, graphAnswer{} // Graph sends these in one page
	}
	return 100, graphAnswer{}
}

// expandRows adds the objects of a navigation to each row.
func expandRows(t *Tenant, rows []object, kind, name string) graphAnswer {
	lower := strings.ToLower(name)
	switch {
	case kind == "user" && lower == "manager":
		of := usersByID(t)
		for _, row := range rows {
			if u := of[row["id"].(string)]; u != nil && of[u.ManagerID] != nil {
				m := of[u.ManagerID]
				row["manager"] = object{"id": m.ID, "userPrincipalName": m.UPN, "displayName": m.DisplayName}
			}
		}
	case kind == "group" && (lower == "members" || lower == "owners"):
		for _, row := range rows {
			g := t.Group(row["id"].(string))
			ids := g.Members
			if lower == "owners" {
				ids = g.Owners
			}
			row[lower] = memberRows(t, ids[:min(len(ids), 20)]) // Graph expands no more
		}
	default:
		return noProperty(name, kind)
	}
	return graphAnswer{}
}

// only is t with nothing but the one user or group with that id, where one is
// asked for: making the rows of all for each is slow in a large tenant.
func only(t *Tenant, kind, id string) *Tenant {
	u, g := t.User(id), t.Group(id)
	if id == "" || kind == "user" && u == nil || kind == "group" && g == nil {
		return t
	}
	one := *t
	switch kind {
	case "user":
		one.Users = []*User{u}
	case "group":
		one.Groups = []*Group{g}
	}
	return &one
}

func findRow(rows []object, id string) object {
	for _, row := range rows {
		if v, _ := row["id"].(string); strings.EqualFold(v, id) {
			return row
		}
		if v, _ := row["userPrincipalName"].(string); v != "" && strings.EqualFold(v, id) {
			return row
		}
	}
	return nil
}

// selectRows keeps the named properties. A nested name is cut to its first
// segment; a name that the type does not have is an error.
func selectRows(t *Tenant, rows []object, sel, kind string, known []string) ([]object, graphAnswer) {
	var names []string
	for n := range strings.SplitSeq(sel, ",") {
		n, _, _ = strings.Cut(strings.TrimSpace(n), "/")
		if n != "" {
			names = append(names, n)
		}
	}
	of := usersByID(t)
	out := make([]object, 0, len(rows))
	for _, row := range rows {
		small := make(object, len(names))
		for _, n := range names {
			switch v, has := row[n]; {
			case has:
				small[n] = v
			case n == "signInActivity" && kind == "user":
				if t.NoEntraP1 {
					return nil, graphFailure(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "This feature requires a P1 license or higher")
				}
				if u := of[row["id"].(string)]; u != nil && !u.LastSignIn.IsZero() {
					small[n] = object{"lastSignInDateTime": zulu(u.LastSignIn), "lastNonInteractiveSignInDateTime": zulu(u.LastSignIn)}
				}
			case slices.Contains(known, n):
				if kind == "user" {
					small[n] = nil
				}
			default:
				return nil, noProperty(n, kind)
			}
		}
		if v, has := row["@odata.type"]; has {
			small["@odata.type"] = v
		}
		out = append(out, small)
	}
	return out, graphAnswer{}
}

// badFilter is a clause that Graph does not read, in its words.
type badFilter string

func (clause badFilter) Error() string { return "Invalid filter clause: " + string(clause) }

// filterRows knows "a eq v", "a ne v" and startsWith(a,'v'), joined by and.
func filterRows(rows []object, filter string) ([]object, error) {
	type test func(object) bool
	var tests []test
	for clause := range strings.SplitSeq(filter, " and ") {
		clause = strings.TrimSpace(clause)
		if inner, isCall := strings.CutPrefix(strings.ToLower(clause), "startswith("); isCall && strings.HasSuffix(inner, ")") {
			name, value, two := strings.Cut(clause[len("startswith("):len(clause)-1], ",")
			if !two {
				return nil, badFilter(clause)
			}
			prefix := strings.ToLower(strings.Trim(strings.TrimSpace(value), "'"))
			name = strings.TrimSpace(name)
			tests = append(tests, func(o object) bool {
				return strings.HasPrefix(strings.ToLower(fmt.Sprint(o[name])), prefix)
			})
			continue
		}
		f := strings.SplitN(clause, " ", 3)
		if len(f) != 3 || f[1] != "eq" && f[1] != "ne" {
			return nil, badFilter(clause)
		}
		name, want := f[0], strings.ReplaceAll(strings.Trim(f[2], "'"), "''", "'")
		equal := f[1] == "eq"
		tests = append(tests, func(o object) bool {
			v := o[name]
			is := v == nil && want == "null" || v != nil && strings.EqualFold(fmt.Sprint(v), want)
			return is == equal
		})
	}
	var kept []object
	for _, o := range rows {
		if !slices.ContainsFunc(tests, func(ok test) bool { return !ok(o) }) {
			kept = append(kept, o)
		}
	}
	return kept, nil
}
