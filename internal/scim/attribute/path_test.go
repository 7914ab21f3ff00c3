package attribute

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const employment = "urn:ietf:params:scim:schemas:extension:Cinode:User:1.0"

func TestAPathIsRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Path
		spelled    string // empty: as it was written
	}{
		{"an attribute", "title", Path{Attribute: "title"}, ""},
		{"a sub-attribute", "name.givenName", Path{Attribute: "name", Sub: "givenName"}, ""},
		{"a reference", "manager.$ref", Path{Attribute: "manager", Sub: "$ref"}, ""},
		{"a filter", `emails[type eq "work"].value`, Path{Attribute: "emails", Filter: []Clause{{"type", "work"}}, Sub: "value"}, ""},
		{"a filter by truth", `emails[primary eq true].value`, Path{Attribute: "emails", Filter: []Clause{{"primary", true}}, Sub: "value"}, ""},
		{"a filter by number", `x[n eq 2]`, Path{Attribute: "x", Filter: []Clause{{"n", json.Number("2")}}}, ""},
		{"two clauses and odd spaces", ` emails[ type EQ "work"AND primary eq true ].value `,
			Path{Attribute: "emails", Filter: []Clause{{"type", "work"}, {"primary", true}}, Sub: "value"},
			`emails[type eq "work" and primary eq true].value`},
		{"text that looks like grammar", `x[y eq "a:b].c\" & <d>"].z`,
			Path{Attribute: "x", Filter: []Clause{{"y", `a:b].c" & <d>`}}, Sub: "z"}, ""},
		{"the enterprise extension", Enterprise + ":manager.value", Path{URN: Enterprise, Attribute: "manager", Sub: "value"}, ""},
		{"a known schema in another case", "URN:ietf:params:scim:schemas:extension:enterprise:2.0:user:department",
			Path{URN: Enterprise, Attribute: "department"}, Enterprise + ":department"},
		{"the core schema's spelling", `Emails[Type eq "work" and primary eq "True"].VALUE`,
			Path{Attribute: "emails", Filter: []Clause{{"type", "work"}, {"primary", true}}, Sub: "value"},
			`emails[type eq "work" and primary eq true].value`},
		{"the core schema is none", CoreUser + ":userName", Path{Attribute: "userName"}, "userName"},
		{"a schema that does not end in User", employment + ":EmploymentStartDate", Path{URN: employment, Attribute: "EmploymentStartDate"}, ""},
		{"an unknown schema with a filter", `urn:example:x:1.0:badges[type eq "a:b"].value`,
			Path{URN: "urn:example:x:1.0", Attribute: "badges", Filter: []Clause{{"type", "a:b"}}, Sub: "value"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParsePath(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			want := tt.spelled
			if want == "" {
				want = tt.text
			}
			if got.String() != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	t.Run("the longest known schema wins", func(t *testing.T) {
		got, err := ParsePath("urn:example:x:y:z.q", "urn:example", "urn:example:x")
		if err == nil {
			t.Errorf("got %#v, want an error: y:z is no attribute", got)
		}
		got, err = ParsePath("urn:example:x:y.z", "urn:example", "urn:example:x")
		if want := (Path{URN: "urn:example:x", Attribute: "y", Sub: "z"}); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("got %#v, %v, want %#v", got, err, want)
		}
	})
}

func TestAPathThatIsNoneIsNamed(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", `"" is not a SCIM path: write one such as title, name.givenName or emails[type eq "work"].value`},
		{"a whole schema", Enterprise,
			`"` + Enterprise + `" is not a SCIM path: it names a schema and no attribute of it: add a colon and the attribute`},
		{"no schema before the colon", "user:title", `"user:title" is not a SCIM path: what stands before the last colon is no URN of a schema`},
		{"a digit first", "1x", `"1x" is not a SCIM path: an attribute's name begins with a letter, found "1x"`},
		{"a dot at the end", "name.", `"name." is not a SCIM path: a sub-attribute's name must follow the dot, found ""`},
		{"three levels", "a.b.c", `"a.b.c" is not a SCIM path: found ".c" where it should end`},
		{"another operator", `emails[type ne "work"]`,
			`"emails[type ne \"work\"]" is not a SCIM path: the operator is "ne"; only eq can say what a value must be`},
		{"no quotes", `emails[type eq work].value`,
			`"emails[type eq work].value" is not a SCIM path: "work].value" is not a text in double quotes, a number, true or false`},
		{"null", `emails[type eq null].value`,
			`"emails[type eq null].value" is not a SCIM path: a filter compares with a text in double quotes, a number, true or false`},
		{"an open filter", `emails[type eq "work"`,
			`"emails[type eq \"work\"" is not a SCIM path: the filter should end with ] or go on with and, found ""`},
		{"an empty filter", `emails[].value`,
			`"emails[].value" is not a SCIM path: a filter compares an attribute, as in [type eq "work"], found "].value"`},
		{"or", `emails[type eq "work" or type eq "home"]`,
			`"emails[type eq \"work\" or type eq \"home\"]" is not a SCIM path: the filter should end with ] or go on with and, found "or type eq \"…"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParsePath(tt.text)
			if err == nil {
				t.Fatalf("got %#v", got)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestTheProvidersOwnAttributesAreKnown(t *testing.T) {
	for text, want := range map[string]bool{"id": true, "Meta.version": true, "schemas": true, "groups": true, "externalId": false,
		Enterprise + ":id": false} {
		p, err := ParsePath(text)
		if err != nil || p.Provided() != want {
			t.Errorf("%s: got %t, %v, want %t", text, p.Provided(), err, want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"title", `emails[type eq "work" and primary eq true].value`, Enterprise + ":manager.value",
		employment + ":X", `x[y eq "é\u0000"]`, `x[n eq 1e5]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text, employment)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String(), employment)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, p, err)
		}
		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("%q was written as %q:\n%s", text, p, diff)
		}
	})
}
