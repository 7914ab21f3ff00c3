package admin

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A Column of a Table. Key is for JSON and CSV and does not change; Title is
// for people.
type Column struct {
	Key, Title string
	Number     bool // shown flush right
}

// A Table is the answer to a read. Rows has a text for each column; Raw has CIPP's JSON
// of each row.
type Table struct {
	Columns []Column
	Rows    [][]string
	Raw     []jsontext.Value
	// Note is what a reader must know about the rows, such as how old they are.
	Note string
}

// A cell is a column with its text of a row.
type cell struct {
	Column
	text func(row) string
}

// col shows the first of the members that is not empty.
func col(key, title string, names ...string) cell {
	return cell{Column{Key: key, Title: title}, func(r row) string { return r.text(names...) }}
}

func numberCol(key, title, name string) cell {
	return cell{Column{Key: key, Title: title, Number: true}, func(r row) string { return r.text(name) }}
}

func yesNoCol(key, title, name string) cell {
	return cell{Column{Key: key, Title: title}, func(r row) string { return r.yesNo(name) }}
}

func timeCol(key, title, name string) cell {
	return cell{Column{Key: key, Title: title}, func(r row) string { return r.minute(name) }}
}

func computed(key, title string, of func(row) string) cell {
	return cell{Column{Key: key, Title: title}, of}
}

// tabulate makes a table of rows, in the order of the first column unless the
// order of the answer means something.
func tabulate(rows []row, ordered bool, cells ...cell) Table {
	t := Table{Raw: rawRows(rows)}
	for _, c := range cells {
		t.Columns = append(t.Columns, c.Column)
	}
	for _, r := range rows {
		line := make([]string, len(cells))
		for i, c := range cells {
			line[i] = c.text(r)
		}
		t.Rows = append(t.Rows, line)
	}
	if !ordered {
		t.sort()
	}
	return t
}

// withNote returns the table with a further note.
func (t Table) withNote(note string) Table {
	if t.Note != "" && note != "" {
		t.Note += "; "
	}
	t.Note += note
	return t
}

func (t *Table) sort() {
	order := make([]int, len(t.Rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return strings.Compare(strings.ToLower(t.Rows[a][0]), strings.ToLower(t.Rows[b][0]))
	})
	rows, raw := make([][]string, len(order)), make([]jsontext.Value, len(order))
	for i, from := range order {
		rows[i], raw[i] = t.Rows[from], t.Raw[from]
	}
	t.Rows, t.Raw = rows, raw
}

// propertyTable shows one object: a line for each property that is not empty.
func propertyTable(r row, cells ...cell) Table {
	t := Table{Columns: []Column{{Key: "property", Title: "Property"}, {Key: "value", Title: "Value"}}}
	for _, c := range cells {
		if v := c.text(r); v != "" {
			t.Rows = append(t.Rows, []string{c.Title, v})
			t.Raw = append(t.Raw, r.raw)
		}
	}
	return t
}
