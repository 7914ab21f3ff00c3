package cipp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"syncd/internal/cipp/endpoint"
	"syncd/internal/directory"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// A Preview is what a call would send, fit to be shown and written down.
type Preview struct {
	Endpoint endpoint.Endpoint
	Tenant   string // as it is named to CIPP; empty where the call is about CIPP itself
	Method   string
	Query    url.Values // secrets redacted
	Body     any        // likewise; nil where there is none
	// Unread are names that CIPP publishes no parameter for, and most likely ignores.
	Unread []string
}

// Preview returns what Call would send, and the error of Call where it would send
// nothing. It sends nothing.
func (k Call) Preview() (*Preview, error) {
	e, w, err := k.prepare()
	if err != nil {
		return nil, err
	}
	p := &Preview{Endpoint: e, Tenant: w.filter.value, Method: w.request.Method, Query: w.request.Query}
	if k.AllTenants {
		p.Tenant = "AllTenants"
	}
	for name, values := range p.Query {
		if secretMember(name) && len(values) > 0 {
			p.Query[name] = []string{secret.Redacted}
		}
	}
	if w.request.Body != nil {
		p.Body = Redact(w.request.Body)
	}
	bodies := k.List
	if len(bodies) == 0 {
		bodies = []map[string]any{k.Body}
	}
	for _, body := range bodies {
		p.Unread = append(p.Unread, e.Undeclared(k.Query, body)...)
	}
	slices.Sort(p.Unread)
	p.Unread = slices.Compact(p.Unread)
	return p, nil
}

// prepare finds the endpoint and makes the request.
func (k *Call) prepare() (endpoint.Endpoint, call, error) {
	e, err := k.endpoint()
	if err != nil {
		return e, call{}, err
	}
	w, err := k.request(e)
	if err != nil && !errors.Is(err, ErrMisuse) {
		err = fmt.Errorf("cipp: %w", err)
	}
	return e, w, err
}

func (k *Call) endpoint() (endpoint.Endpoint, error) {
	if k.Unlisted {
		e, err := endpoint.Unlisted(k.Endpoint, k.Method, k.Tenant != directory.Tenant{})
		if err != nil {
			return e, Misuse("%v", err)
		}
		return e, nil
	}
	e, err := endpoint.Find(k.Endpoint)
	if err != nil {
		return e, fmt.Errorf("cipp: %w", err)
	}
	return e, nil
}

