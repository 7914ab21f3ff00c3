package targettest

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// A rig is a fixture with a source, a store and an engine around it.
type rig struct {
	*testing.T
	*Fixture
	path   string
	store  state.Store
	engine *sync.Engine
	step   Step
	policy plan.Policy
	silent bool // the source proves nothing
	wrap   func(target.Target) target.Target
	kill   atomic.Int64 // store writes until the process is killed; negative: never
	mu     stdsync.Mutex
	noted  []string // what each write to the store was about, in order
}

func newRig(t *testing.T, f *Fixture) *rig {
	t.Helper()
	r := &rig{T: t, Fixture: f, path: filepath.Join(t.TempDir(), "state.db"), policy: plan.Auto}
	r.reopen()
	return r
}

// reopen is what the next start of the program does.
func (r *rig) reopen() {
	r.Helper()
	r.close()
	store, err := boltstate.Open(r.path, boltstate.Options{})
	if err != nil {
		r.Fatal(err)
	}
	r.store = store
	r.kill.Store(-1)
	r.engine = sync.New(sync.Options{Source: r, Store: mortal{store, r}, Log: zerolog.Nop(), Currency: "USD",
		Targets: map[string]target.Opener{r.Target: func(ctx context.Context) (target.Target, error) {
			opened, err := r.Open(ctx)
			if err == nil && r.wrap != nil {
				opened = r.wrap(opened)
			}
			return opened, err
		}},
		Links: func(context.Context) (mapping.Table, error) { return r.Links, nil }})
}

func (r *rig) close() {
	if r.store != nil {
		r.store.Close()
		r.store = nil
	}
}

// Tenants and Snapshot make the rig the source.
func (r *rig) tenants() []directory.Tenant { return r.Fixture.Tenants }

func (r *rig) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	return directory.Proven(r.tenants(), directory.Proof{Source: "targettest", TakenAt: time.Now(), AsOf: time.Now()}), nil
}

func (r *rig) Snapshot(_ context.Context, t directory.Tenant, _ directory.Kinds) (*directory.Snapshot, error) {
	if r.silent {
		return &directory.Snapshot{Tenant: t, TakenAt: time.Now()}, nil
	}
	step := Start
	if t.ID == r.tenants()[0].ID {
		step = r.step
	}
	return r.Fixture.Snapshot(t, step), nil
}

// has reports whether the fixture has a step.
func (r *rig) has(s Step) bool { return r.Fixture.Snapshot(r.tenants()[0], s) != nil }

// pause is the time between two runs of a schedule: long enough that no
// circuit breaker remembers the last one. Inside a bubble it costs nothing.
func (r *rig) pause() { time.Sleep(24 * time.Hour) }

// errKilled is what a dead process would not live to see.
var errKilled = errors.New("killed")

// A mortal store lets so many writes through, and then nothing more: the
// process is dead, as far as anybody can tell afterwards.
type mortal struct {
	state.Store
	rig *rig
}

func (m mortal) alive(about string) error {
	m.rig.mu.Lock()
	m.rig.noted = append(m.rig.noted, about)
	m.rig.mu.Unlock()
	for {
		left := m.rig.kill.Load()
		switch {
		case left < 0:
			return nil
		case left == 0:
			return errKilled
		case m.rig.kill.CompareAndSwap(left, left-1):
			return nil
		}
	}
}

// about says of what sort a step is: two of one sort are noted at the same moment
// of two objects' lives, or of two scopes'.
func about(cs []*state.Commit) string {
	sorts := map[string]bool{}
	for _, c := range cs {
		for i := range c.Put {
			switch r := &c.Put[i]; {
			case r.Pending != nil && r.Origin == plan.Announced:
				sorts["announces a new "+r.Kind] = true
			case r.Pending != nil:
				sorts["announces a change of "+r.Kind] = true
			case r.Absences > 0:
				sorts["misses a "+r.Kind] = true
			default:
				sorts["leaves a "+r.Kind+" ("+string(r.Origin)+")"] = true
			}
		}
		for _, k := range c.Drop {
			sorts["forgets a "+k.Kind] = true
		}
		if c.Cursor != nil {
			sorts["ends as "+c.Cursor.Outcome] = true
		}
		if c.Hold != nil {
			sorts["waits"] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(sorts)), ", ")
}

func (m mortal) Commit(ctx context.Context, cs ...*state.Commit) error {
	if err := m.alive(about(cs)); err != nil {
		return err
	}
	return m.Store.Commit(ctx, cs...)
}

func (m mortal) PutRun(ctx context.Context, r state.Run) error {
	if err := m.alive(map[bool]string{true: "a run begins", false: "a run ends"}[r.Finished.IsZero()]); err != nil {
		return err
	}
	return m.Store.PutRun(ctx, r)
}

func (m mortal) PutDocument(ctx context.Context, d state.Document) error {
	if err := m.alive(d.Name); err != nil {
		return err
	}
	return m.Store.PutDocument(ctx, d)
}

// run makes one run. The limits let everything through: they are the
// engine's, and tested there.
func (r *rig) run(mode sync.Mode) *sync.Report {
	r.Helper()
	report, err := r.try(mode)
	if err != nil {
		r.Fatalf("the run ended early: %v", err)
	}
	return report
}

func (r *rig) try(mode sync.Mode) (*sync.Report, error) {
	return r.engine.Run(r.Context(), sync.Selection{Jobs: []sync.Job{r.job()}, Trigger: "command"}, mode)
}

