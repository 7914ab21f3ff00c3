package scim

import (
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

func TestUsersMayBeScopedByGroupAndUnknownIsNobodysEnd(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Users.Groups = []string{"App *"} })
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
	s.groups = []directory.Group{teamOf(1, "App users", 1)}
	if got := s.run(); !slices.Equal(got, []string{"create Ann Berg (ann@contoso.example)"}) {
		t.Errorf("got %v, want Ann alone", got)
	}
	s.groups[0].Members = directory.Members{Unknown: "cut short"}
	_, notes := s.try()
	if s.still(); !slices.Equal(notes, []string{"scope_unknown", "scope_unknown"}) {
		t.Errorf("got %v, want scope_unknown of Ann, who is there, and of all others together", notes)
	}
}

func TestAScopingGroupThatIsNotThereIsNobodysEnd(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Users.Groups, c.Leavers.Absences = []string{"App users", "Board"}, 1 })
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo"), someone(3, "Cy")}
	s.groups = []directory.Group{teamOf(1, "App users", 1), teamOf(2, "Board", 2)}
	s.run()
	s.groups[1].Name = "Directors"
	s.users[0].Surname = "Holm"
	done, notes := s.try()
	if want := []string{"scope_unknown", "scope_group_missing"}; !slices.Equal(notes, want) || !slices.Equal(done, []string{"update Ann Berg (ann@contoso.example)"}) {
		t.Errorf("got %v and %v, want %v, and Ann brought into step all the same", done, notes, want)
	}
	if v := s.observed.Notes[0]; !v.NeedsRepair || v.Note || v.Key != "Board" || !strings.Contains(v.Message, "1 users who are there") {
		t.Errorf("got %+v, want it to wait for a person", v)
	}
	s.groups[0].Name = "Users of the app" // now there is none at all
	if done, notes := s.try(); len(done) > 0 || !slices.Contains(notes, "scope_group_missing") || !plan.Blocks(s.observed.Notes) {
		t.Errorf("got %v and %v, want the whole plan to wait", done, notes)
	}
	if u := s.provider.user("bo@contoso.example"); u.text("active") != "true" {
		t.Errorf("got %v, want Bo as he was", u)
	}
	s.groups[0].Name, s.groups[1].Name = "App users", "Board"
	s.groups[1].Members.IDs = nil // left for certain
	s.run()
	if u := s.provider.user("bo@contoso.example"); u.text("active") != "false" {
		t.Errorf("got %v, want Bo out", u)
	}
	s.groups = s.groups[:1] // and nobody is there by it any more
	if _, notes := s.try(); !slices.Equal(notes, []string{"scope_group_missing"}) || plan.Holds(s.observed.Notes) {
		t.Errorf("got %v, want a note of it", notes)
	}
}

func TestAGroupThatIsCalledOtherwiseThanTheConfigurationHasItStays(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Groups.Include, c.Leavers.Absences = []string{"Sales", "Bord"}, 1 })
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo"), someone(3, "Cy")}
	s.groups = []directory.Group{teamOf(1, "Sales", 1, 2, 3)}
	if s.try(); !slices.ContainsFunc(s.observed.Notes, func(v plan.Violation) bool { return v.Code == "group_missing" && strings.Contains(v.Message, "Bord") }) {
		t.Errorf("got %+v, want it said that there is no Bord", s.observed.Notes)
	}
	s.groups[0].Name = "Sales EMEA"
	done, notes := s.try()
	if len(done) > 0 || !slices.Contains(notes, "group_renamed") {
		t.Errorf("got %v and %v, want group_renamed", done, notes)
	}
	s.wantMembers("Sales", "Ann", "Bo", "Cy")
	s.groups = nil // gone is gone
	s.run()
	s.wantMembers("Sales")
}
