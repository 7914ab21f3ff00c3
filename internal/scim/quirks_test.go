package scim

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/secret"
)

func TestABrownfieldUserIsRecognised(t *testing.T) {
	for _, tt := range []struct {
		name  string
		there []document
		want  string // the note, or what is done
	}{
		{"by its external id", []document{{"id": "7", "userName": "old@contoso.example", "externalId": objectID(1), "active": true}}, "adopt"},
		{"by its external id in capitals",
			[]document{{"id": "7", "userName": "old@contoso.example", "externalId": strings.ToUpper(objectID(1)), "active": true}}, "adopt"},
		{"by its userName, whatever the case", []document{{"id": "7", "userName": "Ann@Contoso.example", "active": true}}, "adopt"},
		{"by its mail address", []document{{"id": "7", "userName": "aberg",
			"emails": []any{map[string]any{"value": "ANN@contoso.example"}}, "active": true}}, "adopt"},
		{"an id that is a number", []document{{"id": 7, "userName": "ann@contoso.example", "Active": "True"}}, "adopt"},
		{"two of a name", []document{{"id": "7", "userName": "Ann@contoso.example"}, {"id": "8", "userName": "ann@contoso.example"}},
			"match_ambiguous"},
		{"somebody else's external id", []document{{"id": "7", "userName": "ann@contoso.example", "externalId": "another"}}, "match_conflict"},
		{"nobody like her", []document{{"id": "7", "userName": "zoe@contoso.example", "emails": nil}}, "create"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.provider.users = tt.there
			f.users = []directory.User{userNamed(1, "Ann")}
			p := f.plan()
			var got []string
			for _, c := range p.Changes {
				got = append(got, string(c.Action))
			}
			for _, v := range p.Violations {
				got = append(got, v.Code)
			}
			if !slices.Contains(got, tt.want) || len(got) != 1 {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestAPersonsWordSettlesAConflict(t *testing.T) {
	f := newFixture(t)
	f.provider.users = []document{{"id": "7", "userName": "ann@contoso.example", "externalId": "another"}}
	f.users = []directory.User{userNamed(1, "Ann")}
	if done := f.run(); len(done) > 0 {
		t.Errorf("got %v, want nothing written to it", done)
	}
	f.settled = []plan.Settlement{{Key: userKey(objectID(1)), How: plan.SettleAccept, Ref: "7"}}
	f.run()
	if got := f.provider.users[0].text("externalId"); got != objectID(1) {
		t.Errorf("got external id %s, want ours", got)
	}
	f.settled = nil
	f.wantNoChanges()
}

func TestAPersonsWordMakesNobodySomebodyElse(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.run()
	for _, what := range []string{"linked", "known by its external id"} {
		f.settled = []plan.Settlement{{Key: userKey(objectID(1)), How: plan.SettleAccept, Ref: "u-2"}}
		done, notes := f.runWithNotes()
		if got := f.provider.user("u-2"); !slices.Equal(notes, []string{"match_conflict"}) ||
			got.text("userName") != "bo@contoso.example" || got.text("externalId") != objectID(2) {
			t.Errorf("%s: got %v, %v and %v, want a conflict and Bo as he was", what, done, notes, got)
		}
		delete(f.records, userKey(objectID(2)))
	}
	f.users = f.users[:1] // Bo's account was made anew, say
	f.run()
	if got := f.provider.user("u-2"); got.text("externalId") != objectID(1) {
		t.Errorf("got %v, want the word kept once nobody else has it", got)
	}
}

func TestAListThatCannotBeProvenDisablesNobodyAndDoublesNobody(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*provider)
	}{
		{"totalResults is the size of the page", func(p *provider) { p.mostOnPage, p.lieTotal, p.ignoreStart = 2, true, true }},
		{"startIndex is not heeded", func(p *provider) { p.mostOnPage, p.ignoreStart = 2, true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo"), userNamed(3, "Cy"), userNamed(4, "Dee")}
			f.run()
			tt.set(f.provider)
			f.provider.forget()
			done, notes := f.runWithNotes()
			if len(done) > 0 || f.provider.writes > 0 || !slices.Contains(notes, "list_incomplete") {
				t.Errorf("got %v, %d writes and %v, want nothing but a note", done, f.provider.writes, notes)
			}
			f.users[3].Name = "Dee Holm" // who is not on the page
			f.run()
			if got := f.provider.user("dee@contoso.example").text("displayName"); got != "Dee Holm" {
				t.Errorf("got %s, want the change to arrive", got)
			}
			// A stranger who is not on the page either is found by a filter.
			f.provider.users = append(f.provider.users, document{"id": "77", "userName": "eva@contoso.example", "active": true})
			f.users = append(f.users, userNamed(5, "Eva"))
			if got := f.run(); !slices.Equal(got, []string{"adopt Eva Berg (eva@contoso.example)"}) {
				t.Errorf("got %v, want an adoption", got)
			}
		})
	}
}

func TestAFilterThatMissesCaseEndsInAnAdoption(t *testing.T) {
	f := newFixture(t)
	f.provider.users = []document{{"id": "70", "userName": "a@x.example"}, {"id": "71", "userName": "b@x.example"},
		{"id": "72", "userName": "Ann@Contoso.example", "active": true}}
	f.provider.exactFilter, f.provider.uniqueAnyCase = true, true
	f.provider.mostOnPage, f.provider.lieTotal = 2, true // the list does not show her at first
	f.users = []directory.User{userNamed(1, "Ann")}
	if got := f.plan().Changes[0].Action; got != plan.Create {
		t.Fatalf("got %s, want create: nothing shows that she is there", got)
	}
	f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
		if r.Method == http.MethodPost { // from now on the list is whole
			f.provider.mostOnPage, f.provider.lieTotal = 0, false
		}
		return resp
	}
	_, notes := f.runWithNotes()
	if !slices.Contains(notes, "match_adopted") || f.provider.user("72").text("externalId") != objectID(1) || len(f.provider.users) != 3 {
		t.Errorf("got %v and %v, want her taken on", notes, f.provider.users)
	}
	f.wantNoChanges()
}

func TestAClashWithNobodyToBeSeenIsADeadEndUntilSomebodySaysSo(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Profile = "cinode" })
	f.users = []directory.User{userNamed(1, "Ann")}
	refuse := true
	f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		if r.Method == http.MethodPost && refuse {
			return said(400, mediaPlain, `{"userName":["The e-mail address is already in use"]}`), true
		}
		return nil, false
	}
	_, notes := f.runWithNotes()
	if !slices.Contains(notes, "duplicate") {
		t.Fatalf("got %v, want duplicate", notes)
	}
	f.provider.forget()
	p := f.plan()
	if len(p.Changes) > 0 || len(p.Violations) != 1 || !p.Violations[0].NeedsRepair ||
		!strings.Contains(p.Violations[0].Message, "possibly disconnected") ||
		!strings.Contains(p.Violations[0].Message, "matches retry") || !strings.Contains(p.Violations[0].Message, "already in use") {
		t.Errorf("got %+v, want it to wait with the fix named", p.Violations)
	}
	refuse = false
	// What matches retry does: nothing is remembered of what never was.
	f.records = map[plan.Key]plan.Record{}
	f.run()
	if f.provider.user("ann@contoso.example") == nil {
		t.Error("she is not created after the retry")
	}
	f.wantNoChanges()
}

