package scim

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/rest"
)

// capabilities are what an account can do: what the profile says, else what
// discovery says, else the default.
type capabilities struct {
	at             time.Time
	source         string // where discovery answered; empty where nowhere
	patch          bool
	filter         bool
	etag           bool
	cursor         bool
	pageSize       int
	schemas        []string // URNs; nil where the provider does not tell
	userAttributes []string // names of a user's core attributes; nil where it does not tell
	config         document // the service provider's configuration as it came
}

// capabilitiesTTL is how long an answer of discovery holds.
const capabilitiesTTL = 24 * time.Hour

// capabilities returns what the account can do, asking where that was not done lately.
func (a *connection) capabilities(ctx context.Context) (*capabilities, error) {
	a.mu.Lock()
	caps := a.caps
	a.mu.Unlock()
	now := a.client.options.Now()
	if caps != nil && now.Sub(caps.at) < capabilitiesTTL {
		return caps, nil
	}
	caps, err := a.discover(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.caps != nil && now.Sub(a.caps.at) < capabilitiesTTL {
		return a.caps, nil // somebody was faster
	}
	a.caps = caps
	a.client.options.Log.Info().Str("system", a.client.Name()).Str("profile", a.client.profile.Name).Bool("discovery",
		caps.source != "").Bool("patch", caps.patch).
		Bool("filter", caps.filter).Bool("etag", caps.etag).Bool("cursor", caps.cursor).Int("page_size", caps.pageSize).Msg("capabilities")
	return caps, nil
}

// discover asks for the features. No discovery at all is normal; a token that
// is refused is not.
func (a *connection) discover(ctx context.Context) (*capabilities, error) {
	p := a.client.profile
	caps := &capabilities{at: a.client.options.Now(), patch: true, filter: true, pageSize: p.PageSize}
	places := []bool{false}
	if a.discoveryRest != nil {
		places = []bool{true, false}
	}
	for _, outside := range places {
		for _, path := range p.ConfigPaths {
			d, err := a.discovery(ctx, "/"+path, outside)
			if err != nil {
				return nil, err
			}
			if d = first(d, "authenticationSchemes", "patch"); d != nil && caps.source == "" {
				caps.source, caps.config = path, d
			}
			if caps.source != "" {
				break
			}
		}
		if caps.source != "" {
			break
		}
	}
	caps.read(p)
	if a.client.layout.unusual(p) {
		for _, outside := range places {
			d, err := a.discovery(ctx, "/Schemas", outside)
			if err != nil {
				return nil, err
			}
			for _, s := range members(d) {
				id := asDocument(s).text("id")
				if id != "" {
					caps.schemas = append(caps.schemas, id)
				}
				if strings.EqualFold(id, schemaUser) {
					for _, one := range asDocument(s).list("attributes") {
						caps.userAttributes = append(caps.userAttributes, asDocument(one).text("name"))
					}
				}
			}
			if caps.schemas != nil {
				break
			}
		}
	}
	return caps, nil
}

// read takes over what the service provider says of itself, as far as the
// profile does not know better.
func (c *capabilities) read(p *Profile) {
	supported := func(name string, otherwise bool) bool {
		is, known := asBool(asDocument(c.config.get(name)).get("supported"))
		if !known {
			return otherwise
		}
		return is
	}
	c.patch = p.Patch == yes || p.Patch == auto && supported("patch", true)
	c.filter = p.Filter == filterEq || p.Filter == auto && supported("filter", true)
	c.etag = p.ETag == yes || p.ETag == auto && supported("etag", false)
	pages := asDocument(c.config.get("pagination"))
	cursor, _ := asBool(pages.get("cursor"))
	index, indexKnown := asBool(pages.get("index"))
	byCursor := cursor && (indexKnown && !index || strings.EqualFold(pages.text("defaultPaginationMethod"), "cursor"))
	c.cursor = p.Pagination == pagesCursor || p.Pagination == auto && byCursor
	for _, most := range []int{asNumber(asDocument(c.config.get("filter")).get("maxResults")), asNumber(pages.get("maxPageSize"))} {
		if most > 0 && most < c.pageSize {
			c.pageSize = most
		}
	}
}

// discovery asks one of the places of discovery; nil where there is nothing.
func (a *connection) discovery(ctx context.Context, path string, outside bool) (document, error) {
	resp, err := a.do(ctx, request{path: path, atDiscovery: outside})
	if err != nil {
		refused, ok := errors.AsType[*rest.Error](err)
		switch {
		case !ok, refused.Unauthorised, refused.Status == 0, refused.Status == http.StatusTooManyRequests:
			return nil, err
		}
		return nil, nil // 403, 404, 500, 501: no discovery here
	}
	v, err := decode(resp)
	if err != nil {
		return nil, nil // a page: somebody else's path
	}
	if list, ok := v.([]any); ok { // a bare list instead of a ListResponse
		return document{"Resources": list}, nil
	}
	return asDocument(v), nil
}

// first is the document itself, or the first of a list, if it has one of the names.
func first(d document, names ...string) document {
	for _, candidate := range append([]any{map[string]any(d)}, members(d)...) {
		m := asDocument(candidate)
		if m != nil && slices.ContainsFunc(names, m.has) {
			return m
		}
	}
	return nil
}

// members are the resources of a ListResponse.
func members(d document) []any { return d.list("Resources") }

// amendCapabilities notes that a feature is missing although the provider, or the
// default, said otherwise.
func (a *connection) amendCapabilities(change func(*capabilities)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.caps == nil {
		return
	}
	caps := *a.caps
	change(&caps)
	a.caps = &caps
}

// unknownExtensions are the extensions of the layout that the provider does not
// list among its schemas.
func (a *connection) unknownExtensions(caps *capabilities) []string {
	if caps.schemas == nil {
		return nil
	}
	var out []string
	for _, urn := range a.client.layout.urns {
		known := slices.Contains(a.client.profile.Extensions, urn) ||
			slices.ContainsFunc(caps.schemas, func(s string) bool { return strings.EqualFold(s, urn) })
		if !known {
			out = append(out, urn)
		}
	}
	return out
}

// unusual reports whether a provider may well lack something of the layout: an
// extension that its profile does not vouch for, or an attribute of its own making.
func (l *layout) unusual(p *Profile) bool {
	return slices.ContainsFunc(l.urns, func(urn string) bool { return !slices.Contains(p.Extensions, urn) }) ||
		slices.ContainsFunc(l.fields, func(f mappedAttribute) bool { return f.path.URN == "" && !f.path.Standard() })
}

// unknownAttributes are the fields of the layout that neither the RFC nor the
// provider's schema of users has. Those of the RFC are sent whatever the schema
// says: not every provider lists all that it takes.
func (a *connection) unknownAttributes(caps *capabilities) []string {
	var out []string
	for i := range a.client.layout.fields {
		f := &a.client.layout.fields[i]
		listed := slices.ContainsFunc(caps.userAttributes, func(name string) bool { return strings.EqualFold(name, f.path.Attribute) })
		if caps.userAttributes != nil && f.path.URN == "" && !f.path.Standard() && !listed {
			out = append(out, f.name)
		}
	}
	return out
}
