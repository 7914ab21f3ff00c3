package scim

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
)

func TestWhatIsMissingInAListIsAskedForBeforeItCountsAsRemoved(t *testing.T) {
	f := newFixture(t, withGroups)
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.groups = []directory.Group{groupOf(1, "Sales", 1, 2)}
	f.run()
	f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		if path := r.URL.Path; r.Method == http.MethodGet && (strings.HasSuffix(path, "/Users") || strings.HasSuffix(path, "/Groups")) {
			return answer(200, document{"totalResults": 0, "Resources": []any{}}), true
		}
		return nil, false
	}
	done, notes := f.runWithNotes()
	if len(done) > 0 || slices.Contains(notes, "removed_at_target") || !slices.Contains(notes, "list_incomplete") {
		t.Errorf("got %v and %v, want nobody called removed", done, notes)
	}
	f.provider.answerInstead = nil
	f.wantNoChanges()
	f.provider.users = f.provider.users[:1]
	if _, notes := f.runWithNotes(); !slices.Contains(notes, "removed_at_target") {
		t.Errorf("got %v, want Bo called removed, who is", notes)
	}
}

func TestWhoWasRemovedIsNoMemberUntilHeIsThereAgain(t *testing.T) {
	f := threeUsersInAGroup(t)
	f.provider.users = slices.DeleteFunc(f.provider.users, func(d document) bool { return d["id"] == "u-2" })
	f.provider.groups[0]["members"] = []any{map[string]any{"value": "u-1"}, map[string]any{"value": "u-3"}}
	p := f.plan()
	if len(p.Changes) != 1 || p.Changes[0].Action != plan.Create || p.Changes[0].Held == "" {
		t.Fatalf("got %+v, want the one change that waits for a person: what is approved must be the plan of the next run", p.Changes)
	}
	f.run() // the fixture asks nobody
	f.run()
	f.wantMembers("Sales", "Ann", "Bo", "Cy")
	f.wantNoChanges()
}

func TestACustomerWhoMovesToAnotherAccountIsToldWhatStaysBehind(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.URL = "https://scim.example/v2/{account}" })
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.run()
	f.customer.Links = mapping.Links{"scim_app": "y"}
	f.provider.users = nil
	f.plan()
	if notes := f.observed.Notes; len(notes) != 1 || notes[0].Code != "left_behind" ||
		!strings.Contains(notes[0].Message, "2 users and groups") {
		t.Errorf("got %+v, want left_behind", notes)
	}
}

func TestAGroupWhoseFirstRequestArrivesLateIsNotDoubled(t *testing.T) {
	for _, kind := range []string{kindGroup, kindUser} {
		f := newFixture(t, withGroups)
		f.users = []directory.User{userNamed(1, "Ann")}
		if kind == kindGroup {
			f.run()
			f.groups = []directory.Group{groupOf(1, "Sales", 1)}
		}
		p := f.plan()
		i := slices.IndexFunc(p.Changes, func(c plan.Change) bool { return c.Key.Kind == kind })
		ch := p.Changes[i]
		ch.Reason = plan.AttemptVanished
		late := document{"id": "late", "displayName": "Sales", "userName": "ann@contoso.example", "externalId": ch.Key.ID, "active": true}
		all := map[string]*[]document{kindGroup: &f.provider.groups, kindUser: &f.provider.users}[kind]
		*all = append(*all, late) // after the lists were read
		out, err := f.view.Apply(t.Context(), ch)
		if err != nil || out.Object.Ref != "late" || f.provider.requests("POST /Groups") > 0 || len(*all) != 1 {
			t.Errorf("%s: got %+v, %v and %v, want the late one taken on", kind, out, err, *all)
		}
		f.records[ch.Key] = plan.Record{Object: out.Object, Origin: plan.Created}
		f.wantNoChanges()
		*all = append(*all, document{"id": "twin", "displayName": "Sales", "userName": "ann2@contoso.example", "externalId": ch.Key.ID})
		f.plan()
		if !slices.ContainsFunc(f.observed.Notes, func(v plan.Violation) bool {
			return v.Code == "twin" && v.NeedsRepair && strings.Contains(v.Message, "twin (")
		}) {
			t.Errorf("%s: got %+v, want the other one named", kind, f.observed.Notes)
		}
	}
}
