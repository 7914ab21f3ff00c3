package scimsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// seed is one account with three people, a group of two and one of none, and
// a second account.
func seed() World {
	ann := Person("Ann@example.test", "Ann", "Berg").With("externalId", "OID-ann").With(EnterpriseSchema+":department", "Ops")
	ann.ID = "1"
	bo := Person("bo@example.test", "Bo", "Lind").With("title", "Cook")
	bo.ID = "2"
	cy := Person("cy@example.test", "Cy", "Dahl").With("active", false)
	cy.ID = "3"
	staff := Group("Staff", "1", "2").With("externalId", "OID-staff")
	staff.ID = "g1"
	empty := Group("Empty")
	empty.ID = "g2"
	return World{Accounts: []*Account{
		{ID: "acme", Token: "acme-token", Users: []*Resource{ann, bo, cy}, Groups: []*Resource{staff, empty}},
		{ID: "other", Token: "other-token"},
	}}
}

func newSim(d Dialect) *Server {
	return New(seed(), Options{Dialect: d, Now: func() time.Time { return noon }})
}

type reply struct {
	status int
	header http.Header
	body   string
	err    error // of the connection or the body
}

// get reads a member of the JSON body by its names.
func (r reply) get(names ...string) any {
	var v any
	if json.Unmarshal([]byte(r.body), &v) != nil {
		return nil
	}
	for _, n := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[n]
	}
	return v
}

// ids are those of the resources in a list.
func (r reply) ids() []string {
	var ids []string
	list, _ := r.get("Resources").([]any)
	for _, e := range list {
		ids = append(ids, fmt.Sprint(e.(map[string]any)["id"]))
	}
	return ids
}

// ask sends a request as our client would, in this process; edits change it.
func ask(t testing.TB, s *Server, method, path, body string, edits ...func(*http.Request)) reply {
	t.Helper()
	if !strings.HasPrefix(path, "/scim") && !strings.HasPrefix(path, "/moved") {
		path = s.Base("acme") + path
	}
	r, err := http.NewRequest(method, "https://scim.example"+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if body == "" {
		r.Body = nil
	} else {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	r.Header.Set("Authorization", "Bearer acme-token")
	r.Header.Set("Accept", "application/scim+json, application/json;q=0.9")
	r.Header.Set("User-Agent", "syncd/test")
	for _, edit := range edits {
		edit(r)
	}
	res, err := s.Transport().RoundTrip(r)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b), err}
}

func token(t string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+t) }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// want checks status and parts of the body; a part after ! must be missing.
func (r reply) want(t testing.TB, what string, status int, parts ...string) {
	t.Helper()
	if r.err != nil || r.status != status {
		t.Fatalf("%s: got %d %s %v, want %d", what, r.status, r.body, r.err, status)
	}
	for _, p := range parts {
		if not, ok := strings.CutPrefix(p, "!"); ok == strings.Contains(r.body, strings.TrimPrefix(p, "!")) {
			t.Errorf("%s: got %s, want it with %q (not: %v, %q)", what, r.body, p, ok, not)
		}
	}
}

func user(rest string) string {
	return `{"schemas":["` + UserSchema + `"],` + rest + `}`
}

func group(rest string) string {
	return `{"schemas":["` + GroupSchema + `"],` + rest + `}`
}

func patchOp(ops ...string) string {
	return `{"schemas":["` + patchURN + `"],"Operations":[` + strings.Join(ops, ",") + `]}`
}

const newUser = `"userName":"dee@example.test","externalId":"OID-dee","name":{"givenName":"Dee","familyName":"Fox"}`

