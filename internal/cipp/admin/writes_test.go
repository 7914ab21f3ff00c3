package admin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"syncd/internal/cipp/admin"
	"syncd/internal/directory"
	"syncd/internal/secret"
	cippsim "syncd/internal/simulator/cipp"
)

func TestEditingATenantLosesNeitherAliasNorGroups(t *testing.T) {
	for _, tc := range []struct {
		name   string
		edit   admin.TenantEdit
		alias  string
		groups string
		steps  int
		danger string
	}{
		{"another alias keeps the groups", admin.TenantEdit{Alias: "Fabrikam (Leeds)"}, "Fabrikam (Leeds)", "Gold support", 1, ""},
		{"the same in another case is a change", admin.TenantEdit{Alias: "fabrikam dental"}, "fabrikam dental", "Gold support", 1, ""},
		{"a further group keeps alias and group", admin.TenantEdit{AddGroups: []string{"silver support"}}, "Fabrikam Dental", "Gold support, Silver support", 1, ""},
		{"a group in the place of another", admin.TenantEdit{AddGroups: []string{silverID}, RemoveGroups: []string{"Gold support"}}, "Fabrikam Dental", "Silver support", 1, ""},
		{"the last group goes by its own call", admin.TenantEdit{RemoveGroups: []string{goldID}}, "Fabrikam Dental", "", 1, "excluded"},
		{"alias and the last group", admin.TenantEdit{Alias: "F", RemoveGroups: []string{goldID}}, "F", "", 2, ""},
		{"the alias goes when that is said", admin.TenantEdit{RemoveAlias: true}, "Fabrikam Dental GmbH", "Gold support", 1, "alias"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			withFixture(t, func(t *testing.T, f *fixture) {

				if tc.edit.RemoveAlias {
					f.careless = []string{"no tenantAlias"}
				}
				steps, err := f.admin.EditTenant(t.Context(), f.tenant(), tc.edit)
				if err != nil {
					t.Fatal(err)
				}
				if len(steps) != tc.steps || !strings.Contains(steps[0].Danger, tc.danger) {
					t.Errorf("got %d steps, the first with danger %q; want %d and %q", len(steps), steps[0].Danger, tc.steps, tc.danger)
				}
				for _, s := range steps {
					f.run(s, nil)
				}
				world := f.sim.World()
				var groups []string
				for _, g := range world.TenantGroups {
					if !g.Dynamic && slices.Contains(g.Members, dentalID) {
						groups = append(groups, g.Name)
					}
				}
				if got := strings.Join(groups, ", "); f.dental().DisplayName != tc.alias || got != tc.groups {
					t.Errorf("got alias %q and groups %q, want %q and %q", f.dental().DisplayName, got, tc.alias, tc.groups)
				}
				if got := world.TenantGroups[0].Members; !slices.Contains(got, bakeryID) {
					t.Errorf("the other member of Gold support is gone: %q", got)
				}
			})
		})
	}
}

func TestAStepOfYesterdayDoesNothingToday(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		steps, err := f.admin.EditTenant(t.Context(), f.tenant(), admin.TenantEdit{AddGroups: []string{"Silver support"}})
		if err != nil {
			t.Fatal(err)
		}
		f.sim.Update(func(w *cippsim.World) { w.Tenants[0].DisplayName = "Fabrikam, by somebody else" })
		_, err = f.admin.Run(t.Context(), steps[0])
		moved, ok := errors.AsType[*admin.MovedError](err)
		if !ok || moved.Now.Get("alias") != "Fabrikam, by somebody else" || f.writes() != 0 {
			t.Errorf("got %v after %d writes, want a MovedError and no write", err, f.writes())
		}
	})
}

