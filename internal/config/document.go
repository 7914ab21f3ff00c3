// Package config reads a strict YAML document into a struct and lays the
// environment over it. Every mistake is reported, all at once, with its line
// and with what to write instead. It knows no setting by name.
package config

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// mostBytes is far more than any configuration is long. It keeps a log or a
// database that was named by mistake from being read to its end.
const mostBytes = 1 << 20

// A Document is a parsed file that still knows its lines.
type Document struct {
	root   *yaml.Node
	broken bool // there is text, and it could not be read as settings
}

// Parse reads YAML text. What is no YAML comes back as a problem, and the
// document is then broken and empty.
func Parse(text []byte, problems *Problems) *Document {
	d := &Document{}
	refuse := func(line int, format string, args ...any) *Document {
		problems.Add(line, "", format, args...)
		d.root, d.broken = nil, true
		return d
	}
	if len(text) > mostBytes {
		return refuse(0, "is %d bytes long, which is no configuration; name the right file with --config", len(text))
	}
	utf16 := bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))
	if !utf16 { // Notepad's "Unicode"; the YAML library reads it
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
		if at := binary(text); at >= 0 {
			return refuse(1+bytes.Count(text[:at], []byte("\n")), "holds bytes that are no text; name the right file with --config, or save this one as UTF-8")
		}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return d
	}
	var root yaml.Node
	// Duplicate keys are found by Decode, all at once and with their paths.
	if err := yaml.Load(text, &root, yaml.WithUniqueKeys(false)); err != nil {
		if strings.Contains(err.Error(), "no documents in stream") {
			return d // only comments
		}
		for _, p := range syntax(err, text) {
			problems.Add(p.Line, p.Path, "%s", p.Message)
		}
		d.broken = true
		return d
	}
	d.root = &root
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		d.root = root.Content[0]
	}
	switch {
	case isNull(d.root):
		d.root = nil // a lone --- or ~
	case d.root.Kind != yaml.MappingNode:
		return refuse(d.root.Line, "the file must hold settings as \"name: value\" lines")
	}
	return d
}

// binary returns where text stops being text, or -1.
func binary(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return i
		}
		i += size
	}
	return -1
}

// Broken reports whether the text could not be read at all: nothing can be
// said about what it does not hold.
func (d *Document) Broken() bool { return d.broken }

// Has reports whether the file holds something at a path.
func (d *Document) Has(path ...string) bool {
	_, n := d.at(path)
	return n != nil && !isNull(n)
}

// Line returns the line of the longest known beginning of a path, or 0.
func (d *Document) Line(path string) int {
	steps := strings.Split(path, ".")
	for ; len(steps) > 0; steps = steps[:len(steps)-1] {
		if line, n := d.at(steps); n != nil {
			return line
		}
		// jobs[2].name that is not there: the line of jobs[2], else of jobs.
		name, _, indexed := strings.Cut(steps[len(steps)-1], "[")
		if indexed {
			if line, n := d.at(append(steps[:len(steps)-1:len(steps)-1], name)); n != nil {
				return line
			}
		}
	}
	return 0
}

// Refuse takes a setting out that the program has no use for, and says so where
// it holds anything.
func (d *Document) Refuse(path, message string, problems *Problems) {
	group, name := d.root, path
	if cut := strings.LastIndex(path, "."); cut >= 0 {
		_, group = d.at(strings.Split(path[:cut], "."))
		name = path[cut+1:]
	}
	if group = resolve(group); group == nil || group.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(group.Content); i += 2 {
		if key := group.Content[i]; key.Value == name {
			if !blank(group.Content[i+1]) {
				problems.Add(key.Line, path, "%s", message)
			}
			group.Content = append(group.Content[:i:i], group.Content[i+2:]...)
			i -= 2
		}
	}
}

// blank reports whether a value says nothing: empty, or no.
func blank(n *yaml.Node) bool {
	n = resolve(n)
	return isNull(n) || n.Kind != yaml.ScalarNode && len(n.Content) == 0 || n.Kind == yaml.ScalarNode && (n.Value == "" || n.Value == "false")
}

// at finds a node and the line of its key; a step may carry indexes, as in
// jobs[2].
func (d *Document) at(path []string) (int, *yaml.Node) {
	n, line := d.root, 0
	for _, step := range path {
		name, indexes, _ := strings.Cut(step, "[")
		if line, n = child(n, name); n == nil {
			return 0, nil
		}
		for index := range strings.SplitSeq(strings.TrimSuffix(indexes, "]"), "][") {
			if index == "" {
				continue
			}
			i, err := strconv.Atoi(index)
			if n = resolve(n); err != nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
				return 0, nil
			}
			n = n.Content[i]
			line = n.Line
		}
	}
	return line, n
}

func child(n *yaml.Node, name string) (int, *yaml.Node) {
	if n = resolve(n); n == nil || n.Kind != yaml.MappingNode {
		return 0, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i].Line, n.Content[i+1]
		}
	}
	return 0, nil
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	n = resolve(n)
	return n != nil && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// A Section is a part of the document, at its top, that somebody else owns.
type Section struct {
	Name string
	Into any // points to what it is written over
}

// Decode writes the document over what into, and each section, points to. A setting without a
// value keeps what is there. Keys that the struct does not know, keys that are
// there twice and values of the wrong kind are problems; what is right beside
// them is written all the same.
func (d *Document) Decode(into any, problems *Problems, sections ...Section) {
	if d.root == nil {
		return
	}
	c := checker{problems: problems, seen: map[visit]bool{}, sections: map[string]reflect.Type{}}
	for _, s := range sections {
		c.sections[s.Name] = reflect.TypeOf(s.Into).Elem()
	}
	c.value(d.root, reflect.TypeOf(into).Elem(), "", false)
	load := func(n *yaml.Node, into any) {
		err := n.Load(into, yaml.WithUniqueKeys(false))
		if err == nil || c.found {
			return // the checker has said it better
		}
		for _, p := range syntax(err, nil) {
			problems.Add(p.Line, p.Path, "%s", p.Message)
		}
	}
	load(d.root, into)
	for _, s := range sections {
		if _, n := child(d.root, s.Name); n != nil && !isNull(n) {
			load(resolve(n), s.Into)
		}
	}
}
