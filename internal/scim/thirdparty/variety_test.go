package thirdparty_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/scim"
	"syncd/internal/scim/thirdparty"
	engine "syncd/internal/sync"
)

// oddNames are people and groups whose names have to be escaped everywhere.
func oddNames(h *harness) {
	h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy"), userNamed(4, "Dee")}
	for i, name := range []string{`Ann "the one" O'Neil`, `back\slash & <b>`, "Åsa Öberg 测试", "a+b%20c"} {
		h.users[i].Name, h.users[i].Surname = name, name
	}
	for i, upn := range []string{"o'neil@contoso.example", "bo+x@contoso.example", "c_y-1.2@contoso.example", "d!#^~x@contoso.example"} {
		h.users[i].UPN = upn
	}
	for n, name := range []string{`Team "A" \ one`, "Team Ö/ä + 1", "Team a&b=c?d#e"} {
		h.setGroup(1+n, name, "Ann", "Bo")
	}
}

func TestOddNamesArriveAsTheyAre(t *testing.T) {
	forEachServer(t, func(h *harness) {
		for n := range extraUsers { // so that they are on a later page, and looked up by name where pages cannot be had
			h.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
			h.call(http.MethodPost, "/Groups", map[string]any{"schemas": []string{coreGroup}, "displayName": fmt.Sprintf("Stranger %02d", n)})
		}
		oddNames(h)
		h.runUntilInStep(1)
		for _, u := range h.users {
			if got := h.find("Users", "externalId", u.ID); got["userName"] != u.UPN || got["displayName"] != u.Name {
				h.Errorf("got %v, %v, want %s, %s", got["userName"], got["displayName"], u.UPN, u.Name)
			}
		}
		for _, g := range h.groups {
			got := h.find("Groups", "externalId", g.ID)
			if members, _ := got["members"].([]any); got["displayName"] != g.Name || len(members) != 2 {
				h.Errorf("got %v, want %s with two members", got, g.Name)
			}
		}
	})
}

func TestAStateThatWasLostDoublesNobody(t *testing.T) {
	forEachServer(t, func(h *harness) {
		for n := range extraUsers {
			h.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
		}
		oddNames(h)
		h.runUntilInStep(1)
		users, groups, written := h.total("Users"), h.total("Groups"), len(h.sent())
		h.newState()
		h.apply(1)
		h.wantNoChanges()
		if got := h.sent()[written:]; len(got) > 0 {
			h.Errorf("it wrote %v, although all was there", got)
		}
		if u, g := h.total("Users"), h.total("Groups"); u != users || g != groups {
			h.Errorf("there are %d users and %d groups, want %d and %d as before", u, g, users, groups)
		}
	})
}

func TestWhatAProviderDoesNotKnowIsNotFoughtOver(t *testing.T) {
	const employment = "urn:ietf:params:scim:schemas:extension:Cinode:User:1.0:EmploymentStartDate"
	forEachServer(t, func(h *harness) {
		h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
		for i := range h.users {
			h.users[i].Created = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
		}
		h.setGroup(1, "Team A", "Ann", "Bo")
		for range 4 { // in which it may find out
			h.run(engine.Apply)
		}
		before := len(h.sent())
		h.run(engine.Apply)
		if got := h.sent()[before:]; len(got) > 0 {
			h.Errorf("it still writes: %v", got)
		}
		h.wantUser("ann@contoso.example", map[string]any{"externalId": userID(1), "active": true, "displayName": "Ann Berg"})
		h.wantMembers("Team A", "ann@contoso.example", "bo@contoso.example")
		if h.Failed() {
			h.Logf("written:\n%s\n\nrefused:\n%s", strings.Join(h.sent(), "\n"), strings.Join(h.failed, "\n"))
		}
	}, func(c *scim.Config) {
		c.Attributes[employment] = "createdDateTime"
		c.Attributes["nickName"] = "givenName"
		c.Attributes["favouriteColour"] = `"green"`
	})
}

func TestAProviderThatThrottlesGetsEverythingInItsTime(t *testing.T) {
	h := newHarness(t, thirdparty.BetterAuthLimited)
	h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	for n := range extraUsers {
		h.users = append(h.users, userNamed(100+n, fmt.Sprintf("P%02d", n)))
	}
	h.setGroup(1, "Team A", "Ann", "Bo")
	h.runUntilInStep(1)
	if !slices.ContainsFunc(h.failed, func(s string) bool { return strings.Contains(s, ": 429 ") }) {
		h.Error("nothing was refused with 429, so nothing was tried")
	}
}

func TestACheckTellsWhoCannotBeListedAndWritesNothing(t *testing.T) {
	forEachServer(t, func(h *harness) {
		for n := range extraUsers {
			h.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
		}
		findings := h.client.Check(h.Context())
		said := map[string]string{}
		for _, f := range findings {
			said[f.Name] = f.Detail
			if !f.OK {
				h.Errorf("%s: %s; %s", f.Name, f.Detail, f.Remedy)
			}
		}
		whole := !strings.Contains(h.Name(), "unpaged")
		if got := strings.Contains(said["users"], "may be listed"); got != whole {
			h.Errorf("got %q, want it to say that users may be listed: %t", said["users"], whole)
		}
		if got := h.sent(); len(got) > 0 {
			h.Errorf("it wrote %v", got)
		}
	})
}

func TestAGroupThatIsGoneLosesOurMembersAlone(t *testing.T) {
	forEachServer(t, func(h *harness) {
		zoe := h.exists("zoe@elsewhere.example", "")
		h.call(http.MethodPost, "/Groups",
			map[string]any{"schemas": []string{coreGroup}, "displayName": "Team A", "members": []any{map[string]any{"value": zoe["id"]}}})
		h.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
		h.setGroup(1, "Team A", "Ann", "Bo")
		h.setGroup(2, "Team B", "Ann")
		h.runUntilInStep(1)
		h.groups = h.groups[1:]
		h.runUntilInStep(2)
		h.wantMembers("Team A", "zoe@elsewhere.example")
		h.wantMembers("Team B", "ann@contoso.example")
	})
}
