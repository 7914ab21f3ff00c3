package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A contact has a field of every owner.
func contacts() []Kind {
	return []Kind{{Name: "contact", Owner: Fill, MayCreate: true, Fields: map[string]Ownership{"name": Restore, "notes": Keep, "fee": Hold},
		Retire: func(o *Object) *Object {
			after := *o
			after.Fields, after.Retired = o.Fields.With("archived", Value{"yes"}), true
			return &after
		}}}
}

func contact(pairs ...string) Object {
	return Object{Key: Key{"contact", "ana"}, Label: "Ana", Ref: "41", Fields: Set(pairs...)}
}

func TestOnlyWhatIsSentIsRemembered(t *testing.T) {
	theirs := contact("fee", "5", "name", "Ann", "notes", "theirs", "phone", "theirs", "title", "")
	ours := contact("fee", "3", "name", "Ana", "notes", "ours", "title", "Cook")
	made := ours
	made.Ref = ""
	for _, c := range []struct {
		name     string
		desired  *Object
		observed *Object
		before   *Record
		pending  string // what is sent
		record   string // what is remembered beside it, and after the answer
		after    string
	}{
		{"taken on and changed", &ours, &theirs, nil, "fee 3, name Ana, title Cook", "fee 5, name Ann, notes ours, title ", "fee 3, name Ana, notes ours, title Cook"},
		{"changed", &ours, &theirs, &Record{Origin: Adopted, Object: contact("fee", "5", "name", "Ann", "notes", "we", "title", "")},
			"fee 3, name Ana, title Cook", "fee 5, name Ann, notes we, title ", "fee 3, name Ana, notes ours, title Cook"},
		{"made", &made, nil, nil, "fee 3, name Ana, notes ours, title Cook", "fee 3, name Ana, notes ours, title Cook", "fee 3, name Ana, notes ours, title Cook"},
		{"archived", nil, &theirs, &Record{Origin: Adopted, Object: contact("fee", "5", "name", "Ann", "notes", "we", "title", "")},
			"archived yes", "archived , fee 5, name Ann, notes we, title ", "archived yes, fee 5, name Ann, notes we, title "},
	} {
		s := Sides{}
		if c.desired != nil {
			s.Desired = []Object{*c.desired}
		}
		if c.observed != nil {
			s.Observed = []Object{*c.observed}
		}
		if c.before != nil {
			s.Records = []Record{*c.before}
		}
		p, err := Make(testScope, contacts(), s)
		if err != nil || len(p.Changes) != 1 {
			t.Fatalf("%s: got %+v, %v; want one change", c.name, p, err)
		}
		ch := &p.Changes[0]
		r := ch.Announced(c.before)
		if got := r.Pending.Fields.String(); got != c.pending {
			t.Errorf("%s: pending is %q, want %q", c.name, got, c.pending)
		}
		if got := r.Fields.String(); got != c.record {
			t.Errorf("%s: announced with %q, want %q", c.name, got, c.record)
		}
		if got := ch.Remembered(*ch.After).Fields.String(); got != c.after {
			t.Errorf("%s: %q is left, want %q", c.name, got, c.after)
		}
	}
}

// A request may be cut anywhere: before it arrives, after some of it, after all
// of it. Whatever a person typed stays theirs, as the field's owner says.
func TestACutRequestMakesNothingOfAPersonsOurs(t *testing.T) {
	for _, action := range []string{"taken on and changed", "changed", "made"} {
		for _, arrived := range []string{"nothing", "fee", "fee name", "fee name notes title"} {
			t.Run(action+", arrived "+arrived, func(t *testing.T) {
				ours := contact("fee", "3", "name", "Ana", "notes", "ours", "title", "Cook")
				var before *Record
				s := Sides{Desired: []Object{ours}, Observed: []Object{contact("fee", "5", "name", "Ann", "notes", "theirs", "title", "theirs")}}
				switch action {
				case "changed":
					before = &Record{Origin: Adopted, Object: contact("fee", "5", "name", "Ann", "notes", "we", "title", "we")}
					s.Records = []Record{*before}
				case "made":
					s.Observed = nil
				}
				p, err := Make(testScope, contacts(), s)
				if err != nil {
					t.Fatal(err)
				}
				record := p.Changes[0].Announced(before)
				at := contact("fee", "3", "name", "Ana", "notes", "theirs", "title", "theirs") // a person filled in what we made
				if action != "made" {
					at = s.Observed[0]
					for name := range strings.FieldsSeq(arrived) {
						if sent, ok := record.Pending.Fields.Get(name); ok {
							at.Fields = at.Fields.With(name, sent)
						}
					}
				}
				ask := func(desired, observed Object) *Change {
					t.Helper()
					p, err := Make(testScope, contacts(), Sides{Desired: []Object{desired}, Observed: []Object{observed}, Records: []Record{record}})
					if err != nil {
						t.Fatal(err)
					}
					if len(p.Changes) == 0 {
						return &Change{}
					}
					return &p.Changes[0]
				}
				for _, desired := range []Object{ours, contact("fee", "3", "name", "Ana", "notes", "moved", "title", "moved")} {
					if c := ask(desired, at); slices.ContainsFunc(c.Fields, func(f FieldChange) bool { return f.Name == "notes" || f.Name == "title" }) || c.Held != "" {
						t.Errorf("got %s %+v, held %q; want a person's fields left alone, and nothing held", c.Action, c.Fields, c.Held)
					}
				}
				edited := at
				edited.Fields = at.Fields.With("fee", Value{"40"})
				if c := ask(ours, edited); c.Held != heldEdit {
					t.Errorf("a fee that a person set is held as %q (%s %+v), want %s", c.Held, c.Action, c.Fields, heldEdit)
				}
				moved := ours
				moved.Fields = ours.Fields.With("fee", Value{"4"}).With("name", Value{"Anna"})
				if c := ask(moved, at); c.Held != "" || len(c.Fields) != 2 {
					t.Errorf("what moved at the source meanwhile: got %+v, held %q; want it written", c.Fields, c.Held)
				}
			})
		}
	}
}

