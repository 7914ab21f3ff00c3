package itgluesim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func (o *Asset) key() *int64         { return &o.ID }
func (o *Asset) info() *Info         { return &o.Info }
func (o *Asset) organization() int64 { return o.OrganizationID }
func (o *Asset) kind() string        { return assetKind }
func (o *Asset) adapters() []Adapter { return o.Adapters }

var assets = &resource{
	kind: assetKind,
	rows: rowsOf(func(w *World) []*Asset { return w.Assets }),
	filters: map[string]filter{
		"flexible_asset_type_id": byNumber(func(o *Asset) int64 { return o.TypeID }),
		"organization_id":        byOrganization(),
		"name":                   {of: func(c *call, o entity) []string { return []string{c.title(o.(*Asset))} }},
	},
	sorts: times(map[string]sorting{"name": func(c *call, o entity) sortKey { return sortKey{s: c.title(o.(*Asset))} }}),
	includes: []string{
		"adapters_resources", "distinct_remote_assets", "attachments", "passwords", "user_resource_accesses", "group_resource_accesses",
	},
	shows: []string{"recent_versions", "related_items", "authorized_users"},
}

// massAssets are the filters that a deletion of assets takes.
var massAssets = &resource{
	kind: assetKind,
	rows: assets.rows,
	filters: map[string]filter{
		"flexible_asset_type_id": assets.filters["flexible_asset_type_id"], "organization_id": byOrganization(),
		"name": assets.filters["name"], "id": byID(),
		"archived": byText(func(o *Asset) string { return fmt.Sprint(o.Archived) }),
	},
}

func (o *Asset) render(c *call, _ bool) attributes {
	name := ""
	if t := c.index.types[o.TypeID]; t != nil {
		name = t.Name
	}
	a := attributes{
		"resource-url": c.url(o.OrganizationID, "assets", slug(o.TypeID, name), "records", fmt.Sprint(o.ID)),
		"restricted":   o.Restricted, "my-glue": false, "archived": o.Archived,
		"flexible-asset-type-id": o.TypeID, "flexible-asset-type-name": name,
		"name": c.title(o),
	}
	if !c.bare {
		a["traits"] = c.showTraits(o)
	}
	return a
}