func TestADeadEndEndsWithTheAddress(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann")}
	f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		return scimError(409, "uniqueness", "taken"), r.Method == http.MethodPost
	}
	f.runWithNotes()
	f.provider.answerInstead = nil
	f.users[0].UPN = "ann.berg@contoso.example"
	if got := f.run(); len(got) != 1 || f.provider.user("ann.berg@contoso.example") == nil {
		t.Errorf("got %v, want her created under the new address", got)
	}
	f.wantNoChanges()
}

func TestCreateAnswersWithoutAnID(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after func(*http.Response) *http.Response
	}{
		{"empty, with a Location", func(r *http.Response) *http.Response {
			out := said(201, "", "")
			out.Header.Set("Location", r.Header.Get("Location"))
			return out
		}},
		{"empty, with a relative Location", func(r *http.Response) *http.Response {
			out := said(201, "", "")
			out.Header.Set("Location", strings.TrimPrefix(r.Header.Get("Location"), "https://scim.example"))
			return out
		}},
		{"empty, with neither", func(*http.Response) *http.Response { return said(201, "", "") }},
		{"a page", func(*http.Response) *http.Response { return said(201, "text/html", "<html>ok</html>") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, withGroups)
			f.users = []directory.User{userNamed(1, "Ann")}
			f.groups = []directory.Group{groupOf(1, "Sales", 1)}
			f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
				if r.Method == http.MethodPost {
					return tt.after(resp)
				}
				return resp
			}
			f.run()
			f.wantMembers("Sales", "Ann")
			f.wantNoChanges()
		})
	}
}