// request makes the request of a call, and refuses what CIPP would misinterpret.
func (k *Call) request(e endpoint.Endpoint) (call, error) {
	method := cmp.Or(strings.ToUpper(k.Method), e.Method())
	if method != e.Method() {
		// Two endpoints are published with two verbs: the POST of ListTenants is how
		// CIPP's page empties caches, the GET of PublicWebhooks is Microsoft's.
		return call{}, Misuse("%s is called with %s, not with %s", e.Name, e.Method(), method)
	}
	if method == http.MethodGet && (len(k.Body) > 0 || len(k.List) > 0) {
		return call{}, Misuse("%s reads its parameters from the query; a GET has no body", e.Name)
	}
	switch {
	case len(k.List) > 0 && len(k.Body) > 0:
		return call{}, Misuse("%s: either one body or a list of them", e.Name)
	case len(k.List) > 0 && !e.TakesList():
		return call{}, Misuse("%s takes one object for a body, not a list", e.Name)
	}
	query := maps.Clone(k.Query)
	if query == nil {
		query = url.Values{}
	}
	bodies := []map[string]any{maps.Clone(k.Body)}
	if len(k.List) > 0 {
		bodies = nil
		for _, one := range k.List {
			bodies = append(bodies, maps.Clone(one))
		}
	}
	if e.Unlisted() && k.Tenant == (directory.Tenant{}) {
		// It is unknown where a new endpoint reads its tenant from: it may be anywhere.
		for name, values := range query {
			if of := tenantMember(map[string]any{name: strings.Join(values, ",")}); of != "" {
				return call{}, Misuse("%s is to be about CIPP itself, and the query names a tenant in %q: leave that out, or name the tenant as the one it is about", e.Name, of)
			}
		}
		for _, body := range bodies {
			if of := tenantMember(body); of != "" {
				return call{}, Misuse("%s is to be about CIPP itself, and the body names a tenant in %q: leave that out, or name the tenant as the one it is about", e.Name, of)
			}
		}
	}
	out := call{endpoint: e.Name}
	for i := range bodies {
		before := out.filter.value
		if err := k.setTenant(e, &out, query, &bodies[i]); err != nil {
			return call{}, err
		}
		if i > 0 && !strings.EqualFold(out.filter.value, before) {
			return call{}, Misuse("%s: one tenant a call: the list names %s and %s, and CIPP checks the role against one of them only", e.Name,
				before, out.filter.value)
		}
	}
	for _, body := range bodies {
		if twice := duplicateMember(body); twice != "" {
			return call{}, Misuse("%s: the body has %q twice, in different case, which CIPP cannot read", e.Name, twice)
		}
		if err := e.Check(query, body); err != nil {
			return call{}, err
		}
	}
	out.request = rest.Request{Method: method, Path: e.Path(), Query: query, Timeout: liveTimeout}
	switch {
	case method == http.MethodGet:
	case e.OnlyList() || len(k.List) > 0:
		out.request.Body = bodies
	case len(bodies[0]) > 0:
		out.request.Body = bodies[0]
	}
	out.request.Read = !e.Writes()
	return out, nil
}

// setTenant sets the parameter from which the endpoint reads its tenant.
func (k *Call) setTenant(e endpoint.Endpoint, out *call, query url.Values, body *map[string]any) error {
	p, takes := e.TenantParameter()
	named := k.Tenant != directory.Tenant{}
	switch {
	case !takes && (named || k.AllTenants):
		return Misuse("%s is about CIPP itself and takes no tenant", e.Name)
	case !takes:
		return nil
	case named && k.AllTenants:
		return Misuse("%s: either one tenant or all", e.Name)
	case k.AllTenants && !e.TakesAllTenants():
		return Misuse("%s does not take AllTenants: call it for one tenant after the other", e.Name)
	}
	hand, inPlace := givenTenant(query, *body, p)
	if all := givenTenants(*body, p.Name); len(all) > 1 {
		// CIPP would take them all, and check a restricted role against the first.
		return Misuse("%s: one tenant a call: %s names %s; call it for each of them", e.Name, p.Name, clip(strings.Join(all, " and "), 160))
	}
	switch {
	case strings.EqualFold(hand, "AllTenants") && !k.AllTenants:
		return Misuse("%s: AllTenants stands in %s: ask for all tenants, where that is meant, and not for one of that name", e.Name, p.Name)
	case !named && !k.AllTenants && hand == "" && e.NeedsTenant():
		return Misuse("%s: no tenant was named, and CIPP would answer for the partner's own", e.Name)
	case !named && !k.AllTenants && hand == "":
		return nil
	}
	value, label, id := "AllTenants", "*All Tenants", "AllTenants"
	switch {
	case named:
		f, err := FilterOf(k.Tenant)
		if err != nil {
			return err
		}
		if id, ok := f.byID(); ok && k.byID {
			f = id
		}
		out.scoped, out.filter = true, f
		value, label, id = f.value, cmp.Or(k.Tenant.Name, f.value), string(k.Tenant.ID)
		if hand != "" && !f.echoes(text(hand)) {
			return Misuse("%s: %s says %q, and the call is about %s", e.Name, p.Name, clip(hand, 80), f.value)
		}
	case !k.AllTenants:
		out.scoped, out.filter = true, TenantFilter{value: hand}
		if inPlace {
			return nil
		}
		// CIPP does not read it there, and would answer for the partner's own tenant.
		value, label, id = hand, hand, hand
	}
	if p.Form == endpoint.ID {
		if value = id; value == "" {
			return Misuse("%s: the tenant %s has no id to name it by", e.Name, label)
		}
	}
	drop(query, p.Name)
	drop(*body, p.Name)
	if p.In == endpoint.InQuery {
		query.Set(p.Name, value)
		return nil
	}
	if *body == nil {
		*body = map[string]any{}
	}
	if p.Form == endpoint.Picked {
		// One tenant a call, though lists are taken: CIPP checks a restricted role
		// against the first alone.
		(*body)[p.Name] = []any{map[string]any{"value": value, "label": label, "defaultDomainName": value, "customerId": id}}
		return nil
	}
	(*body)[p.Name] = value
	return nil
}

