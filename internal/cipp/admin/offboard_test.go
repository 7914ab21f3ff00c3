package admin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"syncd/internal/cipp/admin"
	cippsim "syncd/internal/simulator/cipp"
)

func TestGroupsThatCIPPCannotLeaveAreAnnouncedAndAreNoFailure(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ask    admin.Offboarding
		danger []string
		left   string // the groups that Max is in afterwards
	}{
		{"groups alone", admin.Offboarding{RemoveGroups: true},
			[]string{"it stays in Reception, which gives licences: only removing licences takes it out", "it stays in Everybody: its rule says who is in it", "it stays in Payroll: its Active Directory says who is in it"},
			"Reception, Everybody, Payroll"},
		{"licences alone", admin.Offboarding{RemoveLicences: true}, []string{"it leaves Reception too, which gives licences"}, "Everybody, All mail, Payroll"},
		{"both", admin.Offboarding{RemoveGroups: true, RemoveLicences: true}, []string{"it stays in Everybody"}, "Everybody, Payroll"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			withFixture(t, func(t *testing.T, f *fixture) {
				yes := true
				f.sim.Update(func(w *cippsim.World) {
					d := w.Tenants[0]
					max := d.User(kern).ID
					d.Group("Everybody").Members = []string{max}
					d.Groups = append(d.Groups, &cippsim.Group{ID: "5e0d0000-0000-4000-8000-000000000009", DisplayName: "Payroll", Kind: cippsim.Security, Synced: &yes, Members: []string{max}})
				})
				s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, tc.ask)
				for _, want := range tc.danger {
					if !strings.Contains(s.Danger, want) {
						t.Errorf("got the danger %q, want %q", s.Danger, want)
					}
				}
				f.run(s, err)
				var in []string
				for _, g := range f.dental().Groups {
					if len(g.Members) > 0 && g.Members[0] == f.user(kern).ID {
						in = append(in, g.DisplayName)
					}
				}
				if got := strings.Join(in, ", "); got != tc.left {
					t.Errorf("got Max in %s, want %s", got, tc.left)
				}
			})
		})
	}
}

func TestTheLicencesOfADeletedAccountAreNotWaitedFor(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{RemoveLicences: true, DeleteUser: true})
		begin := time.Now()
		f.run(s, err)
		if took := time.Since(begin); took > 20*time.Minute || !f.user(kern).Deleted {
			t.Errorf("it took %s, want Max gone without waiting for a task that cannot succeed", took)
		}
	})
}

func TestAnAccountOfATenantThatAnswersNothingDoesNotCountAsDeleted(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{DeleteUser: true})
		if err != nil {
			t.Fatal(err)
		}
		f.sim.SetTenantFaults(dentalID, cippsim.TenantFaults{Unauthorised: true})
		if out, err := f.admin.Run(t.Context(), s); !errors.Is(err, admin.ErrNoRows) || out.Verified {
			t.Errorf("got %+v and %v, want that nothing is known", out, err)
		}
	})
}

func TestResultsThatAreTooLongForTheListAreReadWhereTheyStand(t *testing.T) {
	withFixture(t, func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Tasks: cippsim.TaskFaults{Trips: map[string]string{"RevokeSessions": "Removed: " + strings.Repeat("many ", 20000), "HideFromGAL": "Could not hide it"}}})
		s, err := f.admin.Offboard(t.Context(), f.tenant(), kern, admin.Offboarding{RevokeSessions: true, HideFromAddressList: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.admin.Run(t.Context(), s)
		if failed, ok := errors.AsType[*admin.TaskError](err); !ok || len(failed.Said) != 1 || failed.Said[0] != "Could not hide it" {
			t.Errorf("got %.300v, want the failure that only the details have", err)
		}
	})
}
