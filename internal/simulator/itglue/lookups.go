package itgluesim

import (
	"net/http"
	"strings"
)

func (o *Setup) key() *int64         { return &o.ID }
func (o *Setup) info() *Info         { return &o.Info }
func (o *Setup) organization() int64 { return 0 }
func (o *Setup) kind() string        { return "setups" } // each table has its own; see setup
func (o *Setup) adapters() []Adapter { return nil }

func (o *Setup) render(*call, bool) attributes { return attributes{"name": o.Name} }

// A setup is an entry of one table, which it knows.
type setup struct {
	*Setup
	table string
}

func (o setup) kind() string { return o.table }

func (o *Location) key() *int64         { return &o.ID }
func (o *Location) info() *Info         { return &o.Info }
func (o *Location) organization() int64 { return o.OrganizationID }
func (o *Location) kind() string        { return "locations" }
func (o *Location) adapters() []Adapter { return o.Adapters }

func (o *Location) render(*call, bool) attributes {
	return attributes{"name": o.Name, "address-1": text(o.Address1), "city": text(o.City), "primary": o.Primary}
}

func (o *Domain) key() *int64         { return &o.ID }
func (o *Domain) info() *Info         { return &o.Info }
func (o *Domain) organization() int64 { return o.OrganizationID }
func (o *Domain) kind() string        { return "domains" }
func (o *Domain) adapters() []Adapter { return nil }

func (o *Domain) render(c *call, _ bool) attributes {
	return attributes{
		"name": o.Name, "screenshot": "", "registrar-name": text(o.Registrar), "notes": text(o.Notes),
		"expires-on": c.moment(o.ExpiresOn), "resource-url": c.url(o.OrganizationID, "domains", slug(o.ID, o.Name)),
	}
}

func (o *Configuration) key() *int64         { return &o.ID }
func (o *Configuration) info() *Info         { return &o.Info }
func (o *Configuration) organization() int64 { return o.OrganizationID }
func (o *Configuration) kind() string        { return "configurations" }
func (o *Configuration) adapters() []Adapter { return nil }

func (o *Configuration) render(*call, bool) attributes {
	return attributes{"name": o.Name, "serial-number": text(o.SerialNumber)}
}

func (o *Password) key() *int64         { return &o.ID }
func (o *Password) info() *Info         { return &o.Info }
func (o *Password) organization() int64 { return o.OrganizationID }
func (o *Password) kind() string        { return "passwords" }
func (o *Password) adapters() []Adapter { return nil }

func (o *Password) render(*call, bool) attributes {
	return attributes{"name": o.Name, "username": text(o.Username)}
}

func (o *User) key() *int64         { return &o.ID }
func (o *User) info() *Info         { return &o.Info }
func (o *User) organization() int64 { return 0 }
func (o *User) kind() string        { return "users" }
func (o *User) adapters() []Adapter { return nil }

func (o *User) render(c *call, _ bool) attributes {
	return attributes{
		"first-name": text(o.FirstName), "last-name": text(o.LastName), "name": c.nameOf(o), "email": o.Email, "role-name": text(o.Role),
	}
}

func (o *RelatedItem) key() *int64         { return &o.ID }
func (o *RelatedItem) info() *Info         { return &o.Info }
func (o *RelatedItem) organization() int64 { return 0 }
func (o *RelatedItem) kind() string        { return "related-items" }
func (o *RelatedItem) adapters() []Adapter { return nil }

func (o *RelatedItem) render(*call, bool) attributes {
	return attributes{
		"resource-id": o.From.ID, "asset-type": assetType(o.To.Kind), "destination-id": o.To.ID, "notes": text(o.Notes),
	}
}

func (o *Attachment) key() *int64         { return &o.ID }
func (o *Attachment) info() *Info         { return &o.Info }
func (o *Attachment) organization() int64 { return 0 }
func (o *Attachment) kind() string        { return "attachments" }
func (o *Attachment) adapters() []Adapter { return nil }

func (o *Attachment) render(*call, bool) attributes {
	ext := o.FileName[strings.LastIndexByte(o.FileName, '.')+1:]
	return attributes{
		"name": o.Name, "attachment-file-name": o.FileName, "attachment-content-type": o.ContentType,
		"attachment-file-size": o.Size, "ext": ext, "viewable": false, "download-url": "https://files.itglue.example/" + o.FileName,
	}
}

