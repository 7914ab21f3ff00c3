package serving

import (
	"slices"
	"strings"
	"testing"
)

func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	ask := Request{Method: "PATCH", Route: "/things/{id}", Account: "acme", Path: "/things/7", Query: "page%5Bnumber%5D=2", Body: `{"name":"Ann"}`}
	for name, tc := range map[string]struct {
		rules Rules[string]
		want  string // of four such requests
	}{
		"no rules":           {nil, "- - - -"},
		"everything":         {Rules[string]{{Fault: "a"}}, "a a a a"},
		"the first":          {Rules[string]{{Method: "PATCH", Fault: "a"}, {Fault: "b"}}, "a a a a"},
		"another method":     {Rules[string]{{Method: "GET", Fault: "a"}}, "- - - -"},
		"the route":          {Rules[string]{{Route: "/things/{id}", Fault: "a"}}, "a a a a"},
		"another route":      {Rules[string]{{Route: "/things", Fault: "a"}}, "- - - -"},
		"the account":        {Rules[string]{{Account: "Acme", Fault: "a"}}, "a a a a"},
		"another account":    {Rules[string]{{Account: "other", Fault: "a"}}, "- - - -"},
		"the path":           {Rules[string]{{Path: "/Things/7", Fault: "a"}}, "a a a a"},
		"a part of the path": {Rules[string]{{Path: "/things", Fault: "a"}}, "- - - -"},
		"the query, decoded": {Rules[string]{{Query: "page[number]=2", Fault: "a"}}, "a a a a"},
		"another query":      {Rules[string]{{Query: "page[number]=3", Fault: "a"}}, "- - - -"},
		"the body":           {Rules[string]{{Body: "Ann", Fault: "a"}}, "a a a a"},
		"another body":       {Rules[string]{{Body: "Bo", Fault: "a"}}, "- - - -"},
		"twice after one":    {Rules[string]{{Skip: 1, Times: 2, Fault: "a"}}, "- a a -"},
		"used up, then next": {Rules[string]{{Times: 1, Fault: "a"}, {Fault: "b"}}, "a b b b"},
		"let through, to the next": {Rules[string]{{Skip: 1, Times: 1, Fault: "a"}, {Times: 1, Fault: "b"}},
			"b a - -"},
	} {
		rules := slices.Clone(tc.rules)
		var got []string
		for range 4 {
			f := rules.Use(&ask)
			if f == "" {
				f = "-"
			}
			got = append(got, f)
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: got %s, want %s", name, s, tc.want)
		}
	}
}

func TestARequestAsideMeetsOnlyRulesThatNameIt(t *testing.T) {
	rules := Rules[string]{{Fault: "all"}, {Route: "token", Fault: "named"}}
	for _, q := range []Request{{Route: "token", Aside: true}, {Route: "ListUsers"}} {
		want := "all"
		if q.Aside {
			want = "named"
		}
		if got := rules.Use(&q); got != want {
			t.Errorf("%s: got %q, want %q", q.Route, got, want)
		}
	}
}
