package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

// A Plan is all changes of one scope.
type Plan struct {
	Scope      Scope
	Changes    []Change
	Violations []Violation // conflicts of objects; guards add theirs
	// Learned are records to bring up to date without a change: both sides
	// agree, only our memory does not.
	Learned []Object
	// Absent are objects that are gone from the source and not yet long enough.
	Absent []Key
	// Dropped are announcements of creates that left nothing and are wanted no more.
	Dropped   []Key
	InStep    int // objects that need nothing
	Foreign   int // objects at the target that are not ours: counted, never touched
	unmanaged []Object
	ended     map[string]Edit
	Managed   int          // the larger of what should be there and what of ours is there
	living    []population // what of ours is there and not retired
	// Trace is what was decided of each field, where Sides.Explain asks for it.
	Trace []Trace
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Sides are the inputs of a plan. Make sorts the slices in place.
type Sides struct {
	Desired  []Object
	Observed []Object
	Records  []Record
	// Conflicts and HandsOff are taken out of all three sides before anything
	// is compared: filtering a finished plan instead would let a hidden object
	// look like a missing one.
	Conflicts []Conflict
	HandsOff  map[Key]string  // reason by key, as a person gave it
	Now       time.Time       // for the patience with leavers
	Unmanaged []Object        // live on, kept in step no longer
	Ended     map[string]Edit // of what was ended at the target, by ref
	// Explain asks for Plan.Trace.
	Explain bool
}

// Make compares the three sides, object by object:
//
//	desired  observed  record             change   reason
//	yes      no        none               create   new at source
//	yes      no        yes                create*  removed at target
//	yes      no        announced          create   an earlier attempt left nothing (held after two)
//	yes      same      yes                –        in step
//	yes      rewritten yes                –        in step: the target shows what it made of it
//	yes      another   yes                adopt*   another at target (its ref is not the recorded one)
//	yes      differs   = desired          owner    changed at target
//	yes      differs   = observed         update   changed at source
//	yes      differs   ≠ both             owner    changed at both
//	yes      retired   retired            update   back at source
//	yes      yes       none               adopt    already at target (adopted, differs, where fields do)
//	yes      same      announced          –        in step: an earlier attempt got through
//	yes      differs   announced          adopt    an earlier attempt got through
//	no       retired   yes                –        in step
//	no       yes       yes, lately        –        absent: waited for, as the kind's leavers say
//	no       yes       = observed         delete   gone from source
//	no       yes       ≠ observed         owner    changed at both
//	no       yes       none               –        foreign: counted, never touched
//	no       no        yes                forget   gone from both
//	no       no        announced          –        the announcement is dropped
//	any      no        yes, lives on      –        left behind: noted on every run until it ends
//	in conflict or hands off              –        taken out beforehand
//
// * held: somebody removed it. Where the kind may not be created, a missing
// object without a record is reported as missing, and one with a record
// becomes a held forget.
//
// "owner" asks the field's ownership: restore and fill write, keep leaves the
// field, hold writes only after approval. A record with pending fields counts as
// having them where the target shows them.
//
// Two objects with one key on any side are an error that names both: never guess.
func Make(scope Scope, kinds []Kind, s Sides) (*Plan, error) {
	p := &Plan{Scope: scope}
	out, err := s.prepare()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", scope, err)
	}
	for _, t := range out {
		p.trace(kinds, t.desired, t.observed, t.record, decision{verdict: "left as it is: " + t.code})
	}
	p.unmanaged, p.ended = s.Unmanaged, s.Ended
	for _, c := range s.Conflicts {
		if _, off := s.HandsOff[c.Key]; !off {
			v := c.Violation
			v.Kind = cmp.Or(v.Kind, c.Key.Kind)
			p.Violations = append(p.Violations, v)
		}
	}
	d, o, r := s.Desired, s.Observed, s.Records
	managedObserved := 0
	for len(d) > 0 || len(o) > 0 || len(r) > 0 {
		key := least(d, o, r)
		var desired, observed *Object
		var record *Record
		if len(d) > 0 && d[0].Key == key {
			desired, d = &d[0], d[1:]
		}
		if len(o) > 0 && o[0].Key == key {
			observed, o = &o[0], o[1:]
		}
		if len(r) > 0 && r[0].Key == key {
			record, r = &r[0], r[1:]
		}
		if len(s.HandsOff) > 0 {
			if why, off := s.HandsOff[key]; off {
				p.Violations = append(p.Violations, Violation{Code: "hands_off", Kind: key.Kind, Key: key.ID, Note: true,
					Message: fmt.Sprintf("%s is left alone: %s", labelOf(desired, observed, record), why)})
				if s.Explain {
					p.trace(kinds, desired, observed, record, decision{verdict: "left as it is: hands_off"})
				}
				continue
			}
		}
		kind := find(kinds, key.Kind)
		if kind == nil {
			return nil, fmt.Errorf("%s: %s: no such kind at this target", scope, key)
		}
		if observed != nil && (desired != nil || record != nil) {
			managedObserved++
			if !observed.Retired {
				p.lives(key.Kind)
			}
		}
		decided := p.compare(kind, desired, observed, record, s.Now)
		if s.Explain {
			p.trace(kinds, desired, observed, record, decided)
		}
	}
	p.Managed = max(len(s.Desired), managedObserved)
	p.order(kinds)
	for i := range p.Changes {
		stamps := find(kinds, p.Changes[i].Key.Kind).Stamps
		for j := range p.Changes[i].Fields {
			f := &p.Changes[i].Fields[j]
			f.Stamp = slices.Contains(stamps, f.Name)
		}
	}
	return p, nil
}

