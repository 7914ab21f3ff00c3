package mapping

import "strings"

// A Column is a column of the link table, as the system describes it whose entities
// its links name.
type Column struct {
	Name string // such as connectwise_company
	// Noun is what the entity is called, with its article: a company. Such links are
	// numbers with names beside them, and the system looks both up. Without it any
	// text is a link.
	Noun string
	// Within is the column of the entity that this one belongs to: an agreement
	// belongs to a company.
	Within string
	// Exclusive says that two customers of one entity overwrite each other.
	Exclusive bool
	// OneTenant says that what is linked is kept in step for one tenant alone.
	OneTenant bool
	// Parts says that a part of a tenant can be kept in step there.
	Parts bool
}

// Numeric reports whether the links are numbers with names beside them.
func (c Column) Numeric() bool { return c.Noun != "" }

// thing is the noun alone.
func (c Column) thing() string { return strings.TrimPrefix(strings.TrimPrefix(c.Noun, "an "), "a ") }

// Names are the names of columns.
func Names(columns []Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}
