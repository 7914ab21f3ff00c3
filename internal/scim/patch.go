package scim

import (
	"slices"
	"strings"

	"syncd/internal/plan"
	"syncd/internal/scim/attribute"
)

// Schemas of messages.
const (
	schemaPatch = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	schemaUser  = attribute.CoreUser
	schemaGroup = attribute.CoreGroup
)

// An operation is one step of a PATCH. Value is left out of a removal.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`

	field string // which field it is for
}

// The verbs. Entra sends them in capitals, which a profile may ask for.
const (
	opAdd     = "add"
	opReplace = "replace"
	opRemove  = "remove"
)

// patchBody is the body of a PATCH. Nothing in it concerns id, meta, schemas or
// a user's groups: providers write those.
func patchBody(ops []operation, title bool) document {
	list := make([]any, len(ops))
	for i, op := range ops {
		if title {
			op.Op = strings.ToUpper(op.Op[:1]) + op.Op[1:]
		}
		list[i] = op
	}
	return document{"schemas": []string{schemaPatch}, "Operations": list}
}

// jsonValue is a field's value as it is sent.
func (f *mappedAttribute) jsonValue(v plan.Value) any {
	if v.Blank() {
		return nil
	}
	if f.compare == boolean {
		return v[0] == "true"
	}
	if f.reference && f.path.Sub == "" && strings.EqualFold(f.path.Attribute, "manager") {
		return map[string]any{"value": v[0]} // a complex attribute, by RFC 7643 §4.3
	}
	return v[0]
}

// operations are what takes a user from what it has to what is wanted: one
// operation an attribute, each with its path. Setting is replace, which the RFC
// takes for add where there is nothing; clearing is remove, for null is refused
// by some and stored as a text by others. A value of a multi-valued attribute
// that is not there yet is added whole, as its path would lead nowhere.
func (l *layout) operations(wanted plan.Fields, have *resource) []operation {
	var out []operation
	added := map[string]int{} // attribute → where its add stands
	for _, w := range wanted {
		i, ok := l.at[w.Name]
		if !ok || l.fields[i].immutable && have.values[i] != "" || l.fields[i].immutable && have.id != "" {
			continue
		}
		f := &l.fields[i]
		value := f.jsonValue(w.Value)
		switch {
		case value == nil && have.values[i] == "":
		case value == nil:
			out = append(out, operation{Op: opRemove, Path: f.name, field: f.name})
		case f.element < 0 || have.elements&(1<<f.element) != 0:
			out = append(out, operation{Op: opReplace, Path: f.name, Value: value, field: f.name})
		default:
			base := attribute.Path{URN: f.path.URN, Attribute: f.path.Attribute}.String()
			at, there := added[base]
			if !there {
				at = len(out)
				added[base] = at
				out = append(out, operation{Op: opAdd, Path: base, Value: []any{}, field: f.name})
			}
			elements := out[at].Value.([]any)
			elements, m := element(elements, f.path)
			m[f.path.Sub] = value
			if len(have.emails) == 0 && workMail(f.path) {
				m["primary"] = true
			}
			out[at].Value = elements
		}
	}
	return out
}

// workMail reports whether a path leads to the address at work, which is the
// primary one where nobody has said otherwise.
func workMail(p attribute.Path) bool {
	return p.URN == "" && p.Attribute == "emails" && slices.ContainsFunc(p.Filter, func(c attribute.Clause) bool {
		return c.Attribute == "type" && strings.EqualFold(asText(c.Value), "work")
	})
}

// element finds or adds the value of a multi-valued attribute that a path's
// filter describes.
func element(elements []any, p attribute.Path) ([]any, map[string]any) {
	for _, e := range elements {
		m, ok := e.(map[string]any)
		if ok && !slices.ContainsFunc(p.Filter, func(c attribute.Clause) bool { return m[c.Attribute] != c.Value }) {
			return elements, m
		}
	}
	m := map[string]any{}
	for _, c := range p.Filter {
		m[c.Attribute] = c.Value
	}
	return append(elements, m), m
}

// setPath puts a value where a path leads, making what is on the way; nil takes
// it away. Names that are there already keep their spelling.
func setPath(d document, p attribute.Path, value any) {
	if p.URN != "" {
		inner := asDocument(d[spelling(d, p.URN)])
		if inner == nil {
			if value == nil {
				return
			}
			inner = document{}
		}
		extension := p
		extension.URN = ""
		setPath(inner, extension, value)
		if name := spelling(d, p.URN); len(inner) == 0 {
			delete(d, name) // an extension without data is left out
		} else {
			d[name] = map[string]any(inner)
		}
		return
	}
	name := spelling(d, p.Attribute)
	switch {
	case len(p.Filter) > 0:
		list := d.list(name)
		for _, v := range list {
			m := asDocument(v)
			if m == nil || slices.ContainsFunc(p.Filter,
				func(c attribute.Clause) bool { return !strings.EqualFold(m.text(c.Attribute), asText(c.Value)) }) {
				continue
			}
			set(m, p.Sub, value)
			return
		}
		if value == nil {
			return
		}
		primary := slices.ContainsFunc(list, func(v any) bool { is, _ := asBool(asDocument(v).get("primary")); return is })
		list, m := element(slices.Clone(list), attribute.Path{Filter: p.Filter, Sub: p.Sub})
		m[p.Sub] = value
		if !primary && workMail(p) {
			m["primary"] = true
		}
		d[name] = list
	case p.Sub != "":
		m := asDocument(d[name])
		if m == nil {
			if value == nil {
				return
			}
			m = document{}
		}
		set(m, p.Sub, value)
		d[name] = map[string]any(m)
	default:
		set(d, p.Attribute, value)
	}
}

// spelling is the name under which an attribute stands, or its own where it does not.
func spelling(d document, name string) string {
	if _, ok := d[name]; ok {
		return name
	}
	for k := range d {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

func set(d document, name string, value any) {
	if k := spelling(d, name); value == nil {
		delete(d, k)
	} else {
		d[k] = value
	}
}

// body is a new user.
func (l *layout) body(fields plan.Fields) document {
	d := document{}
	schemas := []string{schemaUser}
	for _, w := range fields {
		i, ok := l.at[w.Name]
		if !ok {
			continue
		}
		f := &l.fields[i]
		if value := f.jsonValue(w.Value); value != nil {
			setPath(d, f.path, value)
			if urn := f.path.URN; urn != "" && !slices.Contains(schemas, urn) {
				schemas = append(schemas, urn)
			}
		}
	}
	d["schemas"] = schemas
	return d
}

// overlay lays wanted fields over a whole user, for a PUT.
func (l *layout) overlay(d document, wanted plan.Fields) {
	for _, w := range wanted {
		i, ok := l.at[w.Name]
		if !ok || l.fields[i].immutable {
			continue
		}
		f := &l.fields[i]
		setPath(d, f.path, f.jsonValue(w.Value))
		if urn := f.path.URN; urn != "" && d.has(urn) {
			schemas := d.list("schemas")
			if !slices.ContainsFunc(schemas, func(s any) bool { return strings.EqualFold(asText(s), urn) }) {
				set(d, "schemas", append(slices.Clone(schemas), urn))
			}
		}
	}
}
