// Package dataset writes tables for other people's tools: as CSV files with a Data Package
// descriptor, or into a schema of a PostgreSQL database. It knows no table by name.
package dataset

import (
	"context"
	"strings"
	"time"
)

// A Type is the type of a column, and the form in which its text stands.
type Type int

// The types.
const (
	Text    Type = iota // one line
	Number              // a decimal number
	Integer             // a whole number
	Boolean             // true or false
	Month               // YYYY-MM
	Day                 // YYYY-MM-DD
	Time                // YYYY-MM-DDThh:mm:ssZ
)

// types are the types in Table Schema's words and in PostgreSQL's.
var types = map[Type]struct{ schema, format, sql string }{
	Text: {"string", "", "text"}, Number: {"number", "", "numeric"}, Integer: {"integer", "", "bigint"}, Boolean: {"boolean", "", "boolean"},
	Month: {"yearmonth", "", "text"}, Day: {"date", "", "date"}, Time: {"datetime", "%Y-%m-%dT%H:%M:%SZ", "timestamptz"},
}

func (t Type) String() string { return types[t].schema }

var layouts = [...]string{Month: "2006-01", Day: time.DateOnly, Time: "2006-01-02T15:04:05Z"}

// is reports whether a text is of the type, or empty.
func (t Type) is(text string) bool {
	if text == "" {
		return true
	}
	switch t {
	case Month, Day, Time:
		_, err := time.Parse(layouts[t], text)
		return err == nil
	case Number, Integer:
		digits := strings.TrimPrefix(text, "-")
		if t == Number {
			whole, fraction, _ := strings.Cut(digits, ".")
			digits = whole + fraction
		}
		return digits != "" && strings.Trim(digits, "0123456789") == ""
	case Boolean:
		return text == "true" || text == "false"
	}
	return true
}

// A Column is one of a table. An empty cell is one that nobody knows or that there is not;
// those of the key are never empty.
type Column struct {
	Name string
	Type Type
	Key  bool // of the table's primary key
	What string
}

// A Reference says that columns of a table are the key of another one, or empty.
type Reference struct {
	Columns []string
	Table   string
}

// A Table is what is said of one.
type Table struct {
	Name       string
	What       string
	Columns    []Column
	References []Reference
}

// Key are the names of the columns that make up the primary key.
func (t *Table) Key() []string {
	var names []string
	for _, c := range t.Columns {
		if c.Key {
			names = append(names, c.Name)
		}
	}
	return names
}

// A Set is the tables of one version, in the order in which they are to be replaced: each after
// those that it refers to.
type Set struct {
	Name    string
	Title   string
	Version string // major.minor; another major one is another meaning of what is there
	Tables  []*Table
}

// A Put takes one row, a cell a column.
type Put func(cells []string) error

// A Sink takes tables, each whole, one after the other and in any order.
type Sink interface {
	Write(ctx context.Context, t *Table, rows func(Put) error) error
}

// clean is a text as every tool takes it: valid UTF-8 on one line. PostgreSQL takes no
// character 0 and many tools no line break within a cell.
func clean(s string) string {
	plain := func(s string) bool {
		for i := range len(s) {
			if s[i] < ' ' || s[i] >= 0x7f {
				return false
			}
		}
		return true
	}
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r == 0x85 || r == '\u2028' || r == '\u2029':
			return ' '
		case r == 0xfeff: // a byte order mark
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}
