package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A Plan is all changes of one scope.
type Plan struct {
	Scope      Scope
	Changes    []Change
	Violations []Violation // conflicts of objects; guards add theirs
	// Learned are records to update without a change: both sides agree, and only the
	// record differs.
	Learned []Object
	// Absent are objects that are gone from the source and still waited for, see Leavers.
	Absent []Key
	// Dropped are records of announced creates that made nothing and are no longer desired.
	Dropped     []Key
	InStep      int // objects that need nothing
	Foreign     int // objects at the target that syncd does not manage: counted, never touched
	unmanaged   []Object
	ended       map[string]Edit
	Managed     int          // the larger of the numbers of desired and of managed observed objects
	populations []population // managed objects at the target that are not retired, by kind
	// Reverting is the run that the plan is the way back from, and Reversals are those
	// that are not over.
	Reverting string
	Reversals []Reversal
	// Whole is the plan that this one is a part of, where a run is about one object; nil as
	// a rule. A person approves plans as a whole.
	Whole *Plan
	// In is the configured currency: what a change in another one comes to is part of the digest.
	In       string
	reopened []string // keys of invoices that were deleted, see HoldAgreement
	// Trace is what was decided of each field, where Sides.Explain asks for it.
	Trace []Trace
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

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
// A change of an object that was taken back is held while what is wanted of it stays
// the same, and while a way back is open there is no other plan: see Reversal.
//
// "owner" asks the field's ownership: restore and fill write, keep leaves the
// field, hold writes only after approval. A record with pending fields counts as
// having them where the target shows them.
//
// Two objects with one key on any side are an error that names both: never guess.
func Make(scope Scope, kinds []Kind, s Sides) (*Plan, error) {
	p := &Plan{Scope: scope}
	out, err := s.sortAndExclude()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", scope, err)
	}
	for _, t := range out {
		p.trace(kinds, t.desired, t.observed, t.record, decision{verdict: "left as it is: " + t.code})
	}
	if len(s.Reversals) > 0 {
		if back, err := p.planReversals(kinds, &s); err != nil || back || s.WayBackOnly {
			p.countManaged(&s)
			p.sortChanges(kinds)
			return p, err
		}
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
		key := smallestKey(d, o, r)
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
		kind := findKind(kinds, key.Kind)
		if kind == nil {
			return nil, fmt.Errorf("%s: %s: no such kind at this target", scope, key)
		}
		if observed != nil && (desired != nil || record != nil) {
			managedObserved++
			if !observed.Retired {
				p.countPopulation(key.Kind)
			}
		}
		decided := p.compare(kind, desired, observed, record, s.Now)
		if len(p.Reversals) > 0 {
			p.holdReverted(kind, desired, key, decided.change)
		}
		if s.Explain {
			p.trace(kinds, desired, observed, record, decided)
		}
	}
	p.Managed = max(len(s.Desired), managedObserved)
	p.sortChanges(kinds)
	for i := range p.Changes {
		stamps := findKind(kinds, p.Changes[i].Key.Kind).Stamps
		for j := range p.Changes[i].Fields {
			f := &p.Changes[i].Fields[j]
			f.Stamp = slices.Contains(stamps, f.Name)
		}
	}
	return p, nil
}

// countManaged counts what a plan that is only a way back does not look at: limits are
// about shares of it.
func (p *Plan) countManaged(s *Sides) {
	for i := range s.Observed {
		if o := &s.Observed[i]; s.desired(o.Key) != nil || s.record(o.Key) != nil {
			p.Managed++
			if !o.Retired {
				p.countPopulation(o.Kind)
			}
		}
	}
	p.Managed = max(len(s.Desired), p.Managed)
}

// A decision is what compare decided of one object.
type decision struct {
	merged
	change  bool   // the last change of the plan is the object's
	verdict string // in words, where no field was asked
}

