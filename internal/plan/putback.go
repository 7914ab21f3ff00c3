package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Where somebody changes a field that syncd restores again and again, another tool writes
// it too, or a person means it. syncd goes on restoring it, and from the third time in a
// row on the plan has a note about it.

// putBackNoteFrom is from which time in a row on a restored field gets a note.
const putBackNoteFrom = 3

// PutBackAfter returns how often in a row each field was put back, the change
// included; before is what was counted until now. A change at the source ends
// the row.
func (c *Change) PutBackAfter(before map[string]int) map[string]int {
	if c.Action != Update {
		return nil
	}
	after := maps.Clone(before)
	for _, f := range c.Fields {
		if f.reason != ChangedAtTarget || f.owner != Restore {
			delete(after, f.Name)
			continue
		}
		if after == nil {
			after = map[string]int{}
		}
		after[f.Name]++
	}
	if len(after) == 0 {
		return nil
	}
	return after
}

// notePutBack adds a note on the fields that the change restores once more.
func (p *Plan) notePutBack(c *Change, record *Record) {
	if record == nil {
		return
	}
	counted := c.PutBackAfter(record.PutBack)
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(counted)) {
		i := slices.IndexFunc(c.Fields, func(f FieldChange) bool { return f.Name == name })
		if i < 0 || counted[name] < putBackNoteFrom {
			continue
		}
		values := ""
		if f := &c.Fields[i]; !f.Set {
			values = fmt.Sprintf("%s, put back to %s, ", f.Before.Or("nothing"), f.After.Or("nothing"))
		}
		fields = append(fields, fmt.Sprintf("%s (%s%d times in a row)", name, values, counted[name]))
	}
	if len(fields) > 0 {
		p.Violations = append(p.Violations, Violation{Code: "put_back", Kind: c.Key.Kind, Key: c.Key.ID, Note: true, Message: fmt.Sprintf(
			"%s: somebody changes it every time, and syncd puts it back: %s; find out who writes it, or let it be theirs (who owns a field is configured)",
			c.Label, strings.Join(fields, ", "))})
	}
}
