package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Action is the verb of a change: a closed set.
type Action string

// The actions. What delete means is the target's: quantity zero, archive, disable.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
	Adopt  Action = "adopt"  // take on what is already there; writes only if fields differ, and is shown as an update then
	Forget Action = "forget" // drop our record; writes nothing at the target
)

// Glyph is the action on a terminal.
func (a Action) Glyph() string {
	switch a {
	case Create:
		return "+"
	case Update:
		return "~"
	case Delete:
		return "-"
	case Adopt:
		return "="
	default:
		return "."
	}
}

// Reason says which row of the table a change comes from.
type Reason string

// The reasons a change can have.
const (
	NewAtSource      Reason = "new at source"
	ChangedAtSource  Reason = "changed at source"
	ChangedAtTarget  Reason = "changed at target"
	ChangedAtBoth    Reason = "changed at both"
	RemovedAtTarget  Reason = "removed at target"
	AlreadyAtTarget  Reason = "already at target"
	AttemptVanished  Reason = "an earlier attempt left nothing"
	AttemptSucceeded Reason = "an earlier attempt got through"
	GoneFromSource   Reason = "gone from source"
	GoneFromBoth     Reason = "gone from both"
	BackAtSource     Reason = "back at source"
	AnotherAtTarget  Reason = "another at target"
	// What is taken on as well as written says both.
	AdoptedDiffers Reason = "adopted, differs"
	AttemptDiffers Reason = AttemptSucceeded + "; " + AdoptedDiffers
	AnotherDiffers Reason = AnotherAtTarget + "; " + AdoptedDiffers
)

// differing is the reason of an adoption that writes.
var differing = map[Reason]Reason{AlreadyAtTarget: AdoptedDiffers, AttemptSucceeded: AttemptDiffers, AnotherAtTarget: AnotherDiffers}

// Row is the reason without the words of an adoption that writes: the row of the table
// that the change comes from.
func (r Reason) Row() Reason {
	for row, differs := range differing {
		if r == differs {
			return row
		}
	}
	return r
}

// A FieldChange is one field of a change.
type FieldChange struct {
	Name   string
	Before Value
	After  Value
	Set    bool // rendered as a list
	Stamp  bool // says when, not what: see Kind.Stamps
	reason Reason
	owner  Ownership
}

// A Change is one step of a plan.
//
//	action  Before  After
//	create  nil     set
//	update  set     set
//	delete  set     set or nil (where the target keeps nothing)
//	adopt   set     set
//	forget  record  nil
type Change struct {
	Action       Action
	Key          Key
	Label        string
	Ref          string
	Reason       Reason
	Before       *Object
	After        *Object
	Fields       []FieldChange
	MonthlyDelta decimal.Decimal
	Currency     string // of MonthlyDelta; empty where the object does not say
	Unpriced     bool   // what it costs is not known, and MonthlyDelta says nothing
	// Kept are fields that keep a person's value, with ours: the record remembers ours, so
	// that the next run sees the person's value as an edit again.
	Kept Fields
	// Held is the code of what stops this change alone; empty lets it go.
	Held string
	// Billing is the object's, where it is an invoice line. A change that was read
	// back has what was shown of it.
	Billing *Billing
	// Effect says which days the change is billed for, where it is about money.
	Effect *Effect
	// Explanation says why a counted quantity falls; nil where none does.
	Explanation *Explanation
	formerRef   string   // the recorded ref, where another object is in its place
	remembered  *Object  // the record's object until now
	notOurs     []string // observed fields that were not sent and belong to people: the record keeps its own
	lastEdit    Edit     // the last edit at the target, where the change is held for one
}

// Glyph is the change on a terminal: an adoption that writes is shown as an update.
func (c *Change) Glyph() string {
	if c.Action == Adopt && c.Writes() {
		return Update.Glyph()
	}
	return c.Action.Glyph()
}

