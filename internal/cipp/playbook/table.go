// Package playbook runs the operations of package admin for many people: it reads a
// table strictly, plans every step with its effect on licences and money, and runs the
// plan so that it can be stopped and resumed. A table with one wrong line does nothing
// at all.
package playbook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"syncd/internal/mapping"
)

// A Kind says what a playbook does.
type Kind string

// The kinds of playbook.
const (
	Onboard  Kind = "onboard"
	Offboard Kind = "offboard"
	Licences Kind = "licences"
	MFA      Kind = "mfa"
)

// Kinds lists them all.
func Kinds() []Kind { return []Kind{Onboard, Offboard, Licences, MFA} }

// maxLines limits a table.
const maxLines = 2000

// A Table is a valid table of a playbook.
type Table struct {
	Kind  Kind
	Lines []Line
}

// A Line is one person of a Table.
type Line struct {
	N     int               // of the file, the header being 1
	Cells map[string]string // by column, trimmed; absent where empty
}

// Get returns a cell, or "".
func (l Line) Get(column string) string { return l.Cells[column] }

// Digest is a digest of the table, whatever the order of its columns: twelve hex digits.
// The same table is the same run.
func (b *Table) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", b.Kind)
	for _, l := range b.Lines {
		for _, c := range columns[b.Kind] {
			if v := l.Get(c.name); v != "" {
				fmt.Fprintf(h, "%q=%q,", c.name, v)
			}
		}
		fmt.Fprint(h, "\n")
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// Parse reads a table as CSV, separated by commas, semicolons or tabs. All of its
// problems are reported at once, in a *mapping.ImportError.
func Parse(kind Kind, r io.Reader) (*Table, error) {
	known := columns[kind]
	if known == nil {
		return nil, fmt.Errorf("%q is no playbook; these are: %v", kind, Kinds())
	}
	p := &parser{kind: kind, known: known, table: &Table{Kind: kind}, lineOf: map[string]int{}}
	var names []string
	for _, c := range known {
		names = append(names, c.name)
	}
	lines, err := mapping.Lines(r, names)
	if err != nil {
		return nil, err
	}
	p.parse(lines)
	if len(p.problems) > 0 {
		return nil, &mapping.ImportError{Problems: p.problems}
	}
	return p.table, nil
}

// A parser reads one table and collects its problems.
type parser struct {
	kind     Kind
	known    []column
	names    []string // of the columns of the file; "" is no column, "-" one that is wrong
	lineOf   map[string]int
	table    *Table
	problems []mapping.Problem
}

func (p *parser) problem(line int, column, format string, args ...any) {
	p.problems = append(p.problems, mapping.Problem{Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
}

// parse reads the header and all lines.
func (p *parser) parse(lines []mapping.Line) {
	if len(lines) == 0 {
		p.problem(0, "", "the file has no header; these are its columns: %s", strings.Join(Columns(p.kind), ", "))
		return
	}
	p.header(lines[0].Cells)
	for i, l := range lines[1:] {
		if i == maxLines {
			p.problem(l.Number, "", "more than %d lines; part the file", maxLines)
			break
		}
		p.line(l.Number, l.Cells)
	}
	if len(p.table.Lines) == 0 && len(p.problems) == 0 {
		p.problem(0, "", "the file has no line below its header")
	}
}

// header reads the names of the columns.
func (p *parser) header(header []string) {
	p.names = make([]string, len(header))
	for i, h := range header {
		name := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(h)))
		switch {
		case name == "":
		case !slices.ContainsFunc(p.known, func(c column) bool { return c.name == name }):
			p.problem(1, h, "is no column of this playbook; these are: %s", strings.Join(Columns(p.kind), ", "))
			p.names[i] = "-"
		case slices.Contains(p.names, name):
			p.problem(1, h, "stands there twice")
			p.names[i] = "-" // so that its cells are not reported as well
		default:
			p.names[i] = name
		}
	}
	for _, c := range p.known {
		if c.required && !slices.Contains(p.names, c.name) {
			p.problem(1, c.name, "is missing")
		}
	}
}

// line reads and checks one line; an empty one, as spreadsheets leave them, is skipped.
func (p *parser) line(n int, record []string) {
	l := Line{N: n, Cells: map[string]string{}}
	for i, cell := range record {
		cell = strings.TrimSpace(cell)
		switch {
		case cell == "":
		case i >= len(p.names) || p.names[i] == "":
			p.problem(n, "", "there is a cell (%q) below no column; is a sign that parts cells missing its quotes?", cell)
		default:
			l.Cells[p.names[i]] = cell
		}
	}
	if len(l.Cells) == 0 {
		return
	}
	if len(record) < len(p.names) {
		p.problem(n, "", "has %d cells, and the header %d: one is missing, or a line was broken", len(record), len(p.names))
	}
	for _, c := range p.known {
		cell := l.Get(c.name)
		if cell == "" {
			if c.required && slices.Contains(p.names, c.name) {
				p.problem(n, c.name, "is empty")
			}
		} else if c.check != nil {
			if what := c.check(cell); what != "" {
				p.problem(n, c.name, "%s", what)
			}
		}
	}
	if key := l.key(p.kind); p.lineOf[key] > 0 {
		p.problem(n, "", "says the same as line %d", p.lineOf[key])
	} else {
		p.lineOf[key] = n
	}
	p.table.Lines = append(p.table.Lines, l)
}

// key identifies a line; a table may have it once.
func (l Line) key(kind Kind) string {
	who := strings.ToLower(l.Get("tenant") + "\x00" + l.Get("upn") + l.Get("user"))
	if kind == Licences {
		who += "\x00" + strings.ToLower(l.Get("licence"))
	}
	return who
}