func TestTenantGroupsAreMadeWithAnIdOfOursAndDeleted(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.CreateTenantGroup(t.Context(), "Bronze", "office hours", []directory.Tenant{f.tenant()})
		f.run(s, err)
		world := f.sim.World()
		made := world.TenantGroups[3]
		if made.Name != "Bronze" || !slices.Equal(made.Members, []string{dentalID}) || made.ID != member(s, "groupId") {
			t.Errorf("got %+v, want Bronze with the dentists under the id of the step", made)
		}
		if _, err := f.admin.CreateTenantGroup(t.Context(), "bronze", "", nil); err == nil {
			t.Error("a second group of that name was allowed")
		}
		s, err = f.admin.DeleteTenantGroup(t.Context(), "Bronze")
		if f.run(s, err); len(f.sim.World().TenantGroups) != 3 || s.Danger == "" {
			t.Errorf("got %d groups and danger %q, want 3 and a warning", len(f.sim.World().TenantGroups), s.Danger)
		}
	})
}

func TestANewUserComesWithEverythingThatWasAskedFor(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.CreateUser(t.Context(), f.tenant(), admin.NewUser{
			UPN: "nora.vik@fabrikamdental.example", GivenName: "Nora", Surname: "Vik", JobTitle: "Hygienist", Location: "DE", Licences: []string{"SPB"}, Groups: []string{"Reception"}, Manager: "Ada Berg",
		})
		out := f.run(s, err)
		u := f.user("nora.vik@fabrikamdental.example")
		if u == nil || u.DisplayName != "Nora Vik" || u.JobTitle != "Hygienist" || !slices.Equal(u.Licences, []string{premium}) || !u.MustChange || u.ManagerID != f.user(ada).ID {
			t.Fatalf("got %+v, want Nora with a licence, a title and a manager", u)
		}
		if !slices.Contains(f.dental().Group("Reception").Members, u.ID) {
			t.Error("Nora is not in the group")
		}
		if out.Password.Reveal() != u.Password || u.Password == "" {
			t.Errorf("the password in the result is not the user's")
		}
		for _, seen := range []string{text(out), text(s), strings.Join(out.Said, " ")} {
			if strings.Contains(seen, u.Password) {
				t.Errorf("the password shows in %s", seen)
			}
		}
		if !strings.Contains(s.Danger, "last free Microsoft 365 Business Premium") {
			t.Errorf("got danger %q, want that it takes the last licence", s.Danger)
		}
	})
}

func TestWhatFailsAfterTheAccountIsSaidAndThePasswordIsKept(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{Partial: true}})
		s, err := f.admin.CreateUser(t.Context(), f.tenant(), admin.NewUser{
			UPN: "nora.vik@fabrikamdental.example", DisplayName: "Nora Vik", Location: "DE", Licences: []string{"SPB"}, Groups: []string{"Reception"}, Password: secret.New("Correct-Horse-9"),
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.admin.Run(t.Context(), s)
		refused, ok := errors.AsType[*admin.RefusedError](err)
		if !ok || len(refused.Said) != 2 || refused.After.Get("exists") != "yes" || refused.After.Get("licences") != "" {
			t.Errorf("got %v, want the two failures and that the account is there without a licence", err)
		}
		if out.Password.Reveal() != "Correct-Horse-9" || strings.Contains(text(s)+text(out)+err.Error(), "Correct-Horse") {
			t.Errorf("the password is lost, or shows: %s", text(s)+text(out))
		}
	})
}

func TestANewUserIsRefusedBeforeAnythingIsSent(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		for _, tc := range []struct {
			name string
			user admin.NewUser
			want string
		}{
			{"a name that is taken", admin.NewUser{UPN: "ADA.berg@fabrikamdental.example", DisplayName: "A"}, "is taken"},
			{"a domain of somebody else", admin.NewUser{UPN: "a@elsewhere.example", DisplayName: "A"}, "no verified domain"},
			{"a domain that is not verified", admin.NewUser{UPN: "a@pending.example", DisplayName: "A"}, "no verified domain"},
			{"no domain", admin.NewUser{UPN: "a", DisplayName: "A"}, "no verified domain"},
			{"no name", admin.NewUser{UPN: "a@fabrikamdental.example"}, "display name"},
			{"a licence without a location", admin.NewUser{UPN: "a@fabrikamdental.example", DisplayName: "A", Licences: []string{"SPB"}}, "usage location"},
			{"a location that is none", admin.NewUser{UPN: "a@fabrikamdental.example", DisplayName: "A", Location: "Germany"}, "two letters"},
			{"an unknown licence", admin.NewUser{UPN: "a@fabrikamdental.example", DisplayName: "A", Location: "DE", Licences: []string{"SPBB"}}, `there is no licence "SPBB"; did you mean`},
			{"a dynamic group", admin.NewUser{UPN: "a@fabrikamdental.example", DisplayName: "A", Groups: []string{"Everybody"}}, "dynamic"},
			{"a manager of whom there are two", admin.NewUser{UPN: "a@fabrikamdental.example", DisplayName: "A", Manager: "Twin"}, "means several users"},
		} {
			if _, err := f.admin.CreateUser(t.Context(), f.tenant(), tc.user); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
			}
		}
		if f.writes() != 0 {
			t.Errorf("got %d writes, want none", f.writes())
		}
	})
}

