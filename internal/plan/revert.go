package plan

import (
	"fmt"
	"slices"
)

// Reverted is the reason of a change on the way back from a run.
const Reverted Reason = "reverted"

// The codes of the way back: of a plan that is one, of a change that would write
// again what was reverted, and of what stays as it is.
const (
	heldWayBack  = "revert"
	heldReverted = "reverted"
	NotReverted  = "not_reverted"
)

// Undo says what of a run is taken back.
type Undo string

// What can be taken back.
const (
	UndoWrite  Undo = "write"  // fields: they get back what they held
	UndoCreate Undo = "create" // an object that was made: it is left as its target leaves what is gone
	UndoAdopt  Undo = "adopt"  // an object that was taken on as it was: it is let go
)

// A Reversal is a person's word that an object goes back to what it was before a run. It
// is there before anything is written, and stays until what is wanted of the object
// changes or a person lets it go: the record tells how far it came.
//
//	record                                       the reversal is
//	as the run left it, or sent on the way back  open: the way back is planned
//	as it was before (none, of an adoption)      written: what would write it again is held
//	anything else                                over: a person or a later run had their way
type Reversal struct {
	Key     Key    `json:"key"`
	Ref     string `json:"ref"`
	Run     string `json:"run"` // that is reverted
	Undo    Undo   `json:"undo"`
	Before  Fields `json:"before,omitempty"`  // what the written fields held
	Left    Fields `json:"left,omitempty"`    // what the run left in them
	Retired bool   `json:"retired,omitempty"` // what the object was before
	Record  string `json:"record"`            // the run that the record named when the way back was asked for
	// Wanted is what was wanted of the object when the way back was last planned; nil
	// before.
	Wanted *Wanted `json:"wanted,omitempty"`
}

// Wanted is what a target should hold of an object.
type Wanted struct {
	There  bool   `json:"there"`
	Fields Fields `json:"fields,omitempty"`
}

type reversalStage int

const (
	reversalOver reversalStage = iota
	reversalOpen
	reversalWritten
)

// stage is the table in the comment of Reversal.
func (r *Reversal) stage(record *Record) reversalStage {
	switch {
	case record == nil && r.Undo == UndoAdopt:
		return reversalWritten
	case record == nil || record.Origin == Announced || record.Ref != r.Ref:
		return reversalOver
	case record.Run == r.Record:
		return reversalOpen
	case record.Pending != nil && (r.Undo == UndoCreate && record.Pending.Retired || r.Undo == UndoWrite && agree(record.Pending.Fields, r.Before)):
		return reversalOpen
	case r.Undo == UndoCreate && record.Retired, r.Undo == UndoWrite && agree(record.Fields, r.Before):
		return reversalWritten
	}
	return reversalOver
}

// Open reports whether the way back of an object is still to be gone, by its record; nil
// is none.
func (r *Reversal) Open(record *Record) bool { return r.stage(record) == reversalOpen }

// wanted is what of a desired object decides whether the wanted value changed: the fields
// that the run wrote, or all of what it made or took on.
func (r *Reversal) wanted(kind *Kind, desired *Object) *Wanted {
	w := &Wanted{There: desired != nil}
	if desired == nil {
		return w
	}
	for _, f := range desired.Fields {
		_, wrote := r.Left.Get(f.Name)
		if !slices.Contains(kind.Stamps, f.Name) && (wrote || r.Undo != UndoWrite) {
			w.Fields = append(w.Fields, f)
		}
	}
	return w
}

// equal reports whether the same is wanted. To want a field blank and not to want it is the
// same.
func (w *Wanted) equal(o *Wanted) bool {
	filled := func(fields Fields) Fields {
		return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return f.Value.Blank() })
	}
	return w.There == o.There && slices.EqualFunc(filled(w.Fields), filled(o.Fields), func(a, b Field) bool { return a.Name == b.Name && a.Value.Equal(b.Value) })
}

