package plan

import (
	"slices"
)

// A merged is the outcome of merging one object field by field, by ownership.
type merged struct {
	desired   *Object // nil where the object is gone from the source
	last      *Object // see lastKnown; nil without a record
	after     *Object
	fields    []FieldChange
	kept      Fields // fields that keep a person's value, with ours
	rewritten Fields // fields that the target is known to rewrite, with what it shows
	held      bool
	reason    Reason
	stale     bool // the record differs from what both sides agree on
}

// merge decides field by field, by ownership, which side wins. It allocates only where
// something differs.
func merge(kind *Kind, desired, observed, last *Object, record *Record) merged {
	m := merged{desired: desired, last: last}
	for i := range desired.Fields {
		f := &desired.Fields[i]
		now, there := observed.Fields.Get(f.Name)
		var was Value
		known := false
		if last != nil {
			was, known = last.Fields.Get(f.Name)
		}
		if now.Equal(f.Value) || !there && f.Value.Blank() {
			if last != nil && !was.Equal(f.Value) {
				m.stale = true
			}
			continue
		}
		owner := kind.owner(f.Name)
		if owner != Hold && record.Rewrites(f.Name, f.Value, now) {
			m.rewritten = append(m.rewritten, Field{f.Name, now})
			m.stale = m.stale || !was.Equal(now)
			continue
		}
		edited := known && !now.Equal(was) && !(now.Blank() && was.Blank())
		reason := ChangedAtSource
		switch {
		case edited && was.Equal(f.Value):
			reason = ChangedAtTarget
		case edited:
			reason = ChangedAtBoth
		}
		switch {
		case (owner == Fill || owner == Keep) && (edited || !known && !now.Blank()):
			m.kept = append(m.kept, *f)
			if known && !was.Equal(f.Value) {
				m.stale = true
			}
			continue
		case owner == Hold && (edited || last != nil && !known && !now.Blank()):
			m.held = true
		}
		if m.reason == "" || reason != ChangedAtSource {
			m.reason = reason
		}
		m.fields = append(m.fields, FieldChange{Name: f.Name, Before: now, After: f.Value, Set: slices.Contains(kind.Sets, f.Name), reason: reason, owner: owner})
	}
	if len(m.fields) == 0 {
		m.after = desired
		if len(m.rewritten) > 0 {
			after := *desired
			for _, f := range m.rewritten {
				after.Fields = after.Fields.With(f.Name, f.Value)
			}
			m.after = &after
		}
		return m
	}
	after := *observed
	after.Retired = desired.Retired
	after.Fields = slices.Clone(observed.Fields)
	for _, f := range m.fields {
		after.Fields = after.Fields.With(f.Name, f.After)
	}
	if desired.Label != "" {
		after.Label = desired.Label
	}
	m.after = &after
	return m
}

// agreed is the object to record where both sides agree. Of a field that keeps a person's
// value our own is recorded, so that the next run sees the person's value as an edit.
func (m *merged) agreed(observed *Object) Object {
	o := *observed
	if m.after != nil {
		o.Label, o.Fields = m.after.Label, m.after.Fields
	}
	return o
}

// agree reports whether the fields that are in both are equal.
func agree(a, b Fields) bool {
	for i := range b {
		if v, ok := a.Get(b[i].Name); ok && !v.Equal(b[i].Value) {
			return false
		}
	}
	return true
}

func editsHeldField(kind *Kind, now, was Fields) bool {
	for _, f := range now {
		if v, ok := was.Get(f.Name); ok && !v.Equal(f.Value) && kind.owner(f.Name) == Hold {
			return true
		}
	}
	return false
}

// retire returns the change that takes an object to its kind's retired state.
func retire(kind *Kind, observed, last *Object) merged {
	if kind.Retire == nil {
		return merged{}
	}
	return retireTo(kind, observed, last, kind.Retire(observed))
}

// retireTo returns the change that takes an object to a retired state.
func retireTo(kind *Kind, observed, last, retired *Object) merged {
	m := merged{last: last, after: retired}
	for _, f := range m.after.Fields {
		if now, _ := observed.Fields.Get(f.Name); !now.Equal(f.Value) {
			m.fields = append(m.fields, FieldChange{Name: f.Name, Before: now, After: f.Value, Set: slices.Contains(kind.Sets, f.Name)})
		}
	}
	return m
}