func TestEditingAUserLeavesLicencesAndNameAlone(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.EditUser(t.Context(), f.tenant(), ada, map[string]string{"jobtitle": "Head dentist", "department": "Surgery", "city": ""})
		f.run(s, err)
		u := f.user(ada)
		if u.JobTitle != "Head dentist" || u.Department != "Surgery" || u.UPN != ada || !slices.Equal(u.Licences, []string{premium}) {
			t.Errorf("got %+v, want the new title and everything else as it was", u)
		}
		s, err = f.admin.EditUser(t.Context(), f.tenant(), ada, map[string]string{"jobTitle": ""})
		if f.run(s, err); f.user(ada).JobTitle != "" {
			t.Errorf("got job title %q, want none", f.user(ada).JobTitle)
		}
		s, err = f.admin.EditUser(t.Context(), f.tenant(), ada, map[string]string{"department": "Surgery"})
		if out := f.run(s, err); !out.Already || !s.Done || f.sim.Count("PatchUser") != 2 {
			t.Errorf("got already %v after %d writes, want nothing sent for what is so", out.Already, f.sim.Count("PatchUser"))
		}
		if f.sim.Count("EditUser") != 0 {
			t.Error("EditUser was called, which rebuilds the name and replaces the licences")
		}
		if _, err := f.admin.EditUser(t.Context(), f.tenant(), old, map[string]string{"city": "Leeds"}); !errors.Is(err, admin.ErrSynced) {
			t.Errorf("got %v for a synced user, want ErrSynced", err)
		}
	})
}

func TestSignInIsDisabledAndEnabled(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.DisableUser(t.Context(), f.tenant(), ada)
		if f.run(s, err); !f.user(ada).Disabled {
			t.Error("Ada can still sign in")
		}
		s, err = f.admin.EnableUser(t.Context(), f.tenant(), ada)
		if f.run(s, err); f.user(ada).Disabled {
			t.Error("Ada cannot sign in")
		}
		if _, err := f.admin.DisableUser(t.Context(), f.tenant(), old); !errors.Is(err, admin.ErrSynced) || f.user(old).Disabled {
			t.Errorf("got %v for a synced user and disabled %v, want ErrSynced and nothing done", err, f.user(old).Disabled)
		}
	})
}

func TestANewPasswordIsInTheResultAndNowhereElse(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.ResetPassword(t.Context(), f.tenant(), ada, true)
		out := f.run(s, err)
		word := f.user(ada).Password
		if word == "" || out.Password.Reveal() != word {
			t.Errorf("got %d letters, want the user's new password", len(out.Password.Reveal()))
		}
		if seen := text(out) + text(s); strings.Contains(seen, word) || !strings.Contains(strings.Join(out.Said, " "), secret.Redacted) {
			t.Errorf("the password shows, or its place does not: %s", seen)
		}
		if !f.user(ada).MustChange {
			t.Error("the user need not choose another password")
		}
	})
}