func TestALostAnswerDoublesNobody(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPatch} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := threeUsersInAGroup(t)
				f.users[0].Surname = "Holm"
				f.users = append(f.users, userNamed(4, "Dee"))
				f.groups[0].Members.IDs = []string{objectID(1), objectID(4)}
				f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
					if r.Method == method {
						return nil
					}
					return resp
				}
				f.run()
				f.provider.changeAnswer = nil
				f.wantMembers("Sales", "Ann", "Dee")
				if len(f.provider.users) != 4 {
					t.Errorf("got %d users, want 4", len(f.provider.users))
				}
				f.wantNoChanges()
			})
		})
	}
}

func TestWhatDoesNotConvergeIsSaidOnceAndNotFoughtOver(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann")}
	f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
		for _, u := range f.provider.users {
			u["displayName"] = "BERG, ANN" // its own idea of a name
		}
		if r.Method == http.MethodPost || r.Method == http.MethodPatch {
			return answer(resp.StatusCode, f.provider.users[0])
		}
		return resp
	}
	_, notes := f.runWithNotes()
	if !slices.Equal(notes, []string{"non_convergent"}) {
		t.Errorf("got %v, want non_convergent once", notes)
	}
	f.wantNoChanges()
	f.users[0].Name = "Ann Holm"
	f.provider.forget()
	if _, notes = f.runWithNotes(); f.provider.writes == 0 || !slices.Contains(notes, "non_convergent") {
		t.Errorf("got %d writes and %v, want it tried again once the source changed", f.provider.writes, notes)
	}
	f.wantNoChanges()
}

func TestALeaverWhoStaysActiveIsAnError(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	f.users[0].Enabled = false
	f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		return answer(200, f.provider.users[0]), r.Method == http.MethodPatch
	}
	for range 2 {
		if _, notes := f.runWithNotes(); len(notes) != 1 || !strings.Contains(notes[0], "still active") {
			t.Errorf("got %v, want an error on every run", notes)
		}
	}
}

func TestTheAttributeThatIsRefusedIsNamedAndTheOthersAreWritten(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Attributes = map[string]string{"title": "jobTitle"} })
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	f.provider.answerInstead = func(r *http.Request, body []byte) (*http.Response, bool) {
		return scimError(400, "invalidValue", "no such title"), r.Method == http.MethodPatch && strings.Contains(string(body), `"title"`)
	}
	f.users[0].JobTitle, f.users[0].Name, f.users[0].Surname = "Jester", "Ann Holm", "Holm"
	if _, notes := f.runWithNotes(); !slices.Equal(notes, []string{"attribute_refused"}) {
		t.Errorf("got %v, want attribute_refused", notes)
	}
	if got := f.provider.user("ann@contoso.example"); got.text("displayName") != "Ann Holm" || got.has("title") {
		t.Errorf("got %v, want the other attributes written", got)
	}
	f.wantNoChanges()
	f.plan()
	if got := f.observed.Notes; len(got) != 1 || !strings.Contains(got[0].Message, "title") ||
		!strings.Contains(got[0].Message, "no such title") || got[0].Note {
		t.Errorf("got %+v, want it said on every run", got)
	}
	f.provider.answerInstead = nil
	f.users[0].JobTitle = "Fool"
	f.run()
	if got := f.provider.user("ann@contoso.example").text("title"); got != "Fool" || len(f.observed.Notes) > 1 {
		t.Errorf("got %q, want it sent again once it changed", got)
	}
	f.wantNoChanges()
}

