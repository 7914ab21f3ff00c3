package attribute

import (
	"testing"

	"syncd/internal/directory"
)

func TestAScopeSaysWhichClauseDecided(t *testing.T) {
	licensed := *ann
	licensed.Licences = []string{"0a11aaaa-0000-4000-8000-000000000001"}
	guest := directory.User{ID: "g1", UPN: "gil_example.org#ext#@contoso.onmicrosoft.com", Guest: true}
	room := *ann
	room.Resource = true
	proof := directory.Proof{Source: "test"}
	group := func(name, unknown string, members ...string) directory.Group {
		return directory.Group{ID: name, Name: name, Members: directory.Members{IDs: members, Unknown: unknown}}
	}
	whole := directory.Proven([]directory.Group{group("Cinode / Users", "", ann.ID), group("Others", "cut short")}, proof)
	cut := directory.Proven([]directory.Group{group("Cinode / Users", "the list ends after 100", "x")}, proof)
	cutWith := directory.Proven([]directory.Group{group("Cinode / Users", "the list ends after 100", ann.ID)}, proof)
	none := directory.Proven([]directory.Group{group("Others", "")}, proof)
	cinode := ScopingFilter{Groups: []string{"cinode*"}}
	for _, tt := range []struct {
		name   string
		scope  ScopingFilter
		user   directory.User
		groups directory.List[directory.Group]
		want   Verdict
		why    string
	}{
		{"a member", ScopingFilter{}, *ann, none, In, "in scope"},
		{"disabled is no matter of scope", ScopingFilter{}, *bo, none, In, "in scope"},
		{"a room", ScopingFilter{}, room, none, Out, "left out: a room or another resource"},
		{"a guest", ScopingFilter{}, guest, none, Out, "left out: guest"},
		{"a guest where guests are wanted", ScopingFilter{Guests: true}, guest, none, In, "in scope"},
		{"a guest's domain is that of the address", ScopingFilter{Guests: true, Domains: []string{"Example.org"}}, guest, none, In, "in scope"},
		{"a guest is excluded by address", ScopingFilter{Guests: true, Exclude: []string{"*@example.org"}}, guest, none, Out,
			"left out: excluded by users.exclude"},
		{"excluded by sign-in name", ScopingFilter{Exclude: []string{"ANN.*"}}, *ann, none, Out, "left out: excluded by users.exclude"},
		{"no licence", ScopingFilter{LicensedOnly: true}, *ann, none, Out, "left out: no licence"},
		{"a licence", ScopingFilter{LicensedOnly: true}, licensed, none, In, "in scope"},
		{"another domain", ScopingFilter{Domains: []string{"fabrikam.example"}}, *ann, none, Out,
			"left out: domain contoso.example is not among users.domains"},
		{"in the group, whose name holds a slash", cinode, *ann, whole, In, "in scope: member of Cinode / Users"},
		{"in none of the groups", cinode, *bo, whole, Out, "left out: in none of the groups that users.groups names"},
		{"another group's hole does not matter", cinode, guest, whole, Out, "left out: guest"},
		{"a group that was cut short", cinode, *ann, cut, Unknown, "not known: the members of Cinode / Users: the list ends after 100"},
		{"a group that was cut short and holds the user", cinode, *ann, cutWith, In, "in scope: member of Cinode / Users"},
		{"what is certain wins over the unknown", cinode, guest, cut, Out, "left out: guest"},
		{"no such group", cinode, *ann, none, Unknown, "not known: no group of the tenant is called cinode*, as users.groups has it"},
		{"one of the names is no group's", ScopingFilter{Groups: []string{"Cinode / Users", "Board"}}, *bo, whole, Unknown,
			"not known: no group of the tenant is called Board, as users.groups has it"},
		{"and others are in", ScopingFilter{Groups: []string{"Cinode / Users", "Board"}}, *ann, whole, In, "in scope: member of Cinode / Users"},
		{"a pattern may fit nothing beside another", ScopingFilter{Groups: []string{"Cinode / Users", "Board*"}}, *bo, whole, Out,
			"left out: in none of the groups that users.groups names"},
		{"groups that nobody proved", cinode, *ann, directory.List[directory.Group]{}, Unknown, ""},
		{"exclusion wins over the group", ScopingFilter{Groups: []string{"*"}, Exclude: []string{"*"}}, *ann, whole, Out,
			"left out: excluded by users.exclude"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := tt.scope.User(&tt.user, tt.scope.Membership(tt.groups))
			if got != tt.want || tt.why != "" && why != tt.why {
				t.Errorf("got %s, %q, want %s, %q", got, why, tt.want, tt.why)
			}
		})
	}
}

func TestAGroupTakesPartWhereItIsNamed(t *testing.T) {
	f := ScopingFilter{IncludeGroups: []string{"Team *"}, ExcludeGroups: []string{"*secret*"}, Roles: []string{"Manager?"}}
	for name, want := range map[string]struct {
		verdict Verdict
		why     string
		role    bool
	}{
		"team a/b":      {In, "in scope", false},
		"Managers":      {In, "in scope: a role", true},
		"Team Secrets":  {Out, "left out: excluded by groups.exclude", false},
		"Another group": {Out, "left out: not named in groups.include", false},
	} {
		g := directory.Group{Name: name}
		if got, why := f.Group(&g); got != want.verdict || why != want.why || f.Role(&g) != want.role {
			t.Errorf("%s: got %s, %q, role %t, want %s, %q, role %t", name, got, why, f.Role(&g), want.verdict, want.why, want.role)
		}
	}
	if got, _ := new(ScopingFilter).Group(&directory.Group{Name: "Team A"}); got != Out {
		t.Errorf("got %s where no group is named, want out", got)
	}
}

func TestAGuestHasAnAddressOfItsOwn(t *testing.T) {
	for _, tt := range []struct {
		name string
		user directory.User
		want string
	}{
		{"a member", directory.User{UPN: "ann@contoso.example", Mail: "a@contoso.example"}, "ann@contoso.example"},
		{"a guest with mail", directory.User{Guest: true, UPN: "x_example.org#ext#@c.example", Mail: "y@example.org"}, "y@example.org"},
		{"a guest without", directory.User{Guest: true, UPN: "x_y_example.org#ext#@c.example"}, "x_y@example.org"},
		{"as Entra spells it", directory.User{Guest: true, UPN: "x_example.org#EXT#@c.example"}, "x@example.org"},
		{"a guest with an ordinary name", directory.User{Guest: true, UPN: "x@c.example"}, "x@c.example"},
		{"a guest whose name cannot be taken apart", directory.User{Guest: true, UPN: "x#ext#@c.example"}, "x#ext#@c.example"},
	} {
		if got := Address(&tt.user); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
