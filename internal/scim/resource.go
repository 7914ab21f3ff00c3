package scim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/scim/attribute"
)

// A document is a JSON object as a provider sent it, attributes that we do not
// know included: a PUT has to send them back.
type document map[string]any

// get finds an attribute: as it is written, else by any case, as names have none.
func (d document) get(name string) any {
	if v, ok := d[name]; ok {
		return v
	}
	for k, v := range d {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

// has reports whether an attribute is there at all, null included.
func (d document) has(name string) bool {
	if _, ok := d[name]; ok {
		return true
	}
	for k := range d {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// text is an attribute as text, whichever JSON type it came in.
func (d document) text(name string) string { return asText(d.get(name)) }

// list is a multi-valued attribute; a lone object counts as a list of one.
func (d document) list(name string) []any {
	switch v := d.get(name).(type) {
	case []any:
		return v
	case map[string]any, string, json.Number:
		return []any{v}
	}
	return nil
}

func asDocument(v any) document {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	return nil
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		if len(v) == 1 {
			return asText(v[0])
		}
	}
	return ""
}

// asNumber reads 12 and "12"; -1 is nothing of the kind.
func asNumber(v any) int {
	text := strings.TrimSpace(asText(v))
	n := json.Number(text)
	i, err := n.Int64()
	if err != nil || i < 0 || i > 1<<31 {
		return -1
	}
	return int(i)
}

// asBool reads true, "True", 1 and the like, and whether it was any of them.
func asBool(v any) (is, known bool) {
	switch strings.ToLower(strings.TrimSpace(asText(v))) {
	case "true", "1", "yes":
		return true, true
	case "false", "0", "no":
		return false, true
	}
	return false, false
}

// errNotSCIM is what an answer means that is no JSON.
type errNotSCIM struct{ what string }

func (e *errNotSCIM) Error() string {
	return "the answer is " + e.what + " where SCIM was due: wrong URL, or a proxy or login page in between"
}

// decode reads an answer by its content, whatever its label says: labels such
// as text/html for JSON occur. An empty body is nil.
func decode(r *rest.Response) (any, error) {
	body := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(r.Body), []byte("\xef\xbb\xbf")))
	if len(body) == 0 {
		return nil, nil
	}
	broken := func(what string) error {
		return &rest.Error{System: "scim", Method: r.Method, Path: r.Path, Status: r.Status, Message: (&errNotSCIM{what}).Error(),
			Err: &errNotSCIM{what}}
	}
	switch body[0] {
	case '{', '[':
	case '<':
		return nil, broken("a page (HTML)")
	default:
		return nil, broken("plain text")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, broken("damaged JSON (" + rest.Excerpt(err.Error()) + ")")
	}
	return v, nil
}

// object reads an answer that is one resource; nil where the body says nothing
// about it.
func object(r *rest.Response) (document, error) {
	v, err := decode(r)
	if err != nil {
		return nil, err
	}
	return asDocument(v), nil
}

// A resource is what is kept of a user or group while a run lasts: thousands of
// them are in memory, so no more than is compared.
type resource struct {
	id         string
	externalID string
	name       string   // userName, or a group's displayName
	emails     []string // of a user
	values     []string // in the layout's order; the empty text is none
	elements   uint64   // which of the layout's elements are there
	members    []string // ids, sorted, each once
	hasMembers bool     // the answer had the attribute members
	version    string
	modified   time.Time // meta.lastModified
}

// meta reads what a provider says of a resource's versions. A time that cannot
// be read is left out: it is for people.
func meta(d document) (version string, modified time.Time) {
	m := asDocument(d.get("meta"))
	modified, _ = time.Parse(time.RFC3339, m.text("lastModified"))
	return m.text("version"), modified
}

// readUser reads a user.
func (l *layout) readUser(d document) *resource {
	r := &resource{id: d.text("id"), externalID: d.text("externalId"), name: d.text("userName"), values: make([]string, len(l.fields))}
	r.version, r.modified = meta(d)
	for _, e := range d.list("emails") {
		if m := asDocument(e); m != nil {
			if v := m.text("value"); v != "" {
				r.emails = append(r.emails, v)
			}
		} else if v := asText(e); v != "" {
			r.emails = append(r.emails, v)
		}
	}
	for i := range l.fields {
		f := &l.fields[i]
		v, found := read(d, &f.path)
		if found && f.element >= 0 {
			r.elements |= 1 << f.element
		}
		if f.compare == boolean {
			if is, known := asBool(v); known {
				r.values[i] = asText(is)
			} else {
				r.values[i] = ""
			}
			continue
		}
		r.values[i] = asText(v)
	}
	return r
}

// read finds what a path leads to. found tells whether the value of a
// multi-valued attribute that the path chooses is there, even if its
// sub-attribute is not.
func read(d document, p *attribute.Path) (v any, found bool) {
	if p.URN != "" {
		if d = asDocument(d.get(p.URN)); d == nil {
			return nil, false
		}
	}
	if len(p.Filter) > 0 {
		for _, e := range d.list(p.Attribute) {
			m := asDocument(e)
			if m == nil || slices.ContainsFunc(p.Filter,
				func(c attribute.Clause) bool { return !strings.EqualFold(m.text(c.Attribute), asText(c.Value)) }) {
				continue
			}
			if p.Sub == "" {
				return m.get("value"), true
			}
			return m.get(p.Sub), true
		}
		return nil, false
	}
	v = d.get(p.Attribute)
	if p.Sub != "" {
		v = asDocument(v).get(p.Sub)
	} else if m := asDocument(v); m != nil {
		v = m.get("value") // such as manager
	}
	return v, v != nil
}

// readGroup reads a group.
func readGroup(d document) *resource {
	r := &resource{id: d.text("id"), externalID: d.text("externalId"), name: d.text("displayName"), hasMembers: d.has("members")}
	r.version, r.modified = meta(d)
	for _, e := range d.list("members") {
		id := asDocument(e).text("value")
		if id == "" {
			id = asText(e)
		}
		if id != "" {
			r.members = append(r.members, id)
		}
	}
	slices.Sort(r.members)
	r.members = slices.Clip(slices.Compact(r.members)) // one provider stores a member twice
	return r
}

// active is a user's active, and whether the provider says.
func (r *resource) active(l *layout) (is, known bool) {
	switch r.values[l.at[pathActive]] {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return true, false
}

// fields are a user as plans see it.
func (r *resource) fields(l *layout) plan.Fields {
	out := make(plan.Fields, 0, len(l.fields))
	for i := range l.fields {
		if v := r.values[i]; v != "" {
			out = append(out, plan.Field{Name: l.fields[i].name, Value: plan.Value{v}})
		}
	}
	return out
}

// label is what a person calls a resource.
func (r *resource) label() string {
	if r.name == "" {
		return r.id
	}
	return fmt.Sprintf("%s (%s)", r.id, r.name)
}

// userLabel names an account for people.
func userLabel(u *directory.User) string { return nameWithUPN(u.Name, u.UPN) }

func nameWithUPN(name, upn string) string {
	if name == "" || strings.EqualFold(name, upn) {
		return upn
	}
	return name + " (" + upn + ")"
}

// formerLabel names an account that is gone from the source as it was called last.
func (v *view) formerLabel(record *plan.Record, r *resource) string {
	name, upn := "", r.name
	if i, ok := v.layout.at[pathDisplayName]; ok {
		name = r.values[i]
	}
	if record != nil {
		name = cmp.Or(record.Fields.Text(pathDisplayName), name)
		upn = cmp.Or(record.UPN, upn)
	}
	return nameWithUPN(name, upn)
}