func TestAUserWhoIsRefusedAloneIsLeftAloneForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		refuse := func(r *http.Request, body []byte) (*http.Response, bool) {
			return scimError(400, "invalidValue", "bad address"), r.Method == http.MethodPost && strings.Contains(string(body), "bo@")
		}
		f.provider.answerInstead = refuse
		f.users = []directory.User{userNamed(2, "Bo")}
		if _, notes := f.runWithNotes(); len(notes) != 1 || !strings.HasPrefix(notes[0], "error") {
			t.Errorf("got %v, want an error where the provider takes nobody", notes)
		}
		f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
		if _, notes := f.runWithNotes(); !slices.Equal(notes, []string{"refused"}) {
			t.Errorf("got %v, want refused", notes)
		}
		f.wantNoChanges()
		time.Sleep(25 * time.Hour)
		f.provider.forget()
		if f.runWithNotes(); f.provider.writes != 1 {
			t.Errorf("got %d writes, want one more try the day after", f.provider.writes)
		}
		f.wantNoChanges()
		f.provider.answerInstead = nil
		f.users[1].Surname = "Holm"
		f.run()
		if f.provider.user("bo@contoso.example") == nil {
			t.Error("Bo changed and is not tried again")
		}
		f.wantNoChanges()
	})
}

func TestAttributesOfExtensions(t *testing.T) {
	const urn = "urn:ietf:params:scim:schemas:extension:Cinode:User:1.0"
	f := newFixture(t, func(c *Config) {
		c.Profile = "cinode"
		c.Attributes = map[string]string{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:EmployeeNumber": "employeeId",
			urn + ":EmploymentStartDate": "createdDateTime"}
	})
	u := userNamed(1, "Ann")
	u.EmployeeID, u.Created = "42", time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	f.users = []directory.User{u}
	f.run()
	got := f.provider.user("ann@contoso.example")
	if asDocument(got.get(attributeEnterprise)).text("EmployeeNumber") != "42" ||
		asDocument(got.get(urn)).text("EmploymentStartDate") != "2024-02-01T00:00:00Z" || len(got.list("schemas")) != 3 {
		t.Errorf("got %v", got)
	}
	f.wantNoChanges()
	f.users[0].EmployeeID = "43"
	f.provider.forget()
	f.run()
	if !strings.Contains(f.provider.bodies[0], `"path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:EmployeeNumber"`) {
		t.Errorf("got %s", f.provider.bodies[0])
	}
}

const attributeEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func TestWhatCannotBeChangedIsNotSent(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Profile = "cinode" })
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	f.users[0].UPN = "ann.holm@contoso.example"
	f.provider.forget()
	done, notes := f.runWithNotes()
	if len(done) > 0 || !slices.Contains(notes, "renamed") || len(f.provider.users) != 1 {
		t.Errorf("got %v and %v, want a note and no second user", done, notes)
	}
}

func TestANameThatIsMissingIsSaidBeforeAnythingIsSent(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Profile = "cinode" })
	u := userNamed(1, "Ann")
	u.GivenName = ""
	f.users = []directory.User{u}
	p := f.plan()
	if len(p.Changes) > 0 || p.Violations[0].Code != "required_missing" || !strings.Contains(p.Violations[0].Message, "givenName") {
		t.Errorf("got %+v", p.Violations)
	}
}

func TestAReturnerStaysOutWhereTheConfigurationSaysSo(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Reactivate = false })
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	f.users[0].Enabled = false
	f.run()
	f.users[0].Enabled = true
	done, notes := f.runWithNotes()
	if len(done) > 0 || !slices.Contains(notes, "not_reactivated") || f.provider.users[0].text("active") != "false" {
		t.Errorf("got %v and %v", done, notes)
	}
}

func TestLeaversMayBeDeletedOrLeft(t *testing.T) {
	for _, tt := range []struct {
		then string
		want int
	}{{ThenDelete, 0}, {ThenLeave, 1}} {
		for _, blocked := range []bool{false, true} {
			f := newFixture(t, func(c *Config) { c.Leavers.Then = tt.then })
			f.users = []directory.User{userNamed(1, "Ann")}
			f.run()
			if blocked {
				f.users[0].Enabled = false
				if got := f.plan().Tally().Deletes; got != 1 {
					t.Errorf("%s: got %d deletions for a block, want 1", tt.then, got)
				}
				f.run()
				f.wantNoChanges()
			}
			f.users = nil
			f.run()
			f.run()
			if len(f.provider.users) != tt.want {
				t.Errorf("%s, blocked before %t: got %d users, want %d", tt.then, blocked, len(f.provider.users), tt.want)
			}
			f.wantNoChanges()
		}
	}
}

