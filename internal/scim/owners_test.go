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
		d := document{"id": "7", "userName": "vic@victim.example", "active": true, "displayName": "Vic", "name": map[string]any{"givenName": "Vic", "familyName": "Tim"},
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
		owner others
		want  string // of the notes; empty where it may be taken on
	}{
		{"a mail address of a domain that is another's", vic(asIs), mail("vic@victim.example"), nil, others{}, "match_proposed"},
		{"the same in capitals", vic(asIs), mail("VIC@Victim.Example"), nil, others{}, "match_proposed"},
		{"the same, and it is another customer's by its record", vic(asIs), mail("vic@victim.example"), nil, others{keep: map[string]string{"user 7": "victim"}}, "match_conflict"},
		{"a guest who is called in", vic(asIs), func(u *directory.User) { u.Guest, u.Mail = true, "vic@victim.example" }, func(c *Config) { c.Users.Guests = true }, others{}, "match_proposed"},
		{"a domain that is listed and not verified", vic(func(d document) { d["userName"] = "vic@unverified.example" }),
			func(u *directory.User) { u.UPN = "vic@unverified.example" }, nil, others{}, "match_proposed"},
		{"one's own address, on an account with another's name", vic(func(d document) {
			d["emails"] = []any{map[string]any{"value": "mal@contoso.example", "type": "work"}}
		}), mail("mal@contoso.example"), nil, others{}, "match_proposed"},
		{"one's own address beside another's", vic(func(d document) {
			d["userName"] = "mal@contoso.example"
			d["emails"] = append(d.list("emails"), map[string]any{"value": "mal@contoso.example", "type": "home"})
		}), asUser, nil, others{}, "match_proposed"},
		{"a number that anybody may type", vic(func(d document) { d["userName"] = "1007" }), func(u *directory.User) { u.EmployeeID = "1007" },
			func(c *Config) { c.Attributes = map[string]string{"userName": "employeeId"} }, others{}, "match_proposed"},
		{"one's own account", vic(func(d document) {
			d["userName"], d["emails"] = "mal@contoso.example", []any{map[string]any{"value": "mal@contoso.example", "type": "work", "primary": true}}
		}), asUser, nil, others{}, ""},
		{"one's own account, which another customer keeps", vic(func(d document) {
			d["userName"], d["emails"] = "mal@contoso.example", []any{map[string]any{"value": "mal@contoso.example", "type": "work", "primary": true}}
		}), asUser, nil, others{keep: map[string]string{"user 7": "victim"}}, "match_conflict"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.edit == nil {
				tt.edit = func(*Config) {}
			}
			s := newStage(t, tt.edit)
			tt.owner.links = twoLinked
			s.owners, s.domains = tt.owner, []directory.Domain{{Name: "unverified.example"}}
			s.provider.users = []document{tt.vic}
			before := compact(mustJSON(tt.vic))
			mal := someone(1, "Mal")
			tt.mine(&mal)
			s.users = []directory.User{mal}
			done, notes := s.try()
			if tt.want == "" {
				if len(notes) > 0 || len(done) != 1 {
					t.Errorf("did %v, noted %v", done, notes)
				}
				return
			}
			if len(done) > 0 || !slices.Equal(notes, []string{tt.want}) {
				t.Errorf("did %v, noted %v; want nothing done and %s", done, notes, tt.want)
			}
			if got := compact(mustJSON(s.provider.users[0])); got != before || len(s.provider.users) != 1 {
				t.Errorf("got %s, want it untouched", got)
			}
			// Gone again: whatever was tried, nobody is disabled.
			s.users = nil
			for range 3 {
				s.run()
			}
			if got := compact(mustJSON(s.provider.users[0])); got != before {
				t.Errorf("got %s, want it untouched", got)
			}
		})
	}
}

func asUser(*directory.User) {}

var twoLinked = map[string]string{"contoso": "a", "victim": "b"} // any word links where all share one