// title is the name of an asset: the values of its title fields.
func (c *call) title(a *Asset) string {
	var parts []string
	for _, f := range c.index.fieldsOf[a.TypeID] {
		if !f.UseForTitle || !slices.Contains(titleKinds, f.Kind) {
			continue
		}
		if s, _ := a.Traits[f.ID].(string); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

// listAssets needs a type, and finds nothing for an organization it does not
// know.
func listAssets(c *call) (*answer, *apiError) {
	q := c.r.URL.Query()
	value := cmp.Or(q.Get("filter[flexible-asset-type-id]"), q.Get("filter[flexible_asset_type_id]"))
	if value == "" {
		return nil, refuse(http.StatusUnprocessableEntity, "filter", "flexible_asset_type_id is required")
	}
	for _, id := range split(value) {
		if n, ok := integer(id); ok && c.typeAt(n) == nil {
			return nil, inaccessible()
		}
	}
	return c.list(assets, assets.rows(c.world), false)
}

func createAsset(c *call) (*answer, *apiError) {
	r, err := c.one(assetKind)
	if err != nil {
		return nil, err
	}
	return c.createAssets([]*record{r}, false, 0)
}

func createNestedAssets(c *call) (*answer, *apiError) {
	all, array, err := c.records(assetKind)
	if err != nil {
		return nil, err
	}
	return c.createAssets(all, array, c.id(0))
}

func (c *call) createAssets(all []*record, array bool, organization int64) (*answer, *apiError) {
	return c.writeAssets(func() (*answer, *apiError) {
		return c.write(http.StatusCreated, assets, all, array, func(r *record) (change, *apiError) {
			c.allow(r, "organization-id", "flexible-asset-type-id", "traits", "archived", "restricted")
			n := &Asset{OrganizationID: organization, Traits: map[int64]any{}}
			if organization == 0 {
				r.id("organization-id", &n.OrganizationID)
			}
			r.id("flexible-asset-type-id", &n.TypeID)
			r.flag("archived", &n.Archived)
			r.flag("restricted", &n.Restricted)
			for name, id := range map[string]int64{"organization-id": n.OrganizationID, "flexible-asset-type-id": n.TypeID} {
				if id == 0 {
					r.refuse(blank(name))
				}
			}
			if !r.has("traits") {
				r.refuse(blank("traits"))
			}
			if err := r.err(); err != nil {
				return change{}, err
			}
			if err := c.reachable(n); err != nil {
				return change{}, err
			}
			if err := c.readTraits(n, r, true); err != nil {
				return change{}, err
			}
			return change{n, func() {
				n.ID = c.next()
				n.Versions = 1
				c.world.Assets = append(c.world.Assets, n)
				c.index.assets[n.ID] = n
				c.index.any[Ref{n.kind(), n.ID}] = n
				c.index.tags(n, true)
			}}, nil
		})
	})
}

// reachable checks what an asset refers to.
func (c *call) reachable(n *Asset) *apiError {
	t := c.typeAt(n.TypeID)
	if t == nil || c.index.organizations[n.OrganizationID] == nil || !c.accessible(n.OrganizationID) {
		return inaccessible()
	}
	if t.Locked {
		return refuse(http.StatusUnprocessableEntity, "data", "this type is managed by an integration")
	}
	return nil
}

// writeAssets answers a write, with the traits or without.
func (c *call) writeAssets(serve func() (*answer, *apiError)) (*answer, *apiError) {
	c.bare = c.faults.BareAnswers
	defer func() { c.bare = false }()
	return serve()
}

func (c *call) assetAt(id int64) entity {
	if o := c.index.assets[id]; o != nil {
		return o
	}
	return nil
}

func patchAsset(c *call) (*answer, *apiError) {
	return c.writeAssets(func() (*answer, *apiError) {
		return c.patchOne(assets, c.assetAt(c.last()), c.changeAsset)
	})
}

// patchAssets takes ids only: a filter in the query is not looked at.
func patchAssets(c *call) (*answer, *apiError) {
	all, array, err := c.records(assetKind)
	if err != nil {
		return nil, err
	}
	if !array {
		return nil, malformed("data must be an array")
	}
	return c.writeAssets(func() (*answer, *apiError) {
		return c.write(http.StatusOK, assets, all, true, func(r *record) (change, *apiError) {
			o := c.index.assets[r.key()]
			if o == nil {
				return change{}, notFound()
			}
			return c.changeAsset(o, r)
		})
	})
}

func (c *call) changeAsset(e entity, r *record) (change, *apiError) {
	o := e.(*Asset)
	c.allow(r, "organization-id", "flexible-asset-type-id", "traits", "archived", "restricted")
	n := *o
	r.id("organization-id", &n.OrganizationID) // moves the asset
	r.id("flexible-asset-type-id", &n.TypeID)
	r.flag("archived", &n.Archived)
	r.flag("restricted", &n.Restricted)
	if n.TypeID != o.TypeID {
		r.refuse(invalid("flexible-asset-type-id", "cannot be changed"))
	}
	if err := r.err(); err != nil {
		return change{}, err
	}
	if err := c.reachable(&n); err != nil {
		return change{}, err
	}
	switch {
	case r.has("traits"):
		if err := c.readTraits(&n, r, !c.faults.LaxPatch); err != nil {
			return change{}, err
		}
	case c.faults.ArchiveErases:
		n.Traits = map[int64]any{}
	}
	return change{o, func() {
		c.index.tags(o, false)
		n.Versions = o.Versions + 1
		*o = n
		c.index.tags(o, true)
	}}, nil
}

func deleteAsset(c *call) (*answer, *apiError) {
	o := c.assetAt(c.last())
	if o == nil {
		return nil, notFound()
	}
	c.remove(o)
	return &answer{status: http.StatusNoContent, header: http.Header{}}, nil
}

func deleteAssets(c *call) (*answer, *apiError) { return c.deleteAll(massAssets, c.assetAt) }