func TestAnIDThatChangesWithTheNameIsFollowed(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	f.provider.users[0]["id"] = "ann@contoso.example/2" // a slash, of all things
	f.provider.users[0]["id"] = "ann+holm@contoso.example"
	f.wantNoChanges()
	f.users[0].Surname = "Holm"
	f.run()
	if got := f.records[userKey(objectID(1))].Ref; got != "ann+holm@contoso.example" {
		t.Errorf("got %s, want the new id remembered", got)
	}
	if f.provider.requests("PATCH /Users/ann+holm@contoso.example") != 1 {
		t.Errorf("got %v", f.provider.requestLines)
	}
	f.wantNoChanges()
}

func TestTheTokenAndTheQueryOfTheURLGoWithEveryRequest(t *testing.T) {
	p := &provider{}
	c := client(t, p, func(c *Config) {
		c.URL, c.Token, c.Tokens = "https://scim.example/v2?tenant=a+b", secret.String{}, map[string]secret.String{"x": secret.New("the-token-of-x")}
	})
	a, err := c.connect("x")
	if err != nil {
		t.Fatal(err)
	}
	caps, err := a.capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.findByFilter(t.Context(), usersAt, caps, "userName", `o'"b+c d@x.example`); err != nil {
		t.Fatal(err)
	}
	want := `GET /Users?count=20&filter=userName%20eq%20%22o%27%5C%22b%2Bc%20d%40x.example%22&startIndex=1&tenant=a%20b`
	if got := p.requestLines[len(p.requestLines)-1]; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := c.connect("nobody"); err == nil || !strings.Contains(err.Error(), "scim/app.tokens") {
		t.Errorf("got %v, want it said that the token is missing", err)
	}
}

func TestAnObjectOfAnotherCustomerInTheSameAccountIsNotTouched(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	other := newFixture(t)
	other.provider, other.client = f.provider, f.client
	other.customer.Key = "fabrikam"
	guest := userNamed(9, "Ann")
	other.users = []directory.User{guest}
	p := other.plan()
	if len(p.Changes) > 0 || p.Violations[0].Code != "match_conflict" {
		t.Errorf("got %+v and %+v, want a conflict", p.Changes, p.Violations)
	}
}

func TestOddAnswersOfTheCollectionBreakTheTarget(t *testing.T) {
	for _, tt := range []struct {
		name string
		resp func() *http.Response
		want string
	}{
		{"401", func() *http.Response { return scimError(401, "", "expired") }, "token is wrong or has expired"},
		{"403", func() *http.Response { return said(403, "text/html", "<html>no</html>") }, "SCIM is not enabled"},
		{"404", func() *http.Response { return said(404, "", "") }, "the collection itself is not found"},
		{"a login page", func() *http.Response { return said(200, "text/html", "<html>log in</html>") }, "page (HTML)"},
		{"something else", func() *http.Response { return said(200, mediaPlain, `{"ok":true}`) }, "no list"},
		{"nothing", func() *http.Response { return said(200, mediaPlain, ``) }, "empty answer"},
		{"half of it", func() *http.Response { return said(200, mediaPlain, `{"Resources":[{"id":`) }, "damaged JSON"},
		{"redirected elsewhere", func() *http.Response {
			r := said(308, "", "")
			r.Header.Set("Location", "https://elsewhere.example/v2/Users")
			return r
		}, "redirected to elsewhere.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
				return tt.resp(), strings.HasSuffix(r.URL.Path, "/Users")
			}
			_, err := f.client.Open().Observe(t.Context(), asked(f.customer))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret-token") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAnIDOfAnotherAccountIsNotTaken(t *testing.T) {
	two := map[string]secret.String{"x": secret.New("token-of-x"), "y": secret.New("token-of-y")}
	f := newFixture(t, func(c *Config) { c.URL, c.Token, c.Tokens = "https://scim.example/v2/{account}", secret.String{}, two })
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.customer.Links["scim_app"] = "x"
	f.run()
	// The link moves; over there the same ids are other people's.
	f.provider.users = []document{{"id": "u-1", "userName": "zoe@fabrikam.example", "active": true},
		{"id": "u-2", "userName": "bo@contoso.example", "active": true}}
	f.customer.Links["scim_app"] = "y"
	f.users = f.users[1:]
	for range 3 {
		f.runWithNotes()
	}
	if got := f.provider.user("zoe@fabrikam.example"); got == nil || got.text("active") != "true" || got.text("externalId") != "" {
		t.Errorf("got %v, want a stranger left alone", got)
	}
}

func TestAnIDThatWasGivenToSomebodyElseIsAConflict(t *testing.T) {
	f := newFixture(t)
	f.users = []directory.User{userNamed(1, "Ann")}
	f.run()
	f.provider.users[0]["externalId"], f.provider.users[0]["userName"] = "another", "zoe@contoso.example"
	p := f.plan()
	if len(p.Changes) > 0 || p.Violations[0].Code != "match_conflict" {
		t.Errorf("got %+v, %+v", p.Changes, p.Violations)
	}
	f.users = nil
	f.run()
	f.run()
	if f.provider.users[0].text("active") != "true" {
		t.Error("somebody else was disabled")
	}
}

func TestAnExtensionThatTheProviderDoesNotHaveIsLeftOut(t *testing.T) {
	s := newFixture(t, func(c *Config) {
		c.Attributes = map[string]string{attributeEnterprise + ":department": "department", "urn:example:ext:1.0:User:badge": "employeeId"}
	})
	s.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		return answer(200, document{"Resources": []any{document{"id": attributeEnterprise}}}), strings.HasSuffix(r.URL.Path, "/Schemas")
	}
	u := userNamed(1, "Ann")
	u.Department, u.EmployeeID = "Ops", "42"
	s.users = []directory.User{u}
	_, notes := s.runWithNotes()
	got := s.provider.user("ann@contoso.example")
	if !slices.Contains(notes, "extension_unknown") || asDocument(got.get(attributeEnterprise)).text("department") != "Ops" ||
		got.has("urn:example:ext:1.0:User:badge") {
		t.Errorf("got %v and %v", notes, got)
	}
	s.wantNoChanges()
	show := ""
	for _, f := range s.client.Check(t.Context(), "x") {
		show += f.Detail + "\n"
	}
	if !strings.Contains(show, "urn:example:ext:1.0:User") {
		t.Errorf("got\n%s\nwant the extension named", show)
	}
}

