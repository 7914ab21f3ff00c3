package thirdparty_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/scim"
	"syncd/internal/scim/thirdparty"
	"syncd/internal/secret"
	engine "syncd/internal/sync"
)

// everywhere runs a test against each of the servers.
func everywhere(t *testing.T, test func(*bench), edits ...func(*scim.Config)) {
	for _, server := range thirdparty.Names() {
		t.Run(server, func(t *testing.T) { test(newBench(t, server, edits...)) })
	}
}

// exists makes a user at the provider, as somebody did before us.
func (b *bench) exists(userName, externalID string) map[string]any {
	b.Helper()
	u := map[string]any{"schemas": []string{coreUser}, "userName": userName, "active": true, "name": map[string]any{"givenName": "Some", "familyName": "Body"},
		"emails": []any{map[string]any{"value": strings.ToLower(userName), "type": "work", "primary": true}}}
	if externalID != "" {
		u["externalId"] = externalID
	}
	return b.call(http.MethodPost, "/Users", u)
}

func (b *bench) total(collection string) int {
	b.Helper()
	n, _ := b.call(http.MethodGet, "/"+collection+"?startIndex=1&count=1", nil)["totalResults"].(float64)
	return int(n)
}

func TestWhoIsThereIsTakenOnOrLeftAlone(t *testing.T) {
	everywhere(t, func(b *bench) {
		for n := range crowd { // strangers, so that the rest is on a later page
			b.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
		}
		capitals := b.exists("Ann@Contoso.example", "")
		moved := b.exists("bo.old@contoso.example", object(2))
		other := b.exists("cy@contoso.example", "99999999-0000-4000-8000-000000000009")
		b.users = []directory.User{person(1, "Ann"), person(2, "Bo"), person(3, "Cy"), person(4, "Dee")}
		before := b.total("Users")

		for range 2 {
			report := b.run(engine.Apply)
			s := report.Scopes[0]
			if s.Outcome != engine.Held || s.Error != nil {
				b.Errorf("the scope is %s, %+v, want it held for Cy alone", s.Outcome, s.Violations)
			}
			if !slices.ContainsFunc(s.Violations, func(v plan.Violation) bool { return v.Key == object(3) && v.Code == "match_conflict" }) {
				b.Errorf("got %+v, want a match_conflict for Cy", s.Violations)
			}
		}
		first := len(b.sent())
		b.run(engine.Apply)
		if again := b.sent()[first:]; len(again) > 0 {
			b.Errorf("a later run wrote %v", again)
		}
		if got := b.total("Users"); got != before+1 {
			b.Errorf("there are %d users, want one more than the %d before", got, before)
		}
		if got := b.call(http.MethodGet, "/Users/"+capitals["id"].(string), nil); got["externalId"] != object(1) || got["displayName"] != "Ann Berg" {
			b.Errorf("got %v, want Ann taken on although her name was written with capitals", got)
		}
		b.wants("bo@contoso.example", map[string]any{"id": moved["id"], "externalId": object(2), "name/givenName": "Bo"})
		b.wants("cy@contoso.example", map[string]any{"id": other["id"], "externalId": "99999999-0000-4000-8000-000000000009", "name/givenName": "Some"})
		b.wants("dee@contoso.example", map[string]any{"externalId": object(4)})
	})
}

func TestALostAnswerDoublesNobody(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
	}{
		{"of a user that is made", http.MethodPost, "/Users"},
		{"of a group that is made", http.MethodPost, "/Groups"},
		{"of members that are added", http.MethodPatch, "/Groups/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			everywhere(t, func(b *bench) {
				b.users = []directory.User{person(1, "Ann"), person(2, "Bo"), person(3, "Cy")}
				b.team(1, "Team A", "Ann", "Bo")
				lost := false
				b.lose = func(r *http.Request) bool {
					lost = (r.Method == tt.method || tt.method == http.MethodPatch && r.Method == http.MethodPut) && strings.Contains(r.URL.Path, tt.path)
					return lost
				}
				b.run(engine.Apply) // however it ends
				if !lost {
					b.Fatalf("no answer was lost: %v", b.sent())
				}
				b.apply(1)
				b.settled()
				if users, groups := b.total("Users"), b.total("Groups"); users != 3 || groups != 1 {
					b.Errorf("there are %d users and %d groups, want 3 and 1", users, groups)
				}
				b.in("Team A", "ann@contoso.example", "bo@contoso.example")
			})
		})
	}
}

