package playbook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/cipp/playbook"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
)

const (
	dentalID = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	bakeryID = "a4c2e5d1-7f60-4b8a-9c3d-2e1f0a9b8c22"
	premium  = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	e3       = "05e9a617-0261-4cee-bb44-138d3ef5d965"
)

func world() cippsim.World {
	return cippsim.World{Tenants: []*cippsim.Tenant{
		{
			CustomerID: dentalID, DisplayName: "Fabrikam Dental", DefaultDomain: "dental.example", InitialDomain: "dental.onmicrosoft.com",
			SKUs: []cippsim.SKU{{SkuID: premium, PartNumber: "SPB", Enabled: 4}, {SkuID: e3, PartNumber: "SPE_E3", Enabled: 1}},
			Users: []*cippsim.User{
				{UPN: "ada@dental.example", DisplayName: "Ada Berg", UsageLocation: "DE", Licences: []string{premium}},
				{UPN: "max@dental.example", DisplayName: "Max Kern", UsageLocation: "DE", Licences: []string{premium}}, {UPN: "desk@dental.example", DisplayName: "Desk"},
			},
			Groups:    []*cippsim.Group{{DisplayName: "Reception", Kind: cippsim.Microsoft365}},
			Mailboxes: []*cippsim.Mailbox{{UPN: "ada@dental.example"}, {UPN: "max@dental.example"}, {UPN: "desk@dental.example", Type: "SharedMailbox"}},
		},
		{
			CustomerID: bakeryID, DisplayName: "Northwind Bakery", DefaultDomain: "bakery.example", InitialDomain: "bakery.onmicrosoft.com",
			SKUs: []cippsim.SKU{{SkuID: premium, PartNumber: "SPB", Enabled: 1}}, Users: []*cippsim.User{{UPN: "jo@bakery.example", DisplayName: "Jo"}, {UPN: "admin@bakery.example", DisplayName: "Admin"}},
		},
	}}
}

// A memory is a Store that forgets with its test.
type memory struct {
	mu   sync.Mutex
	all  map[string]map[string]playbook.Progress
	full int // Saves after so many fail; 0 = none
	n    int
}

func (m *memory) Load(_ context.Context, run string) (map[string]playbook.Progress, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.all[run]), nil
}

func (m *memory) Save(_ context.Context, run, item string, p playbook.Progress) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n++; m.full > 0 && m.n > m.full {
		return errors.New("the disk is full")
	}
	if m.all == nil {
		m.all = map[string]map[string]playbook.Progress{}
	}
	if m.all[run] == nil {
		m.all[run] = map[string]playbook.Progress{}
	}
	m.all[run][item] = p
	return nil
}

// A stage is a player in front of a simulated CIPP.
type stage struct {
	sim    *cippsim.Server
	store  *memory
	player *playbook.Runner
}

func onStage(t *testing.T, f func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := world()
		for _, tenant := range w.Tenants {
			tenant.CountConsumed()
		}
		s := &stage{sim: cippsim.New(w, cippsim.Options{Role: "editor"}), store: &memory{}}
		conf := cipp.Defaults()
		conf.URL, conf.TenantID = "https://cipp-api.example.net", s.sim.World().PartnerTenant.CustomerID
		conf.ClientID, conf.ClientSecret = s.sim.Options().ClientID, secret.New(s.sim.Options().ClientSecret)
		conf.Rate.PerSecond, conf.Rate.Burst = 100, 100
		c, err := cipp.New(conf, cipp.Options{Log: zerolog.Nop(), Transport: s.sim.Transport(), Operate: true})
		if err != nil {
			t.Fatal(err)
		}
		s.player = &playbook.Runner{Admin: admin.New(c, admin.Options{}), Store: s.store, Price: func(_ directory.Tenant, sku string) (decimal.Decimal, bool) {
			return decimal.RequireFromString("22.00"), sku == premium
		}}
		f(t, s)
		if c := s.sim.Complaints(); len(c) > 0 {
			t.Errorf("CIPP was used carelessly: %q", c)
		}
	})
}

func (s *stage) plan(t *testing.T, kind playbook.Kind, csv string) (*playbook.Plan, error) {
	t.Helper()
	table, err := playbook.Parse(kind, strings.NewReader(csv))
	if err != nil {
		t.Fatal(err)
	}
	return s.player.Plan(t.Context(), table)
}

