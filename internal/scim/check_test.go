package scim

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/secret"
)

func TestDiscovery(t *testing.T) {
	config := `{"patch":{"supported":"False"},"filter":{"supported":true,"maxResults":"40"},"etag":{"supported":true},"pagination":{"cursor":true,"index":false}}`
	for _, tt := range []struct {
		name    string
		profile string
		serve   func(path string) *http.Response
		want    string
	}{
		{"none", "generic", func(string) *http.Response { return said(404, "text/html", "<html>") },
			"none: the defaults of profile generic hold; PATCH, filter, no ETag, pages by index of 100"},
		{"the usual place", "generic", func(path string) *http.Response {
			if path == "/v2/ServiceProviderConfig" {
				return said(200, mediaSCIM, config)
			}
			return said(404, "", "")
		}, "answers at ServiceProviderConfig; no PATCH, filter, ETag, pages by cursor of 40"},
		{"a list of one under the other spelling", "generic", func(path string) *http.Response {
			if path == "/v2/ServiceProviderConfigs" {
				return said(200, "text/plain", `{"Resources":[`+config+`]}`)
			}
			return said(501, "", "")
		}, "answers at ServiceProviderConfigs; no PATCH, filter, ETag, pages by cursor of 40"},
		{"beside the tenants, and the profile knows better", "cinode", func(path string) *http.Response {
			if path == "/scim/v2/ServiceProviderConfigs" {
				return said(200, mediaSCIM, config)
			}
			return said(404, "", "")
		}, "answers at ServiceProviderConfigs; PATCH, filter, no ETag, pages by index of 40"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &provider{answerInstead: func(r *http.Request, _ []byte) (*http.Response, bool) { return tt.serve(r.URL.Path), true }}
			a := connectionTo(t, p, func(c *Config) {
				c.Profile = tt.profile
				if tt.profile == "cinode" {
					c.URL = "https://scim.example/scim/tenants/{account}/v2"
				}
			})
			caps, err := a.capabilities(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := caps.summary(a.client.profile); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			n := len(p.requestLines)
			if _, err := a.capabilities(t.Context()); err != nil || len(p.requestLines) != n {
				t.Errorf("got %v and %d requests more, want the answer kept", err, len(p.requestLines)-n)
			}
		})
	}
}

func TestATokenThatIsRefusedByDiscoveryIsNoMissingDiscovery(t *testing.T) {
	a := connectionTo(t, &provider{answerInstead: func(*http.Request, []byte) (*http.Response, bool) {
		return scimError(401, "", "no"),
			true
	}})
	if _, err := a.capabilities(t.Context()); err == nil {
		t.Error("got nothing, want the refusal")
	}
}

func TestTheEndOfATokenIsReadFromIt(t *testing.T) {
	soon := time.Now().Add(5 * 24 * time.Hour).Unix()
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"
	}
	for token, want := range map[string]bool{jwt(fmt.Sprintf(`{"exp":%d}`, soon)): true, jwt(`{}`): false, "opaque": false,
		"a.b.c": false, jwt(`{"exp":"x"}`): false} {
		if at, ok := TokenExpiry(token); ok != want || ok && at.Unix() != soon {
			t.Errorf("%s: got %s, %t", token, at, ok)
		}
	}
	f := newFixture(t, func(c *Config) { c.Token = secret.New(jwt(fmt.Sprintf(`{"exp":%d}`, soon))) })
	if _, notes := f.runWithNotes(); !slices.Contains(notes, "token_expires") {
		t.Errorf("got %v, want token_expires", notes)
	}
}

func TestCheckSaysWhatIsRightAndWhatWillBeDoneDifferently(t *testing.T) {
	p := &provider{users: []document{{"id": "1", "userName": "a@x"}, {"id": "2", "userName": "b@x"}}}
	c := client(t, p, withGroups)
	show := func() string {
		var lines []string
		for _, f := range c.Check(t.Context()) {
			lines = append(lines, fmt.Sprintf("%s %t: %s", f.Name, f.OK, f.Detail))
			if !f.OK && f.Remedy == "" {
				t.Errorf("%s has no remedy", f.Name)
			}
		}
		return strings.Join(lines, "\n")
	}
	if got, want := show(), "token true: accepted\ndiscovery true: none: the defaults of profile generic hold; PATCH, filter, no ETag, pages by index of 100\nusers true: 2, may be listed\nfilter true: userName eq works\ngroups true: may be listed"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	p.ignoreFilter = true
	p.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		return said(200, mediaSCIM, `{"patch":{"supported":false},"filter":{"supported":true,"maxResults":20}}`), strings.HasSuffix(r.URL.Path, "Config")
	}
	got := show()
	for _, want := range []string{"filter true: refused or ignored", "there is no PATCH: users are changed by PUT",
		"pages of 20, the profile wanted 100"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
	if p.writes > 0 {
		t.Errorf("a check made %d writes", p.writes)
	}
	p.answerInstead = func(*http.Request, []byte) (*http.Response, bool) { return scimError(401, "", "no"), true }
	if got := show(); !strings.HasPrefix(got, "token false: ") || strings.Contains(got, "\n") {
		t.Errorf("got %s", got)
	}
	none := client(t, p, func(c *Config) { c.URL = "https://scim.example/{account}" })
	if got := none.Check(t.Context()); len(got) != 1 || got[0].OK {
		t.Errorf("got %v, want it said that nobody is linked", got)
	}
}

func TestATraceSaysWhyAnObjectCameOutAsItDid(t *testing.T) {
	f := threeUsersInAGroup(t, func(c *Config) { c.Profile = "cinode" })
	f.users[0].Name, f.users[0].UPN, f.users[0].JobTitle = "Ann Holm", "ann.holm@contoso.example", ""
	guest := userNamed(8, "Gus")
	guest.Guest = true
	f.users = append(f.users, guest)
	f.plan()
	for text, wants := range map[string][]string{
		"ann.holm@contoso.example": {"in scope", "linked to u-1 before",
			`userName: the source says "ann.holm@contoso.example" ([originalUserPrincipalName]), there it is "ann@contoso.example": cannot be changed at the provider`},
		"gus@contoso.example": {"left out: guest"},
		"Sales":               {"in scope", "members: 3 at the source, 3 of them provisioned"},
	} {
		got := strings.Join(f.view.(*view).trace(text), "\n")
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got\n%s\nwant %q in it", text, got, want)
			}
		}
		if strings.Contains(got, "displayName") {
			t.Errorf("%s: got\n%s\nwant nothing of what the fields themselves show", text, got)
		}
	}
	f.groups = append(f.groups, groupOf(2, "Board", 1))
	f.groups[0].Members.IDs = []string{objectID(2), objectID(3)}
	f.users = append(f.users, userNamed(4, "Dee"))
	f.groups[1].Members.IDs = append(f.groups[1].Members.IDs, objectID(4))
	f.plan()
	for text, want := range map[string]string{
		"ann.holm@contoso.example": "memberships wait for a run without --only, which is about this one object: add to Board; remove from Sales",
		"dee@contoso.example":      "memberships wait for a run without --only, which is about this one object: add to Board",
		"bo@contoso.example":       "",
	} {
		got := strings.Join(f.view.(*view).trace(text), "\n")
		if want == "" && strings.Contains(got, "memberships") || !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s\nwant %q", text, got, want)
		}
	}
	if got := f.view.(*view).trace("nobody"); got != nil {
		t.Errorf("got %v of nobody", got)
	}
}
