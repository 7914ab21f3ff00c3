package thirdparty_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/scim"
	"syncd/internal/scim/thirdparty"
	engine "syncd/internal/sync"
)

// odd are people and groups whose names have to be escaped everywhere.
func odd(b *bench) {
	b.users = []directory.User{person(1, "Ann"), person(2, "Bo"), person(3, "Cy"), person(4, "Dee")}
	for i, name := range []string{`Ann "the one" O'Neil`, `back\slash & <b>`, "Åsa Öberg 测试", "a+b%20c"} {
		b.users[i].Name, b.users[i].Surname = name, name
	}
	for i, upn := range []string{"o'neil@contoso.example", "bo+x@contoso.example", "c_y-1.2@contoso.example", "d!#^~x@contoso.example"} {
		b.users[i].UPN = upn
	}
	for n, name := range []string{`Team "A" \ one`, "Team Ö/ä + 1", "Team a&b=c?d#e"} {
		b.team(1+n, name, "Ann", "Bo")
	}
}

func TestOddNamesArriveAsTheyAre(t *testing.T) {
	everywhere(t, func(b *bench) {
		for n := range crowd { // so that they are on a later page, and looked up by name where pages cannot be had
			b.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
			b.call(http.MethodPost, "/Groups", map[string]any{"schemas": []string{coreGroup}, "displayName": fmt.Sprintf("Stranger %02d", n)})
		}
		odd(b)
		b.bring(1)
		for _, u := range b.users {
			if got := b.find("Users", "externalId", u.ID); got["userName"] != u.UPN || got["displayName"] != u.Name {
				b.Errorf("got %v, %v, want %s, %s", got["userName"], got["displayName"], u.UPN, u.Name)
			}
		}
		for _, g := range b.groups {
			got := b.find("Groups", "externalId", g.ID)
			if members, _ := got["members"].([]any); got["displayName"] != g.Name || len(members) != 2 {
				b.Errorf("got %v, want %s with two members", got, g.Name)
			}
		}
	})
}

func TestAStateThatWasLostDoublesNobody(t *testing.T) {
	everywhere(t, func(b *bench) {
		for n := range crowd {
			b.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
		}
		odd(b)
		b.bring(1)
		users, groups, written := b.total("Users"), b.total("Groups"), len(b.sent())
		b.forget()
		b.apply(1)
		b.settled()
		if got := b.sent()[written:]; len(got) > 0 {
			b.Errorf("it wrote %v, although all was there", got)
		}
		if u, g := b.total("Users"), b.total("Groups"); u != users || g != groups {
			b.Errorf("there are %d users and %d groups, want %d and %d as before", u, g, users, groups)
		}
	})
}

func TestWhatAProviderDoesNotKnowIsNotFoughtOver(t *testing.T) {
	const employment = "urn:ietf:params:scim:schemas:extension:Cinode:User:1.0:EmploymentStartDate"
	everywhere(t, func(b *bench) {
		b.users = []directory.User{person(1, "Ann"), person(2, "Bo")}
		for i := range b.users {
			b.users[i].Created = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
		}
		b.team(1, "Team A", "Ann", "Bo")
		for range 4 { // in which it may find out
			b.run(engine.Apply)
		}
		before := len(b.sent())
		b.run(engine.Apply)
		if got := b.sent()[before:]; len(got) > 0 {
			b.Errorf("it still writes: %v", got)
		}
		b.wants("ann@contoso.example", map[string]any{"externalId": object(1), "active": true, "displayName": "Ann Berg"})
		b.in("Team A", "ann@contoso.example", "bo@contoso.example")
		if b.Failed() {
			b.Logf("written:\n%s\n\nrefused:\n%s", strings.Join(b.sent(), "\n"), strings.Join(b.failed, "\n"))
		}
	}, func(c *scim.Config) {
		c.Attributes[employment] = "createdDateTime"
		c.Attributes["nickName"] = "givenName"
		c.Attributes["favouriteColour"] = `"green"`
	})
}

func TestAProviderThatThrottlesGetsEverythingInItsTime(t *testing.T) {
	b := newBench(t, thirdparty.BetterAuthLimited)
	b.users = []directory.User{person(1, "Ann"), person(2, "Bo")}
	for n := range crowd {
		b.users = append(b.users, person(100+n, fmt.Sprintf("P%02d", n)))
	}
	b.team(1, "Team A", "Ann", "Bo")
	b.bring(1)
	if !slices.ContainsFunc(b.failed, func(s string) bool { return strings.Contains(s, ": 429 ") }) {
		b.Error("nothing was refused with 429, so nothing was tried")
	}
}

func TestACheckTellsWhoCannotBeListedAndWritesNothing(t *testing.T) {
	everywhere(t, func(b *bench) {
		for n := range crowd {
			b.exists(fmt.Sprintf("stranger%02d@elsewhere.example", n), "")
		}
		findings := b.client.Check(b.Context())
		said := map[string]string{}
		for _, f := range findings {
			said[f.Name] = f.Detail
			if !f.OK {
				b.Errorf("%s: %s; %s", f.Name, f.Detail, f.Remedy)
			}
		}
		whole := !strings.Contains(b.Name(), "unpaged")
		if got := strings.Contains(said["users"], "may be listed"); got != whole {
			b.Errorf("got %q, want it to say that users may be listed: %t", said["users"], whole)
		}
		if got := b.sent(); len(got) > 0 {
			b.Errorf("it wrote %v", got)
		}
	})
}

func TestAGroupThatIsGoneLosesOurMembersAlone(t *testing.T) {
	everywhere(t, func(b *bench) {
		zoe := b.exists("zoe@elsewhere.example", "")
		b.call(http.MethodPost, "/Groups", map[string]any{"schemas": []string{coreGroup}, "displayName": "Team A", "members": []any{map[string]any{"value": zoe["id"]}}})
		b.users = []directory.User{person(1, "Ann"), person(2, "Bo")}
		b.team(1, "Team A", "Ann", "Bo")
		b.team(2, "Team B", "Ann")
		b.bring(1)
		b.groups = b.groups[1:]
		b.bring(2)
		b.in("Team A", "zoe@elsewhere.example")
		b.in("Team B", "ann@contoso.example")
	})
}
