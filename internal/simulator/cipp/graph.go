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

func (s *Server) graphRead(t *Tenant, p graphPath) graphAnswer {
	lower := strings.ToLower(p.path)
	var found *collection
	rest := ""
	for i := range collections {
		c := &collections[i]
		if lower == c.path || strings.HasPrefix(lower, c.path+"/") {
			found, rest = c, strings.TrimPrefix(p.path[len(c.path):], "/")
			break
		}
	}
	if found == nil {
		segment, _, _ := strings.Cut(p.path, "/")
		return graphFailure(400, "BadRequest", "Resource not found for the segment '"+segment+"'.")
	}
	kind := found.kind
	single := false
	id, nav, _ := strings.Cut(rest, "/")
	rows := found.rows(only(t, kind, id))
	if rest != "" {
		row := findRow(rows, id)
		if row == nil {
			return graphFailure(404, "", "Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
		}
		switch strings.ToLower(nav) {
		case "":
			rows, single = []object{row}, true
		case "members", "owners", "transitivemembers":
			g := t.Group(id)
			if kind != "group" || g == nil {
				return graphFailure(400, "BadRequest", "Resource not found for the segment '"+nav+"'.")
			}
			ids := g.Members
			if strings.EqualFold(nav, "owners") {
				ids = g.Owners
			}
			rows, kind = memberRows(t, ids), "directoryObject"
		case "memberof", "memberof/microsoft.graph.group":
			u := t.User(id)
			if kind != "user" || u == nil {
				return graphFailure(400, "BadRequest", "Resource not found for the segment '"+nav+"'.")
			}
			rows, kind = []object{}, "group"
			for _, row := range groupRows(t) {
				if g := t.Group(row["id"].(string)); among(g.Members, u.ID) {
					rows = append(rows, row)
				}
			}
		case "manager":
			u := t.User(id)
			if kind != "user" || u == nil || u.ManagerID == "" || t.User(u.ManagerID) == nil {
				return graphFailure(404, "", "Resource 'manager' does not exist or one of its queried reference-property objects are not present.")
			}
			rows, single = []object{userRow(t, t.User(u.ManagerID))}, true
		default:
			return graphFailure(400, "BadRequest", "Resource not found for the segment '"+nav+"'.")
		}
	}

	size := 100
	if kind != "user" && kind != "group" && kind != "directoryObject" {
		size = math.MaxInt // Graph sends these in one page
	}
	if top := p.option("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 || n > 999 {
			return graphFailure(400, "Request_UnsupportedQuery", "Invalid page size specified: '"+top+"'. Must be between 1 and 999 inclusive.")
		}
		size = n
	}
	if filter := p.option("$filter"); filter != "" {
		kept, err := filterRows(rows, filter)
		if err != nil {
			return graphFailure(400, "Request_UnsupportedQuery", err.Error())
		}
		rows = kept
	}
	if expand := p.option("$expand"); expand != "" {
		name, _, _ := strings.Cut(expand, "(")
		switch {
		case kind == "user" && strings.EqualFold(name, "manager"):
			of := usersByID(t)
			for _, row := range rows {
				if u := of[row["id"].(string)]; u != nil && of[u.ManagerID] != nil {
					m := of[u.ManagerID]
					row["manager"] = object{"id": m.ID, "userPrincipalName": m.UPN, "displayName": m.DisplayName}
				}
			}
		case kind == "group" && (strings.EqualFold(name, "members") || strings.EqualFold(name, "owners")):
			for _, row := range rows {
				g := t.Group(row["id"].(string))
				ids := g.Members
				if strings.EqualFold(name, "owners") {
					ids = g.Owners
				}
				row[strings.ToLower(name)] = memberRows(t, ids[:min(len(ids), 20)]) // Graph expands no more
			}
		default:
			return graphFailure(400, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+name+"' on type 'microsoft.graph."+kind+"'.")
		}
	}
	if sel := p.option("$select"); sel != "" {
		if size > signInPage && kind == "user" && strings.Contains(sel, "signInActivity") {
			return graphFailure(400, "Request_UnsupportedQuery", "Page size too large: at most "+strconv.Itoa(signInPage)+" with signInActivity.")
		}
		if expand := p.option("$expand"); expand != "" {
			name, _, _ := strings.Cut(expand, "(")
			sel += "," + name // what is expanded need not be selected
		}
		picked, err := selectRows(t, rows, sel, kind, found.known)
		if err.failed() {
			return err
		}
		rows = picked
	}
	g := graphAnswer{status: http.StatusOK, single: single, size: size, kind: kind, rows: make([]any, len(rows))}
	for i, r := range rows {
		g.rows[i] = r
	}
	return g
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
				return nil, graphFailure(400, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+n+"' on type 'microsoft.graph."+kind+"'.")
			}
		}
		if v, has := row["@odata.type"]; has {
			small["@odata.type"] = v
		}
		out = append(out, small)
	}
	return out, graphAnswer{}
}

