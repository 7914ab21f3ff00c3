package plan

import (
	"fmt"
	"strings"
	"testing"
)

// back is the way back from run R, which brought the line from 12 to 40.
func back(change ...func(*Reversal)) Reversal {
	r := Reversal{Key: line("").Key, Ref: line("").Ref, Run: "R", Undo: UndoWrite, Before: Set("quantity", "12"), Left: Set("quantity", "40"), Record: "R"}
	for _, c := range change {
		c(&r)
	}
	return r
}

func by(run string, r *Record) *Record {
	r.Run = run
	return r
}

func wanting(quantity string) func(*Reversal) {
	return func(r *Reversal) { r.Wanted = &Wanted{There: quantity != "", Fields: Set("quantity", quantity)} }
}

func ended(o *Object, last string) *Object {
	o.Fields = o.Fields.With(FieldCancelled, Value{last})
	return o
}

func made(r *Reversal)  { r.Undo, r.Before = UndoCreate, nil }
func taken(r *Reversal) { r.Undo, r.Before = UndoAdopt, nil }

func TestTheWayBack(t *testing.T) {
	for _, c := range []struct {
		name     string
		reversal Reversal
		desired  *Object
		observed *Object
		record   *Record
		never    bool // what is gone is left as it is
		unknown  bool // the object is in conflict
		want     string
		written  string
		note     string
		over     bool
	}{
		{name: "as the run left it", reversal: back(), desired: line("40"), observed: line("40"), record: by("R", recorded(line("40"))),
			want: "update, reverted, ", written: "12"},
		{name: "nothing is wanted of it any more", reversal: back(), observed: line("40"), record: by("R", recorded(line("40"))), want: "update, reverted, ", written: "12"},
		{name: "the run put it aside", reversal: back(func(r *Reversal) { r.Left = Set("quantity", "0") }), observed: retiredLine(), record: by("R", recorded(retiredLine())),
			want: "update, reverted, ", written: "12"},
		{name: "it was put aside before", reversal: back(func(r *Reversal) { r.Before, r.Retired = Set("quantity", "0"), true }), desired: line("40"), observed: line("40"),
			record: by("R", recorded(line("40"))), want: "delete, reverted, ", written: "0"},
		{name: "the run made it", reversal: back(made), desired: line("40"), observed: line("40"), record: by("R", recorded(line("40"))), want: "delete, reverted, ", written: "0"},
		{name: "the run made it and nothing is ever put aside", reversal: back(made), desired: line("40"), observed: line("40"), record: by("R", recorded(line("40"))), never: true,
			note: "take it away there", over: true},
		{name: "the run took it on as it was", reversal: back(taken), desired: line("40"), observed: line("40"), record: by("R", recorded(line("40"))), want: "forget, reverted, "},
		{name: "a person changed it since", reversal: back(), desired: line("40"), observed: line("39"), record: by("R", recorded(line("40"))),
			want: "update, changed at target, changed_at_target", note: "it was changed since: quantity is 39 (the run left 40)", over: true},
		{name: "a later run changed it", reversal: back(func(r *Reversal) { r.Record = "S" }), desired: line("41"), observed: line("41"), record: by("S", recorded(line("41"))),
			note: "it was changed since, by run S: quantity is 41 (the run left 40)", over: true},
		{name: "a later run changed it while the way back waited", reversal: back(), desired: line("41"), observed: line("41"), record: by("S", recorded(line("41"))),
			note: "another run changed or dropped it since", over: true},
		{name: "another line is kept in step now", reversal: back(), desired: line("40"), observed: another(), record: by("R", recorded(another())), want: "update, changed at source, ",
			note: "another run changed or dropped it since", over: true},
		{name: "half of the way back arrived", reversal: back(made, func(r *Reversal) { r.Left = Set("cancelled", "", "quantity", "40") }), desired: line("40"), observed: line("0"),
			record: by("R", recorded(line("40"))), want: ""},
		{name: "it is gone", reversal: back(), desired: line("40"), record: by("R", recorded(line("40"))),
			want: "create, removed at target, removed_at_target", note: "it is not at the target any more", over: true},
		{name: "it cannot be told", reversal: back(), desired: line("40"), observed: line("40"), record: by("R", recorded(line("40"))), unknown: true, note: "two lines", over: true},
		{name: "a person took it back already", reversal: back(), desired: line("40"), observed: line("12"), record: by("R", recorded(line("40")))},
		{name: "the answer was lost and it arrived", reversal: back(), desired: line("40"), observed: line("12"), record: by("S", pending(line("40"), line("12")))},
		{name: "the answer was lost and it did not arrive", reversal: back(), desired: line("40"), observed: line("40"), record: by("S", pending(line("40"), line("12"))),
			want: "update, reverted, ", written: "12"},

		{name: "taken back, and wanted as before", reversal: back(wanting("40")), desired: line("40"), observed: line("12"), record: by("S", recorded(line("12"))),
			want: "update, changed at source, reverted", written: "40"},
		{name: "taken back, and a field that it has now is wanted blank", reversal: back(made, wanting("40")), desired: ended(line("40"), ""), observed: ended(retiredLine(), "2026-11-30"),
			record: by("S", recorded(ended(retiredLine(), "2026-11-30"))), want: "update, back at source, reverted"},
		{name: "taken back, and nobody knows what was wanted", reversal: back(), desired: line("40"), observed: line("12"), record: by("S", recorded(line("12"))),
			want: "update, changed at source, reverted", written: "40"},
		{name: "taken back, and something else is wanted", reversal: back(wanting("40")), desired: line("13"), observed: line("12"), record: by("S", recorded(line("12"))),
			want: "update, changed at source, ", written: "13", over: true},
		{name: "taken back, and nothing is wanted", reversal: back(wanting("40")), observed: line("12"), record: by("S", recorded(line("12"))),
			want: "delete, gone from source, ", written: "0", over: true},
		{name: "taken back, and it was not wanted", reversal: back(wanting(""), func(r *Reversal) { r.Wanted.Fields = nil }), observed: line("12"), record: by("S", recorded(line("12"))),
			want: "delete, gone from source, reverted", written: "0"},
		{name: "taken back, and edited since", reversal: back(wanting("40")), desired: line("40"), observed: line("15"), record: by("S", recorded(line("12"))),
			want: "update, changed at both, changed_at_target", written: "40"},
		{name: "made, put aside, and wanted as before", reversal: back(made, wanting("40")), desired: line("40"), observed: retiredLine(), record: by("S", recorded(retiredLine())),
			want: "update, back at source, reverted", written: "40"},
		{name: "made, put aside, and ended at the target", reversal: back(made, wanting("40")), desired: line("40"), record: by("S", recorded(retiredLine())),
			want: "create, new at source, reverted", written: "40"},
		{name: "let go, and wanted as before", reversal: back(taken, wanting("40")), desired: line("40"), observed: line("40"), want: "adopt, already at target, reverted"},
		{name: "let pass", reversal: back(wanting("40")), desired: line("40"), observed: line("40"), record: by("T", recorded(line("40"))), over: true},
		{name: "the wanted value is the former one", reversal: back(wanting("40")), desired: line("12"), observed: line("12"), record: by("S", recorded(line("12"))), over: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Sides{Reversals: []Reversal{c.reversal}}
			other := *another()
			other.Key.ID = "other"
			s.Desired, s.Observed = append(s.Desired, other), append(s.Observed, other) // the rest of the scope
			s.Records = append(s.Records, *recorded(&other))
			if c.desired != nil {
				s.Desired = append(s.Desired, *c.desired)
			}
			if c.observed != nil {
				s.Observed = append(s.Observed, *c.observed)
			}
			if c.record != nil {
				s.Records = append(s.Records, *c.record)
			}
			if c.unknown {
				s.Conflicts = []Conflict{{Key: c.reversal.Key, Violation: Violation{Code: "duplicate_lines", Key: c.reversal.Key.ID, Message: "two lines", NeedsRepair: true}}}
			}
			kinds := additions(Hold, true)
			if c.never {
				kinds[0].Leavers = &Leavers{Never: true}
			}
			p, err := Make(testScope, kinds, s)
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
			if got != c.want || c.written != "" && written != c.written {
				t.Errorf("got %q of %s, want %q of %s", got, written, c.want, c.written)
			}
			if over := len(p.Reversals) == 0; over != c.over {
				t.Errorf("the reversal is over: %v, want %v", over, c.over)
			}
			notes := ""
			for _, v := range p.Violations {
				if v.Code == NotReverted {
					notes += v.Message
				}
			}
			if c.note == "" && notes != "" || !strings.Contains(notes, c.note) {
				t.Errorf("noted %q, want %q", notes, c.note)
			}
			if p.Managed != 2 && c.observed != nil && p.Reverting != "" {
				t.Errorf("limits would be shares of %d objects, want 2", p.Managed)
			}
		})
	}
}

