package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Entity is a company, an agreement or an organization, as its system shows it.
type Entity struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Alias   string `json:"alias,omitempty"`   // a second name that people know it by; may be empty
	Company string `json:"company,omitempty"` // the company of an agreement; empty for the others
	Note    string `json:"note,omitempty"`    // what else tells it from others; may be empty
}

// SearchMost is how many entities a search shows at most.
const SearchMost = 25

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

// Search picks the entities whose id is text, or whose name or alias has it in it, at most
// SearchMost: exact ones first, then those that begin with it, then by name.
func Search(all []Entity, text string) []Entity {
	text = foldName(text)
	rank := func(e *Entity) int {
		name, alias := foldName(e.Name), foldName(e.Alias)
		switch {
		case e.ID == text, name == text, alias == text:
			return 0
		case strings.HasPrefix(name, text), strings.HasPrefix(alias, text):
			return 1
		case strings.Contains(name, text), strings.Contains(alias, text):
			return 2
		}
		return 3
	}
	var found []Entity
	for i := range all {
		if rank(&all[i]) < 3 {
			found = append(found, all[i])
		}
	}
	slices.SortStableFunc(found, func(a, b Entity) int {
		return cmp.Or(rank(&a)-rank(&b), cmp.Compare(foldName(a.Name), foldName(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), SearchMost)]
}
