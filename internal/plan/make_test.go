package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

var testScope = Scope{Customer: "contoso", Target: "test"}

func line(quantity string) *Object {
	return &Object{Key: Key{"addition", "sku"}, Label: "Premium", Ref: "55/910", Fields: Set("quantity", quantity)}
}

func retiredLine() *Object {
	o := line("0")
	o.Retired = true
	return o
}

func another() *Object {
	o := line("3")
	o.Ref = "55/940"
	return o
}

func sentTwice() *Record {
	r := announced(line("3"))
	r.Attempts = 2
	return r
}

func recorded(o *Object) *Record { return &Record{Object: *o, Origin: Adopted} }

func pending(o, next *Object) *Record {
	return &Record{Object: *o, Origin: Adopted, Pending: next}
}

func announced(o *Object) *Record { return &Record{Object: *o, Pending: o} }

func money(before, after *Object) decimal.Decimal {
	units := func(o *Object) decimal.Decimal {
		if o == nil {
			return decimal.Zero
		}
		return decimal.RequireFromString(o.Fields.Text("quantity"))
	}
	return units(after).Sub(units(before)).Mul(decimal.NewFromInt(22))
}

func additions(owner Ownership, create bool) []Kind {
	return []Kind{{Name: "addition", Owner: owner, MayCreate: create, Delta: money, Retire: func(before *Object) *Object {
		after := *before
		after.Fields, after.Retired = before.Fields.With("quantity", Value{"0"}), true
		return &after
	}}}
}

