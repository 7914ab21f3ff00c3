// Package plan compares what a target should hold with what it holds and with
// what we last left there, and says what to change, why, and whether a person
// must look first. It is pure: no I/O, no clock, no log.
package plan

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// A Scope is one customer at one target: planned, limited, held, approved,
// applied and reported by itself.
type Scope struct {
	Customer string `json:"customer"` // the customer's key
	Target   string `json:"target"`   // such as connectwise or scim/cinode
}

func (s Scope) String() string { return s.Customer + " at " + s.Target }

// A Key identifies an object: its kind, and its stable id at the source.
type Key struct {
	Kind string `json:"kind"`
	ID   string `json:"key"`
}

func (k Key) String() string { return k.Kind + " " + k.ID }

// Compare orders keys by kind, then id.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Kind, o.Kind); c != 0 {
		return c
	}
	return strings.Compare(k.ID, o.ID)
}

// A Value is a sorted set of texts; a scalar is a set of one, nothing is the
// empty set. Numbers are written in one canonical spelling, chosen by the
// target that reads them back.
type Value []string

// Equal reports whether both hold the same texts.
func (v Value) Equal(o Value) bool { return slices.Equal(v, o) }

// Blank reports whether v holds no text but the empty one.
func (v Value) Blank() bool { return len(v) == 0 || len(v) == 1 && v[0] == "" }

// Or is the value as text, or the word that stands for none.
func (v Value) Or(none string) string {
	if v.Blank() {
		return none
	}
	return v.String()
}

func (v Value) String() string { return strings.Join(v, ", ") }

// A Field is one managed property of an object.
type Field struct {
	Name  string `json:"name"`
	Value Value  `json:"value"`
}

// Fields are managed properties, sorted by name. A field that is absent is not
// ours; a field that is empty is ours and empty.
type Fields []Field

// Set builds Fields from name, value pairs of scalars.
func Set(pairs ...string) Fields {
	f := make(Fields, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		f = append(f, Field{pairs[i], Value{pairs[i+1]}})
	}
	return f.sorted()
}

func (f Fields) sorted() Fields {
	slices.SortFunc(f, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return f
}

// Get returns the value of a field and whether it is there.
func (f Fields) Get(name string) (Value, bool) {
	for i := range f {
		if f[i].Name == name {
			return f[i].Value, true
		}
	}
	return nil, false
}

// Text returns a scalar field, or the empty text.
func (f Fields) Text(name string) string {
	v, _ := f.Get(name)
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// With returns a copy of f in which name has the value v.
func (f Fields) With(name string, v Value) Fields {
	out := slices.Clone(f)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = v
			return out
		}
	}
	return append(out, Field{name, v}).sorted()
}

// over returns f with the values of sent.
func (f Fields) over(sent Fields) Fields {
	for _, x := range sent {
		f = f.With(x.Name, x.Value)
	}
	return f
}

// An Object is one thing at a target, as it should be or as it is.
type Object struct {
	Key
	Label string `json:"label,omitempty"` // what a person calls it
	Ref   string `json:"ref,omitempty"`   // the target's own id; empty before it exists
	// Retired marks an object in the state that its kind's Retire gives it: quantity 0,
	// archived, disabled.
	Retired bool   `json:"retired,omitempty"`
	Fields  Fields `json:"fields,omitempty"`
	// Billing is there where the object is an invoice line.
	Billing *Billing `json:"billing,omitempty"`
	// UPN is that of the person it stands for, by whom people may call it.
	UPN string `json:"upn,omitempty"`
	// Facts are shown, and nothing is decided by them.
	Facts []Fact `json:"facts,omitempty"`
	// Private is what the target remembers of it for itself, see Remember. Only the
	// target that wrote it reads it.
	Private json.RawMessage `json:"private,omitempty"`
	// Edited is the last edit of an observed object, whoever's; no record keeps it.
	Edited Edit `json:"-"`
}

// An Edit is who last changed something at a target and when, as far as it tells.
type Edit struct {
	By string
	At time.Time
	// Ended is the last day of an object that was ended so, YYYY-MM-DD; empty of any other.
	Ended string
}

// String is a remark in parentheses after a space, or the empty text.
func (e Edit) String() string {
	text := ""
	if e.By != "" {
		text = " by " + e.By
	}
	if !e.At.IsZero() {
		text += " at " + e.At.UTC().Format("2006-01-02 15:04 UTC")
	}
	if text == "" {
		return ""
	}
	return " (last changed there" + text + ")"
}

