package scim

import (
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

func TestUsersMayBeScopedByGroupAndUnknownIsNobodysEnd(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Users.Groups = []string{"App *"} })
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.groups = []directory.Group{groupOf(1, "App users", 1)}
	if got := f.run(); !slices.Equal(got, []string{"create Ann Berg (ann@contoso.example)"}) {
		t.Errorf("got %v, want Ann alone", got)
	}
	f.groups[0].Members = directory.Members{Unknown: "cut short"}
	_, notes := f.runWithNotes()
	if f.wantNoChanges(); !slices.Equal(notes, []string{"scope_unknown", "scope_unknown"}) {
		t.Errorf("got %v, want scope_unknown of Ann, who is there, and of all others together", notes)
	}
}

func TestAScopingGroupThatIsNotThereIsNobodysEnd(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Users.Groups, c.Leavers.Absences = []string{"App users", "Board"}, 1 })
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy")}
	f.groups = []directory.Group{groupOf(1, "App users", 1), groupOf(2, "Board", 2)}
	f.run()
	f.groups[1].Name = "Directors"
	f.users[0].Surname = "Holm"
	done, notes := f.runWithNotes()
	if want := []string{"scope_unknown", "scope_group_missing"}; !slices.Equal(notes, want) ||
		!slices.Equal(done, []string{"update Ann Berg (ann@contoso.example)"}) {
		t.Errorf("got %v and %v, want %v, and Ann brought into step all the same", done, notes, want)
	}
	if v := f.observed.Notes[0]; !v.NeedsRepair || v.Note || v.Key != "Board" || !strings.Contains(v.Message, "1 users who are there") {
		t.Errorf("got %+v, want it to wait for a person", v)
	}
	f.groups[0].Name = "Users of the app" // now there is none at all
	if done, notes := f.runWithNotes(); len(done) > 0 || !slices.Contains(notes, "scope_group_missing") || !plan.Blocks(f.observed.Notes) {
		t.Errorf("got %v and %v, want the whole plan to wait", done, notes)
	}
	if u := f.provider.user("bo@contoso.example"); u.text("active") != "true" {
		t.Errorf("got %v, want Bo as he was", u)
	}
	f.groups[0].Name, f.groups[1].Name = "App users", "Board"
	f.groups[1].Members.IDs = nil // left for certain
	f.run()
	if u := f.provider.user("bo@contoso.example"); u.text("active") != "false" {
		t.Errorf("got %v, want Bo out", u)
	}
	f.groups = f.groups[:1] // and nobody is there by it any more
	if _, notes := f.runWithNotes(); !slices.Equal(notes, []string{"scope_group_missing"}) || plan.Holds(f.observed.Notes) {
		t.Errorf("got %v, want a note of it", notes)
	}
}

func TestAGroupThatIsCalledOtherwiseThanTheConfigurationHasItStays(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Groups.Include, c.Leavers.Absences = []string{"Sales", "Bord"}, 1 })
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy")}
	f.groups = []directory.Group{groupOf(1, "Sales", 1, 2, 3)}
	if f.runWithNotes(); !slices.ContainsFunc(f.observed.Notes,
		func(v plan.Violation) bool { return v.Code == "group_missing" && strings.Contains(v.Message, "Bord") }) {
		t.Errorf("got %+v, want it said that there is no Bord", f.observed.Notes)
	}
	f.groups[0].Name = "Sales EMEA"
	done, notes := f.runWithNotes()
	if len(done) > 0 || !slices.Contains(notes, "group_renamed") {
		t.Errorf("got %v and %v, want group_renamed", done, notes)
	}
	f.wantMembers("Sales", "Ann", "Bo", "Cy")
	f.groups = nil // gone is gone
	f.run()
	f.wantMembers("Sales")
}
