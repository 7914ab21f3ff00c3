package mapping

import (
	"fmt"
	"strconv"
	"strings"
)

// An Entity is a company, an agreement or an organization, as its system shows it.
type Entity struct {
	ID      string
	Name    string
	Alias   string // a second name that people know it by; may be empty
	Company string // the company of an agreement; empty for the others
}

// Matches reports whether name is the entity's name or alias.
func (p *Entity) Matches(name string) bool {
	return foldName(name) == foldName(p.Name) || p.Alias != "" && foldName(name) == foldName(p.Alias)
}

// Found is the result of looking one cell up: one entity, or why there is not one.
type Found struct {
	Entity
	Err error
}

// A LookUp finds the entities of one column by ids or names, all at once. What is not in
// the result does not exist. Its error says that the system could not be read.
type LookUp func(column string, texts []string) (map[string]Found, error)

// NameColumn is the column with the name of a link's entity. It is for people, and for
// safety: an id that a spreadsheet damaged may be another entity's, and its name differs.
func NameColumn(column string) string { return column + "_name" }

// roundedBySpreadsheet reports whether a spreadsheet, which keeps fifteen digits, may have
// rounded was to is.
func roundedBySpreadsheet(was, is string) bool {
	const kept = 15
	if len(was) <= kept || len(was) != len(is) || was == is || strings.Trim(is[kept:], "0") != "" {
		return false
	}
	a, err1 := strconv.ParseUint(was[:kept], 10, 64)
	b, err2 := strconv.ParseUint(is[:kept], 10, 64)
	return err1 == nil && err2 == nil && (b == a || b == a+1)
}

// checkEntity returns why the entity that was found is not the one meant, or nil. name is
// the cell beside the id.
func checkEntity(column Column, found Found, exists bool, text, name string) error {
	noun := column.thing()
	switch {
	case found.Err != nil:
		return found.Err
	case !exists:
		return fmt.Errorf("there is no %s %s: correct the id, or clear the cell", noun, text)
	case name != "" && !found.Matches(name):
		return fmt.Errorf("%s %s is %q, and %s says %q: correct the id (a spreadsheet may have changed it), or clear the name", noun, found.ID, found.Name, NameColumn(column.Name), name)
	}
	return nil
}
