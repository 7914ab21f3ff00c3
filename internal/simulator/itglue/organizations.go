package itgluesim

import (
	"fmt"
	"slices"
	"strings"
)

func (o *Organization) key() *int64         { return &o.ID }
func (o *Organization) info() *Info         { return &o.Info }
func (o *Organization) organization() int64 { return 0 }
func (o *Organization) kind() string        { return "organizations" }
func (o *Organization) adapters() []Adapter { return o.Adapters }

var organizations = &resource{
	kind: "organizations",
	rows: rowsOf(func(w *World) []*Organization { return w.Organizations }),
	filters: map[string]filter{
		"id": byID(), "name": byText(organizationName),
		"organization_type_id":            byNumber(func(o *Organization) int64 { return o.TypeID }),
		"organization_status_id":          byNumber(func(o *Organization) int64 { return o.StatusID }),
		"exclude][id":                     byID(),
		"exclude][name":                   byText(organizationName),
		"exclude][organization_type_id":   byNumber(func(o *Organization) int64 { return o.TypeID }),
		"exclude][organization_status_id": byNumber(func(o *Organization) int64 { return o.StatusID }),
		"created_at": {span: true,
			of: func(_ *call, o entity) []string { return []string{o.info().CreatedAt.Format(rangeTime)} }},
		"updated_at": {span: true,
			of: func(_ *call, o entity) []string { return []string{o.info().UpdatedAt.Format(rangeTime)} }},
		"psa_id":               byPSA(),
		"psa_integration_type": byPSAType(),
		"primary":              byText(func(o *Organization) string { return fmt.Sprint(o.Primary) }),
	},
	sorts: times(map[string]sorting{
		"id": sortID, "name": sortText(organizationName), "short_name": sortText(func(o *Organization) string { return o.ShortName }),
		"organization_status_name": func(c *call, o entity) sortKey {
			return sortKey{s: c.index.names["organization-statuses"][o.(*Organization).StatusID]}
		},
		"organization_type_name": func(c *call, o entity) sortKey {
			return sortKey{s: c.index.names["organization-types"][o.(*Organization).TypeID]}
		},
	}),
	includes: []string{"adapters_resources", "attachments", "rmm_companies"},
}

const rangeTime = "2006-01-02T15:04:05.000Z07:00"

func organizationName(o *Organization) string { return o.Name }

func (o *Organization) render(c *call, list bool) attributes {
	notes := o.QuickNotes
	if runes := []rune(notes); list && len(runes) > 250 {
		notes = string(runes[:250])
	}
	a := attributes{
		"name": o.Name, "alert": text(o.Alert), "description": text(o.Description),
		"organization-type-id": ref(o.TypeID), "organization-type-name": text(c.index.names["organization-types"][o.TypeID]),
		"organization-status-id": ref(o.StatusID), "organization-status-name": text(c.index.names["organization-statuses"][o.StatusID]),
		"primary": o.Primary, "logo": "", "quick-notes": text(notes), "short-name": text(o.ShortName),
		"parent-id": nil, "ancestor-ids": nil, "psa-integration": integration(o.Adapters),
	}
	// Here ids are text, as the vendor's own samples show.
	if o.ParentID != 0 {
		a["parent-id"] = fmt.Sprint(o.ParentID)
		a["ancestor-ids"] = c.ancestors(o)
	}
	return a
}

func (c *call) ancestors(o *Organization) string {
	var ids []string
	for p := c.index.organizations[o.ParentID]; p != nil && len(ids) < 20; p = c.index.organizations[p.ParentID] {
		ids = append(ids, fmt.Sprint(p.ID))
	}
	slices.Reverse(ids)
	return "[" + strings.Join(ids, ",") + "]"
}

// integration is the coarse state that objects show of their twin in the PSA.
func integration(adapters []Adapter) any {
	for _, a := range adapters {
		switch {
		case a.PSA == "":
		case a.Orphaned:
			return "orphaned"
		case a.Sync:
			return "enabled"
		default:
			return "disabled"
		}
	}
	return nil
}

// owned reports whether a PSA keeps an object.
func owned(adapters []Adapter) bool { return integration(adapters) == "enabled" }

func createOrganization(c *call) (*answer, *apiError) {
	r, err := c.one("organizations")
	if err != nil {
		return nil, err
	}
	return c.write(201, organizations, []*record{r}, false, func(r *record) (change, *apiError) {
		n := &Organization{}
		if err := c.readOrganization(n, r); err != nil {
			return change{}, err
		}
		return change{n, func() {
			n.ID = c.next()
			c.world.Organizations = append(c.world.Organizations, n)
			c.index = nil
		}}, nil
	})
}

func patchOrganization(c *call) (*answer, *apiError) {
	return c.patchOne(organizations, c.organizationAt(c.last()), c.changeOrganization)
}

func patchOrganizations(c *call) (*answer, *apiError) {
	return c.patchAll(organizations, c.organizationAt, c.changeOrganization)
}

func deleteOrganizations(c *call) (*answer, *apiError) {
	return c.deleteAll(organizations, c.organizationAt)
}

func (c *call) organizationAt(id int64) entity {
	if o := c.index.organizations[id]; o != nil {
		return o
	}
	return nil
}

func (c *call) changeOrganization(e entity, r *record) (change, *apiError) {
	o := e.(*Organization)
	n := *o
	if owned(o.Adapters) {
		for name := range r.attributes {
			if name != "id" && name != "alert" && name != "description" && name != "quick-notes" {
				return change{}, synced("organization")
			}
		}
	}
	err := c.readOrganization(&n, r)
	return change{o, func() { *o = n }}, err
}

func (c *call) readOrganization(n *Organization, r *record) *apiError {
	c.allow(r, "name", "alert", "description", "organization-type-id", "organization-status-id", "quick-notes", "short-name", "parent-id")
	r.text("name", &n.Name)
	r.text("alert", &n.Alert)
	r.text("description", &n.Description)
	r.text("quick-notes", &n.QuickNotes)
	r.text("short-name", &n.ShortName)
	r.id("organization-type-id", &n.TypeID)
	r.id("organization-status-id", &n.StatusID)
	r.id("parent-id", &n.ParentID)
	if n.Name == "" {
		r.refuse(blank("name"))
	}
	return r.err()
}
