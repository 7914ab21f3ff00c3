// Package config reads a strict YAML document into a struct and lays the
// environment over it. Every mistake is reported, all at once, with its line
// and with what to write instead. It knows no setting by name.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Problem is one thing wrong with the configuration.
type Problem struct {
	Line    int    // in the file; 0 where the value did not come from it
	Path    string // such as connectwise.rate.burst
	Message string
}

// Problems is everything wrong with the configuration; as an error it names
// the file and every line.
type Problems struct {
	File string
	List []Problem
}

// Add notes a problem.
func (p *Problems) Add(line int, path, format string, args ...any) {
	p.List = append(p.List, Problem{line, path, fmt.Sprintf(format, args...)})
}

// Err returns p where it holds anything.
func (p *Problems) Err() error {
	if len(p.List) == 0 {
		return nil
	}
	slices.SortStableFunc(p.List, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	p.List = slices.Compact(p.List)
	return p
}

func (p *Problems) Error() string {
	var b strings.Builder
	for i, x := range p.List {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(p.File)
		if x.Line > 0 {
			fmt.Fprintf(&b, ":%d", x.Line)
		}
		b.WriteString(": ")
		if x.Path != "" {
			b.WriteString(x.Path + ": ")
		}
		b.WriteString(x.Message)
	}
	return b.String()
}

// A Document is a parsed file that still knows its lines.
type Document struct {
	root *yaml.Node
}

// Parse reads YAML text. Syntax errors and duplicate keys come back as
// problems.
func Parse(text []byte, problems *Problems) *Document {
	d := &Document{}
	if len(strings.TrimSpace(string(text))) == 0 {
		return d
	}
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		note(err, problems)
		return d
	}
	d.root = &root
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		d.root = root.Content[0]
	}
	if d.root.Kind == yaml.ScalarNode && d.root.Tag == "!!null" {
		d.root = nil // only comments
	} else if d.root.Kind != yaml.MappingNode {
		problems.Add(d.root.Line, "", "the file must hold settings as \"name: value\" lines")
		d.root = nil
	}
	return d
}

// Has reports whether the file holds something at a path.
func (d *Document) Has(path ...string) bool {
	n := d.at(path)
	return n != nil && n.Tag != "!!null"
}

// Line returns the line of the longest known beginning of a path, or 0.
func (d *Document) Line(path string) int {
	steps := strings.Split(path, ".")
	for ; len(steps) > 0; steps = steps[:len(steps)-1] {
		if n := d.at(steps); n != nil {
			return n.Line
		}
	}
	return 0
}

// at finds a node; a step may carry indexes, as in jobs[2].
func (d *Document) at(path []string) *yaml.Node {
	n := d.root
	for _, step := range path {
		name, indexes, _ := strings.Cut(step, "[")
		if n = child(n, name); n == nil {
			return nil
		}
		for _, index := range strings.Split(strings.TrimSuffix(indexes, "]"), "][") {
			if index == "" {
				continue
			}
			i, err := strconv.Atoi(index)
			if err != nil || n.Kind != yaml.SequenceNode || i >= len(n.Content) {
				return nil
			}
			n = n.Content[i]
		}
	}
	return n
}

func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// Decode writes the document over what into points to. Keys that the struct
// does not know are problems, with the nearest known name.
func (d *Document) Decode(into any, problems *Problems) {
	if d.root == nil {
		return
	}
	unknown(d.root, reflect.TypeOf(into), "", problems)
	if err := d.root.Load(into); err != nil {
		note(err, problems)
	}
}

// note turns the library's errors into problems.
func note(err error, problems *Problems) {
	if many, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		for _, e := range many.Errors {
			problems.Add(e.Mark.Line, "", "%s", plain(e))
		}
		return
	}
	if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		problems.Add(one.Mark.Line, "", "%s", plain(one))
		return
	}
	problems.Add(0, "", "%v", err)
}

func plain(e *yaml.LoadError) string {
	text := e.Message
	if cause := errors.Unwrap(e); cause != nil && text == "" {
		text = cause.Error()
	}
	text = strings.NewReplacer("cannot construct ", "cannot use ", "!!str ", "", "!!int ", "", "!!seq", "a list", "!!map", "a group of settings",
		"into time.Duration", "as a duration: write it as 90s, 15m or 26h", "into int", "as a whole number", "into float64", "as a number", "into bool", "as true or false",
		"into string", "as text", "into []string", "as a list: write it as [one, two]").Replace(text)
	return text
}

// unknown walks the document beside the struct's type.
func unknown(n *yaml.Node, t reflect.Type, path string, problems *Problems) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range n.Content {
			unknown(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i), problems)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i+1 < len(n.Content); i += 2 {
			unknown(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value), problems)
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := fieldsOf(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			f, ok := fields[key.Value]
			if !ok {
				problems.Add(key.Line, join(path, key.Value), "no such setting%s", nearest(key.Value, fields))
				continue
			}
			unknown(n.Content[i+1], f, join(path, key.Value), problems)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
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

// nearest suggests the known name that is spelled most alike.
func nearest(name string, fields map[string]reflect.Type) string {
	best, distance := "", 1+len(name)/2
	names := make([]string, 0, len(fields))
	for known := range fields {
		names = append(names, known)
	}
	slices.Sort(names)
	for _, known := range names {
		if d := levenshtein(name, known); d < distance {
			best, distance = known, d
		}
	}
	if best == "" {
		return fmt.Sprintf("; known here: %s", strings.Join(names, ", "))
	}
	return fmt.Sprintf("; did you mean %s?", best)
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
