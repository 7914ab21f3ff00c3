package plan

import (
	"maps"
	"testing"
)

func TestPuttingBackIsCountedInARow(t *testing.T) {
	field := func(name string, reason Reason, owner Ownership) FieldChange {
		return FieldChange{Name: name, reason: reason, owner: owner}
	}
	for _, c := range []struct {
		name         string
		action       Action
		fields       []FieldChange
		before, want map[string]int
	}{
		{"once", Update, []FieldChange{field("title", ChangedAtTarget, Restore)}, nil, map[string]int{"title": 1}},
		{"again", Update, []FieldChange{field("title", ChangedAtTarget, Restore)}, map[string]int{"title": 2, "name": 1}, map[string]int{"title": 3, "name": 1}},
		{"the source changed", Update, []FieldChange{field("title", ChangedAtSource, Restore)}, map[string]int{"title": 2}, nil},
		{"both changed", Update, []FieldChange{field("title", ChangedAtBoth, Restore)}, map[string]int{"title": 2}, nil},
		{"a person approved it", Update, []FieldChange{field("quantity", ChangedAtTarget, Hold)}, nil, nil},
		{"taken on anew", Adopt, []FieldChange{field("title", ChangedAtTarget, Restore)}, map[string]int{"title": 2}, nil},
	} {
		change := Change{Action: c.action, Fields: c.fields}
		if got := change.PutBackAfter(c.before); !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
