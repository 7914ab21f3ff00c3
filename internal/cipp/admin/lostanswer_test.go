package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/rest"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
)

func TestAPasswordThatDidNotComeIsNoSuccess(t *testing.T) {
	create := func(f *fixture) (admin.Step, error) {
		return f.admin.CreateUser(f.t.Context(), f.tenant(), admin.NewUser{UPN: "nora.vik@fabrikamdental.example", DisplayName: "Nora Vik"})
	}
	reset := func(f *fixture) (admin.Step, error) {
		return f.admin.ResetPassword(f.t.Context(), f.tenant(), ada, true)
	}
	for _, tc := range []struct {
		name     string
		endpoint string
		make     func(*fixture) (admin.Step, error)
		set      func(*fixture)
		seen     bool
		want     string
	}{
		{"a new account whose answer broke off", "AddUser", create, func(f *fixture) { f.loseAnswer("AddUser", cippsim.CutBody) }, true, "nobody knows it; set another"},
		{"a new account that never arrived", "AddUser", create, func(f *fixture) { f.loseAnswer("AddUser", cippsim.Dropped) }, false, "whether it was done is not known"},
		{"a reset whose answer broke off", "ExecResetPass", reset, func(f *fixture) { f.loseAnswer("ExecResetPass", cippsim.CutBody) }, true, "nobody knows it; set another"},
		{"a reset that never arrived", "ExecResetPass", reset, func(f *fixture) { f.loseAnswer("ExecResetPass", cippsim.Dropped) }, false, "whether it was done is not known"},
		{"an answer that is empty", "ExecResetPass", reset, func(f *fixture) { f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Silent: true}}) }, true, "nobody knows it; set another"},
	} {
		withFixture(t, func(t *testing.T, f *fixture) {
			s, err := tc.make(f)
			if err != nil {
				t.Fatal(err)
			}
			tc.set(f)
			out, err := f.admin.Run(t.Context(), s)
			lost, ok := errors.AsType[*admin.PasswordLostError](err)
			if !ok || lost.Seen != tc.seen || !errors.Is(err, rest.ErrOutcomeUnknown) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want that the password is lost, seen %v", tc.name, err, tc.seen)
			}
			if !out.Password.Empty() || out.Verified != tc.seen || f.sim.Count(tc.endpoint) != 1 {
				t.Errorf("%s: got %+v after %d calls", tc.name, out, f.sim.Count(tc.endpoint))
			}
		})
	}
}

// loseAnswer makes one call to an endpoint end without its answer.
func (f *fixture) loseAnswer(endpoint string, kind cippsim.FaultKind) {
	f.sim.Fail(cippsim.Rule{Endpoint: endpoint, Fault: cippsim.Fault{Kind: kind}})
}

func TestAPasswordThatWasChosenIsNotLostWithTheAnswer(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.CreateUser(t.Context(), f.tenant(), admin.NewUser{UPN: "nora.vik@fabrikamdental.example", DisplayName: "Nora Vik", Password: secret.New("Correct-Horse-9")})
		if err != nil {
			t.Fatal(err)
		}
		f.loseAnswer("AddUser", cippsim.CutBody)
		out, err := f.admin.Run(t.Context(), s)
		if err != nil || !out.Verified || out.Password.Reveal() != "Correct-Horse-9" {
			t.Errorf("got %+v and %v, want it done with the password that was chosen", out, err)
		}
	})
}

func TestAResetThatCannotBeReadBackIsCIPPsWord(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.Update(func(w *cippsim.World) { w.Tenants[0].NoPasswordDates = true })
		s, err := f.admin.ResetPassword(t.Context(), f.tenant(), ada, true)
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.admin.Run(t.Context(), s)
		if err != nil || out.Verified || out.Password.Reveal() != f.user(ada).Password {
			t.Errorf("got %+v and %v, want the password and that nothing was read back", out, err)
		}
		f.loseAnswer("ExecResetPass", cippsim.CutBody)
		s, err = f.admin.ResetPassword(t.Context(), f.tenant(), ada, true)
		if err != nil {
			t.Fatal(err)
		}
		out, err = f.admin.Run(t.Context(), s)
		if lost, ok := errors.AsType[*admin.PasswordLostError](err); !ok || lost.Seen || out.Verified {
			t.Errorf("got %+v and %v, want that nobody knows", out, err)
		}
	})
}

