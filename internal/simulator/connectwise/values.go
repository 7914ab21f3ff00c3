package cwsim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// decode reads a JSON document with its numbers as they were written.
func decode(body []byte) (any, *apiError) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, refuse(http.StatusBadRequest, "ConnectWiseApi", "The request body is not valid JSON.")
	}
	return v, nil
}

func (c *call) bodyObject() (map[string]any, *apiError) {
	v, err := decode(c.body)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "ConnectWiseApi", "The request body is not a JSON object.")
	}
	return object, nil
}

// members checks the members of a body against a schema and returns their
// values as a record holds them. A null is there, as nil.
func (c *call) members(s *schema, body map[string]any) (map[string]any, *apiError) {
	values := map[string]any{}
	for _, name := range sortedKeys(body) {
		m := s.byName[name]
		if m == nil {
			return nil, unknownMember(name, s.name)
		}
		if m.readOnly {
			if c.faults.IgnoreReadOnly {
				continue
			}
			return nil, readOnly(s, m)
		}
		v, err := c.value(s, m, body[name])
		if err != nil {
			return nil, err
		}
		values[name] = v
	}
	return values, nil
}

func readOnly(s *schema, m *member) *apiError {
	return invalid(s.name, "ReadOnlyField", m.name, "The %s field is read only.", m.name)
}

// required refuses a body that lacks what a POST must carry.
func required(s *schema, values map[string]any) *apiError {
	var missing *apiError
	for _, m := range s.members {
		if !m.required || values[m.name] != nil {
			continue
		}
		e := invalid(s.name, "MissingRequiredField", m.name, "The %s field is required.", m.name)
		if missing == nil {
			missing = e
		} else {
			missing.errors = append(missing.errors, e.errors...)
		}
	}
	return missing
}

func sortedKeys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// value turns one JSON value into that of a member. What is of the wrong type
// is a 500: the vendor's deserializer fails, and says so, for ever.
func (c *call) value(s *schema, m *member, v any) (any, *apiError) {
	if v == nil {
		return nil, nil
	}
	switch m.kind {
	case kindInt, kindNumber:
		return c.numeral(m, v)
	case kindBool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case kindText:
		if text, ok := v.(string); ok {
			if m.longest > 0 && utf8.RuneCountInString(text) > m.longest {
				return nil, invalid(s.name, "MaxLengthField", m.name, "The field %s must be a string with a maximum length of %d.", m.name, m.longest)
			}
			return text, nil
		}
	case kindEnum:
		if text, ok := v.(string); ok && slices.Contains(m.choices, text) {
			return text, nil
		}
	case kindDate:
		if text, ok := v.(string); ok {
			at, err := time.Parse(timeLayout, text)
			if err == nil {
				return at, nil
			}
			// Offsets and fractions would be taken, and shifted; the
			// documented form has neither.
			return nil, invalid(s.name, "InvalidDate", m.name, "The field %s must be a date such as 2025-07-01T00:00:00Z.", m.name)
		}
	case kindRef:
		if object, ok := v.(map[string]any); ok {
			return c.reference(m.of, object)
		}
	case kindList:
		if list, ok := v.([]any); ok {
			return c.entries(m, list)
		}
	case kindAny:
		return plain(v), nil
	}
	return nil, converting(v, m)
}

func (c *call) numeral(m *member, v any) (any, *apiError) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		if !c.faults.CoerceText {
			return nil, converting(v, m)
		}
		text = v
	default:
		return nil, converting(v, m)
	}
	d, err := decimal.NewFromString(text)
	if err != nil || len(text) > 100 || d.Exponent() > 300 || d.Exponent() < -300 {
		return nil, converting(v, m)
	}
	if m.kind == kindNumber {
		return d, nil
	}
	if !d.IsInteger() || d.Abs().GreaterThan(decimal.NewFromInt(1<<31-1)) {
		return nil, converting(v, m)
	}
	return int(d.IntPart()), nil
}

func (c *call) reference(s *schema, object map[string]any) (any, *apiError) {
	r := record{}
	for _, name := range sortedKeys(object) {
		if name == "_info" { // clients send back what they have read
			continue
		}
		m := s.byName[name]
		if m == nil {
			return nil, unknownMember(name, s.name)
		}
		v, err := c.value(s, m, object[name])
		if err != nil {
			return nil, err
		}
		r.put(name, v)
	}
	return r, nil
}

func (c *call) entries(m *member, list []any) (any, *apiError) {
	one := &member{name: m.name, kind: m.item, of: m.of}
	out := make([]any, len(list))
	for i, x := range list {
		v, err := c.value(m.of, one, x)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, converting(nil, one)
		}
		out[i] = v
	}
	return out, nil
}

// customValues takes a customFields array. What it leaves out is cleared: the
// array replaces all values.
func (c *call) customValues(on string, v any) (map[int]any, *apiError) {
	if v == nil {
		return nil, nil
	}
	values := map[int]any{}
	for _, entry := range v.([]any) {
		r := entry.(record)
		id, _ := r["id"].(int)
		i := slices.IndexFunc(c.view.fields[on], func(f *Field) bool { return f.ID == id })
		if i < 0 {
			return nil, invalid(on, "NotFound", "customFields", "Custom field %d was not found.", id)
		}
		if r["value"] != nil {
			if !suits(c.view.fields[on][i], r["value"]) {
				return nil, invalid(on, "InvalidValue", "customFields", "The value of %s is not a %s.", c.view.fields[on][i].Caption,
					c.view.fields[on][i].Type)
			}
			values[id] = r["value"]
		}
	}
	return values, nil
}

func suits(f *Field, v any) bool {
	switch f.Type {
	case "Number", "Currency", "Percent":
		_, ok := v.(decimal.Decimal)
		return ok
	case "Checkbox":
		_, ok := v.(bool)
		return ok
	}
	_, ok := v.(string)
	return ok
}

// whole turns a moment into its calendar day: the database keeps no time of
// day for the dates of agreements and additions.
func whole(v any) time.Time {
	at, ok := v.(time.Time)
	if !ok {
		return time.Time{}
	}
	return Day(at.Date())
}

func text(v any) string {
	s, _ := v.(string)
	return strings.TrimRight(s, " ")
}