// A decision is what compare did with one object.
type decision struct {
	merged
	change  bool   // the last change of the plan is the object's
	verdict string // in words, where no field was asked
}

// compare is the table above, one object at a time.
func (p *Plan) compare(kind *Kind, desired, observed *Object, record *Record, now time.Time) decision {
	last, announced := remembered(record, observed)
	behind := p.leftBehind(record, observed)
	if behind && desired != nil && observed == nil {
		last = nil // it was not removed, it lives elsewhere
	}
	switch {
	case desired != nil && observed == nil:
		attempts := 0
		if record != nil {
			attempts = record.Attempts
		}
		return p.missing(kind, desired, last, announced, attempts)
	case desired != nil && last == nil:
		m, reason := merge(kind, desired, observed, nil, nil), AlreadyAtTarget
		if announced { // what differs from what was sent is a person's edit since
			m, reason = merge(kind, desired, observed, record.confirmed(observed), nil), AttemptSucceeded
			if len(m.fields) == 0 && agree(observed.Fields, record.Pending.Fields) {
				p.InStep++ // the very thing that was approved and sent
				p.Learned = append(p.Learned, m.left(observed))
				return decision{merged: m}
			}
		}
		return p.add(kind, Change{Action: Adopt, Reason: reason, Before: observed}, m)
	case desired != nil && last.Ref != "" && observed.Ref != last.Ref:
		c := Change{Action: Adopt, Reason: AnotherAtTarget, Before: observed, Held: heldAnother, former: last.Ref}
		return p.add(kind, c, merge(kind, desired, observed, nil, nil))
	case desired != nil:
		m := merge(kind, desired, observed, last, record)
		if len(m.fields) == 0 {
			p.InStep++
			if m.stale || last != &record.Object {
				p.Learned = append(p.Learned, m.left(observed))
			}
			return decision{merged: m}
		}
		reason := m.reason
		if last.Retired && observed.Retired && !desired.Retired {
			reason = BackAtSource
		}
		decided := p.add(kind, Change{Action: Update, Reason: reason, Before: observed}, m)
		p.fight(&p.Changes[len(p.Changes)-1], record)
		return decided
	case observed != nil && last == nil && !announced:
		p.Foreign++
		return decision{verdict: "not ours: never touched"}
	case observed != nil && observed.Retired:
		p.InStep++
		left := spare(*observed, last, kind.theirs(observed, &merged{}))
		if last == nil || last != &record.Object || !last.Retired || !agree(left.Fields, last.Fields) {
			p.Learned = append(p.Learned, left)
		}
		return decision{verdict: "in step: gone from source, and as the target leaves what is gone"}
	case observed != nil && kind.Leavers != nil && kind.Leavers.Never:
		p.InStep++ // nothing is waited for, and it comes back as it was
		return decision{verdict: "gone from source; left as it is"}
	case observed != nil && kind.Leavers.waits(record, now):
		p.Absent = append(p.Absent, record.Key)
		p.Violations = append(p.Violations, Violation{Code: "leaving", Kind: record.Key.Kind, Key: record.Key.ID, Note: true,
			Message: fmt.Sprintf("%s is gone from the source: %s", labelOf(desired, observed, record), kind.Leavers.left(record, now))})
		return decision{verdict: "gone from source; waited for"}
	case observed != nil:
		c, left := Change{Action: Delete, Reason: GoneFromSource, Before: observed}, record.confirmed(observed)
		if !agree(observed.Fields, left.Fields) {
			c.Reason = ChangedAtBoth
			if holdsAny(kind, observed.Fields, left.Fields) {
				c.Held = heldEdit
			}
		}
		return p.add(kind, c, retired(kind, observed, left))
	case behind: // said above, on every run until it ends
		return decision{verdict: "lives on, and is kept in step no longer"}
	case announced, record.Pending != nil && record.Pending.Retired:
		p.Dropped = append(p.Dropped, record.Key)
		return decision{verdict: "announced, left nothing, and wanted no more"}
	default:
		return p.add(kind, Change{Action: Forget, Reason: GoneFromBoth, Before: &record.Object}, merged{})
	}
}

