package scim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

func teamOf(n int, name string, members ...int) directory.Group {
	g := directory.Group{ID: fmt.Sprintf("33333333-0000-4000-8000-%012d", n), Name: name}
	for _, m := range members {
		g.Members.IDs = append(g.Members.IDs, objectID(m))
	}
	return g
}

// crew is a stage with three users and a group of them, brought into step.
func crew(t *testing.T, edit ...func(*Config)) *stage {
	s := newStage(t, append(edit, withGroups)...)
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo"), someone(3, "Cy")}
	s.groups = []directory.Group{teamOf(1, "Sales", 1, 2, 3)}
	s.run()
	return s
}

func (s *stage) wantMembers(group string, names ...string) {
	s.Helper()
	var want []string
	for _, n := range names {
		want = append(want, s.provider.user(strings.ToLower(n)+"@contoso.example").text("id"))
	}
	slices.Sort(want)
	if got := s.provider.membersOf(group); !slices.Equal(got, want) {
		s.Errorf("got members %v of %s, want %v", got, group, want)
	}
}

func TestTheLifeOfAGroup(t *testing.T) {
	s := crew(t)
	s.wantMembers("Sales", "Ann", "Bo", "Cy")
	s.still()

	s.groups[0].Members.IDs = []string{objectID(1)}
	s.run()
	s.wantMembers("Sales", "Ann")
	removals := slices.DeleteFunc(slices.Clone(s.provider.bodies), func(b string) bool { return !strings.Contains(b, `"remove"`) })
	if len(removals) != 2 || strings.Count(removals[0], `"remove"`) != 1 {
		t.Errorf("got %v, want a canary of one member and then the rest", removals)
	}
	s.still()

	s.groups[0].Name = "Sellers"
	s.users = append(s.users, someone(4, "Dee"))
	s.groups[0].Members.IDs = []string{objectID(1), objectID(4), objectID(99)}
	s.run()
	s.wantMembers("Sellers", "Ann", "Dee")
	s.still()

	s.groups = nil
	s.run()
	s.run()
	s.wantMembers("Sellers")
	s.still()

	s.groups = []directory.Group{teamOf(1, "Sellers", 2)}
	s.run()
	s.wantMembers("Sellers", "Bo")
	s.still()
}

func TestMembersThatAreNotProvenAreLeftAlone(t *testing.T) {
	s := crew(t)
	s.groups[0].Members = directory.Members{Unknown: "its expansion was cut short"}
	s.provider.forget()
	done, notes := s.try()
	if len(done) > 0 || s.provider.writes > 0 || !slices.Contains(notes, "members_unknown") {
		t.Errorf("got %v and notes %v, want nothing done and a note", done, notes)
	}
}

func TestForeignMembersStayInAGroup(t *testing.T) {
	s := crew(t)
	s.provider.users = append(s.provider.users, document{"id": "stranger", "userName": "zoe@elsewhere.example", "active": true})
	s.provider.groups[0]["members"] = append(s.provider.groups[0].list("members"), document{"value": "stranger"}, document{"value": "dangling"})
	normalise(s.provider.groups[0])
	s.still()
	s.groups[0].Members.IDs = []string{objectID(1)}
	s.run()
	if got := s.provider.membersOf("Sales"); len(got) != 3 || !slices.Contains(got, "stranger") || !slices.Contains(got, "dangling") {
		t.Errorf("got %v, want the two that are nobody's business and Ann", got)
	}
}

func normalise(d document) {
	var out []any
	for _, v := range d.list("members") {
		out = append(out, map[string]any(anyDocument(v)))
	}
	d["members"] = out
}

func anyDocument(v any) document {
	if d, ok := v.(document); ok {
		return d
	}
	return asDocument(v)
}

func TestARemovalThatTakesOthersAlongIsUndoneAndStopsGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crew(t)
		s.provider.removeEmpties = true
		s.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
		_, notes := s.try()
		if !slices.Equal(notes, []string{"members_stopped"}) {
			t.Errorf("got %v, want it said", notes)
		}
		s.wantMembers("Sales", "Ann", "Bo")
		s.groups[0].Members.IDs = []string{objectID(1)}
		for range 2 {
			s.provider.forget()
			_, notes = s.try()
			if s.provider.writes > 0 || !slices.Equal(notes, []string{"members_stopped"}) {
				t.Fatalf("got %d writes and %v, want groups left alone", s.provider.writes, notes)
			}
			if got := s.observed.Notes[0]; !strings.Contains(got.Message, "took 2 others along") || got.Note {
				t.Errorf("got %+v", got)
			}
			s.client = client(t, s.provider, withGroups) // the next life of the program remembers
		}
	})
}