func TestLeaversAreDeletedWhereThatIsWanted(t *testing.T) {
	everywhere(t, func(b *bench) {
		zoe := b.exists("zoe@elsewhere.example", "")
		b.users = []directory.User{person(1, "Ann"), person(2, "Bo"), person(3, "Cy")}
		b.team(1, "Team A", "Ann", "Bo")
		b.team(2, "Team B", "Cy")
		b.bring(1)
		bo := b.user("bo@contoso.example")["id"]
		b.users = slices.DeleteFunc(b.users, func(u directory.User) bool { return u.ID == object(2) })
		b.groups = slices.DeleteFunc(b.groups, func(g directory.Group) bool { return g.ID == group(2) })
		b.team(1, "Team A", "Ann")
		b.bring(2)
		if users, groups := b.total("Users"), b.total("Groups"); users != 3 || groups != 1 {
			b.Errorf("there are %d users and %d groups, want 3 and 1", users, groups)
		}
		b.in("Team A", "ann@contoso.example")
		b.wants("zoe@elsewhere.example", map[string]any{"id": zoe["id"], "active": true})

		b.users = append(b.users, person(2, "Bo"))
		b.team(1, "Team A", "Ann", "Bo")
		b.bring(1)
		b.wants("bo@contoso.example", map[string]any{"externalId": object(2), "active": true})
		b.in("Team A", "ann@contoso.example", "bo@contoso.example")
		if got := b.user("bo@contoso.example")["id"]; got == bo {
			b.Logf("the provider gave the deleted user's id %v again", got)
		}
	}, func(c *scim.Config) { c.Leavers.Then = scim.ThenDelete })
}

func TestWhatTheSourceDoesNotSayIsLeftAlone(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.users = []directory.User{person(1, "Ann"), person(2, "Bo")}
		b.somebody("Ann").JobTitle = "CTO"
		b.team(1, "Team A", "Ann", "Bo")
		b.bring(1)
		// A title that the source has no more, and members that it cannot prove.
		b.somebody("Ann").JobTitle = ""
		b.groups[0].Members = directory.Members{IDs: []string{object(1)}, Unknown: "the list ends after 100"}
		before := len(b.sent())
		b.apply(1)
		if got := b.sent()[before:]; len(got) > 0 {
			b.Errorf("it wrote %v", got)
		}
		b.wants("ann@contoso.example", map[string]any{"title": "CTO"})
		b.in("Team A", "ann@contoso.example", "bo@contoso.example")
	})
}

func TestAnEditAtTheProviderIsPutBack(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.users = []directory.User{person(1, "Ann"), person(2, "Bo")}
		b.team(1, "Team A", "Ann", "Bo")
		b.bring(1)
		ann, team := b.user("ann@contoso.example"), b.find("Groups", "displayName", "Team A")
		ann["name"] = map[string]any{"givenName": "Ann", "familyName": "Somebody"}
		team["members"] = []any{map[string]any{"value": ann["id"]}}
		for path, edited := range map[string]map[string]any{"/Users/": ann, "/Groups/": team} {
			delete(edited, "meta")
			b.call(http.MethodPut, path+edited["id"].(string), edited)
		}
		b.in("Team A", "ann@contoso.example")
		b.bring(1)
		b.wants("ann@contoso.example", map[string]any{"name/familyName": "Berg"})
		b.in("Team A", "ann@contoso.example", "bo@contoso.example")
	})
}

func TestAWrongTokenWritesNothingAndSaysSo(t *testing.T) {
	everywhere(t, func(b *bench) {
		b.users = []directory.User{person(1, "Ann")}
		s := b.run(engine.Apply).Scopes[0]
		if s.Outcome != engine.Failed || s.Error == nil || !strings.Contains(*s.Error, "401") {
			b.Errorf("the scope is %s, %v, want it failed for the 401", s.Outcome, s.Error)
		}
		if got := b.sent(); len(got) > 0 {
			b.Errorf("it wrote %v", got)
		}
	}, func(c *scim.Config) { c.Token = secret.New("another") })
}
