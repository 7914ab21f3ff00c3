package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A checker walks a document beside the type that it is to fill. The YAML
// library finds wrong values too, but it names them by Go's types, knows no
// paths, and repeats values that may be secrets.
type checker struct {
	problems *Problems
	found    bool
	seen     map[visit]bool
	sections map[string]reflect.Type // further settings at the top
}

// A visit is a node that was checked against a type. An alias leads to a node
// that was checked where its anchor is; following each alias again would take
// for ever in a file made of aliases.
type visit struct {
	node *yaml.Node
	kind reflect.Type
}

func (c *checker) report(line int, path, format string, args ...any) {
	c.found = true
	c.problems.Add(line, path, format, args...)
}

var (
	duration  = reflect.TypeFor[time.Duration]()
	unmarshal = reflect.TypeFor[yaml.Unmarshaler]()
)

// value checks a node. Where the node is an item of a list, null stands for
// something that is missing; in a group it leaves the setting as it is.
func (c *checker) value(n *yaml.Node, t reflect.Type, path string, item bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	line := n.Line
	if n = resolve(n); c.seen[visit{n, t}] {
		return
	}
	c.seen[visit{n, t}] = true
	// !name, which people get from a secret that begins so.
	if n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.ShortTag(), "!!") {
		c.report(line, path, "a text that begins with ! must stand in quotes")
		return
	}
	if isNull(n) {
		if item {
			c.report(line, path, "is an empty entry; write it or take its - out")
		}
		return
	}
	if reflect.PointerTo(t).Implements(unmarshal) && !(n.Kind == yaml.MappingNode && len(fieldsOf(t)) > 0) {
		// Such a type knows best what it takes, and whether its value may be shown.
		if err := reflect.New(t).Interface().(yaml.Unmarshaler).UnmarshalYAML(n); err != nil {
			c.report(line, path, "%s", innermost(err))
		}
		return
	}
	switch {
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for i, x := range n.Content {
			c.value(x, t.Elem(), fmt.Sprintf("%s[%d]", path, i), true)
		}
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		fields := fieldsOf(t)
		if path == "" {
			maps.Copy(fields, c.sections)
		}
		c.keys(n, path, func(key, value *yaml.Node, path string) {
			f, ok := fields[key.Value]
			if !ok {
				c.report(key.Line, path, "no such setting%s", nearest(key.Value, fields))
				return
			}
			c.value(value, f, path, false)
		})
	case t.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		c.keys(n, path, func(_, value *yaml.Node, path string) { c.value(value, t.Elem(), path, false) })
	case n.Kind == yaml.ScalarNode && c.fits(n, t):
	case n.Kind == yaml.ScalarNode && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		c.report(line, path, "a single value is not %s", wanted(t))
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!str" && strings.Trim(n.Value, "0123456789") == "" && t.Kind() == reflect.Int:
		c.report(line, path, "%s is too large a number", shown(n))
	default:
		c.report(line, path, "%s is not %s", shown(n), wanted(t))
	}
}

// keys goes through a group of settings.
func (c *checker) keys(n *yaml.Node, path string, each func(key, value *yaml.Node, path string)) {
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if k := resolve(key); k.Kind != yaml.ScalarNode {
			c.report(key.Line, path, "%s cannot be the name of a setting; write \"name: value\"", shown(k))
			continue
		} else if k != key {
			c.report(key.Line, path, "the name of a setting cannot be taken from elsewhere (*); write it out")
			continue
		} else if key.Value == "<<" && key.Style == 0 {
			c.report(key.Line, path, "settings cannot be merged in with <<; write them out")
			continue
		}
		at := key.Value
		if path != "" {
			at = path + "." + key.Value
		}
		if first, ok := lines[key.Value]; ok {
			c.report(key.Line, at, "is here twice, first in line %d; keep one", first)
			continue
		}
		lines[key.Value] = key.Line
		each(key, value, at)
	}
}

// fits reports whether a single value can be read as a basic type. It follows
// the library, which takes numbers for texts and no text for a number.
func (c *checker) fits(n *yaml.Node, t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Struct, reflect.Map:
		return false
	case reflect.String:
		return true
	}
	if t == duration {
		_, err := time.ParseDuration(n.Value)
		return err == nil
	}
	return n.Load(reflect.New(t).Interface()) == nil
}

// wanted says what to write for a type.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		if of := t.Elem().Kind(); of == reflect.Struct || of == reflect.Pointer {
			return "a list; write each entry on lines of its own that begin with \"- \""
		}
		return "a list; write it as [one, two]"
	case reflect.Struct, reflect.Map:
		if names := names(fieldsOf(t)); len(names) > 0 {
			return "a group of settings; known here: " + strings.Join(names, ", ")
		}
		return "a group of settings; write \"name: value\" lines below it"
	case reflect.Bool:
		return "a yes or no; write true or false"
	case reflect.Float32, reflect.Float64:
		return "a number; write it in digits, without quotes"
	case reflect.String:
		return "a text; write it on one line, in quotes if it holds more than letters and digits"
	}
	if t == duration {
		return "a duration; write it as 90s, 15m or 26h"
	}
	return "a whole number; write it in digits, without quotes"
}

// shown is a value as an operator would know it again. What stands where a
// group of settings is due is not repeated: it may be one of the group's secrets.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a group of settings"
	}
	return shownText(n.Value)
}

func shownText(s string) string {
	text := []rune(s)
	if len(text) > 40 {
		text = append(text[:40], '…')
	}
	return strconv.Quote(string(text))
}

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return fields
	}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(options, "inline"):
			for name, inner := range fieldsOf(f.Type) {
				fields[name] = inner
			}
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
	return fields
}

func names[T any](known map[string]T) []string {
	list := make([]string, 0, len(known))
	for name := range known {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// nearest suggests the known name that is spelled most alike.
func nearest[T any](name string, known map[string]T) string {
	best, distance := "", 1+len(name)/2
	list := names(known)
	for _, candidate := range list {
		if len(name) > 2*len(candidate)+1 {
			continue // nothing alike, and the comparison costs the product of both lengths
		}
		if d := levenshtein(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	switch {
	case best != "":
		return "; did you mean " + best + "?"
	case len(list) == 0:
		return ""
	}
	return "; known here: " + strings.Join(list, ", ")
}

func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
