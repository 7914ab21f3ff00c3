package scim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/rest"
	"syncd/internal/scim"
	"syncd/internal/secret"
	scimsim "syncd/internal/simulator/scim"
	"syncd/internal/target"
	"syncd/internal/target/targettest"
)

var _ target.Target = (*scim.Target)(nil)

func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		name    string
		dialect func() scimsim.Dialect
		edit    func(*scim.Config)
	}{
		{"leavers are disabled", scimsim.Strict, func(*scim.Config) {}},
		{"leavers are deleted", scimsim.Strict, func(c *scim.Config) { c.Leavers.Then = scim.ThenDelete }},
		{"an account for everybody", scimsim.Strict, func(c *scim.Config) {
			c.URL, c.Token, c.Tokens = strings.Replace(c.URL, "{account}", "A1", 1), c.Tokens["A1"], nil
		}},
		{"Cinode", scimsim.Cinode, func(c *scim.Config) { c.Profile = "cinode" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			targettest.Run(t, func(t *testing.T) *targettest.Fixture { return conforming(t, tt.dialect(), tt.edit) })
		})
	}
}

func objectOf(tenant directory.Tenant, n int) string {
	return fmt.Sprintf("22222222-0000-4000-80%s-%012d", tenant.ID[len(tenant.ID)-2:], n)
}

