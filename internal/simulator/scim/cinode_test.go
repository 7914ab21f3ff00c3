package scimsim

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// cinode is Cinode with or without one of its variants.
func cinode(doubts ...string) *Server {
	d := Cinode()
	for _, name := range doubts {
		change, ok := CinodeVariants()[name]
		if !ok {
			panic("no doubt " + name)
		}
		change(&d)
	}
	return newSim(d)
}

func TestCinodeAnswersAtBothItsBases(t *testing.T) {
	s := cinode()
	if got := s.Base("acme"); got != "/scim/tenants/acme/v2" {
		t.Errorf("base: got %q", got)
	}
	for path, want := range map[string]int{
		"/scim/v2/ServiceProviderConfigs":              200,
		"/scim/v2/ServiceProviderConfig":               404,
		"/scim/tenants/acme/v2/ServiceProviderConfigs": 200,
		"/scim/v2/Schemas":                             200,
		"/scim/v2/ResourceTypes/User":                  200,
		"/scim/v2/Users?count=1":                       404,
		"/scim/tenants/acme/v2/Users?count=1":          200,
		"/scim/tenants/other/v2/Users?count=1":         403,
	} {
		ask(t, s, "GET", path, "").want(t, path, want)
	}
	ask(t, s, "GET", "/scim/v2/Schemas/"+CinodeSchema, "").want(t, "its own schema", 200, "EmploymentStartDate")
	ask(t, s, "GET", "/scim/v2/Schemas", "", token("wrong")).want(t, "discovery needs the token", 401)
	ask(t, cinode("discovery lives at the tenant only"), "GET", "/scim/v2/Schemas", "").want(t, "no general base", 404)
	ask(t, cinode("resources live at the general base"), "GET", "/scim/v2/Users?count=1", "").want(t, "users at the general base", 200)
	ask(t, cinode("the config path is singular"), "GET", "/ServiceProviderConfig", "").want(t, "the singular", 200)
}

func TestCinodeWantsNamesAndKeepsThem(t *testing.T) {
	s := cinode()
	ask(t, s, "POST", "/Users", user(`"userName":"dee@example.test","name":{}`)).
		want(t, "no names", 400, `{"name.familyName":["Value is missing"],"name.givenName":["Value is missing"]}`)
	body := `{"schemas":["` + UserSchema + `","` + EnterpriseSchema + `","` + CinodeSchema + `"],` + newUser + `,` +
		`"active":"True","` + EnterpriseSchema + `":{"EmployeeNumber":"42"},"` + CinodeSchema + `":{"EmploymentStartDate":"2026-01-01T00:00:00Z"}}`
	made := ask(t, s, "POST", "/Users", body)
	made.want(t, "create", 201, `"EmployeeNumber":"42"`, `"EmploymentStartDate":"2026-01-01T00:00:00Z"`, `"active":true`)
	if id := made.get("id"); id != "1001" {
		t.Errorf("id: got %v, want 1001", id)
	}
	path := "/Users/1001"
	for _, op := range []string{`{"op":"replace","path":"userName","value":"x@example.test"}`,
		`{"op":"add","path":"externalId","value":"other"}`} {
		ask(t, s, "PATCH", path, patchOp(op)).want(t, op, 400, "cannot be changed")
	}
	ask(t, s, "PATCH", path, patchOp(`{"op":"remove","path":"name.givenName"}`)).want(t, "a name removed", 400, "name.givenName")
	number := EnterpriseSchema + ":EmployeeNumber"
	ask(t, s, "PATCH", path, patchOp(`{"op":"Replace","path":"`+number+`","value":"43"}`)).want(t, "an op in Entra's spelling", 200)
	if got := s.Account("acme").User("1001").Text(number); got != "43" {
		t.Errorf("EmployeeNumber: got %q, want 43", got)
	}
	ask(t, s, "PUT", path, user(newUser)).want(t, "PUT of a user", 200)
	ask(t, s, "PUT", "/Groups/g1", group(`"displayName":"x"`)).want(t, "PUT of a group", 405)

	off := cinode("extension attributes are not enabled")
	ask(t, off, "POST", "/Users", body).want(t, "extensions off", 201, "!EmployeeNumber", "!EmploymentStart")
	quiet := cinode("a change of userName is dropped silently")
	ask(t, quiet, "PATCH", "/Users/1", patchOp(`{"op":"replace","path":"userName","value":"x@example.test"}`)).want(t, "dropped", 200,
		"Ann@example.test")
	derived := cinode("displayName is made of the names")
	ask(t, derived, "PATCH", "/Users/1", patchOp(`{"op":"replace","path":"displayName","value":"Annie"}`)).want(t, "derived", 200,
		`"displayName":"Ann Berg"`)
	text := cinode("strings for booleans are refused")
	ask(t, text, "PATCH", "/Users/1", patchOp(`{"op":"replace","path":"active","value":"False"}`)).want(t, "a string", 400)
}