func TestAUserGoesThroughItsLife(t *testing.T) {
	s := newSim(Strict())
	made := ask(t, s, "POST", "/Users", user(newUser+`,"password":"s3cret"`))
	made.want(t, "create", 201, `"userName":"dee@example.test"`, `"active":true`, `!s3cret`)
	id, _ := made.get("id").(string)
	if got, want := made.header.Get("Location"), "https://scim.example/scim/acme/v2/Users/"+id; id == "" || got != want {
		t.Errorf("Location: got %q, want %q", got, want)
	}
	if got := made.header.Get("Content-Type"); got != "application/scim+json" {
		t.Errorf("Content-Type: got %q, want application/scim+json", got)
	}
	ask(t, s, "GET", "/Users/"+id, "").want(t, "read", 200, `"familyName":"Fox"`, `"resourceType":"User"`)
	ask(t, s, "PUT", "/Users/"+id, user(`"userName":"dee@example.test","active":false`)).want(t, "replace", 200, `"active":false`,
		"!Fox", "!OID-dee")
	ask(t, s, "PATCH", "/Users/"+id, patchOp(`{"op":"replace","path":"name.familyName","value":"Hunt"}`)).want(t, "modify", 200, "Hunt")
	ask(t, s, "DELETE", "/Users/"+id, "").want(t, "delete", 204)
	ask(t, s, "GET", "/Users/"+id, "").want(t, "read what is gone", 404, errorURN, `"status":"404"`)
	ask(t, s, "DELETE", "/Users/"+id, "").want(t, "delete what is gone", 404)
	if users, active, groups := s.Count("acme"); users != 3 || active != 2 || groups != 2 {
		t.Errorf("got %d users, %d active, %d groups; want 3, 2, 2", users, active, groups)
	}
}

func TestStrictRefusesWhatTheRFCForbids(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		scimType                 string
	}{
		{"a creation without schemas", "POST", "/Users", `{` + newUser + `}`, 400, "invalidSyntax"},
		{"a creation with the schema of a group", "POST", "/Users", group(newUser), 400, "invalidSyntax"},
		{"an extension that schemas does not list", "POST", "/Users", user(newUser + `,"` + EnterpriseSchema + `":{"department":"x"}`),
			400, "invalidSyntax"},
		{"an unknown extension", "POST", "/Users", `{"schemas":["` + UserSchema + `","` + CinodeSchema + `"],` + newUser + `}`, 400,
			"invalidValue"},
		{"an unknown attribute", "POST", "/Users", user(newUser + `,"shoeSize":"44"`), 400, "invalidSyntax"},
		{"a user without userName", "POST", "/Users", user(`"displayName":"x"`), 400, "invalidValue"},
		{"a userName that another has, in any case", "POST", "/Users", user(`"userName":"ANN@EXAMPLE.test"`), 409, "uniqueness"},
		{"a string for a boolean", "POST", "/Users", user(newUser + `,"active":"True"`), 400, "invalidValue"},
		{"a list for a single value", "POST", "/Users", user(newUser + `,"title":["a"]`), 400, "invalidValue"},
		{"a single value for a list", "POST", "/Users", user(newUser + `,"emails":{"value":"a@b.example"}`), 400, "invalidValue"},
		{"two primary addresses", "POST", "/Users",
			user(newUser + `,"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]`), 400, "invalidValue"},
		{"a member that nobody is", "POST", "/Groups", group(`"displayName":"x","members":[{"value":"99"}]`), 400, "invalidValue"},
		{"a group without a name", "POST", "/Groups", group(`"members":[]`), 400, "invalidValue"},
		{"JSON that is none", "POST", "/Users", `{`, 400, "invalidSyntax"},
		{"a PATCH without schemas", "PATCH", "/Users/1", `{"Operations":[{"op":"add","path":"title","value":"x"}]}`, 400, "invalidSyntax"},
		{"a PATCH without operations", "PATCH", "/Users/1", patchOp(), 400, "invalidSyntax"},
		{"an unknown op", "PATCH", "/Users/1", patchOp(`{"op":"move","path":"title","value":"x"}`), 400, "invalidSyntax"},
		{"an op in upper case", "PATCH", "/Users/1", patchOp(`{"op":"Replace","path":"title","value":"x"}`), 400, "invalidSyntax"},
		{"an add without value", "PATCH", "/Users/1", patchOp(`{"op":"add","path":"title"}`), 400, "invalidValue"},
		{"a remove without path", "PATCH", "/Users/1", patchOp(`{"op":"remove"}`), 400, "noTarget"},
		{"id in a PATCH", "PATCH", "/Users/1", patchOp(`{"op":"replace","path":"id","value":"x"}`), 400, "mutability"},
		{"meta in a PATCH", "PATCH", "/Users/1", patchOp(`{"op":"replace","value":{"meta":{"version":"x"}}}`), 400, "mutability"},
		{"groups of a user in a PATCH", "PATCH", "/Users/1", patchOp(`{"op":"add","path":"groups","value":[{"value":"g2"}]}`), 400, "mutability"},
		{"removal of userName", "PATCH", "/Users/1", patchOp(`{"op":"remove","path":"userName"}`), 400, "mutability"},
		{"a path that nobody knows", "PATCH", "/Users/1", patchOp(`{"op":"add","path":"shoeSize","value":"44"}`), 400, "invalidPath"},
		{"a dotted key without a path", "PATCH", "/Users/1", patchOp(`{"op":"replace","value":{"name.givenName":"x"}}`), 400, "invalidPath"},
		{"a filter that matches nothing", "PATCH", "/Users/1",
			patchOp(`{"op":"replace","path":"emails[type eq \"home\"].value","value":"x"}`), 400, "noTarget"},
		{"another id in a PUT", "PUT", "/Users/1", user(`"id":"2",` + newUser), 400, "mutability"},
		{"a filter with an unknown operator", "GET", "/Users?filter=userName%20is%20%22x%22", "", 400, "invalidFilter"},
		{"a filter over an unknown attribute", "GET", "/Users?filter=shoeSize%20eq%20%22x%22", "", 400, "invalidFilter"},
		{"a filter without quotes", "GET", "/Users?filter=userName%20eq%20x", "", 400, "invalidFilter"},
		{"Entra's look-up by address", "GET", "/Users?filter=emails%5Btype%20eq%20%22work%22%5D.value%20eq%20%22x%22", "", 400, "invalidFilter"},
		{"an unknown collection", "GET", "/People", "", 404, ""},
		{"a bulk request", "POST", "/Bulk", `{}`, 501, ""},
		{"an unknown resource", "GET", "/Users/99", "", 404, ""},
		{"a DELETE of everybody", "DELETE", "/Users", "", 405, ""},
		{"a filter in discovery", "GET", "/Schemas?filter=id%20eq%20%22x%22", "", 403, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(Strict())
			before := s.World()
			got := ask(t, s, tt.method, tt.path, tt.body)
			got.want(t, tt.name, tt.status, errorURN)
			if scimType, _ := got.get("scimType").(string); scimType != tt.scimType {
				t.Errorf("scimType: got %q, want %q; %s", scimType, tt.scimType, got.body)
			}
			if after := s.World(); !slices.Equal(texts(before), texts(after)) {
				t.Errorf("it changed something: got %v, want %v", texts(after), texts(before))
			}
		})
	}
}