// Every row of the table in the comment of Make.
func TestTheTableOfThreeSides(t *testing.T) {
	for _, c := range []struct {
		name     string
		desired  *Object
		observed *Object
		record   *Record
		owner    Ownership
		noCreate bool
		want     string // action, reason, held; empty for no change
		written  string // quantity the target should end with, where it matters
	}{
		{name: "new at the source", desired: line("3"), want: "create, new at source, ", written: "3"},
		{name: "new at the source, not to be created", desired: line("3"), noCreate: true, want: ""},
		{name: "somebody removed it", desired: line("3"), record: recorded(line("3")), want: "create, removed at target, removed_at_target"},
		{name: "somebody removed it, not to be created", desired: line("3"), record: recorded(line("3")), noCreate: true, want: "forget, removed at target, removed_at_target"},
		{name: "announced and never arrived", desired: line("3"), record: announced(line("3")), want: "create, an earlier attempt left nothing, "},
		{name: "announced twice and never arrived", desired: line("3"), record: sentTwice(), want: "create, an earlier attempt left nothing, sent_twice"},
		{name: "another took its place", desired: line("3"), observed: another(), record: recorded(line("3")), owner: Hold, want: "adopt, another at target, another_at_target"},
		{name: "a pending retirement got through", observed: retiredLine(), record: pending(line("3"), retiredLine())},
		{name: "in step", desired: line("3"), observed: line("3"), record: recorded(line("3"))},
		{name: "changed at target, ours", desired: line("3"), observed: line("5"), record: recorded(line("3")), owner: Restore, want: "update, changed at target, ", written: "3"},
		{name: "changed at target, theirs", desired: line("3"), observed: line("5"), record: recorded(line("3")), owner: Keep},
		{name: "changed at target, filled once", desired: line("3"), observed: line("5"), record: recorded(line("3")), owner: Fill},
		{name: "changed at source, filled once and untouched", desired: line("4"), observed: line("3"), record: recorded(line("3")), owner: Fill, want: "update, changed at source, ", written: "4"},
		{name: "changed at both, filled once", desired: line("4"), observed: line("5"), record: recorded(line("3")), owner: Fill},
		{name: "first contact, a human's value to fill around", desired: line("3"), observed: line("5"), owner: Fill, want: "adopt, already at target, "},
		{name: "changed at target, money", desired: line("3"), observed: line("5"), record: recorded(line("3")), owner: Hold, want: "update, changed at target, changed_at_target"},
		{name: "changed at source", desired: line("4"), observed: line("3"), record: recorded(line("3")), owner: Hold, want: "update, changed at source, ", written: "4"},
		{name: "changed at both, money", desired: line("4"), observed: line("5"), record: recorded(line("3")), owner: Hold, want: "update, changed at both, changed_at_target"},
		{name: "changed at both, ours", desired: line("4"), observed: line("5"), record: recorded(line("3")), owner: Restore, want: "update, changed at both, "},
		{name: "both moved to the same value", desired: line("5"), observed: line("5"), record: recorded(line("3")), owner: Hold},
		{name: "back at the source", desired: line("4"), observed: retiredLine(), record: recorded(retiredLine()), owner: Hold, want: "update, back at source, ", written: "4"},
		{name: "first contact, equal", desired: line("3"), observed: line("3"), owner: Hold, want: "adopt, already at target, "},
		{name: "first contact, different number", desired: line("3"), observed: line("5"), owner: Hold, want: "adopt, adopted, differs, ", written: "3"},
		{name: "first contact, a human's value to keep", desired: line("3"), observed: line("5"), owner: Keep, want: "adopt, already at target, "},
		{name: "an announced create got through", desired: line("3"), observed: line("3"), record: announced(line("3"))},
		{name: "an announced create got through and the source moved on", desired: line("4"), observed: line("3"), record: announced(line("3")), want: "adopt, an earlier attempt got through; adopted, differs, ", written: "4"},
		{name: "a pending update got through", desired: line("4"), observed: line("4"), record: pending(line("3"), line("4")), owner: Hold},
		{name: "a pending update got through and the source moved on", desired: line("6"), observed: line("4"), record: pending(line("3"), line("4")), owner: Hold, want: "update, changed at source, ", written: "6"},
		{name: "a pending update never arrived", desired: line("4"), observed: line("3"), record: pending(line("3"), line("4")), owner: Hold, want: "update, changed at source, "},
		{name: "gone and already retired", observed: retiredLine(), record: recorded(retiredLine())},
		{name: "gone from source", observed: line("3"), record: recorded(line("3")), owner: Hold, want: "delete, gone from source, ", written: "0"},
		{name: "gone from source and edited, money", observed: line("5"), record: recorded(line("3")), owner: Hold, want: "delete, changed at both, changed_at_target"},
		{name: "gone from source and edited, ours", observed: line("5"), record: recorded(line("3")), owner: Restore, want: "delete, changed at both, "},
		{name: "foreign", observed: line("3")},
		{name: "gone from both", record: recorded(line("3")), want: "forget, gone from both, "},
		{name: "announced, never arrived, wanted no more", record: announced(line("3"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Sides
			if c.desired != nil {
				s.Desired = []Object{*c.desired}
			}
			if c.observed != nil {
				s.Observed = []Object{*c.observed}
			}
			if c.record != nil {
				s.Records = []Record{*c.record}
			}
			p, err := Make(testScope, additions(c.owner, !c.noCreate), s)
			if err != nil {
				t.Fatal(err)
			}
			got, written := "", ""
			for _, ch := range p.Changes {
				got += fmt.Sprintf("%s, %s, %s", ch.Action, ch.Reason, ch.Held)
				if ch.After != nil {
					written = ch.After.Fields.Text("quantity")
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.written != "" && written != c.written {
				t.Errorf("the target would hold %q, want %q", written, c.written)
			}
		})
	}
}

func TestAHoldOfAnEditSaysWhoAndWhen(t *testing.T) {
	at := time.Date(2026, 11, 28, 14, 2, 0, 0, time.UTC)
	with := func(o *Object, e Edit) *Object { o.Edited = e; return o }
	last := line("3")
	for _, c := range []struct {
		name     string
		desired  *Object
		observed *Object
		noCreate bool
		ended    map[string]Edit
		want     string // how the sentence begins
	}{
		{name: "both are told", desired: line("3"), observed: with(line("5"), Edit{By: "jdoe", At: at}),
			want: "Premium was edited at the target since our last write (last changed there by jdoe at 2026-11-28 14:02 UTC): quantity is 5, ours would be 3;"},
		{name: "only when", desired: line("3"), observed: with(line("5"), Edit{At: at}), want: "Premium was edited at the target since our last write (last changed there at 2026-11-28 14:02 UTC): quantity"},
		{name: "only who", desired: line("3"), observed: with(line("5"), Edit{By: "jdoe"}), want: "Premium was edited at the target since our last write (last changed there by jdoe): quantity"},
		{name: "nothing is told", desired: line("3"), observed: line("5"), want: "Premium was edited at the target since our last write: quantity"},
		{name: "gone from the source meanwhile", observed: with(line("5"), Edit{By: "jdoe", At: at}),
			want: "Premium was edited at the target since our last write (last changed there by jdoe at 2026-11-28 14:02 UTC) and is now gone"},
		{name: "ended there", desired: line("3"), noCreate: true, ended: map[string]Edit{last.Ref: {By: "jdoe", At: at}},
			want: "Premium was ended or removed at the target since our last write (last changed there by jdoe at 2026-11-28 14:02 UTC); approve"},
		{name: "ended there, to be made again", desired: line("3"), ended: map[string]Edit{last.Ref: {By: "jdoe", At: at}},
			want: "Premium was removed at the target since our last write (last changed there by jdoe at 2026-11-28 14:02 UTC); approve"},
	} {
		s := Sides{Records: []Record{*recorded(last)}, Ended: c.ended}
		for to, o := range map[*[]Object]*Object{&s.Desired: c.desired, &s.Observed: c.observed} {
			if o != nil {
				*to = []Object{*o}
			}
		}
		p, err := Make(testScope, additions(Hold, !c.noCreate), s)
		if err != nil || len(p.Violations) != 1 {
			t.Fatalf("%s: got %+v, %v, want one violation", c.name, p, err)
		}
		if v := p.Violations[0]; !v.OverwritesEdit() || !strings.HasPrefix(v.Message, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, v.Message, c.want)
		}
	}
}

func TestAHumansValueStaysTheirsForEver(t *testing.T) {
	kinds := additions(Keep, true)
	record := Record{}
	target := *line("5") // a human's
	for run, want := range []string{"3", "4", "4"} {
		s := Sides{Desired: []Object{*line(want)}, Observed: []Object{target}}
		if run > 0 {
			s.Records = []Record{record}
		}
		p, err := Make(testScope, kinds, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes {
			if len(c.Fields) > 0 {
				t.Fatalf("run %d writes %v over a human's value", run, c.Fields)
			}
			record = Record{Object: c.Remembered(*c.After), Origin: Adopted}
		}
		for _, o := range p.Learned {
			record.Object = o
		}
	}
}

func TestTwoObjectsWithOneKeyAreNeverGuessed(t *testing.T) {
	a, b := *line("3"), *line("4")
	b.Ref = "55/911"
	for name, s := range map[string]Sides{
		"desired":  {Desired: []Object{a, b}},
		"observed": {Observed: []Object{a, b}},
		"records":  {Records: []Record{*recorded(&a), *recorded(&b)}},
	} {
		_, err := Make(testScope, additions(Hold, true), s)
		if err == nil || name != "records" && !strings.Contains(err.Error(), "55/911") {
			t.Errorf("%s: got error %v, want one that names both", name, err)
		}
	}
}

func TestConflictsAndHandsOffAreTakenOutOfAllSides(t *testing.T) {
	s := func() Sides {
		return Sides{Desired: []Object{*line("3")}, Observed: []Object{*line("5")}, Records: []Record{*recorded(line("4"))}}
	}
	inConflict := s()
	inConflict.Conflicts = []Conflict{{Key: line("1").Key, Violation: Violation{Code: "duplicate_lines", Key: "sku", Message: "two lines"}}}
	off := s()
	off.HandsOff = map[Key]string{line("1").Key: "agreed with the customer"}
	for name, sides := range map[string]Sides{"conflict": inConflict, "hands off": off} {
		p, err := Make(testScope, additions(Hold, true), sides)
		if err != nil || !p.Empty() || len(p.Violations) != 1 {
			t.Errorf("%s: got %+v, %v; want no change and one violation", name, p, err)
		}
	}
}

func TestTheOrderOfKindsDecidesWhoComesFirst(t *testing.T) {
	kinds := []Kind{{Name: "user", MayCreate: true}, {Name: "group", MayCreate: true}}
	object := func(kind, id string) Object { return Object{Key: Key{kind, id}, Label: id, Fields: Set("name", id)} }
	p, err := Make(testScope, kinds, Sides{
		Desired:  []Object{object("group", "g1"), object("user", "u1")},
		Observed: []Object{object("group", "g2"), object("user", "u2")},
		Records:  []Record{{Object: object("group", "g2"), Origin: Created}, {Object: object("user", "u2"), Origin: Created}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range p.Changes {
		got = append(got, string(c.Action)+" "+c.Key.ID)
	}
	if want := "create u1 create g1 delete g2 delete u2"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// What a change is called or shown with is not what was approved.
func TestTheDigestIsNotOfTheWords(t *testing.T) {
	p, err := Make(testScope, additions(Hold, true), Sides{Desired: []Object{*line("3")}, Observed: []Object{*line("5")}})
	if err != nil {
		t.Fatal(err)
	}
	digest := p.Digest()
	p.Changes[0].Reason = AlreadyAtTarget // as it was called before
	p.Changes[0].Billing = &Billing{AgreementName: "Managed services"}
	if got := p.Digest(); got != digest {
		t.Errorf("the digest is %s with other words, and was %s", got, digest)
	}
}

func TestTheDigestIsOfScopeAndChangesOnly(t *testing.T) {
	plan := func(observed, desired string) *Plan {
		p, err := Make(testScope, additions(Hold, true), Sides{Desired: []Object{*line(desired)}, Observed: []Object{*line(observed)}, Records: []Record{*recorded(line(observed))}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, again, before, after := plan("3", "4"), plan("3", "4"), plan("2", "4"), plan("3", "5")
	if a.Digest() != again.Digest() || len(a.Digest()) != 12 {
		t.Errorf("the same plan has digests %q and %q", a.Digest(), again.Digest())
	}
	if a.Digest() == before.Digest() || a.Digest() == after.Digest() {
		t.Error("plans that differ share a digest")
	}
	other := *a
	other.Scope.Customer = "fabrikam"
	if other.Digest() == a.Digest() {
		t.Error("plans of two customers share a digest")
	}
	if empty := plan("3", "3"); empty.Digest() != "" {
		t.Errorf("an empty plan has digest %q", empty.Digest())
	}
}

// However the three sides stand, carrying out the plan leaves nothing to do
// but what a person must decide.
func TestAnAppliedPlanLeavesAnEmptyPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owner := rapid.SampledFrom([]Ownership{Restore, Fill, Keep, Hold}).Draw(t, "owner")
		kinds := additions(owner, rapid.Bool().Draw(t, "create"))
		quantity := rapid.SampledFrom([]string{"0", "1", "2", "3"})
		object := func(id, label string) Object {
			q := quantity.Draw(t, label)
			return Object{Key: Key{"addition", id}, Label: id, Ref: "r" + id, Fields: Set("quantity", q), Retired: q == "0" && label != "desired"}
		}
		atTarget := map[string]Object{}
		memory := map[string]Record{}
		var desired []Object
		for i := range rapid.IntRange(0, 5).Draw(t, "objects") {
			id := fmt.Sprint(i)
			if rapid.Bool().Draw(t, "wanted") {
				desired = append(desired, object(id, "desired"))
			}
			if rapid.Bool().Draw(t, "there") {
				atTarget[id] = object(id, "observed")
			}
			switch rapid.IntRange(0, 3).Draw(t, "record") {
			case 1:
				memory[id] = Record{Object: object(id, "recorded"), Origin: Created}
			case 2:
				next := object(id, "pending")
				memory[id] = Record{Object: object(id, "recorded"), Origin: Created, Pending: &next}
			case 3:
				next := object(id, "pending")
				memory[id] = Record{Object: next, Pending: &next}
			}
		}
		sides := func() Sides {
			s := Sides{Desired: append([]Object{}, desired...)}
			for _, o := range atTarget {
				s.Observed = append(s.Observed, o)
			}
			for _, r := range memory {
				s.Records = append(s.Records, r)
			}
			return s
		}
		foreign := map[string]string{}
		for id, o := range atTarget {
			if _, ok := memory[id]; !ok {
				foreign[id] = o.Fields.Text("quantity")
			}
		}
		for _, d := range desired {
			delete(foreign, d.ID)
		}
		p, err := Make(testScope, kinds, sides())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Changes { // everything approved
			switch {
			case c.Action == Forget:
				delete(memory, c.Key.ID)
				continue
			case c.Writes():
				atTarget[c.Key.ID] = *c.After
			}
			memory[c.Key.ID] = Record{Object: c.Remembered(atTarget[c.Key.ID]), Origin: Created}
		}
		for _, o := range p.Learned {
			memory[o.ID] = Record{Object: o, Origin: Created}
		}
		for _, k := range p.Dropped {
			delete(memory, k.ID)
		}
		again, err := Make(testScope, kinds, sides())
		if err != nil {
			t.Fatal(err)
		}
		if !again.Empty() || len(again.Learned)+len(again.Dropped) > 0 {
			t.Fatalf("after %+v the second plan has %+v, learns %v", p.Changes, again.Changes, again.Learned)
		}
		for id, q := range foreign {
			if got := atTarget[id].Fields.Text("quantity"); got != q {
				t.Fatalf("foreign %s went from %s to %s", id, q, got)
			}
		}
	})
}

func inStep(n int) Sides {
	s := Sides{Desired: make([]Object, n), Observed: make([]Object, n), Records: make([]Record, n)}
	for i := range n {
		o := Object{Key: Key{"addition", fmt.Sprintf("%08d", i)}, Label: "Premium", Ref: "55/910", Fields: Set("quantity", fmt.Sprint(i%50))}
		s.Desired[i] = o
		o.Fields = Set("cancelled", "", "quantity", fmt.Sprint(i%50))
		s.Observed[i], s.Records[i] = o, Record{Object: o, Origin: Adopted}
	}
	return s
}

func TestObjectsInStepCostNoAllocation(t *testing.T) {
	kinds, s := additions(Hold, true), inStep(1000)
	limits := Limits{HoldFirst: true}
	perRun := testing.AllocsPerRun(20, func() {
		p, err := Make(testScope, kinds, s)
		if err != nil || !p.Empty() || len(Check(p, GuardInput{}, limits)) > 0 || p.Digest() != "" {
			t.Fatal("not in step")
		}
	})
	if perRun > 3 { // the plan itself, whatever it holds
		t.Errorf("1000 objects in step cost %v allocations", perRun)
	}
}

// BenchmarkInStep measures diff, guards and digest of objects that need
// nothing: objects a second on one core.
func BenchmarkInStep(b *testing.B) {
	const n = 100_000
	kinds, s := additions(Hold, true), inStep(n)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Make(testScope, kinds, s)
		if err != nil || !p.Empty() {
			b.Fatal("not in step")
		}
		Check(p, GuardInput{}, Limits{})
		p.Digest()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}
