package itgluesim

import (
	"net/http"

	"syncd/internal/simulator/serving"
)

// A route is one method of one pattern.
type route struct {
	method  string
	pattern string
	serve   func(*call) (*answer, *apiError)
}

const (
	get   = http.MethodGet
	post  = http.MethodPost
	patch = http.MethodPatch
	del   = http.MethodDelete
)

// routes are all that the server knows. What the vendor has no route for,
// such as a single domain or the deletion of one contact, is a 404.
var routes = func() []*route {
	all := []*route{
		{get, "/organizations", listOf(organizations)},
		{get, "/organizations/{id}", showOf(organizations)},
		{post, "/organizations", createOrganization},
		{patch, "/organizations/{id}", patchOrganization},
		{patch, "/organizations", patchOrganizations},
		{del, "/organizations", deleteOrganizations},

		{post, "/contacts", createContact},
		{post, "/organizations/{id}/relationships/contacts", createNestedContacts},
		{patch, "/contacts/{id}", patchContact},
		{patch, "/organizations/{id}/relationships/contacts/{id}", patchContact},
		{patch, "/contacts", patchContacts},
		{del, "/contacts", deleteContacts},
		{del, "/organizations/{id}/relationships/contacts", deleteContacts},
		{post, "/contact_types", createContactType},
		{patch, "/contact_types/{id}", patchContactType},
		{del, "/locations", deleteLocations},

		{get, "/flexible_asset_types", listOf(assetTypes)},
		{get, "/flexible_asset_types/{id}", showOf(assetTypes)},
		{post, "/flexible_asset_types", createType},
		{patch, "/flexible_asset_types/{id}", patchType},

		{get, "/flexible_asset_types/{id}/relationships/flexible_asset_fields", listFields},
		{post, "/flexible_asset_types/{id}/relationships/flexible_asset_fields", createNestedFields},
		{post, "/flexible_asset_fields", createField},
		{patch, "/flexible_asset_fields", patchFields},

		{get, "/flexible_assets", listAssets},
		{get, "/flexible_assets/{id}", showOf(assets)},
		{post, "/flexible_assets", createAsset},
		{post, "/organizations/{id}/relationships/flexible_assets", createNestedAssets},
		{patch, "/flexible_assets/{id}", patchAsset},
		{patch, "/flexible_assets", patchAssets},
		{del, "/flexible_assets/{id}", deleteAsset},
		{del, "/flexible_assets", deleteAssets},

		{get, "/domains", listOf(domains)},
		{get, "/organizations/{id}/relationships/domains", nestedOf(domains)},
		{get, "/users", listOf(users)},
		{get, "/users/{id}", showOf(users)},
	}
	for _, pattern := range []string{"/flexible_asset_fields/{id}", "/flexible_asset_types/{id}/relationships/flexible_asset_fields/{id}"} {
		all = append(all, &route{get, pattern, showField}, &route{patch, pattern, patchField}, &route{del, pattern, deleteField})
	}
	for path, res := range map[string]*resource{
		"contacts": contacts, "locations": locations, "configurations": configurations, "passwords": passwords,
	} {
		all = append(all,
			&route{get, "/" + path, listOf(res)},
			&route{get, "/" + path + "/{id}", showOf(res)},
			&route{get, "/organizations/{id}/relationships/" + path, nestedOf(res)},
			&route{get, "/organizations/{id}/relationships/" + path + "/{id}", showOf(res)})
	}
	for path, res := range map[string]*resource{
		"organization_types": organizationTypes, "organization_statuses": organizationState, "contact_types": contactTypes,
		"countries": countries, "regions": regions,
	} {
		all = append(all, &route{get, "/" + path, listOf(res)}, &route{get, "/" + path + "/{id}", showOf(res)})
	}
	for path, kind := range map[string]string{
		"contacts": "contacts", "flexible_assets": assetKind, "domains": "domains", "configurations": "configurations",
		"locations": "locations", "passwords": "passwords",
	} {
		related, files := "/"+path+"/{id}/relationships/related_items", "/"+path+"/{id}/relationships/attachments"
		all = append(all,
			&route{post, related, createRelated(kind)},
			&route{patch, related + "/{id}", patchRelated(kind)},
			&route{del, related, deleteRelated(kind)},
			&route{post, files, createAttachment(kind)},
			&route{patch, files + "/{id}", patchAttachment(kind)},
			&route{del, files, deleteAttachments(kind)})
	}
	return all
}()

func listOf(res *resource) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) { return c.list(res, res.rows(c.world), false) }
}

// nestedOf lists what belongs to the organization in the path.
func nestedOf(res *resource) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		var rows []entity
		for _, o := range res.rows(c.world) {
			if o.organization() == c.id(0) {
				rows = append(rows, o)
			}
		}
		return c.list(res, rows, true)
	}
}

func showOf(res *resource) func(*call) (*answer, *apiError) {
	return func(c *call) (*answer, *apiError) {
		if o, ok := c.index.any[Ref{res.kind, c.last()}]; ok {
			return c.show(res, o)
		}
		for _, o := range res.rows(c.world) { // of the small tables
			if *o.key() == c.last() {
				return c.show(res, o)
			}
		}
		return c.show(res, nil)
	}
}

// find matches the path with the routes.
func (c *call) find() {
	for _, r := range routes {
		values, ok := serving.MatchPath(r.pattern, c.path, func(want, got string) bool { return want == got })
		if !ok {
			continue
		}
		c.pattern = r.pattern
		if r.method == c.r.Method {
			c.route, c.segments = r, values
			return
		}
	}
}
