package itgluesim

import (
	"cmp"
	"slices"
)

// An index finds objects of a world fast: first documentations of large
// estates are measured against the simulator. New contacts, assets and
// related items are added to it; any other change throws it away.
type index struct {
	organizations map[int64]*Organization
	contacts      map[int64]*Contact
	types         map[int64]*Type
	fields        map[int64]*Field
	assets        map[int64]*Asset
	any           map[Ref]entity
	fieldsOf      map[int64][]*Field // of a type, in their order
	tagged        map[Ref]map[int64]bool
	related       map[Ref][]*RelatedItem
	attachments   map[Ref][]*Attachment
	passwords     map[Ref][]*Password
	names         map[string]map[int64]string // of setup tables
}

func newIndex(w *World) *index {
	x := &index{
		organizations: byKey(w.Organizations), contacts: byKey(w.Contacts), types: byKey(w.Types),
		fields: byKey(w.Fields), assets: byKey(w.Assets),
		any: map[Ref]entity{}, fieldsOf: map[int64][]*Field{}, tagged: map[Ref]map[int64]bool{},
		related: map[Ref][]*RelatedItem{}, attachments: map[Ref][]*Attachment{}, passwords: map[Ref][]*Password{},
		names: map[string]map[int64]string{
			"organization-types": names(w.OrganizationTypes), "organization-statuses": names(w.OrganizationStatuses),
			"contact-types": names(w.ContactTypes),
		},
	}
	known(x, w.Organizations)
	known(x, w.Contacts)
	known(x, w.Assets)
	known(x, w.Domains)
	known(x, w.Configurations)
	known(x, w.Locations)
	known(x, w.Passwords)
	known(x, w.Users)
	for _, f := range w.Fields {
		x.fieldsOf[f.TypeID] = append(x.fieldsOf[f.TypeID], f)
	}
	for _, of := range x.fieldsOf {
		slices.SortStableFunc(of, func(a, b *Field) int { return cmp.Compare(a.Order, b.Order) })
	}
	for _, a := range w.Assets {
		x.tags(a, true)
	}
	for _, r := range w.RelatedItems {
		x.relate(r)
	}
	for _, a := range w.Attachments {
		x.attachments[a.On] = append(x.attachments[a.On], a)
	}
	for _, p := range w.Passwords {
		if p.On != (Ref{}) {
			x.passwords[p.On] = append(x.passwords[p.On], p)
		}
	}
	return x
}

func byKey[T entity](all []T) map[int64]T {
	m := make(map[int64]T, len(all))
	for _, o := range all {
		m[*o.key()] = o
	}
	return m
}

func known[T entity](x *index, all []T) {
	for _, o := range all {
		x.any[Ref{o.kind(), *o.key()}] = o
	}
}

func names(all []*Setup) map[int64]string {
	m := map[int64]string{}
	for _, s := range all {
		m[s.ID] = s.Name
	}
	return m
}

func (x *index) relate(r *RelatedItem) {
	x.related[r.From] = append(x.related[r.From], r)
	if r.To != r.From {
		x.related[r.To] = append(x.related[r.To], r)
	}
}

// tags notes, or forgets, what an asset tags.
func (x *index) tags(a *Asset, on bool) {
	for id, v := range a.Traits {
		ids, ok := v.([]int64)
		f := x.fields[id]
		if !ok || f == nil {
			continue
		}
		kind := tagKind(f.TagType)
		for _, id := range ids {
			r := Ref{kind, id}
			switch {
			case !on:
				delete(x.tagged[r], a.ID)
			case x.tagged[r] == nil:
				x.tagged[r] = map[int64]bool{a.ID: true}
			default:
				x.tagged[r][a.ID] = true
			}
		}
	}
}

// remove deletes an object and what hangs on it. Tags of it stay, with
// nothing behind them.
func (c *call) remove(o entity) {
	w, id := c.world, *o.key()
	gone := Ref{o.kind(), id}
	switch o.(type) {
	case *Contact:
		w.Contacts = without(w.Contacts, id)
	case *Asset:
		w.Assets = without(w.Assets, id)
	case *Location:
		w.Locations = without(w.Locations, id)
	case *Attachment:
		w.Attachments = without(w.Attachments, id)
	case *RelatedItem:
		w.RelatedItems = without(w.RelatedItems, id)
	case *Field:
		w.Fields = without(w.Fields, id)
		for _, a := range w.Assets {
			delete(a.Traits, id)
		}
	case *Organization:
		w.Organizations = without(w.Organizations, id)
		w.Contacts = outside(w.Contacts, id)
		w.Assets = outside(w.Assets, id)
		w.Locations = outside(w.Locations, id)
		w.Domains = outside(w.Domains, id)
		w.Configurations = outside(w.Configurations, id)
		w.Passwords = outside(w.Passwords, id)
	}
	w.RelatedItems = slices.DeleteFunc(w.RelatedItems, func(r *RelatedItem) bool { return r.From == gone || r.To == gone })
	w.Attachments = slices.DeleteFunc(w.Attachments, func(a *Attachment) bool { return a.On == gone })
	c.index = nil
	c.changed = true
}

func without[T entity](all []T, id int64) []T {
	return slices.DeleteFunc(all, func(o T) bool { return *o.key() == id })
}

func outside[T entity](all []T, organization int64) []T {
	return slices.DeleteFunc(all, func(o T) bool { return o.organization() == organization })
}
