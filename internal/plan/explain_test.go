package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// reasons are the verdicts that something is done.
var reasons = []Reason{NewAtSource, ChangedAtSource, ChangedAtTarget, ChangedAtBoth, RemovedAtTarget, AlreadyAtTarget, AttemptVanished,
	AttemptSucceeded, GoneFromSource, GoneFromBoth, BackAtSource, AnotherAtTarget, AdoptedDiffers, AttemptDiffers, AnotherDiffers}

// However the three sides stand, the trace says of each field what the plan
// does with it, and asking for it changes nothing.
func TestTheTraceIsWhatThePlanDecided(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		owner := rapid.SampledFrom([]Ownership{Restore, Fill, Keep, Hold})
		value := rapid.SampledFrom([]string{"", "1", "2", "3"})
		names := []string{"a", "b", "c"}
		kind := Kind{Name: "thing", Owner: owner.Draw(t, "owner"), MayCreate: rapid.Bool().Draw(t, "create"),
			Fields: map[string]Ownership{"a": owner.Draw(t, "owner of a"), "b": owner.Draw(t, "owner of b")}}
		if rapid.Bool().Draw(t, "retires") {
			kind.Retire = func(o *Object) *Object {
				after := *o
				after.Fields, after.Retired = o.Fields.With("a", Value{"3"}), true
				return &after
			}
		}
		if rapid.Bool().Draw(t, "patient") {
			kind.Leavers = &Leavers{Absences: rapid.IntRange(1, 3).Draw(t, "absences"), Never: rapid.Bool().Draw(t, "never")}
		}
		object := func(id string) Object {
			o := Object{Key: Key{"thing", id}, Label: "L" + id, Ref: rapid.SampledFrom([]string{"r", "q"}).Draw(t, "ref"), Retired: rapid.Bool().Draw(t, "retired")}
			for _, name := range names {
				if rapid.IntRange(0, 4).Draw(t, "has") > 0 {
					o.Fields = append(o.Fields, Field{name, scalarOf(value.Draw(t, name))})
				}
			}
			return o
		}
		s := Sides{Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), HandsOff: map[Key]string{}}
		for i := range rapid.IntRange(1, 4).Draw(t, "objects") {
			id := fmt.Sprint(i)
			if rapid.Bool().Draw(t, "wanted") {
				s.Desired = append(s.Desired, object(id))
			}
			if rapid.Bool().Draw(t, "there") {
				s.Observed = append(s.Observed, object(id))
			}
			if rapid.Bool().Draw(t, "recorded") {
				r := Record{Object: object(id), Origin: rapid.SampledFrom([]Origin{Created, Adopted}).Draw(t, "origin"), Rewritten: map[string]string{}}
				if rapid.Bool().Draw(t, "pending") {
					r.Pending = new(object(id))
					if rapid.Bool().Draw(t, "announced") {
						r.Origin = Announced
					}
				}
				for _, name := range names {
					r.Rewritten[name] = sentAndShown(scalarOf(value.Draw(t, "sent")), scalarOf(value.Draw(t, "shown")))
				}
				s.Records = append(s.Records, r)
			}
			switch rapid.IntRange(0, 9).Draw(t, "apart") {
			case 0:
				s.Conflicts = append(s.Conflicts, Conflict{Key: Key{"thing", id}, Violation: Violation{Code: "match_conflict"}})
			case 1:
				s.HandsOff[Key{"thing", id}] = "agreed"
			case 2:
				s.Unmanaged = append(s.Unmanaged, object(id))
			}
		}
		silent, err := Make(testScope, []Kind{kind}, copied(s))
		if err != nil {
			t.Fatal(err)
		}
		s.Explain = true
		p, err := Make(testScope, []Kind{kind}, copied(s))
		if err != nil {
			t.Fatal(err)
		}
		if p.Digest() != silent.Digest() || len(silent.Trace) > 0 {
			t.Fatalf("asking why makes another plan: %s, %s", p.Digest(), silent.Digest())
		}
		said := map[Key]map[string]string{}
		for _, row := range p.Trace {
			key := Key{row.Kind, row.Key}
			if said[key] == nil {
				said[key] = map[string]string{}
			}
			if before, twice := said[key][row.Field]; twice {
				t.Fatalf("%s %s is said twice: %s, %s", key, row.Field, before, row.Verdict)
			}
			said[key][row.Field] = row.Verdict
		}
		for _, o := range append(slices.Clone(s.Desired), s.Observed...) {
			for _, f := range o.Fields {
				if said[o.Key][f.Name] == "" {
					t.Fatalf("nothing is said of %s %s", o.Key, f.Name)
				}
			}
		}
		for key, fields := range said {
			i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Key == key })
			for name, verdict := range fields {
				acts := slices.Contains(reasons, Reason(verdict))
				if i < 0 {
					if acts {
						t.Fatalf("%s %s: the trace says %q and the plan does nothing", key, name, verdict)
					}
					continue
				}
				c := &p.Changes[i]
				writes := slices.ContainsFunc(c.Fields, func(f FieldChange) bool { return f.Name == name })
				_, kept := c.Kept.Get(name)
				if c.Action == Delete || c.Action == Forget {
					writes = true // the object goes as a whole
				}
				if writes != acts || kept != (verdict == verdictKept) {
					t.Fatalf("%s %s: the trace says %q and the plan is %s %+v, kept %v", key, name, verdict, c.Action, c.Fields, c.Kept)
				}
			}
			if i >= 0 {
				for _, f := range p.Changes[i].Fields {
					if fields[f.Name] == "" && p.Changes[i].Action != Delete {
						t.Fatalf("%s %s is written and nothing is said of it", key, f.Name)
					}
				}
			}
		}
	})
}

