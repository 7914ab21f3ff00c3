package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

func TestTargetsKeepTheirBatchesAndNobodyIsReadTwice(t *testing.T) {
	const people = directory.Users | directory.Groups
	for _, c := range []struct {
		name    string
		targets []target.Spec
		want    string
	}{
		{"one target", []target.Spec{{Name: "billing", Batch: 100, Needs: directory.Licences}}, "100 billing"},
		{"a target that names no batch", []target.Spec{{Name: "a"}}, "1 a"},
		{"large lists and small memory", []target.Spec{{Name: "docs", Batch: 4, Needs: people | directory.Licences}, {Name: "billing", Batch: 100, Needs: directory.Licences}}, "100 billing; 4 docs"},
		{"the same people", []target.Spec{{Name: "identity", Batch: 200, Needs: directory.Users}, {Name: "docs", Batch: 4, Needs: people}, {Name: "names", Batch: 500}}, "500 names; 4 identity docs"},
		{"the same batch", []target.Spec{{Name: "b", Batch: 9, Needs: directory.Licences}, {Name: "a", Batch: 9, Needs: directory.Licences}}, "9 b a"},
	} {
		var targets []*openTarget
		for _, s := range c.targets {
			targets = append(targets, &openTarget{spec: s})
		}
		var got []string
		for _, l := range groupByBatch(targets) {
			text := fmt.Sprint(l.batch)
			for _, t := range l.targets {
				text += " " + t.spec.Name
			}
			got = append(got, text)
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: got %q, want %q", c.name, text, c.want)
		}
	}
}

// An echo is a target without objects that notes how it was asked.
type echo struct {
	fakeTarget
	name  string
	batch int
	slow  time.Duration

	mu      sync.Mutex
	largest int
	seen    []string
}

func (e *echo) Spec() target.Spec {
	s := e.fakeTarget.Spec()
	s.Name, s.Batch = e.name, e.batch
	return s
}

func (e *echo) Observe(_ context.Context, asked []target.Asked) ([]target.View, error) {
	time.Sleep(e.slow)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.largest = max(e.largest, len(asked))
	for _, a := range asked {
		e.seen = append(e.seen, a.Key)
	}
	views := make([]target.View, len(asked))
	for i := range views {
		views[i] = empty{}
	}
	return views, nil
}

// An empty view has nothing, and nothing is wanted of it.
type empty struct{ target.View }

func (empty) Compare(context.Context, *directory.Snapshot, []plan.Record) (target.Desired, target.Observed, error) {
	return target.Desired{}, target.Observed{}, nil
}

func (w *fixture) echoes(targets ...*echo) *Engine {
	openers := map[string]target.Opener{}
	for _, e := range targets {
		openers[e.name] = func(context.Context) (target.Target, error) { return e, nil }
	}
	return New(Options{Source: w, Targets: openers, Store: w.store, Links: func(context.Context) (mapping.Table, error) { return w.table, nil },
		Log: zerolog.Nop(), Metrics: NewMetrics(prometheus.NewPedanticRegistry()), Now: w.tick, Currency: "USD"})
}

func TestEveryTargetOfARunKeepsItsOwnBatch(t *testing.T) {
	w := newFixture(t)
	w.tenants, w.table = nil, mapping.Table{}
	for i := range 23 {
		id := directory.TenantID(fmt.Sprintf("00000000-0000-0000-0000-%012x", i+1))
		w.tenants = append(w.tenants, id)
		w.table.Rows = append(w.table.Rows, mapping.Row{TenantID: id, Tenant: name(id), Status: mapping.Linked, Links: mapping.Links{"fake": "1"}})
	}
	billing, docs := &echo{fakeTarget: fakeTarget{w}, name: "billing", batch: 10}, &echo{fakeTarget: fakeTarget{w}, name: "docs", batch: 4}
	job := w.job
	job.Targets = []string{"docs", "billing"}
	if _, err := w.echoes(billing, docs).Run(t.Context(), Selection{Jobs: []Job{job}}, PlanOnly); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*echo{billing, docs} {
		slices.Sort(e.seen)
		if e.largest != e.batch || len(e.seen) != 23 || len(slices.Compact(e.seen)) != 23 {
			t.Errorf("%s: asked about up to %d at once and %d in all; want %d and each of 23 once", e.name, e.largest, len(e.seen), e.batch)
		}
	}
}

