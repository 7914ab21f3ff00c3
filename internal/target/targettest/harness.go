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

// A harness is a fixture with a source, a store and an engine around it.
type harness struct {
	*testing.T
	*Fixture
	path            string
	store           state.Store
	engine          *sync.Engine
	step            Step
	policy          plan.Policy
	unproven        bool // the source proves nothing
	wrapTarget      func(target.Target) target.Target
	writesUntilKill atomic.Int64 // store writes until the process is killed; negative: never
	mu              stdsync.Mutex
	storeWrites     []string // what each write to the store was about, in order
}

func newHarness(t *testing.T, f *Fixture) *harness {
	t.Helper()
	h := &harness{T: t, Fixture: f, path: filepath.Join(t.TempDir(), "state.db"), policy: plan.Auto}
	h.reopen()
	return h
}

// reopen is what the next start of the program does.
func (h *harness) reopen() {
	h.Helper()
	h.close()
	store, err := boltstate.Open(h.path, boltstate.Options{})
	if err != nil {
		h.Fatal(err)
	}
	h.store = store
	h.writesUntilKill.Store(-1)
	h.engine = sync.New(sync.Options{Source: h, Store: killableStore{store, h}, Log: zerolog.Nop(), Currency: "USD",
		Targets: map[string]target.Opener{h.Target: func(ctx context.Context) (target.Target, error) {
			opened, err := h.Open(ctx)
			if err == nil && h.wrapTarget != nil {
				opened = h.wrapTarget(opened)
			}
			return opened, err
		}},
		Links: func(context.Context) (mapping.Table, error) { return h.Links, nil }})
}

func (h *harness) close() {
	if h.store != nil {
		h.store.Close()
		h.store = nil
	}
}

// Tenants and Snapshot make the harness the source.
func (h *harness) tenants() []directory.Tenant { return h.Fixture.Tenants }

func (h *harness) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	return directory.Proven(h.tenants(), directory.Proof{Source: "targettest", TakenAt: time.Now(), AsOf: time.Now()}), nil
}

func (h *harness) Snapshot(_ context.Context, t directory.Tenant, _ directory.Kinds) (*directory.Snapshot, error) {
	if h.unproven {
		return &directory.Snapshot{Tenant: t, TakenAt: time.Now()}, nil
	}
	step := Start
	if t.ID == h.tenants()[0].ID {
		step = h.step
	}
	return h.Fixture.Snapshot(t, step), nil
}

// hasStep reports whether the fixture has a step.
func (h *harness) hasStep(s Step) bool { return h.Fixture.Snapshot(h.tenants()[0], s) != nil }

// nextDay is the time between two runs of a schedule: long enough that no
// circuit breaker remembers the last one. Inside a bubble it costs nothing.
func (h *harness) nextDay() { time.Sleep(24 * time.Hour) }

// errKilled is what a dead process would not live to see.
var errKilled = errors.New("killed")

// A killableStore store lets so many writes through, and then nothing more: the
// process is dead, as far as anybody can tell afterwards.
type killableStore struct {
	state.Store
	harness *harness
}

func (m killableStore) beforeWrite(about string) error {
	m.harness.mu.Lock()
	m.harness.storeWrites = append(m.harness.storeWrites, about)
	m.harness.mu.Unlock()
	for {
		left := m.harness.writesUntilKill.Load()
		switch {
		case left < 0:
			return nil
		case left == 0:
			return errKilled
		case m.harness.writesUntilKill.CompareAndSwap(left, left-1):
			return nil
		}
	}
}

