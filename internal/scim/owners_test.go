package scim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// Contoso's administrator types what another customer's person, Vic, is known
// by. The application is one for all; nothing of Vic's may become Contoso's.
func TestNobodyBecomesTheOwnerOfAnAccountByWhatTheyType(t *testing.T) {
	vic := func(edit func(document)) document {
		d := document{"id": "7", "userName": "vic@victim.example", "active": true, "displayName": "Vic",
			"name":   map[string]any{"givenName": "Vic", "familyName": "Tim"},
			"emails": []any{map[string]any{"value": "vic@victim.example", "type": "work", "primary": true}}}
		edit(d)
		return d
	}
	asIs := func(document) {}
	mail := func(address string) func(*directory.User) { return func(u *directory.User) { u.Mail = address } }
	for _, tt := range []struct {
		name  string
		vic   document
		mine  func(*directory.User)
		edit  func(*Config)
		owner otherCustomers
		want  string // of the notes; empty where it may be taken on
	}{
		{"a mail address of a domain that is another's", vic(asIs), mail("vic@victim.example"), nil, otherCustomers{}, "match_proposed"},
		{"the same in capitals", vic(asIs), mail("VIC@Victim.Example"), nil, otherCustomers{}, "match_proposed"},
		{"the same, and it is another customer's by its record", vic(asIs), mail("vic@victim.example"), nil,
			otherCustomers{owned: map[string]string{"user 7": "victim"}}, "match_conflict"},
		{"a guest who is called in", vic(asIs), func(u *directory.User) { u.Guest, u.Mail = true, "vic@victim.example" },
			func(c *Config) { c.Users.Guests = true }, otherCustomers{}, "match_proposed"},
		{"a domain that is listed and not verified", vic(func(d document) { d["userName"] = "vic@unverified.example" }),
			func(u *directory.User) { u.UPN = "vic@unverified.example" }, nil, otherCustomers{}, "match_proposed"},
		{"one's own address, on an account with another's name", vic(func(d document) {
			d["emails"] = []any{map[string]any{"value": "mal@contoso.example", "type": "work"}}
		}), mail("mal@contoso.example"), nil, otherCustomers{}, "match_proposed"},
		{"one's own address beside another's", vic(func(d document) {
			d["userName"] = "mal@contoso.example"
			d["emails"] = append(d.list("emails"), map[string]any{"value": "mal@contoso.example", "type": "home"})
		}), asUser, nil, otherCustomers{}, "match_proposed"},
		{"a number that anybody may type", vic(func(d document) { d["userName"] = "1007" }), func(u *directory.User) { u.EmployeeID = "1007" },
			func(c *Config) { c.Attributes = map[string]string{"userName": "employeeId"} }, otherCustomers{}, "match_proposed"},
		{"one's own account", vic(func(d document) {
			d["userName"], d["emails"] = "mal@contoso.example", []any{map[string]any{"value": "mal@contoso.example", "type": "work",
				"primary": true}}
		}), asUser, nil, otherCustomers{}, ""},
		{"one's own account, which another customer keeps", vic(func(d document) {
			d["userName"], d["emails"] = "mal@contoso.example", []any{map[string]any{"value": "mal@contoso.example", "type": "work",
				"primary": true}}
		}), asUser, nil, otherCustomers{owned: map[string]string{"user 7": "victim"}}, "match_conflict"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.edit == nil {
				tt.edit = func(*Config) {}
			}
			f := newFixture(t, tt.edit)
			tt.owner.links = twoLinked
			f.owners, f.domains = tt.owner, []directory.Domain{{Name: "unverified.example"}}
			f.provider.users = []document{tt.vic}
			before := compact(mustJSON(tt.vic))
			mal := userNamed(1, "Mal")
			tt.mine(&mal)
			f.users = []directory.User{mal}
			done, notes := f.runWithNotes()
			if tt.want == "" {
				if len(notes) > 0 || len(done) != 1 {
					t.Errorf("did %v, noted %v", done, notes)
				}
				return
			}
			if len(done) > 0 || !slices.Equal(notes, []string{tt.want}) {
				t.Errorf("did %v, noted %v; want nothing done and %s", done, notes, tt.want)
			}
			if got := compact(mustJSON(f.provider.users[0])); got != before || len(f.provider.users) != 1 {
				t.Errorf("got %s, want it untouched", got)
			}
			// Gone again: whatever was tried, nobody is disabled.
			f.users = nil
			for range 3 {
				f.run()
			}
			if got := compact(mustJSON(f.provider.users[0])); got != before {
				t.Errorf("got %s, want it untouched", got)
			}
		})
	}
}