// What says in few words what the change does.
func (c *Change) What() string {
	if len(c.Fields) == 0 {
		return string(c.Action)
	}
	parts := make([]string, len(c.Fields))
	for i, f := range c.Fields {
		parts[i] = f.Name + " " + f.Before.Or("nothing") + " → " + f.After.Or("nothing")
	}
	const most = 120 // characters
	text := []rune(strings.Join(parts, ", "))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// Writes reports whether applying the change asks the target for anything.
func (c *Change) Writes() bool {
	switch c.Action {
	case Create, Update, Delete:
		return true
	case Adopt:
		return len(c.Fields) > 0
	}
	return false
}

type fieldJSON struct {
	Before any `json:"before"`
	After  any `json:"after"`
}

func valueJSON(v Value, set bool) any {
	if set {
		return append([]string{}, v...)
	}
	if len(v) == 0 {
		return ""
	}
	return v.String()
}

// delta is what the change does to the monthly bill; nil where nobody knows.
func (c *Change) delta() *string {
	if c.Unpriced {
		return nil
	}
	return new(c.MonthlyDelta.StringFixed(2))
}

// MarshalJSON writes the change as scripts read it.
func (c Change) MarshalJSON() ([]byte, error) {
	fields := make(map[string]fieldJSON, len(c.Fields))
	for _, f := range c.Fields {
		fields[f.Name] = fieldJSON{valueJSON(f.Before, f.Set), valueJSON(f.After, f.Set)}
	}
	var taken map[string]any // what an adoption takes on as it is
	if c.Action == Adopt && len(c.Fields) == 0 && c.After != nil {
		taken = map[string]any{}
		for _, f := range c.After.Fields {
			if !f.Value.Blank() {
				taken[f.Name] = valueJSON(f.Value, len(f.Value) > 1)
			}
		}
	}
	return json.Marshal(struct {
		Action       Action               `json:"action"`
		Kind         string               `json:"kind"`
		Key          string               `json:"key"`
		Label        string               `json:"label"`
		Ref          string               `json:"ref"`
		Reason       Reason               `json:"reason"`
		Fields       map[string]fieldJSON `json:"fields"`
		MonthlyDelta *string              `json:"monthly_delta"`
		Currency     string               `json:"currency,omitempty"`
		Effect       *Effect              `json:"effect,omitempty"`
		Held         string               `json:"held,omitempty"`
		Taken        map[string]any       `json:"as_it_is,omitempty"`
		Billing      *shownBilling        `json:"facts,omitempty"`
		Explanation  *Explanation         `json:"explanation"`
	}{c.Action, c.Key.Kind, c.Key.ID, c.Label, c.Ref, c.Reason, fields, c.delta(), c.Currency, c.Effect, c.Held, taken, c.Billing.shown(), c.Explanation})
}

// A Violation says what holds a scope or one of its objects, or what the plan leaves
// out, and what to do about it.
type Violation struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Kind    string `json:"kind"` // with Key the object concerned; both empty: the whole scope
	Key     string `json:"key"`
	Label   string `json:"label,omitempty"` // of the object, where it is known
	// Note marks information that holds nothing.
	Note bool `json:"note,omitempty"`
	// PutOff says until when nothing is written, in a note about that.
	PutOff string `json:"put_off,omitempty"`
	// NeedsRepair marks a hold that no approval cures: something must be repaired first.
	NeedsRepair bool `json:"needs_repair"`
	// Candidates are what a person may choose from for the object, where the
	// target knows some.
	Candidates []Candidate `json:"candidates,omitempty"`
	// With are the keys of other customers in whose plans the rest of the change is.
	With []string `json:"with,omitempty"`
	// Who edited the object last at the target and when, of a hold for such an edit.
	EditedBy string    `json:"edited_by,omitempty"`
	EditedAt time.Time `json:"edited_at,omitzero"`
}

// A Candidate is an object at the target that may be the one concerned.
type Candidate struct {
	Ref   string `json:"ref"`
	Label string `json:"label,omitempty"`
}

func (c Candidate) String() string {
	if c.Label == "" {
		return c.Ref
	}
	return c.Ref + " (" + c.Label + ")"
}

// DoNotBill is the code of a note that the only line of an object is one that is not to be
// billed, by a person's will.
const DoNotBill = "do_not_bill"

// OverwritesEdit reports whether approving the object would overwrite what a person
// did at the target. A field that is restored by configuration holds nothing and is no
// such edit.
func (v *Violation) OverwritesEdit() bool {
	return !v.Note && (v.Code == heldEdit || v.Code == heldRemoval)
}

// Rejected is the code of a plan that a person refused.
const Rejected = "rejected"

// The codes of what moved between a plan and its writes: the next plan shows it as it is.
const (
	PlanMoved   = "plan_moved"
	TargetMoved = "target_moved"
)

// Unsettled reports whether something at the source or the target must be settled first:
// until then nobody can say that what is due and what is there are in step.
func (v *Violation) Unsettled() bool {
	switch v.Code {
	case CodeClosed, PlanMoved, TargetMoved: // the change is known, and waits
		return false
	}
	return !v.Note && v.NeedsRepair
}

// LeftBehind is the code of what was kept in step and lives on, and is no longer.
const LeftBehind = "left_behind"