func TestTheWayBackWaitsForAPersonWhateverThePolicy(t *testing.T) {
	s := Sides{Desired: []Object{*line("40")}, Observed: []Object{*line("40")}, Records: []Record{*by("R", recorded(line("40")))}, Reversals: []Reversal{back()}}
	p, err := Make(testScope, additions(Hold, true), s)
	if err != nil {
		t.Fatal(err)
	}
	vs := Check(p, GuardInput{Policy: Auto}, Limits{})
	if len(vs) == 0 || vs[0].Code != "revert" || vs[0].NeedsRepair || !Blocks(vs) {
		t.Errorf("got %+v, want a hold that a person lifts", vs)
	}
}

func TestTheLastOneAskedAboutGoesBackFirst(t *testing.T) {
	e3 := func(quantity string) *Object { o := line(quantity); o.Key.ID, o.Ref = "e3", "55/911"; return o }
	s := Sides{Observed: []Object{*line("40"), *e3("7")}, Records: []Record{*by("R", recorded(line("40"))), *by("S", recorded(e3("7")))},
		Reversals: []Reversal{back(), back(func(r *Reversal) {
			r.Key, r.Ref, r.Run, r.Record, r.Before, r.Left = e3("").Key, e3("").Ref, "S", "S", Set("quantity", "3"), Set("quantity", "7")
		})}}
	p, err := Make(testScope, additions(Hold, true), s)
	if err != nil || p.Reverting != "S" || len(p.Changes) != 1 || p.Changes[0].Key.ID != "e3" || len(p.Reversals) != 2 {
		t.Errorf("got the way back from %s, %+v, %+v, %v", p.Reverting, p.Changes, p.Reversals, err)
	}
}