// leftBehind notes what was managed under the record and lives on without us,
// and reports whether the record's own object is among it.
func (p *Plan) leftBehind(record *Record, observed *Object) (own bool) {
	if record == nil || len(p.unmanaged) == 0 {
		return false
	}
	for i := range p.unmanaged {
		o := &p.unmanaged[i]
		is := o.Ref == record.Ref && (observed == nil || observed.Ref != record.Ref)
		if !is && !slices.Contains(record.FormerRefs, o.Ref) {
			continue
		}
		own = own || is && observed == nil
		p.Violations = append(p.Violations, Violation{Code: "left_behind", Kind: record.Key.Kind, Key: record.Key.ID, Note: true, Message: fmt.Sprintf(
			"%s (%s%s) lives on and is no longer kept in step: a rule or a link changed; end it at the target if nobody is to pay for it any more", o.Label, o.Ref, filled(o.Fields))})
	}
	return own
}

// filled lists the fields that hold anything, each after a comma.
func filled(f Fields) string {
	text := ""
	for _, x := range f {
		if !x.Value.Blank() {
			text += ", " + x.Name + " " + x.Value.String()
		}
	}
	return text
}

// waits reports whether a gone object is not to be retired yet.
func (l *Leavers) waits(record *Record, now time.Time) bool {
	if l == nil {
		return false
	}
	since := record.AbsentSince
	if since.IsZero() {
		since = now
	}
	return record.Absences+1 < l.Absences || now.Sub(since) < l.After
}

// left says how long a gone object is waited for.
func (l *Leavers) left(record *Record, now time.Time) string {
	since := record.AbsentSince
	if since.IsZero() {
		since = now
	}
	return fmt.Sprintf("absent %d of %d times, since %s; dealt with from %s on", record.Absences+1, l.Absences, since.Format(time.DateOnly), since.Add(l.After).Format(time.DateOnly))
}

