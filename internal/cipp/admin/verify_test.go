package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/cipp/admin"
	"syncd/internal/rest"
	cippsim "syncd/internal/simulator/cipp"
)

func TestSuccessIsWhatIsReadBack(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Pretended: []string{"ExecDisableUser"}}})
		s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.admin.Run(t.Context(), s)
		unseen, ok := errors.AsType[*admin.UnverifiedError](err)
		if !ok || unseen.Now.Get("enabled") != "yes" || out.Verified {
			t.Errorf("got %+v and %v, want an UnseenError", out, err)
		}
	})
}

func TestAWriteThatShowsLateIsWaitedFor(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Lag: 4 * time.Minute, GroupLag: 5 * time.Minute}})
		begin := time.Now()
		s, err := f.admin.AssignLicences(t.Context(), f.tenant(), desk, premium)
		if f.run(s, err); time.Since(begin) < 4*time.Minute {
			t.Errorf("it was seen after %s, before it showed", time.Since(begin))
		}
		steps, err := f.admin.EditTenant(t.Context(), f.tenant(), admin.TenantEdit{AddGroups: []string{silverID}})
		if err != nil {
			t.Fatal(err)
		}
		f.run(steps[0], nil)
	})
}

func TestAFailureInA200IsAFailure(t *testing.T) {
	for _, said := range []string{"Failed to do it", "ERROR: no", "Could not do it", "WARNING: AD", "Unable to", "We've failed", "No valid changes", "User x not found in tenant y"} {
		withFixture(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Refused: map[string]string{"ExecDisableUser": said}}})
			s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.admin.Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), said) {
				t.Errorf("%q: got %v, want a failure with that sentence", said, err)
			}
		})
	}
}

func TestAnEmptyAnswerToAWriteIsVerifiedByReadingBack(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Silent: true}})
		s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
		f.run(s, err)
	})
}

func TestAWriteWhoseAnswerIsLostIsNotSentAgain(t *testing.T) {
	for _, tc := range []struct {
		name string
		kind cippsim.FaultKind
		done bool
	}{
		{"it was done, the answer broke off", cippsim.CutBody, true},
		{"it never arrived", cippsim.Dropped, false},
	} {
		withFixture(t, func(t *testing.T, f *fixture) {
			s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
			if err != nil {
				t.Fatal(err)
			}
			f.sim.Fail(cippsim.Rule{Endpoint: "ExecDisableUser", Fault: cippsim.Fault{Kind: tc.kind}})
			out, err := f.admin.Run(t.Context(), s)
			if tc.done && (err != nil || !out.Verified) {
				t.Errorf("%s: got %+v and %v, want it to count as done", tc.name, out, err)
			}
			if !tc.done && !errors.Is(err, rest.ErrOutcomeUnknown) {
				t.Errorf("%s: got %v, want ErrOutcomeUnknown", tc.name, err)
			}
			if got := f.sim.Count("ExecDisableUser"); got != 1 {
				t.Errorf("%s: got %d calls, want 1", tc.name, got)
			}
		})
	}
}

func TestAStepIsMadeByAnOperation(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		if _, err := f.admin.Run(t.Context(), admin.Step{Endpoint: "RemoveUser", Title: "by hand"}); err == nil || f.writes() != 0 {
			t.Errorf("got %v after %d writes, want a refusal", err, f.writes())
		}
		s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
		if err != nil {
			t.Fatal(err)
		}
		s.Endpoint, s.Body = "RemoveUser", map[string]any{}
		if f.run(s, nil); f.sim.Count("RemoveUser") != 0 || !f.user(ada).Disabled {
			t.Error("what is shown of a step changed what is sent")
		}
		steps, err := f.admin.EditTenant(t.Context(), f.tenant(), admin.TenantEdit{AddGroups: []string{silverID}})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range steps[0].Body.(map[string]any)["tenantGroups"].([]any) {
			g.(map[string]any)["groupId"] = "another"
		}
		if f.run(steps[0], nil); len(f.sim.World().TenantGroups[1].Members) != 2 {
			t.Error("what is shown deep within a step changed what is sent")
		}
	})
}