// texts is a world to compare.
func texts(w *World) []string {
	var all []string
	for _, a := range w.Accounts {
		for _, r := range slices.Concat(a.Users, a.Groups) {
			all = append(all, fmt.Sprint(r.ID, r.Attributes, r.Members, r.Info.Version))
		}
		for _, t := range a.Teams {
			all = append(all, fmt.Sprint(*t))
		}
	}
	return all
}

func TestATokenOpensItsOwnAccountOnly(t *testing.T) {
	at := func(change func(*World)) *Server {
		s := newSim(Strict())
		s.Update(change)
		return s
	}
	for _, tt := range []struct {
		name, token, path string
		server            *Server
		status            int
	}{
		{"its own", "acme-token", "/scim/acme/v2/Users?count=1", newSim(Strict()), 200},
		{"none", "", "/scim/acme/v2/Users?count=1", newSim(Strict()), 401},
		{"a wrong one", "wrong", "/scim/acme/v2/Users?count=1", newSim(Strict()), 401},
		{"another tenant's", "other-token", "/scim/acme/v2/Users?count=1", newSim(Strict()), 403},
		{"an unknown tenant", "acme-token", "/scim/nobody/v2/Users?count=1", newSim(Strict()), 404},
		{"an expired one", "acme-token", "/scim/acme/v2/Users?count=1", at(func(w *World) { w.Accounts[0].Expires = noon }), 401},
		{"without the add-on", "acme-token", "/scim/acme/v2/Users?count=1", at(func(w *World) { w.Accounts[0].Disabled = true }), 403},
		{"the token says which account", "other-token", "/scim/v2/Users?count=1", newSim(Dialect{Base: "/scim/v2"}), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask(t, tt.server, "GET", tt.path, "", token(tt.token)).want(t, tt.name, tt.status)
		})
	}
}