func TestARemovalThatDoesNothingIsTriedInTheOtherWaysOfTheProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crew(t)
		profile := *s.client.profile
		profile.MemberRemove = []string{removeByFilter, removeByValue}
		s.client.profile = &profile
		s.provider.removeIgnored = true
		s.provider.odd = func(r *http.Request, body []byte) (*http.Response, bool) {
			if !strings.Contains(string(body), `"op":"remove","path":"members","value"`) {
				return nil, false
			}
			for _, d := range s.provider.groups { // Entra's form, as Entra means it
				d["members"] = slices.DeleteFunc(slices.Clone(d.list("members")), func(v any) bool { return strings.Contains(string(body), `"`+asDocument(v).text("value")+`"`) })
			}
			return said(204, "", ""), true
		}
		s.groups[0].Members.IDs = []string{objectID(1)}
		s.run()
		s.wantMembers("Sales", "Ann")
		s.still()
	})
}

func TestEntrasFormThatEmptiesTheGroupIsCaughtAtOneMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crew(t)
		profile := *s.client.profile
		profile.MemberRemove = []string{removeByValue}
		s.client.profile = &profile // the provider takes remove members as the RFC does
		s.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
		_, notes := s.try()
		s.wantMembers("Sales", "Ann", "Bo")
		if !slices.Equal(notes, []string{"members_stopped"}) {
			t.Errorf("got %v", notes)
		}
	})
}

func TestAProviderWithoutPatchIsPut(t *testing.T) {
	s := newStage(t, withGroups)
	s.provider.noPatch = true
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
	s.groups = []directory.Group{teamOf(1, "Sales", 1, 2)}
	s.run()
	s.wantMembers("Sales", "Ann", "Bo")
	s.still()
	u := s.provider.user("ann@contoso.example")
	u["nickName"] = "Annie" // not ours, and to be sent back
	s.users[0].Surname = "Holm"
	s.groups[0].Members.IDs = nil
	s.run()
	u = s.provider.user("ann@contoso.example")
	if u.text("nickName") != "Annie" || asDocument(u.get("name")).text("familyName") != "Holm" || u.text("active") != "true" {
		t.Errorf("got %v", u)
	}
	s.wantMembers("Sales")
	s.still()
}

func TestWithoutPatchTheFirstWriteMayBeARemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := crew(t)
		s.provider.noPatch = true // and no discovery to say so
		s.groups[0].Members.IDs = nil
		if _, notes := s.try(); len(notes) > 0 {
			t.Errorf("got %v, want the members put as a whole", notes)
		}
		s.wantMembers("Sales")
		s.still()
	})
}

func TestATruncatedListOfMembersTakesNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, withGroups)
		s.provider.showAtMost = 20
		var all []int
		for n := range 25 {
			s.users = append(s.users, someone(n+1, fmt.Sprintf("P%d", n+1)))
			all = append(all, n+1)
		}
		s.groups = []directory.Group{teamOf(1, "All", all[:20]...)}
		s.run()
		s.groups[0] = teamOf(1, "All", all...)
		_, notes := s.try()
		if !slices.Contains(notes, "members_truncated") {
			t.Errorf("got %v, want members_truncated", notes)
		}
		s.still()
		s.groups[0] = teamOf(1, "All", all[:22]...)
		s.still()
		if got := s.provider.membersOf("All"); len(got) != 25 {
			t.Errorf("got %d members, want 25 still", len(got))
		}
	})
}

func TestARoleWaitsForAPerson(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Profile, c.Groups.Roles = "cinode", []string{"Managers"} })
	s.users = []directory.User{someone(1, "Ann")}
	s.groups = []directory.Group{teamOf(1, "Managers", 1)}
	_, notes := s.try()
	if !slices.Contains(notes, "match_proposed") || len(s.provider.groups) > 0 {
		t.Fatalf("got %v and %v, want the role to wait", notes, s.provider.groups)
	}
	s.settled = []plan.Settlement{{Key: groupKey(s.groups[0].ID), How: plan.SettleCreate}}
	s.run()
	s.wantMembers("Managers", "Ann")
	if s.provider.bodies[len(s.provider.bodies)-2] == "" || !strings.Contains(strings.Join(s.provider.bodies, ""), `"id":"`+s.groups[0].ID+`"`) {
		t.Errorf("got %v, want the object id as id, as Cinode's sample has it", s.provider.bodies)
	}
	s.still()
}

func TestUnlinkingAGroupEmptiesItFirst(t *testing.T) {
	s := crew(t, func(c *Config) { c.Profile = "cinode" })
	s.groups = nil
	s.run()
	s.provider.forget()
	s.run()
	if got := s.provider.asked[len(s.provider.asked)-1]; !strings.HasPrefix(got, "DELETE /Groups/") || !strings.Contains(strings.Join(s.provider.bodies, ""), `"op":"Remove"`) {
		t.Errorf("got %v, want the members removed and then a DELETE", s.provider.asked)
	}
	s.still()
}