// givenTenant returns the tenant that the caller wrote into the request, and whether it
// is in the place that the endpoint reads.
func givenTenant(query url.Values, body map[string]any, p endpoint.Parameter) (hand string, inPlace bool) {
	inQuery, _ := find(query, p.Name)
	q, b := strings.TrimSpace(strings.Join(inQuery, ",")), strings.TrimSpace(memberText(body, p.Name))
	if p.In == endpoint.InQuery {
		return cmp.Or(q, b), q != ""
	}
	return cmp.Or(b, q), b != ""
}

// find returns the value of a name, whatever its case, as CIPP reads it.
func find[V any](m map[string]V, name string) (V, bool) {
	for n, v := range m {
		if strings.EqualFold(n, name) {
			return v, true
		}
	}
	var none V
	return none, false
}

func drop[V any](m map[string]V, name string) {
	maps.DeleteFunc(m, func(n string, _ V) bool { return strings.EqualFold(n, name) })
}

// memberText is a member of a body as text, or its value where it is a {label, value}.
func memberText(body map[string]any, name string) string {
	v, _ := find(body, name)
	for {
		switch inner := v.(type) {
		case string:
			return inner
		case map[string]any:
			v, _ = find(inner, "value")
		case []any:
			if len(inner) != 1 {
				return ""
			}
			v = inner[0]
		default:
			return ""
		}
	}
}

// givenTenants are the different tenants that a member of a body names.
func givenTenants(body map[string]any, name string) []string {
	v, _ := find(body, name)
	list, _ := v.([]any)
	var all []string
	for _, one := range list {
		if s := strings.TrimSpace(memberText(map[string]any{name: one}, name)); s != "" && !slices.ContainsFunc(all, func(o string) bool { return strings.EqualFold(o, s) }) {
			all = append(all, s)
		}
	}
	return all
}

// duplicateMember finds two members of one object that differ in case only.
func duplicateMember(v any) string {
	switch v := v.(type) {
	case map[string]any:
		seen := map[string]bool{}
		for name, inner := range v {
			low := strings.ToLower(name)
			if seen[low] {
				return name
			}
			seen[low] = true
			if twice := duplicateMember(inner); twice != "" {
				return twice
			}
		}
	case []any:
		for _, inner := range v {
			if twice := duplicateMember(inner); twice != "" {
				return twice
			}
		}
	}
	return ""
}

// tenantNames matches the parameters from which CIPP's endpoints read a tenant.
var tenantNames = regexp.MustCompile(`(?i)tenant|^customer(?:ids?)?$|^default_?domain(?:name)?$`)

// tenantMember is the name of a member that names a tenant, however deep, or all of them; or "".
func tenantMember(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if s, ok := inner.(string); tenantNames.MatchString(name) || ok && isAllTenants(s) {
				return name
			}
			if of := tenantMember(inner); of != "" {
				return of
			}
		}
	case []any:
		for _, inner := range v {
			if of := tenantMember(inner); of != "" {
				return of
			}
		}
	case string:
		if isAllTenants(v) {
			return v
		}
	}
	return ""
}

func isAllTenants(s string) bool {
	return strings.Contains(strings.ToLower(strings.Join(strings.Fields(s), "")), "alltenants")
}