func TestFaultsHappenBeforeOrAfterTheWrite(t *testing.T) {
	for _, tt := range []struct {
		kind    FaultKind
		status  int // 0 = no answer
		written bool
	}{
		{Broken, 500, false}, {BrokenCommitted, 500, true}, {BadGateway, 502, false}, {GatewayCommitted, 502, true},
		{Unavailable, 503, false}, {TimedOut, 504, false}, {TimedOutCommitted, 504, true}, {Dropped, 0, false},
		{DroppedCommitted, 0, true}, {CutBody, 0, true}, {Throttled, 429, false}, {Unauthorized, 401, false},
		{Forbidden, 403, false}, {Gone, 404, false}, {Conflict, 409, false}, {BadRequest, 400, false}, {CursorExpired, 400, false},
		{HTMLPage, 200, true}, {EmptyAnswer, 201, true}, {Lost, 201, false}, {Ignores, 201, false},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			s := newSim(Strict())
			s.Fail(Rule{Method: "POST", Route: "/Users", Times: 1, Fault: Fault{Kind: tt.kind, RetryAfter: 7}})
			got := ask(t, s, "POST", "/Users", user(newUser))
			if tt.status == 0 && got.err == nil || tt.status != 0 && got.status != tt.status {
				t.Errorf("got %d %v, want %d", got.status, got.err, tt.status)
			}
			if wait := got.header.Get("Retry-After"); (tt.status == 429 || tt.status == 503) != (wait == "7") {
				t.Errorf("Retry-After: got %q", wait)
			}
			if got := s.Account("acme").User("dee@example.test") != nil; got != tt.written {
				t.Errorf("written: got %v, want %v", got, tt.written)
			}
			want := 201
			if tt.written {
				want = 409
			}
			ask(t, s, "POST", "/Users", user(newUser)).want(t, "once more", want)
		})
	}
	s := newSim(Strict())
	s.Fail(Rule{Method: "PATCH", Times: 1, Fault: Fault{Kind: Ignores}})
	ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":"Chef"}`)).want(t, "an ignored PATCH", 200, "Cook", "!Chef")
	s.Fail(Rule{Method: "PATCH", Skip: 1, Times: 1, Fault: Fault{Kind: Lost}})
	ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"nickName","value":"B"}`)).want(t, "one that is let through", 200)
	ask(t, s, "PATCH", "/Users/2", patchOp(`{"op":"replace","path":"title","value":"Chef"}`)).want(t, "a lost PATCH", 200, "Chef")
	if u := s.Account("acme").User("2"); u.Text("title") != "Cook" || u.Text("nickName") != "B" {
		t.Errorf("got %v, want a Cook called B", u.Attributes)
	}
}

func TestTheLimitIsKeptByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := Strict()
		d.RetryHeader = "X-Retry-After"
		s := newSim(d)
		s.SetFaults(Faults{RateLimit: 2, RetryAfter: 1})
		s.Fail(Rule{Fault: Fault{Delay: time.Millisecond}})
		for i, want := range []int{200, 200, 429} {
			got := ask(t, s, "GET", "/Users/1", "")
			got.want(t, fmt.Sprint("request ", i), want)
			if want == 429 && got.header.Get("X-Retry-After") != "1" {
				t.Errorf("got %v, want X-Retry-After: 1", got.header)
			}
		}
		time.Sleep(time.Second)
		ask(t, s, "GET", "/Users/1", "").want(t, "a second later", 200)
		if got := s.MaxRate(time.Second); got != 3 {
			t.Errorf("most in a second: got %d, want 3", got)
		}
	})
}

func TestAPersonsEditsCarryTheirName(t *testing.T) {
	s := newSim(Cinode())
	s.Update(func(w *World) {
		w.Accounts[0].Teams = []*Team{{Name: "The staff", GroupID: "g1", Members: []string{"1", "2"}}}
	})
	s.Edit("kim", func(w *World) {
		a := w.Account("acme")
		a.User("bo@example.test").With("title", "Chef").With("name.familyName", nil)
		a.Group("Staff").Members = []string{"2"}
		a.Users = append(a.Users, Person("new@example.test", "New", "Er"))
	})
	a := s.Account("acme")
	if u := a.User("2"); u.Text("title") != "Chef" || u.Get("name.familyName") != nil || u.Info.UpdatedBy != "kim" || u.Info.Version != 2 {
		t.Errorf("got %v %v, want kim's Chef, version 2", u.Attributes, u.Info)
	}
	if by := a.User("1").Info.UpdatedBy; by != "setup" {
		t.Errorf("who wrote the other: got %q, want setup", by)
	}
	if u := a.User("NEW@example.test"); u == nil || u.ID == "" || u.Info.CreatedBy != "kim" {
		t.Errorf("the new user: got %v, want one with an id by kim", u)
	}
	if got := a.Names(a.Team("The staff").Members); !slices.Equal(got, []string{"bo@example.test"}) {
		t.Errorf("the team: got %v, want bo alone", got)
	}
	w := s.World()
	s.Update(func(w *World) { w.Accounts = nil })
	s.Update(func(now *World) { *now = *w })
	ask(t, s, "GET", "/Users?filter=userName%20eq%20%22BO@example.test%22", "").want(t, "after restoring a copy", 200, "Chef")
}

func TestARealSocketAnswersTheSame(t *testing.T) {
	s := newSim(Strict())
	h := httptest.NewServer(s)
	defer h.Close()
	r, _ := http.NewRequest("GET", h.URL+s.Base("acme")+"/Users/1", nil)
	r.Header.Set("Authorization", "Bearer acme-token")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if !strings.Contains(string(b), h.URL+"/scim/acme/v2/Users/1") {
		t.Errorf("got %s, want a location at %s", b, h.URL)
	}
	s.Fail(Rule{Fault: Fault{Kind: CutBody}})
	if res, err = http.DefaultClient.Do(r); err == nil {
		defer res.Body.Close()
		_, err = io.ReadAll(res.Body)
	}
	if err == nil {
		t.Error("a cut body: got no error")
	}
}

func filterPath(path, filter string) string {
	return path + "?filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")
}

func TestTheLogAndTheHooksAreTheTests(t *testing.T) {
	s := newSim(Strict())
	s.Before(func(r *http.Request) Fault {
		if r.Method == "DELETE" {
			s.SetDialect(Cinode()) // while a request is on its way
		}
		return Fault{}
	})
	ask(t, s, "GET", "/Users/1", "")
	ask(t, s, "PATCH", "/Users/1", patchOp(`{"op":"replace","path":"title","value":"x"}`))
	ask(t, s, "DELETE", "/Users/1", "").want(t, "delete in another dialect", 204)
	if u := s.Account("acme").User("1"); u == nil || u.Active() {
		t.Errorf("got %v, want a disconnected user", u)
	}
	if got := s.Dialect().Base; got != Cinode().Base {
		t.Errorf("dialect: got base %q, want Cinode's", got)
	}
	s.SetDialect(Strict())
	if got, want := s.Counts(), 3; len(got) != want || got["PATCH /Users/{id}"] != 1 {
		t.Errorf("counts: got %v, want one each of three", got)
	}
	writes := s.Writes()
	if len(writes) != 2 || !writes[0].Changed || writes[0].Status != 200 || !strings.Contains(writes[0].Body, "title") ||
		writes[0].Account != "acme" {
		t.Errorf("writes: got %+v, want the PATCH and the DELETE", writes)
	}
	s.Fail(Rule{Query: `userName eq "bo`, Fault: Fault{Kind: BadGateway}},
		Rule{Path: "/Groups", Body: "secret", Fault: Fault{Kind: Forbidden}})
	ask(t, s, "GET", filterPath("/Users", `userName eq "bo@example.test"`), "").want(t, "by query", 502)
	ask(t, s, "POST", "/Groups", group(`"displayName":"secret"`)).want(t, "by body", 403)
	ask(t, s, "POST", "/Groups", group(`"displayName":"open"`)).want(t, "another body", 201)
	s.Heal()
	ask(t, s, "GET", filterPath("/Users", `userName eq "bo@example.test"`), "").want(t, "healed", 200)
}
