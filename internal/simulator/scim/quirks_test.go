package scimsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// transcript is what a client sees of a dialect that tries everything once.
func transcript(t *testing.T, d Dialect) []string {
	var all []string
	s := manyUsers(d, 60)
	note := func(s *Server, method, path, body string, edits ...func(*http.Request)) reply {
		r := ask(t, s, method, path, body, edits...)
		all = append(all, fmt.Sprint(method, " ", path, " ", body, ": ", r.status, r.header, r.body, r.err))
		return r
	}
	note(s, "GET", "/Users", "")
	note(s, "GET", "/Users?startIndex=2&count=100", "")
	note(s, "GET", "/Users?startIndex=61&count=2", "")
	if next, ok := note(s, "GET", "/Users?cursor&count=40", "").get("nextCursor").(string); ok {
		time.Sleep(2 * time.Minute)
		note(s, "GET", "/Users?count=40&cursor="+next, "")
	}
	s = newSim(d)
	ids := make([]string, 0, 110)
	s.Update(func(w *World) {
		for i := range 110 {
			u := Person(fmt.Sprintf("many%d@example.test", i), "M", "N")
			u.ID = fmt.Sprint(500 + i)
			w.Accounts[0].Users = append(w.Accounts[0].Users, u)
			ids = append(ids, u.ID)
		}
		g := Group("Many", ids...)
		g.ID = "g3"
		w.Accounts[0].Groups = append(w.Accounts[0].Groups, g)
	})
	for _, path := range []string{
		"/ServiceProviderConfig", "/ServiceProviderConfigs", "/ResourceTypes", "/Users/1", "/Users/99", "/Groups/g3",
		"/Users/1?attributes=userName",
		filterPath("/Users", `userName eq "ann@example.test"`), filterPath("/Users", `title eq "Cook"`),
		filterPath("/Users", `userName eq "nobody"`),
		filterPath("/Users", `externalId eq "oid-ANN"`),
		filterPath("/Users", `userName eq "a+b@example.test"`), filterPath("/Users", `userName eq "a\"b"`),
		filterPath("/Users", `emails.value eq "bo@example.test"`),
		filterPath("/Users", `title pr and active eq true`), filterPath("/Users", `emails[type eq "work"].value eq "bo@example.test"`),
	} {
		note(s, "GET", path, "")
	}
	note(s, "POST", "/Users", `{`)
	note(s, "POST", "/Users", user(`"userName":"a+b@example.test","active":"True"`))
	made := note(s, "POST", "/Users", user(`"userName":"a+B@Example.test","externalId":"OID-ann","name":{"givenName":"A","familyName":"B"}`))
	note(s, "GET", filterPath("/Users", `userName eq "a+b@example.test"`), "")
	path := strings.TrimPrefix(made.header.Get("Location"), "https://scim.example")
	if made.status == 201 && path != "" {
		note(s, "GET", path, "")
		note(s, "PATCH", path, patchOp(`{"op":"replace","path":"title","value":"x"}`))
		note(s, "GET", path, "")
		note(s, "PATCH", path, patchOp(`{"op":"replace","path":"active","value":"False"}`))
		note(s, "PATCH", path, patchOp(`{"op":"replace","path":"active","value":1}`))
	}
	note(s, "POST", "/Users", user(`"userName":"ANN@example.test"`))
	note(s, "POST", "/Users", user(`"userName":"q@example.test","shoeSize":"44"`))
	note(s, "POST", "/Users", `{"schemas":["`+UserSchema+`","`+EnterpriseSchema+`"],"userName":"e@example.test","`+EnterpriseSchema+`":{"department":"x"}}`)
	note(s, "POST", "/Groups", group(`"displayName":"staff","externalId":"OID-new"`))
	note(s, "GET", "/Groups/OID-new", "")
	note(s, "POST", "/Groups", group(`"displayName":"Whole staff","members":[{"value":"g1"}]`))
	for _, op := range []string{
		`{"op":"replace","path":"title","value":"Cook"}`, `{"op":"replace","path":"title","value":" Cook "}`,
		`{"op":"replace","path":"nickName","value":null}`, `{"op":"replace","path":"TITLE","value":"Chef"}`,
		`{"op":"replace","value":{"name":{"givenName":"X"}}}`, `{"op":"replace","value":{"name.givenName":"X"}}`,
		`{"op":"add","value":{"` + EnterpriseSchema + `":{"department":"x"}}}`, `{"op":"Replace","path":"title","value":"y"}`,
		`{"op":"replace","path":"title","value":"z"},{"op":"remove","path":"userName"}`,
		`{"op":"replace","path":"emails[type eq \"home\"].value","value":"x"}`,
	} {
		note(s, "PATCH", "/Users/2", patchOp(op))
		note(s, "GET", "/Users/2", "")
	}
	for _, op := range []string{
		`{"op":"add","path":"members","value":{"value":"3"}}`, `{"op":"add","path":"members","value":[{"value":"1"}]}`,
		`{"op":"remove","path":"members[value eq \"2\"]"}`,
		`{"op":"remove","path":"members[value eq \"500\"]"}`, `{"op":"add","path":"members","value":[{"value":"99"}]}`,
		`{"op":"remove","path":"members[value eq \"3\" or value eq \"4\"]"}`,
		`{"op":"replace","path":"members","value":[{"value":"1"},{"value":"2"}]}`,
		`{"op":"remove","path":"members","value":[{"value":"1"}]}`,
		`{"op":"add","path":"members","value":[` + strings.Repeat(`{"value":"500"},`, 20) + `{"value":"501"}]}`,
	} {
		note(s, "PATCH", "/Groups/g1", patchOp(op))
		note(s, "GET", "/Groups/g1", "")
	}
	note(s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":"x"}`), header("If-Match", `W/"1"`))
	note(s, "PUT", "/Users/2", user(`"userName":"bo@example.test","title":"Cook"`))
	note(s, "DELETE", "/Users/500", "")
	note(s, "GET", "/Users/500", "")
	note(s, "GET", "/Groups/g3", "")
	note(s, "DELETE", "/Users/500", "")
	note(s, "POST", "/Users", user(`"userName":"many0@example.test"`))
	s.Fail(Rule{Times: 1, Fault: Fault{Kind: Throttled, RetryAfter: 9}})
	note(s, "GET", "/Users/1", "")
	return all
}

func TestEveryQuirkShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain := transcript(t, Strict())
		for _, name := range Quirks() {
			if slices.Equal(plain, transcript(t, Quirk(name))) {
				t.Errorf("%s: a client sees no difference", name)
			}
		}
	})
}

