package itgluesim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	assetKind = "flexible-assets"
	typeKind  = "flexible-asset-types"
	fieldKind = "flexible-asset-fields"
)

func (o *Type) key() *int64         { return &o.ID }
func (o *Type) info() *Info         { return &o.Info }
func (o *Type) organization() int64 { return 0 }
func (o *Type) kind() string        { return typeKind }
func (o *Type) adapters() []Adapter { return nil }

func (o *Field) key() *int64         { return &o.ID }
func (o *Field) info() *Info         { return &o.Info }
func (o *Field) organization() int64 { return 0 }
func (o *Field) kind() string        { return fieldKind }
func (o *Field) adapters() []Adapter { return nil }

var assetTypes = &resource{
	kind: typeKind,
	rows: rowsOf(func(w *World) []*Type { return w.Types }),
	filters: map[string]filter{
		"id": byID(), "name": byText(func(o *Type) string { return o.Name }), "icon": byText(func(o *Type) string { return o.Icon }),
		"enabled": byText(func(o *Type) string { return strconv.FormatBool(!o.Disabled) }),
	},
	sorts:    times(map[string]sorting{"id": sortID, "name": sortText(func(o *Type) string { return o.Name })}),
	includes: []string{"flexible_asset_fields"},
}

var assetFields = &resource{
	kind:     fieldKind,
	filters:  map[string]filter{"id": byID()},
	rows:     rowsOf(func(w *World) []*Field { return w.Fields }),
	sorts:    times(nil),
	includes: []string{"remote_asset_field"},
}

func (o *Type) render(*call, bool) attributes {
	return attributes{
		"name": o.Name, "description": text(o.Description), "icon": text(o.Icon),
		"enabled": !o.Disabled, "show-in-menu": o.ShowInMenu,
	}
}

func (o *Field) render(*call, bool) attributes {
	a := attributes{
		"flexible-asset-type-id": o.TypeID, "order": o.Order, "name": o.Name, "kind": o.Kind, "hint": text(o.Hint),
		"decimals": nil, "default-value": text(o.DefaultValue), "tag-type": text(o.TagType), "required": o.Required,
		"use-for-title": o.UseForTitle, "expiration": o.Expiration, "show-in-list": o.ShowInList, "name-key": o.NameKey,
	}
	if o.Kind == "Number" || o.Kind == "Percent" {
		a["decimals"] = o.Decimals
	}
	return a
}

// tagTypes are what a Tag may point to, with the kinds of the API. Those
// without one are not simulated: there is nothing to tag.
var tagTypes = map[string]string{
	"AccountsUsers": "users", "Contacts": "contacts", "Configurations": "configurations", "Domains": "domains",
	"Locations": "locations", "Organizations": "organizations", "Passwords": "passwords",
	"Checklists": "checklists", "ChecklistTemplates": "checklist-templates", "Documents": "documents",
	"SslCertificates": "ssl-certificates", "Tickets": "tickets",
}

// tagKind is the kind of object that a tag type stands for.
func tagKind(tagType string) string {
	if strings.HasPrefix(tagType, "FlexibleAssetType: ") {
		return assetKind
	}
	return tagTypes[tagType]
}

// tagAssetType is the type of a tag to flexible assets; 0 if it is another.
func tagAssetType(tagType string) int64 {
	id, _ := strconv.ParseInt(strings.TrimPrefix(tagType, "FlexibleAssetType: "), 10, 64)
	return id
}

func (c *call) typeAt(id int64) *Type {
	if t := c.index.types[id]; t != nil && c.accessible(id) {
		return t
	}
	return nil
}

func createType(c *call) (*answer, *apiError) {
	r, err := c.one(typeKind)
	if err != nil {
		return nil, err
	}
	if r.has("fields") {
		return nil, internalError() // documented as required, and answered so in the field
	}
	fields, err := typeFields(r)
	if err != nil {
		return nil, err
	}
	return c.write(http.StatusCreated, assetTypes, []*record{r}, false, func(r *record) (change, *apiError) {
		t := &Type{}
		if err := c.readType(t, r); err != nil {
			return change{}, err
		}
		listed, titled := false, false
		for _, fr := range fields {
			f := &Field{}
			if err := c.readField(f, fr, false); err != nil {
				return change{}, err
			}
			c.pending = append(c.pending, f)
			listed, titled = listed || f.ShowInList, titled || f.UseForTitle
		}
		switch {
		case len(fields) == 0:
			return change{}, invalid("flexible-asset-fields", "at least one field is required")
		case !listed:
			return change{}, invalid("flexible-asset-fields", "at least one field must be shown in the list")
		case !titled:
			return change{}, invalid("flexible-asset-fields", "at least one field must be used for the title")
		}
		return change{t, func() {
			t.ID = c.next()
			c.world.Types = append(c.world.Types, t)
			for _, f := range c.pending {
				f.ID, f.TypeID = c.next(), t.ID
				c.world.Fields = append(c.world.Fields, f)
				c.stamp(f)
			}
			c.index = nil
		}}, nil
	})
}

