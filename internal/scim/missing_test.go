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
	s := newStage(t, withGroups)
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
	s.groups = []directory.Group{teamOf(1, "Sales", 1, 2)}
	s.run()
	s.provider.odd = func(r *http.Request, _ []byte) (*http.Response, bool) {
		if path := r.URL.Path; r.Method == http.MethodGet && (strings.HasSuffix(path, "/Users") || strings.HasSuffix(path, "/Groups")) {
			return answer(200, document{"totalResults": 0, "Resources": []any{}}), true
		}
		return nil, false
	}
	done, notes := s.try()
	if len(done) > 0 || slices.Contains(notes, "removed_at_target") || !slices.Contains(notes, "list_incomplete") {
		t.Errorf("got %v and %v, want nobody called removed", done, notes)
	}
	s.provider.odd = nil
	s.still()
	s.provider.users = s.provider.users[:1]
	if _, notes := s.try(); !slices.Contains(notes, "removed_at_target") {
		t.Errorf("got %v, want Bo called removed, who is", notes)
	}
}

func TestWhoWasRemovedIsNoMemberUntilHeIsThereAgain(t *testing.T) {
	s := crew(t)
	s.provider.users = slices.DeleteFunc(s.provider.users, func(d document) bool { return d["id"] == "u-2" })
	s.provider.groups[0]["members"] = []any{map[string]any{"value": "u-1"}, map[string]any{"value": "u-3"}}
	p := s.plan()
	if len(p.Changes) != 1 || p.Changes[0].Action != plan.Create || p.Changes[0].Held == "" {
		t.Fatalf("got %+v, want the one change that waits for a person: what is approved must be the plan of the next run", p.Changes)
	}
	s.run() // the stage asks nobody
	s.run()
	s.wantMembers("Sales", "Ann", "Bo", "Cy")
	s.still()
}

func TestACustomerWhoMovesToAnotherAccountIsToldWhatStaysBehind(t *testing.T) {
	s := newStage(t, func(c *Config) { c.URL = "https://scim.example/v2/{account}" })
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
	s.run()
	s.customer.Links = mapping.Links{"scim_app": "y"}
	s.provider.users = nil
	s.plan()
	if notes := s.observed.Notes; len(notes) != 1 || notes[0].Code != "left_behind" || !strings.Contains(notes[0].Message, "2 users and groups") {
		t.Errorf("got %+v, want left_behind", notes)
	}
}

func TestAGroupWhoseFirstRequestArrivesLateIsNotDoubled(t *testing.T) {
	for _, kind := range []string{kindGroup, kindUser} {
		s := newStage(t, withGroups)
		s.users = []directory.User{someone(1, "Ann")}
		if kind == kindGroup {
			s.run()
			s.groups = []directory.Group{teamOf(1, "Sales", 1)}
		}
		p := s.plan()
		i := slices.IndexFunc(p.Changes, func(c plan.Change) bool { return c.Key.Kind == kind })
		ch := p.Changes[i]
		ch.Reason = plan.AttemptVanished
		late := document{"id": "late", "displayName": "Sales", "userName": "ann@contoso.example", "externalId": ch.Key.ID, "active": true}
		all := map[string]*[]document{kindGroup: &s.provider.groups, kindUser: &s.provider.users}[kind]
		*all = append(*all, late) // after the lists were read
		out, err := s.view.Apply(t.Context(), ch)
		if err != nil || out.Object.Ref != "late" || s.provider.requests("POST /Groups") > 0 || len(*all) != 1 {
			t.Errorf("%s: got %+v, %v and %v, want the late one taken on", kind, out, err, *all)
		}
		s.records[ch.Key] = plan.Record{Object: out.Object, Origin: plan.Created}
		s.still()
		*all = append(*all, document{"id": "twin", "displayName": "Sales", "userName": "ann2@contoso.example", "externalId": ch.Key.ID})
		s.plan()
		if !slices.ContainsFunc(s.observed.Notes, func(v plan.Violation) bool {
			return v.Code == "twin" && v.NeedsRepair && strings.Contains(v.Message, "twin (")
		}) {
			t.Errorf("%s: got %+v, want the other one named", kind, s.observed.Notes)
		}
	}
}