// play plans and runs, and returns the outcomes as "who: state".
func (s *stage) play(t *testing.T, kind playbook.Kind, table string) ([]string, []playbook.Outcome) {
	t.Helper()
	plan, err := s.plan(t, kind, table)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.player.Run(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	return told(out), out
}

func told(out []playbook.Outcome) []string {
	var all []string
	for _, o := range out {
		all = append(all, o.Item.Who+": "+o.State)
	}
	return all
}

func (s *stage) user(upn string) *cippsim.User {
	for _, t := range s.sim.World().Tenants {
		if u := t.User(upn); u != nil {
			return u
		}
	}
	return nil
}

func TestATableIsReadStrictly(t *testing.T) {
	for _, tc := range []struct {
		name, table string
		kind        playbook.Kind
		want        string
	}{
		{"an unknown column", "tenant,user,state,colour\n", playbook.MFA, "line 1: colour: is no column of this playbook; these are: tenant*, user*, state*"},
		{"a column twice", "tenant,user,state,User\na,b,enabled,c\n", playbook.MFA, "line 1: User: stands there twice"},
		{"a missing column", "tenant,user\na,b\n", playbook.MFA, "line 1: state: is missing"},
		{"an empty cell that must be filled", "tenant,user,state\na,,enabled\n", playbook.MFA, "line 2: user: is empty"},
		{"a state that is none", "tenant,user,state\na,b,on\n", playbook.MFA, `line 2: state: "on" is no state; write disabled, enabled or enforced`},
		{"the same twice", "tenant,user,state\na,b,enabled\nA,B,enforced\n", playbook.MFA, "line 3: says the same as line 2"},
		{"a cell below no column", "tenant,user,state\na,b,enabled,more\n", playbook.MFA, `line 2: there is a cell ("more") below no column; is a sign that parts cells missing its quotes?`},
		{"neither yes nor no", "tenant,user,delete_user\na,b,maybe\n", playbook.Offboard, `line 2: delete_user: "maybe" is neither yes nor no`},
		{"a time that is none", "tenant,user,at\na,b,tomorrow\n", playbook.Offboard, `line 2: at: "tomorrow" is no time; write one like 2026-12-01 18:00 or 2026-12-01T18:00:00Z`},
		{"a user name that is none", "tenant,upn\na,b\n", playbook.Onboard, `line 2: upn: "b" is no user name; write name@domain`},
		{"a calendar without rights", "tenant,upn,calendars\na,b@c.example,ada\n", playbook.Onboard, `line 2: calendars: "ada" is no calendar with rights; write user:Editor`},
		{"nothing below the header", "tenant,user,state\n\n,,\n", playbook.MFA, "the file has no line below its header"},
		{"nothing at all", "", playbook.MFA, "the file has no header; these are its columns: tenant*, user*, state*"},
		{"another encoding", "tenant,user,state\na,\xe4,enabled\n", playbook.MFA, `line 2: a letter is not in UTF-8: save the file as "CSV UTF-8", not as plain "CSV"`},
		{"everything that is wrong at once", "tenant,user,state\na,,on\n,b,enabled\n", playbook.MFA, "line 2: user: is empty\nline 2: state: \"on\" is no state; write disabled, enabled or enforced\nline 3: tenant: is empty"},
	} {
		_, err := playbook.Parse(tc.kind, strings.NewReader(tc.table))
		if _, ok := errors.AsType[*mapping.ImportError](err); !ok || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
		}
	}
	for name, table := range map[string]string{
		"commas": "tenant,user,state\na,\"b, c\",enabled\n", "semicolons and a byte order mark": "\ufeffTenant;User;State\r\na;b, c;enabled\r\n", "tabs": "state\tuser\ttenant\nenabled\tb, c\ta\n",
	} {
		table, err := playbook.Parse(playbook.MFA, strings.NewReader(table))
		if err != nil || len(table.Lines) != 1 || table.Lines[0].Get("user") != "b, c" || table.Lines[0].N != 2 || len(table.Digest()) != 12 {
			t.Errorf("%s: got %+v and %v, want one line", name, table, err)
		}
	}
}