func TestAnOffboardingIsFollowedToItsEnd(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{
			DisableSignIn: true, RevokeSessions: true, RemoveLicences: true, RemoveGroups: true, ConvertToShared: true, HideFromAddressList: true, ResetPassword: true,
			ForwardTo: ada, KeepCopy: true, FullAccess: []string{ada}, OutOfOffice: "I have left.",
		})
		begin := time.Now()
		out := f.run(s, err)
		if took := time.Since(begin); took < time.Minute || took > 50*time.Minute || out.Task == "" {
			t.Errorf("it ended after %s with the task %q, want to have waited for the scheduler", took, out.Task)
		}
		u, m := f.user(kern), f.dental().Mailboxes[1]
		if !u.Disabled || len(u.Licences) != 0 || m.Type != "SharedMailbox" || !m.Hidden || m.ForwardInner != ada || m.OutOfOffice != "I have left." || len(m.Delegates) != 1 {
			t.Errorf("got %+v and %+v, want Max gone", u, m)
		}
		if g := f.dental().Group("Reception"); len(g.Members) != 0 {
			t.Errorf("got %q, want nobody left in the group", g.Members)
		}
		if strings.Contains(text(out), u.Password) {
			t.Errorf("the password nobody should know shows in %s", text(out))
		}
		tasks, err := f.admin.Tasks(t.Context(), nil)
		if err != nil || len(tasks.Rows) != 2 || tasks.Rows[0][2] != "Completed" || tasks.Rows[1][2] != "Completed" {
			t.Errorf("got %q and %v, want both tasks as completed", tasks.Rows, err)
		}
		for _, want := range []string{
			"Successfully completed RevokeSessions for " + kern, "Skipping removal of " + kern + " from group 'Reception' because it has assigned licenses.",
			"Scheduled license removal for " + kern, "Removed Max Kern from license group Reception", "Removed directly assigned licenses for " + kern + ": Microsoft 365 Business Premium",
		} {
			if !slices.ContainsFunc(out.Said, func(s string) bool { return strings.HasPrefix(s, want) }) {
				t.Errorf("got %q, want every step named, %q among them", out.Said, want)
			}
		}
	})
}

func TestAnOffboardingThatFailsIsReportedFromItsTask(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults cippsim.TaskFaults
		state  string
		want   string
		ok     bool
	}{
		{"a step of it fails", cippsim.TaskFaults{Trips: map[string]string{"RevokeSessions": "Failed to execute Revoke-CIPPSessions : throttled"}}, "Completed", `"Offboarding: ` + kern + `"`, false},
		{"several do", cippsim.TaskFaults{Trips: map[string]string{"RevokeSessions": "Failed to execute Revoke-CIPPSessions : throttled", "DisableSignIn": "Could not do it"}}, "Completed",
			"Failed to execute Revoke-CIPPSessions : throttled · Could not do it", false},
		{"removing the licences fails, in a task of its own", cippsim.TaskFaults{Trips: map[string]string{"Remove-CIPPLicense": "Could not remove license for x. Error: throttled"}}, "Completed",
			`"Remove License: ` + kern + `"`, false},
		{"access is denied", cippsim.TaskFaults{Trips: map[string]string{"RevokeSessions": "Access denied"}}, "Completed", "Access denied", false},
		{"all of it fails", cippsim.TaskFaults{Fails: "the tenant is gone"}, "Failed", "the tenant is gone", false},
		{"it is never begun", cippsim.TaskFaults{Stalled: true}, "Planned", "still planned", false},
		{"it is not listed but done", cippsim.TaskFaults{Unlisted: true}, "", "", true},
	} {
		withFixture(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(cippsim.Faults{Tasks: tc.faults})
			s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{DisableSignIn: true, RevokeSessions: true, RemoveLicences: true})
			if err != nil {
				t.Fatal(err)
			}
			out, err := f.admin.Run(t.Context(), s)
			failed, isTask := errors.AsType[*admin.TaskError](err)
			switch {
			case tc.ok && (err != nil || !out.Verified):
				t.Errorf("%s: got %+v and %v, want it to be seen in the user", tc.name, out, err)
			case !tc.ok && (!isTask || failed.State != tc.state || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%s: got %v, want the state %q and %q", tc.name, err, tc.state, tc.want)
			}
		})
	}
}

func TestAScheduledOffboardingIsNotWaitedFor(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		at := time.Now().Add(72 * time.Hour)
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{DisableSignIn: true, At: at})
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.admin.Run(t.Context(), s)
		if err != nil || out.Verified || out.Task == "" || f.user(kern).Disabled {
			t.Errorf("got %+v and %v, want a task that is planned", out, err)
		}
	})
}

