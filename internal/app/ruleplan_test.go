package app

import (
	"slices"
	"testing"

	"github.com/shopspring/decimal"

	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/sync"
)

func TestWhomAChangeOfRulesConcerns(t *testing.T) {
	board := &ProductBoard{
		held: map[string]map[string]int{"x": {"few": 1, "many": 9}, "y": {"other": 5}},
		has:  map[string]map[string]bool{"x": {"line": true}, "p": {"feeds": true}},
		all:  map[string]bool{"few": true, "many": true, "other": true, "line": true, "feeds": true},
	}
	bill := func(customer, sku, product, count string) mapping.Rule {
		return mapping.Rule{Customer: customer, SKU: sku, Product: product, Count: count, Status: mapping.Bill}
	}
	for _, c := range []struct {
		name          string
		before, after []mapping.Rule
		want          []string
	}{
		{"nothing changes", []mapping.Rule{bill("", "x", "P", "")}, []mapping.Rule{bill("", "x", "P", "")}, nil},
		{"whoever holds it, or has a line of it or of the product, the most units first", nil, []mapping.Rule{bill("", "x", "P", "")}, []string{"many", "few", "feeds", "line"}},
		{"not who has a rule of its own", []mapping.Rule{bill("many", "x", "P", "")}, []mapping.Rule{bill("many", "x", "P", ""), bill("", "x", "P", "")}, []string{"few", "feeds", "line"}},
		{"one customer alone", nil, []mapping.Rule{bill("few", "x", "P", "")}, []string{"few"}},
		{"people are counted everywhere", nil, []mapping.Rule{bill("", "", "Q", mapping.People)}, []string{"feeds", "few", "line", "many", "other"}},
		{"a rule that goes", []mapping.Rule{bill("", "y", "Z", "")}, nil, []string{"other"}},
	} {
		if got := board.concerned(mapping.Rules{Rules: c.before}, mapping.Rules{Rules: c.after}); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// A line that the new rules call otherwise, and change alike, is no difference.
func TestALineUnderAnotherKeyIsTheSameLine(t *testing.T) {
	change := func(key, ref, to string) plan.Change {
		return plan.Change{Action: plan.Update, Key: plan.Key{Kind: "addition", ID: key}, Ref: ref, MonthlyDelta: decimal.NewFromInt(66),
			Fields: []plan.FieldChange{{Name: plan.FieldQuantity, Before: plan.Value{"18"}, After: plan.Value{to}}}}
	}
	report := func(changes ...plan.Change) *sync.ScopeReport { return &sync.ScopeReport{Changes: changes} }
	for _, c := range []struct {
		name      string
		now, then *sync.ScopeReport
		differs   bool
	}{
		{"the same", report(change("k", "55/1", "21")), report(change("k", "55/1", "21")), false},
		{"under another key", report(change("k", "55/1", "21")), report(change("k@P", "55/1", "21")), false},
		{"another line", report(change("k", "55/1", "21")), report(change("k@P", "55/2", "21")), true},
		{"another quantity", report(change("k", "55/1", "21")), report(change("k@P", "55/1", "20")), true},
		{"lines that are not there yet", report(change("k", "", "21")), report(change("k@P", "", "21")), true},
	} {
		if d := difference(c.now, c.then, "USD"); len(d.Added)+len(d.Dropped) > 0 != c.differs {
			t.Errorf("%s: got %+v", c.name, d)
		}
	}
}
