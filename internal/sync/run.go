package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/target"
)

// A run is one execution; it is used once.
type run struct {
	*Engine
	id      string
	sel     Selection
	stopped bool // a person or the end of the daemon cancelled it
	mode    Mode
	started time.Time
	log     zerolog.Logger

	mu       sync.Mutex // guards what follows
	report   *Report
	progress Progress
	oldest   map[string]time.Time // by collection, at the source

	planned   uint64              // how much people had decided when the run began, see decisions
	decisions decisions           // what people decided since
	tenants   []directory.Tenant  // that the source lists
	restored  *state.Restoration  // nil where the state was never restored
	closed    []state.Closing     // months in which nothing may take effect any more
	beside    map[string]bool     // customers that are compared for the halves of others, see besides
	former    map[string][]string // see mapping.Table.FormerKeys
	names     map[string]string   // of customers, by key
	reversals reversals
}

// An openTarget is a target opened for this run, with the job that names it.
type openTarget struct {
	target.Target
	spec     target.Spec
	job      Job
	budget   *budget
	owners   *owners
	unusable error // why nothing can be asked of it in this run; nil as a rule
	access   access
}

func jobNames(jobs []Job) string {
	names := make([]string, len(jobs))
	for i, j := range jobs {
		names[i] = j.Name
	}
	return strings.Join(names, "+")
}

func (r *run) execute(ctx context.Context) error {
	r.planned = r.Store.Decided() // before anything is read
	targets, release, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer release()
	if len(targets) == 0 {
		return nil
	}
	if r.restored, err = restored(ctx, r.Store); err != nil {
		return err
	}
	if r.closed, _, err = state.Closed(ctx, r.Store); err != nil {
		return err
	}
	if r.reversals, err = readReversals(ctx, r.Store); err != nil {
		return err
	}
	customers, err := r.customers(ctx, targets)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.progress.Total = (len(customers) - len(r.beside)) * len(targets)
	r.mu.Unlock()
	err = r.batches(ctx, groupByBatch(targets), customers)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	r.updateQuarantine(context.WithoutCancel(ctx), targets)
	if r.mode == Apply {
		err = errors.Join(err, r.reversals.write(context.WithoutCancel(ctx), r.Store))
	}
	if err != nil || r.mode != Apply || !r.sel.whole() {
		return err
	}
	return r.forget(ctx)
}

// lock waits until no other run works on the targets. Every run locks in the order of
// their names, whatever its jobs say: two runs that each hold what the other waits for
// would wait for ever.
func (r *run) lock(ctx context.Context, names []string) (release func(), err error) {
	var held []chan struct{}
	release = func() {
		for _, token := range held {
			<-token
		}
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		lock := r.lockOf(name)
		select {
		case lock <- struct{}{}:
			held = append(held, lock)
		case <-ctx.Done():
			release()
			return nil, context.Cause(ctx)
		}
	}
	return release, nil
}

// selected are the targets of the selected jobs, each once, by the job that
// names it first.
func (r *run) selected() (names []string, jobs map[string]Job, err error) {
	jobs = map[string]Job{}
	for _, job := range r.sel.Jobs {
		for _, name := range job.Targets {
			if _, seen := jobs[name]; seen || r.sel.Target != "" && r.sel.Target != name {
				continue
			}
			if _, ok := r.Targets[name]; !ok {
				return nil, nil, fmt.Errorf("job %s: target %s is not configured", job.Name, name)
			}
			names, jobs[name] = append(names, name), job
		}
	}
	return names, jobs, nil
}