func asUser(*directory.User) {}

var twoLinked = map[string]string{"contoso": "a", "victim": "b"} // any word links where all share one

// A person's word opens what was only proposed.
func TestAProposedAccountIsTakenOnByAPersonsWord(t *testing.T) {
	f := newFixture(t)
	f.provider.users = []document{{"id": "7", "userName": "vic@victim.example", "active": true}}
	f.users = []directory.User{userNamed(1, "Vic")}
	f.users[0].Mail = "vic@victim.example"
	f.provider.users[0]["emails"] = []any{map[string]any{"value": "vic@victim.example", "type": "work"}}
	if done, _ := f.runWithNotes(); len(done) > 0 {
		t.Fatalf("did %v", done)
	}
	f.settled = []plan.Settlement{{Key: userKey(objectID(1)), How: plan.SettleAccept, Ref: "7"}}
	if done, notes := f.runWithNotes(); len(done) != 1 || len(notes) > 0 {
		t.Errorf("did %v, noted %v", done, notes)
	}
	// Not where it is another customer's: that would make one person of two.
	f.records = map[plan.Key]plan.Record{}
	f.owners.owned = map[string]string{"user 7": "victim"}
	if done, notes := f.runWithNotes(); len(done) > 0 || !slices.Equal(notes, []string{"match_conflict"}) {
		t.Errorf("did %v, noted %v", done, notes)
	}
}

func TestAGroupThatCustomersShareIsNobodysByItsName(t *testing.T) {
	for _, tt := range []struct {
		name  string
		edit  func(*Config)
		links map[string]string
		there document
		want  []string
	}{
		{"one application for all", withGroups, twoLinked, document{"id": "7", "displayName": "Admins"}, []string{"match_proposed"}},
		{"one account of two customers", perAccount, map[string]string{"contoso": "x", "fabrikam": "x"},
			document{"id": "7", "displayName": "Admins"}, []string{"match_proposed"}},
		{"an account of its own", perAccount, map[string]string{"contoso": "x", "fabrikam": "y"},
			document{"id": "7", "displayName": "Admins"}, []string{"adopt Admins"}},
		{"one application, and nobody else is linked", withGroups, map[string]string{"contoso": "a"},
			document{"id": "7", "displayName": "Admins"}, []string{"adopt Admins"}},
		{"by the object id", withGroups, twoLinked, document{"id": "7", "displayName": "Admins", "externalId": groupOf(1, "").ID},
			[]string{"adopt Admins"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, withGroups, tt.edit)
			f.owners.links = tt.links
			f.provider.groups = []document{tt.there}
			f.groups = []directory.Group{groupOf(1, "Admins")}
			done, notes := f.runWithNotes()
			if got := append(done, notes...); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What no list shows is found out by the refusal of a create: the same proof is
// asked for there.
func TestAClashIsNoProofEither(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Attributes = map[string]string{"userName": "mail"} })
	f.provider.users = []document{{"id": "7", "userName": "vic@victim.example", "active": true}}
	hidden := true
	f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
		if hidden && r.Method == http.MethodGet {
			return answer(200, document{"totalResults": 0, "Resources": []any{}})
		}
		return resp
	}
	f.provider.answerInstead = func(r *http.Request, _ []byte) (*http.Response, bool) {
		hidden = hidden && r.Method != http.MethodPost
		return nil, false
	}
	f.users = []directory.User{userNamed(1, "Mal")}
	f.users[0].Mail = "vic@victim.example"
	if _, notes := f.runWithNotes(); !slices.Contains(notes, "match_proposed") {
		t.Errorf("noted %v", notes)
	}
	if got := f.provider.user("7"); got.text("externalId") != "" || got.text("displayName") != "" {
		t.Errorf("got %v, want it untouched", got)
	}
}

