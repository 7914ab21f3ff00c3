package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	cippsim "syncd/internal/simulator/cipp"
)

// allUsers asks Graph for everybody's users.
func allUsers(progress func(Progress)) Call {
	return Call{Endpoint: "ListGraphRequest", AllTenants: true, All: true, Query: url.Values{"Endpoint": {"users"}, "$select": {"id,displayName"}}, Progress: progress}
}

func TestAnAnswerAboutAllTenantsIsFollowedToTheEndOfItsQueue(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Queues: cippsim.QueueFaults{Step: 45 * time.Second}})
		var heard []Progress
		started := time.Now()
		reply, err := f.client.Call(t.Context(), allUsers(func(p Progress) { heard = append(heard, p) }))
		if err != nil {
			t.Fatal(err)
		}
		if len(reply.Rows) != 2 || reply.More {
			t.Errorf("got %d rows (more to come: %t), want Ada and M. Kern", len(reply.Rows), reply.More)
		}
		if got := fmt.Sprint(reply.Missing); got != "[northwind.example shipyard.example]" {
			t.Errorf("got %s missing, want the tenants that no row came of", got)
		}
		if len(heard) < 3 || heard[0].Total != 3 || heard[len(heard)-1].Rows != 2 {
			t.Errorf("got progress %+v, want the tenants of the queue and the rows at the end", heard)
		}
		if took := time.Since(started); took < 2*time.Minute || took > 4*time.Minute {
			t.Errorf("it took %s, want as long as the queue and little more", took)
		}
		if n := f.sim.Count("ListCippQueue"); n > 20 {
			t.Errorf("got %d looks at the queue, want one in ten seconds at most", n)
		}
		if complaints := f.sim.Complaints(); len(complaints) > 0 {
			t.Errorf("CIPP was used carelessly: %q", complaints)
		}
	})
}

func TestWithoutAllAQueueIsReportedAndNotFollowed(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		k := allUsers(nil)
		k.All = false
		reply, err := f.client.Call(t.Context(), k)
		if err != nil || !reply.More || len(reply.Rows) != 0 || f.sim.Count("") != 1 {
			t.Errorf("got %+v, %v after %d requests, want one that says there is more", reply, err, f.sim.Count(""))
		}
	})
}

func TestAQueueThatDoesNotEndIsAnErrorInTime(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Queues: cippsim.QueueFaults{Stalled: true}})
		k := allUsers(nil)
		k.QueueTimeout = 5 * time.Minute
		started := time.Now()
		_, err := f.client.Call(t.Context(), k)
		q, ok := errors.AsType[*QueueError](err)
		if !ok || !strings.Contains(q.Error(), "has not ended after 5m0s") {
			t.Errorf("got %v, want that the queue has not ended", err)
		}
		if took := time.Since(started); took > 6*time.Minute {
			t.Errorf("it took %s, want little more than five minutes", took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("somebody pressed Ctrl-C"))
		if _, err := f.client.Call(ctx, allUsers(nil)); err == nil || !strings.Contains(err.Error(), "Ctrl-C") {
			t.Errorf("got %v, want the context's cause", err)
		}
	})
}

func TestAQueueThatADeployClearedIsStartedAnew(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Queues: cippsim.QueueFaults{Step: 30 * time.Second}})
		cleared := false
		reply, err := f.client.Call(t.Context(), allUsers(func(Progress) {
			if !cleared {
				cleared = true
				f.sim.ClearQueues()
			}
		}))
		if err != nil || len(reply.Rows) != 2 {
			t.Errorf("got %+v, %v, want the rows of the second run", reply, err)
		}
	})
}

func TestTenantsThatCouldNotBeReadAreNamed(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		f.sim.SetTenantFaults(bakeryID, cippsim.TenantFaults{GraphError: cippsim.TextDissolved})
		reply, err := f.client.Call(t.Context(), allUsers(nil))
		if err != nil {
			t.Fatal(err)
		}
		if len(reply.Rows) != 2 || len(reply.Troubles) != 1 || reply.Troubles[0].Tenant != "northwind.example" || !strings.Contains(reply.Troubles[0].Text, "dissolved") {
			t.Errorf("got %d rows and troubles %v, want the bakery's", len(reply.Rows), reply.Troubles)
		}
	})
}

func TestWithoutASingleRowEveryTenantIsUnknown(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		f.sim.Fail(
			cippsim.Rule{Endpoint: "ListGraphRequest", Times: 1, Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[],"Metadata":{"Queued":true,"QueueId":"9"}}`}}},
			cippsim.Rule{Endpoint: "ListCippQueue", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `[{"Status":"Completed","TotalTasks":3,"CompletedTasks":3}]`}}},
			cippsim.Rule{Endpoint: "ListGraphRequest", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[],"Metadata":{"Endpoint":"users"}}`}}},
		)
		reply, err := f.client.Call(t.Context(), allUsers(nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(reply.Missing); len(reply.Rows) != 0 || got != "[fabrikamdental.example northwind.example shipyard.example]" {
			t.Errorf("got %d rows and %s missing, want none and all three", len(reply.Rows), got)
		}
	})
}

func TestWhatARowRepeatsUnaskedIsNotShown(t *testing.T) {
	withOperator(t, "admin", staff(), func(t *testing.T, f *fixture) {
		f.sim.Update(func(w *cippsim.World) {
			w.Tasks = []*cippsim.Task{{Name: "Reset", Tenant: "fabrikamdental.example", Command: "Set-CIPPResetPassword", State: "Completed", Results: []string{"Successfully reset it. The new password is Hush-123!"}}}
		})
		for _, c := range []struct {
			call       Call
			keep, hide string
		}{
			{Call{Endpoint: "ListApiTest"}, `"authorization":"[redacted]"`, "earer"},
			{Call{Endpoint: "ListScheduledItems", Tenant: f.tenant(t, dentalID)}, "The new password is [redacted]", "Hush-123"},
		} {
			reply, err := f.client.Call(t.Context(), c.call)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%s %s", reply.Rows, reply.Said); !strings.Contains(got, c.keep) || strings.Contains(got, c.hide) {
				t.Errorf("%s: got %s, want it with %q and without %q", c.call.Endpoint, got, c.keep, c.hide)
			}
		}
	})
}

