package scim

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/scim/attribute"
)

func TestTheAddressAtWorkIsThePrimaryOne(t *testing.T) {
	s := newStage(t, func(c *Config) {
		c.Attributes = map[string]string{`emails[type eq "home"].value`: `"home@ann.example"`}
	})
	primary := func(what string) {
		t.Helper()
		for _, e := range s.provider.users[0].list("emails") {
			m := asDocument(e)
			if is, _ := asBool(m.get("primary")); is != (m.text("type") == "work") {
				t.Errorf("%s: got %v, want the one at work primary, and no other", what, m)
			}
		}
	}
	s.users = []directory.User{someone(1, "Ann")}
	s.run()
	primary("created")
	s.still()
	delete(s.provider.users[0], "emails")
	s.run()
	primary("added by PATCH")
	s.provider.noPatch = true
	delete(s.provider.users[0], "emails")
	s.run()
	primary("put")
	s.still()
}

func TestAnAttributeThatTheSchemaDoesNotHaveIsLeftOut(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Attributes = map[string]string{"nosuch": `"x"`, "favourite": `"y"`, "title": `"z"`} })
	s.provider.odd = func(r *http.Request, _ []byte) (*http.Response, bool) {
		if strings.HasSuffix(r.URL.Path, "/Schemas") {
			return said(200, mediaSCIM, `{"Resources":[{"id":"`+schemaUser+`","attributes":[{"name":"userName"},{"name":"Favourite"}]}]}`), true
		}
		return nil, false
	}
	s.users = []directory.User{someone(1, "Ann")}
	_, notes := s.try()
	if u := s.provider.users[0]; u.has("nosuch") || u.text("favourite") != "y" || u.text("title") != "z" || !slices.Equal(notes, []string{"attribute_unknown"}) {
		t.Errorf("got %v and %v, want it left out and said; what the RFC has is sent", u, notes)
	}
	findings := s.client.Check(t.Context())
	if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Name == "attributes" && !f.OK && strings.Contains(f.Detail, "nosuch") }) {
		t.Errorf("got %+v, want the check to say it", findings)
	}
}

func TestAManagerIsWrittenByTheIDThere(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Attributes = map[string]string{attribute.Enterprise + ":manager": "manager"} })
	manager := func(name, want string) {
		t.Helper()
		got := asDocument(asDocument(s.provider.user(strings.ToLower(name) + "@contoso.example").get(attribute.Enterprise)).get("manager")).text("value")
		if want != "" {
			want = s.provider.user(strings.ToLower(want) + "@contoso.example").text("id")
		}
		if got != want {
			t.Errorf("got manager %q of %s, want %q", got, name, want)
		}
	}
	// Ann comes before her manager, Bo after his; Cy's is nobody there.
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo"), someone(3, "Cy"), someone(4, "Gus")}
	s.users[3].Guest = true
	s.users[0].ManagerID, s.users[1].ManagerID, s.users[2].ManagerID = objectID(3), objectID(1), objectID(4)
	s.run()
	manager("Ann", "Cy")
	manager("Bo", "Ann")
	manager("Cy", "")
	s.still()
	s.users[0].ManagerID = objectID(2)
	if done := s.run(); !slices.Equal(done, []string{"update Ann Berg (ann@contoso.example)"}) {
		t.Errorf("got %v, want Ann's manager changed", done)
	}
	manager("Ann", "Bo")
	s.still()
	s.provider.noPatch = true
	s.users[0].ManagerID = objectID(5)
	s.users = append(s.users, someone(5, "Eve"))
	s.run()
	manager("Ann", "Eve")
	s.still()
	s.users[0].ManagerID = "" // nothing said: it stays
	s.still()
	manager("Ann", "Eve")
}