// In accounts of their own the same id is two things.
func TestAnIDIsAnotherCustomersInTheSameAccountOnly(t *testing.T) {
	for link, want := range map[string]string{"y": "", "x": "match_conflict"} {
		f := newFixture(t, perAccount)
		f.owners = otherCustomers{owned: map[string]string{"user 7": "fabrikam"}, links: map[string]string{"contoso": "x", "fabrikam": link}}
		f.provider.users = []document{{"id": "7", "userName": "ann@contoso.example", "active": true}}
		f.users = []directory.User{userNamed(1, "Ann")}
		if _, notes := f.runWithNotes(); strings.Join(notes, " ") != want {
			t.Errorf("fabrikam at %s: noted %v, want %q", link, notes, want)
		}
	}
}

// Ann is rehired under the same user name: another object id, and the account at
// the provider carries the former one. Whose it is, is for a person; until then it
// is left as it is, in all its groups.
func TestWhoIsRehiredIsNobodysLeaver(t *testing.T) {
	for name, hide := range map[string]bool{"listed": false, "not listed, and found by the clash": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, withGroups, func(c *Config) { c.Leavers.Absences = 1 })
			f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
			f.groups = []directory.Group{groupOf(1, "Sales", 1, 2)}
			f.run()
			f.wantNoChanges()
			if hide {
				f.provider.changeAnswer = func(r *http.Request, resp *http.Response) *http.Response {
					if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/Users") || r.URL.Query().Get("filter") != "" {
						return resp
					}
					return answer(200, document{"totalResults": 1, "Resources": []any{f.provider.users[1]}})
				}
			}
			f.users[0].ID = objectID(9)
			f.groups = []directory.Group{groupOf(1, "Sales", 9, 2)}
			before := compact(mustJSON(f.provider.users[0]))
			for range 4 {
				f.runWithNotes()
				if got := compact(mustJSON(f.provider.users[0])); got != before {
					t.Errorf("got %s, want Ann untouched", got)
				}
				f.wantMembers("Sales", "Ann", "Bo")
			}
			_, notes := f.runWithNotes()
			if !slices.Contains(notes, "match_conflict") || !slices.Contains(notes, "contested") {
				t.Errorf("noted %v", notes)
			}
			// A person says that she is the one: it is hers, and nothing was lost.
			f.provider.changeAnswer = nil
			f.settled = []plan.Settlement{{Key: userKey(objectID(9)), How: plan.SettleAccept, Ref: f.provider.users[0].text("id")}}
			f.run()
			f.run()
			f.wantNoChanges()
			f.wantMembers("Sales", "Ann", "Bo")
			if got := f.provider.user("ann@contoso.example"); got.text("active") != "true" || got.text("externalId") != objectID(9) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Who leaves for good is a leaver as before, beside a conflict about others.
func TestAConflictSparesOnlyWhomItNames(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Leavers.Absences = 1 })
	f.users = []directory.User{userNamed(1, "Ann"), userNamed(2, "Bo")}
	f.run()
	f.users[0].ID = objectID(9)
	f.users = f.users[:1]
	f.runWithNotes()
	f.runWithNotes()
	if f.provider.user("ann@contoso.example").text("active") != "true" || f.provider.user("bo@contoso.example").text("active") != "false" {
		t.Errorf("got %v", f.provider.users)
	}
}

var _ target.Owners = otherCustomers{}

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // of a test
	}
	return string(raw)
}