// typeFields are the fields in the relationships of a new type.
func typeFields(r *record) ([]*record, *apiError) {
	rel, _ := r.relationships[fieldKind].(map[string]any)
	data, _ := rel["data"].([]any)
	var all []*record
	for _, one := range data {
		m, ok := one.(map[string]any)
		if !ok {
			return nil, malformed("flexible-asset-fields holds something that is no object")
		}
		f, err := readRecord(m, []string{fieldKind})
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func patchType(c *call) (*answer, *apiError) {
	t := c.typeAt(c.last())
	if t == nil {
		return nil, notFound()
	}
	return c.patchOne(assetTypes, t, func(_ entity, r *record) (change, *apiError) {
		if len(r.relationships) > 0 {
			return change{}, refuse(cmp.Or(c.faults.TypePatchStatus, http.StatusUnprocessableEntity), "data/relationships",
				"relationships cannot be updated here")
		}
		n := *t
		if err := c.readType(&n, r); err != nil {
			return change{}, err
		}
		return change{t, func() { *t = n }}, nil
	})
}

func (c *call) readType(n *Type, r *record) *apiError {
	c.allow(r, "name", "description", "icon", "enabled", "show-in-menu")
	if n.Locked {
		return refuse(http.StatusUnprocessableEntity, "data", "this type is managed by an integration")
	}
	r.text("name", &n.Name)
	r.text("description", &n.Description)
	r.text("icon", &n.Icon)
	r.flag("show-in-menu", &n.ShowInMenu)
	enabled := !n.Disabled
	r.flag("enabled", &enabled)
	n.Disabled = !enabled
	if n.Name == "" {
		r.refuse(blank("name"))
	}
	if c.faults.UniqueTypeNames && slices.ContainsFunc(c.world.Types, func(o *Type) bool { return o.ID != n.ID && o.Name == n.Name }) {
		r.refuse(invalid("name", "has already been taken"))
	}
	return r.err()
}

func listFields(c *call) (*answer, *apiError) {
	t := c.typeAt(c.id(0))
	if t == nil {
		return nil, inaccessible()
	}
	var rows []entity
	for _, f := range c.index.fieldsOf[t.ID] {
		rows = append(rows, f)
	}
	slices.SortFunc(rows, func(a, b entity) int { return cmp.Compare(*a.key(), *b.key()) })
	return c.list(assetFields, rows, true)
}

// fieldAt is the field the path names; on a nested route only one of the type
// there.
func (c *call) fieldAt(id int64) entity {
	f := c.index.fields[id]
	if f == nil || len(c.segments) == 2 && f.TypeID != c.id(0) {
		return nil
	}
	return f
}

func showField(c *call) (*answer, *apiError) { return c.show(assetFields, c.fieldAt(c.last())) }

func createField(c *call) (*answer, *apiError) {
	r, err := c.one(fieldKind)
	if err != nil {
		return nil, err
	}
	return c.createFields([]*record{r}, false, 0)
}

func createNestedFields(c *call) (*answer, *apiError) {
	all, array, err := c.records(fieldKind)
	if err != nil {
		return nil, err
	}
	return c.createFields(all, array, c.id(0))
}

func (c *call) createFields(all []*record, array bool, typeID int64) (*answer, *apiError) {
	return c.write(http.StatusCreated, assetFields, all, array, func(r *record) (change, *apiError) {
		n := &Field{TypeID: typeID}
		if typeID == 0 {
			r.id("flexible-asset-type-id", &n.TypeID)
		}
		t := c.typeAt(n.TypeID)
		if t == nil {
			return change{}, inaccessible()
		}
		if t.Locked {
			return change{}, refuse(http.StatusUnprocessableEntity, "data", "this type is managed by an integration")
		}
		if err := c.readField(n, r, false); err != nil {
			return change{}, err
		}
		c.pending = append(c.pending, n)
		return change{n, func() {
			n.ID = c.next()
			c.world.Fields = append(c.world.Fields, n)
			c.index = nil
		}}, nil
	})
}

func patchField(c *call) (*answer, *apiError) {
	return c.patchOne(assetFields, c.fieldAt(c.last()), c.changeField)
}

func patchFields(c *call) (*answer, *apiError) {
	return c.patchAll(assetFields, c.fieldAt, c.changeField)
}

func (c *call) changeField(e entity, r *record) (change, *apiError) {
	f := e.(*Field)
	if t := c.index.types[f.TypeID]; t != nil && t.Locked {
		return change{}, refuse(http.StatusUnprocessableEntity, "data", "this type is managed by an integration")
	}
	n := *f
	if err := c.readField(&n, r, true); err != nil {
		return change{}, err
	}
	return change{f, func() { *f = n; c.index = nil }}, nil
}

// deleteField takes the data of all assets with it.
func deleteField(c *call) (*answer, *apiError) {
	f := c.fieldAt(c.last())
	if f == nil {
		return nil, notFound()
	}
	c.remove(f)
	return &answer{status: http.StatusNoContent, header: http.Header{}}, nil
}

var (
	fieldKinds = []string{"Checkbox", "Date", "Header", "Number", "Select", "Text", "Textbox", "Upload", "Tag", "Percent", "Password"}
	// A title is made of these alone; of all others use-for-title is forced to
	// false.
	titleKinds = []string{"Text", "Select", "Date"}
)

func (c *call) readField(n *Field, r *record, exists bool) *apiError {
	c.allow(r, "flexible-asset-type-id", "order", "name", "kind", "hint", "decimals", "default-value", "tag-type", "required",
		"use-for-title", "expiration", "show-in-list")
	was := *n
	r.int("order", &n.Order)
	r.text("name", &n.Name)
	r.text("kind", &n.Kind)
	r.text("hint", &n.Hint)
	r.int("decimals", &n.Decimals)
	r.text("default-value", &n.DefaultValue)
	r.text("tag-type", &n.TagType)
	r.flag("required", &n.Required)
	r.flag("use-for-title", &n.UseForTitle)
	r.flag("expiration", &n.Expiration)
	r.flag("show-in-list", &n.ShowInList)
	if n.Kind == "Header" {
		n.Required = false
	}
	if !slices.Contains(titleKinds, n.Kind) {
		n.UseForTitle = false
	}
	if n.NameKey == "" || n.Name != was.Name && !c.faults.StableNameKeys {
		n.NameKey = nameKey(n.Name)
	}
	switch {
	case n.Name == "":
		r.refuse(blank("name"))
	case n.NameKey == "":
		r.refuse(invalid("name", "is invalid"))
	}
	if !exists && !r.has("order") {
		r.refuse(blank("order"))
	}
	if !slices.Contains(fieldKinds, n.Kind) {
		r.refuse(invalid("kind", "%q is not a kind", n.Kind))
	}
	if exists && n.Kind != was.Kind && slices.ContainsFunc(c.world.Assets, func(a *Asset) bool { return a.Traits[n.ID] != nil }) {
		r.refuse(invalid("kind", "cannot be changed"))
	}
	switch n.Kind {
	case "Number", "Percent":
		if !exists && !r.has("decimals") || n.Decimals < 0 {
			r.refuse(blank("decimals"))
		}
	case "Select":
		if n.DefaultValue == "" {
			r.refuse(blank("default-value"))
		}
	case "Tag":
		if tagKind(n.TagType) == "" {
			r.refuse(invalid("tag-type", "%q is not a tag type", n.TagType))
		} else if id := tagAssetType(n.TagType); tagKind(n.TagType) == assetKind && c.typeAt(id) == nil {
			r.refuse(invalid("tag-type", "flexible asset type %d does not exist", id))
		}
	}
	others := append(slices.Clone(c.index.fieldsOf[n.TypeID]), c.pending...)
	for _, o := range others {
		if exists && o.ID == n.ID {
			continue
		}
		if o.Name == n.Name || o.NameKey == n.NameKey {
			r.refuse(invalid("name", "has already been taken"))
		}
		if o.Order == n.Order {
			r.refuse(invalid("order", "has already been taken"))
		}
	}
	return r.err()
}

// slug is how a name stands in the address of a page.
func slug(id int64, name string) string { return fmt.Sprintf("%d-%s", id, nameKey(name)) }