func TestRedirectsAreFollowedToTheEnd(t *testing.T) {
	s := newSim(Dialect{Redirect: http.StatusPermanentRedirect, RedirectHops: 2})
	path := s.Base("acme") + "/Users/1?attributes=userName"
	for range 2 {
		got := ask(t, s, "GET", path, "")
		got.want(t, path, 308)
		path = got.header.Get("Location")
	}
	ask(t, s, "GET", path, "").want(t, path, 200, "Ann@example.test", "!displayName")
	far := ask(t, newSim(Quirk("redirects to another host")), "GET", "/Users/1", "")
	if got := far.header.Get("Location"); far.status != 307 || !strings.HasPrefix(got, "https://elsewhere.example/") {
		t.Errorf("got %d to %q, want 307 to another host", far.status, got)
	}
}

func TestMediaTypesAndVersionsAreLookedAt(t *testing.T) {
	edit := patchOp(`{"op":"replace","path":"title","value":"x"}`)
	for _, tt := range []struct {
		name    string
		dialect Dialect
		edit    func(*http.Request)
		status  int
	}{
		{"scim+json", Strict(), func(*http.Request) {}, 200},
		{"json", Strict(), header("Content-Type", "application/json; charset=utf-8"), 200},
		{"text", Strict(), header("Content-Type", "text/plain"), 415},
		{"scim+json where only json is taken", Quirk("scim+json is refused"), func(*http.Request) {}, 415},
		{"json there", Quirk("scim+json is refused"), header("Content-Type", "application/json"), 200},
		{"scim+json not acceptable", Quirk("scim+json is not acceptable"), func(*http.Request) {}, 406},
		{"json acceptable", Quirk("scim+json is not acceptable"), header("Accept", "application/json"), 200},
		{"If-Match without versions", Strict(), header("If-Match", `W/"7"`), 200},
		{"a stale If-Match", Quirk("versions are checked"), header("If-Match", `W/"7"`), 412},
		{"the right If-Match", Quirk("versions are checked"), header("If-Match", `W/"1"`), 200},
		{"no If-Match", Quirk("versions are checked"), func(*http.Request) {}, 200},
		{"no If-Match where it must be", Quirk("versions are required"), func(*http.Request) {}, 428},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask(t, newSim(tt.dialect), "PATCH", "/Users/1", edit, tt.edit).want(t, tt.name, tt.status)
		})
	}
	got := ask(t, newSim(Quirk("versions are checked")), "GET", "/Users/1", "")
	if got.header.Get("ETag") != `W/"1"` || !strings.Contains(got.body, `"version":"W/\"1\""`) {
		t.Errorf("got ETag %q and %s, want version 1 in both", got.header.Get("ETag"), got.body)
	}
	if got := ask(t, newSim(Quirk("ETag noise")), "GET", "/Users/1", "").header.Get("ETag"); got == "" || got == `W/"1"` {
		t.Errorf("noise: got %q, want a hash", got)
	}
}