func TestAnOffboardingIsRefusedBeforeItIsQueued(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		for name, o := range map[string]admin.Offboarding{
			"nothing to do":                   {},
			"to itself":                       {ForwardTo: kern},
			"to nobody":                       {ForwardTo: "nobody@fabrikamdental.example"},
			"set and ended at once":           {ForwardTo: ada, EndForwarding: true},
			"access for one who is not there": {FullAccess: []string{"nobody"}},
		} {
			if _, err := f.admin.Offboard(t.Context(), f.tenant(), kern, o); err == nil {
				t.Errorf("%s: was taken", name)
			}
		}
		if f.writes() != 0 {
			t.Errorf("got %d writes, want none", f.writes())
		}
	})
}

func TestFollowingEndsWithTheContext(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{DisableSignIn: true})
		if err != nil {
			t.Fatal(err)
		}
		why := errors.New("the operator went home")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Minute, why)
		defer cancel()
		if _, err := f.admin.Run(ctx, s); !errors.Is(err, why) {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}

func TestARefusedRoleIsDistinguishedFromAFailingTenant(t *testing.T) {
	for _, tc := range []struct {
		name  string
		set   func(f *fixture)
		check func(err error) bool
		want  string
	}{
		{
			"the built-in role lacks the permission",
			func(f *fixture) { f.sim.Update(func(w *cippsim.World) { w.Clients[0].Role = "readonly" }) },
			func(err error) bool {
				e, ok := errors.AsType[*cipp.RightsError](err)
				return ok && e.Permission == "Identity.User.ReadWrite" && e.Role == "readonly"
			}, "a RightsError that names Identity.User.ReadWrite",
		},
		{
			"a custom role blocks the endpoint",
			func(f *fixture) {
				f.sim.Update(func(w *cippsim.World) {
					w.Clients[0].Role = "desk"
					w.Roles = []*cippsim.Role{{Name: "desk", Permissions: []string{"CIPP.Core.Read", "Identity.User.ReadWrite"}, BlockedEndpoints: []string{"ExecDisableUser"}}}
				})
			},
			func(err error) bool {
				e, ok := errors.AsType[*cipp.RightsError](err)
				return ok && strings.Contains(e.Remedy(), "blocked endpoints")
			}, "a RightsError about the blocked endpoint",
		},
		{
			"the role is for other tenants",
			func(f *fixture) {
				f.sim.Update(func(w *cippsim.World) {
					w.Clients[0].Role = "desk"
					w.Roles = []*cippsim.Role{{Name: "desk", Permissions: []string{"CIPP.Core.Read", "Identity.User.ReadWrite"}, AllowedTenants: []string{bakeryID}}}
				})
			},
			func(err error) bool {
				e, ok := errors.AsType[*cipp.TenantError](err)
				return ok && strings.Contains(e.Remedy, "role of the API client")
			}, "a TenantError about the role",
		},
		{
			"the tenant does not let CIPP in",
			func(f *fixture) {
				f.sim.SetTenantFaults(dentalID, cippsim.TenantFaults{GraphError: "AADSTS65001: consent has not been given"})
			},
			func(err error) bool {
				e, ok := errors.AsType[*cipp.TenantError](err)
				_, rights := errors.AsType[*cipp.RightsError](err)
				return ok && !rights && strings.Contains(e.Remedy, "GDAP")
			}, "a TenantError about GDAP",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			withFixture(t, func(t *testing.T, f *fixture) {
				s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
				if err != nil {
					t.Fatal(err)
				}
				tc.set(f)
				if _, err := f.admin.Run(t.Context(), s); !tc.check(err) {
					t.Errorf("got %v, want %s", err, tc.want)
				}
				if f.user(ada).Disabled {
					t.Error("Ada was disabled all the same")
				}
			})
		})
	}
}

func TestATaskThatFailedIsListedLikeAnyOther(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.Update(func(w *cippsim.World) {
			w.Tasks = []*cippsim.Task{
				{Name: "Nightly", Tenant: "fabrikamdental.example", Command: "Get-CIPPSomething", State: "Completed", Results: []string{"Failed to read it"}},
				{Name: "Reset", Tenant: "fabrikamdental.example", Command: "Set-CIPPResetPassword", State: "Completed", Results: []string{"Successfully reset the password for Ada. The new password is Hush-123!"}},
			}
		})
		dental := f.tenant()
		got, err := f.admin.Tasks(t.Context(), &dental)
		if err != nil || len(got.Rows) != 2 || !strings.Contains(text(got), "Failed to read it") {
			t.Errorf("got %q and %v, want both tasks", got.Rows, err)
		}
		if strings.Contains(text(got), "Hush-123") {
			t.Errorf("the password shows: %s", text(got))
		}
	})
}

