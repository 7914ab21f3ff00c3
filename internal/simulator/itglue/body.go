package itgluesim

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A record is one object of a request's data.
type record struct {
	attributes    map[string]any // by kebab names
	relationships map[string]any // by kebab names
	refused       []*apiError    // gathered while reading
}

// records reads the body: one record, or an array of them.
func (c *call) records(kinds ...string) (all []*record, array bool, err *apiError) {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil, false, malformed("the request has no body")
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber() // ids are larger than a float can hold
	var doc any
	if e := d.Decode(&doc); e != nil {
		return nil, false, malformed("the body is not JSON")
	}
	if _, e := d.Token(); e != io.EOF {
		return nil, false, malformed("something follows the JSON")
	}
	if _, encodedTwice := doc.(string); encodedTwice {
		return nil, false, internalError()
	}
	top, _ := doc.(map[string]any)
	switch data := top["data"].(type) {
	case map[string]any:
		r, err := readRecord(data, kinds)
		return []*record{r}, false, err
	case []any:
		if len(data) == 0 {
			return nil, true, malformed("data is empty")
		}
		for _, one := range data {
			m, ok := one.(map[string]any)
			if !ok {
				return nil, true, malformed("data holds something that is no object")
			}
			r, err := readRecord(m, kinds)
			if err != nil {
				return nil, true, err
			}
			all = append(all, r)
		}
		return all, true, nil
	}
	return nil, false, malformed("param is missing or the value is empty: data")
}

// one reads a body that must hold a single record.
func (c *call) one(kinds ...string) (*record, *apiError) {
	all, array, err := c.records(kinds...)
	if err != nil {
		return nil, err
	}
	if array {
		return nil, malformed("data must be an object")
	}
	return all[0], nil
}

// readRecord takes one object of data. What stands beside type, attributes
// and relationships is ignored, as addresses of contacts there are.
func readRecord(data map[string]any, kinds []string) (*record, *apiError) {
	kind, _ := data["type"].(string)
	if !slices.Contains(kinds, kebab(kind)) {
		return nil, malformed("type %q is not %s", kind, strings.Join(kinds, " or "))
	}
	r := &record{attributes: map[string]any{}, relationships: map[string]any{}}
	if a, ok := data["attributes"].(map[string]any); ok {
		for name, v := range a {
			r.attributes[kebab(name)] = v
		}
	}
	if a, ok := data["relationships"].(map[string]any); ok {
		for name, v := range a {
			r.relationships[kebab(name)] = v
		}
	}
	return r, nil
}

func kebab(name string) string { return strings.ReplaceAll(name, "_", "-") }

// allow refuses attributes that cannot be written.
func (c *call) allow(r *record, names ...string) {
	if c.faults.IgnoreUnknownAttributes {
		return
	}
	for _, name := range sortedKeys(r.attributes) {
		if name != "id" && !slices.Contains(names, name) {
			r.refuse(invalid(name, "%s is not a permitted attribute", name))
		}
	}
}

func (r *record) refuse(e *apiError) { r.refused = append(r.refused, e) }

// err is what reading the record came to; nil if all is well.
func (r *record) err() *apiError {
	if len(r.refused) == 0 {
		return nil
	}
	e := *r.refused[0]
	e.more = r.refused[1:]
	return &e
}

func (r *record) has(name string) bool { _, ok := r.attributes[name]; return ok }

// text reads a string; null clears, and what is absent stays as it is.
func (r *record) text(name string, into *string) {
	v, ok := r.attributes[name]
	if !ok {
		return
	}
	switch v := v.(type) {
	case nil:
		*into = ""
	case string:
		*into = v
	default:
		r.refuse(invalid(name, "must be a string"))
	}
}

// id reads an id, given as a number or a string.
func (r *record) id(name string, into *int64) {
	v, ok := r.attributes[name]
	if !ok {
		return
	}
	if v == nil {
		*into = 0
		return
	}
	n, ok := integer(v)
	if !ok {
		r.refuse(invalid(name, "is not a number"))
		return
	}
	*into = n
}

func (r *record) int(name string, into *int) {
	n := int64(*into)
	r.id(name, &n)
	*into = int(n)
}

func (r *record) flag(name string, into *bool) {
	v, ok := r.attributes[name]
	if !ok {
		return
	}
	switch v := v.(type) {
	case nil:
		*into = false
	case bool:
		*into = v
	default:
		r.refuse(invalid(name, "must be true or false"))
	}
}

// key is the id of a record in a batch.
func (r *record) key() int64 {
	id, _ := integer(r.attributes["id"])
	return id
}

