package connectwise

import (
	"slices"

	"syncd/internal/plan"
)

// Whose word a line's last day is. One that syncd set, since the licence was gone or a
// run was taken back, is taken back where the licence is wanted again; a person's stays.
//
//	the last day of the line        the licence is wanted    what becomes of it
//	none                            any                      nothing
//	syncd's own                     no                       it stays
//	syncd's own                     yes                      it is taken back, with the quantity
//	anybody else's, or another one  any                      it stays, with the note ending_line

// A memory is what the target remembers of a line, see plan.Object.Private.
type memory struct {
	Ended string `json:"ended,omitempty"` // the last day that syncd set; empty where it set none
}

// rememberEnd notes in an object that its last day is syncd's own.
func rememberEnd(o *plan.Object) {
	o.Private = plan.Remember(memory{Ended: o.Fields.Text(fieldCancelled)})
}

// recallEnds gives the lines that end on a day that syncd set, or sent and was not
// answered, what is remembered of them.
func recallEnds(lines []plan.Object, records []plan.Record) error {
	for i := range records {
		r := &records[i]
		j := slices.IndexFunc(lines, func(o plan.Object) bool { return r.Ref != "" && o.Ref == r.Ref })
		if j < 0 {
			continue
		}
		for _, o := range []*plan.Object{&r.Object, r.Pending} {
			var m memory
			if o == nil {
				continue
			}
			if err := o.Recall(&m); err != nil {
				return err
			}
			if m.Ended != "" && m.Ended == lines[j].Fields.Text(fieldCancelled) {
				rememberEnd(&lines[j])
			}
		}
	}
	return nil
}

// takeBackEnds wants no last day of lines that syncd ended and whose licence is wanted.
// What was said of their end says so no more.
func (v *view) takeBackEnds(wanted []plan.Object) {
	for i := range wanted {
		o := &wanted[i]
		ours := slices.ContainsFunc(v.observed.Objects, func(line plan.Object) bool { return line.Key == o.Key && len(line.Private) > 0 })
		if !ours {
			continue
		}
		o.Fields = o.Fields.With(fieldCancelled, plan.Value{""})
		v.observed.Notes = slices.DeleteFunc(v.observed.Notes, func(n plan.Violation) bool { return n.Code == codeEnding && n.Key == o.Key.ID })
	}
}
