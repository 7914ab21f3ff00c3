package scimsim

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestFiltersFindWhatTheyShould(t *testing.T) {
	for _, tt := range []struct {
		filter string
		want   []string
	}{
		{`userName eq "ann@EXAMPLE.test"`, []string{"1"}},
		{`USERNAME EQ "ann@example.test"`, []string{"1"}},
		{`externalId eq "OID-ann"`, []string{"1"}},
		{`externalId eq "oid-ann"`, nil},
		{`id eq "2"`, []string{"2"}},
		{`userName ne "ann@example.test"`, []string{"2", "3"}},
		{`userName co "@EXAMPLE"`, []string{"1", "2", "3"}},
		{`userName sw "b"`, []string{"2"}},
		{`userName ew ".test" and active eq true`, []string{"1", "2"}},
		{`active eq false`, []string{"3"}},
		{`not (active eq false)`, []string{"1", "2"}},
		{`title pr or name.givenName eq "Cy"`, []string{"2", "3"}},
		{`title eq null`, []string{"1", "3"}},
		{`(userName sw "a" or userName sw "c") and not (active eq true)`, []string{"3"}},
		{`emails.value eq "BO@example.test"`, []string{"2"}},
		{`emails eq "bo@example.test"`, []string{"2"}},
		{`emails[type eq "work" and value co "cy@"]`, []string{"3"}},
		{`emails[type eq "home"]`, nil},
		{EnterpriseSchema + `:department eq "ops"`, []string{"1"}},
		{UserSchema + `:userName eq "bo@example.test"`, []string{"2"}},
		{`meta.created ge "2026-03-20T12:00:00Z"`, []string{"1", "2", "3"}},
		{`meta.created lt "2026-03-20T12:00:00Z"`, nil},
		{`displayName gt "Bo"`, []string{"2", "3"}},
		{`userName eq "with \"quotes\" and \\"`, nil},
	} {
		t.Run(tt.filter, func(t *testing.T) {
			s := newSim(Strict())
			got := ask(t, s, "GET", filterPath("/Users", tt.filter), "")
			got.want(t, tt.filter, 200, listURN)
			if !slices.Equal(got.ids(), tt.want) {
				t.Errorf("got %v, want %v", got.ids(), tt.want)
			}
		})
	}
	s := newSim(Strict())
	if got := ask(t, s, "GET", filterPath("/Groups", `members.value eq "2"`), ""); !slices.Equal(got.ids(), []string{"g1"}) {
		t.Errorf("groups of a member: got %v, want g1", got.ids())
	}
	for _, bad := range []string{``, `userName`, `userName eq`, `(userName pr`, `userName pr)`, `not userName pr`,
		`emails[type eq "x"`, `userName[value eq "x"]`, `userName eq "x`, `userName eq "x" and`} {
		ask(t, s, "GET", filterPath("/Users", bad), "").want(t, bad, 400, "invalidFilter")
	}
	search := `{"schemas":["` + searchURN + `"],"filter":"title pr","attributes":["title"],"count":5}`
	ask(t, s, "POST", "/Users/.search", search).want(t, "search", 200, `"totalResults":1`, "Cook", "!userName")
}

// manyUsers is an account of n users.
func manyUsers(d Dialect, n int) *Server {
	w := World{Accounts: []*Account{{ID: "acme", Token: "acme-token"}}}
	for i := range n {
		u := Person(fmt.Sprintf("u%03d@example.test", i), "U", fmt.Sprint(i))
		u.ID = fmt.Sprint(i)
		w.Accounts[0].Users = append(w.Accounts[0].Users, u)
	}
	return New(w, Options{Dialect: d, Now: func() time.Time { return noon }})
}

func TestPagesAreCutAsTheDialectSays(t *testing.T) {
	for _, tt := range []struct {
		name, query  string
		dialect      Dialect
		first, rows  int
		total, start any
	}{
		{"the default page", "", Strict(), 0, 100, 120.0, 1.0},
		{"the second page", "?startIndex=101&count=100", Strict(), 100, 20, 120.0, 101.0},
		{"a start below one", "?startIndex=-5&count=2", Strict(), 0, 2, 120.0, 1.0},
		{"nothing but the total", "?count=0", Strict(), 0, 0, 120.0, 1.0},
		{"past the end", "?startIndex=200&count=5", Strict(), 0, 0, 120.0, 121.0},
		{"a small default", "", Quirk("default page is small"), 0, 10, 120.0, 1.0},
		{"a cap", "?count=100", Quirk("page is capped"), 0, 50, 120.0, 1.0},
		{"startIndex ignored", "?startIndex=50&count=10", Quirk("paging ignores startIndex"), 0, 10, 120.0, 1.0},
		{"wrapping", "?startIndex=121&count=10", Quirk("paging wraps"), 0, 10, 120.0, 1.0},
		{"no wrapping within", "?startIndex=111&count=10", Quirk("paging wraps"), 110, 10, 120.0, 111.0},
		{"lies", "?startIndex=60&count=100", Quirk("paging lies altogether"), 0, 50, 50.0, 1.0},
		{"a total that is wrong", "?count=1", Quirk("totalResults lies"), 0, 1, 127.0, 1.0},
		{"a total as text", "?count=1", Quirk("numbers are text"), 0, 1, "120", "1"},
		{"an ignored count", "?count=3", Dialect{IgnoreCount: true, DefaultPage: 20}, 0, 20, 120.0, 1.0},
		{"sorted", "?sortBy=userName&sortOrder=descending&count=1", Strict(), 119, 1, 120.0, 1.0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, manyUsers(tt.dialect, 120), "GET", "/Users"+tt.query, "")
			got.want(t, tt.name, 200)
			ids := got.ids()
			if len(ids) != tt.rows || tt.rows > 0 && ids[0] != fmt.Sprint(tt.first) {
				t.Errorf("got %d rows from %v, want %d from %d", len(ids), ids, tt.rows, tt.first)
			}
			if got.get("totalResults") != tt.total || got.get("startIndex") != tt.start {
				t.Errorf("got total %v, start %v; want %v, %v", got.get("totalResults"), got.get("startIndex"), tt.total, tt.start)
			}
		})
	}
	ask(t, manyUsers(Dialect{RefuseLarge: true, LargestPage: 50}, 3), "GET", "/Users?count=51", "").want(t, "a page too large", 400)
	ask(t, newSim(Strict()), "GET", "/Users?count=many", "").want(t, "a count that is no number", 400)
	for name, want := range map[string]string{"Resources is null": `"Resources":null`, "Resources is missing": `!Resources`} {
		ask(t, newSim(Quirk(name)), "GET", filterPath("/Users", `userName eq "x"`), "").want(t, name, 200, want)
	}
}

