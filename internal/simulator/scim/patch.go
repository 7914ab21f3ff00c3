package scimsim

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// An operation is one of a PATCH.
type operation struct {
	op      string // in lower case
	written string // as it came
	path    string
	hasPath bool
	value   any
	has     bool // value was there
}

// operations reads the body of a PATCH.
func (c *call) operations() ([]operation, *apiError) {
	doc, err := c.object()
	if err != nil {
		return nil, err
	}
	schemas, err := schemasOf(doc)
	if err != nil {
		return nil, err
	}
	if !hasFold(schemas, patchURN) {
		return nil, badRequest("invalidSyntax", "schemas does not hold %s", patchURN).about("schemas")
	}
	v, _ := member(doc, "Operations")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, badRequest("invalidSyntax", "Operations is missing").about("Operations")
	}
	var all []operation
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, badRequest("invalidSyntax", "an operation is not an object").about("Operations")
		}
		var o operation
		op, _ := member(m, "op")
		o.written, _ = op.(string)
		o.op = strings.ToLower(o.written)
		if p, name := member(m, "path"); name != "" && p != nil {
			if o.path, ok = p.(string); !ok || o.path == "" {
				return nil, badRequest("invalidPath", "a path is not a string")
			}
			o.hasPath = true
		}
		var name string
		o.value, name = member(m, "value")
		o.has = name != ""
		all = append(all, o)
	}
	return all, nil
}

// spelled refuses an op that the provider does not read.
func (c *call) spelled(o operation) *apiError {
	known := o.op == "add" || o.op == "remove" || o.op == "replace"
	title := known && o.written == strings.ToUpper(o.op[:1])+o.op[1:]
	switch {
	case known && c.dialect.Ops == OpsAny, known && c.dialect.Ops == OpsLower && o.op == o.written, title && c.dialect.Ops == OpsTitle:
	default:
		return badRequest("invalidSyntax", "%q is not an operation", o.written)
	}
	if o.op != "remove" && !o.has {
		return badRequest("invalidValue", "%s needs a value", o.op)
	}
	if o.op == "remove" && !o.hasPath {
		return badRequest("noTarget", "remove needs a path")
	}
	return nil
}

// patch answers PATCH.
func (c *call) patch(r *Resource) (*answer, *apiError) {
	ops, err := c.operations()
	if err != nil {
		return nil, err
	}
	c.checkPatch(r, ops)
	for _, o := range ops {
		if err := c.spelled(o); err != nil {
			return nil, err
		}
	}
	if err := c.countMembers(ops); err != nil {
		return nil, err
	}
	w := c.newEdit(r)
	for _, o := range ops {
		if err := c.apply(w, o); err != nil {
			if c.dialect.NotAtomic {
				if bad := c.commit(r, w); bad != nil {
					return nil, bad
				}
			}
			return nil, err
		}
	}
	before := r.Info.Version
	if err := c.commit(r, w); err != nil {
		return nil, err
	}
	return c.patched(r, r.Info.Version != before), nil
}

// patched is the answer to a PATCH, in the provider's manner.
func (c *call) patched(r *Resource, changed bool) *answer {
	style := c.dialect.PatchAnswer
	if !c.isUser() {
		style = c.dialect.GroupPatchAnswer
	}
	s := readQuery(c.r.URL.RawQuery).selection
	a := &answer{status: http.StatusNoContent, header: http.Header{}}
	switch {
	case style == PatchedAccepted:
		a.status = http.StatusAccepted
	case style == PatchedPartial:
		a = c.json(http.StatusOK, c.render(r, c.kind, selection{only: []string{"id"}}))
	case style == PatchedBody, style == PatchedMixed && changed, len(s.only) > 0:
		a = c.json(http.StatusOK, c.render(r, c.kind, s))
	}
	c.stamp(a, r)
	return a
}

// apply does one operation.
func (c *call) apply(w *resourceEdit, o operation) *apiError {
	if !o.hasPath {
		return c.applyObject(w, o)
	}
	p, err := c.kind.parse(o.path, c.dialect.memberGrammar())
	if err != nil {
		return c.unknown(w, o, err)
	}
	return c.applyAt(w, o, p, false)
}

// memberGrammar is what filters inside paths may say.
func (d *Dialect) memberGrammar() grammar {
	return grammar{refuseEscapes: d.RefuseEscapes, noOr: d.OrRemove == Refused}
}

