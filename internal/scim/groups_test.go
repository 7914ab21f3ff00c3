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

func groupOf(n int, name string, members ...int) directory.Group {
	g := directory.Group{ID: fmt.Sprintf("33333333-0000-4000-8000-%012d", n), Name: name}
	for _, m := range members {
		g.Members.IDs = append(g.Members.IDs, objectID(m))
	}
	return g
}

// threeUsersInAGroup is a fixture with three users and a group of them, brought into step.
func threeUsersInAGroup(t *testing.T, edit ...func(*Config)) *fixture {
	f := newFixture(t, append(edit, withGroups)...)
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy")}
	f.groups = []directory.Group{groupOf(1, "Sales", 1, 2, 3)}
	f.run()
	return f
}

func (f *fixture) wantMembers(group string, names ...string) {
	f.Helper()
	var want []string
	for _, n := range names {
		want = append(want, f.provider.user(strings.ToLower(n)+"@contoso.example").text("id"))
	}
	slices.Sort(want)
	if got := f.provider.membersOf(group); !slices.Equal(got, want) {
		f.Errorf("got members %v of %s, want %v", got, group, want)
	}
}

func TestTheLifeOfAGroup(t *testing.T) {
	f := threeUsersInAGroup(t)
	f.wantMembers("Sales", "Ann", "Bo", "Cy")
	f.wantNoChanges()

	f.groups[0].Members.IDs = []string{objectID(1)}
	f.run()
	f.wantMembers("Sales", "Ann")
	removals := slices.DeleteFunc(slices.Clone(f.provider.bodies), func(b string) bool { return !strings.Contains(b, `"remove"`) })
	if len(removals) != 2 || strings.Count(removals[0], `"remove"`) != 1 {
		t.Errorf("got %v, want a canary of one member and then the rest", removals)
	}
	f.wantNoChanges()

	f.groups[0].Name = "Sellers"
	f.users = append(f.users, userNamed(4, "Dee"))
	f.groups[0].Members.IDs = []string{objectID(1), objectID(4), objectID(99)}
	f.run()
	f.wantMembers("Sellers", "Ann", "Dee")
	f.wantNoChanges()

	f.groups = nil
	f.run()
	f.run()
	f.wantMembers("Sellers")
	f.wantNoChanges()

	f.groups = []directory.Group{groupOf(1, "Sellers", 2)}
	f.run()
	f.wantMembers("Sellers", "Bo")
	f.wantNoChanges()
}

func TestMembersThatAreNotProvenAreLeftAlone(t *testing.T) {
	f := threeUsersInAGroup(t)
	f.groups[0].Members = directory.Members{Unknown: "its expansion was cut short"}
	f.provider.forget()
	done, notes := f.runWithNotes()
	if len(done) > 0 || f.provider.writes > 0 || !slices.Contains(notes, "members_unknown") {
		t.Errorf("got %v and notes %v, want nothing done and a note", done, notes)
	}
}

func TestForeignMembersStayInAGroup(t *testing.T) {
	f := threeUsersInAGroup(t)
	f.provider.users = append(f.provider.users, document{"id": "stranger", "userName": "zoe@elsewhere.example", "active": true})
	f.provider.groups[0]["members"] = append(f.provider.groups[0].list("members"), document{"value": "stranger"},
		document{"value": "dangling"})
	normalise(f.provider.groups[0])
	f.wantNoChanges()
	f.groups[0].Members.IDs = []string{objectID(1)}
	f.run()
	if got := f.provider.membersOf("Sales"); len(got) != 3 || !slices.Contains(got, "stranger") || !slices.Contains(got, "dangling") {
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
		f := threeUsersInAGroup(t)
		f.provider.removeEmpties = true
		f.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
		_, notes := f.runWithNotes()
		if !slices.Equal(notes, []string{"members_stopped"}) {
			t.Errorf("got %v, want it said", notes)
		}
		f.wantMembers("Sales", "Ann", "Bo")
		f.groups[0].Members.IDs = []string{objectID(1)}
		for range 2 {
			f.provider.forget()
			_, notes = f.runWithNotes()
			if f.provider.writes > 0 || !slices.Equal(notes, []string{"members_stopped"}) {
				t.Fatalf("got %d writes and %v, want groups left alone", f.provider.writes, notes)
			}
			if got := f.observed.Notes[0]; !strings.Contains(got.Message, "took 2 others along") || got.Note {
				t.Errorf("got %+v", got)
			}
			f.client = client(t, f.provider, withGroups) // the next life of the program remembers
		}
	})
}

func TestARemovalThatDoesNothingIsTriedInTheOtherWaysOfTheProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := threeUsersInAGroup(t)
		profile := *f.client.profile
		profile.MemberRemove = []string{removeByFilter, removeByValue}
		f.client.profile = &profile
		f.provider.removeIgnored = true
		f.provider.answerInstead = func(r *http.Request, body []byte) (*http.Response, bool) {
			if !strings.Contains(string(body), `"op":"remove","path":"members","value"`) {
				return nil, false
			}
			for _, d := range f.provider.groups { // Entra's form, as Entra means it
				d["members"] = slices.DeleteFunc(slices.Clone(d.list("members")),
					func(v any) bool { return strings.Contains(string(body), `"`+asDocument(v).text("value")+`"`) })
			}
			return said(204, "", ""), true
		}
		f.groups[0].Members.IDs = []string{objectID(1)}
		f.run()
		f.wantMembers("Sales", "Ann")
		f.wantNoChanges()
	})
}