func TestAPasswordIsReportedBeforeAnythingIsReadBack(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		var word secret.String
		var told time.Time
		begin := time.Now()
		a := admin.New(newCaller(t, f.sim), admin.Options{OnPassword: func(s admin.Step, w secret.String) {
			if word, told = w, time.Now(); s.Endpoint != "AddUser" {
				t.Errorf("told of %s, want AddUser", s.Endpoint)
			}
		}})
		f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Lag: time.Hour}})
		s, err := a.CreateUser(t.Context(), f.tenant(), admin.NewUser{UPN: "nora.vik@fabrikamdental.example", DisplayName: "Nora Vik"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("somebody pressed Ctrl-C"))
		defer cancel()
		out, err := a.Run(ctx, s)
		u := f.user("nora.vik@fabrikamdental.example")
		if err == nil || word.Reveal() != u.Password || out.Password.Reveal() != u.Password || told.Sub(begin) > 5*time.Second {
			t.Errorf("got %v, told after %s, want the password at once and in the result of what was interrupted", err, told.Sub(begin))
		}
	})
}

func TestWhatCanNeverBeIsWrongUsage(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		ctx, tenant := t.Context(), f.tenant()
		of := func(s admin.Step, err error) error { return err }
		several := func(s []admin.Step, err error) error { return err }
		table := func(s admin.Table, err error) error { return err }
		for name, err := range map[string]error{
			"a country that is none":           of(f.admin.EditUser(ctx, tenant, ada, map[string]string{"usageLocation": "Germany"})),
			"an attribute that is none":        of(f.admin.EditUser(ctx, tenant, ada, map[string]string{"bogus": "1"})),
			"no manager":                       of(f.admin.EditUser(ctx, tenant, ada, map[string]string{"manager": ""})),
			"a manager of itself":              of(f.admin.EditUser(ctx, tenant, ada, map[string]string{"manager": ada})),
			"a domain of somebody else":        of(f.admin.CreateUser(ctx, tenant, admin.NewUser{UPN: "a@elsewhere.example", DisplayName: "A"})),
			"no name":                          of(f.admin.CreateUser(ctx, tenant, admin.NewUser{UPN: "a@fabrikamdental.example"})),
			"digits for a country":             of(f.admin.CreateUser(ctx, tenant, admin.NewUser{UPN: "a@fabrikamdental.example", DisplayName: "A", Location: "12"})),
			"a state of MFA that is none":      of(f.admin.SetMFA(ctx, tenant, ada, "on")),
			"a kind of mailbox that is none":   of(f.admin.ConvertMailbox(ctx, tenant, ada, "Bogus")),
			"rights in calendars":              of(f.admin.GrantCalendar(ctx, tenant, ada, kern, "Bogus", false)),
			"an alias set and removed":         several(f.admin.EditTenant(ctx, tenant, admin.TenantEdit{Alias: "x", RemoveAlias: true})),
			"out of a dynamic group":           several(f.admin.EditTenant(ctx, tenant, admin.TenantEdit{RemoveGroups: []string{autoID}})),
			"into a dynamic group":             several(f.admin.EditTenant(ctx, tenant, admin.TenantEdit{AddGroups: []string{autoID}})),
			"a severity that is none":          table(f.admin.Logs(ctx, admin.LogFilter{Severity: []string{"Blah"}})),
			"an offboarding in the past":       of(f.admin.Offboard(ctx, tenant, kern, admin.Offboarding{DisableSignIn: true, At: time.Now().AddDate(-6, 0, 0)})),
			"…also under a name of its own":    of(f.admin.Offboard(ctx, tenant, kern, admin.Offboarding{DisableSignIn: true, Reference: "x", At: time.Now().AddDate(-6, 0, 0)})),
			"an offboarding that does nothing": of(f.admin.Offboard(ctx, tenant, kern, admin.Offboarding{})),
		} {
			if !errors.Is(err, cipp.ErrMisuse) {
				t.Errorf("%s: got %v, want wrong usage", name, err)
			}
		}
		if f.writes() != 0 {
			t.Errorf("got %d writes, want none", f.writes())
		}
	})
}