func TestWhoIsMissingFromAListOfAllIsNoted(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetTenantFaults(bakeryID, cippsim.TenantFaults{NoRows: true})
		got, err := f.admin.MFAReport(t.Context(), nil)
		if err != nil || !strings.Contains(got.Note, "northwind.example") {
			t.Errorf("got the note %q and %v, want the bakery in it", got.Note, err)
		}
	})
}

func TestALostAnswerToAnOffboardingIsDecidedByItsTask(t *testing.T) {
	for name, kind := range map[string]cippsim.FaultKind{"it was queued": cippsim.CutBody, "it never arrived": cippsim.Dropped} {
		withFixture(t, func(t *testing.T, f *fixture) {
			s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{DisableSignIn: true})
			if err != nil {
				t.Fatal(err)
			}
			f.sim.Fail(cippsim.Rule{Endpoint: "ExecOffboardUser", Fault: cippsim.Fault{Kind: kind}})
			out, err := f.admin.Run(t.Context(), s)
			if arrived := kind == cippsim.CutBody; arrived != (err == nil && out.Verified) || !arrived && !errors.Is(err, rest.ErrOutcomeUnknown) {
				t.Errorf("%s: got %+v and %v", name, out, err)
			}
			if got := f.sim.Count("ExecOffboardUser"); got != 1 {
				t.Errorf("%s: got %d calls, want 1", name, got)
			}
		})
	}
}

func TestAnOffboardingOfAnEarlierAttemptIsFollowedAndNotQueuedAgain(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		o := admin.Offboarding{DisableSignIn: true, Reference: "leavers.csv line 2"}
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.admin.Run(ctx, s); err == nil {
			t.Fatal("it ended before the scheduler ran")
		}
		s, err = f.admin.Offboard(t.Context(), f.tenant(), kern, o)
		if f.run(s, err); f.sim.Count("ExecOffboardUser") != 1 {
			t.Errorf("got %d calls, want 1", f.sim.Count("ExecOffboardUser"))
		}
	})
}

func TestTheLogbookListsOurWritesByTenantAndDay(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
		f.run(s, err)
		s, err = f.admin.DisableUser(t.Context(), f.named(bakeryID), "admin@northwind.example")
		f.run(s, err)
		dental := f.tenant()
		for _, tc := range []struct {
			name   string
			filter admin.LogFilter
			rows   int
		}{
			{"today", admin.LogFilter{}, 2},
			{"one tenant", admin.LogFilter{Tenant: &dental}, 1},
			{"an endpoint", admin.LogFilter{Endpoint: "ExecDisable"}, 2},
			{"errors alone", admin.LogFilter{Severity: []string{"Error"}}, 0},
			{"yesterday", admin.LogFilter{From: time.Now().AddDate(0, 0, -1), To: time.Now().AddDate(0, 0, -1)}, 0},
			{"since yesterday", admin.LogFilter{Tenant: &dental, From: time.Now().AddDate(0, 0, -1)}, 1},
		} {
			got, err := f.admin.Logs(t.Context(), tc.filter)
			if err != nil || len(got.Rows) != tc.rows {
				t.Errorf("%s: got %q and %v, want %d lines", tc.name, got.Rows, err, tc.rows)
			}
		}
		// CIPP's own code writes both words, and its filter compares whole ones.
		for _, typed := range []string{"warning", "Warn"} {
			if _, err := f.admin.Logs(t.Context(), admin.LogFilter{Severity: []string{typed}}); err != nil {
				t.Errorf("%s: %v", typed, err)
			}
			all := f.sim.Requests()
			if got := all[len(all)-1].Query; !strings.Contains(got, "Severity=Warning%2CWarn") {
				t.Errorf("%s: got %s, want both ways to write it", typed, got)
			}
		}
		if _, err := f.admin.Logs(t.Context(), admin.LogFilter{From: time.Now(), To: time.Now().AddDate(0, 0, -1)}); err == nil {
			t.Error("a logbook that ends before it begins was taken")
		}
	})
}