// Origin says how an object came to be ours.
type Origin string

// The ways an object comes to be ours.
const (
	Announced Origin = ""        // a create was announced and never answered
	Created   Origin = "created" // we put it there
	Adopted   Origin = "adopted" // it was there, and a person or a rule took it over
)

// A Record is what syncd last wrote of an object, or agreed on.
type Record struct {
	Object
	Origin Origin `json:"origin,omitempty"`
	// Pending is what an announced request sends, and no other field. It is set before
	// the request is sent and removed with the answer: where a record still has it, the
	// answer was lost or the process was killed.
	Pending *Object `json:"pending,omitempty"`
	// Sent is of the plan that the pending request belongs to; nil where nothing is
	// pending, or a former version sent it.
	Sent *Sent     `json:"sent,omitempty"`
	Run  string    `json:"run,omitempty"`
	At   time.Time `json:"at"`
	// FormerRefs are the refs of the objects that were managed under this record before.
	FormerRefs []string `json:"left,omitempty"`
	// Rewritten are the fields that the target takes and shows otherwise, with
	// what was sent and what came, see rewritten.go.
	Rewritten map[string]string `json:"rewritten,omitempty"`
	// PutBack counts how often in a row each field was put back after somebody
	// changed it.
	PutBack map[string]int `json:"put_back,omitempty"`
	// Attempts counts how often a create was announced.
	Attempts int `json:"attempts,omitempty"`
	// Absences counts the proven snapshots in a row that lacked the object,
	// since AbsentSince.
	Absences    int       `json:"absences,omitempty"`
	AbsentSince time.Time `json:"absent_since,omitzero"`
}

// Sent is what the journal says of a request beside what it changed: it is kept while no
// answer is known, for whoever finds out later that it got through.
type Sent struct {
	Digest  string `json:"digest"`
	By      string `json:"by,omitempty"` // who approved the plan
	How     string `json:"how,omitempty"`
	Why     string `json:"why,omitempty"`
	Reverts string `json:"reverts,omitempty"`
	Told    bool   `json:"told,omitempty"` // the journal has the request already
}

// Ownership says who wins a field that somebody else changed.
type Ownership string

// The four ways to own a field.
const (
	Restore Ownership = "restore" // ours: put back
	Fill    Ownership = "fill"    // filled where it is blank at first, ours while it is as we left it
	Keep    Ownership = "keep"    // a human's edit stays
	Hold    Ownership = "hold"    // a human's edit stops the change until somebody decides
)

// A Kind is a sort of object, with the rules for its changes.
type Kind struct {
	Name   string
	Owner  Ownership            // of every field that Fields does not name
	Fields map[string]Ownership // exceptions, by field name
	Sets   []string             // fields that hold sets, for rendering
	Stamps []string             // fields that say when something was last seen, and nothing else
	// Delta returns what a change does to the monthly bill, in the configured
	// currency; nil for kinds that cost nothing. Either side may be nil.
	Delta func(before, after *Object) decimal.Decimal
	// Effect returns which days a change is billed for; nil for kinds that cost nothing.
	// Either side may be nil.
	Effect func(before, after *Object) *Effect
	// Priced reports whether Delta knows what the object costs; nil is always.
	Priced func(*Object) bool
	// Retire returns the state in which this target keeps an object that is gone from
	// the source: quantity 0, archived, disabled. Where it is nil the object is deleted.
	Retire func(before *Object) *Object
	// Undo returns the state in which this target keeps an object that a run made and a
	// person takes back; nil is Retire.
	Undo func(before *Object) *Object
	// Leavers says when an object that is gone from the source is retired; nil is at once.
	Leavers *Leavers
	// MayCreate is false where missing objects are only reported.
	MayCreate bool
	// Missing returns a note with a code on a desired object that is missing and may not
	// be created; nil gives a plain sentence.
	Missing func(desired *Object) Violation
}

func (k *Kind) owner(field string) Ownership {
	if o, ok := k.Fields[field]; ok {
		return o
	}
	return cmp.Or(k.Owner, Restore)
}

func (f Fields) String() string {
	parts := make([]string, len(f))
	for i, x := range f {
		parts[i] = x.Name + " " + x.Value.String()
	}
	return strings.Join(parts, ", ")
}
