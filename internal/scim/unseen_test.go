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
		d := newDrama(t, scimsim.Quirk("members are never shown"))
		d.users = []directory.User{someone(1, "Ann"), someone(2, "Bo"), someone(3, "Cy")}
		d.groups = []directory.Group{teamOf(1, "Sales", 1, 2), teamOf(2, "Board", 2)}
		_, notes := d.try()
		if got := strings.Join(notes, " "); strings.Count(got, "members_unseen") != 1 || strings.Contains(got, "error") {
			t.Errorf("noted %s, want it noticed once", got)
		}
		d.members("Sales", "Ann", "Bo")
		d.members("Board", "Bo")
		for range 2 { // the next life of the program remembers
			c, err := New(d.client.config, d.client.options)
			if err != nil {
				t.Fatal(err)
			}
			d.client = c
			d.still()
			if !slices.ContainsFunc(d.observed.Notes, func(v plan.Violation) bool { return v.Code == "members_unseen" && v.Note }) {
				t.Errorf("noted %+v", d.observed.Notes)
			}
		}
		d.groups[0].Members.IDs = []string{objectID(1), objectID(3)}
		before := d.writes()
		d.run()
		if n := d.writes() - before; n != 2 {
			t.Errorf("%d writes, want one that adds and one that removes", n)
		}
		d.members("Sales", "Ann", "Cy")
		d.still()
		// A human adds somebody whom nobody sees: not ours, and left there.
		d.groups[0].Members.IDs = nil
		d.run()
		d.members("Sales")
		d.still()
		for _, v := range d.sim.Violations() {
			t.Errorf("the provider noted: %v", v)
		}
	})
}

// It shows them one day: then it is believed, and what differs is mended.
func TestAProviderThatShowsMembersAgainIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, withGroups)
		hidden := true
		s.provider.after = func(r *http.Request, resp *http.Response) *http.Response {
			if !hidden || r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/Groups") {
				return resp
			}
			var bare []any
			for _, g := range s.provider.groups {
				one := document{"id": g["id"], "displayName": g["displayName"], "externalId": g["externalId"], "members": []any{}}
				if strings.HasSuffix(r.URL.Path, "/"+g.text("id")) {
					return answer(200, one)
				}
				bare = append(bare, one)
			}
			return answer(200, document{"totalResults": len(bare), "Resources": bare})
		}
		s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
		s.groups = []directory.Group{teamOf(1, "Sales", 1, 2)}
		s.run()
		s.still()
		s.wantMembers("Sales", "Ann", "Bo")
		hidden = false
		for _, g := range s.provider.groups {
			g["members"] = g.list("members")[:1]
		}
		s.run()
		s.wantMembers("Sales", "Ann", "Bo")
		s.still()
		for _, v := range s.observed.Notes {
			t.Errorf("still noted: %+v", v)
		}
	})
}

// Where members were seen before, an empty answer is no design: nothing is
// concluded from it.
func TestMembersThatWereSeenOnceAreMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crew(t)
		s.provider.odd = func(r *http.Request, body []byte) (*http.Response, bool) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/Groups/") {
				g := s.provider.groups[0]
				return answer(200, document{"id": g["id"], "displayName": g["displayName"], "externalId": g["externalId"], "members": []any{}}), true
			}
			return nil, false
		}
		s.users = append(s.users, someone(4, "Dee"))
		s.groups[0].Members.IDs = append(s.groups[0].Members.IDs, objectID(4))
		_, notes := s.try()
		if got := strings.Join(notes, "; "); !strings.Contains(got, "does not show them: add dee@contoso.example") || strings.Contains(got, "members_unseen") {
			t.Errorf("noted %s", got)
		}
	})
}

// Who cannot be added or removed is named, with the direction, on every run.
func TestWhoCannotBeAddedOrRemovedIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crew(t)
		s.provider.removeIgnored = true
		s.groups[0].Members.IDs = []string{objectID(2)}
		want := "members of group Sales are to be changed at the provider by hand: remove ann@contoso.example, cy@contoso.example (the provider would take nobody out; it is tried again tomorrow)"
		s.try()
		for range 2 {
			p := s.plan()
			if len(p.Changes) > 0 {
				t.Errorf("would %+v", p.Changes)
			}
			if !slices.ContainsFunc(s.observed.Notes, func(v plan.Violation) bool {
				return v.Code == "members_stopped" && v.Message == want && v.Kind == kindGroup && v.Key == s.groups[0].ID && v.NeedsRepair
			}) {
				t.Errorf("got %+v, want %s", s.observed.Notes, want)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := crew(t)
		s.provider.removeEmpties = true
		s.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
		s.try()
		s.users = append(s.users, someone(4, "Dee"))
		s.groups[0].Members.IDs = []string{objectID(1), objectID(4)}
		s.try()
		s.plan()
		want := "by hand: add dee@contoso.example; remove bo@contoso.example (taking one member out of group "
		if len(s.observed.Notes) != 1 || !strings.Contains(s.observed.Notes[0].Message, want) {
			t.Errorf("got %+v, want %s", s.observed.Notes, want)
		}
	})
}
