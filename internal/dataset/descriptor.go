package dataset

import (
	"encoding/json"
	"io"
	"time"
)

// The descriptor's parts, in the words of the specifications of Data Package, Tabular Data
// Resource and Table Schema, version 1.
type (
	descriptor struct {
		Profile   string     `json:"profile"`
		Name      string     `json:"name"`
		Title     string     `json:"title"`
		Version   string     `json:"version"`
		Created   string     `json:"created"`
		Resources []resource `json:"resources"`
	}
	resource struct {
		Profile     string  `json:"profile"`
		Name        string  `json:"name"`
		Path        string  `json:"path"`
		Description string  `json:"description"`
		Format      string  `json:"format"`
		Mediatype   string  `json:"mediatype"`
		Encoding    string  `json:"encoding"`
		Dialect     dialect `json:"dialect"`
		Schema      schema  `json:"schema"`
	}
	dialect struct {
		LineTerminator string `json:"lineTerminator"`
	}
	schema struct {
		Fields        []field      `json:"fields"`
		MissingValues []string     `json:"missingValues"`
		PrimaryKey    []string     `json:"primaryKey"`
		ForeignKeys   []foreignKey `json:"foreignKeys,omitempty"`
	}
	field struct {
		Name        string       `json:"name"`
		Type        string       `json:"type"`
		Format      string       `json:"format,omitempty"`
		Description string       `json:"description"`
		Constraints *constraints `json:"constraints,omitempty"`
	}
	constraints struct {
		Required bool `json:"required"`
	}
	foreignKey struct {
		Fields    []string  `json:"fields"`
		Reference reference `json:"reference"`
	}
	reference struct {
		Resource string   `json:"resource"`
		Fields   []string `json:"fields"`
	}
)

// table is the one with a name.
func (s *Set) table(name string) *Table {
	for _, t := range s.Tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

func (s *Set) describe(out io.Writer, at time.Time) error {
	d := descriptor{Profile: "tabular-data-package", Name: s.Name, Title: s.Title, Version: s.Version, Created: at.UTC().Format(time.RFC3339)}
	for _, t := range s.Tables {
		r := resource{Profile: "tabular-data-resource", Name: t.Name, Path: t.file(), Description: t.What, Format: "csv", Mediatype: "text/csv", Encoding: "utf-8",
			Dialect: dialect{"\n"}, Schema: schema{MissingValues: []string{""}, PrimaryKey: t.Key()}}
		for _, c := range t.Columns {
			f := field{Name: c.Name, Type: types[c.Type].schema, Format: types[c.Type].format, Description: c.What}
			if c.Key {
				f.Constraints = &constraints{Required: true}
			}
			r.Schema.Fields = append(r.Schema.Fields, f)
		}
		for _, x := range t.References {
			r.Schema.ForeignKeys = append(r.Schema.ForeignKeys, foreignKey{x.Columns, reference{x.Table, s.table(x.Table).Key()}})
		}
		d.Resources = append(d.Resources, r)
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(d)
}