func integer(v any) (int64, bool) {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = v
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// items reads an array of objects, their names in kebab.
func (r *record) items(name string) []map[string]any {
	if r.attributes[name] == nil {
		return nil
	}
	list, ok := r.attributes[name].([]any)
	if !ok {
		r.refuse(invalid(name, "must be an array"))
		return nil
	}
	var out []map[string]any
	for _, one := range list {
		m, ok := one.(map[string]any)
		if !ok {
			r.refuse(invalid(name, "must be an array of objects"))
			return nil
		}
		item := make(map[string]any, len(m))
		for k, v := range maps.All(m) {
			item[kebab(k)] = v
		}
		out = append(out, item)
	}
	return out
}

// A change is a record that was found good: the object as it will be, and what
// stores it.
type change struct {
	object entity
	store  func()
}

// write carries out one record, or a batch of them, and answers what is
// stored. read must not change the world.
func (c *call) write(status int, res *resource, all []*record, array bool, read func(*record) (change, *apiError)) (*answer, *apiError) {
	var good []change
	var bad []*apiError
	for i, r := range all {
		ch, err := read(r)
		if err == nil {
			good = append(good, ch)
			continue
		}
		if array {
			err = err.at(i)
		}
		bad = append(bad, err)
	}
	if len(bad) > 0 {
		failure := *bad[0]
		failure.more = append(failure.more, bad[1:]...)
		return nil, &failure
	}
	for _, ch := range good {
		ch.store()
		c.stamp(ch.object)
	}
	if c.index == nil {
		c.index = newIndex(c.world)
	}
	if status == http.StatusCreated && c.faults.CreatedOK {
		status = http.StatusOK
	}
	if !array {
		return c.single(status, res, good[0].object)
	}
	docs := make([]any, 0, len(good))
	for _, ch := range good {
		docs = append(docs, c.object(ch.object, false))
	}
	return c.json(status, map[string]any{"data": docs}), nil
}

// deleteAll removes records by the ids of a batch, or by the filters of the
// query, and answers what they were.
func (c *call) deleteAll(res *resource, at func(id int64) entity) (*answer, *apiError) {
	var gone []entity
	if res.rows != nil && c.hasFilters() {
		found, err := c.filtered(res)
		if err != nil {
			return nil, err
		}
		gone = slices.DeleteFunc(found, func(o entity) bool { return !c.inOrganization(o) })
	} else {
		all, array, err := c.records(res.kind)
		if err != nil {
			return nil, err
		}
		if !array {
			return nil, malformed("data must be an array")
		}
		var bad []*apiError
		for i, r := range all {
			o := at(r.key())
			if o == nil || !c.inOrganization(o) {
				bad = append(bad, notFound().at(i))
				continue
			}
			gone = append(gone, o)
		}
		if len(bad) > 0 {
			e := bad[0]
			e.more = bad[1:]
			return nil, e
		}
	}
	docs := make([]any, 0, len(gone))
	for _, o := range gone {
		docs = append(docs, c.object(o, false))
	}
	for _, o := range gone {
		if org, ok := o.(*Organization); ok {
			org.Deleting = c.now // the vendor takes its time
			c.changed = true
			continue
		}
		c.remove(o)
	}
	return c.json(http.StatusOK, map[string]any{"data": docs}), nil
}

// patchAll changes records by the ids of a batch, or everything that the
// filters of the query find.
func (c *call) patchAll(res *resource, at func(id int64) entity, read func(entity, *record) (change, *apiError)) (*answer, *apiError) {
	if c.hasFilters() {
		r, err := c.one(res.kind)
		if err != nil {
			return nil, err
		}
		found, err := c.filtered(res)
		if err != nil {
			return nil, err
		}
		var all []*record
		targets := map[*record]entity{}
		for _, o := range found {
			each := &record{attributes: maps.Clone(r.attributes), relationships: r.relationships}
			targets[each] = o
			all = append(all, each)
		}
		if len(all) == 0 {
			return c.json(http.StatusOK, map[string]any{"data": []any{}}), nil
		}
		return c.write(http.StatusOK, res, all, true, func(r *record) (change, *apiError) { return read(targets[r], r) })
	}
	all, array, err := c.records(res.kind)
	if err != nil {
		return nil, err
	}
	if !array {
		return nil, malformed("data must be an array")
	}
	return c.write(http.StatusOK, res, all, true, func(r *record) (change, *apiError) {
		o := at(r.key())
		if o == nil {
			return change{}, notFound()
		}
		return read(o, r)
	})
}

// patchOne changes the object that the path names.
func (c *call) patchOne(res *resource, o entity, read func(entity, *record) (change, *apiError)) (*answer, *apiError) {
	if o == nil || !c.inOrganization(o) {
		return nil, notFound()
	}
	r, err := c.one(res.kind)
	if err != nil {
		return nil, err
	}
	return c.write(http.StatusOK, res, []*record{r}, false, func(r *record) (change, *apiError) { return read(o, r) })
}
