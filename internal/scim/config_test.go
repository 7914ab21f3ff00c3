package scim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/scim/attribute"
	"syncd/internal/secret"
)

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Config)
		want string // "path: part of the message"; empty for nothing
	}{
		{"as it should be", func(*Config) {}, ""},
		{"without a name", func(c *Config) { c.Name = "" }, "name: is missing"},
		{"a name with a space", func(c *Config) { c.Name = "my app" }, "name: "},
		{"a profile that is not there", func(c *Config) { c.Profile = "okta" }, "profile: \"okta\" is not known: write one of cinode, generic"},
		{"no URL", func(c *Config) { c.URL = "" }, "url: is missing"},
		{"http to the world", func(c *Config) { c.URL = "http://scim.example/v2" }, "url: would send credentials unencrypted"},
		{"http to this machine", func(c *Config) { c.URL = "http://127.0.0.1:8080/v2" }, ""},
		{"an account in the path", func(c *Config) { c.URL = "https://scim.example/{account}/v2" }, ""},
		{"an account in the host", func(c *Config) { c.URL = "https://{account}.scim.example/v2" }, "url: has {account} in the host"},
		{"two accounts", func(c *Config) { c.URL = "https://scim.example/{account}/{account}" }, "url: has {account} more than once"},
		{"a query", func(c *Config) { c.URL = "https://scim.example/v2?aadOptscim062020" }, ""},
		{"no token", func(c *Config) { c.Token = secret.String{} }, "token: is missing"},
		{"a token with its word", func(c *Config) { c.Token = secret.New("Bearer abc") }, "token: has space in it"},
		{"both kinds of tokens", func(c *Config) { c.Tokens = map[string]secret.String{"A": secret.New("x")} }, "token: stands beside tokens"},
		{"an empty token", func(c *Config) { c.Token, c.Tokens = secret.String{}, map[string]secret.String{"A": {}} }, "tokens.A: is empty"},
		{"leavers without an end", func(c *Config) { c.Leavers.Then = "archive" }, "leavers.then: "},
		{"leavers without absences", func(c *Config) { c.Leavers.Absences = 0 }, "leavers.absences: "},
		{"a pattern that is none", func(c *Config) { c.Groups.Include = []string{"a["} }, "groups.include[0]: "},
		{"an attribute of the provider's", func(c *Config) { c.Attributes = map[string]string{"meta.version": "mail"} },
			"attributes.meta.version: is the provider's"},
		{"active is ours", func(c *Config) { c.Attributes = map[string]string{"active": "Not([accountEnabled])"} }, "attributes.active: "},
		{"active by something else", func(c *Config) {
			c.Attributes = map[string]string{"active": `Switch([department], "False", "Sales", "True")`}
		}, "attributes.active: "},
		{"active as a constant", func(c *Config) { c.Attributes = map[string]string{"active": `"True"`} }, "attributes.active: "},
		{"active as Cinode's document has it", func(c *Config) {
			c.Attributes = map[string]string{"active": `Switch([IsSoftDeleted], , "False", "True", "True", "False")`}
		}, ""},
		{"active the other way round", func(c *Config) {
			c.Attributes = map[string]string{"active": `Switch([IsSoftDeleted], , "False", "False", "True", "True")`}
		}, "attributes.active: "},
		{"active in plain words", func(c *Config) { c.Attributes = map[string]string{"Active": "accountEnabled"} }, ""},
		{"extensions by name", func(c *Config) { c.Profile, c.Extensions = "cinode", []string{"EmployeeNumber", "employmentstartdate"} }, ""},
		{"an extension that nobody knows", func(c *Config) { c.Profile, c.Extensions = "cinode", []string{"ShoeSize"} },
			`extensions[0]: "ShoeSize" is not known: write one of EmployeeNumber, EmploymentStartDate, or its path`},
		{"extensions of a profile without any", func(c *Config) { c.Extensions = []string{"EmployeeNumber"} },
			"extensions[0]: \"EmployeeNumber\": the profile generic knows none by name"},
		{"a source that is not there", func(c *Config) { c.Attributes = map[string]string{"title": "jobtitel"} }, "attributes.title: "},
		{"userName cannot go", func(c *Config) { c.Attributes = map[string]string{"userName": ""} }, "attributes.userName: cannot be taken away"},
		{"another may go", func(c *Config) { c.Attributes = map[string]string{"displayName": ""} }, ""},
		{"one attribute in two spellings", func(c *Config) { c.Attributes = map[string]string{"title": "jobTitle", "Title": "jobTitle"} },
			"is the same as Title"},
		{"a text where there are several", func(c *Config) { c.Attributes = map[string]string{"roles": "jobTitle"} },
			`attributes.roles: has several values: say which, as in roles[type eq "work"].value`},
		{"a part of several", func(c *Config) { c.Attributes = map[string]string{"emails.value": "mail"} },
			"attributes.emails.value: has several values"},
		{"one of several, as Entra names it",
			func(c *Config) { c.Attributes = map[string]string{`Roles[Primary eq "True"].Value`: "jobTitle"} }, ""},
		{"an address as a whole", func(c *Config) { c.Attributes = map[string]string{`addresses[type eq "work"]`: "city"} },
			"has no part value: write one of .formatted .streetAddress"},
		{"a name as a whole", func(c *Config) { c.Attributes = map[string]string{"name": "displayName"} }, "attributes.name: has parts"},
		{"a part of a plain value", func(c *Config) { c.Attributes = map[string]string{"title.value": "jobTitle"} }, "is a plain value"},
		{"a filter on a plain value", func(c *Config) { c.Attributes = map[string]string{`title[type eq "work"]`: "jobTitle"} },
			"has one value only"},
		{"a manager where it belongs", func(c *Config) { c.Attributes = map[string]string{attribute.Enterprise + ":manager": "manager"} }, ""},
		{"a manager as a text", func(c *Config) { c.Attributes = map[string]string{"title": "manager"} }, "is no reference to another user"},
		{"a manager in an expression", func(c *Config) { c.Attributes = map[string]string{"title": `Append([manager], "x")`} }, "map it alone"},
		{"a password", func(c *Config) { c.Attributes = map[string]string{"password": "id"} }, "attributes.password: is a secret"},
		{"one value twice", func(c *Config) {
			c.Attributes = map[string]string{`emails[type eq "home"]`: "mail", `emails[type eq "home"].value`: "mail"}
		}, "is the same as"},
		{"an extension", func(c *Config) {
			c.Attributes = map[string]string{"urn:example:ext:1.0:User:badge": `Join("-", "B", [employeeId])`}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(tt.edit)
			var got []string
			c.Validate(func(path, message string) { got = append(got, path+": "+message) })
			if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if _, err := New(c, Options{}); tt.want == "" && err != nil {
				t.Errorf("got %v of a configuration that is right", err)
			}
		})
	}
}