// Codes of changes that wait by themselves.
const (
	heldEdit    = "changed_at_target"
	heldRemoval = "removed_at_target"
	heldAnother = "another_at_target"
	heldSent    = "sent_twice"
)

// maxAttempts is how often a create whose answer was lost is sent in all.
const maxAttempts = 2

func (p *Plan) missing(kind *Kind, desired, last *Object, announced bool, attempts int) decision {
	switch {
	case last != nil && !last.Retired && !kind.MayCreate:
		return p.add(kind, Change{Action: Forget, Reason: RemovedAtTarget, Before: last, Held: heldRemoval, edit: p.ended[last.Ref]}, merged{})
	case last != nil && !last.Retired:
		return p.add(kind, Change{Action: Create, Reason: RemovedAtTarget, Held: heldRemoval, edit: p.ended[last.Ref]}, merged{after: desired})
	case !kind.MayCreate:
		v := Violation{Code: "missing", Message: fmt.Sprintf("%s is not at the target and is not created: %s", desired.Label, desired.Fields)}
		if kind.Missing != nil {
			v = kind.Missing(desired)
		}
		v.Kind, v.Key, v.Note = desired.Kind, desired.ID, true
		p.Violations = append(p.Violations, v)
		return decision{verdict: "not at the target, and not created"}
	case announced && attempts >= maxAttempts:
		return p.add(kind, Change{Action: Create, Reason: AttemptVanished, Held: heldSent}, merged{after: desired})
	case announced:
		return p.add(kind, Change{Action: Create, Reason: AttemptVanished}, merged{after: desired})
	default:
		return p.add(kind, Change{Action: Create, Reason: NewAtSource}, merged{after: desired})
	}
}

// remembered returns what the record says we left, as far as the target
// confirms it, and whether the record is only the announcement of a create.
func remembered(record *Record, observed *Object) (last *Object, announced bool) {
	switch {
	case record == nil:
		return nil, false
	case record.Origin == Announced:
		return nil, true
	}
	return record.confirmed(observed), false
}

// A merged object is what the target should hold once each field's owner was asked.
type merged struct {
	desired *Object // nil where the thing is gone from the source
	last    *Object // what we left, as far as the target confirms it; nil where we left nothing
	after   *Object
	fields  []FieldChange
	kept    Fields // fields a human owns now, with what we would have written
	own     Fields // fields that the target rewrites, with what it shows
	held    bool
	reason  Reason
	stale   bool // our memory differs from what both sides agree on
}