func TestGroupsWhoseListShowsNoMembersAreReadOneByOne(t *testing.T) {
	s := crew(t)
	s.provider.after = func(r *http.Request, resp *http.Response) *http.Response {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/Groups") {
			return resp
		}
		var bare []any
		for _, g := range s.provider.groups {
			bare = append(bare, document{"id": g["id"], "displayName": g["displayName"], "externalId": g["externalId"]})
		}
		return answer(200, document{"totalResults": len(bare), "Resources": bare})
	}
	s.still()
	s.groups[0].Members.IDs = []string{objectID(2)}
	s.run()
	s.wantMembers("Sales", "Bo")
}

func TestBrownfieldGroups(t *testing.T) {
	for _, tt := range []struct {
		name  string
		there []document
		want  string
	}{
		{"of the name", []document{{"id": "7", "displayName": "sales"}}, "adopt Sales"},
		{"of the external id", []document{{"id": "7", "displayName": "Old", "externalId": teamOf(1, "").ID}}, "adopt Sales"},
		{"two of the name", []document{{"id": "7", "displayName": "Sales"}, {"id": "8", "displayName": "SALES"}}, "match_ambiguous"},
		{"of somebody else", []document{{"id": "7", "displayName": "Sales", "externalId": "another"}}, "match_conflict"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, withGroups)
			s.provider.groups = tt.there
			s.groups = []directory.Group{teamOf(1, "Sales")}
			done, notes := s.try()
			if got := append(done, notes...); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
			if strings.HasPrefix(tt.want, "adopt") {
				s.still()
			}
		})
	}
}

func TestTwoGroupsOfOneNameAreForAPersonWhereOneIsThere(t *testing.T) {
	s := newStage(t, withGroups)
	s.provider.groups = []document{{"id": "7", "displayName": "Sales"}}
	s.groups = []directory.Group{teamOf(1, "Sales"), teamOf(2, "Sales")}
	if _, notes := s.try(); !slices.Equal(notes, []string{"match_ambiguous", "match_ambiguous"}) {
		t.Errorf("got %v", notes)
	}
	s.settled = []plan.Settlement{{Key: groupKey(s.groups[0].ID), How: plan.SettleAccept, Ref: "7"}, {Key: groupKey(s.groups[1].ID), How: plan.SettleCreate}}
	s.run()
	if len(s.provider.groups) != 2 || s.provider.groups[0].text("externalId") != s.groups[0].ID {
		t.Errorf("got %v", s.provider.groups)
	}
	s.still()
}

func TestAGroupThatClashesIsTakenOnOrWaits(t *testing.T) {
	for _, seen := range []bool{true, false} {
		s := newStage(t, withGroups)
		s.users = []directory.User{someone(1, "Ann")}
		s.groups = []directory.Group{teamOf(1, "Sales", 1)}
		s.provider.odd = func(r *http.Request, _ []byte) (*http.Response, bool) {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Groups") {
				return nil, false
			}
			if seen {
				s.provider.groups = []document{{"id": "7", "displayName": "SALES"}}
			}
			return scimError(409, "uniqueness", "taken"), true
		}
		_, notes := s.try()
		s.provider.odd = nil
		if seen {
			s.wantMembers("Sales", "Ann")
			s.still()
			continue
		}
		if !slices.Equal(notes, []string{"duplicate"}) {
			t.Errorf("got %v", notes)
		}
		if p := s.plan(); len(p.Changes) > 0 || p.Violations[0].Code != "duplicate" {
			t.Errorf("got %+v, %+v, want it to wait", p.Changes, p.Violations)
		}
	}
}

func TestABatchThatIsTooLargeIsHalved(t *testing.T) {
	s := newStage(t, withGroups)
	var all []int
	for n := range 9 {
		s.users = append(s.users, someone(n+1, fmt.Sprintf("P%d", n+1)))
		all = append(all, n+1)
	}
	s.groups = []directory.Group{teamOf(1, "All", all...)}
	s.provider.odd = func(_ *http.Request, body []byte) (*http.Response, bool) {
		return said(413, "", ""), strings.Count(string(body), `"value":"u-`) > 3
	}
	s.run()
	if got := s.provider.membersOf("All"); len(got) != 9 {
		t.Errorf("got %d members, want 9", len(got))
	}
}

func TestMembersBeyondWhatIsShownAreNotAddedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, withGroups)
		s.provider.showAtMost = 20
		var most []int
		for n := range 31 {
			s.users = append(s.users, someone(n+1, fmt.Sprintf("P%d", n+1)))
			most = append(most, n+1)
		}
		s.groups = []directory.Group{teamOf(1, "All", most[:30]...)}
		for range 3 {
			s.try()
		}
		s.still()
		s.groups = []directory.Group{teamOf(1, "All", most...)}
		before := len(s.provider.groups[0].list("members"))
		if done, _ := s.try(); len(done) != 1 {
			t.Errorf("got %v, want one more added", done)
		}
		s.still()
		s.still()
		if n := len(s.provider.groups[0].list("members")) - before; n != 1 {
			t.Errorf("got %d members more, want one", n)
		}
	})
}
