package scimsim

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// object reads the body, which must be one JSON object.
func (c *call) object() (map[string]any, *apiError) {
	bad := func(what string) *apiError {
		return refuse(cmp.Or(c.dialect.BadJSONStatus, http.StatusBadRequest), "invalidSyntax", "%s", what)
	}
	if !utf8.Valid(c.body) {
		return nil, bad("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil || doc == nil {
		return nil, bad("the body is not a JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad("something follows the JSON object")
	}
	return doc, nil
}

// member finds a member by its name in any case and says how it was spelled.
func member(doc map[string]any, name string) (any, string) {
	if v, ok := doc[name]; ok {
		return v, name
	}
	for k, v := range doc {
		if strings.EqualFold(k, name) {
			return v, k
		}
	}
	return nil, ""
}

// schemasOf reads the schemas of a message or resource.
func schemasOf(doc map[string]any) ([]string, *apiError) {
	v, _ := member(doc, "schemas")
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, badRequest("invalidSyntax", "schemas is missing").about("schemas")
	}
	var all []string
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, badRequest("invalidSyntax", "schemas must hold strings").about("schemas")
		}
		all = append(all, s)
	}
	return all, nil
}

func hasFold(all []string, s string) bool {
	return slices.ContainsFunc(all, func(o string) bool { return strings.EqualFold(o, s) })
}

// A draft is a resource as a POST or PUT describes it.
type draft struct {
	attributes map[string]any
	members    []string
	hasMembers bool // members was there, be it empty
	id         string
	given      map[string]bool // attributes in the body, values or none
}

// draft reads a resource from the body.
func (c *call) draft() (*draft, *apiError) {
	doc, err := c.object()
	if err != nil {
		return nil, err
	}
	schemas, err := schemasOf(doc)
	if err != nil {
		return nil, err
	}
	if !hasFold(schemas, c.kind.core.urn) {
		return nil, badRequest("invalidSyntax", "schemas does not hold %s", c.kind.core.urn).about("schemas")
	}
	for _, s := range schemas {
		if !strings.EqualFold(s, c.kind.core.urn) && c.kind.extension(s) == nil && c.dialect.Unknown == UnknownRefused {
			return nil, badRequest("invalidValue", "the schema %s is not known", s).about("schemas")
		}
	}
	d := &draft{attributes: map[string]any{}, given: map[string]bool{}}
	for _, name := range sortedKeys(doc) {
		if err := c.take(d, schemas, name, doc[name]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// take reads one member of a resource into the draft.
func (c *call) take(d *draft, schemas []string, name string, v any) *apiError {
	if s := c.kind.extension(name); s != nil {
		d.given[s.urn] = true
		m, ok := v.(map[string]any)
		if v == nil || ok && len(m) == 0 {
			return nil
		}
		if !ok {
			return badRequest("invalidSyntax", "%s must be an object", s.urn).about(s.urn)
		}
		if !hasFold(schemas, s.urn) {
			return badRequest("invalidSyntax", "schemas does not hold %s", s.urn).about("schemas")
		}
		out := map[string]any{}
		for _, sub := range sortedKeys(m) {
			if err := c.store(out, s, s.attributes, sub, m[sub]); err != nil {
				return err
			}
		}
		if len(out) > 0 {
			d.attributes[s.urn] = out
		}
		return nil
	}
	switch {
	case strings.EqualFold(name, "schemas"), strings.EqualFold(name, "meta"):
		return nil
	case strings.EqualFold(name, "id"):
		if v != nil {
			d.id = plain(v)
		}
		return nil
	case strings.EqualFold(name, "members") && !c.isUser():
		d.hasMembers = true
		ids, err := c.memberIDs(v, true)
		d.members = ids
		return err
	case strings.EqualFold(name, "externalId"):
		d.given["externalId"] = true
		return c.store(d.attributes, nil, common[:1], name, v)
	}
	if a := named(c.kind.core.attributes, name); a != nil {
		d.given[a.name] = true
	}
	return c.store(d.attributes, nil, c.kind.core.attributes, name, v)
}

// store puts one attribute of a schema into a map, if it is to be stored.
func (c *call) store(out map[string]any, s *schema, all []*attribute, name string, v any) *apiError {
	a := named(all, name)
	if a == nil {
		switch c.dialect.Unknown {
		case UnknownStored:
			out[name] = copied(v)
		case UnknownRefused:
			return badRequest("invalidSyntax", "there is no attribute %q", name).about(name)
		}
		return nil
	}
	if a.name != name {
		switch c.dialect.WrongCasePaths {
		case WrongCaseRefused:
			return badRequest("invalidSyntax", "there is no attribute %q", name).about(name)
		case WrongCaseIgnored:
			return nil
		}
	}
	where := &path{schema: s, attr: a}
	if a.readOnly || c.notEnabled(where) {
		return nil // RFC 7644, section 3.3: read-only attributes are ignored
	}
	value, err := c.value(a, v, where.String())
	if err == nil && value != nil {
		out[a.name] = value
	}
	return err
}

// notEnabled reports whether the account has switched an attribute off: it
// takes the value and does nothing with it.
func (c *call) notEnabled(p *path) bool {
	return hasFold(c.dialect.NotEnabled, p.String()) || p.schema != nil && hasFold(c.dialect.NotEnabled, p.schema.urn)
}

// value reads the value of an attribute; nil means it has none.
func (c *call) value(a *attribute, v any, where string) (any, *apiError) {
	if v == nil {
		return nil, nil
	}
	if !a.multi {
		if _, isList := v.([]any); isList {
			return nil, badRequest("invalidValue", "%s has one value, not a list", where).about(where)
		}
		return c.single(a, v, where)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, badRequest("invalidValue", "%s must be a list", where).about(where)
	}
	var out []any
	primaries := 0
	for _, e := range list {
		one, err := c.single(a, e, where)
		if err != nil {
			return nil, err
		}
		if m, ok := one.(map[string]any); ok {
			if m["primary"] == true {
				primaries++
			}
			out = append(out, m)
		} else if one != nil {
			out = append(out, one)
		}
	}
	if primaries > 1 {
		return nil, badRequest("invalidValue", "%s has %d primary values", where, primaries).about(where)
	}
	if out == nil {
		return nil, nil
	}
	return out, nil
}

// single reads one value.
func (c *call) single(a *attribute, v any, where string) (any, *apiError) {
	wrong := func() *apiError {
		return badRequest("invalidValue", "%s must be a %s", where, a.kind).about(where)
	}
	if v == nil {
		return nil, nil
	}
	switch a.kind {
	case "complex":
		m, ok := v.(map[string]any)
		if !ok {
			return nil, wrong()
		}
		out := map[string]any{}
		for _, name := range sortedKeys(m) {
			sub := a.sub(name)
			if sub == nil {
				if c.dialect.Unknown == UnknownRefused {
					return nil, badRequest("invalidSyntax", "%s has no %q", where, name).about(where + "." + name)
				}
				continue
			}
			if sub.readOnly {
				continue
			}
			value, err := c.value(sub, m[name], where+"."+sub.name)
			if err != nil {
				return nil, err
			}
			if value != nil {
				out[sub.name] = value
			}
		}
		if len(out) == 0 {
			return nil, nil
		}
		return out, nil
	case "boolean":
		return c.boolean(v, where)
	}
	s, ok := v.(string)
	if !ok {
		return nil, wrong()
	}
	switch a.kind {
	case "dateTime":
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return nil, wrong()
		}
	case "binary":
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return nil, wrong()
		}
	}
	return s, nil
}

func (c *call) boolean(v any, where string) (any, *apiError) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	text := strings.ToLower(plain(v))
	switch c.dialect.Booleans {
	case BooleansRead, BooleansNumber:
		if b, err := strconv.ParseBool(text); err == nil {
			return b, nil
		}
	case BooleansText:
		return plain(v), nil
	}
	return nil, badRequest("invalidValue", "%s must be true or false", where).about(where)
}