// planReversals plans the way back, where one is open: that of the run that was asked
// about last. It reports whether there is anything of it to write or to record. What
// cannot go back is noted, and its reversal is over.
func (p *Plan) planReversals(kinds []Kind, s *Sides) (back bool, err error) {
	run := ""
	for i := range s.Reversals {
		r := &s.Reversals[i]
		if at := slices.IndexFunc(s.Conflicts, func(c Conflict) bool { return c.Key == r.Key }); at >= 0 {
			// It is on no side now. What was never planned is asked for again by who means it.
			if r.Wanted == nil {
				p.noteNotReverted(r, nil, "%s", s.Conflicts[at].Message)
			} else {
				p.Reversals = append(p.Reversals, *r)
			}
			continue
		}
		switch r.stage(s.record(r.Key)) {
		case reversalOpen:
			run = r.Run
			p.Reversals = append(p.Reversals, *r)
		case reversalWritten:
			p.Reversals = append(p.Reversals, *r)
		case reversalOver:
			if r.Wanted == nil { // it was over before it was planned
				p.noteNotReverted(r, nil, "another run changed or dropped it since")
			}
		}
	}
	if run == "" {
		return false, nil
	}
	var stay []Reversal
	for i := range p.Reversals {
		r := p.Reversals[i]
		if r.Run == run && s.record(r.Key) != nil && r.stage(s.record(r.Key)) == reversalOpen {
			kind := findKind(kinds, r.Key.Kind)
			if kind == nil {
				return false, fmt.Errorf("%s: %s: no such kind at this target", p.Scope, r.Key)
			}
			if !p.planReversal(kind, &r, s) {
				continue
			}
		}
		stay = append(stay, r)
	}
	p.Reversals = stay
	if back = len(p.Changes)+len(p.Learned) > 0; back {
		p.Reverting = run
	}
	return back, nil
}

// planReversal plans the way back of one object, and reports whether there is one.
func (p *Plan) planReversal(kind *Kind, r *Reversal, s *Sides) bool {
	record, observed := s.record(r.Key), s.holding(r)
	stays := func(format string, args ...any) bool {
		p.noteNotReverted(r, record, format, args...)
		return false
	}
	if why, off := s.HandsOff[r.Key]; off {
		return stays("it is left alone: %s", why)
	}
	if e, ended := s.Ended[r.Ref]; observed == nil && ended {
		return stays("it ended on %s at the target%s", e.Ended, e)
	}
	if observed == nil {
		return stays("it is not at the target any more, or is no longer told from others there")
	}
	undo := kind.Undo
	if undo == nil {
		undo = kind.Retire
	}
	to := r.Before
	if r.Undo == UndoCreate {
		if undo == nil || kind.Leavers != nil && kind.Leavers.Never {
			return stays("the run made it, and this target is not told to put aside what is gone; take it away there if nobody is to have it")
		}
		to = undo(observed).Fields
	}
	if since := r.changedSince(kind, observed, record, to); since != "" {
		return stays("it was changed since%s", since)
	}
	desired := s.desired(r.Key)
	r.Wanted = r.wanted(kind, desired) // while it waits what is wanted may change: what counts is what was wanted when it went back
	last := record.confirmed(observed)
	if r.Undo == UndoAdopt {
		if record.Origin != Adopted {
			return stays("it is not one that was only taken on")
		}
		p.addReversal(kind, Change{Action: Forget, Before: &record.Object}, merged{})
		return true
	}
	action, m := Update, merged{last: last}
	if r.Undo == UndoCreate {
		action, m = Delete, retireTo(kind, observed, last, undo(observed))
	} else {
		was := Object{Key: r.Key, Label: observed.Label, Ref: r.Ref, Retired: r.Retired}
		for _, f := range r.Before {
			if !slices.Contains(kind.Stamps, f.Name) {
				was.Fields = append(was.Fields, f)
			}
		}
		if was.Retired && !observed.Retired {
			action = Delete
		}
		m = merge(kind, &was, observed, last, record)
		for _, f := range m.kept {
			stays("its %s is a person's (%s)", f.Name, textOf(observed.Fields, f.Name))
		}
	}
	if len(m.fields) == 0 {
		p.InStep++
		if last != &record.Object || !agree(observed.Fields, record.Fields) {
			p.Learned = append(p.Learned, *observed) // an earlier attempt, or a person, brought it there
			return true
		}
		return stays("it is so already")
	}
	p.addReversal(kind, Change{Action: action, Before: observed}, m)
	return true
}

// noteNotReverted says of an object why it is not taken back.
func (p *Plan) noteNotReverted(r *Reversal, record *Record, format string, args ...any) {
	name := r.Ref
	if record != nil && record.Label != "" {
		name = record.Label + " (" + r.Ref + ")"
	}
	p.Violations = append(p.Violations, Violation{Code: NotReverted, Kind: r.Key.Kind, Key: r.Key.ID, Note: true, Message: fmt.Sprintf(
		"%s is not taken back to what it was before run %s: ", name, r.Run) + fmt.Sprintf(format, args...)})
}

