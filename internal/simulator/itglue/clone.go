package itgluesim

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"syncd/internal/simulator/serving"
)

// An entity is any object with an id.
type entity interface {
	key() *int64
	info() *Info
	organization() int64 // 0 if it belongs to none
	kind() string        // as in the API
	render(c *call, list bool) attributes
	adapters() []Adapter
}

// Clone returns a copy that shares nothing with w.
func (w *World) Clone() *World {
	c := *w
	c.Organizations = serving.Copies(w.Organizations, func(o *Organization) { o.Adapters = slices.Clone(o.Adapters) })
	c.OrganizationTypes = serving.Copies(w.OrganizationTypes, nil)
	c.OrganizationStatuses = serving.Copies(w.OrganizationStatuses, nil)
	c.Contacts = serving.Copies(w.Contacts, (*Contact).deepen)
	c.ContactTypes = serving.Copies(w.ContactTypes, nil)
	c.Locations = serving.Copies(w.Locations, func(o *Location) { o.Adapters = slices.Clone(o.Adapters) })
	c.Types = serving.Copies(w.Types, nil)
	c.Fields = serving.Copies(w.Fields, nil)
	c.Assets = serving.Copies(w.Assets, (*Asset).deepen)
	c.Domains = serving.Copies(w.Domains, nil)
	c.Configurations = serving.Copies(w.Configurations, nil)
	c.Passwords = serving.Copies(w.Passwords, nil)
	c.Users = serving.Copies(w.Users, nil)
	c.Countries = serving.Copies(w.Countries, nil)
	c.Regions = serving.Copies(w.Regions, nil)
	c.RelatedItems = serving.Copies(w.RelatedItems, nil)
	c.Attachments = serving.Copies(w.Attachments, nil)
	c.EmailLabels, c.PhoneLabels = slices.Clone(w.EmailLabels), slices.Clone(w.PhoneLabels)
	c.Pushed = slices.Clone(w.Pushed)
	return &c
}

func (o *Contact) deepen() {
	o.Emails, o.Phones, o.Adapters = slices.Clone(o.Emails), slices.Clone(o.Phones), slices.Clone(o.Adapters)
	if o.Important != nil {
		o.Important = new(*o.Important)
	}
}

func (o *Asset) deepen() {
	o.Adapters, o.Traits = slices.Clone(o.Adapters), maps.Clone(o.Traits)
	for id, v := range o.Traits {
		switch v := v.(type) {
		case []int64:
			o.Traits[id] = slices.Clone(v)
		case *Upload:
			o.Traits[id] = new(*v)
		}
	}
}

// assignIDs gives ids and notes to what has none, and orders lists by id. lastID
// is the largest id ever given; the new one is returned.
func (w *World) assignIDs(lastID int64, now time.Time, by string) int64 {
	n := &numbering{lastID: lastID, now: now, by: by}
	for range 2 { // first to find the largest id, then to go on from there
		number(n, w.Organizations)
		number(n, w.OrganizationTypes)
		number(n, w.OrganizationStatuses)
		number(n, w.Contacts)
		number(n, w.ContactTypes)
		number(n, w.Locations)
		number(n, w.Types)
		number(n, w.Fields)
		number(n, w.Assets)
		number(n, w.Domains)
		number(n, w.Configurations)
		number(n, w.Passwords)
		number(n, w.Users)
		number(n, w.Countries)
		number(n, w.Regions)
		number(n, w.RelatedItems)
		number(n, w.Attachments)
		n.give = true
	}
	byID := make(map[int64]*Field, len(w.Fields))
	for _, f := range w.Fields {
		if f.NameKey == "" {
			f.NameKey = nameKey(f.Name)
		}
		byID[f.ID] = f
	}
	for _, a := range w.Assets {
		a.Versions = max(a.Versions, 1)
		for id, v := range a.Traits {
			if f := byID[id]; f != nil {
				if v = normal(f, v); v != nil {
					a.Traits[id] = v
					continue
				}
			}
			delete(a.Traits, id) // of a field that is gone, or empty
		}
	}
	return n.lastID
}

type numbering struct {
	lastID int64
	give   bool
	now    time.Time
	by     string
}

func (n *numbering) id(id *int64) {
	if *id == 0 && n.give {
		n.lastID++
		*id = n.lastID
	}
	n.lastID = max(n.lastID, *id)
}

func number[T entity](n *numbering, all []T) {
	for _, o := range all {
		n.id(o.key())
		adapters := o.adapters()
		for i := range adapters {
			n.id(&adapters[i].ID)
		}
		if i := o.info(); i.UpdatedAt.IsZero() {
			if i.CreatedAt.IsZero() {
				i.CreatedAt, i.CreatedBy = n.now, n.by
			}
			i.UpdatedAt, i.UpdatedBy = i.CreatedAt, i.CreatedBy
		}
	}
	slices.SortStableFunc(all, func(a, b T) int {
		return int(min(1, max(-1, *a.key()-*b.key())))
	})
}

// normal turns the values people write in Go into those of a trait; nil means
// empty.
func normal(f *Field, v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		if v == "" {
			return nil
		}
	case int:
		return normal(f, int64(v))
	case int64:
		switch f.Kind {
		case "Tag":
			return []int64{v}
		case "Number", "Percent":
			return strconv.FormatInt(v, 10)
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []int64:
		if len(v) == 0 {
			return nil
		}
	case *Upload:
		if v == nil {
			return nil
		}
	}
	return v
}

// note marks what a person changed as theirs.
func note[T interface {
	comparable
	entity
}](old, now []T, at time.Time, by string) {
	was := make(map[int64]T, len(old))
	for _, o := range old {
		was[*o.key()] = o
	}
	for _, o := range now {
		before, ok := was[*o.key()]
		if !ok || reflect.DeepEqual(before, o) {
			continue
		}
		o.info().UpdatedAt, o.info().UpdatedBy = at, by
		if a, ok := any(o).(*Asset); ok {
			a.Versions++
		}
	}
}