func TestAWriteThatAServerBreaksOnIsLookedAt(t *testing.T) {
	for _, really := range []bool{true, false} {
		for _, method := range []string{http.MethodPost, http.MethodPatch} {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.users = []directory.User{userNamed(1, "Ann")}
				if method == http.MethodPatch {
					f.run()
					f.users[0].Surname = "Holm"
				}
				f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
					return scimError(500, "", "oops"), r.Method == method && !really
				}
				f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
					if r.Method == method {
						return scimError(500, "", "oops")
					}
					return resp
				}
				_, notes := f.runWithNotes()
				if really == (len(notes) > 0) || !really && (!strings.Contains(notes[0], "oops") || strings.Contains(notes[0], "not known")) {
					t.Errorf("%s, done %t: got %v, want an error of this object alone where nothing was done", method, really, notes)
				}
			})
		}
	}
}

func TestPeopleAreSpokenOfByName(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Leavers.Absences = 1 })
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.run()
	f.users = f.users[:1]
	if done := f.run(); !slices.Equal(done, []string{"delete Bo Berg (bo@contoso.example)"}) {
		t.Errorf("got %v, want the leaver's name", done)
	}
	f.provider.user("ann@contoso.example")["externalId"] = "another"
	if p := f.plan(); len(p.Violations) != 1 || !strings.HasPrefix(p.Violations[0].Message, "Ann Berg (ann@contoso.example) matches u-1") {
		t.Errorf("got %+v, want Ann named", p.Violations)
	}
}

func TestTwoWhoExchangeTheirNamesAreToldSoAndTheRestIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
		f.run()
		f.provider.answerInstead = func(r *http.Request, body []byte) (*http.Response, bool) {
			if r.Method == http.MethodPatch && strings.Contains(string(body), `"userName"`) {
				return scimError(409, "uniqueness", "userName is in use"), true
			}
			return nil, false
		}
		f.users[0].UPN, f.users[1].UPN = f.users[1].UPN, f.users[0].UPN
		f.users[0].Surname = "Holm"
		_, notes := f.runWithNotes()
		if !slices.Contains(notes, "attribute_refused") ||
			slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, "error") }) {
			t.Errorf("got %v, want attribute_refused and no failure", notes)
		}
		if got := asDocument(f.provider.users[0].get("name")).text("familyName"); got != "Holm" {
			t.Errorf("got %s, want the rest written", got)
		}
		f.wantNoChanges()
	})
}
