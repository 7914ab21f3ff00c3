package itgluesim

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// includes reads what the query asks to include. Hyphens are taken too.
func (c *call) includes(known []string) ([]string, *apiError) {
	value := c.r.URL.Query().Get("include")
	if value == "" {
		return nil, nil
	}
	var all []string
	for name := range strings.SplitSeq(value, ",") {
		name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_")
		if slices.Contains(known, name) {
			all = append(all, name)
		} else if !c.faults.IgnoreUnknownParameters {
			return nil, refuse(http.StatusBadRequest, "include", "%s is not allowed as an include", name)
		}
	}
	return all, nil
}

// An inclusion gathers what stands in included, each object once.
type inclusion struct {
	c    *call
	docs []any
	seen map[Ref]bool
}

func newInclusion(c *call) *inclusion {
	return &inclusion{c: c, docs: []any{}, seen: map[Ref]bool{}}
}

// add gives doc its relationships.
func (in *inclusion) add(doc map[string]any, o entity, includes []string, list bool) {
	relationships := map[string]any{}
	for _, name := range includes {
		data := []any{}
		in.each(o, name, list, func(kind string, id int64, a attributes) {
			data = append(data, map[string]any{"id": strconv.FormatInt(id, 10), "type": kind})
			in.doc(kind, id, a)
		})
		relationships[strings.ReplaceAll(name, "_", "-")] = map[string]any{"data": data}
	}
	doc["relationships"] = relationships
}

func (in *inclusion) doc(kind string, id int64, a attributes) {
	if in.seen[Ref{kind, id}] {
		return
	}
	in.seen[Ref{kind, id}] = true
	var shown any = strconv.FormatInt(id, 10)
	if in.c.faults.NumericIncluded {
		shown = id
	}
	in.docs = append(in.docs, map[string]any{"id": shown, "type": kind, "attributes": a})
}

// each goes through what one include of an object is made of. Those that the
// simulator has nothing for are empty.
func (in *inclusion) each(o entity, name string, list bool, yield func(kind string, id int64, a attributes)) {
	c := in.c
	self := Ref{o.kind(), *o.key()}
	switch name {
	case "adapters_resources":
		if _, ok := o.(*Contact); ok && c.faults.NoContactAdapter || !list && c.faults.NoSingleAdapter {
			return
		}
		for _, a := range o.adapters() {
			yield("adapters-resources", a.ID, attributes{
				"adapter-type-name": a.TypeName, "remote-id": a.RemoteID, "sync": a.Sync, "orphaned": a.Orphaned,
			})
		}
	case "attachments":
		for _, a := range c.index.attachments[self] {
			yield(a.kind(), a.ID, c.object(a, true)["attributes"].(attributes))
		}
	case "passwords":
		for _, p := range c.index.passwords[self] {
			yield(p.kind(), p.ID, attributes{"name": p.Name, "username": text(p.Username)})
		}
	case "flexible_asset_fields":
		for _, f := range c.index.fieldsOf[*o.key()] {
			yield(f.kind(), f.ID, c.object(f, true)["attributes"].(attributes))
		}
	case "location":
		if l, ok := c.index.any[Ref{"locations", o.(*Contact).LocationID}]; ok {
			yield(l.kind(), *l.key(), c.object(l, true)["attributes"].(attributes))
		}
	case "related_items":
		in.related(o, yield)
	}
}

// related are the links made by hand or through the API, and those that tags
// make, all of them seen from both ends.
func (in *inclusion) related(o entity, yield func(kind string, id int64, a attributes)) {
	c := in.c
	self := Ref{o.kind(), *o.key()}
	show := func(id int64, other Ref, notes string) {
		name := any(nil)
		if e, ok := c.index.any[other]; ok {
			name = c.nameOf(e)
		}
		yield("related-items", id, attributes{
			"asset-type": assetType(other.Kind), "resource-id": other.ID, "resource-name": name, "notes": text(notes),
		})
	}
	for _, r := range c.index.related[self] {
		other := r.To
		if other == self {
			other = r.From
		}
		show(r.ID, other, r.Notes)
	}
	if a, ok := o.(*Asset); ok {
		for _, f := range c.index.fieldsOf[a.TypeID] {
			ids, _ := a.Traits[f.ID].([]int64)
			for _, id := range ids {
				other := Ref{tagKind(f.TagType), id}
				if _, ok := c.index.any[other]; ok {
					show(linkID(self, other), other, "")
				}
			}
		}
	}
	for _, id := range slices.Sorted(mapKeys(c.index.tagged[self])) {
		other := Ref{assetKind, id}
		show(linkID(other, self), other, "")
	}
}

// linkID is the id of a link that a tag made: always the same one.
func linkID(from, to Ref) int64 {
	h := fnv.New64a()
	fmt.Fprint(h, from, to)
	return int64(h.Sum64() >> 5)
}

// assetType is how related items name a kind: flexible_asset.
func assetType(kind string) string {
	return strings.ReplaceAll(strings.TrimSuffix(kind, "s"), "-", "_")
}

func mapKeys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