func TestEntrasFormThatEmptiesTheGroupIsCaughtAtOneMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := threeUsersInAGroup(t)
		profile := *f.client.profile
		profile.MemberRemove = []string{removeByValue}
		f.client.profile = &profile // the provider takes remove members as the RFC does
		f.groups[0].Members.IDs = []string{objectID(1), objectID(2)}
		_, notes := f.runWithNotes()
		f.wantMembers("Sales", "Ann", "Bo")
		if !slices.Equal(notes, []string{"members_stopped"}) {
			t.Errorf("got %v", notes)
		}
	})
}

func TestAProviderWithoutPatchIsPut(t *testing.T) {
	f := newFixture(t, withGroups)
	f.provider.noPatch = true
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.groups = []directory.Group{groupOf(1, "Sales", 1, 2)}
	f.run()
	f.wantMembers("Sales", "Ann", "Bo")
	f.wantNoChanges()
	u := f.provider.user("ann@contoso.example")
	u["nickName"] = "Annie" // not ours, and to be sent back
	f.users[0].Surname = "Holm"
	f.groups[0].Members.IDs = nil
	f.run()
	u = f.provider.user("ann@contoso.example")
	if u.text("nickName") != "Annie" || asDocument(u.get("name")).text("familyName") != "Holm" || u.text("active") != "true" {
		t.Errorf("got %v", u)
	}
	f.wantMembers("Sales")
	f.wantNoChanges()
}

func TestWithoutPatchTheFirstWriteMayBeARemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := threeUsersInAGroup(t)
		f.provider.noPatch = true // and no discovery to say so
		f.groups[0].Members.IDs = nil
		if _, notes := f.runWithNotes(); len(notes) > 0 {
			t.Errorf("got %v, want the members put as a whole", notes)
		}
		f.wantMembers("Sales")
		f.wantNoChanges()
	})
}

func TestATruncatedListOfMembersTakesNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, withGroups)
		f.provider.showAtMost = 20
		var all []int
		for n := range 25 {
			f.users = append(f.users, userNamed(n+1, fmt.Sprintf("P%d", n+1)))
			all = append(all, n+1)
		}
		f.groups = []directory.Group{groupOf(1, "All", all[:20]...)}
		f.run()
		f.groups[0] = groupOf(1, "All", all...)
		_, notes := f.runWithNotes()
		if !slices.Contains(notes, "members_truncated") {
			t.Errorf("got %v, want members_truncated", notes)
		}
		f.wantNoChanges()
		f.groups[0] = groupOf(1, "All", all[:22]...)
		f.wantNoChanges()
		if got := f.provider.membersOf("All"); len(got) != 25 {
			t.Errorf("got %d members, want 25 still", len(got))
		}
	})
}

func TestARoleWaitsForAPerson(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Profile, c.Groups.Roles = "cinode", []string{"Managers"} })
	f.users = []directory.User{userNamed(1, "Ann")}
	f.groups = []directory.Group{groupOf(1, "Managers", 1)}
	_, notes := f.runWithNotes()
	if !slices.Contains(notes, "match_proposed") || len(f.provider.groups) > 0 {
		t.Fatalf("got %v and %v, want the role to wait", notes, f.provider.groups)
	}
	f.settled = []plan.Settlement{{Key: groupKey(f.groups[0].ID), How: plan.SettleCreate}}
	f.run()
	f.wantMembers("Managers", "Ann")
	if f.provider.bodies[len(f.provider.bodies)-2] == "" ||
		!strings.Contains(strings.Join(f.provider.bodies, ""), `"id":"`+f.groups[0].ID+`"`) {
		t.Errorf("got %v, want the object id as id, as Cinode's sample has it", f.provider.bodies)
	}
	f.wantNoChanges()
}

func TestUnlinkingAGroupEmptiesItFirst(t *testing.T) {
	f := threeUsersInAGroup(t, func(c *Config) { c.Profile = "cinode" })
	f.groups = nil
	f.run()
	f.provider.forget()
	f.run()
	if got := f.provider.requestLines[len(f.provider.requestLines)-1]; !strings.HasPrefix(got, "DELETE /Groups/") ||
		!strings.Contains(strings.Join(f.provider.bodies, ""), `"op":"Remove"`) {
		t.Errorf("got %v, want the members removed and then a DELETE", f.provider.requestLines)
	}
	f.wantNoChanges()
}

