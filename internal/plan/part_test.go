package plan

import "testing"

// A part has the digest of the whole, and is approved with it only where the whole holds
// just its changes.
func TestAPartStandsForTheWhole(t *testing.T) {
	change := func(id, after string) Change {
		return Change{Action: Update, Key: Key{"addition", id}, Fields: []FieldChange{{Name: FieldQuantity, Before: Value{"1"}, After: Value{after}}}}
	}
	scope := Scope{Customer: "contoso", Target: "connectwise"}
	whole := &Plan{Scope: scope, Changes: []Change{change("a", "2"), change("b", "3")}}
	rest := (&Plan{Scope: scope, Changes: []Change{change("b", "3")}}).Digest()
	for _, c := range []struct {
		name    string
		changes []Change
		within  bool
		digest  string
	}{
		{"one of its changes", []Change{change("a", "2")}, true, whole.Digest()},
		{"all of them", whole.Changes, true, whole.Digest()},
		{"another change of the same object", []Change{change("a", "9")}, false, whole.Digest()},
		{"an object that the whole leaves alone", []Change{change("c", "2")}, false, whole.Digest()},
		{"nothing", nil, true, ""},
	} {
		part := &Plan{Scope: scope, Changes: c.changes, Whole: whole}
		if got := part.WithinWhole(); got != c.within {
			t.Errorf("%s: within the whole %v, want %v", c.name, got, c.within)
		}
		if got := part.Digest(); got != c.digest {
			t.Errorf("%s: digest %q, want %q", c.name, got, c.digest)
		}
	}
	part := &Plan{Scope: scope, Changes: []Change{change("a", "2")}, Whole: whole}
	if got := part.With(nil).Digest(); got != rest {
		t.Errorf("what is left once the part is done has digest %s, want %s", got, rest)
	}
}
