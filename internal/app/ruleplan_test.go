package app

import (
	"slices"
	"testing"

	"syncd/internal/mapping"
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