func TestGroupsWhoseListShowsNoMembersAreReadOneByOne(t *testing.T) {
	f := threeUsersInAGroup(t)
	f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/Groups") {
			return resp
		}
		var bare []any
		for _, g := range f.provider.groups {
			bare = append(bare, document{"id": g["id"], "displayName": g["displayName"], "externalId": g["externalId"]})
		}
		return answer(200, document{"totalResults": len(bare), "Resources": bare})
	}
	f.wantNoChanges()
	f.groups[0].Members.IDs = []string{objectID(2)}
	f.run()
	f.wantMembers("Sales", "Bo")
}

func TestBrownfieldGroups(t *testing.T) {
	for _, tt := range []struct {
		name  string
		there []document
		want  string
	}{
		{"of the name", []document{{"id": "7", "displayName": "sales"}}, "adopt Sales"},
		{"of the external id", []document{{"id": "7", "displayName": "Old", "externalId": groupOf(1, "").ID}}, "adopt Sales"},
		{"two of the name", []document{{"id": "7", "displayName": "Sales"}, {"id": "8", "displayName": "SALES"}}, "match_ambiguous"},
		{"of somebody else", []document{{"id": "7", "displayName": "Sales", "externalId": "another"}}, "match_conflict"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, withGroups)
			f.provider.groups = tt.there
			f.groups = []directory.Group{groupOf(1, "Sales")}
			done, notes := f.runWithNotes()
			if got := append(done, notes...); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
			if strings.HasPrefix(tt.want, "adopt") {
				f.wantNoChanges()
			}
		})
	}
}

func TestTwoGroupsOfOneNameAreForAPersonWhereOneIsThere(t *testing.T) {
	f := newFixture(t, withGroups)
	f.provider.groups = []document{{"id": "7", "displayName": "Sales"}}
	f.groups = []directory.Group{groupOf(1, "Sales"), groupOf(2, "Sales")}
	if _, notes := f.runWithNotes(); !slices.Equal(notes, []string{"match_ambiguous", "match_ambiguous"}) {
		t.Errorf("got %v", notes)
	}
	f.settled = []plan.Settlement{{Key: groupKey(f.groups[0].ID), How: plan.SettleAccept, Ref: "7"},
		{Key: groupKey(f.groups[1].ID), How: plan.SettleCreate}}
	f.run()
	if len(f.provider.groups) != 2 || f.provider.groups[0].text("externalId") != f.groups[0].ID {
		t.Errorf("got %v", f.provider.groups)
	}
	f.wantNoChanges()
}

func TestAGroupThatClashesIsTakenOnOrWaits(t *testing.T) {
	for _, seen := range []bool{true, false} {
		f := newFixture(t, withGroups)
		f.users = []directory.User{userNamed(1, "Ann")}
		f.groups = []directory.Group{groupOf(1, "Sales", 1)}
		f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Groups") {
				return nil, false
			}
			if seen {
				f.provider.groups = []document{{"id": "7", "displayName": "SALES"}}
			}
			return scimError(409, "uniqueness", "taken"), true
		}
		_, notes := f.runWithNotes()
		f.provider.answerInstead = nil
		if seen {
			f.wantMembers("Sales", "Ann")
			f.wantNoChanges()
			continue
		}
		if !slices.Equal(notes, []string{"duplicate"}) {
			t.Errorf("got %v", notes)
		}
		if p := f.plan(); len(p.Changes) > 0 || p.Violations[0].Code != "duplicate" {
			t.Errorf("got %+v, %+v, want it to wait", p.Changes, p.Violations)
		}
	}
}

func TestABatchThatIsTooLargeIsHalved(t *testing.T) {
	f := newFixture(t, withGroups)
	var all []int
	for n := range 9 {
		f.users = append(f.users, userNamed(n+1, fmt.Sprintf("P%d", n+1)))
		all = append(all, n+1)
	}
	f.groups = []directory.Group{groupOf(1, "All", all...)}
	f.provider.answerInstead = func(_ *http.Request, body []byte) (*http.Response, bool) {
		return said(413, "", ""), strings.Count(string(body), `"value":"u-`) > 3
	}
	f.run()
	if got := f.provider.membersOf("All"); len(got) != 9 {
		t.Errorf("got %d members, want 9", len(got))
	}
}

func TestMembersBeyondWhatIsShownAreNotAddedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, withGroups)
		f.provider.showAtMost = 20
		var most []int
		for n := range 31 {
			f.users = append(f.users, userNamed(n+1, fmt.Sprintf("P%d", n+1)))
			most = append(most, n+1)
		}
		f.groups = []directory.Group{groupOf(1, "All", most[:30]...)}
		for range 3 {
			f.runWithNotes()
		}
		f.wantNoChanges()
		f.groups = []directory.Group{groupOf(1, "All", most...)}
		before := len(f.provider.groups[0].list("members"))
		if done, _ := f.runWithNotes(); len(done) != 1 {
			t.Errorf("got %v, want one more added", done)
		}
		f.wantNoChanges()
		f.wantNoChanges()
		if n := len(f.provider.groups[0].list("members")) - before; n != 1 {
			t.Errorf("got %d members more, want one", n)
		}
	})
}