func (r *rig) job() sync.Job {
	wide := plan.Ceiling{Count: 1000, Percent: 100}
	return sync.Job{Name: "conformance", Targets: []string{r.Target}, Policy: r.policy, Limits: sync.Limits{Limits: plan.Limits{
		Creates: wide, Updates: wide, Deletes: wide, Increase: decimal.New(1, 9), Decrease: decimal.New(1, 9), SourceShrink: 100}}}
}

// apply runs and wants no scope to fail.
func (r *rig) apply() *sync.Report {
	r.Helper()
	report := r.run(sync.Apply)
	r.healthy(report)
	return report
}

// bring runs as often as it takes until the target follows the source: a
// leaver is waited for, as its kind says.
func (r *rig) bring() {
	r.Helper()
	for range mostRuns {
		r.apply()
		if !r.waiting() {
			return
		}
		r.pause()
	}
	r.Fatalf("after %d days there are still leavers to be waited for", mostRuns)
}

// mostRuns bounds how long a leaver is waited for.
const mostRuns = 60

// waiting reports whether some object is gone from the source and not yet long
// enough.
func (r *rig) waiting() bool {
	r.Helper()
	for c, err := range r.store.Cursors(r.Context()) {
		if err != nil {
			r.Fatal(err)
		}
		if c.Absent > 0 {
			return true
		}
	}
	return false
}

// untilWrite runs until the run in which something was written, or in which
// there was nothing more to wait for.
func (r *rig) untilWrite() *sync.Report {
	r.Helper()
	before := r.Writes()
	for {
		report := r.run(sync.Apply)
		if r.Writes() != before || !r.waiting() {
			return report
		}
		r.pause()
	}
}

func (r *rig) healthy(report *sync.Report) {
	r.Helper()
	for _, s := range report.Scopes {
		if s.Error != nil {
			r.Fatalf("%s is %s: %s", s.Customer.Name, s.Outcome, *s.Error)
		}
	}
}

// approve lets everything pass that waits.
func (r *rig) approve() {
	r.Helper()
	for h, err := range r.store.Holds(r.Context()) {
		if err == nil && h.Digest != "" {
			err = r.store.Decide(r.Context(), h.Scope, h.Digest, state.Decision{Approved: true, By: "ada", At: time.Now()})
		}
		if err != nil {
			r.Fatal(err)
		}
	}
}

// settle brings the target into step with Start.
func (r *rig) settle() {
	r.Helper()
	r.apply()
	r.inStep()
	if len(r.ours()) == 0 {
		r.Fatal("the fixture's Start gives the target nothing to do")
	}
}

// inStep wants an empty plan that no request to write was needed for, whichever
// way it is asked for.
func (r *rig) inStep() {
	r.Helper()
	r.quiet(sync.PlanOnly)
	r.quiet(sync.Apply)
}

// settled is inStep for those who know that a plan and an apply are one road.
func (r *rig) settled() {
	r.Helper()
	r.quiet(sync.Apply)
}

func (r *rig) quiet(mode sync.Mode) {
	r.Helper()
	before, report := r.Writes(), r.run(mode)
	r.healthy(report)
	for _, s := range report.Scopes {
		for _, c := range s.Changes {
			r.Errorf("a second run of %s would %s %s (%s): %+v", s.Customer.Name, c.Action, c.Label, c.Reason, c.Fields)
		}
		if s.Outcome != sync.InStep {
			r.Errorf("a second run of %s is %s (%+v), want in_step", s.Customer.Name, s.Outcome, s.Violations)
		}
	}
	if got := r.Writes() - before; got != 0 {
		r.Errorf("%d writes although there is nothing to do", got)
	}
}

// observed returns everything at the target that is ours. Its keys name the
// customer too.
func (r *rig) observed() (all []plan.Object) {
	r.Helper()
	collect := func(e sync.Inspection) {
		ours := map[plan.Key]bool{}
		for _, record := range e.Records {
			ours[record.Key] = true
		}
		for _, o := range e.Observed.Objects {
			if ours[o.Key] {
				o.ID += " of " + e.Customer.Name
				all = append(all, o)
			}
		}
	}
	if _, err := r.engine.Run(r.Context(), sync.Selection{Jobs: []sync.Job{r.job()}, Trigger: "command", Inspect: collect}, sync.PlanOnly); err != nil {
		r.Fatal(err)
	}
	return all
}

// fields returns what the target holds of everything that is ours, by key and
// field.
func (r *rig) fields() map[plan.Key]map[string]string {
	r.Helper()
	all := map[plan.Key]map[string]string{}
	for _, o := range r.observed() {
		all[o.Key] = asText(o.Fields)
	}
	return all
}

func asText(fields plan.Fields) map[string]string {
	all := map[string]string{}
	for _, f := range fields {
		all[f.Name] = f.Value.String()
	}
	return all
}

// ours returns the refs of what the store says is ours, sorted.
func (r *rig) ours() []string {
	r.Helper()
	set := map[string]bool{}
	for _, t := range r.tenants() {
		m, err := r.store.Recall(r.Context(), plan.Scope{Customer: string(t.ID), Target: r.Target})
		if err != nil {
			r.Fatal(err)
		}
		for _, record := range m.Records {
			set[record.Ref] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// same wants the target to hold what it held.
func (r *rig) same(before map[string]string, why string) {
	r.Helper()
	if diff := cmp.Diff(before, r.Dump()); diff != "" {
		r.Errorf("%s: the target changed (-before +now):\n%s", why, diff)
	}
}

// refs names all objects of a dump.
func refs(dump map[string]string) []string { return slices.Sorted(maps.Keys(dump)) }