func TestLicencesAreGivenOnlyWhereOneIsFree(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.AssignLicences(t.Context(), f.tenant(), desk, "Microsoft 365 Business Premium")
		f.run(s, err)
		if got := f.user(desk).Licences; !slices.Equal(got, []string{premium}) {
			t.Errorf("got %q, want the licence", got)
		}
		_, err = f.admin.AssignLicences(t.Context(), f.tenant(), "twin.a@fabrikamdental.example", premium)
		if full, ok := errors.AsType[*admin.NotFreeError](err); !ok || full.Licence.Paid != 3 || full.Licence.Used != 3 {
			t.Errorf("got %v, want that all 3 are used", err)
		}
		s, err = f.admin.SwapLicence(t.Context(), f.tenant(), ada, "SPB", "SPE_E3")
		f.run(s, err)
		if got := f.user(ada).Licences; !slices.Equal(got, []string{e3}) {
			t.Errorf("got %q, want E3 alone", got)
		}
		s, err = f.admin.RemoveLicences(t.Context(), f.tenant(), ada, e3)
		f.run(s, err)
		if got := f.user(ada).Licences; len(got) != 0 || !strings.Contains(s.Danger, "30 days") {
			t.Errorf("got %q and danger %q, want none and a word about the mailbox", got, s.Danger)
		}
		if _, err := f.admin.RemoveLicences(t.Context(), f.tenant(), kern, exo); err == nil || !strings.Contains(err.Error(), "through the group") {
			t.Errorf("got %v for a licence that a group gives, want a refusal", err)
		}
		if _, err := f.admin.RemoveLicences(t.Context(), f.tenant(), kern, e3); err == nil || !strings.Contains(err.Error(), "does not have") {
			t.Errorf("got %v for a licence the user lacks, want a refusal", err)
		}
	})
}

func TestALicenceThatWasTakenMeanwhileIsReportedFromItsSentence(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.AssignLicences(t.Context(), f.tenant(), desk, premium)
		if err != nil {
			t.Fatal(err)
		}
		f.sim.Update(func(w *cippsim.World) {
			w.Tenants[0].User("Twin.a@fabrikamdental.example").Licences = []string{premium}
			w.Tenants[0].CountConsumed()
		})
		_, err = f.admin.Run(t.Context(), s)
		if refused, ok := errors.AsType[*admin.RefusedError](err); !ok || !strings.Contains(refused.Said[0], "does not have any available licenses") {
			t.Errorf("got %v, want CIPP's sentence", err)
		}
	})
}

func TestGroupMembersComeAndGo(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		for _, group := range []string{"Reception", "all@fabrikamdental.example"} {
			s, err := f.admin.AddMember(t.Context(), f.tenant(), group, ada)
			f.run(s, err)
			s, err = f.admin.RemoveMember(t.Context(), f.tenant(), group, kern)
			f.run(s, err)
		}
		for _, name := range []string{"Reception", "All mail"} {
			g := f.dental().Group(name)
			if !slices.Equal(g.Members, []string{f.user(ada).ID}) {
				t.Errorf("%s: got %q, want Ada alone", name, g.Members)
			}
		}
		if g := f.dental().Group("Reception"); g.Description != "Front desk" || g.MailNickname != "reception" {
			t.Errorf("got %+v, want the properties as they were", g)
		}
		if _, err := f.admin.AddMember(t.Context(), f.tenant(), "Everybody", ada); err == nil || !strings.Contains(err.Error(), "dynamic") {
			t.Errorf("got %v for a dynamic group, want a refusal", err)
		}
	})
}

func TestMailboxesAreConvertedAndForwarded(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		mailbox := func() cippsim.Mailbox { return *f.dental().Mailboxes[0] }
		s, err := f.admin.ConvertMailbox(t.Context(), f.tenant(), ada, "shared")
		if f.run(s, err); mailbox().Type != "SharedMailbox" {
			t.Errorf("got %s, want a shared mailbox", mailbox().Type)
		}
		s, err = f.admin.ForwardMailbox(t.Context(), f.tenant(), ada, admin.Forward{To: "Max Kern", KeepCopy: true})
		if f.run(s, err); mailbox().ForwardInner != kern || !mailbox().KeepCopy {
			t.Errorf("got %+v, want a copy to Max", mailbox())
		}
		s, err = f.admin.ForwardMailbox(t.Context(), f.tenant(), ada, admin.Forward{To: "ada@home.example", External: true})
		if f.run(s, err); mailbox().ForwardTo != "smtp:ada@home.example" || mailbox().ForwardInner != "" || mailbox().KeepCopy || !strings.Contains(s.Danger, "leaves the tenant") {
			t.Errorf("got %+v with danger %q, want the address outside alone", mailbox(), s.Danger)
		}
		s, err = f.admin.ForwardMailbox(t.Context(), f.tenant(), ada, admin.Forward{})
		if f.run(s, err); mailbox().ForwardTo+mailbox().ForwardInner != "" {
			t.Errorf("got %+v, want no forwarding", mailbox())
		}
		if _, err := f.admin.ConvertMailbox(t.Context(), f.tenant(), "twin.a@fabrikamdental.example", "Shared"); err == nil {
			t.Error("a user without a mailbox was taken")
		}
	})
}