// conforming is two customers, and people who are nobody's business.
func conforming(t *testing.T, dialect scimsim.Dialect, edit func(*scim.Config), may ...scimsim.ViolationCode) *targettest.Fixture {
	tenants := []directory.Tenant{
		{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11", Name: "Contoso Ltd", DefaultDomain: "contoso.example"},
		{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12", Name: "Fabrikam", DefaultDomain: "fabrikam.example"},
	}
	brown := scimsim.Person("ana@contoso.example", "Ana", "Old")
	brown.ID = "501"
	stranger := scimsim.Person("zoe@contoso.example", "Zoe", "Stranger")
	stranger.ID = "502"
	lookalike := scimsim.Person("bo@contoso.example.net", "Bo", "Ruiz").With("externalId", "55555555-0000-4000-8000-000000000001")
	lookalike.ID = "503"
	team := scimsim.Group("Strangers", "502")
	team.ID = "601"
	sim := scimsim.New(scimsim.World{Accounts: []*scimsim.Account{
		{ID: "A1", Token: "token-of-account-1", Users: []*scimsim.Resource{brown, stranger, lookalike}, Groups: []*scimsim.Resource{team}},
		{ID: "A2", Token: "token-of-account-2"},
	}}, scimsim.Options{Dialect: dialect})
	conf := scim.Defaults()
	conf.Name = "app"
	conf.URL = "https://scim.example" + strings.Replace(sim.Base("A1"), "A1", "{account}", 1)
	conf.Tokens = map[string]secret.String{"A1": secret.New("token-of-account-1"), "A2": secret.New("token-of-account-2")}
	conf.Groups.Include = []string{"*"}
	conf.Rate = rest.Rate{PerSecond: 1000, Burst: 100, Concurrency: 4}
	edit(&conf)
	client, err := scim.New(conf, scim.Options{Log: zerolog.Nop(), Transport: sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	edits := 0
	f := &targettest.Fixture{Target: "scim/app",
		Open:      func(context.Context) (target.Target, error) { return client.Open(), nil },
		Tenants:   tenants,
		Strangers: []string{"502", "503", "601"},
		Dump:      func() map[string]string { return everything(t, sim.World()) },
		Edit: func(ref string) (field string) {
			edits++
			sim.Edit("tess", func(w *scimsim.World) {
				for _, a := range w.Accounts {
					for _, u := range a.Users {
						if u.ID == ref {
							u.With("name.familyName", fmt.Sprintf("Edited %d", edits))
							field = "name.familyName"
						}
					}
					for _, g := range a.Groups {
						if g.ID == ref {
							g.With("displayName", fmt.Sprintf("Edited %d", edits))
							field = "displayName"
						}
					}
				}
			})
			return field
		},
		Fail:   func(fault targettest.Fault) { fail(sim, fault) },
		Heal:   sim.Heal,
		Writes: func() int { return len(sim.Writes()) },
	}
	for i, tenant := range tenants {
		f.Links.Rows = append(f.Links.Rows, mapping.Row{TenantID: tenant.ID, Tenant: tenant.Name, Status: mapping.Linked,
			Links: mapping.Links{mapping.SCIMColumn("app"): fmt.Sprintf("A%d", i+1)}})
	}
	f.Snapshot = func(tenant directory.Tenant, step targettest.Step) *directory.Snapshot {
		domain := strings.ToLower(strings.Fields(tenant.Name)[0]) + ".example"
		var users []directory.User
		team := directory.Group{ID: objectOf(tenant, 50), Name: tenant.Name + " staff"}
		add := func(n int, name string) {
			users = append(users, directory.User{ID: objectOf(tenant, n), UPN: strings.ToLower(name) + "@" + domain,
				Mail: strings.ToLower(name) + "@" + domain,
				Name: name + " Ruiz", GivenName: name, Surname: "Ruiz", Enabled: true})
			team.Members.IDs = append(team.Members.IDs, objectOf(tenant, n))
		}
		add(1, "Ana")
		add(2, "Bo")
		add(3, "Cy")
		groups := []directory.Group{team,
			{ID: objectOf(tenant, 51), Name: tenant.Name + " board", Members: directory.Members{IDs: []string{objectOf(tenant, 2)}}}}
		switch {
		case tenant.ID != tenants[0].ID:
		case step == targettest.Changed:
			users[1].Surname = "Holm"
			groups[1].Members.IDs = []string{objectOf(tenant, 3)}
		case step == targettest.New:
			add(4, "Dee")
			groups[0] = team
		case step == targettest.Gone:
			users, groups[0].Members.IDs = users[:2], team.Members.IDs[:2]
			groups = groups[:1]
		}
		proof := directory.Proof{Source: "test", TakenAt: time.Now(), AsOf: time.Now()}
		return &directory.Snapshot{Tenant: tenant, TakenAt: time.Now(), Users: directory.Proven(users, proof),
			Groups:  directory.Proven(groups, proof),
			Domains: directory.Proven([]directory.Domain{{Name: domain, Verified: true}}, proof)}
	}
	// The second customer is provisioned already: two that are made at once would
	// get other ids each time.
	provision(t, client, f.Links.Customers(tenants)[1], f.Snapshot(tenants[1], targettest.Start))
	began := len(sim.Writes())
	f.Writes = func() int { return len(sim.Writes()) - began }
	t.Cleanup(func() {
		for _, v := range sim.Violations(may...) {
			t.Errorf("the provider noted: %v", v)
		}
	})
	return f
}

func everything(t *testing.T, w *scimsim.World) map[string]string {
	dump := map[string]string{}
	for _, a := range w.Accounts {
		for _, r := range append(append([]*scimsim.Resource{}, a.Users...), a.Groups...) {
			text, err := json.Marshal([]any{r.Attributes, r.Members, r.Disconnected, r.Info.UpdatedAt})
			if err != nil {
				t.Fatal(err)
			}
			dump[r.ID] = string(text)
		}
	}
	return dump
}

// fail lets the next write go wrong; after one that nobody heard of, nothing
// answers any more.
func fail(sim *scimsim.Server, fault targettest.Fault) {
	var mu sync.Mutex
	hit := false
	sim.Before(func(r *http.Request) scimsim.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case hit && fault != targettest.Refused:
			return scimsim.Fault{Kind: scimsim.Dropped}
		case hit || r.Method == http.MethodGet:
			return scimsim.Fault{}
		}
		hit = true
		switch fault {
		case targettest.LostAfter:
			return scimsim.Fault{Kind: scimsim.DroppedCommitted}
		case targettest.LostBefore:
			return scimsim.Fault{Kind: scimsim.Dropped}
		}
		return scimsim.Fault{Kind: scimsim.Forbidden} // a 400 is taken apart, see quirks_test.go
	})
}
