package cipp

import (
	"testing"

	"syncd/internal/directory"
	cippsim "syncd/internal/simulator/cipp"
)

func TestATenantWhoseDefaultDomainWasRemovedIsReadByItsId(t *testing.T) {
	for _, c := range []struct {
		name string
		lost cippsim.TenantFaults
	}{
		{"nobody has the domain", cippsim.TenantFaults{DomainLost: true}},
		{"another customer has it", cippsim.TenantFaults{DomainLost: true, AnswersFor: bakeryID}},
	} {
		t.Run(c.name, func(t *testing.T) {
			withPeople(t, func(t *testing.T, f *fixture) {
				f.sim.SetTenantFaults(dentalID, c.lost)
				for i, want := range []int{2, 3} { // the second time it is known
					s := f.snapshot(t, dentalID, directory.Licences|directory.Users)
					if err := s.Proven(directory.Licences | directory.Users); err != nil {
						t.Errorf("snapshot %d: %v", i+1, err)
					}
					if users := items(t, s.Users); len(users) != 4 || users[0].ID != adaID {
						t.Errorf("snapshot %d: got %d users, want the four of the practice", i+1, len(users))
					}
					if got := f.sim.Count("ListGraphBulkRequest"); got != want {
						t.Errorf("got %d bulk calls after %d snapshots, want %d", got, i+1, want)
					}
				}
				domains, err := f.client.VerifiedDomains(t.Context(), []directory.Tenant{f.tenant(t, dentalID)})
				if err != nil || domains[0].Err != nil || len(domains[0].Names) == 0 {
					t.Errorf("got %+v and %v, want the domains", domains, err)
				}
			})
		})
	}
}

func TestACallToATenantWhoseDefaultDomainWasRemovedGoesByItsId(t *testing.T) {
	withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
		f.sim.SetTenantFaults(dentalID, cippsim.TenantFaults{DomainLost: true})
		dental := f.tenant(t, dentalID)
		who := func(tenant string) string {
			w := f.sim.World()
			return w.Tenant(tenant).Users[0].ID
		}
		reply, err := f.client.Call(t.Context(), Call{Endpoint: "ListUsers", Tenant: dental})
		if err != nil || len(reply.Rows) == 0 {
			t.Fatalf("got %+v and %v, want the users", reply, err)
		}
		// What writes goes by the id that was found out, and is sent once.
		f.sim.ResetLog()
		if _, err := f.client.Call(t.Context(), Call{Endpoint: "ExecRevokeSessions", Tenant: dental, Body: map[string]any{"id": who(dentalID), "Username": "x"}}); err != nil || f.sim.Count("ExecRevokeSessions") != 1 {
			t.Errorf("got %v after %d calls, want it done with one", err, f.sim.Count("ExecRevokeSessions"))
		}
		// A write that comes first is not repeated by another name.
		bakery := f.tenant(t, bakeryID)
		f.sim.SetTenantFaults(bakeryID, cippsim.TenantFaults{DomainLost: true})
		f.sim.ResetLog()
		_, err = f.client.Call(t.Context(), Call{Endpoint: "ExecRevokeSessions", Tenant: bakery, Body: map[string]any{"id": adaID, "Username": "x"}})
		if err == nil || f.sim.Count("ExecRevokeSessions") != 1 {
			t.Errorf("got %v after %d calls, want one that fails", err, f.sim.Count("ExecRevokeSessions"))
		}
	})
}