// unknown deals with a path that points nowhere.
func (c *call) unknown(w *resourceEdit, o operation, err *apiError) *apiError {
	if strings.Contains(o.path, "[") {
		return err
	}
	switch c.dialect.Unknown {
	case UnknownDropped:
		return nil
	case UnknownStored:
		if o.op == "remove" {
			delete(w.r.Attributes, o.path)
		} else {
			w.r.Attributes[o.path] = copied(o.value)
		}
		return nil
	}
	return err.about(o.path)
}

// applyObject does an operation without a path: the value's members name
// their attributes.
func (c *call) applyObject(w *resourceEdit, o operation) *apiError {
	switch c.dialect.Pathless {
	case PathlessRefused:
		return badRequest("invalidPath", "an operation needs a path")
	case PathlessIgnored:
		return nil
	}
	m, ok := o.value.(map[string]any)
	if !ok {
		return badRequest("invalidValue", "without a path the value must be an object")
	}
	for _, name := range sortedKeys(m) {
		one := operation{op: o.op, written: o.written, path: name, hasPath: true, value: m[name], has: true}
		if s := c.kind.extension(name); s != nil {
			switch c.dialect.PathlessExtensions {
			case PathlessRefused:
				return badRequest("invalidPath", "%s cannot be changed as a whole", name).about(name)
			case PathlessIgnored:
				continue
			}
		} else if strings.Contains(name, ".") && !strings.Contains(name, ":") {
			if !c.dialect.DottedKeysLost {
				// A dotted key is a path, not the name of an attribute.
				if err := c.unknown(w, one, badRequest("invalidPath", "there is no attribute %q", name)); err != nil {
					return err
				}
			}
			continue
		}
		p, err := c.kind.parse(name, c.dialect.memberGrammar())
		if err != nil {
			if err = c.unknown(w, one, err); err != nil {
				return err
			}
			continue
		}
		if err := c.applyAt(w, one, p, true); err != nil {
			return err
		}
	}
	return nil
}

// applyAt does an operation at a path that was understood.
func (c *call) applyAt(w *resourceEdit, o operation, p *path, pathless bool) *apiError {
	d := &c.dialect
	if p.wrongCase {
		switch d.WrongCasePaths {
		case WrongCaseRefused:
			return badRequest("invalidPath", "there is no attribute %q", o.path).about(o.path)
		case WrongCaseIgnored:
			return nil
		}
	}
	where := p.String()
	if p.readOnly() {
		return badRequest("mutability", "%s is read-only", where).about(where)
	}
	if c.notEnabled(p) || hasFold(d.IgnorePatchOf, where) {
		return nil
	}
	if p.schema == nil && p.attr.name == "members" && !c.isUser() {
		return c.applyMembers(w, o, p)
	}
	before := w.r.Get(where)
	if err := c.write(w, o, p, pathless); err != nil {
		return err
	}
	w.written(firstName(where))
	if !hasFold(d.Immutable, where) || reflect.DeepEqual(before, w.r.Get(where)) {
		return nil
	}
	if !d.ImmutableIgnored {
		return badRequest("mutability", "%s cannot be changed", where).about(where)
	}
	w.r.With(where, before)
	return nil
}

// write changes attributes.
func (c *call) write(w *resourceEdit, o operation, p *path, pathless bool) *apiError {
	if p.attr == nil {
		return c.writeExtension(w, o, p)
	}
	where := p.String()
	if o.op == "remove" && p.sub == nil && p.filter == nil && p.attr.required {
		return badRequest("mutability", "%s is required", where).about(where)
	}
	if o.op != "remove" && o.value == nil {
		if c.dialect.RefuseNull {
			return badRequest("invalidValue", "%s cannot be null", where).about(where)
		}
		o.op = "remove" // RFC 7643, section 2.5: null is unassigned
	}
	doc := w.r.Attributes
	if p.schema != nil {
		m, ok := doc[p.schema.urn].(map[string]any)
		if !ok {
			m = map[string]any{}
			doc[p.schema.urn] = m
		}
		defer func() {
			if len(m) == 0 {
				delete(w.r.Attributes, p.schema.urn)
			}
		}()
		doc = m
	}
	switch {
	case p.filter != nil || p.sub != nil && p.attr.multi:
		return c.writeElements(doc, o, p)
	case p.sub != nil:
		m, _ := doc[p.attr.name].(map[string]any)
		if o.op == "remove" {
			delete(m, p.sub.name)
		} else {
			v, err := c.value(p.sub, o.value, where)
			if err != nil {
				return err
			}
			if m == nil {
				m = map[string]any{}
				doc[p.attr.name] = m
			}
			m[p.sub.name] = v
		}
		if len(m) == 0 {
			delete(doc, p.attr.name)
		}
		return nil
	case o.op == "remove":
		delete(doc, p.attr.name)
		return nil
	case p.attr.multi:
		return c.writeList(doc, o, p)
	}
	v, err := c.value(p.attr, o.value, where)
	if err != nil {
		return err
	}
	if m, ok := v.(map[string]any); ok && !(pathless && c.dialect.Pathless == PathlessReplaces) {
		// RFC 7644, section 3.5.2.3: the sub-attributes given replace theirs.
		if old, ok := doc[p.attr.name].(map[string]any); ok {
			maps.Copy(old, m)
			return nil
		}
	}
	if v == nil {
		delete(doc, p.attr.name)
		return nil
	}
	doc[p.attr.name] = v
	return nil
}