func TestTwoTargetsOfOneNameAreReported(t *testing.T) {
	var got []string
	ValidateAll([]Config{config(), config()}, func(path, message string) { got = append(got, path+" "+message) })
	if len(got) != 1 || !strings.HasPrefix(got[0], `[1].name "app" is the name of [0] already`) {
		t.Errorf("got %q", got)
	}
}

func TestEveryProfileIsReadAndSaysWhatItIs(t *testing.T) {
	if got, want := ProfileNames(), []string{"cinode", "generic"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, name := range ProfileNames() {
		p := profiles()[name]
		if _, err := newLayout(p, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, list := range [][]string{p.Required, p.Immutable, p.Unverified} {
			for _, path := range list {
				if _, ok := p.Attributes[path]; !ok && path != pathActive {
					t.Errorf("%s speaks of %s and does not map it", name, path)
				}
			}
		}
	}
	for text, want := range map[string]string{
		"page_sise: 3":                "page_sise",
		"patch: perhaps":              "is none of auto, yes, no",
		"member_remove: [all]":        "is no way to remove a member",
		"attributes: {title: nosuch}": "nosuch",
		"title: x":                    "must be at least 1",
	} {
		if _, err := readProfile("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestAProfileSaysWhatItsProviderWillNotDo(t *testing.T) {
	for name, want := range map[string]string{
		"generic": "",
		"cinode": "Cinode: userName, externalId are written once and never changed; displayName, name.formatted are sent and not expected to be read back; " +
			"a user who is deleted stays, inactive; a group that is deleted is only unlinked, and emptied before; groups cannot be replaced as a whole",
	} {
		if got := profiles()[name].limits(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestTheConfiguredMappingComesOverTheProfiles(t *testing.T) {
	c := config(func(c *Config) {
		c.Attributes = map[string]string{"DisplayName": `Append([givenName], "!")`, "name.formatted": "",
			"phoneNumbers[type eq \"work\"]": "telephoneNumber"}
	})
	l, err := newLayout(profiles()[c.Profile], c.Attributes)
	if err != nil {
		t.Fatal(err)
	}
	u := userNamed(1, "Ann")
	u.BusinessPhones = []string{"+46 8 1"}
	got := map[string]string{}
	for i, v := range l.values(&u) {
		got[l.fields[i].name] = v
	}
	if _, there := got["name.formatted"]; there || got["DisplayName"] != "" || got["displayName"] != "Ann!" ||
		got[`phoneNumbers[type eq "work"].value`] != "+46 8 1" {
		t.Errorf("got %v", got)
	}
}

func TestExtensionsAreMappedByTheirNames(t *testing.T) {
	const number, start = attribute.Enterprise + ":EmployeeNumber", "urn:ietf:params:scim:schemas:extension:Cinode:User:1.0:EmploymentStartDate"
	for name, edit := range map[string]func(*Config){
		"by name":                        func(*Config) {},
		"and one of them from elsewhere": func(c *Config) { c.Attributes = map[string]string{number: "mailNickname"} },
		"and active as documented": func(c *Config) {
			c.Attributes = map[string]string{"active": `Switch([IsSoftDeleted], , "False", "True", "True", "False")`}
		},
	} {
		c := config(func(c *Config) { c.Profile, c.Extensions = "cinode", []string{"EmployeeNumber", "EmploymentStartDate"} }, edit)
		l, err := newLayout(profiles()["cinode"], c.mapping(profiles()["cinode"]))
		if err != nil {
			t.Fatal(err)
		}
		u := userNamed(1, "Ann")
		u.EmployeeID, u.MailNickname, u.Hired = "42", "annb", time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
		got := l.values(&u)
		want := "42"
		if len(c.Attributes) > 0 && c.Attributes[number] != "" {
			want = "annb"
		}
		if got[l.at[number]] != want || got[l.at[start]] != "2024-03-01T00:00:00Z" || !c.Reads("employeeHireDate") ||
			l.fields[l.at[pathActive]].from != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if c := config(func(c *Config) { c.Profile = "cinode" }); c.Reads("employeeHireDate") {
		t.Error("hire dates are read although nobody maps them")
	}
}

func TestADateIsTheSameInAnotherSpelling(t *testing.T) {
	for have, same := range map[string]bool{"2024-03-01T00:00:00Z": true, "2024-03-01T00:00:00": true,
		"2024-03-01T01:00:00+01:00": true, "2024-03-01T00:00:00.000Z": true,
		"2024-03-02T00:00:00Z": false, "2024-03-01": false, "": false} {
		if got := exact.same("2024-03-01T00:00:00Z", have); got != same {
			t.Errorf("%q: got %t", have, got)
		}
	}
}

func TestTheTokenIsNotShown(t *testing.T) {
	c := config()
	for _, text := range []string{fmt.Sprintf("%+v", c), c.digest(profiles()["generic"])} {
		if strings.Contains(text, "secret-token") {
			t.Errorf("got %s", text)
		}
	}
	if b, _ := json.Marshal(c); strings.Contains(string(b), "secret-token") {
		t.Errorf("got %s", b)
	}
}
