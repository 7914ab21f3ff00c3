package scimsim

import (
	"cmp"
	"net/http"
	"slices"
)

const (
	configURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	typeURN   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// discover answers what the provider says about itself: RFC 7644, section 4.
func (c *call) discover() (*answer, *apiError) {
	d := &c.dialect
	notFound := refuse(http.StatusNotFound, "", "there is nothing at this address")
	if len(c.parts) == 0 || len(c.parts) > 2 {
		return nil, notFound
	}
	what := c.parts[0]
	if what == "Bulk" || what == "Me" {
		return nil, refuse(http.StatusNotImplemented, "", "/%s is not supported", what)
	}
	configs := d.ConfigPaths
	if configs == nil {
		configs = []string{"ServiceProviderConfig"}
	}
	isConfig := slices.Contains(configs, what)
	if !isConfig && what != "ResourceTypes" && what != "Schemas" {
		return nil, notFound
	}
	switch {
	case d.NoDiscovery != 0:
		return nil, refuse(d.NoDiscovery, "", "discovery is not supported")
	case c.r.Method != http.MethodGet:
		return nil, refuse(http.StatusMethodNotAllowed, "", "%s is not possible here", c.r.Method)
	case readQuery(c.r.URL.RawQuery).hasFilter:
		return nil, refuse(http.StatusForbidden, "", "discovery cannot be filtered") // RFC 7644, section 4
	case isConfig && len(c.parts) == 1:
		return c.json(http.StatusOK, c.config()), nil
	case isConfig:
		return nil, notFound
	}
	all, ids := c.resourceTypes()
	if what == "Schemas" {
		all, ids = c.schemas()
	}
	if len(c.parts) == 2 {
		if i := slices.Index(ids, c.parts[1]); i >= 0 {
			return c.json(http.StatusOK, all[i]), nil
		}
		return nil, notFound
	}
	if d.BareDiscovery {
		return c.json(http.StatusOK, all), nil
	}
	return c.json(http.StatusOK, map[string]any{
		"schemas": []string{listURN}, "totalResults": c.number(len(all)), "itemsPerPage": c.number(len(all)), "startIndex": c.number(1),
		"Resources": all,
	}), nil
}

// capabilities are the truth about the provider.
func (d *Dialect) capabilities() Capabilities {
	return Capabilities{
		Patch: d.PatchUsers == 0, Filter: d.Filtering == FilterWorks, ETag: d.Versions != VersionsNone, Sort: true,
		MaxResults: cmp.Or(d.LargestPage, 1000), MaxPage: cmp.Or(d.LargestPage, 1000), DefaultPage: cmp.Or(d.DefaultPage, 100),
		Cursor: d.Paging >= PagingCursor, Index: d.Paging < PagingCursor || d.Paging == PagingBoth,
		Method: map[bool]string{true: "cursor"}[d.Paging == PagingCursor],
	}
}

func (c *call) config() map[string]any {
	k := c.dialect.capabilities()
	if c.dialect.Announced != nil {
		k = *c.dialect.Announced
	}
	supported := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	filter := supported(k.Filter)
	filter["maxResults"] = k.MaxResults
	bulk := supported(k.Bulk)
	bulk["maxOperations"], bulk["maxPayloadSize"] = 0, 0
	doc := map[string]any{
		"schemas": []string{configURN}, "patch": supported(k.Patch), "filter": filter, "bulk": bulk, "sort": supported(k.Sort),
		"etag": supported(k.ETag), "changePassword": supported(k.ChangePassword),
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "a bearer token", "primary": true,
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig"},
	}
	if k.Method != "" {
		doc["pagination"] = map[string]any{
			"cursor": k.Cursor, "index": k.Index, "defaultPaginationMethod": k.Method, "defaultPageSize": k.DefaultPage, "maxPageSize": k.MaxPage,
			"cursorTimeout": max(int(c.dialect.CursorLife.Seconds()), 0),
		}
	}
	return doc
}

func (c *call) resourceTypes() (all []any, ids []string) {
	for _, t := range []*resourceType{c.users, c.groups} {
		extensions := []any{}
		for _, s := range t.extensions {
			extensions = append(extensions, map[string]any{"schema": s.urn, "required": false})
		}
		all = append(all, map[string]any{
			"schemas": []string{typeURN}, "id": t.name, "name": t.name, "endpoint": "/" + t.path, "schema": t.core.urn,
			"schemaExtensions": extensions,
			"meta":             map[string]any{"resourceType": "ResourceType"},
		})
		ids = append(ids, t.name)
	}
	return all, ids
}

func (c *call) schemas() (all []any, ids []string) {
	for _, t := range []*resourceType{c.users, c.groups} {
		for _, s := range append([]*schema{t.core}, t.extensions...) {
			all = append(all, map[string]any{
				"schemas": []string{schemaURN}, "id": s.urn, "name": s.name, "attributes": c.describe(s.attributes, ""),
				"meta": map[string]any{"resourceType": "Schema"},
			})
			ids = append(ids, s.urn)
		}
	}
	return all, ids
}

func (c *call) describe(attributes []*attribute, prefix string) []any {
	all := []any{}
	for _, a := range attributes {
		mutability := "readWrite"
		switch {
		case a.readOnly:
			mutability = "readOnly"
		case a.hidden:
			mutability = "writeOnly"
		case hasFold(c.dialect.Immutable, prefix+a.name):
			mutability = "immutable"
		}
		m := map[string]any{
			"name": a.name, "type": a.kind, "multiValued": a.multi, "caseExact": a.exact, "mutability": mutability,
			"required":   a.required || hasFold(c.dialect.Required, prefix+a.name),
			"returned":   map[bool]string{true: "never", false: "default"}[a.hidden],
			"uniqueness": map[bool]string{true: "server", false: "none"}[a.name == "userName"],
		}
		if len(a.subs) > 0 {
			m["subAttributes"] = c.describe(a.subs, prefix+a.name+".")
		}
		all = append(all, m)
	}
	return all
}
