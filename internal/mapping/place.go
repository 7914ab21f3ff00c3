package mapping

import (
	"fmt"
	"strconv"
	"strings"
)

// A Place is what a link leads to, as its system tells it.
type Place struct {
	ID    string
	Name  string
	Alias string // a second name that people know it by; may be empty
	In    string // the company of an agreement; empty for the others
}

// Called reports whether a person who writes name means the place.
func (p *Place) Called(name string) bool {
	return folded(name) == folded(p.Name) || p.Alias != "" && folded(name) == folded(p.Alias)
}

// Found is what came of looking one cell up: one place, or why none is meant.
type Found struct {
	Place
	Err error
}

// A LookUp finds, for one column, the places that people mean by ids and names,
// all of them at once. What is not in its answer does not exist. Its error says
// that the system could not be asked.
type LookUp func(column string, texts []string) (map[string]Found, error)

// NameColumn is the column beside a link that says what it leads to. It is for
// people, and for safety: an id that was damaged on its way through a
// spreadsheet leads to somebody else, and the name beside it tells.
func NameColumn(column string) string { return column + "_name" }

// Named reports whether the links of a column are ids that tell nobody anything.
func Named(column string) bool { return numbered[column] != "" }

// rounded reports whether is may be what a spreadsheet, which keeps fifteen
// digits, made of was.
func rounded(was, is string) bool {
	const kept = 15
	if len(was) <= kept || len(was) != len(is) || was == is || strings.Trim(is[kept:], "0") != "" {
		return false
	}
	a, err1 := strconv.ParseUint(was[:kept], 10, 64)
	b, err2 := strconv.ParseUint(is[:kept], 10, 64)
	return err1 == nil && err2 == nil && (b == a || b == a+1)
}

// judge says why a link may not lead where it leads, or is nil. name is the cell
// beside it.
func judge(column string, found Found, exists bool, text, name string) error {
	noun := strings.TrimPrefix(strings.TrimPrefix(numbered[column], "an "), "a ")
	noun = strings.TrimSuffix(noun, " id")
	switch {
	case found.Err != nil:
		return found.Err
	case !exists:
		return fmt.Errorf("there is no %s %s: correct the id, or clear the cell", noun, text)
	case name != "" && !found.Called(name):
		return fmt.Errorf("%s %s is %q, and %s says %q: correct the id (a spreadsheet may have changed it), or clear the name", noun, found.ID, found.Name, NameColumn(column), name)
	}
	return nil
}
