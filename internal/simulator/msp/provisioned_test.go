package msp_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/scim"
	"syncd/internal/secret"
	"syncd/internal/simulator/msp"
	scimsim "syncd/internal/simulator/scim"
	"syncd/internal/sync"
	"syncd/internal/target"
)

const (
	finch    = "Alder & Finch Architects"
	calloway = "Calloway Legal"
)

func provisions(t *testing.T, m *msp.MSP) *practice {
	t.Helper()
	to := scim.Defaults()
	to.Name, to.Profile, to.URL, to.Token, to.Rate = "cinode", "cinode", "https://cinode.example"+m.Cinode.Dialect().Base, secret.New(msp.CinodeToken), quick
	to.Users.LicensedOnly, to.Groups.Include = true, []string{"Management", "Remote access"}
	c, err := scim.New(to, scim.Options{Log: zerolog.Nop(), Transport: m.Cinode.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return newPractice(t, m, c.Name(), func(context.Context) (target.Target, error) { return c.Open(), nil }, "scim_cinode")
}

// holds compares what an account holds now with what it should.
func (p *practice) holds(account string, users, active, groups int) {
	p.t.Helper()
	if u, a, g := p.msp.Cinode.Count(account); u != users || a != active || g != groups {
		p.t.Errorf("%s holds %d users, %d of them active, and %d groups; want %d, %d and %d", account, u, a, g, users, active, groups)
	}
}

func TestTheMSPCanBeProvisioned(t *testing.T) {
	m := msp.New(time.Now, msp.WithIdentity())
	p := provisions(t, m)
	began := m.Cinode.World()
	report := p.run(sync.Apply)
	// 17 at Alder & Finch and 21 at Calloway Legal hold a licence. One of each
	// is disabled, and four of Calloway's are there: one is in step, one lacks
	// the object id, one has a former name, and one is somebody else's.
	want := map[string]int{
		finch + " create user": 16, finch + " create group": 2,
		calloway + " create user": 16, calloway + " create group": 2, calloway + " adopt user": 3,
	}
	if got := changed(report); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var conflicts []string
	for _, s := range report.Scopes {
		for _, v := range s.Violations {
			if !v.Note {
				conflicts = append(conflicts, s.Customer.Name+" "+v.Code)
			}
		}
	}
	if want := []string{calloway + " match_conflict"}; !slices.Equal(conflicts, want) {
		t.Errorf("got %q, want %q", conflicts, want)
	}
	p.holds("alder-finch", 17, 17, 2)
	p.holds("calloway", 21, 21, 2)
	if got := m.Cinode.Account("alder-finch").Team("Management"); got.Stray || len(got.Members) != 6+1 {
		t.Errorf("got %+v, want the prepared team with six people and the freelancer", got)
	}
	if got := changed(p.run(sync.Apply)); len(got) > 0 {
		t.Errorf("the second run changed %v", got)
	}

	// What must come of a scenario, and of the run after it.
	for _, x := range []struct {
		scenario string
		want     []map[string]int
	}{
		{"rename", []map[string]int{{finch + " update user": 1}, nil}},
		{"regroup", []map[string]int{{calloway + " update group": 2}, nil}},
		{"seats", []map[string]int{{finch + " create user": 3}, nil}},
		{"leaver", []map[string]int{nil, {calloway + " delete user": 1}, nil}}, // two absences
		{"calm", []map[string]int{nil}},
	} {
		if err := m.Play(x.scenario); err != nil {
			t.Errorf("%s: %v", x.scenario, err)
			continue
		}
		for i, want := range x.want {
			if got := changed(p.run(sync.Apply)); !maps.Equal(got, want) {
				t.Errorf("%s, run %d: got %v, want %v", x.scenario, i+1, got, want)
			}
		}
	}
	p.holds("alder-finch", 20, 20, 2)
	p.holds("calloway", 21, 20, 2)
	p.spares(began)
	// Its own documents name that way to remove members, after the RFC's.
	if got := m.Cinode.Violations(scimsim.RemovesByList); len(got) > 0 {
		t.Errorf("what no client may do: %v", got)
	}
}

// spares wants those left alone with whom syncd has nothing to do: the
// freelancers, who is somebody else's, and who is in step.
func (p *practice) spares(began *scimsim.World) {
	p.t.Helper()
	now, alone := p.msp.Cinode.World(), 0
	for _, a := range began.Accounts {
		for _, was := range a.Users {
			if !slices.Contains([]string{"500", "504", "505"}, was.ID) {
				continue
			}
			alone++
			if is := now.Account(a.ID).User(was.ID); is == nil || !is.Active() || is.Info != was.Info {
				p.t.Errorf("got %+v, want %s untouched", is, was.UserName())
			}
		}
	}
	if alone != 4 {
		p.t.Errorf("got %d of them, want 4", alone)
	}
}

func TestIdentityIsThereForThoseWhoAskForIt(t *testing.T) {
	without, with := msp.New(time.Now), msp.New(time.Now, msp.WithIdentity(), msp.WithDocumentation())
	systems, err := with.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer systems.Close()
	plain, err := without.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for _, x := range []struct {
		name, got, want string
		holds           bool
	}{
		{"a configuration with", systems.Config("state.db"), `url: "` + systems.CinodeURL + `"`, true},
		{"a configuration with", systems.Config("state.db"), "/scim/tenants/{account}/v2", true},
		{"a configuration with", systems.Config("state.db"), "targets: [scim/cinode], apply: auto", true},
		{"a configuration without", plain.Config("state.db"), "scim", false},
		{"links with", with.LinksCSV(), "itglue_organization,scim_cinode,status", true},
		{"links with", with.LinksCSV(), ",calloway,linked", true},
		{"links without", without.LinksCSV(), "scim", false},
	} {
		if strings.Contains(x.got, x.want) != x.holds {
			t.Errorf("%s: got\n%s\nwant it to hold %q: %t", x.name, x.got, x.want, x.holds)
		}
	}
	if plain.CinodeURL != "" || without.Cinode != nil {
		t.Error("there is a Cinode that nobody asked for")
	}
}