func TestCursorsLeadThroughTheList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := manyUsers(Quirk("cursors expire"), 25)
		seen, cursor := 0, ""
		for range 3 {
			got := ask(t, s, "GET", "/Users?count=10&cursor="+url.QueryEscape(cursor), "")
			got.want(t, "page", 200, "!startIndex")
			seen += len(got.ids())
			cursor, _ = got.get("nextCursor").(string)
		}
		if seen != 25 || cursor != "" {
			t.Errorf("got %d users and the cursor %q, want 25 and none", seen, cursor)
		}
		got := ask(t, s, "GET", "/Users?count=10&cursor", "")
		cursor, _ = got.get("nextCursor").(string)
		ask(t, s, "GET", "/Users?count=10&filter=title%20pr&cursor="+cursor, "").want(t, "another list's cursor", 400, "invalidCursor")
		ask(t, s, "GET", "/Users?count=10&cursor=zzz", "").want(t, "no cursor", 400, "invalidCursor")
		time.Sleep(2 * time.Minute)
		ask(t, s, "GET", "/Users?count=10&cursor="+cursor, "").want(t, "an old cursor", 400, "expiredCursor")
		ask(t, manyUsers(Quirk("cursor paging unasked"), 25), "GET", "/Users?count=10", "").want(t, "unasked", 200, "nextCursor", "startIndex")
	})
}

func TestSelectionTakesAttributesOut(t *testing.T) {
	for _, tt := range []struct {
		path, query string
		dialect     Dialect
		parts       []string
	}{
		{"/Users/1", "?attributes=userName,name.givenName", Strict(),
			[]string{`"id":"1"`, "Ann@example.test", "givenName", "!familyName", "!active", "!meta"}},
		{"/Users/1", "?attributes=emails.value", Strict(), []string{`"emails":[{"value":"Ann@example.test"}]`, "!displayName"}},
		{"/Users/1", "?attributes=" + EnterpriseSchema + ":department", Strict(), []string{`"department":"Ops"`, "!userName"}},
		{"/Users/1", "?excludedAttributes=emails,name.givenName,id," + EnterpriseSchema, Strict(),
			[]string{`"id":"1"`, "Berg", "!givenName", "!emails", "!Ops"}},
		{"/Groups/g1", "?excludedAttributes=members", Strict(), []string{"Staff", "!members"}},
		{"/Groups/g1", "?attributes=members.value", Strict(), []string{`"members":[{"value":"1"},{"value":"2"}]`, "!Staff"}},
		{"/Groups/g1", "?excludedAttributes=members", Quirk("selection is ignored"), []string{"members"}},
		{"/Groups/g1", "", Dialect{MembersShown: 1}, []string{`"members":[{"value":"1","type":"User"}]`}},
		{"/Users/1", "", Dialect{UserGroups: true}, []string{`"groups":[{"display":"Staff"`}},
		{"/Users/2", "", Dialect{EchoExtensions: true}, []string{EnterpriseSchema}},
		{"/Users/1", "", Quirk("ids are numbers"), []string{`"id":1,`}},
		{"/Users/1", "", Quirk("booleans answered as text"), []string{`"active":"True"`}},
		{"/Users/1", "", Quirk("Location is relative"), []string{`"location":"/scim/acme/v2/Users/1"`}},
	} {
		t.Run(tt.path+tt.query, func(t *testing.T) {
			ask(t, newSim(tt.dialect), "GET", tt.path+tt.query, "").want(t, tt.query, 200, tt.parts...)
		})
	}
}

func TestReadsLagBehindWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(Quirk("delayed reads"))
		ask(t, s, "POST", "/Users", user(newUser)).want(t, "create", 201)
		ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":"Chef"}`)).want(t, "modify", 200, "Chef")
		ask(t, s, "DELETE", "/Users/3", "").want(t, "delete", 204)
		lookup := filterPath("/Users", `userName eq "dee@example.test"`)
		ask(t, s, "GET", lookup, "").want(t, "the new one at once", 200, `"totalResults":0`)
		ask(t, s, "GET", "/Users/2", "").want(t, "the changed one at once", 200, "Cook")
		ask(t, s, "GET", "/Users/3", "").want(t, "the deleted one at once", 200)
		ask(t, s, "GET", "/Users?count=10", "").want(t, "the list at once", 200, `"totalResults":3`)
		if s.Account("acme").User("dee@example.test") == nil {
			t.Error("what is there in truth: got no dee")
		}
		time.Sleep(4 * time.Second)
		ask(t, s, "GET", lookup, "").want(t, "the new one later", 200, `"totalResults":1`)
		ask(t, s, "GET", "/Users/2", "").want(t, "the changed one later", 200, "Chef")
		ask(t, s, "GET", "/Users/3", "").want(t, "the deleted one later", 404)
	})
}