func TestCinodeNeverDeletesAUser(t *testing.T) {
	s := cinode()
	ask(t, s, "DELETE", "/Users/1", "").want(t, "disconnect", 204)
	ask(t, s, "DELETE", "/Users/1", "").want(t, "disconnect again", 204)
	ask(t, s, "GET", "/Users/1", "").want(t, "read", 200, `"active":false`)
	if u := s.Account("acme").User("1"); !u.Disconnected {
		t.Error("disconnected: got false")
	}
	ask(t, s, "POST", "/Users", user(`"userName":"ann@example.test","name":{"givenName":"A","familyName":"B"}`)).
		want(t, "her address once more", 400, "Another user with this email address already exists")
	ask(t, s, "PATCH", "/Users/1", patchOp(`{"op":"replace","path":"active","value":true}`)).want(t, "reconnect", 200, `"active":true`)
	if s.Account("acme").User("1").Disconnected {
		t.Error("disconnected after reactivation: got true")
	}

	s.Edit("kim", func(w *World) {
		old := w.Account("acme").User("3")
		old.With("userName", "old@example.test").Attributes["emails"].([]any)[0].(map[string]any)["value"] = "dee@example.test"
	})
	clash := user(newUser)
	ask(t, s, "POST", "/Users", clash).want(t, "an address of a disconnected user with another userName", 400, "Another user")
	s.Edit("kim", func(w *World) { w.Account("acme").User("3").Attributes["emails"] = nil })
	ask(t, s, "POST", "/Users", clash).want(t, "after a person freed it", 201)

	for doubt, status := range map[string]int{"deleted users are gone": 404, "disconnected users are not shown": 404} {
		s := cinode(doubt)
		ask(t, s, "DELETE", "/Users/1", "").want(t, doubt, 204)
		ask(t, s, "GET", "/Users/1", "").want(t, doubt, status)
		again := ask(t, s, "POST", "/Users", user(`"userName":"ann@example.test","name":{"givenName":"A","familyName":"B"}`))
		if free := again.status == 201; free != (doubt == "deleted users are gone") {
			t.Errorf("%s: creating her again: got %d %s", doubt, again.status, again.body)
		}
	}
	stuck := cinode("disconnected users cannot come back")
	ask(t, stuck, "DELETE", "/Users/1", "").want(t, "disconnect", 204)
	ask(t, stuck, "PATCH", "/Users/1", patchOp(`{"op":"replace","path":"active","value":true}`)).want(t, "reconnect in vain", 200,
		`"active":false`)
	ask(t, cinode("duplicates are a 409"), "POST", "/Users",
		user(`"userName":"ann@example.test","name":{"givenName":"A","familyName":"B"}`)).want(t, "a 409", 409)
}

func TestCinodesGroupsStandForTeams(t *testing.T) {
	s := cinode()
	s.Update(func(w *World) {
		w.Accounts[0].Teams = []*Team{
			{Name: "Consultants", PreparedName: "Sales", PreparedID: "OID-sales", Members: []string{"3"}},
			{Name: "Manager", Role: true, PreparedName: "Managers", PreparedID: "OID-managers"},
		}
	})
	acme := func() *Account { return s.Account("acme") }
	made := ask(t, s, "POST", "/Groups", group(`"displayName":"Sales","externalId":"OID-sales","id":"OID-sales","members":[]`))
	made.want(t, "a prepared team", 201, `"id":"OID-sales"`)
	if team := acme().Team("Consultants"); team.GroupID != "OID-sales" || team.Stray || !slices.Equal(team.Members, []string{"3"}) {
		t.Errorf("the prepared team: got %+v, want it linked with its member", team)
	}
	ask(t, s, "POST", "/Groups", group(`"displayName":"Managers","externalId":"OID-wrong"`)).want(t, "a role without its id", 201)
	if role, stray := acme().Team("Manager"), acme().Team("Managers"); role.GroupID != "" || stray == nil || !stray.Stray {
		t.Errorf("got the role %+v and the team %+v, want it unlinked and a stray team", role, stray)
	}
	ask(t, s, "PATCH", "/Groups/OID-sales", patchOp(`{"op":"add","path":"members","value":[{"value":"1"}]}`)).want(t, "add", 204)
	ask(t, s, "PATCH", "/Groups/OID-sales", patchOp(`{"op":"replace","path":"displayName","value":"Vendors"}`)).want(t, "rename", 204)
	if team := acme().Team("Consultants"); team == nil || !slices.Equal(team.Members, []string{"3", "1"}) {
		t.Errorf("the team: got %+v, want its name and both members", team)
	}
	ask(t, s, "DELETE", "/Groups/OID-sales", "").want(t, "unlink", 204)
	ask(t, s, "GET", "/Groups/OID-sales", "").want(t, "the group", 404)
	if team := acme().Team("Consultants"); team == nil || team.GroupID != "" || len(team.Members) != 2 {
		t.Errorf("the team afterwards: got %+v, want it unlinked with both members", team)
	}
	ask(t, s, "POST", "/Groups", group(`"displayName":"Vendors","externalId":"OID-sales"`)).want(t, "created again", 201)
	if got := len(acme().Teams); got != 4 {
		t.Errorf("teams after a second creation: got %d, want a new stray one, 4", got)
	}

	byName := cinode("a prepared link goes by the name", "renaming a group renames its team", "groups get an id of Cinode's own")
	byName.Update(func(w *World) {
		w.Accounts[0].Teams = []*Team{{Name: "Manager", Role: true, PreparedName: "Managers", PreparedID: "x"}}
	})
	ask(t, byName, "POST", "/Groups", group(`"displayName":"Managers","externalId":"OID-m"`)).want(t, "by name", 201, `"id":"1001"`)
	ask(t, byName, "PATCH", "/Groups/1001", patchOp(`{"op":"replace","path":"displayName","value":"Bosses"}`)).want(t, "rename", 204)
	if team := byName.Account("acme").Team("Bosses"); team == nil || !team.Role || team.GroupID != "1001" {
		t.Errorf("got %+v, want the role renamed and linked", team)
	}
}