func (p *Plan) addReversal(kind *Kind, c Change, m merged) {
	c.Reason = Reverted
	p.addChange(kind, c, m)
}

// changedSince says what of an object is no longer as the run left it, nor as it is to
// become, and who changed it; it is empty where nothing is.
func (r *Reversal) changedSince(kind *Kind, observed *Object, record *Record, to Fields) string {
	text := ""
	for _, f := range r.Left {
		now, _ := observed.Fields.Get(f.Name)
		sent := func(fields Fields) bool {
			v, there := fields.Get(f.Name)
			return there && now.Equal(v)
		}
		if slices.Contains(kind.Stamps, f.Name) || now.Equal(f.Value) || now.Blank() && f.Value.Blank() || sent(to) || record.Pending != nil && sent(record.Pending.Fields) {
			continue
		}
		text += fmt.Sprintf(", %s is %s (the run left %s)", f.Name, now.Or("nothing"), f.Value.Or("nothing"))
	}
	if text == "" {
		return ""
	}
	if record.Run != r.Run && agree(record.Fields, observed.Fields) {
		return fmt.Sprintf(", by run %s: %s", record.Run, text[2:])
	}
	return observed.Edited.String() + ": " + text[2:]
}

// holdReverted holds the change of an object that was taken back, while what is wanted
// of it is what was wanted then. Where that changed the reversal is over.
func (p *Plan) holdReverted(kind *Kind, desired *Object, key Key, changes bool) {
	i := slices.IndexFunc(p.Reversals, func(r Reversal) bool { return r.Key == key })
	if i < 0 {
		return
	}
	r := &p.Reversals[i]
	switch now := r.wanted(kind, desired); {
	case r.Wanted == nil:
		r.Wanted = now
	case !r.Wanted.equal(now):
		p.Reversals = slices.Delete(p.Reversals, i, i+1)
		return
	}
	if !changes {
		return
	}
	c := &p.Changes[len(p.Changes)-1]
	if c.Held != "" {
		return
	}
	c.Held = heldReverted
	text := ""
	for _, f := range c.Fields {
		text += fmt.Sprintf(" %s is %s, it would be %s;", f.Name, f.Before.Or("nothing"), f.After.Or("nothing"))
	}
	p.Violations = append(p.Violations, Violation{Code: heldReverted, Kind: key.Kind, Key: key.ID, Message: fmt.Sprintf(
		"%s was taken back to what it was before run %s, and what is wanted of it is still the same:%s it waits until that changes, somebody approves it, or syncd matches retry lets it go",
		c.Label, r.Run, text)})
}

// IsWayBack reports whether the plan that was held so is a way back from a run.
func IsWayBack(violations []Violation) bool {
	return slices.ContainsFunc(violations, func(v Violation) bool { return v.Code == heldWayBack })
}

// Returns reports whether approving the object would write again what a person
// reverted.
func (v *Violation) Returns() bool { return !v.Note && v.Code == heldReverted }

func textOf(f Fields, name string) string {
	v, _ := f.Get(name)
	return v.Or("nothing")
}

// record is that of a key, once the sides are sorted; nil where there is none.
func (s *Sides) record(k Key) *Record {
	i, there := slices.BinarySearchFunc(s.Records, k, func(r Record, k Key) int { return r.Key.Compare(k) })
	if !there {
		return nil
	}
	return &s.Records[i]
}

func (s *Sides) desired(k Key) *Object {
	i, there := slices.BinarySearchFunc(s.Desired, k, func(o Object, k Key) int { return o.Key.Compare(k) })
	if !there {
		return nil
	}
	return &s.Desired[i]
}

// holding is the object that the run wrote to, as it now is: one that is kept in step, or
// one that a mended rule leaves behind. It is nil where there is none.
func (s *Sides) holding(r *Reversal) *Object {
	if i := slices.IndexFunc(s.Observed, func(o Object) bool { return o.Key == r.Key && o.Ref == r.Ref }); i >= 0 {
		return &s.Observed[i]
	}
	if i := slices.IndexFunc(s.Unmanaged, func(o Object) bool { return o.Ref == r.Ref }); i >= 0 {
		o := s.Unmanaged[i]
		o.Key = r.Key
		return &o
	}
	return nil
}