// filterRows knows "a eq v", "a ne v" and startsWith(a,'v'), joined by and.
// badFilter says it in Graph's words.
type badFilter string

func (clause badFilter) Error() string { return "Invalid filter clause: " + string(clause) }

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

func skuRows(t *Tenant) []object {
	rows := make([]object, 0, len(t.SKUs))
	for i := range t.SKUs {
		k := &t.SKUs[i]
		ids := make([]string, len(k.Subscriptions))
		for j, b := range k.Subscriptions {
			ids[j] = b.ID
		}
		rows = append(rows, object{
			"accountName": t.InitialDomain, "accountId": t.CustomerID, "appliesTo": k.AppliesTo,
			"capabilityStatus": k.CapabilityStatus, "consumedUnits": k.Consumed, "id": t.CustomerID + "_" + k.SkuID,
			"prepaidUnits": object{"enabled": k.Enabled, "suspended": k.Suspended, "warning": k.Warning, "lockedOut": k.LockedOut},
			"servicePlans": k.ServicePlans, "skuId": k.SkuID, "skuPartNumber": k.PartNumber, "subscriptionIds": ids,
		})
	}
	return rows
}

func subscriptionRows(t *Tenant) []object {
	rows := []object{}
	for i := range t.SKUs {
		k := &t.SKUs[i]
		for _, b := range k.Subscriptions {
			commerce := guid("commerce", b.ID)
			rows = append(rows, object{
				"id": b.ID, "commerceSubscriptionId": commerce, "ocpSubscriptionId": commerce,
				"skuId": k.SkuID, "skuPartNumber": k.PartNumber, "status": b.Status, "totalLicenses": b.Total,
				"isTrial": b.Trial, "createdDateTime": zulu(b.Created), "nextLifecycleDateTime": zulu(b.Next),
				"ownerId": nil, "ownerTenantId": orNil(b.Owner), "ownerType": nil, "serviceStatus": k.ServicePlans,
			})
		}
	}
	return rows
}

func organizationRow(t *Tenant) object {
	verified := []object{}
	for _, d := range t.Domains {
		if d.Unverified {
			continue
		}
		kind := "Managed"
		if d.Federated {
			kind = "Federated"
		}
		verified = append(verified, object{
			"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": d.Default, "isInitial": d.Initial,
			"name": d.Name, "type": kind,
		})
	}
	var synced, lastSync any
	if t.OnPremisesSync {
		synced, lastSync = true, zulu(t.Refreshed)
	}
	return object{
		"id": t.CustomerID, "deletedDateTime": nil, "displayName": t.MicrosoftName, "tenantType": "AAD",
		"businessPhones": list(t.BusinessPhones), "city": orNil(t.City), "country": nil, "countryLetterCode": orNil(t.Country),
		"postalCode": orNil(t.PostalCode), "state": nil, "street": orNil(t.Street), "preferredLanguage": "en",
		"createdDateTime": zulu(t.Created), "technicalNotificationMails": list(t.TechnicalMails),
		"securityComplianceNotificationMails": []string{}, "marketingNotificationEmails": []string{},
		"onPremisesSyncEnabled": synced, "onPremisesLastSyncDateTime": lastSync, "onPremisesLastPasswordSyncDateTime": lastSync,
		"assignedPlans": []object{{
			"assignedDateTime": zulu(t.Created), "capabilityStatus": "Enabled", "service": "exchange",
			"servicePlanId": guid("plan", "EXCHANGE_S_ENTERPRISE"),
		}},
		"provisionedPlans": []object{}, "verifiedDomains": verified,
	}
}

func domainRows(t *Tenant) []object {
	rows := []object{}
	for _, d := range t.Domains {
		kind := "Managed"
		if d.Federated {
			kind = "Federated"
		}
		services := []string{}
		if !d.Unverified {
			services = []string{"Email", "OfficeCommunicationsOnline"}
		}
		rows = append(rows, object{
			"id": d.Name, "authenticationType": kind, "availabilityStatus": nil, "isAdminManaged": true,
			"isDefault": d.Default, "isInitial": d.Initial, "isRoot": strings.Count(d.Name, ".") < 2 || d.Initial,
			"isVerified": !d.Unverified, "supportedServices": services, "model": nil, "state": nil,
			"passwordValidityPeriodInDays": 2147483647, "passwordNotificationWindowInDays": 14,
		})
	}
	return rows
}

// usersByID saves a search for each row of a large tenant.
func usersByID(t *Tenant) map[string]*User {
	of := make(map[string]*User, len(t.Users))
	for _, u := range t.Users {
		of[u.ID] = u
	}
	return of
}
