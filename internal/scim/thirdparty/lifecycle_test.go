package thirdparty_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/scim/thirdparty"
)

// TestLifecycleAtThirdPartyServers goes through what happens to people and groups in
// the years that they are provisioned. After each step a second run writes
// nothing.
func TestLifecycleAtThirdPartyServers(t *testing.T) {
	for _, server := range thirdparty.Names() {
		t.Run(server, func(t *testing.T) { lifecycle(newHarness(t, server)) })
	}
}

func lifecycle(h *harness) {
	// There before us: somebody whom the source knows as well, somebody whom it
	// does not know, and a group of the same name with her in it.
	bo := h.call(http.MethodPost, "/Users", map[string]any{"schemas": []string{coreUser}, "userName": "bo@contoso.example", "active": true,
		"name":   map[string]any{"givenName": "Bo", "familyName": "Old"},
		"emails": []any{map[string]any{"value": "bo@contoso.example", "type": "work", "primary": true}}})
	zoe := h.call(http.MethodPost, "/Users", map[string]any{"schemas": []string{coreUser}, "userName": "zoe@elsewhere.example", "active": true,
		"name":   map[string]any{"givenName": "Zoe", "familyName": "Stranger"},
		"emails": []any{map[string]any{"value": "zoe@elsewhere.example", "type": "work", "primary": true}}})
	teamA := h.call(http.MethodPost, "/Groups",
		map[string]any{"schemas": []string{coreGroup}, "displayName": "Team A", "members": []any{map[string]any{"value": zoe["id"]}}})

	for n, name := range []string{"Ann", "Bo", "Cy", "Dee"} {
		h.users = append(h.users, userNamed(1+n, name))
	}
	for n := range extraUsers {
		h.users = append(h.users, userNamed(100+n, fmt.Sprintf("P%02d", n)))
	}
	h.sourceUser("Ann").BusinessPhones = []string{"+46 40 100"}
	h.setGroup(1, "Team A", "Ann", "Bo")
	h.setGroup(2, "Team B", "Cy", "Dee")
	h.setGroup(3, "Others", "Ann")

	step := func(name string, runs int, change, check func()) {
		h.Helper()
		if h.Failed() {
			h.Fatalf("before %q", name)
		}
		h.Logf("%s", name)
		change()
		h.runUntilInStep(runs)
		check()
		h.wantUser("zoe@elsewhere.example", map[string]any{"id": zoe["id"], "active": true, "externalId": nil, "name/familyName": "Stranger"})
	}
	step("first run, with what was there taken on", 1, func() {}, func() {
		h.wantUser("ann@contoso.example",
			map[string]any{"externalId": userID(1), "active": true, "displayName": "Ann Berg", "name/givenName": "Ann", "name/familyName": "Berg",
				"emails/work": "ann@contoso.example", "phoneNumbers/work": "+46 40 100", enterprise + "/department": "Ops"})
		h.wantUser("bo@contoso.example", map[string]any{"id": bo["id"], "externalId": userID(2), "name/familyName": "Berg", "active": true})
		for n := range extraUsers {
			h.wantUser(fmt.Sprintf("p%02d@contoso.example", n), map[string]any{"externalId": userID(100 + n)})
		}
		h.wantMembers("Team A", "ann@contoso.example", "bo@contoso.example", "zoe@elsewhere.example")
		h.wantMembers("Team B", "cy@contoso.example", "dee@contoso.example")
		if got := h.find("Groups", "displayName", "Team A"); got["id"] != teamA["id"] {
			h.Errorf("Team A is %v now, want the one that was there, %v", got["id"], teamA["id"])
		}
	})
	step("attributes change, appear and vanish", 1, func() {
		ann := h.sourceUser("Ann")
		ann.Name, ann.Surname, ann.JobTitle, ann.Department, ann.BusinessPhones = "Ann Holm", "Holm", `CTO "interim" & more`, "Sales", []string{"+46 40 200"}
		h.sourceUser("Bo").BusinessPhones = []string{"+46 40 300"}
	}, func() {
		h.wantUser("ann@contoso.example",
			map[string]any{"externalId": userID(1), "displayName": "Ann Holm", "name/familyName": "Holm", "name/givenName": "Ann",
				"title":             `CTO "interim" & more`,
				"phoneNumbers/work": "+46 40 200", enterprise + "/department": "Sales", "active": true, "emails/work": "ann@contoso.example"})
		h.wantUser("bo@contoso.example", map[string]any{"phoneNumbers/work": "+46 40 300", "name/familyName": "Berg"})
	})
	step("somebody is renamed", 1, func() {
		dee := h.sourceUser("Dee")
		dee.UPN, dee.Mail = "dee.new@contoso.example", "dee.new@contoso.example"
	}, func() {
		h.wantUser("dee.new@contoso.example", map[string]any{"externalId": userID(4), "emails/work": "dee.new@contoso.example", "active": true})
		h.wantMembers("Team B", "cy@contoso.example", "dee.new@contoso.example")
	})
	step("many come to a group", 1, func() {
		h.setGroup(2, "Team B", "Cy", "Dee", "P00", "P01", "P02", "P03", "P04", "P05", "P06", "P07")
	}, func() {
		if got := h.members("Team B"); len(got) != 10 {
			h.Errorf("Team B has %d members, want 10: %v", len(got), got)
		}
	})
	before := len(h.sent())
	step("many leave it, the first ever to leave a group here", 1, func() { h.setGroup(2, "Team B", "Cy", "Dee", "P07") }, func() {
		h.wantMembers("Team B", "cy@contoso.example", "dee.new@contoso.example", "p07@contoso.example")
		// Whether the provider understands is tried on one of them.
		if first := h.sent()[before]; strings.HasPrefix(first, http.MethodPatch) && strings.Count(first, `"op":"remove"`) != 1 {
			h.Errorf("got %s, want the first removal to take out one member alone", first)
		}
	})
	step("somebody moves between groups", 1, func() {
		h.setGroup(1, "Team A", "Ann")
		h.setGroup(2, "Team B", "Bo", "Cy", "Dee")
	}, func() {
		h.wantMembers("Team A", "ann@contoso.example", "zoe@elsewhere.example")
		h.wantMembers("Team B", "bo@contoso.example", "cy@contoso.example", "dee.new@contoso.example")
	})
	step("a group is renamed", 1, func() { h.setGroup(2, "Team Two", "Bo", "Dee") }, func() {
		h.wantMembers("Team Two", "bo@contoso.example", "dee.new@contoso.example")
	})
	step("somebody is disabled", 1, func() { h.sourceUser("Cy").Enabled = false }, func() {
		h.wantUser("cy@contoso.example", map[string]any{"externalId": userID(3), "active": false, "name/givenName": "Cy"})
	})
	step("and enabled again", 1, func() { h.sourceUser("Cy").Enabled = true }, func() {
		h.wantUser("cy@contoso.example", map[string]any{"externalId": userID(3), "active": true, "name/givenName": "Cy"})
	})
	dee := *h.sourceUser("Dee")
	step("somebody leaves", 2, func() {
		h.users = slices.DeleteFunc(h.users, func(u directory.User) bool { return u.ID == dee.ID })
		h.setGroup(2, "Team Two", "Bo")
	}, func() {
		h.wantUser("dee.new@contoso.example", map[string]any{"externalId": userID(4), "active": false})
		h.wantMembers("Team Two", "bo@contoso.example")
	})
	step("and returns, to the group as well", 1, func() {
		h.users = append(h.users, dee)
		h.setGroup(2, "Team Two", "Bo", "Dee")
	}, func() {
		h.wantUser("dee.new@contoso.example", map[string]any{"externalId": userID(4), "active": true})
		h.wantMembers("Team Two", "bo@contoso.example", "dee.new@contoso.example")
	})
	step("the last member leaves a group", 1, func() { h.setGroup(1, "Team A") }, func() {
		h.wantMembers("Team A", "zoe@elsewhere.example")
	})
	if strings.Contains(h.Name(), "unpaged") {
		return // whom the one page does not show is asked for by id, each time
	}
	h.reads = 0
	h.wantNoChanges()
	if h.reads > 4 {
		h.Errorf("a plan and a run made %d requests although nothing changed, want one page of users and one of groups each", h.reads)
	}
}