func TestAReportThatIsGatheredForAllTenantsIsWaitedFor(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		f.sim.SetFaults(cippsim.Faults{Queues: cippsim.QueueFaults{Step: 20 * time.Second}})
		reply, err := f.client.Call(t.Context(), Call{Endpoint: "ListLicensesReport", AllTenants: true, All: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(reply.Rows) != 5 || len(reply.Missing) != 0 {
			t.Errorf("got %d rows, missing %v, want the licences of all three", len(reply.Rows), reply.Missing)
		}
	})
}

func TestPagesAreFollowedToTheLast(t *testing.T) {
	world := staff()
	for i := range 25 {
		world.Tenants[0].Users = append(world.Tenants[0].Users, &cippsim.User{UPN: fmt.Sprintf("u%02d@fabrikamdental.example", i), DisplayName: "User"})
	}
	withOperator(t, "readonly", world, func(t *testing.T, f *fixture) {
		k := Call{Endpoint: "ListGraphRequest", Tenant: f.tenant(t, dentalID), All: true, Query: url.Values{"Endpoint": {"users"}, "$top": {"10"}}}
		reply, err := f.client.Call(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for _, raw := range reply.Rows {
			var u struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(raw, &u, tolerant); err != nil {
				t.Fatal(err)
			}
			ids[u.ID] = true
		}
		if len(reply.Rows) != 27 || len(ids) != 27 || reply.Pages != 3 || reply.More {
			t.Errorf("got %d rows of %d users on %d pages, want 27 on 3", len(reply.Rows), len(ids), reply.Pages)
		}
		if k.Query.Has("manualPagination") {
			t.Error("the caller's query was changed")
		}

		k.All = false
		k.Query.Set("manualPagination", "true")
		reply, err = f.client.Call(t.Context(), k)
		if err != nil || len(reply.Rows) != 10 || !reply.More {
			t.Errorf("got %+v, %v, want one page and that there is more", reply, err)
		}

		// A page that fails fails all.
		k.All = true
		k.Query.Del("manualPagination")
		f.sim.Fail(cippsim.Rule{Endpoint: "ListGraphRequest", Skip: 1, Fault: cippsim.Fault{Kind: cippsim.GraphRefused}})
		if reply, err := f.client.Call(t.Context(), k); err == nil || reply != nil {
			t.Errorf("got %+v, %v, want an error and no rows", reply, err)
		}
	})
}

func TestAPlaceholderWithoutAQueueIsAskedAgainSlowly(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		loading := cippsim.Fault{Shape: cippsim.Shape{Body: `[{"Tenant":"Loading data for all tenants. Please check back in 1 minute"}]`}}
		f.sim.Fail(cippsim.Rule{Endpoint: "ListDevices", Times: 3, Fault: loading})
		started := time.Now()
		k := Call{Endpoint: "ListDevices", AllTenants: true, All: true}
		if _, err := f.client.Call(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		if got, took := f.sim.Count("ListDevices"), time.Since(started); got != 4 || took < 90*time.Second {
			t.Errorf("got %d requests in %s, want 4 and half a minute between them", got, took)
		}
		f.sim.Fail(cippsim.Rule{Endpoint: "ListDevices", Fault: loading})
		if _, err := f.client.Call(t.Context(), k); err == nil || !strings.Contains(err.Error(), "no data after 30m0s") {
			t.Errorf("got %v, want an end to patience", err)
		}
	})
}

func TestARunThatEndedAndStillPutsOffIsNotWaitedForAnew(t *testing.T) {
	withOperator(t, "readonly", staff(), func(t *testing.T, f *fixture) {
		f.sim.Fail(
			cippsim.Rule{Endpoint: "ListLicensesReport", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[],"Metadata":{"Queued":true,"QueueId":"7"}}`}}},
			cippsim.Rule{Endpoint: "ListCippQueue", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `[{"Status":"Completed (with errors)","TotalTasks":3,"CompletedTasks":3,"FailedTasks":1}]`}}},
		)
		_, err := f.client.Call(t.Context(), Call{Endpoint: "ListLicensesReport", AllTenants: true, All: true})
		q, ok := errors.AsType[*QueueError](err)
		if !ok || q.Queue != "7" || !strings.Contains(err.Error(), "still puts the answer off") || !strings.Contains(err.Error(), "one tenant after the other") {
			t.Errorf("got %v, want that the run ended for nothing, and what to do", err)
		}
		if got := f.sim.Count("ListLicensesReport"); got != 2 {
			t.Errorf("got %d requests, want 2", got)
		}
		f.sim.Heal()
		f.sim.Fail(
			cippsim.Rule{Endpoint: "ListLicensesReport", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `{"Results":[],"Metadata":{"QueueMessage":"Loading","QueuedId":"8"}}`}}},
			cippsim.Rule{Endpoint: "ListCippQueue", Fault: cippsim.Fault{Shape: cippsim.Shape{Body: `[{"Status":"Failed"}]`}}},
		)
		if _, err := f.client.Call(t.Context(), Call{Endpoint: "ListLicensesReport", AllTenants: true, All: true}); err == nil || !strings.Contains(err.Error(), "queue 8: it failed for every tenant") {
			t.Errorf("got %v, want that the run failed", err)
		}
	})
}
