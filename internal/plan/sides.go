package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Sides are the inputs of a plan. Make sorts the slices in place.
type Sides struct {
	Desired  []Object
	Observed []Object
	Records  []Record
	// Objects in Conflicts and HandsOff are excluded from all three sides before anything
	// is compared: if the finished plan were filtered instead, an excluded object would
	// look like a missing one.
	Conflicts []Conflict
	HandsOff  map[Key]string  // reason by key, as a person gave it
	Now       time.Time       // for leavers
	Unmanaged []Object        // at the target, and managed no longer
	Ended     map[string]Edit // the last edits of objects that were ended at the target, by ref
	// Reversals are what people asked to take back. Where one is open the plan is the way
	// back and nothing else; with WayBackOnly it is so where none is, too.
	Reversals   []Reversal
	WayBackOnly bool
	// Explain asks for Plan.Trace.
	Explain bool
}

// An excluded object is in conflict, and is compared on no side.
type excluded struct {
	desired, observed *Object
	record            *Record
	code              string // of the conflict
}

// sortAndExclude sorts the sides, refuses duplicate keys and removes objects in conflict.
// It returns those where Explain asks for them.
func (s *Sides) sortAndExclude() (out []excluded, err error) {
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
	s.labelConflicts()
	gone := make(map[Key]bool, len(s.Conflicts))
	for _, c := range s.Conflicts {
		if s.Explain && !gone[c.Key] {
			out = append(out, s.exclude(c))
		}
		gone[c.Key] = true
	}
	s.Desired = slices.DeleteFunc(s.Desired, func(o Object) bool { return gone[o.Key] })
	s.Observed = slices.DeleteFunc(s.Observed, func(o Object) bool { return gone[o.Key] })
	s.Records = slices.DeleteFunc(s.Records, func(r Record) bool { return gone[r.Key] })
	return out, nil
}

// labelConflicts says of the objects in conflict what they are called: a person decides on them, and
// the sides lack them from here on.
func (s *Sides) labelConflicts() {
	labels := make(map[Key]string, len(s.Conflicts))
	for i := range s.Conflicts {
		labels[s.Conflicts[i].Key] = s.Conflicts[i].Label
	}
	note := func(o *Object) {
		if known, is := labels[o.Key]; is && known == "" {
			labels[o.Key] = o.Label
		}
	}
	for _, objects := range [][]Object{s.Desired, s.Observed} {
		for i := range objects {
			note(&objects[i])
		}
	}
	for i := range s.Records {
		note(&s.Records[i].Object)
	}
	for i := range s.Conflicts {
		s.Conflicts[i].Label = labels[s.Conflicts[i].Key]
	}
}

// exclude copies the object of a conflict from all three sides.
func (s *Sides) exclude(c Conflict) excluded {
	t := excluded{code: cmp.Or(c.Code, "conflict")}
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
			return duplicateError(object(&items[i-1]), object(&items[i]), side)
		}
	}
	if sorted {
		return nil
	}
	slices.SortFunc(items, less)
	for i := 1; i < len(items); i++ {
		if a, b := object(&items[i-1]), object(&items[i]); a.Key == b.Key {
			return duplicateError(a, b, side)
		}
	}
	return nil
}

func duplicateError(a, b *Object, side string) error {
	return fmt.Errorf("%s is there twice among what is %s: %q (%s) and %q (%s); nothing is done until one of them goes",
		a.Key, side, a.Label, a.Ref, b.Label, b.Ref)
}

func smallestKey(d, o []Object, r []Record) Key {
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