// compare is the table above, one object at a time.
func (p *Plan) compare(kind *Kind, desired, observed *Object, record *Record, now time.Time) decision {
	last, announced := lastKnown(record, observed)
	unmanaged := p.noteUnmanaged(record, observed)
	if unmanaged && desired != nil && observed == nil {
		last = nil // it was not removed, it is there unmanaged
	}
	switch {
	case desired != nil && observed == nil:
		attempts := 0
		if record != nil {
			attempts = record.Attempts
		}
		return p.planMissing(kind, desired, last, announced, attempts)
	case desired != nil && last == nil:
		m, reason := merge(kind, desired, observed, nil, nil), AlreadyAtTarget
		if announced { // what differs from what was sent is a person's edit since
			m, reason = merge(kind, desired, observed, record.confirmed(observed), nil), AttemptSucceeded
			if len(m.fields) == 0 && agree(observed.Fields, record.Pending.Fields) {
				p.InStep++ // the very thing that was approved and sent
				p.Learned = append(p.Learned, m.agreed(observed))
				return decision{merged: m}
			}
		}
		return p.addChange(kind, Change{Action: Adopt, Reason: reason, Before: observed}, m)
	case desired != nil && last.Ref != "" && observed.Ref != last.Ref:
		c := Change{Action: Adopt, Reason: AnotherAtTarget, Before: observed, Held: heldAnother, formerRef: last.Ref}
		return p.addChange(kind, c, merge(kind, desired, observed, nil, nil))
	case desired != nil:
		m := merge(kind, desired, observed, last, record)
		if len(m.fields) == 0 {
			p.InStep++
			if m.stale || last != &record.Object {
				p.Learned = append(p.Learned, m.agreed(observed))
			}
			return decision{merged: m}
		}
		reason := m.reason
		if last.Retired && observed.Retired && !desired.Retired {
			reason = BackAtSource
		}
		decided := p.addChange(kind, Change{Action: Update, Reason: reason, Before: observed}, m)
		p.notePutBack(&p.Changes[len(p.Changes)-1], record)
		return decided
	case observed != nil && last == nil && !announced:
		p.Foreign++
		return decision{verdict: "not ours: never touched"}
	case observed != nil && observed.Retired:
		p.InStep++
		remembered := keepRemembered(*observed, last, kind.notOurs(observed, &merged{}))
		if last == nil || last != &record.Object || !last.Retired || !agree(remembered.Fields, last.Fields) {
			p.Learned = append(p.Learned, remembered)
		}
		return decision{verdict: "in step: gone from source, and as the target leaves what is gone"}
	case observed != nil && kind.Leavers != nil && kind.Leavers.Never:
		p.InStep++ // nothing is waited for, and it comes back as it was
		return decision{verdict: "gone from source; left as it is"}
	case observed != nil && kind.Leavers.waits(record, now):
		p.Absent = append(p.Absent, record.Key)
		p.Violations = append(p.Violations, Violation{Code: "leaving", Kind: record.Key.Kind, Key: record.Key.ID, Note: true,
			Message: fmt.Sprintf("%s is gone from the source: %s", labelOf(desired, observed, record), kind.Leavers.waitText(record, now))})
		return decision{verdict: "gone from source; waited for"}
	case observed != nil:
		c, remembered := Change{Action: Delete, Reason: GoneFromSource, Before: observed}, record.confirmed(observed)
		if !agree(observed.Fields, remembered.Fields) {
			c.Reason = ChangedAtBoth
			if editsHeldField(kind, observed.Fields, remembered.Fields) {
				c.Held = heldEdit
			}
		}
		return p.addChange(kind, c, retire(kind, observed, remembered))
	case unmanaged: // said above, on every run until it ends
		return decision{verdict: "lives on, and is kept in step no longer"}
	case announced, record.Pending != nil && record.Pending.Retired:
		p.Dropped = append(p.Dropped, record.Key)
		return decision{verdict: "announced, left nothing, and wanted no more"}
	default:
		return p.addChange(kind, Change{Action: Forget, Reason: GoneFromBoth, Before: &record.Object}, merged{})
	}
}

func (p *Plan) planMissing(kind *Kind, desired, last *Object, announced bool, attempts int) decision {
	switch {
	case last != nil && !last.Retired && !kind.MayCreate:
		return p.addChange(kind, Change{Action: Forget, Reason: RemovedAtTarget, Before: last, Held: heldRemoval, lastEdit: p.ended[last.Ref]}, merged{})
	case last != nil && !last.Retired:
		return p.addChange(kind, Change{Action: Create, Reason: RemovedAtTarget, Held: heldRemoval, lastEdit: p.ended[last.Ref]}, merged{after: desired})
	case !kind.MayCreate:
		v := Violation{Code: "missing", Message: fmt.Sprintf("%s is not at the target and is not created: %s", desired.Label, desired.Fields)}
		if kind.Missing != nil {
			v = kind.Missing(desired)
		}
		v.Kind, v.Key, v.Note = desired.Kind, desired.ID, true
		p.Violations = append(p.Violations, v)
		return decision{verdict: "not at the target, and not created"}
	case announced && attempts >= maxAttempts:
		return p.addChange(kind, Change{Action: Create, Reason: AttemptVanished, Held: heldSentTwice}, merged{after: desired})
	case announced:
		return p.addChange(kind, Change{Action: Create, Reason: AttemptVanished}, merged{after: desired})
	default:
		return p.addChange(kind, Change{Action: Create, Reason: NewAtSource}, merged{after: desired})
	}
}

// lastKnown returns the recorded object, with pending fields where the target shows
// them, and whether the record is only the announcement of a create.
func lastKnown(record *Record, observed *Object) (last *Object, announced bool) {
	switch {
	case record == nil:
		return nil, false
	case record.Origin == Announced:
		return nil, true
	}
	return record.confirmed(observed), false
}

func findKind(kinds []Kind, name string) *Kind {
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

// sortChanges puts creations and updates in the order of kinds and deletions in the
// reverse: what others point to is made first and goes last.
func (p *Plan) sortChanges(kinds []Kind) {
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