func scalarOf(text string) Value {
	if text == "" {
		return nil
	}
	return Value{text}
}

// copied are sides of their own: Make sorts and cuts what it is given.
func copied(s Sides) Sides {
	s.Desired, s.Observed, s.Records = slices.Clone(s.Desired), slices.Clone(s.Observed), slices.Clone(s.Records)
	s.HandsOff = maps.Clone(s.HandsOff)
	return s
}

func TestTheTraceOfWhatUsedToBeContradicted(t *testing.T) {
	for _, c := range []struct {
		name  string
		owner Ownership
		sides Sides
		want  string
	}{
		{"a pending write that got through", Restore, Sides{Desired: []Object{*line("5")}, Observed: []Object{*line("4")},
			Records: []Record{*pending(line("3"), line("4"))}}, "changed at source"},
		{"a new field of a kept object", Keep, Sides{Desired: []Object{*line("5")}, Observed: []Object{*line("4")},
			Records: []Record{{Object: Object{Key: line("1").Key, Ref: line("1").Ref}, Origin: Adopted}}}, "a human's value, kept"},
		{"an object in conflict", Restore, Sides{Desired: []Object{*line("5")}, Observed: []Object{*line("4")},
			Conflicts: []Conflict{{Key: line("1").Key, Violation: Violation{Code: "duplicate_lines"}}}}, "left as it is: duplicate_lines"},
		{"an object that a person left alone", Restore, Sides{Desired: []Object{*line("5")}, Observed: []Object{*line("4")},
			HandsOff: map[Key]string{line("1").Key: "agreed"}}, "left as it is: hands_off"},
		{"another in its place", Restore, Sides{Desired: []Object{*line("5")}, Observed: []Object{*another()}, Records: []Record{*recorded(line("5"))}}, "another at target; adopted, differs"},
		{"removed at the target", Restore, Sides{Desired: []Object{*line("5")}, Records: []Record{*recorded(line("5"))}}, "removed at target"},
		{"gone from the source", Restore, Sides{Observed: []Object{*line("5")}, Records: []Record{*recorded(line("5"))}}, "gone from source"},
		{"a stranger's", Restore, Sides{Observed: []Object{*line("5")}}, "not ours: never touched"},
		{"a value that the target rewrites", Restore, Sides{Desired: []Object{*line("5")}, Observed: []Object{*line("4")},
			Records: []Record{rewritten(line("4"), "5")}}, verdictRewritten},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.sides.Explain = true
			p, err := Make(testScope, additions(c.owner, true), c.sides)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, row := range p.Trace {
				got = append(got, row.Field+": "+row.Verdict)
			}
			if want := "quantity: " + c.want; strings.Join(got, "; ") != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