func TestCalendarRightsAreGrantedInTheFolderAsItIsCalledThere(t *testing.T) {
	for _, faults := range []cippsim.Faults{{}, {AddressesForUsers: true}, {Version: "10.8.4"}, {Version: "10.8.4", AddressesForUsers: true}} {
		withFixture(t, func(t *testing.T, f *fixture) {
			f.sim.SetFaults(faults)
			s, err := f.admin.GrantCalendar(t.Context(), f.tenant(), ada, kern, "editor", false)
			f.run(s, err)
			if folder := member(s, "FolderName"); folder != "Kalender" {
				t.Errorf("got folder %v, want Kalender", folder)
			}
			if got := f.dental().Mailboxes[0].Calendar; len(got) != 1 || got[0].Rights[0] != "Editor" {
				t.Errorf("got %+v, want Max as Editor", got)
			}
			s, err = f.admin.RevokeCalendar(t.Context(), f.tenant(), ada, kern)
			if f.run(s, err); len(f.dental().Mailboxes[0].Calendar) != 0 {
				t.Error("Max still has rights")
			}
			s, err = f.admin.RevokeCalendar(t.Context(), f.tenant(), ada, kern)
			if out := f.run(s, err); !out.Already {
				t.Error("rights that are not there were taken again")
			}
		})
	}
}

func TestRightsAreThoseOfWhomCIPPMeans(t *testing.T) {
	const a, b = "twin.a@fabrikamdental.example", "twin.b@fabrikamdental.example"
	for _, tc := range []struct {
		name    string
		version string
		mailbox bool // the twins have one, which Exchange has an id of its own for
		refused bool
	}{
		{"by name, which two have", "10.8.2", false, true},
		{"by the id of the account", "10.8.4", false, false},
		{"by Exchange's own id", "10.8.4", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			withFixture(t, func(t *testing.T, f *fixture) {
				f.sim.SetFaults(cippsim.Faults{Version: tc.version})
				f.sim.Update(func(w *cippsim.World) {
					d := w.Tenants[0]
					if tc.mailbox {
						d.Mailboxes = append(d.Mailboxes, &cippsim.Mailbox{UPN: a, ExchangeGUID: "11110000-0000-4000-8000-000000000001"}, &cippsim.Mailbox{UPN: b, ExchangeGUID: "11110000-0000-4000-8000-000000000002"})
					}
					d.Mailboxes[0].Calendar = []cippsim.CalendarRight{{User: b, Rights: []string{"Owner"}, Folder: "Kalender"}}
				})
				s, err := f.admin.GrantCalendar(t.Context(), f.tenant(), ada, a, "Reviewer", false)
				if tc.refused {
					if err == nil || !strings.Contains(err.Error(), b+" is called Twin as well") {
						t.Errorf("got %v, want a refusal that names the other one", err)
					}
					return
				}
				if f.run(s, err); s.Before.Get("rights of "+a) != "" {
					t.Errorf("got %s before, want no rights of this twin", s.Before)
				}
				if got := f.dental().Mailboxes[0].Calendar; len(got) != 2 || got[0].Rights[0] != "Owner" || got[1].Rights[0] != "Reviewer" {
					t.Errorf("got %+v, want one the owner and the other a reviewer", got)
				}
			})
		})
	}
}

