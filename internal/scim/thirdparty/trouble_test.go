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

// forEachServer runs a test against each of the servers.
func forEachServer(t *testing.T, test func(*harness), edits ...func(*scim.Config)) {
	for _, server := range thirdparty.Names() {
		t.Run(server, func(t *testing.T) { test(newHarness(t, server, edits...)) })
	}
}

// exists makes a user at the provider, as somebody did before us.
func (h *harness) exists(userName, externalID string) map[string]any {
	h.Helper()
	u := map[string]any{"schemas": []string{coreUser}, "userName": userName, "active": true,
		"name":   map[string]any{"givenName": "Some", "familyName": "Body"},
		"emails": []any{map[string]any{"value": strings.ToLower(userName), "type": "work", "primary": true}}}
	if externalID != "" {
		u["externalId"] = externalID
	}
	return h.call(http.MethodPost, "/Users", u)
}

func (h *harness) total(collection string) int {
	h.Helper()
	n, _ := h.call(http.MethodGet, "/"+collection+"?startIndex=1&count=1", nil)["totalResults"].(float64)
	return int(n)
}

func TestWhoIsThereIsTakenOnOrLeftAlone(t *testing.T) {
	forEachServer(t, func(h *harness) {
		for n := range extraUsers { // strangers, so that the rest is on a later page
			h.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
		}
		capitals := h.exists("Ann@Contoso.example", "")
		moved := h.exists("bo.old@contoso.example", userID(2))
		other := h.exists("cy@contoso.example", "99999999-0000-4000-8000-000000000009")
		h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy"), userNamed(4, "Dee")}
		before := h.total("Users")

		for range 2 {
			report := h.run(engine.Apply)
			s := report.Scopes[0]
			if s.Outcome != engine.Held || s.Error != nil {
				h.Errorf("the scope is %s, %+v, want it held for Cy alone", s.Outcome, s.Violations)
			}
			if !slices.ContainsFunc(s.Violations, func(v plan.Violation) bool { return v.Key == userID(3) && v.Code == "match_conflict" }) {
				h.Errorf("got %+v, want a match_conflict for Cy", s.Violations)
			}
		}
		first := len(h.sent())
		h.run(engine.Apply)
		if again := h.sent()[first:]; len(again) > 0 {
			h.Errorf("a later run wrote %v", again)
		}
		if got := h.total("Users"); got != before+1 {
			h.Errorf("there are %d users, want one more than the %d before", got, before)
		}
		if got := h.call(http.MethodGet, "/Users/"+capitals["id"].(string), nil); got["externalId"] != userID(1) ||
			got["displayName"] != "Ann Berg" {
			h.Errorf("got %v, want Ann taken on although her name was written with capitals", got)
		}
		h.wantUser("bo@contoso.example", map[string]any{"id": moved["id"], "externalId": userID(2), "name/givenName": "Bo"})
		h.wantUser("cy@contoso.example",
			map[string]any{"id": other["id"], "externalId": "99999999-0000-4000-8000-000000000009", "name/givenName": "Some"})
		h.wantUser("dee@contoso.example", map[string]any{"externalId": userID(4)})
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
			forEachServer(t, func(h *harness) {
				h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy")}
				h.setGroup(1, "Team A", "Ann", "Bo")
				lost := false
				h.loseAnswer = func(r *http.Request) bool {
					lost = (r.Method == tt.method || tt.method == http.MethodPatch && r.Method == http.MethodPut) && strings.Contains(r.URL.Path, tt.path)
					return lost
				}
				h.run(engine.Apply) // however it ends
				if !lost {
					h.Fatalf("no answer was lost: %v", h.sent())
				}
				h.apply(1)
				h.wantNoChanges()
				if users, groups := h.total("Users"), h.total("Groups"); users != 3 || groups != 1 {
					h.Errorf("there are %d users and %d groups, want 3 and 1", users, groups)
				}
				h.wantMembers("Team A", "ann@contoso.example", "bo@contoso.example")
			})
		})
	}
}

