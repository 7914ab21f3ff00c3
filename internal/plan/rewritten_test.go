package plan

import (
	"testing"
)

// rewritten is the record of a line that came back as o when sent was sent.
func rewritten(o *Object, sent string) Record {
	c := Change{Fields: []FieldChange{{Name: "quantity", After: Value{sent}}}}
	r := *recorded(o)
	r.Rewritten = c.Rewritten(nil, Set("quantity", sent), o)
	return r
}

func TestAValueThatTheTargetRewritesIsSentOnce(t *testing.T) {
	made := func(r Record, owner Ownership, wanted, there string) *Plan {
		t.Helper()
		p, err := Make(testScope, additions(owner, true), Sides{Desired: []Object{*line(wanted)}, Observed: []Object{*line(there)}, Records: []Record{r}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	r := rewritten(line("4"), "5")
	for _, owner := range []Ownership{Restore, Fill, Keep} {
		if p := made(r, owner, "5", "4"); !p.Empty() || p.InStep != 1 || len(p.Learned) > 0 {
			t.Errorf("%s: %+v, learned %v; want it in step", owner, p.Changes, p.Learned)
		}
	}
	for name, p := range map[string]*Plan{
		"another value is wanted":              made(r, Restore, "6", "4"),
		"somebody changed what it was made to": made(r, Restore, "5", "3"),
		"it is money, and a person's to judge": made(r, Hold, "5", "4"),
	} {
		if len(p.Changes) != 1 || p.Changes[0].After.Fields.Text("quantity") == "4" {
			t.Errorf("%s: got %+v, want it written", name, p.Changes)
		}
	}
	// Written again, and it came back right: nothing is remembered.
	again := Change{Fields: []FieldChange{{Name: "quantity", After: Value{"6"}}}}
	if got := again.Rewritten(r.Rewritten, nil, line("6")); got != nil {
		t.Errorf("still remembers %v", got)
	}
	// One field is written beside it: the other stays in step as it is.
	two := rewritten(line("4"), "5")
	two.Fields = two.Fields.With("note", Value{"x"})
	o, d := *line("4"), *line("5")
	o.Fields, d.Fields = o.Fields.With("note", Value{"x"}), d.Fields.With("note", Value{"y"})
	p, err := Make(testScope, additions(Restore, true), Sides{Desired: []Object{d}, Observed: []Object{o}, Records: []Record{two}})
	if err != nil || len(p.Changes) != 1 || len(p.Changes[0].Fields) != 1 || p.Changes[0].After.Fields.Text("quantity") != "4" {
		t.Errorf("got %+v, %v; want the note alone", p.Changes, err)
	}
}
