package admin

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A row is one object of an answer. Keys are kept in lower case, because the
// live and the cached answer of one endpoint spell them differently; values
// are read tolerantly, because they come out of PowerShell: a number may be a
// text, a list of one its element.
type row struct {
	raw    jsontext.Value
	fields map[string]jsontext.Value // nil for what is no object
}

var tolerant = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func parse(raw jsontext.Value) row {
	var all map[string]jsontext.Value
	if raw.Kind() != '{' || json.Unmarshal(raw, &all, tolerant) != nil {
		return row{raw: raw}
	}
	fields := make(map[string]jsontext.Value, len(all))
	for k, v := range all {
		fields[strings.ToLower(k)] = v
	}
	return row{raw, fields}
}

// has reports whether there is a member of that name, null included.
func (r row) has(name string) bool {
	_, ok := r.fields[strings.ToLower(name)]
	return ok
}

// text returns the first of these members that is not empty.
func (r row) text(names ...string) string {
	for _, name := range names {
		if s := strings.TrimSpace(textOf(r.fields[strings.ToLower(name)])); s != "" {
			return s
		}
	}
	return ""
}

// exact returns a text unchanged, its spaces included.
func (r row) exact(name string) string {
	var s string
	_ = json.Unmarshal(r.fields[strings.ToLower(name)], &s, tolerant) // what is no text is none
	return s
}

// textOf returns any value as one line of text.
func textOf(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		var s string
		if json.Unmarshal(v, &s, tolerant) == nil {
			return strings.Join(strings.Fields(s), " ")
		}
	case '[':
		return strings.Join(texts(v), ", ")
	case '{':
		r := parse(v)
		// The members in which CIPP wraps a text, and then those that name an object.
		return r.text("value", "resultText", "displayName", "label", "name", "message")
	case 't', 'f', '0':
		return strings.TrimSpace(string(v))
	}
	return ""
}

// texts reads a list of texts; PowerShell sends a list of one as its element.
func texts(v jsontext.Value) []string {
	if v.Kind() != '[' {
		if s := textOf(v); s != "" {
			return []string{s}
		}
		return nil
	}
	var out []string
	for _, one := range elements(v) {
		if s := textOf(one); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// elements returns the elements of a list, and none of anything else.
func elements(v jsontext.Value) []jsontext.Value {
	var all []jsontext.Value
	if v.Kind() != '[' || json.Unmarshal(v, &all, tolerant) != nil {
		return nil
	}
	return all
}

func (r row) texts(name string) []string { return texts(r.fields[strings.ToLower(name)]) }

// object returns a member that is an object.
func (r row) object(name string) row { return parse(r.fields[strings.ToLower(name)]) }

// rows returns a member that is a list of objects, or one object in its place.
func (r row) rows(name string) []row {
	v := r.fields[strings.ToLower(name)]
	if v.Kind() == '{' {
		return []row{parse(v)}
	}
	var out []row
	for _, one := range elements(v) {
		if p := parse(one); p.fields != nil {
			out = append(out, p)
		}
	}
	return out
}

func (r row) flag(name string) bool { return strings.EqualFold(r.text(name), "true") }

// yesNo returns a flag for people; an unknown one is empty.
func (r row) yesNo(name string) string {
	switch strings.ToLower(r.text(name)) {
	case "true":
		return "yes"
	case "false":
		return "no"
	}
	return ""
}

func (r row) number(name string) int {
	f, err := strconv.ParseFloat(r.text(name), 64)
	if err != nil {
		return 0
	}
	return int(f)
}

// time is zero where there is none, and for Microsoft's dates that mean never.
func (r row) time(name string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, r.text(name)); err == nil && t.Year() > 1970 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// minute returns a time for people, to the minute.
func (r row) minute(name string) string {
	t := r.time(name)
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04")
}