const newcomers = `tenant,upn,given_name,surname,usage_location,licences,groups,mailboxes,calendars,mfa
Fabrikam Dental,nora@dental.example,Nora,Vik,DE,SPB,Reception,desk@dental.example,ada@dental.example:Reviewer,enforced
bakery.example,ole@bakery.example,Ole,Lund,NO,SPB,,,,
`

func TestOnboardingDoesEverythingAndSaysWhatItCosts(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		plan, err := s.plan(t, playbook.Onboard, newcomers)
		if err != nil {
			t.Fatal(err)
		}
		if sum, unknown := plan.Monthly(); len(plan.Items) != 5 || sum.String() != "44" || unknown != 0 || plan.Empty() {
			t.Errorf("got %d items for %s a month with %d unknown, want 5 for 44", len(plan.Items), sum, unknown)
		}
		if len(s.sim.Requests()) == 0 || s.sim.Count("AddUser") != 0 {
			t.Error("planning wrote something")
		}
		out, err := s.player.Run(t.Context(), plan)
		want := []string{"nora@dental.example: done", "nora@dental.example: done", "nora@dental.example: done", "nora@dental.example: done", "ole@bakery.example: done"}
		if got := told(out); err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %q and %v, want %q: %+v", got, err, want, out)
		}
		nora, dental := s.user("nora@dental.example"), s.sim.World().Tenant(dentalID)
		if !slices.Equal(nora.Licences, []string{premium}) || nora.PerUserMFA != "enforced" || len(dental.Groups[0].Members) != 1 ||
			len(dental.Mailboxes[2].Delegates) != 1 || len(dental.Mailboxes[0].Calendar) != 1 {
			t.Errorf("got %+v, want licence, MFA, group, mailbox and calendar", nora)
		}
		if out[0].Result.Password.Reveal() != nora.Password {
			t.Error("the password is not in the outcome")
		}
		kept, _ := json.Marshal(s.store.all)
		if seen := string(kept) + fmt.Sprintf("%+v", out); strings.Contains(seen, nora.Password) {
			t.Errorf("the password shows in %s", seen)
		}
		again, _ := s.play(t, playbook.Onboard, newcomers)
		if s.sim.Count("AddUser") != 2 || strings.Count(strings.Join(again, ","), "before") != 5 {
			t.Errorf("got %q and %d accounts made, want nothing done twice", again, s.sim.Count("AddUser"))
		}
	})
}

func TestOneWrongLineStopsEverything(t *testing.T) {
	const head = "tenant,upn,display_name,usage_location,licences,groups,manager,mailboxes\n"
	const good = "dental.example,nora@dental.example,Nora,DE,SPB,,,\n"
	for _, tc := range []struct{ name, line, want string }{
		{"an unknown tenant", "contoso.example,a@dental.example,A,,,,,\n", `line 3: tenant: there is no tenant "contoso.example"`},
		{"a name that is taken", "dental.example,ada@dental.example,A,,,,,\n", "line 3: ada@dental.example is taken"},
		{"an unknown group", "dental.example,a@dental.example,A,,,Receptoin,,\n", `line 3: there is no group "Receptoin"; did you mean Reception`},
		{"an unknown mailbox", "dental.example,a@dental.example,A,,,,,nobody@dental.example\n", `line 3: mailboxes: there is no user "nobody@dental.example"`},
		{"an unknown manager", "dental.example,a@dental.example,A,,,,nobody,\n", `line 3: the manager: there is no user "nobody"`},
		{"more licences than are free", "dental.example,a@dental.example,A,DE,SPB,,,\ndental.example,b@dental.example,B,DE,SPB,,,\n", "line 4: no Microsoft 365 Business Premium is left in Fabrikam Dental for b@dental.example"},
		{"the same person under two names of the tenant", "Fabrikam Dental,nora@dental.example,Nora,DE,,,,\n", "line 3: the same is asked for in another line"},
	} {
		onStage(t, func(t *testing.T, s *stage) {
			_, err := s.plan(t, playbook.Onboard, head+good+tc.line)
			if bad, ok := errors.AsType[*mapping.ImportError](err); !ok || !strings.HasPrefix(bad.Problems[0].String(), tc.want) {
				t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
			}
			if s.user("nora@dental.example") != nil {
				t.Errorf("%s: the good line was carried out", tc.name)
			}
		})
	}
}