func TestIdsComeFromWhereTheDialectSays(t *testing.T) {
	s := newSim(Quirk("id is the userName"))
	s.Update(func(w *World) { w.Accounts[0].Group("g1").Members = nil })
	ask(t, s, "POST", "/Users", user(`"userName":"a/b c+d@example.test"`)).
		want(t, "create", 201, `"id":"a/b c+d@example.test"`, `/Users/a%2Fb%20c+d@example.test"`)
	path := "/Users/a%2Fb%20c+d@example.test"
	ask(t, s, "GET", path, "").want(t, "read by an escaped id", 200)
	ask(t, s, "PATCH", "/Groups/g1", patchOp(`{"op":"add","path":"members","value":[{"value":"a/b c+d@example.test"}]}`)).want(t, "join", 200)
	ask(t, s, "PATCH", path, patchOp(`{"op":"replace","path":"userName","value":"new@example.test"}`)).want(t, "rename", 200,
		`"id":"new@example.test"`)
	ask(t, s, "GET", path, "").want(t, "the old id", 404)
	if got := s.Account("acme").Group("g1").Members; !slices.Equal(got, []string{"new@example.test"}) {
		t.Errorf("members after the rename: got %v", got)
	}
	ask(t, newSim(Quirk("group id is the externalId")), "POST", "/Groups", group(`"displayName":"x","externalId":"OID-x"`)).want(t,
		"group", 201, `"id":"OID-x"`)
	ask(t, newSim(Quirk("group id is the externalId")), "POST", "/Groups", group(`"displayName":"x","externalId":"g1"`)).want(t,
		"an id taken", 409)
}

func TestFilterQuirksMislead(t *testing.T) {
	for _, tt := range []struct {
		quirk, filter string
		status        int
		want          []string
	}{
		{"filter is case-exact for userName", `userName eq "ann@example.test"`, 200, nil},
		{"filter is case-exact for userName", `userName eq "Ann@example.test"`, 200, []string{"1"}},
		{"filter is ignored", `userName eq "nobody"`, 200, []string{"1", "2", "3"}},
		{"filter is refused", `userName eq "nobody"`, 400, nil},
		{"filter is forbidden", `userName eq "nobody"`, 403, nil},
		{"filter is missing", `userName eq "nobody"`, 501, nil},
		{"filter finds no mail", `emails.value eq "bo@example.test"`, 200, nil},
		{"filter without hits is a 404", `userName eq "nobody"`, 404, nil},
		{"and finds nothing", `userName sw "a" and active eq true`, 200, nil},
		{"unknown operators find everybody", `userName sw "a"`, 200, []string{"1", "2", "3"}},
		{"absent attribute of another user fails filters", `title eq "Cook"`, 400, nil},
		{"escapes in filters are refused", `userName eq "a\"b"`, 400, nil},
		{"Entra's dialect", `emails[type eq "work"].value eq "BO@example.test"`, 200, []string{"2"}},
		{"filter eq only", `userName eq "bo@example.test" and active eq true`, 400, nil},
	} {
		t.Run(tt.quirk+" "+tt.filter, func(t *testing.T) {
			got := ask(t, newSim(Quirk(tt.quirk)), "GET", filterPath("/Users", tt.filter), "")
			got.want(t, tt.quirk, tt.status)
			if !slices.Equal(got.ids(), tt.want) {
				t.Errorf("got %v, want %v", got.ids(), tt.want)
			}
		})
	}
	s := newSim(Quirk("filter loses plus"))
	ask(t, s, "POST", "/Users", user(`"userName":"a+b@example.test"`)).want(t, "create", 201)
	ask(t, s, "GET", "/Users?filter=userName%20eq%20%22a%2Bb@example.test%22", "").want(t, "a lost plus", 200, `"totalResults":0`)
	s = newSim(Quirk("userNames may differ in case"))
	ask(t, s, "POST", "/Users", user(`"userName":"ANN@example.test"`)).want(t, "another case", 201)
	ask(t, s, "GET", filterPath("/Users", `userName eq "ann@example.test"`), "").want(t, "two hits", 200, `"totalResults":2`)
}