// BillsTwice reports whether approving the plan would let something be billed twice.
func (v *Violation) BillsTwice() bool { return !v.Note && v.Code == LeftBehind }

// FormerSettings is the code of what holds the first plan of a customer whose tenants had
// rules, overrides or claims of their own, which count no longer.
const FormerSettings = "former_settings"

// TakenOver is the code of what was kept in step for a tenant alone and would change now that
// it is part of a customer: what waited there, a fall or a person's edit, is not told any more.
const TakenOver = "taken_over"

// ChangesTakenOver reports whether approving the plan would change what was kept in step for
// a tenant alone.
func (v *Violation) ChangesTakenOver() bool { return !v.Note && v.Code == TakenOver }

// StopsCounting reports whether approving the plan would let what was set for a tenant alone
// count no longer.
func (v *Violation) StopsCounting() bool { return !v.Note && v.Code == FormerSettings }

// MayBeClosed reports whether approving the object may bill it in a month that is closed.
func (v *Violation) MayBeClosed() bool { return !v.Note && v.Code == CodeMayBeClosed }

// Blocks reports whether any of vs holds the whole scope.
func Blocks(vs []Violation) bool {
	return slices.ContainsFunc(vs, func(v Violation) bool { return !v.Note && v.Key == "" })
}

// Holds reports whether any of vs holds anything at all.
func Holds(vs []Violation) bool {
	return slices.ContainsFunc(vs, func(v Violation) bool { return !v.Note })
}

// PutOff says until when nothing is written, where one of vs says so, or is empty.
func PutOff(vs []Violation) string {
	for i := range vs {
		if until := vs[i].PutOff; until != "" {
			return until
		}
	}
	return ""
}

// NeedsRepair reports whether any of vs is a hold that no approval cures.
func NeedsRepair(vs []Violation) bool {
	return slices.ContainsFunc(vs, func(v Violation) bool { return !v.Note && v.NeedsRepair })
}

// A Conflict is an object that cannot be planned now: its key is taken out of
// all three sides, and the violation is reported.
type Conflict struct {
	Key Key
	Violation
}

// UnmarshalJSON reads what MarshalJSON wrote: enough to show the change again,
// not enough to apply it.
func (c *Change) UnmarshalJSON(data []byte) error {
	var in struct {
		Action       Action `json:"action"`
		Kind         string `json:"kind"`
		Key          string `json:"key"`
		Label        string `json:"label"`
		Ref          string `json:"ref"`
		Reason       Reason `json:"reason"`
		Fields       map[string]struct{ Before, After json.RawMessage }
		MonthlyDelta *decimal.Decimal           `json:"monthly_delta"`
		Currency     string                     `json:"currency"`
		Effect       *Effect                    `json:"effect"`
		Held         string                     `json:"held"`
		Taken        map[string]json.RawMessage `json:"as_it_is"`
		Billing      *shownBilling              `json:"facts"`
		Explanation  *Explanation               `json:"explanation"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*c = Change{Action: in.Action, Key: Key{in.Kind, in.Key}, Label: in.Label, Ref: in.Ref, Reason: in.Reason, Unpriced: in.MonthlyDelta == nil, Currency: in.Currency, Effect: in.Effect, Held: in.Held, Billing: in.Billing.billing(), Explanation: in.Explanation}
	if in.MonthlyDelta != nil {
		c.MonthlyDelta = *in.MonthlyDelta
	}
	for _, name := range slices.Sorted(maps.Keys(in.Fields)) {
		f := FieldChange{Name: name}
		var err error
		if f.Before, f.Set, err = parseValue(in.Fields[name].Before); err != nil {
			return err
		}
		if f.After, f.Set, err = parseValue(in.Fields[name].After); err != nil {
			return err
		}
		c.Fields = append(c.Fields, f)
	}
	if len(in.Taken) > 0 {
		c.After = &Object{Key: c.Key, Label: c.Label, Ref: c.Ref}
		for _, name := range slices.Sorted(maps.Keys(in.Taken)) {
			v, _, err := parseValue(in.Taken[name])
			if err != nil {
				return err
			}
			c.After.Fields = append(c.After.Fields, Field{name, v})
		}
	}
	return nil
}

// parseValue reads a value as shown writes it: a text, or a list.
func parseValue(raw json.RawMessage) (v Value, set bool, err error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if text != "" {
			v = Value{text}
		}
		return v, false, nil
	}
	err = json.Unmarshal(raw, (*[]string)(&v))
	return v, true, err
}