var (
	organizationTypes = table("organization-types", func(w *World) []*Setup { return w.OrganizationTypes })
	organizationState = table("organization-statuses", func(w *World) []*Setup { return w.OrganizationStatuses })
	contactTypes      = table("contact-types", func(w *World) []*Setup { return w.ContactTypes })
	countries         = table("countries", func(w *World) []*Setup { return w.Countries })
	regions           = table("regions", func(w *World) []*Setup { return w.Regions })

	locations = &resource{
		kind: "locations", rows: rowsOf(func(w *World) []*Location { return w.Locations }),
		filters: map[string]filter{
			"id": byID(), "organization_id": byOrganization(), "name": byText(func(o *Location) string { return o.Name }),
			"city": byText(func(o *Location) string { return o.City }), "psa_id": byPSA(), "psa_integration_type": byPSAType(),
		},
		sorts:    times(map[string]sorting{"id": sortID, "name": sortText(func(o *Location) string { return o.Name })}),
		includes: []string{"adapters_resources", "attachments", "passwords", "user_resource_accesses", "group_resource_accesses"},
		shows:    []string{"recent_versions", "related_items", "authorized_users"},
	}
	domains = &resource{
		kind: "domains", rows: rowsOf(func(w *World) []*Domain { return w.Domains }),
		filters:  map[string]filter{"id": byID(), "organization_id": byOrganization()}, // no name: the vendor has none
		sorts:    times(nil),
		includes: []string{"passwords", "attachments", "user_resource_accesses", "group_resource_accesses"},
	}
	configurations = &resource{
		kind: "configurations", rows: rowsOf(func(w *World) []*Configuration { return w.Configurations }),
		filters: map[string]filter{
			"id": byID(), "organization_id": byOrganization(), "name": byText(func(o *Configuration) string { return o.Name }),
			"serial_number": byText(func(o *Configuration) string { return o.SerialNumber }),
		},
		sorts:    times(map[string]sorting{"id": sortID, "name": sortText(func(o *Configuration) string { return o.Name })}),
		includes: []string{"adapters_resources", "attachments", "passwords"},
		shows:    []string{"related_items"},
	}
	passwords = &resource{
		kind: "passwords", rows: rowsOf(func(w *World) []*Password { return w.Passwords }),
		filters: map[string]filter{"id": byID(), "organization_id": byOrganization(), "name": byText(func(o *Password) string { return o.Name })},
		sorts:   times(map[string]sorting{"id": sortID, "name": sortText(func(o *Password) string { return o.Name })}),
		shows:   []string{"related_items"},
	}
	users = &resource{
		kind: "users", rows: rowsOf(func(w *World) []*User { return w.Users }),
		filters: map[string]filter{
			"id": byID(), "email": byText(func(o *User) string { return o.Email }), "role_name": byText(func(o *User) string { return o.Role }),
		},
		sorts: times(map[string]sorting{"id": sortID}),
	}
)

// table is the resource of a setup table.
func table(kind string, of func(*World) []*Setup) *resource {
	name := func(o setup) string { return o.Name }
	return &resource{
		kind: kind,
		rows: func(w *World) []entity {
			var out []entity
			for _, s := range of(w) {
				out = append(out, setup{s, kind})
			}
			return out
		},
		filters: map[string]filter{"id": byID(), "name": byText(name)},
		sorts:   times(map[string]sorting{"id": sortID, "name": sortText(name)}),
	}
}

func createContactType(c *call) (*answer, *apiError) {
	r, err := c.one("contact-types")
	if err != nil {
		return nil, err
	}
	return c.write(http.StatusCreated, contactTypes, []*record{r}, false, func(r *record) (change, *apiError) {
		c.allow(r, "name")
		n := &Setup{}
		r.text("name", &n.Name)
		if n.Name == "" {
			r.refuse(blank("name"))
		}
		return change{setup{n, "contact-types"}, func() {
			n.ID = c.next()
			c.world.ContactTypes = append(c.world.ContactTypes, n)
			c.index = nil
		}}, r.err()
	})
}

func patchContactType(c *call) (*answer, *apiError) {
	o := find(c.world.ContactTypes, c.last())
	if o == nil {
		return nil, notFound()
	}
	return c.patchOne(contactTypes, setup{o, "contact-types"}, func(_ entity, r *record) (change, *apiError) {
		c.allow(r, "name")
		n := *o
		r.text("name", &n.Name)
		if n.Name == "" {
			r.refuse(blank("name"))
		}
		return change{setup{o, "contact-types"}, func() { *o = n; c.index = nil }}, r.err()
	})
}

func deleteLocations(c *call) (*answer, *apiError) {
	return c.deleteAll(locations, func(id int64) entity { return c.index.any[Ref{"locations", id}] })
}