// However sources move, people type and requests are cut: nothing is written
// over a person's value in a field that is filled or kept, and over no edit of a
// held one without a word.
func TestWhatAPersonTypedIsNeverTakenForOurs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"fee", "name", "notes", "title", "archived"}
		source := map[string]string{"fee": "s0", "name": "s0", "notes": "s0", "title": ""}
		person := map[string]bool{} // fields that show what a person typed
		var atTarget *Object
		var record *Record
		n := 0
		// What was there when the object was last dealt with was seen: a held field
		// waits for what people do after that.
		seen := func(at *Object) {
			if at == nil || record == nil {
				return
			}
			for _, f := range at.Fields {
				if was, _ := record.Fields.Get(f.Name); was.Equal(f.Value) && contacts()[0].owner(f.Name) == Hold {
					delete(person, f.Name)
				}
			}
		}
		fresh := func(by string) Value { n++; return Value{fmt.Sprintf("%s%d", by, n)} }
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch field := rapid.SampledFrom(names[:4]).Draw(t, "field"); rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				if _, asked := source[field]; asked && rapid.Bool().Draw(t, "no longer") {
					delete(source, field)
				} else {
					source[field] = fresh("s")[0]
				}
				continue
			case 1:
				if atTarget == nil {
					o := contact("archived", "", "fee", "", "name", "", "notes", "", "title", "")
					atTarget = &o
				}
				atTarget.Fields = atTarget.Fields.With(field, fresh("p"))
				person[field] = true
				continue
			}
			s := Sides{}
			if rapid.IntRange(0, 4).Draw(t, "there") > 0 {
				o := contact()
				for name, v := range source {
					o.Fields = o.Fields.With(name, Value{v})
				}
				o.Fields = o.Fields.With("archived", nil)
				s.Desired = []Object{o}
			}
			if atTarget != nil {
				s.Observed = []Object{*atTarget}
				s.Observed[0].Retired = atTarget.Fields.Text("archived") != ""
			}
			known := record != nil
			if known {
				s.Records = []Record{*record}
			}
			p, err := Make(testScope, contacts(), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range p.Learned {
				r := Record{Object: o, Origin: Created}
				record = &r
				seen(atTarget)
			}
			for range p.Dropped {
				record = nil
			}
			if len(p.Changes) == 0 {
				continue
			}
			c := &p.Changes[0]
			for _, f := range c.Fields {
				switch owner := contacts()[0].owner(f.Name); {
				case !person[f.Name] || f.Name == "archived":
				case owner == Fill, owner == Keep:
					t.Fatalf("%s (%s) writes %v over what a person typed into %s", c.Action, c.Reason, f.After, f.Name)
				case owner == Hold && known && c.Held == "":
					t.Fatalf("%s (%s) writes %v over what a person typed into %s, without asking", c.Action, c.Reason, f.After, f.Name)
				}
			}
			if c.Held != "" && !rapid.Bool().Draw(t, "approved") {
				continue
			}
			if c.Action == Forget {
				record = nil
				continue
			}
			sent := slices.Clone(c.Fields)
			answered := rapid.Bool().Draw(t, "answered")
			if !answered { // some of it arrives
				announced := c.Announced(record)
				record = &announced
				seen(c.Before)
				sent = sent[:rapid.IntRange(0, len(sent)).Draw(t, "arrived")]
				if c.Action == Create && len(sent) < len(c.Fields) {
					continue
				}
			}
			if c.Writes() {
				after := contact("archived", "", "fee", "", "name", "", "notes", "", "title", "")
				if c.Before != nil {
					after = *c.Before
				}
				for _, f := range sent {
					after.Fields = after.Fields.With(f.Name, f.After)
					delete(person, f.Name)
				}
				atTarget = &after
			}
			if answered {
				record = &Record{Object: c.Remembered(*atTarget), Origin: Created}
				seen(atTarget)
			}
		}
	})
}
