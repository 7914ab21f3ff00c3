package scim

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/scim/attribute"
	"syncd/internal/target"
)

func TestTheAddressAtWorkIsThePrimaryOne(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Attributes = map[string]string{`emails[type eq "home"].value`: `"home@ann.example"`}
	})
	primary := func(what string) {
		t.Helper()
		for _, e := range f.provider.users[0].list("emails") {
			m := asDocument(e)
			if is, _ := asBool(m.get("primary")); is != (m.text("type") == "work") {
				t.Errorf("%s: got %v, want the one at work primary, and no other", what, m)
			}
		}
	}
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	primary("created")
	f.wantNoChanges()
	delete(f.provider.users[0], "emails")
	f.run()
	primary("added by PATCH")
	f.provider.noPatch = true
	delete(f.provider.users[0], "emails")
	f.run()
	primary("put")
	f.wantNoChanges()
}

func TestAnAttributeThatTheSchemaDoesNotHaveIsLeftOut(t *testing.T) {
	s := newFixture(t, func(c *Config) { c.Attributes = map[string]string{"nosuch": `"x"`, "favourite": `"y"`, "title": `"z"`} })
	s.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		if strings.HasSuffix(r.URL.Path, "/Schemas") {
			return said(200, mediaSCIM, `{"Resources":[{"id":"`+schemaUser+`","attributes":[{"name":"userName"},{"name":"Favourite"}]}]}`), true
		}
		return nil, false
	}
	s.users = []directory.User{userNamed(1, "Ann")}
	_, notes := s.runWithNotes()
	if u := s.provider.users[0]; u.has("nosuch") || u.text("favourite") != "y" || u.text("title") != "z" ||
		!slices.Equal(notes, []string{"attribute_unknown"}) {
		t.Errorf("got %v and %v, want it left out and said; what the RFC has is sent", u, notes)
	}
	findings := s.client.Check(t.Context())
	if !slices.ContainsFunc(findings,
		func(f target.Finding) bool {
			return f.Name == "attributes" && !f.OK && strings.Contains(f.Detail, "nosuch")
		}) {
		t.Errorf("got %+v, want the check to say it", findings)
	}
}

func TestAManagerIsWrittenByTheIDThere(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Attributes = map[string]string{attribute.Enterprise + ":manager": "manager"} })
	manager := func(name, want string) {
		t.Helper()
		got := asDocument(asDocument(f.provider.user(strings.ToLower(name) + "@contoso.example").get(attribute.Enterprise)).get("manager")).text("value")
		if want != "" {
			want = f.provider.user(strings.ToLower(want) + "@contoso.example").text("id")
		}
		if got != want {
			t.Errorf("got manager %q of %s, want %q", got, name, want)
		}
	}
	// Ann comes before her manager, Bo after his; Cy's is nobody there.
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy"), userNamed(4, "Gus")}
	f.users[3].Guest = true
	f.users[0].ManagerID, f.users[1].ManagerID, f.users[2].ManagerID = objectID(3), objectID(1), objectID(4)
	f.run()
	manager("Ann", "Cy")
	manager("Bo", "Ann")
	manager("Cy", "")
	f.wantNoChanges()
	f.users[0].ManagerID = objectID(2)
	if done := f.run(); !slices.Equal(done, []string{"update Ann Berg (ann@contoso.example)"}) {
		t.Errorf("got %v, want Ann's manager changed", done)
	}
	manager("Ann", "Bo")
	f.wantNoChanges()
	f.provider.noPatch = true
	f.users[0].ManagerID = objectID(5)
	f.users = append(f.users, userNamed(5, "Eve"))
	f.run()
	manager("Ann", "Eve")
	f.wantNoChanges()
	f.users[0].ManagerID = "" // nothing said: it stays
	f.wantNoChanges()
	manager("Ann", "Eve")
}
