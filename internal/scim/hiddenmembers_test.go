package scim

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"syncd/internal/directory"
	"syncd/internal/plan"
	scimsim "syncd/internal/simulator/scim"
)

// A provider that shows nobody who is in a group, by design: noticed once,
// remembered from one life of the program to the next, differences written only.
func TestAProviderThatNeverShowsMembersIsWrittenDifferencesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, scimsim.Quirk("members are never shown"))
		s.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy")}
		s.groups = []directory.Group{groupOf(1, "Sales", 1, 2), groupOf(2, "Board", 2)}
		_, notes := s.runWithNotes()
		if got := strings.Join(notes, " "); strings.Count(got, "members_unseen") != 1 || strings.Contains(got, "error") {
			t.Errorf("noted %s, want it noticed once", got)
		}
		s.members("Sales", "Ann", "Bo")
		s.members("Board", "Bo")
		for range 2 { // the next life of the program remembers
			c, err := New(s.client.config, s.client.options)
			if err != nil {
				t.Fatal(err)
			}
			s.client = c
			s.wantNoChanges()
			if !slices.ContainsFunc(s.observed.Notes, func(v plan.Violation) bool { return v.Code == "members_unseen" && v.Note }) {
				t.Errorf("noted %+v", s.observed.Notes)
			}
		}
		s.groups[0].Members.IDs = []string{objectID(1), objectID(3)}
		before := s.writes()
		s.run()
		if n := s.writes() - before; n != 2 {
			t.Errorf("%d writes, want one that adds and one that removes", n)
		}
		s.members("Sales", "Ann", "Cy")
		s.wantNoChanges()
		// A human adds somebody whom nobody sees: not ours, and left there.
		s.groups[0].Members.IDs = nil
		s.run()
		s.members("Sales")
		s.wantNoChanges()
		for _, v := range s.sim.Violations() {
			t.Errorf("the provider noted: %v", v)
		}
	})
}

// It shows them one day: then it is believed, and what differs is mended.
func TestAProviderThatShowsMembersAgainIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, withGroups)
		hidden := true
		f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
			if !hidden || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/Groups") {
				return resp
			}
			var bare []any
			for _, g := range f.provider.groups {
				one := document{"id": g["id"], "displayName": g["displayName"], "externalId": g["externalId"], "members": []any{}}
				if strings.HasSuffix(r.URL.Path, "/"+g.text("id")) {
					return answer(200, one)
				}
				bare = append(bare, one)
			}
			return answer(200, document{"totalResults": len(bare), "Resources": bare})
		}
		f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
		f.groups = []directory.Group{groupOf(1, "Sales", 1, 2)}
		f.run()
		f.wantNoChanges()
		f.wantMembers("Sales", "Ann", "Bo")
		hidden = false
		for _, g := range f.provider.groups {
			g["members"] = g.list("members")[:1]
		}
		f.run()
		f.wantMembers("Sales", "Ann", "Bo")
		f.wantNoChanges()
		for _, v := range f.observed.Notes {
			t.Errorf("still noted: %+v", v)
		}
	})
}

// Where members were seen before, an empty answer is no design: nothing is
// concluded from it.
func TestMembersThatWereSeenOnceAreMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := threeUsersInAGroup(t)
		f.provider.answerInstead = func(r *http.Request, body []byte) (*http.Response, bool) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/Groups/") {
				g := f.provider.groups[0]
				return answer(200, document{"id": g["id"], "displayName": g["displayName"], "externalId": g["externalId"], "members": []any{}}), true
			}
			return nil, false
		}
		f.users = append(f.users, userNamed(4, "Dee"))
		f.groups[0].Members.IDs = append(f.groups[0].Members.IDs, objectID(4))
		_, notes := f.runWithNotes()
		if got := strings.Join(notes, "; "); !strings.Contains(got, "does not show them: add dee@contoso.example") ||
			strings.Contains(got, "members_unseen") {
			t.Errorf("noted %s", got)
		}
	})
}

// Who cannot be added or removed is named, with the direction, on every run.
func TestWhoCannotBeAddedOrRemovedIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := threeUsersInAGroup(t)
		f.provider.removeIgnored = true
		f.groups[0].Members.IDs = []string{objectID(2)}
		want := "members of group Sales are to be changed at the provider by hand: remove ann@contoso.example, cy@contoso.example (the provider would take nobody out; it is tried again tomorrow)"
		f.runWithNotes()
		for range 2 {
			p := f.plan()
			if len(p.Changes) > 0 {
				t.Errorf("would %+v", p.Changes)
			}
			if !slices.ContainsFunc(f.observed.Notes, func(v plan.Violation) bool {
				return v.Code == "members_stopped" && v.Message == want && v.Kind == kindGroup && v.Key == f.groups[0].ID && v.NeedsRepair
			}) {
				t.Errorf("got %+v, want %s", f.observed.Notes, want)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := threeUsersInAGroup(t)
		f.provider.removeEmpties = true
		f.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
		f.runWithNotes()
		f.users = append(f.users, userNamed(4, "Dee"))
		f.groups[0].Members.IDs = []string{objectID(1), objectID(4)}
		f.runWithNotes()
		f.plan()
		want := "by hand: add dee@contoso.example; remove bo@contoso.example (taking one member out of group "
		if len(f.observed.Notes) != 1 || !strings.Contains(f.observed.Notes[0].Message, want) {
			t.Errorf("got %+v, want %s", f.observed.Notes, want)
		}
	})
}
