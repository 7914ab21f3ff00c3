package cwsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// A record is an object as the API shows it: member to value. Values are
// string, bool, int, decimal.Decimal, time.Time, record, []any, or nil, which
// is the same as a member that is not there.
type record map[string]any

// timeLayout is how the API writes a moment, and a calendar day as its midnight.
const timeLayout = "2006-01-02T15:04:05Z"

// put sets a member unless the value is one that the API leaves out.
func (r record) put(name string, v any) {
	switch v := v.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case time.Time:
		if v.IsZero() {
			return
		}
	case record:
		if v == nil {
			return
		}
	}
	r[name] = v
}

// at follows a path such as company/identifier. It does not enter lists.
func (r record) at(path []string) any {
	v, ok := r[path[0]]
	if !ok || len(path) == 1 {
		return v
	}
	inner, ok := v.(record)
	if !ok {
		return nil
	}
	return inner.at(path[1:])
}

// merge adds the members that the simulator gives no meaning to.
func (r record) merge(other map[string]any) {
	for name, v := range other {
		r.put(name, plain(v))
	}
}

// plain turns the values people write in Go into those of a record.
func plain(v any) any {
	switch v := v.(type) {
	case int64:
		return int(v)
	case float64:
		return decimal.NewFromFloat(v)
	case json.Number:
		if d, err := decimal.NewFromString(v.String()); err == nil {
			return d
		}
		return v.String()
	case map[string]any:
		r := record{}
		for k, x := range v {
			r[k] = plain(x)
		}
		return r
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = plain(x)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = x
		}
		return out
	}
	return v
}

// An encoder writes records as the server would, members in the order of the
// schema.
type encoder struct {
	numbers NumberStyle
	nulls   bool // write absent members as null
	extra   bool // add a member that no schema has
	buf     bytes.Buffer
}

func (e *encoder) object(s *schema, r record) {
	e.buf.WriteByte('{')
	first := true
	name := func(n string) {
		if !first {
			e.buf.WriteByte(',')
		}
		first = false
		e.text(n)
		e.buf.WriteByte(':')
	}
	if s == nil {
		for _, n := range slices.Sorted(maps.Keys(r)) {
			name(n)
			e.value(nil, r[n])
		}
		e.buf.WriteByte('}')
		return
	}
	for _, m := range s.members {
		v := r[m.name]
		if v == nil && !e.nulls {
			continue
		}
		name(m.name)
		e.value(m, v)
	}
	if r["_info"] != nil && s.byName["_info"] == nil { // references carry links
		name("_info")
		e.value(nil, r["_info"])
	}
	if e.extra {
		name("additionalInsight")
		e.buf.WriteString(`{"score":0.5}`)
	}
	e.buf.WriteByte('}')
}

// value writes one value; m is nil where no schema speaks of it.
func (e *encoder) value(m *member, v any) {
	switch v := v.(type) {
	case nil:
		e.buf.WriteString("null")
	case string:
		e.text(v)
	case bool:
		e.buf.WriteString(strconv.FormatBool(v))
	case int:
		e.number(m, decimal.NewFromInt(int64(v)))
	case decimal.Decimal:
		e.number(m, v)
	case time.Time:
		e.text(v.UTC().Format(timeLayout))
	case record:
		var of *schema
		if m != nil {
			of = m.of
		}
		// The switches for odd members are about whole objects; a reference
		// has neither nulls nor extras.
		nulls, extra := e.nulls, e.extra
		e.nulls, e.extra = false, false
		e.object(of, v)
		e.nulls, e.extra = nulls, extra
	case []any:
		e.buf.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				e.buf.WriteByte(',')
			}
			e.value(m, x)
		}
		e.buf.WriteByte(']')
	default:
		panic(fmt.Sprintf("a record holds a %T", v))
	}
}

func (e *encoder) number(m *member, d decimal.Decimal) {
	text := d.String()
	if m != nil && m.kind == kindNumber {
		switch e.numbers {
		case Doubles:
			if !strings.Contains(text, ".") {
				text += ".0"
			}
		case Cents:
			if d.Equal(d.Round(2)) {
				text = d.StringFixed(2)
			}
		}
	}
	e.buf.WriteString(text)
}

func (e *encoder) text(s string) {
	j := json.NewEncoder(&e.buf)
	j.SetEscapeHTML(false) // the server writes & and < as they are
	j.Encode(s)
	e.buf.Truncate(e.buf.Len() - 1) // the newline
}

// list writes rows of one schema as an array.
func (e *encoder) list(s *schema, rows []record) []byte {
	e.buf.WriteByte('[')
	for i, r := range rows {
		if i > 0 {
			e.buf.WriteByte(',')
		}
		e.object(s, r)
	}
	e.buf.WriteByte(']')
	return e.buf.Bytes()
}