func TestWhatFailsIsTriedAgainAndWhatNeededItIsLeftOut(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Refused: map[string]string{"AddUser": "Failed to create user. Error: throttled"}}})
		got, _ := s.play(t, playbook.Onboard, newcomers)
		want := []string{"nora@dental.example: failed", "nora@dental.example: skipped", "nora@dental.example: skipped", "nora@dental.example: skipped", "ole@bakery.example: failed"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		s.sim.Heal()
		got, _ = s.play(t, playbook.Onboard, newcomers)
		if strings.Count(strings.Join(got, ","), "done") != 5 {
			t.Errorf("got %q, want all done the second time", got)
		}
	})
}

func TestWhatFailsWithinANewAccountIsMadeUpFor(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		// Licence and group fail within AddUser's 200, and go by themselves.
		s.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Partial: true}})
		got, out := s.play(t, playbook.Onboard, newcomers)
		nora := s.user("nora@dental.example")
		if strings.Count(strings.Join(got, ","), ": done") != 5 || nora == nil || !slices.Equal(nora.Licences, []string{premium}) || out[0].Result.Password.Reveal() != nora.Password {
			t.Fatalf("got %q (%v) and %+v, want Nora with everything and her password", got, out[0].Err, nora)
		}
		w := s.sim.World()
		if g := w.Tenant(dentalID).Group("Reception"); !slices.Contains(g.Members, nora.ID) {
			t.Error("Nora is not in the group")
		}
	})
}

func TestAnAccountThatLacksSomethingIsFinishedLater(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Partial: true, Refused: map[string]string{"ExecBulkLicense": "Failed to assign licenses: throttled"}}})
		got, out := s.play(t, playbook.Onboard, newcomers)
		want := []string{"nora@dental.example: failed", "nora@dental.example: done", "nora@dental.example: done", "nora@dental.example: done", "ole@bakery.example: failed"}
		if !slices.Equal(got, want) || out[0].Result.Password.Empty() || !strings.Contains(out[0].Err.Error(), "throttled") {
			t.Fatalf("got %q (%v), want what needs the account done, and the password", got, out[0].Err)
		}
		s.sim.Heal()
		for _, want := range []string{"done", "before"} {
			if got, out = s.play(t, playbook.Onboard, newcomers); got[0] != "nora@dental.example: "+want {
				t.Errorf("got %q (%v), want %s", got, out[0].Err, want)
			}
		}
		if nora := s.user("nora@dental.example"); !slices.Equal(nora.Licences, []string{premium}) || s.sim.Count("AddUser") != 2 {
			t.Errorf("got %q after %d calls of AddUser, want the licence and no other account", nora.Licences, s.sim.Count("AddUser"))
		}
	})
}

func TestAPasswordThatWasLostIsSaid(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.sim.Fail(cippsim.Rule{Endpoint: "AddUser", Times: 1, Fault: cippsim.Fault{Kind: cippsim.CutBody}})
		s.player.Concurrency = 1
		got, out := s.play(t, playbook.Onboard, newcomers)
		if got[0] != "nora@dental.example: unsure" || !strings.Contains(out[0].Err.Error(), "set another") || strings.Count(strings.Join(got, ","), "done") != 4 {
			t.Errorf("got %q (%v), want Nora unsure and the rest done", got, out[0].Err)
		}
	})
}

func TestAPlanShowsWhatAnAccountWillHave(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		plan, err := s.plan(t, playbook.Onboard, "tenant,upn,display_name,usage_location,licences,groups,manager\ndental.example,nora@dental.example,Nora,DE,SPB;SPE_E3,Reception,ada@dental.example\n")
		if err != nil {
			t.Fatal(err)
		}
		if what := plan.Items[0].What; !strings.HasSuffix(what, "; licences SPB, SPE_E3; groups Reception; manager ada@dental.example") {
			t.Errorf("got %q, want licences, group and manager in it", what)
		}
	})
}

