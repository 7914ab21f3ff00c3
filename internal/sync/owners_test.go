package sync

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// asking is a target that asks whose a thing is.
type asking struct {
	fakeTarget
	ref string
	mu  *sync.Mutex
	got map[string]string
}

func (a asking) Observe(ctx context.Context, batch []target.Asked) ([]target.View, error) {
	for _, c := range batch {
		others, err := c.Owners.Others(ctx, c.Key, "addition", a.ref)
		if err != nil {
			return nil, err
		}
		a.mu.Lock()
		a.got[c.Key] = fmt.Sprint(others)
		if links := c.Owners.Linked(); len(links) != 2 || links[string(contoso)] == "" || links[string(fabrikam)] == "" {
			a.got[c.Key] += fmt.Sprintf(", links %v", links)
		}
		a.mu.Unlock()
	}
	return a.fakeTarget.Observe(ctx, batch)
}

// Whose a thing is does not depend on whom the run is about, nor on who came first.
func TestOwnersComeFromAllRecordsWhateverTheSelection(t *testing.T) {
	w := newFixture(t)
	gone := plan.Scope{Customer: "no longer linked", Target: "fake"}
	elsewhere := plan.Scope{Customer: "at another target", Target: "other"}
	for _, scope := range []plan.Scope{gone, elsewhere, {Customer: string(fabrikam), Target: "fake"}} {
		err := w.store.Commit(t.Context(), &state.Commit{Scope: scope, Put: []plan.Record{{Object: plan.Object{Key: plan.Key{Kind: "addition", ID: "x"}, Ref: "7"}, Origin: plan.Adopted}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	asked := asking{fakeTarget: fakeTarget{w}, ref: "7", mu: new(sync.Mutex), got: map[string]string{}}
	w.engine.Targets["fake"] = func(context.Context) (target.Target, error) { return asked, nil }
	w.spec.Batch = 1
	for _, sel := range []Selection{{}, {Customer: string(contoso)}, {Customer: string(fabrikam)}} {
		sel.Jobs, sel.Trigger = []Job{w.job}, "command"
		if _, err := w.engine.Run(t.Context(), sel, PlanOnly); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{string(contoso): fmt.Sprint([]string{string(fabrikam), gone.Customer}), string(fabrikam): fmt.Sprint([]string{gone.Customer})}
		for customer, got := range asked.got {
			if got != want[customer] {
				t.Errorf("selection %q: %s hears of %s, want %s", sel.Customer, customer, got, want[customer])
			}
		}
		if n := map[string]int{"": 2}[sel.Customer]; len(asked.got) != max(n, 1) {
			t.Errorf("selection %q: %d customers asked", sel.Customer, len(asked.got))
		}
		clear(asked.got)
	}
}

// listening is a source that remembers what it was asked for.
type listening struct {
	Source
	mu    *sync.Mutex
	asked *directory.Kinds
}

func (l listening) Snapshot(ctx context.Context, t directory.Tenant, want directory.Kinds) (*directory.Snapshot, error) {
	l.mu.Lock()
	*l.asked |= want
	l.mu.Unlock()
	return l.Source.Snapshot(ctx, t, want)
}

// What a target would like to know is read, and nobody stands still without it.
func TestWhatATargetWouldLikeToKnowIsReadAndNotInsistedOn(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	w.spec.Also = directory.Domains
	var asked directory.Kinds
	w.engine.Source = listening{w.engine.Source, new(sync.Mutex), &asked}
	w.want(w.apply(), "changed changed", 0)
	if !asked.Has(directory.Domains | directory.Licences) {
		t.Errorf("asked for %v", asked)
	}
}
