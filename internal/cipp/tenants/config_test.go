package tenants

import (
	"strings"
	"testing"
)

func TestEveryMistakeOfTheConfigurationIsNamed(t *testing.T) {
	for _, tt := range []struct {
		name string
		conf Config
		want string // paths, then a part of each message
		says string
	}{
		{"nothing at all", Defaults(), "", ""},
		{"all that there is", Config{Alias: "Portal name", Groups: []Rule{{Group: "Gold", Type: "Gold*", Status: "Active", Agreement: "?old"}, {Group: "Gold", Agreement: "x"}}}, "", ""},
		{"space around the alias", Config{Alias: " name"}, "alias", "space around it"},
		{"no group", Config{Groups: []Rule{{Type: "x"}}}, "groups[0].group", "static tenant group"},
		{"space around a group", Config{Groups: []Rule{{Group: "Gold ", Type: "x"}}}, "groups[0].group", "space around it"},
		{"no condition", Config{Groups: []Rule{{Group: "Gold", Type: "x"}, {Group: "Silver"}}}, "groups[1]", `would put every tenant into "Silver"`},
		{"broken patterns", Config{Groups: []Rule{{Group: "Gold", Type: "[a", Status: " ", Agreement: "a["}}}, "groups[0].type groups[0].status groups[0].agreement", "is not a pattern"},
		{"a rule twice", Config{Groups: []Rule{{Group: "Gold", Type: "x"}, {Group: "Gold", Type: "x"}}}, "groups[1]", "says the same"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var paths []string
			tt.conf.Validate(func(path, message string) {
				paths = append(paths, path)
				if !strings.Contains(message, tt.says) {
					t.Errorf("%s: got %q, want it to say %q", path, message, tt.says)
				}
			})
			if got := strings.Join(paths, " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if none, alias := (Config{}), (Config{Alias: "name"}); none.Active() || !alias.Active() {
		t.Error("an empty configuration is active, or one with an alias is not")
	}
}

func TestWhichCompaniesARuleFits(t *testing.T) {
	f := Facts{Types: []string{"Customer", "24/7 Support"}, Status: "Active", Agreements: []string{"Gold 2026"}}
	for _, tt := range []struct {
		rule Rule
		want bool
	}{
		{Rule{Type: "customer"}, true},
		{Rule{Type: "24*support"}, true},
		{Rule{Type: "cust"}, false},
		{Rule{Status: "ACT*"}, true},
		{Rule{Agreement: "gold ????"}, true},
		{Rule{Agreement: "silver*"}, false},
		{Rule{Type: "customer", Status: "active", Agreement: "gold*"}, true},
		{Rule{Type: "customer", Status: "inactive", Agreement: "gold*"}, false},
		{Rule{Status: "*"}, true},
	} {
		if got := tt.rule.matches(&f); got != tt.want {
			t.Errorf("%+v: got %t, want %t", tt.rule, got, tt.want)
		}
	}
	if all := (Rule{Agreement: "*"}); all.matches(&Facts{}) {
		t.Error("a company without agreements has one that fits *")
	}
}