// open opens every target of the selected jobs; a run that applies has them
// to itself until release.
func (r *run) open(ctx context.Context) (targets []*openTarget, release func(), err error) {
	names, jobs, err := r.selected()
	if err != nil {
		return nil, nil, err
	}
	release = func() {}
	if r.mode != PlanOnly {
		if release, err = r.lock(ctx, names); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range names {
		job := jobs[name]
		t := &openTarget{job: job, budget: &budget{limit: job.Limits.Run, currency: r.Currency}, owners: &owners{store: r.Store, target: name, links: map[string]string{}}}
		t.Target, t.unusable = r.Targets[name](ctx)
		if t.unusable == nil {
			t.spec = t.Spec()
			t.access.ownCredentials = t.spec.OwnCredentials
			if r.sel.Trigger != "command" {
				t.unusable = r.quarantined(ctx, name)
			}
		}
		t.spec.Name = name
		targets = append(targets, t)
	}
	return targets, release, nil
}

// restored returns the last restore of the state.
func restored(ctx context.Context, store state.Store) (*state.Restoration, error) {
	d, err := store.Document(ctx, state.RestoredDocument)
	if err != nil || len(d.Body) == 0 {
		return nil, err
	}
	r := new(state.Restoration)
	if err := json.Unmarshal(d.Body, r); err != nil {
		return nil, fmt.Errorf("reading when the state was restored: %w: %w", state.ErrCorrupt, err)
	}
	return r, nil
}

// customers lists the customers of the run: the tenants that the source lists now,
// joined with the link table. The targets get the links of all customers.
func (r *run) customers(ctx context.Context, targets []*openTarget) ([]mapping.Customer, error) {
	list, err := r.Source.Tenants(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the tenants: %w", err)
	}
	tenants, err := list.Items()
	if err != nil {
		return nil, fmt.Errorf("listing the tenants: %w", err)
	}
	table, err := r.Links(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the links: %w", err)
	}
	r.tenants = tenants
	customers := table.Customers(tenants)
	for _, t := range targets {
		for _, c := range customers {
			if t.unusable == nil && isLinked(t, c) {
				t.owners.links[c.Key] = c.Links[t.spec.Link]
			}
		}
	}
	r.former, r.names = table.FormerKeys(customers), map[string]string{}
	for _, c := range customers {
		r.names[c.Key] = c.Name
	}
	for _, t := range targets {
		t.owners.now = r.former
	}
	all := slices.Clone(customers)
	if r.sel.Customer != "" {
		customers = slices.DeleteFunc(customers, func(c mapping.Customer) bool { return c.Key != r.sel.Customer })
		if len(customers) == 0 {
			return nil, fmt.Errorf("customer %s is neither listed by the source nor linked", r.sel.Customer)
		}
	}
	customers = append(customers, r.formerCustomers()...)
	if r.sel.Among != nil {
		customers = slices.DeleteFunc(customers, func(c mapping.Customer) bool { return !r.sel.Among[c.Key] })
	}
	r.beside = map[string]bool{}
	for _, c := range besides(all, customers) {
		r.beside[c.Key] = true
		customers = append(customers, c)
	}
	return customers, nil
}

func isLinked(t *openTarget, c mapping.Customer) bool {
	return c.Status == mapping.Linked && c.Links[t.spec.Link] != ""
}

// concerns reports whether the run is about the scope: a saved plan has it, if there is
// one, and something is to be taken back in it, if that is what the run is about.
func (r *run) concerns(t *openTarget, c mapping.Customer) bool {
	scope := plan.Scope{Customer: c.Key, Target: t.spec.Name}
	if r.sel.WayBack != nil && !r.sel.WayBack[scope] {
		return false
	}
	_, saved := r.sel.Saved[scope]
	return saved || r.sel.Saved == nil
}

// runScopes brings the customers of a batch into step at one target.
func (r *run) runScopes(ctx context.Context, t *openTarget, customers []mapping.Customer, snapshots []*directory.Snapshot) error {
	var ready []*scopeRun
	var commits []*state.Commit // cursors of scopes in which nothing was written
	for i, c := range customers {
		if !r.concerns(t, c) {
			continue
		}
		s := r.newScopeRun(t, c, snapshots[i])
		if s.beside = r.beside[c.Key]; s.beside && s.dividedTenant() == "" {
			continue
		}
		proceed, err := s.prepare(ctx)
		if err != nil {
			return err
		}
		if s.isFormer() {
			switch ended, err := s.cameToItsEnd(ctx); {
			case err != nil:
				return err
			case ended:
				continue
			}
		}
		if !proceed && s.beside {
			continue
		}
		if !proceed {
			commit, err := s.finish(context.WithoutCancel(ctx))
			if err != nil {
				return err
			}
			if commit != nil {
				commits = append(commits, commit)
			}
			continue
		}
		ready = append(ready, s)
	}
	if len(ready) > 0 {
		asked := make([]target.Asked, len(ready))
		for i, s := range ready {
			asked[i] = target.Asked{
				Customer: s.customer, Settlements: s.settlements(), Refs: append(s.knownRefs(), s.formerRefs...),
				Records: s.memory.Records, Owners: t.owners, Only: r.sel.Only,
			}
		}
		views, err := t.Observe(ctx, asked)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			t.access.countUnusable(err)
		}
		group := errgroup.Group{}
		group.SetLimit(4)
		for i, s := range ready {
			if i < len(views) {
				s.view = views[i]
			}
			if err == nil {
				group.Go(func() error { return s.traced(ctx) })
				continue
			}
			s.connection().recordDenial(err)
			s.report.fail(Failed, fmt.Errorf("observing: %w", err))
			s.report.Refused = accessDenied(err)
			if err := s.compareUnobserved(ctx); err != nil {
				return err
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if err := r.applyDivided(ctx, divided(ready)); err != nil {
			return err
		}
		for _, s := range ready {
			if s.beside {
				continue
			}
			commit, err := s.finish(context.WithoutCancel(ctx))
			if err != nil {
				return err
			}
			if commit != nil {
				commits = append(commits, commit)
			}
		}
	}
	if r.mode == PlanOnly || len(commits) == 0 {
		return nil
	}
	if err := r.Store.Commit(context.WithoutCancel(ctx), commits...); err != nil {
		return fmt.Errorf("writing down where the scopes stand: %w", err)
	}
	return nil
}

// addToReport adds a finished scope to the report.
func (r *run) addToReport(s *scopeRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := s.report.Error; e != nil {
		s.report.Error = new(r.Redact(*e))
	}
	if r.sel.Inspect != nil {
		r.sel.Inspect(Inspection{Customer: s.customer, Target: s.target.spec.Name, Snapshot: s.snapshot,
			Desired: s.desired, Observed: s.observed, Err: s.compareErr, Records: s.memory.Records, Report: &s.report})
	}
	s.report.compact(r.sel.Trigger == "command" || r.sel.Trigger == "")
	if s.snapshot != nil {
		for collection, asOf := range s.snapshot.AsOf(s.target.spec.Needs) {
			if before, ok := r.oldest[collection]; !ok || asOf.Before(before) {
				r.oldest[collection] = asOf
			}
		}
	}
	r.report.Scopes = append(r.report.Scopes, s.report)
	r.progress.Done++
	r.progress.Outcomes[s.report.Outcome]++
	r.progress.Last = s.report.Customer.Name
	if r.sel.Progress != nil {
		r.sel.Progress(r.progress.Done, r.progress.Total, &s.report)
	}
}

func (r *run) record(err error) state.Run {
	s := state.Run{ID: r.id, Job: r.report.Job, Trigger: r.sel.Trigger, Started: r.started, Finished: r.report.Finished,
		Stopped: r.stopped, Part: !r.sel.whole()}
	if len(r.report.Totals) > 0 {
		s.Totals = map[string]int{}
		for outcome, n := range r.report.Totals {
			s.Totals[string(outcome)] = n
		}
	}
	for i := range r.report.Scopes {
		if scope := &r.report.Scopes[i]; scope.Outcome == Unmapped {
			if s.Unmapped == nil {
				s.Unmapped = map[string]int{}
			}
			s.Unmapped[scope.Target]++
		}
	}
	if err != nil {
		s.Error = r.Redact(err.Error())
	}
	return s
}

func (r *run) logEnd(err error) {
	event := r.log.Info()
	switch {
	case r.stopped: // a person or the end of the daemon wanted it
		event = r.log.Warn().Err(err)
	case err != nil:
		event = r.log.Error().Err(err)
	}
	for _, o := range Outcomes {
		if n := r.report.Totals[o]; n > 0 {
			event = event.Int(string(o), n)
		}
	}
	event.Str("job", r.report.Job).Bool("plan_only", r.mode != Apply).
		Int64("duration_ms", r.report.Finished.Sub(r.started).Milliseconds()).Msg("run ended")
}
