package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/cipp"
	"syncd/internal/report"
)

// selectColumns returns a sheet of these columns alone.
func selectColumns(s *report.Sheet, columns []string) (*report.Sheet, error) {
	if len(s.Rows) == 0 {
		return s, nil
	}
	var at []int
	for _, name := range columns {
		i := slices.IndexFunc(s.Columns, func(c report.Column) bool { return strings.EqualFold(c.Name, strings.TrimSpace(name)) })
		if i < 0 {
			var names []string
			for _, c := range s.Columns {
				names = append(names, c.Name)
			}
			return nil, usage("no row has a column %q; there are %s", name, clean(strings.Join(names, ", ")))
		}
		at = append(at, i)
	}
	return columnsOf(s, at), nil
}

// forScreen leaves out the columns that are empty in every row: Microsoft's rows have
// dozens of them. A single row becomes a table of properties and values.
func forScreen(s *report.Sheet) *report.Sheet {
	var filled []int
	for i := range s.Columns {
		if slices.ContainsFunc(s.Rows, func(row []string) bool { return row[i] != "" && row[i] != "[]" }) {
			filled = append(filled, i)
		}
	}
	if len(filled) == 0 {
		return s
	}
	if len(s.Rows) > 1 {
		return columnsOf(s, filled)
	}
	properties := &report.Sheet{Columns: []report.Column{{Name: "Property"}, {Name: "Value"}}}
	for _, i := range filled {
		properties.Rows = append(properties.Rows, []string{s.Columns[i].Name, s.Rows[0][i]})
	}
	return properties
}

func columnsOf(s *report.Sheet, at []int) *report.Sheet {
	out := &report.Sheet{}
	for _, i := range at {
		out.Columns = append(out.Columns, s.Columns[i])
	}
	for _, row := range s.Rows {
		cells := make([]string, len(at))
		for k, i := range at {
			cells[k] = row[i]
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// sheetOf makes a sheet of rows: a column for each property that any row has, in
// order of appearance.
func sheetOf(r *cipp.Reply) *report.Sheet {
	var names []string
	known := map[string]int{}
	var rows []map[string]string
	for _, raw := range r.Rows {
		row := map[string]string{}
		in := json.NewDecoder(bytes.NewReader(raw))
		in.UseNumber()
		if first, err := in.Token(); err != nil || first != json.Delim('{') {
			row["value"] = cellOf(json.RawMessage(raw))
			if _, ok := known["value"]; !ok {
				known["value"], names = len(names), append(names, "value")
			}
			rows = append(rows, row)
			continue
		}
		for in.More() {
			name, err := in.Token()
			var value json.RawMessage
			if err != nil || in.Decode(&value) != nil {
				break
			}
			key := fmt.Sprint(name)
			if _, ok := known[key]; !ok {
				known[key], names = len(names), append(names, key)
			}
			row[key] = cellOf(value)
		}
		rows = append(rows, row)
	}
	s := &report.Sheet{}
	for _, n := range names {
		s.Columns = append(s.Columns, report.Column{Name: n})
	}
	for _, row := range rows {
		cells := make([]string, len(names))
		for name, value := range row {
			cells[known[name]] = value
		}
		s.Rows = append(s.Rows, cells)
	}
	return s
}

func cellOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}