func TestCinodesWaysToRemoveAMember(t *testing.T) {
	const (
		filter    = `{"op":"remove","path":"members[value eq \"2\"]"}`
		list      = `{"op":"Remove","path":"members","value":[{"value":"2"}]}`
		operation = `{"op":"add","path":"members","value":[{"value":"2","operation":"Remove"}]}`
	)
	for _, tt := range []struct {
		doubt, op string
		status    int
		left      int
	}{
		{"", filter, 204, 1}, {"", list, 204, 1}, {"", operation, 204, 2},
		{"members are removed by filter only", filter, 204, 1}, {"members are removed by filter only", list, 204, 0},
		{"members are removed by value list only", filter, 400, 2}, {"members are removed by value list only", list, 204, 1},
		{"filtered removal does nothing", filter, 204, 2}, {"filtered removal does nothing", list, 204, 1},
		{"members are removed by their operation", filter, 400, 2}, {"members are removed by their operation", list, 400, 2},
		{"members are removed by their operation", operation, 204, 1},
	} {
		t.Run(fmt.Sprint(tt.doubt, tt.op), func(t *testing.T) {
			s := cinode()
			if tt.doubt != "" {
				s = cinode(tt.doubt)
			}
			ask(t, s, "PATCH", "/Groups/g1", patchOp(tt.op)).want(t, tt.op, tt.status)
			if got := len(s.Account("acme").Group("g1").Members); got != tt.left {
				t.Errorf("got %d members, want %d", got, tt.left)
			}
		})
	}
}

func TestCinodesFilters(t *testing.T) {
	for _, tt := range []struct {
		doubt, filter string
		status        int
	}{
		{"", `userName eq "ann@example.test"`, 200},
		{"", `userName eq ann@example.test`, 200},
		{"", `userName sw "ann"`, 400},
		{"", `userName pr`, 400},
		{"", `userName eq "ann@example.test" and active eq true`, 400},
		{"", `emails[type eq "work"]`, 400},
		{"values of filters must be quoted", `userName eq ann@example.test`, 400},
		{"values of filters must not be quoted", `userName eq ann@example.test`, 200},
		{"values of filters must not be quoted", `userName eq "ann@example.test"`, 400},
	} {
		s := cinode()
		if tt.doubt != "" {
			s = cinode(tt.doubt)
		}
		got := ask(t, s, "GET", filterPath("/Users", tt.filter), "")
		got.want(t, tt.doubt+" "+tt.filter, tt.status)
		if tt.status == 200 && !slices.Equal(got.ids(), []string{"1"}) {
			t.Errorf("%s: got %v, want Ann", tt.filter, got.ids())
		}
	}
}

func TestTheOtherVariantsShow(t *testing.T) {
	ask(t, cinode("refusals are SCIM errors"), "GET", "/Users/99", "").want(t, "SCIM errors", 404, errorURN)
	ask(t, cinode("ids of users are JSON numbers"), "GET", "/Users/1", "").want(t, "numeric ids", 200, `"id":1,`)
	ask(t, cinode("group changes are answered with the group"), "PATCH", "/Groups/g1",
		patchOp(`{"op":"replace","path":"displayName","value":"x"}`)).want(t, "an answer to a PATCH", 200, `"displayName":"x"`)
	for doubt, want := range map[string]string{"": "application/json", "answers are labelled application/scim+json": "application/scim+json"} {
		s := cinode()
		if doubt != "" {
			s = cinode(doubt)
		}
		if got := ask(t, s, "GET", "/Users/1", "").header.Get("Content-Type"); got != want {
			t.Errorf("%s: got %q, want %q", doubt, got, want)
		}
	}
	for doubt, want := range map[string]int{"": http.StatusForbidden, "an account without the add-on answers 404": http.StatusNotFound} {
		s := cinode()
		if doubt != "" {
			s = cinode(doubt)
		}
		s.Update(func(w *World) { w.Accounts[0].Disabled = true })
		ask(t, s, "GET", "/Users?count=1", "").want(t, doubt, want)
	}
}
