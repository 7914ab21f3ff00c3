// Package playbook does to many people what package admin does to one: it
// reads a table strictly, plans every step with its effect on licences and
// money, and carries the plan out so that it can be stopped and taken up
// again. A table with one wrong line does nothing at all.
package playbook

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

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

// mostLines and mostBytes end what is no list of people.
const (
	mostLines = 2000
	mostBytes = 8 << 20
)

// A Book is a table that was read and found sound.
type Book struct {
	Kind  Kind
	Lines []Line
}

// A Line is one person of a Book.
type Line struct {
	N     int               // of the file, the header being 1
	Cells map[string]string // by column, trimmed; absent where empty
}

// Get returns a cell, or "".
func (l Line) Get(column string) string { return l.Cells[column] }

// Digest names what the book says, whatever the order of its columns: twelve
// hex digits. The same book is the same run.
func (b *Book) Digest() string {
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

// Parse reads a table as CSV, parted by commas, semicolons or tabs. Everything
// that is wrong with it is said at once, in a *mapping.ImportError.
func Parse(kind Kind, r io.Reader) (*Book, error) {
	known := columns[kind]
	if known == nil {
		return nil, fmt.Errorf("%q is no playbook; these are: %v", kind, Kinds())
	}
	bad := &mapping.ImportError{}
	wrong := func(line int, column, format string, args ...any) {
		bad.Problems = append(bad.Problems, mapping.Problem{Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
	}
	raw, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading the table: %w", err)
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	switch {
	case len(raw) > mostBytes:
		wrong(0, "", "the file is larger than %d MB, which is no list of people", mostBytes>>20)
	case !utf8.Valid(raw):
		wrong(0, "", "the file is not UTF-8; save it as \"CSV UTF-8\"")
	}
	if len(bad.Problems) > 0 {
		return nil, bad
	}
	in := csv.NewReader(bytes.NewReader(raw))
	in.Comma, in.FieldsPerRecord = separator(raw), -1
	header, err := in.Read()
	if err != nil {
		wrong(0, "", "the file has no header; these are its columns: %s", strings.Join(Columns(kind), ", "))
		return nil, bad
	}
	names := make([]string, len(header))
	for i, h := range header {
		name := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(h)))
		switch {
		case name == "":
		case !slices.ContainsFunc(known, func(c column) bool { return c.name == name }):
			wrong(1, h, "is no column of this playbook; these are: %s", strings.Join(Columns(kind), ", "))
			names[i] = "-"
		case slices.Contains(names, name):
			wrong(1, h, "stands there twice")
			names[i] = "-" // so that its cells are not complained of as well
		default:
			names[i] = name
		}
	}
	for _, c := range known {
		if c.must && !slices.Contains(names, c.name) {
			wrong(1, c.name, "is missing")
		}
	}
	book := &Book{Kind: kind}
	seen := map[string]int{}
	for {
		record, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			if e, ok := errors.AsType[*csv.ParseError](err); ok {
				wrong(e.StartLine, "", "%v", e.Err)
			} else {
				wrong(0, "", "%v", err)
			}
			break
		}
		n, _ := in.FieldPos(0)
		l := Line{N: n, Cells: map[string]string{}}
		for i, cell := range record {
			cell = strings.TrimSpace(cell)
			switch {
			case cell == "":
			case i >= len(names) || names[i] == "":
				wrong(n, "", "there is a cell (%q) below no column; is a sign that parts cells missing its quotes?", cell)
			default:
				l.Cells[names[i]] = cell
			}
		}
		if len(l.Cells) == 0 {
			continue // an empty line, as spreadsheets leave them
		}
		if len(record) < len(names) {
			wrong(n, "", "has %d cells, and the header %d: one is missing, or a line was broken", len(record), len(names))
		}
		for _, c := range known {
			cell := l.Get(c.name)
			if cell == "" {
				if c.must && slices.Contains(names, c.name) {
					wrong(n, c.name, "is empty")
				}
			} else if c.check != nil {
				if what := c.check(cell); what != "" {
					wrong(n, c.name, "%s", what)
				}
			}
		}
		if who := l.key(kind); seen[who] > 0 {
			wrong(n, "", "says the same as line %d", seen[who])
		} else {
			seen[who] = n
		}
		book.Lines = append(book.Lines, l)
		if len(book.Lines) > mostLines {
			wrong(n, "", "more than %d lines; part the file", mostLines)
			break
		}
	}
	if len(book.Lines) == 0 && len(bad.Problems) == 0 {
		wrong(0, "", "the file has no line below its header")
	}
	if len(bad.Problems) > 0 {
		return nil, bad
	}
	return book, nil
}

// key is what may stand in a book once.
func (l Line) key(kind Kind) string {
	who := strings.ToLower(l.Get("tenant") + "\x00" + l.Get("upn") + l.Get("user"))
	if kind == Licences {
		who += "\x00" + strings.ToLower(l.Get("licence"))
	}
	return who
}

// separator is the sign that the header has most of.
func separator(raw []byte) rune {
	head, _, _ := bytes.Cut(raw, []byte("\n"))
	best, most := ',', 0
	for _, sign := range []rune{',', ';', '\t'} {
		if n := bytes.Count(head, []byte(string(sign))); n > most {
			best, most = sign, n
		}
	}
	return best
}