// A person's word opens what was only proposed.
func TestAProposedAccountIsTakenOnByAPersonsWord(t *testing.T) {
	s := newStage(t)
	s.provider.users = []document{{"id": "7", "userName": "vic@victim.example", "active": true}}
	s.users = []directory.User{someone(1, "Vic")}
	s.users[0].Mail = "vic@victim.example"
	s.provider.users[0]["emails"] = []any{map[string]any{"value": "vic@victim.example", "type": "work"}}
	if done, _ := s.try(); len(done) > 0 {
		t.Fatalf("did %v", done)
	}
	s.settled = []plan.Settlement{{Key: userKey(objectID(1)), How: plan.SettleAccept, Ref: "7"}}
	if done, notes := s.try(); len(done) != 1 || len(notes) > 0 {
		t.Errorf("did %v, noted %v", done, notes)
	}
	// Not where it is another customer's: that would make one person of two.
	s.records = map[plan.Key]plan.Record{}
	s.owners.keep = map[string]string{"user 7": "victim"}
	if done, notes := s.try(); len(done) > 0 || !slices.Equal(notes, []string{"match_conflict"}) {
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
		{"one account of two customers", perAccount, map[string]string{"contoso": "x", "fabrikam": "x"}, document{"id": "7", "displayName": "Admins"}, []string{"match_proposed"}},
		{"an account of its own", perAccount, map[string]string{"contoso": "x", "fabrikam": "y"}, document{"id": "7", "displayName": "Admins"}, []string{"adopt Admins"}},
		{"one application, and nobody else is linked", withGroups, map[string]string{"contoso": "a"}, document{"id": "7", "displayName": "Admins"}, []string{"adopt Admins"}},
		{"by the object id", withGroups, twoLinked, document{"id": "7", "displayName": "Admins", "externalId": teamOf(1, "").ID}, []string{"adopt Admins"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, withGroups, tt.edit)
			s.owners.links = tt.links
			s.provider.groups = []document{tt.there}
			s.groups = []directory.Group{teamOf(1, "Admins")}
			done, notes := s.try()
			if got := append(done, notes...); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What no list shows is found out by the refusal of a create: the same proof is
// asked for there.
func TestAClashIsNoProofEither(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Attributes = map[string]string{"userName": "mail"} })
	s.provider.users = []document{{"id": "7", "userName": "vic@victim.example", "active": true}}
	hidden := true
	s.provider.after = func(r *http.Request, resp *http.Response) *http.Response {
		if hidden && r.Method == http.MethodGet {
			return answer(200, document{"totalResults": 0, "Resources": []any{}})
		}
		return resp
	}
	s.provider.odd = func(r *http.Request, _ []byte) (*http.Response, bool) {
		hidden = hidden && r.Method != http.MethodPost
		return nil, false
	}
	s.users = []directory.User{someone(1, "Mal")}
	s.users[0].Mail = "vic@victim.example"
	if _, notes := s.try(); !slices.Contains(notes, "match_proposed") {
		t.Errorf("noted %v", notes)
	}
	if got := s.provider.user("7"); got.text("externalId") != "" || got.text("displayName") != "" {
		t.Errorf("got %v, want it untouched", got)
	}
}

// In accounts of their own the same id is two things.
func TestAnIDIsAnotherCustomersInTheSameAccountOnly(t *testing.T) {
	for link, want := range map[string]string{"y": "", "x": "match_conflict"} {
		s := newStage(t, perAccount)
		s.owners = others{keep: map[string]string{"user 7": "fabrikam"}, links: map[string]string{"contoso": "x", "fabrikam": link}}
		s.provider.users = []document{{"id": "7", "userName": "ann@contoso.example", "active": true}}
		s.users = []directory.User{someone(1, "Ann")}
		if _, notes := s.try(); strings.Join(notes, " ") != want {
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
			s := newStage(t, withGroups, func(c *Config) { c.Leavers.Absences = 1 })
			s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
			s.groups = []directory.Group{teamOf(1, "Sales", 1, 2)}
			s.run()
			s.still()
			if hide {
				s.provider.after = func(r *http.Request, resp *http.Response) *http.Response {
					if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/Users") || r.URL.Query().Get("filter") != "" {
						return resp
					}
					return answer(200, document{"totalResults": 1, "Resources": []any{s.provider.users[1]}})
				}
			}
			s.users[0].ID = objectID(9)
			s.groups = []directory.Group{teamOf(1, "Sales", 9, 2)}
			before := compact(mustJSON(s.provider.users[0]))
			for range 4 {
				s.try()
				if got := compact(mustJSON(s.provider.users[0])); got != before {
					t.Errorf("got %s, want Ann untouched", got)
				}
				s.wantMembers("Sales", "Ann", "Bo")
			}
			_, notes := s.try()
			if !slices.Contains(notes, "match_conflict") || !slices.Contains(notes, "contested") {
				t.Errorf("noted %v", notes)
			}
			// A person says that she is the one: it is hers, and nothing was lost.
			s.provider.after = nil
			s.settled = []plan.Settlement{{Key: userKey(objectID(9)), How: plan.SettleAccept, Ref: s.provider.users[0].text("id")}}
			s.run()
			s.run()
			s.still()
			s.wantMembers("Sales", "Ann", "Bo")
			if got := s.provider.user("ann@contoso.example"); got.text("active") != "true" || got.text("externalId") != objectID(9) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Who leaves for good is a leaver as before, beside a conflict about others.
func TestAConflictSparesOnlyWhomItNames(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Leavers.Absences = 1 })
	s.users = []directory.User{someone(1, "Ann"), someone(2, "Bo")}
	s.run()
	s.users[0].ID = objectID(9)
	s.users = s.users[:1]
	s.try()
	s.try()
	if s.provider.user("ann@contoso.example").text("active") != "true" || s.provider.user("bo@contoso.example").text("active") != "false" {
		t.Errorf("got %v", s.provider.users)
	}
}

var _ target.Owners = others{}

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // of a test
	}
	return string(raw)
}