func TestALineThatIsTooShortIsRefused(t *testing.T) {
	_, err := playbook.Parse(playbook.MFA, strings.NewReader("tenant,user,state\na.example,b@a.example\n"))
	if err == nil || !strings.Contains(err.Error(), "has 2 cells, and the header 3") {
		t.Errorf("got %v for a line that is too short, want that it is", err)
	}
}

func TestARunThatWasInterruptedIsTakenUp(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		plan, err := s.plan(t, playbook.Onboard, newcomers)
		if err != nil {
			t.Fatal(err)
		}
		s.store.full = 1 // "started" is kept; what became of it is not
		s.player.Concurrency = 1
		if _, err := s.player.Run(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Fatalf("got %v, want the store's error", err)
		}
		if s.user("nora@dental.example") == nil || s.user("ole@bakery.example") != nil {
			t.Fatal("the run did not end with the store")
		}
		s.store.full = 0
		got, out := s.play(t, playbook.Onboard, newcomers)
		want := []string{"nora@dental.example: unsure", "nora@dental.example: done", "nora@dental.example: done", "nora@dental.example: done", "ole@bakery.example: done"}
		if !slices.Equal(got, want) || s.sim.Count("AddUser") != 2 {
			t.Errorf("got %q with %d accounts made, want %q with 2: %v", got, s.sim.Count("AddUser"), want, out[0].Err)
		}
	})
}

const leavers = `tenant,user,disable_sign_in,remove_licences,convert_to_shared,forward_to,delete_user
dental.example,max@dental.example,yes,yes,yes,ada@dental.example,no
bakery.example,jo@bakery.example,yes,no,no,,yes
`

func TestOffboardingsAreFollowedSideBySide(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		plan, err := s.plan(t, playbook.Offboard, leavers)
		if err != nil {
			t.Fatal(err)
		}
		if sum, _ := plan.Monthly(); sum.String() != "-22" {
			t.Errorf("got %s a month, want -22", sum)
		}
		begin := time.Now()
		out, err := s.player.Run(t.Context(), plan)
		if got := told(out); err != nil || !slices.Equal(got, []string{"max@dental.example: done", "jo@bakery.example: done"}) || time.Since(begin) > 35*time.Minute {
			t.Errorf("got %q and %v after %s, want both done within two runs of the scheduler, the second for the licences", got, err, time.Since(begin))
		}
		if max := s.user("max@dental.example"); !max.Disabled || len(max.Licences) != 0 || !s.user("jo@bakery.example").Deleted {
			t.Errorf("got %+v, want Max offboarded and Jo deleted", max)
		}
	})
}

func TestAnOffboardingThatWasInterruptedIsNotQueuedTwice(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		plan, err := s.plan(t, playbook.Offboard, leavers)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		if _, err := s.player.Run(ctx, plan); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the deadline", err)
		}
		got, out := s.play(t, playbook.Offboard, leavers)
		if !slices.Equal(got, []string{"max@dental.example: done", "jo@bakery.example: done"}) || s.sim.Count("ExecOffboardUser") != 2 {
			t.Errorf("got %q with %d queued, want both done and 2 queued: %+v", got, s.sim.Count("ExecOffboardUser"), out)
		}
	})
}

func TestLicencesChangeHandsWithinOneBook(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.sim.Update(func(w *cippsim.World) { w.Tenants[0].SKUs[0].Enabled = 2 }) // all of them in use
		const table = "tenant;user;action;licence;to\n" +
			"dental.example;ada@dental.example;swap;SPB;SPE_E3\n" +
			"dental.example;desk@dental.example;assign;Microsoft 365 Business Premium;\n" +
			"dental.example;max@dental.example;assign;SPB;\n" +
			"dental.example;desk@dental.example;remove;SPE_E3;\n"
		plan, err := s.plan(t, playbook.Licences, table)
		if err != nil {
			t.Fatal(err)
		}
		if sum, unknown := plan.Monthly(); unknown != 1 || !sum.IsZero() {
			t.Errorf("got %s a month and %d unknown, want nothing but for one E3 without a price", sum, unknown)
		}
		out, err := s.player.Run(t.Context(), plan)
		want := []string{"ada@dental.example: done", "desk@dental.example: done", "max@dental.example: already", "desk@dental.example: already"}
		if got := told(out); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q and %v, want %q", got, err, want)
		}
		if !slices.Equal(s.user("ada@dental.example").Licences, []string{e3}) || !slices.Equal(s.user("desk@dental.example").Licences, []string{premium}) {
			t.Errorf("got %q and %q, want E3 for Ada and Premium for the desk", s.user("ada@dental.example").Licences, s.user("desk@dental.example").Licences)
		}
	})
}