// merge asks field by field who wins. It allocates only where something differs.
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
			m.own = append(m.own, Field{f.Name, now})
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
		if len(m.own) > 0 {
			after := *desired
			for _, f := range m.own {
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

// left is what to remember of an object that both sides agree on: a field that
// a human owns is remembered as ours, so that the human's stays visible as theirs.
func (m *merged) left(observed *Object) Object {
	o := *observed
	if m.after != nil {
		o.Label, o.Fields = m.after.Label, m.after.Fields
	}
	return o
}

// agree reports whether the fields that both know are equal.
func agree(a, b Fields) bool {
	for i := range b {
		if v, ok := a.Get(b[i].Name); ok && !v.Equal(b[i].Value) {
			return false
		}
	}
	return true
}

func holdsAny(kind *Kind, now, was Fields) bool {
	for _, f := range now {
		if v, ok := was.Get(f.Name); ok && !v.Equal(f.Value) && kind.owner(f.Name) == Hold {
			return true
		}
	}
	return false
}

// retired is the change that takes a gone object to where its target leaves such things.
func retired(kind *Kind, observed, last *Object) merged {
	if kind.Retire == nil {
		return merged{}
	}
	m := merged{last: last, after: kind.Retire(observed)}
	for _, f := range m.after.Fields {
		if now, _ := observed.Fields.Get(f.Name); !now.Equal(f.Value) {
			m.fields = append(m.fields, FieldChange{Name: f.Name, Before: now, After: f.Value, Set: slices.Contains(kind.Sets, f.Name)})
		}
	}
	return m
}

func (p *Plan) add(kind *Kind, c Change, m merged) decision {
	c.After, c.Fields, c.Kept = m.after, m.fields, m.kept
	c.last, c.spared = m.last, kind.theirs(c.Before, &m)
	if m.held {
		c.Held = heldEdit
	}
	about := c.After
	if about == nil {
		about = c.Before
	}
	c.Key, c.Label, c.Ref = about.Key, about.Label, about.Ref
	if c.Before != nil {
		c.Ref = c.Before.Ref
		c.edit = cmp.Or(c.edit, c.Before.Edited)
	}
	if c.Action == Create {
		for _, f := range c.After.Fields {
			c.Fields = append(c.Fields, FieldChange{Name: f.Name, After: f.Value, Set: slices.Contains(kind.Sets, f.Name)})
		}
	}
	if c.Action == Adopt {
		if len(c.Fields) == 0 {
			c.After = c.Before
		} else {
			c.Reason = differing[c.Reason]
		}
	}
	for _, name := range kind.Shown {
		if text := about.Info[name]; text != "" {
			if c.Facts == nil {
				c.Facts = make(map[string]string, len(kind.Shown))
			}
			c.Facts[name] = text
		}
	}
	c.MonthlyDelta = decimal.Zero
	if kind.Delta != nil && c.Action != Forget {
		c.MonthlyDelta = kind.Delta(c.Before, c.After)
		c.Unpriced = kind.Priced != nil && c.Writes() && !kind.Priced(about)
		c.Currency = about.Info[InfoCurrency]
	}
	if c.Held != "" {
		p.Violations = append(p.Violations, Violation{Code: c.Held, Kind: c.Key.Kind, Key: c.Key.ID, Message: c.heldMessage(), NeedsRepair: c.Held == heldSent})
	}
	p.Changes = append(p.Changes, c)
	return decision{merged: m, change: true}
}

func (c *Change) heldMessage() string {
	switch {
	case c.Held == heldAnother:
		return fmt.Sprintf("%s was %s at the target and is now %s; approve to take that one on (%s is left as it is), or repair it there", c.Label, c.former, c.Ref, c.former)
	case c.Held == heldSent:
		return fmt.Sprintf("%s was sent twice, no answer came, and it is not there; find out why at the target, then syncd matches retry", c.Label)
	case c.Held == heldRemoval && c.Action == Forget:
		return fmt.Sprintf("%s was ended or removed at the target since our last write%s; approve to stop managing it, or restore it there", c.Label, c.edit)
	case c.Held == heldRemoval:
		return fmt.Sprintf("%s was removed at the target since our last write%s; approve to create it again", c.Label, c.edit)
	case c.Action == Delete:
		return fmt.Sprintf("%s was edited at the target since our last write%s and is now gone from the source; approve to take it back", c.Label, c.edit)
	}
	text := fmt.Sprintf("%s was edited at the target since our last write%s:", c.Label, c.edit)
	for _, f := range c.Fields {
		text += fmt.Sprintf(" %s is %s, ours would be %s;", f.Name, orNothing(f.Before), orNothing(f.After))
	}
	return text + " approve to overwrite the edit, or tell syncd to leave it alone (syncd matches ignore)"
}

func orNothing(v Value) string {
	if v.Blank() {
		return "nothing"
	}
	return v.String()
}

// taken is an object that is taken out of all sides beforehand.
type taken struct {
	desired, observed *Object
	record            *Record
	code              string // of the conflict
}

// prepare sorts the sides, finds doubles and takes conflicts out. It returns
// what was taken out, where that is asked for.
func (s *Sides) prepare() (out []taken, err error) {
	if err := sortUnique(s.Desired, func(o *Object) *Object { return o }, "wanted"); err != nil {
		return nil, err
	}
	if err := sortUnique(s.Observed, func(o *Object) *Object { return o }, "at the target"); err != nil {
		return nil, err
	}
	if err := sortUnique(s.Records, func(r *Record) *Object { return &r.Object }, "recorded"); err != nil {
		return nil, err
	}
	if len(s.Conflicts) == 0 {
		return nil, nil
	}
	gone := make(map[Key]bool, len(s.Conflicts))
	for _, c := range s.Conflicts {
		if s.Explain && !gone[c.Key] {
			out = append(out, s.take(c))
		}
		gone[c.Key] = true
	}
	s.Desired = slices.DeleteFunc(s.Desired, func(o Object) bool { return gone[o.Key] })
	s.Observed = slices.DeleteFunc(s.Observed, func(o Object) bool { return gone[o.Key] })
	s.Records = slices.DeleteFunc(s.Records, func(r Record) bool { return gone[r.Key] })
	return out, nil
}

// take copies what the sides hold of a conflict.
func (s *Sides) take(c Conflict) taken {
	t := taken{code: cmp.Or(c.Code, "conflict")}
	if i := slices.IndexFunc(s.Desired, func(o Object) bool { return o.Key == c.Key }); i >= 0 {
		t.desired = new(s.Desired[i])
	}
	if i := slices.IndexFunc(s.Observed, func(o Object) bool { return o.Key == c.Key }); i >= 0 {
		t.observed = new(s.Observed[i])
	}
	if i := slices.IndexFunc(s.Records, func(r Record) bool { return r.Key == c.Key }); i >= 0 {
		t.record = new(s.Records[i])
	}
	return t
}

func sortUnique[T any](items []T, object func(*T) *Object, side string) error {
	less := func(a, b T) int { return object(&a).Key.Compare(object(&b).Key) }
	sorted := true
	for i := 1; i < len(items); i++ {
		switch object(&items[i-1]).Key.Compare(object(&items[i]).Key) {
		case 1:
			sorted = false
		case 0:
			return double(object(&items[i-1]), object(&items[i]), side)
		}
	}
	if sorted {
		return nil
	}
	slices.SortFunc(items, less)
	for i := 1; i < len(items); i++ {
		if a, b := object(&items[i-1]), object(&items[i]); a.Key == b.Key {
			return double(a, b, side)
		}
	}
	return nil
}

func double(a, b *Object, side string) error {
	return fmt.Errorf("%s is there twice among what is %s: %q (%s) and %q (%s); nothing is done until one of them goes",
		a.Key, side, a.Label, a.Ref, b.Label, b.Ref)
}

func least(d, o []Object, r []Record) Key {
	var key Key
	first := true
	consider := func(k Key) {
		if first || k.Compare(key) < 0 {
			key, first = k, false
		}
	}
	if len(d) > 0 {
		consider(d[0].Key)
	}
	if len(o) > 0 {
		consider(o[0].Key)
	}
	if len(r) > 0 {
		consider(r[0].Key)
	}
	return key
}

func find(kinds []Kind, name string) *Kind {
	for i := range kinds {
		if kinds[i].Name == name {
			return &kinds[i]
		}
	}
	return nil
}

func labelOf(desired, observed *Object, record *Record) string {
	for _, o := range []*Object{desired, observed} {
		if o != nil && o.Label != "" {
			return o.Label
		}
	}
	if record != nil && record.Label != "" {
		return record.Label
	}
	return "it"
}

// order puts creations and updates in the order of kinds and deletions in the
// reverse: what others point to is made first and goes last.
func (p *Plan) order(kinds []Kind) {
	rank := func(c *Change) int {
		i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == c.Key.Kind })
		if c.Action == Delete || c.Action == Forget {
			return 2*len(kinds) - i
		}
		return i
	}
	slices.SortStableFunc(p.Changes, func(a, b Change) int {
		if d := rank(&a) - rank(&b); d != 0 {
			return d
		}
		return a.Key.Compare(b.Key)
	})
}