func TestLeaversAreDeletedWhereThatIsWanted(t *testing.T) {
	forEachServer(t, func(h *harness) {
		zoe := h.exists("zoe@elsewhere.example", "")
		h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy")}
		h.setGroup(1, "Team A", "Ann", "Bo")
		h.setGroup(2, "Team B", "Cy")
		h.runUntilInStep(1)
		bo := h.user("bo@contoso.example")["id"]
		h.users = slices.DeleteFunc(h.users, func(u directory.User) bool { return u.ID == userID(2) })
		h.groups = slices.DeleteFunc(h.groups, func(g directory.Group) bool { return g.ID == groupID(2) })
		h.setGroup(1, "Team A", "Ann")
		h.runUntilInStep(2)
		if users, groups := h.total("Users"), h.total("Groups"); users != 3 || groups != 1 {
			h.Errorf("there are %d users and %d groups, want 3 and 1", users, groups)
		}
		h.wantMembers("Team A", "ann@contoso.example")
		h.wantUser("zoe@elsewhere.example", map[string]any{"id": zoe["id"], "active": true})

		h.users = append(h.users, userNamed(2, "Bo"))
		h.setGroup(1, "Team A", "Ann", "Bo")
		h.runUntilInStep(1)
		h.wantUser("bo@contoso.example", map[string]any{"externalId": userID(2), "active": true})
		h.wantMembers("Team A", "ann@contoso.example", "bo@contoso.example")
		if got := h.user("bo@contoso.example")["id"]; got == bo {
			h.Logf("the provider gave the deleted user's id %v again", got)
		}
	}, func(c *scim.Config) { c.Leavers.Then = scim.ThenDelete })
}

func TestWhatTheSourceDoesNotSayIsLeftAlone(t *testing.T) {
	forEachServer(t, func(h *harness) {
		h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
		h.sourceUser("Ann").JobTitle = "CTO"
		h.setGroup(1, "Team A", "Ann", "Bo")
		h.runUntilInStep(1)
		// A title that the source has no more, and members that it cannot prove.
		h.sourceUser("Ann").JobTitle = ""
		h.groups[0].Members = directory.Members{IDs: []string{userID(1)}, Unknown: "the list ends after 100"}
		before := len(h.sent())
		h.apply(1)
		if got := h.sent()[before:]; len(got) > 0 {
			h.Errorf("it wrote %v", got)
		}
		h.wantUser("ann@contoso.example", map[string]any{"title": "CTO"})
		h.wantMembers("Team A", "ann@contoso.example", "bo@contoso.example")
	})
}

func TestAnEditAtTheProviderIsPutBack(t *testing.T) {
	forEachServer(t, func(h *harness) {
		h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
		h.setGroup(1, "Team A", "Ann", "Bo")
		h.runUntilInStep(1)
		ann, team := h.user("ann@contoso.example"), h.find("Groups", "displayName", "Team A")
		ann["name"] = map[string]any{"givenName": "Ann", "familyName": "Somebody"}
		team["members"] = []any{map[string]any{"value": ann["id"]}}
		for path, edited := range map[string]map[string]any{"/Users/": ann, "/Groups/": team} {
			delete(edited, "meta")
			h.call(http.MethodPut, path+edited["id"].(string), edited)
		}
		h.wantMembers("Team A", "ann@contoso.example")
		h.runUntilInStep(1)
		h.wantUser("ann@contoso.example", map[string]any{"name/familyName": "Berg"})
		h.wantMembers("Team A", "ann@contoso.example", "bo@contoso.example")
	})
}

func TestAWrongTokenWritesNothingAndSaysSo(t *testing.T) {
	forEachServer(t, func(h *harness) {
		h.users = []directory.User{userNamed(1, "Ann")}
		s := h.run(engine.Apply).Scopes[0]
		if s.Outcome != engine.Failed || s.Error == nil || !strings.Contains(*s.Error, "401") {
			h.Errorf("the scope is %s, %v, want it failed for the 401", s.Outcome, s.Error)
		}
		if got := h.sent(); len(got) > 0 {
			h.Errorf("it wrote %v", got)
		}
	}, func(c *scim.Config) { c.Token = secret.New("another") })
}