func TestANameThatMeansSomebodyElseByNowIsLeftAlone(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		plan, err := s.plan(t, playbook.Offboard, leavers)
		if err != nil {
			t.Fatal(err)
		}
		s.sim.Update(func(w *cippsim.World) {
			w.Tenants[0].Users[1].UPN = "former.max@dental.example"
			w.Tenants[0].Users[2].UPN = "max@dental.example"
		})
		out, err := s.player.Run(t.Context(), plan)
		if got := told(out); err != nil || got[0] != "max@dental.example: failed" || s.user("max@dental.example").Disabled {
			t.Errorf("got %q and %v, want the new max left alone", got, err)
		}
	})
}

func TestTwoLinesMayNotPullAtOneLicence(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		_, err := s.plan(t, playbook.Licences, "tenant,user,action,licence,to\ndental.example,ada@dental.example,swap,SPB,SPE_E3\nFabrikam Dental,Ada Berg,remove,Microsoft 365 Business Premium,\n")
		if err == nil || err.Error() != "line 3: licence: line 2 changes Microsoft 365 Business Premium of ada@dental.example too" {
			t.Errorf("got %v, want that line 3 contradicts line 2", err)
		}
	})
}

func TestMFAIsSetForWhomTheBookNames(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		got, _ := s.play(t, playbook.MFA, "tenant,user,state\ndental.example,Ada Berg,enforced\nbakery.example,jo@bakery.example,enabled\n")
		if !slices.Equal(got, []string{"ada@dental.example: done", "jo@bakery.example: done"}) || s.user("ada@dental.example").PerUserMFA != "enforced" {
			t.Errorf("got %q and %q, want both done", got, s.user("ada@dental.example").PerUserMFA)
		}
	})
}

func TestAPolicyNamesWhoIsNotProtected(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		s.sim.Update(func(w *cippsim.World) {
			d := w.Tenants[0]
			d.Users[0].CoveredByCA = "Enforced - All Apps"
			d.Users = append(d.Users,
				&cippsim.User{UPN: "breakglass-1@dental.example", Licences: []string{premium}, Admin: true},
				&cippsim.User{UPN: "gone@dental.example", Licences: []string{premium}, Disabled: true},
				&cippsim.User{UPN: "lee_x.example#EXT#@dental.onmicrosoft.com", Licences: []string{premium}, Guest: true})
		})
		s.sim.RefreshCache()
		report, err := s.player.Admin.MFAReport(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			name   string
			policy playbook.MFAPolicy
			want   string
		}{
			{"licensed people", playbook.MFAPolicy{State: "enforced", Exclude: []string{"BreakGlass-*@*"}}, "tenant,user,state\ndental.example,max@dental.example,enforced\n"},
			{"administrators", playbook.MFAPolicy{State: "enabled", AdminsOnly: true}, "tenant,user,state\ndental.example,breakglass-1@dental.example,enabled\n"},
			{"everybody", playbook.MFAPolicy{State: "enabled", Unlicensed: true, Exclude: []string{"*@dental.example"}}, "tenant,user,state\nbakery.example,admin@bakery.example,enabled\nbakery.example,jo@bakery.example,enabled\n"},
		} {
			table, err := tc.policy.Table(report)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := table.WriteCSV(&b); err != nil || b.String() != tc.want {
				t.Errorf("%s: got %q and %v, want %q", tc.name, b.String(), err, tc.want)
			}
			again, err := playbook.Parse(playbook.MFA, strings.NewReader(b.String()))
			if err != nil || again.Digest() != table.Digest() {
				t.Errorf("%s: read back it is another book: %v", tc.name, err)
			}
		}
		if _, err := (playbook.MFAPolicy{State: "disabled"}).Table(report); err == nil {
			t.Error("a policy that takes protection away was taken")
		}
	})
}