// complete refuses a resource without what it must have.
func (c *call) complete(r *Resource) *apiError {
	required := []string{"displayName"}
	if c.isUser() {
		required = append([]string{"userName"}, c.dialect.Required...)
	}
	var err *apiError
	for _, p := range required {
		if strings.TrimSpace(r.Text(p)) == "" {
			if err == nil {
				err = badRequest("invalidValue", "Value is missing")
			}
			err.about(p)
		}
	}
	if err != nil {
		err.detail = strings.Join(sortedKeys(err.attrs), ", ") + ": value is missing"
	}
	return err
}

// normalise rewrites what is stored as the provider likes it.
func (c *call) normalise(r *Resource) {
	d := &c.dialect
	if !c.isUser() || d.EverySecondWrite && r.Info.Version%2 == 1 {
		return
	}
	if d.LowerMail {
		if s, ok := r.Attributes["userName"].(string); ok {
			r.Attributes["userName"] = strings.ToLower(s)
		}
		for _, v := range elements(r.Attributes["emails"]) {
			if m, ok := v.(map[string]any); ok {
				if s, ok := m["value"].(string); ok {
					m["value"] = strings.ToLower(s)
				}
			}
		}
	}
	if d.DerivedNames {
		if full := strings.TrimSpace(r.Text("name.givenName") + " " + r.Text("name.familyName")); full != "" {
			r.With("name.formatted", full).With("displayName", full)
		}
	}
	if d.TrimText || d.CutText > 0 {
		r.Attributes = c.trimmed(r.Attributes).(map[string]any)
	}
}

func (c *call) trimmed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = c.trimmed(e)
		}
	case []any:
		for i, e := range v {
			v[i] = c.trimmed(e)
		}
	case string:
		if c.dialect.TrimText {
			v = strings.TrimSpace(v)
		}
		if letters := []rune(v); c.dialect.CutText > 0 && len(letters) > c.dialect.CutText {
			v = string(letters[:c.dialect.CutText])
		}
		return v
	}
	return v
}
