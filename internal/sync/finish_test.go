package sync

import (
	"errors"
	"maps"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// Where people are counted for money, a list of people that shrank is one like the
// list of licences: it is compared with the last one that was proven.
func TestListsOfPeopleThatCountForMoneyAreComparedToo(t *testing.T) {
	known := &directory.Snapshot{
		Licences: directory.Proven(make([]directory.Licence, 3), directory.Proof{}),
		Users:    directory.Proven(make([]directory.User, 40), directory.Proof{}),
		Holders:  directory.Proven(make([]directory.Holder, 30), directory.Proof{}),
	}
	unknown := &directory.Snapshot{Licences: known.Licences, Users: directory.Unknown[directory.User](directory.Proof{}, errors.New("no answer"))}
	costs := []plan.Kind{{Delta: func(_, _ *plan.Object) decimal.Decimal { return decimal.Zero }}}
	for _, c := range []struct {
		name     string
		kinds    []plan.Kind
		snapshot *directory.Snapshot
		before   map[string]int
		rows     map[string]int
		keeps    map[string]int
	}{
		{"known", costs, known, nil, map[string]int{"licences": 3, "users": 40}, map[string]int{"licences": 3, "users": 40}},
		{"not proven this time", costs, unknown, map[string]int{"licences": 3, "users": 40}, map[string]int{"licences": 3}, map[string]int{"licences": 3, "users": 40}},
		{"nothing that costs money", nil, known, nil, map[string]int{"licences": 3}, map[string]int{"licences": 3}},
	} {
		spec := target.Spec{Needs: directory.Licences, Also: directory.Holders, Kinds: c.kinds, Own: map[string]target.Own{"c": {Also: directory.Users}}}
		s := &scopeRun{target: &openTarget{spec: spec}, customer: mapping.Customer{Key: "c"}, snapshot: c.snapshot, plan: &plan.Plan{}}
		if got := s.sourceRows(); !maps.Equal(got, c.rows) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.rows)
		}
		if got := s.sourceCounts(c.before); !maps.Equal(got, c.keeps) {
			t.Errorf("%s: keeps %v, want %v", c.name, got, c.keeps)
		}
	}
}