// commitKinds says of what sort a step is: two of one sort are noted at the same moment
// of two objects' lives, or of two scopes'.
func commitKinds(cs []*state.Commit) string {
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

func (m killableStore) Commit(ctx context.Context, cs ...*state.Commit) error {
	if err := m.beforeWrite(commitKinds(cs)); err != nil {
		return err
	}
	return m.Store.Commit(ctx, cs...)
}

// The sorts of writes that are about a run or a scope alone.
const (
	runBegins = "a run begins"
	runEnds   = "a run ends"
)

var aboutNoObject = map[string]bool{runBegins: true, runEnds: true, "ends as " + string(sync.InStep): true}

func (m killableStore) PutRun(ctx context.Context, r state.Run) error {
	if err := m.beforeWrite(map[bool]string{true: runBegins, false: runEnds}[r.Finished.IsZero()]); err != nil {
		return err
	}
	return m.Store.PutRun(ctx, r)
}

func (m killableStore) PutDocument(ctx context.Context, d state.Document, about ...state.Entry) error {
	if err := m.beforeWrite(d.Name); err != nil {
		return err
	}
	return m.Store.PutDocument(ctx, d, about...)
}

// run makes one run. The limits let everything through: they are the
// engine's, and tested there.
func (h *harness) run(mode sync.Mode) *sync.Report {
	h.Helper()
	report, err := h.tryRun(mode)
	if err != nil {
		h.Fatalf("the run ended early: %v", err)
	}
	return report
}

func (h *harness) tryRun(mode sync.Mode) (*sync.Report, error) {
	return h.engine.Run(h.Context(), sync.Selection{Jobs: []sync.Job{h.job()}, Trigger: "command"}, mode)
}

func (h *harness) job() sync.Job {
	wide := plan.Ceiling{Count: 1000, Percent: 100}
	return sync.Job{Name: "conformance", Targets: []string{h.Target}, Policy: h.policy, Limits: sync.Limits{Limits: plan.Limits{
		Creates: wide, Updates: wide, Deletes: wide, Increase: decimal.New(1, 9), Decrease: decimal.New(1, 9), DecreaseExplained: decimal.New(1, 9), SourceShrink: 100}}}
}

// apply runs and wants no scope to fail.
func (h *harness) apply() *sync.Report {
	h.Helper()
	report := h.run(sync.Apply)
	h.wantNoErrors(report)
	return report
}

// runUntilInStep runs as often as it takes until the target follows the source: a
// leaver is waited for, as its kind says.
func (h *harness) runUntilInStep() {
	h.Helper()
	for range mostRuns {
		h.apply()
		if !h.leaversPending() {
			return
		}
		h.nextDay()
	}
	h.Fatalf("after %d days there are still leavers to be waited for", mostRuns)
}

// mostRuns bounds how long a leaver is waited for.
const mostRuns = 60

// leaversPending reports whether some object is gone from the source and not yet long
// enough.
func (h *harness) leaversPending() bool {
	h.Helper()
	for c, err := range h.store.Cursors(h.Context()) {
		if err != nil {
			h.Fatal(err)
		}
		if c.Absent > 0 {
			return true
		}
	}
	return false
}

// runUntilWrite runs until the run in which something was written, or in which
// there was nothing more to wait for.
func (h *harness) runUntilWrite() *sync.Report {
	h.Helper()
	before := h.Writes()
	for {
		report := h.run(sync.Apply)
		if h.Writes() != before || !h.leaversPending() {
			return report
		}
		h.nextDay()
	}
}

func (h *harness) wantNoErrors(report *sync.Report) {
	h.Helper()
	for _, s := range report.Scopes {
		if s.Error != nil {
			h.Fatalf("%s is %s: %s", s.Customer.Name, s.Outcome, *s.Error)
		}
	}
}

// approve lets everything pass that waits.
func (h *harness) approve() {
	h.Helper()
	for hold, err := range h.store.Holds(h.Context()) {
		if err == nil && hold.Digest != "" {
			err = h.store.Decide(h.Context(), hold.Scope, hold.Digest, state.Decision{Approved: true, By: "ada", At: time.Now()})
		}
		if err != nil {
			h.Fatal(err)
		}
	}
}

// converge brings the target into step with Start.
func (h *harness) converge() {
	h.Helper()
	h.apply()
	h.wantInStep()
	if len(h.ownRefs()) == 0 {
		h.Fatal("the fixture's Start gives the target nothing to do")
	}
}

// wantInStep wants an empty plan that no request to write was needed for, whichever
// way it is asked for.
func (h *harness) wantInStep() {
	h.Helper()
	h.wantNoChanges(sync.PlanOnly)
	h.wantNoChanges(sync.Apply)
}

// wantApplyInStep is wantInStep for those who know that a plan and an apply are one
// road. It returns what ownFields does, as that run found it.
func (h *harness) wantApplyInStep() map[plan.Key]map[string]string {
	h.Helper()
	return asTexts(h.wantNoChanges(sync.Apply))
}

// wantNoChanges wants a run to find nothing to do, and returns the objects that it
// found and that are ours.
func (h *harness) wantNoChanges(mode sync.Mode) []plan.Object {
	h.Helper()
	before := h.Writes()
	report, own := h.inspect(mode)
	h.wantNoErrors(report)
	for _, s := range report.Scopes {
		for _, c := range s.Changes {
			h.Errorf("a second run of %s would %s %s (%s): %+v", s.Customer.Name, c.Action, c.Label, c.Reason, c.Fields)
		}
		if s.Outcome != sync.InStep {
			h.Errorf("a second run of %s is %s (%+v), want in_step", s.Customer.Name, s.Outcome, s.Violations)
		}
	}
	if got := h.Writes() - before; got != 0 {
		h.Errorf("%d writes although there is nothing to do", got)
	}
	return own
}

// inspect makes one run, and returns everything at the target that is ours as the
// run found it. Its keys name the customer too.
func (h *harness) inspect(mode sync.Mode) (report *sync.Report, own []plan.Object) {
	h.Helper()
	collect := func(e sync.Inspection) {
		ours := map[plan.Key]bool{}
		for _, record := range e.Records {
			ours[record.Key] = true
		}
		for _, o := range e.Observed.Objects {
			if ours[o.Key] {
				o.ID += " of " + e.Customer.Name
				own = append(own, o)
			}
		}
	}
	report, err := h.engine.Run(h.Context(), sync.Selection{Jobs: []sync.Job{h.job()}, Trigger: "command", Inspect: collect}, mode)
	if err != nil {
		h.Fatalf("the run ended early: %v", err)
	}
	return report, own
}

// ownFields returns what the target holds of everything that is ours, by key and
// field.
func (h *harness) ownFields() map[plan.Key]map[string]string {
	h.Helper()
	_, own := h.inspect(sync.PlanOnly)
	return asTexts(own)
}

func asTexts(objects []plan.Object) map[plan.Key]map[string]string {
	all := map[plan.Key]map[string]string{}
	for _, o := range objects {
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

// ownRefs returns the refs of what the store says is ours, sorted.
func (h *harness) ownRefs() []string {
	h.Helper()
	set := map[string]bool{}
	for _, t := range h.tenants() {
		m, err := h.store.Recall(h.Context(), plan.Scope{Customer: string(t.ID), Target: h.Target})
		if err != nil {
			h.Fatal(err)
		}
		for _, record := range m.Records {
			set[record.Ref] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// wantUnchanged wants the target to hold what it held.
func (h *harness) wantUnchanged(before map[string]string, why string) {
	h.Helper()
	if diff := cmp.Diff(before, h.Dump()); diff != "" {
		h.Errorf("%s: the target changed (-before +now):\n%s", why, diff)
	}
}

// refs names all objects of a dump.
func refs(dump map[string]string) []string { return slices.Sorted(maps.Keys(dump)) }
