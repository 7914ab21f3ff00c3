package plan

import (
	"fmt"
	"slices"
)

// A record must hold only values that syncd wrote or that both sides agreed on. A person's
// value in it would pass for ours, and be overwritten as soon as the source changes. So a
// field that syncd owns only while it is blank or unedited (fill, keep) and did not send
// stays out of the record, and out of an announcement. A field with ownership hold is
// recorded as it was observed: that is what the next edit is compared with.

// Remembered returns the object to record after the change, given the target's answer. Of
// an object that was there before only the fields that were sent are taken from the
// answer: whatever else differs from the plan is a person's edit since.
func (c *Change) Remembered(answer Object) Object {
	if c.Action == Create || c.After == nil {
		return answer
	}
	fields := c.After.Fields
	for _, f := range c.Fields {
		if v, ok := answer.Fields.Get(f.Name); ok {
			fields = fields.With(f.Name, v)
		}
	}
	answer.Fields = fields.over(c.Kept)
	return keepRemembered(answer, c.remembered, c.notOurs)
}

// Announced returns the record to store before the change's request is sent. before is
// the record until then, or nil.
func (c *Change) Announced(before *Record) Record {
	var r Record
	switch {
	case before != nil:
		r = *before
	case c.Before != nil: // an adoption that writes: adopted first, then changed
		r = Record{Object: keepRemembered(*c.Before, nil, c.notOurs), Origin: Adopted}
		r.Fields = r.Fields.over(c.Kept)
	default:
		r = Record{Object: *c.After}
	}
	r.Pending = c.pendingObject()
	if c.Before != nil {
		for _, f := range c.Fields { // as observed: an edit before the request arrives shows, too
			if _, known := r.Fields.Get(f.Name); !known {
				r.Fields = r.Fields.With(f.Name, f.Before)
			}
		}
	}
	if c.Action == Create {
		r.Attempts++
	}
	return r
}

// pendingObject is what the target should show once the change succeeded: the fields that
// it sends and no others. Where the target deletes the object, it is marked as retired.
func (c *Change) pendingObject() *Object {
	if c.After == nil {
		gone := *c.Before
		gone.Retired, gone.Fields = true, nil
		return &gone
	}
	o := *c.After
	o.Fields = make(Fields, 0, len(c.Fields))
	for _, f := range c.Fields {
		o.Fields = append(o.Fields, Field{f.Name, f.After})
	}
	o.Fields = o.Fields.sorted()
	return &o
}

// confirmed returns the recorded object, with the pending value of each field that the
// target shows so: the request succeeded, in whole or in part. It is the record's own
// object where none shows.
func (r *Record) confirmed(observed *Object) *Object {
	if r.Pending == nil || observed == nil {
		return &r.Object
	}
	last, all, some := r.Object, true, false
	for _, f := range r.Pending.Fields {
		switch now, there := observed.Fields.Get(f.Name); {
		case now.Equal(f.Value), !there && f.Value.Blank():
			last.Fields, some = last.Fields.With(f.Name, f.Value), true
		case there:
			all = false
		}
	}
	if !all && !some {
		return &r.Object
	}
	if all {
		last.Label, last.Ref, last.Retired = r.Pending.Label, r.Pending.Ref, r.Pending.Retired
	}
	return &last
}

// Arrived returns the recorded object with those values that were sent, are not recorded
// yet, and show at the target: the request succeeded, in whole or in part. It is nil where
// none does, and of what was only announced.
func (r *Record) Arrived(observed *Object) *Object {
	if r.Origin == Announced || observed == nil || observed.Ref != r.Ref {
		return nil
	}
	last := r.confirmed(observed)
	if last == &r.Object || agree(last.Fields, r.Fields) {
		return nil
	}
	return last
}

// Made returns the object that an announced create made, as it was sent, where the change
// takes that object on and the journal does not have it yet; otherwise nil.
func (r *Record) Made(c *Change) *Object {
	if r.Origin != Announced || r.Pending == nil || r.Told() || c.Before == nil || c.Reason.Row() != AttemptSucceeded {
		return nil
	}
	o := *c.Before
	o.Fields = o.Fields.over(r.Pending.Fields)
	return &o
}

// Told reports whether the journal has what was sent, though the record has it still.
func (r *Record) Told() bool { return r.Sent != nil && r.Sent.Told }

// Tell notes that the journal has what was sent.
func (r *Record) Tell() {
	sent := Sent{}
	if r.Sent != nil {
		sent = *r.Sent
	}
	sent.Told = true
	r.Sent = &sent
}

// CodeRecovered is the code of the note on a write that is found out after its answer was lost.
const CodeRecovered = "recovered"

// Recovered says of a change of an earlier run that it got through, and who approved it.
func Recovered(c *Change, by string) Violation {
	text := fmt.Sprintf("an earlier %s of %s got through, though its answer was lost", c.Action, c.Label)
	for _, f := range c.After.Fields {
		was := Value{}
		if c.Before != nil {
			was, _ = c.Before.Fields.Get(f.Name)
		}
		if !was.Equal(f.Value) && !(was.Blank() && f.Value.Blank()) {
			text += fmt.Sprintf(", %s %s -> %s", f.Name, was.Or("-"), f.Value.Or("-"))
		}
	}
	if !c.MonthlyDelta.IsZero() {
		text += fmt.Sprintf(" (%s %s a month)", c.MonthlyDelta.StringFixed(2), c.Currency)
	}
	if by != "" {
		text += "; approved by " + by
	}
	return Violation{Code: CodeRecovered, Kind: c.Key.Kind, Key: c.Key.ID, Note: true, Message: text + ": it is in the journal now"}
}

// notOurs lists the observed fields with ownership fill or keep that were neither sent
// nor agree with the source.
func (k *Kind) notOurs(observed *Object, m *merged) []string {
	if observed == nil || k.Owner != Fill && k.Owner != Keep && len(k.Fields) == 0 {
		return nil
	}
	var names []string
	for _, f := range observed.Fields {
		if owner := k.owner(f.Name); owner != Fill && owner != Keep {
			continue
		}
		if m.desired != nil {
			if _, asked := m.desired.Fields.Get(f.Name); asked {
				continue // sent, kept or agreed
			}
		}
		if !slices.ContainsFunc(m.fields, func(c FieldChange) bool { return c.Name == f.Name }) {
			names = append(names, f.Name)
		}
	}
	return names
}

// keepRemembered returns o with the named fields as before has them, or without them.
func keepRemembered(o Object, before *Object, names []string) Object {
	if len(names) == 0 {
		return o
	}
	o.Fields = slices.DeleteFunc(slices.Clone(o.Fields), func(f Field) bool { return slices.Contains(names, f.Name) })
	if before != nil {
		for _, name := range names {
			if v, known := before.Fields.Get(name); known {
				o.Fields = o.Fields.With(name, v)
			}
		}
	}
	return o
}