func TestNormalisedValuesDoNotStick(t *testing.T) {
	s := newSim(Quirk("names are derived now and then"))
	rename := func(name string) string {
		r := ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"displayName","value":"`+name+`"}`))
		r.want(t, name, 200)
		got, _ := r.get("displayName").(string)
		return got
	}
	if got := rename("First"); got != "First" {
		t.Errorf("the first write: got %q, want it kept", got)
	}
	if got := rename("Second"); got != "Bo Lind" {
		t.Errorf("the second write: got %q, want it derived", got)
	}
	s = newSim(Dialect{TrimText: true, CutText: 4})
	ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":"  Måltid  "}`)).want(t, "cut", 200, `"title":"Målt"`)
}

func TestSwitchesWithoutAQuirkOfTheirOwn(t *testing.T) {
	boss := group(`"displayName":"Bosses","externalId":"OID-boss","members":[{"value":"g1"}]`)
	for _, tt := range []struct {
		name, method, path, body string
		dialect                  Dialect
		status                   int
		parts                    []string
	}{
		{"externalId without case", "GET", filterPath("/Users", `externalId eq "oid-ANN"`), "", Dialect{FoldExternalID: true}, 200,
			[]string{`"totalResults":1`}},
		{"few attributes to filter by", "GET", filterPath("/Users", `displayName eq "x"`), "", Dialect{FilterPaths: []string{"userName"}},
			400, []string{"invalidFilter"}},
		{"one of them", "GET", filterPath("/Users", `userName eq "x"`), "", Dialect{FilterPaths: []string{"userName"}}, 200, nil},
		{"groups that cannot go", "DELETE", "/Groups/g1", "", Dialect{DeleteGroups: 403}, 403, nil},
		{"groups in groups", "POST", "/Groups", boss, Dialect{NestedGroups: true}, 201, []string{`"value":"g1"`}},
		{"no groups in groups", "POST", "/Groups", boss, Strict(), 400, nil},
		{"no search", "POST", "/Users/.search", `{"schemas":["` + searchURN + `"]}`, Dialect{NoSearch: true}, 501, nil},
		{"a promise that is not kept", "GET", "/ServiceProviderConfig", "",
			Dialect{PatchUsers: 501, Announced: &Capabilities{Patch: true}}, 200, []string{`"patch":{"supported":true}`}},
		{"the truth", "GET", "/ServiceProviderConfig", "", Dialect{PatchUsers: 501, Filtering: FilterMissing}, 200,
			[]string{`"patch":{"supported":false}`, `"filter":{"maxResults":1000,"supported":false}`, "!pagination"}},
		{"cursors announced", "GET", "/ServiceProviderConfig", "", Quirk("cursor paging"), 200,
			[]string{`"cursor":true`, `"index":false`, `"defaultPaginationMethod":"cursor"`}},
		{"no discovery", "GET", "/Schemas", "", Quirk("no discovery"), 404, nil},
		{"discovery as arrays", "GET", "/Schemas", "", Quirk("bare discovery"), 200, []string{`[{"attributes"`}},
		{"operations without a path refused", "PATCH", "/Users/2", patchOp(`{"op":"add","value":{"title":"x"}}`),
			Dialect{Pathless: PathlessRefused}, 400, nil},
		{"operations without a path ignored", "PATCH", "/Users/2", patchOp(`{"op":"add","value":{"title":"x"}}`),
			Dialect{Pathless: PathlessIgnored}, 200, []string{"Cook"}},
		{"an attribute that takes no PATCH", "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":"x"}`),
			Dialect{IgnorePatchOf: []string{"title"}}, 200, []string{"Cook"}},
		{"a creation that is a 200", "POST", "/Users", user(newUser), Dialect{CreatedStatus: 200}, 200, nil},
		{"itemsPerPage as asked for", "GET", "/Users?count=50", "", Dialect{PageSizeEchoed: true}, 200, []string{`"itemsPerPage":50`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask(t, newSim(tt.dialect), tt.method, tt.path, tt.body).want(t, tt.name, tt.status, tt.parts...)
		})
	}
	d := Cinode()
	d.DeleteTeams = true
	s := newSim(d)
	ask(t, s, "POST", "/Groups", group(`"displayName":"New","externalId":"OID-new"`)).want(t, "create", 201)
	ask(t, s, "DELETE", "/Groups/OID-new", "").want(t, "delete", 204)
	if got := s.Account("acme").Teams; len(got) != 0 {
		t.Errorf("teams after the group went: got %v, want none", got)
	}
}