func TestAnOffboardingWhoseTimeHasComeIsStillFound(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		o := admin.Offboarding{DisableSignIn: true, Reference: "leavers.csv line 2", At: time.Now().Add(time.Hour)}
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.admin.Run(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := f.admin.Offboard(t.Context(), f.tenant(), kern, o); err != nil || f.sim.Count("ExecOffboardUser") != 1 {
			t.Errorf("got %v after %d calls, want the task of the earlier attempt", err, f.sim.Count("ExecOffboardUser"))
		}
	})
}

func TestAnAliasLikeMicrosoftsNameIsNone(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.careless = []string{"no tenantAlias"}
		steps, err := f.admin.EditTenant(t.Context(), f.tenant(), admin.TenantEdit{Alias: "Fabrikam Dental GmbH"})
		if err != nil {
			t.Fatal(err)
		}
		if out := f.run(steps[0], nil); out.After.Get("alias") != "" || f.dental().DisplayName != "Fabrikam Dental GmbH" || f.dental().SameAlias {
			t.Errorf("got %s, want the tenant under Microsoft's name without an alias", out.After)
		}
		bakery := f.named(bakeryID)
		steps, err = f.admin.EditTenant(t.Context(), bakery, admin.TenantEdit{Alias: "Northwind"})
		if err != nil {
			t.Fatal(err)
		}
		if out := f.run(steps[0], nil); !out.Already || f.sim.Count("EditTenant") != 1 {
			t.Errorf("got %+v after %d calls, want that it is so already", out, f.sim.Count("EditTenant"))
		}
	})
}

func TestAnEditShowsWhatIsSent(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.AssignLicences(t.Context(), f.tenant(), desk, premium)
		if err != nil {
			t.Fatal(err)
		}
		if list, ok := s.Body.([]any); !ok || len(list) != 1 || !strings.Contains(text(list), `"tenantFilter":"fabrikamdental.example"`) {
			t.Errorf("got %s, want a list of one with the tenant", text(s.Body))
		}
		s, err = f.admin.DisableUser(t.Context(), f.tenant(), ada)
		if err != nil || member(s, "tenantFilter") != "fabrikamdental.example" {
			t.Errorf("got %s and %v, want the tenant in it", text(s.Body), err)
		}
	})
}

func TestAManagerAndTelephonesAreSet(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.EditUser(t.Context(), f.tenant(), ada, map[string]string{"manager": "Max Kern", "businessPhones": "+49 1, +49 2", "usageLocation": "gb"})
		f.run(s, err)
		if u := f.user(ada); u.ManagerID != f.user(kern).ID || strings.Join(u.BusinessPhones, "|") != "+49 1|+49 2" || u.UsageLocation != "GB" {
			t.Errorf("got %+v, want Max as manager, two telephones and GB", u)
		}
		s, err = f.admin.EditUser(t.Context(), f.tenant(), ada, map[string]string{"manager": kern, "businessPhones": "+49 1,+49 2"})
		if out := f.run(s, err); !out.Already {
			t.Error("what is so was sent again")
		}
		s, err = f.admin.EditUser(t.Context(), f.tenant(), ada, map[string]string{"businessPhones": ""})
		if f.run(s, err); len(f.user(ada).BusinessPhones) != 0 {
			t.Errorf("got %q, want no telephone", f.user(ada).BusinessPhones)
		}
	})
}

func TestACalendarIsOpenedToEverybody(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.GrantCalendar(t.Context(), f.tenant(), ada, "default", "Reviewer", false)
		if f.run(s, err); !strings.Contains(s.Danger, "everybody in the tenant") || s.Before.Get("rights of Default") != "AvailabilityOnly" {
			t.Errorf("got danger %q and before %s, want a word about everybody", s.Danger, s.Before)
		}
		s, err = f.admin.RevokeCalendar(t.Context(), f.tenant(), ada, "Default")
		f.run(s, err)
		if got := f.dental().Mailboxes[0].Calendar; len(got) != 1 || got[0].User != "Default" || got[0].Rights[0] != "None" {
			t.Errorf("got %+v, want None for everybody", got)
		}
	})
}