// writeExtension changes an extension as a whole.
func (c *call) writeExtension(w *resourceEdit, o operation, p *path) *apiError {
	if o.op == "remove" {
		delete(w.r.Attributes, p.schema.urn)
		return nil
	}
	m, ok := o.value.(map[string]any)
	if !ok {
		return badRequest("invalidValue", "%s must be an object", p.schema.urn).about(p.schema.urn)
	}
	for _, name := range sortedKeys(m) {
		one := operation{op: o.op, path: p.schema.urn + ":" + name, hasPath: true, value: m[name], has: true}
		q, err := c.kind.parse(one.path, c.dialect.memberGrammar())
		if err != nil {
			if err = c.unknown(w, one, err); err != nil {
				return err
			}
			continue
		}
		if err := c.applyAt(w, one, q, true); err != nil {
			return err
		}
	}
	return nil
}

// writeList adds to a list or replaces it.
func (c *call) writeList(doc map[string]any, o operation, p *path) *apiError {
	v, err := c.value(p.attr, elements(o.value), p.String())
	if err != nil {
		return err
	}
	fresh := elements(v)
	list := fresh
	if o.op == "add" {
		list = elements(doc[p.attr.name])
		for _, e := range fresh {
			if !slices.ContainsFunc(list, func(x any) bool { return reflect.DeepEqual(x, e) }) {
				list = append(list, e)
			}
		}
	}
	for _, e := range fresh {
		onePrimary(list, e)
	}
	if len(list) == 0 {
		delete(doc, p.attr.name)
	} else {
		doc[p.attr.name] = list
	}
	return nil
}

// onePrimary takes primary from all others when the new value has it: RFC
// 7644, section 3.5.2.
func onePrimary(list []any, fresh any) {
	m, ok := fresh.(map[string]any)
	if !ok || m["primary"] != true {
		return
	}
	for _, e := range list {
		if o, ok := e.(map[string]any); ok && !reflect.DeepEqual(o, m) && o["primary"] == true {
			o["primary"] = false
		}
	}
}

// writeElements changes the values of a list that a filter selects; all of
// them without one.
func (c *call) writeElements(doc map[string]any, o operation, p *path) *apiError {
	where := p.String()
	list := elements(doc[p.attr.name])
	var chosen []map[string]any
	for _, e := range list {
		if m, ok := e.(map[string]any); ok && (p.filter == nil || p.filter.match(m, cases{})) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		if o.op == "remove" {
			// RFC 7644, section 3.5.2.2 knows no error for this.
			return nil
		}
		if !c.dialect.CreatesTargets {
			return badRequest("noTarget", "nothing matches %q", p.text).about(where)
		}
		m := map[string]any{}
		if p.filter != nil {
			p.filter.leaves(func(f *filter) {
				if f.op == "eq" {
					m[f.path.attr.name] = f.value
				}
			})
		}
		list, chosen = append(list, m), []map[string]any{m}
	}
	for _, m := range chosen {
		switch {
		case o.op == "remove" && p.sub == nil:
			list = slices.DeleteFunc(list, func(e any) bool { return reflect.DeepEqual(e, m) })
		case o.op == "remove":
			delete(m, p.sub.name)
		case p.sub == nil:
			v, err := c.single(p.attr, o.value, where)
			if err != nil {
				return err
			}
			fresh, _ := v.(map[string]any)
			if o.op == "replace" {
				clear(m)
			}
			maps.Copy(m, fresh)
			onePrimary(list, m)
		default:
			v, err := c.value(p.sub, o.value, where)
			if err != nil {
				return err
			}
			m[p.sub.name] = v
			onePrimary(list, m)
		}
	}
	list = slices.DeleteFunc(list, func(e any) bool { m, ok := e.(map[string]any); return ok && len(m) == 0 })
	if len(list) == 0 {
		delete(doc, p.attr.name)
	} else {
		doc[p.attr.name] = list
	}
	return nil
}