// Runs lock their targets in one order, whatever their jobs say: here three jobs
// cross one another while each is under way.
func TestRunsThatCrossOneAnotherAllEnd(t *testing.T) {
	w := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		a := &echo{fakeTarget: fakeTarget{w}, name: "a", batch: 1, slow: time.Second}
		b := &echo{fakeTarget: fakeTarget{w}, name: "b", batch: 1, slow: time.Second}
		c := &echo{fakeTarget: fakeTarget{w}, name: "c", batch: 1, slow: time.Second}
		engine := w.echoes(a, b, c)
		job := func(targets ...string) Job {
			j := w.job
			j.Name, j.Targets = strings.Join(targets, "+"), targets
			return j
		}
		var runs sync.WaitGroup
		for _, jobs := range [][]Job{{job("a", "b")}, {job("b", "c")}, {job("c", "a")}, {job("b"), job("a")}, {job("c", "b", "a")}} {
			runs.Go(func() {
				if _, err := engine.Run(t.Context(), Selection{Jobs: jobs, Trigger: "schedule"}, Apply); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
		runs.Wait() // a deadlock fails the bubble
		if n := len(a.seen) + len(b.seen) + len(c.seen); n != 2*(4+4+3) {
			t.Errorf("%d scopes were looked at, want all 22", n)
		}
	})
}

// Whatever the order of the jobs and of the configuration; that of a configuration that is
// read anew may be another one.
func TestTargetsAreLockedInTheOrderOfTheirNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Options{})
		e.lockOf("b") <- struct{}{} // another run works on it
		locked := make(chan func(), 1)
		go func() {
			release, err := (&run{Engine: e.Successor(Options{})}).lock(t.Context(), []string{"c", "b", "a"})
			if err != nil {
				t.Error(err)
			}
			locked <- release
		}()
		synctest.Wait()
		if len(e.locks["a"]) != 1 || len(e.locks["c"]) != 0 {
			t.Errorf("while b is awaited, a is locked %d times and c %d, want a alone", len(e.locks["a"]), len(e.locks["c"]))
		}
		<-e.locks["b"]
		(<-locked)()
		for name, token := range e.locks {
			if len(token) != 0 {
				t.Errorf("%s is not released", name)
			}
		}
	})
}

func TestThePartsOfATenantAreInOneBatch(t *testing.T) {
	part := func(key, tenant string) mapping.Customer {
		return mapping.Customer{Key: key, Parts: []mapping.Part{{Tenant: directory.Tenant{ID: directory.TenantID(tenant)}, Filter: "name=" + key}}}
	}
	whole := func(key string) mapping.Customer {
		return mapping.Customer{Key: key, Parts: []mapping.Part{{Tenant: directory.Tenant{ID: directory.TenantID(key)}}}}
	}
	for _, c := range []struct {
		name      string
		customers []mapping.Customer
		size      int
		want      string
	}{
		{"none", nil, 2, ""},
		{"whole tenants", []mapping.Customer{whole("1"), whole("2"), whole("3")}, 2, "1 2; 3"},
		{"parts far apart by name", []mapping.Customer{whole("1"), whole("3"), part("A", "2"), part("Z", "2")}, 2, "1 A Z; 3"},
		{"more parts than fit", []mapping.Customer{part("A", "1"), part("B", "1"), part("C", "1"), whole("2")}, 2, "A B C; 2"},
		{"parts of two tenants", []mapping.Customer{part("A", "2"), part("B", "1"), part("C", "2"), part("D", "1")}, 1, "B D; A C"},
	} {
		var got []string
		for _, chunk := range chunks(c.customers, c.size) {
			var keys []string
			for _, x := range chunk {
				keys = append(keys, x.Key)
			}
			got = append(got, strings.Join(keys, " "))
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: got %q, want %q", c.name, text, c.want)
		}
	}
}