func TestRightsInAMailboxByANameThatTwoHaveAreNobodys(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.Update(func(w *cippsim.World) {
			w.Tenants[0].Mailboxes[0].Delegates = []cippsim.Delegate{{User: "Twin", Rights: "FullAccess"}, {User: "Max Kern", Rights: "FullAccess"}}
		})
		if _, err := f.admin.GrantMailbox(t.Context(), f.tenant(), ada, "twin.a@fabrikamdental.example", "FullAccess"); err == nil || !strings.Contains(err.Error(), "whose they are cannot be told") {
			t.Errorf("got %v, want a refusal", err)
		}
		s, err := f.admin.GrantMailbox(t.Context(), f.tenant(), ada, kern, "FullAccess")
		if err != nil || !s.Done {
			t.Errorf("got %v and %v, want a name that only one has to be his", s.Before, err)
		}
		s, err = f.admin.GrantMailbox(t.Context(), f.tenant(), ada, kern, "SendAs")
		f.run(s, err)
	})
}

func TestPerUserMFAIsReadBackForGuestsToo(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		for _, who := range []string{ada, "lee@partner.example"} {
			s, err := f.admin.SetMFA(t.Context(), f.tenant(), who, "Enforced")
			f.run(s, err)
		}
		for _, u := range []*cippsim.User{f.dental().Users[0], f.dental().Users[4]} {
			if u.PerUserMFA != "enforced" {
				t.Errorf("%s: got %q, want enforced", u.UPN, u.PerUserMFA)
			}
		}
		if _, err := f.admin.SetMFA(t.Context(), f.tenant(), ada, "on"); err == nil {
			t.Error("a state that is none was taken")
		}
	})
}

func TestOthersAreLetIntoAMailbox(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		for _, rights := range []string{"fullaccess", "SendAs"} {
			s, err := f.admin.GrantMailbox(t.Context(), f.tenant(), desk, ada, rights)
			f.run(s, err)
		}
		if got := f.dental().Mailboxes[2].Delegates; len(got) != 2 || got[0].User != ada {
			t.Errorf("got %+v, want both rights for Ada", got)
		}
		list, err := f.admin.Delegates(t.Context(), f.tenant(), desk)
		if err != nil || len(list.Rows) != 2 {
			t.Errorf("got %q and %v, want two rows without the mailbox's own", list.Rows, err)
		}
		s, err := f.admin.RevokeMailbox(t.Context(), f.tenant(), desk, ada, "FullAccess")
		if f.run(s, err); len(f.dental().Mailboxes[2].Delegates) != 1 {
			t.Error("Ada is still let in")
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.RevokeSessions(t.Context(), f.tenant(), ada)
		if f.run(s, err); f.user(ada).SessionsRevoked.IsZero() {
			t.Error("Ada's sessions go on")
		}
	})
}

func TestCIPPIsSetToWatchATenantOnce(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		watch := admin.Watch{Resource: "users", Event: "updated", Every: "1h"}
		for range 2 {
			s, err := f.admin.WatchTenant(t.Context(), f.tenant(), watch)
			f.run(s, err)
		}
		tasks := f.sim.World().Tasks
		if len(tasks) != 1 || tasks[0].Command != "Get-DeltaQueryResults" || tasks[0].Recurrence != "1h" || tasks[0].Tenant != "fabrikamdental.example" {
			t.Errorf("got %+v, want one task", tasks)
		}
		s, err := f.admin.UnwatchTenant(t.Context(), f.tenant(), watch)
		if f.run(s, err); len(f.sim.World().Tasks) != 0 {
			t.Error("the task is still there")
		}
		watch.Resource = "devices"
		if _, err := f.admin.WatchTenant(t.Context(), f.tenant(), watch); err == nil {
			t.Error("a resource that cannot be watched was taken")
		}
	})
}

func TestAPasswordThatComesAsALinkIsASecretToo(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Writes: cippsim.WriteFaults{PasswordLink: true}})
		s, err := f.admin.ResetPassword(t.Context(), f.tenant(), ada, false)
		out := f.run(s, err)
		if link := out.Password.Reveal(); !strings.HasPrefix(link, "https://pwpush.example/") || strings.Contains(text(out), link) || f.user(ada).MustChange {
			t.Errorf("got the link %q, shown in %s", link, text(out))
		}
	})
}
