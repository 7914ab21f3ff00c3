package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/state"
	"syncd/internal/target"
)

// Metrics of the loop. A nil *Metrics counts nothing.
type Metrics struct {
	duration *prometheus.HistogramVec
	success  *prometheus.GaugeVec
	attempt  *prometheus.GaugeVec
	scopes   *prometheus.GaugeVec
	changes  *prometheus.CounterVec
	holds    *prometheus.GaugeVec
	money    *prometheus.GaugeVec
	age      *ages
	runs     *prometheus.CounterVec
	interval *prometheus.GaugeVec
	begun    *prometheus.GaugeVec

	mu       sync.Mutex
	underWay map[string][]time.Time // by job: when its runs were started
}

// NewMetrics registers the loop's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "syncd_run_duration_seconds",
			Help: "How long runs that apply took.", Buckets: prometheus.ExponentialBuckets(0.5, 2, 14)}, []string{"job"}),
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_run_last_success_timestamp_seconds",
			Help: "When a run over all customers last ended without a failed or partial scope; what the source did not prove is counted in syncd_scopes."}, []string{"job"}),
		attempt: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_run_last_attempt_timestamp_seconds",
			Help: "When a run last ended, well or not."}, []string{"job"}),
		scopes: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_scopes",
			Help: "Scopes by outcome in the last run over all customers (partial: partly done; incomplete: not read; held: needs approval or repair, or is approved)."}, []string{"target", "outcome"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "syncd_changes_total",
			Help: "Changes sent to targets, by what became of them."}, []string{"target", "action", "result"}),
		holds: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_holds",
			Help: "Scopes that wait for a person, as of the last run over all customers."}, []string{"target"}),
		money: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_plan_monthly_delta",
			Help: "What the plans of the last run do to the monthly bills, in the configured currency."}, []string{"direction"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "syncd_runs_total",
			Help: "Runs that apply, by result: success, partial (some scopes failed), failed (as a whole: it ended early, or nobody was brought any further), stopped."}, []string{"job", "result"}),
		interval: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_schedule_interval_seconds",
			Help: "The longest time between two slots of a job's schedule; 0 where it has none."}, []string{"job"}),
		begun: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_run_started_timestamp_seconds",
			Help: "When the run of a job was started that is under way the longest; 0 where none is."}, []string{"job"}),
		age: newAges(), underWay: map[string][]time.Time{},
	}
	reg.MustRegister(m.duration, m.success, m.attempt, m.scopes, m.changes, m.holds, m.money, m.age, m.runs, m.interval, m.begun)
	return m
}

// Init makes the series of a job and its targets exist from the start, so that
// an alert can tell "never ran" from "not configured", and sets them to what the
// state says: a restart must not look like health.
func (m *Metrics) Init(ctx context.Context, store state.Store, jobs []Job) error {
	last, err := LastRuns(ctx, store, jobs)
	if err != nil {
		return err
	}
	outcomes, err := outcomesOf(ctx, store)
	if err != nil {
		return err
	}
	holds := map[string]int{}
	for h, err := range store.Holds(ctx) {
		if err != nil {
			return fmt.Errorf("reading what waits: %w", err)
		}
		holds[h.Scope.Target]++
	}
	for _, job := range jobs {
		runs := last[job.Name]
		m.success.WithLabelValues(job.Name).Set(unixSeconds(runs.Success))
		m.attempt.WithLabelValues(job.Name).Set(unixSeconds(runs.Attempt))
		m.duration.WithLabelValues(job.Name)
		m.interval.WithLabelValues(job.Name)
		m.begun.WithLabelValues(job.Name)
		for _, result := range state.RunResults {
			m.runs.WithLabelValues(job.Name, result)
		}
		for _, target := range job.Targets {
			m.holds.WithLabelValues(target).Set(float64(holds[target]))
			counts := outcomes[target]
			if n := runs.Unmapped[target]; n > 0 {
				counts = maps.Clone(counts)
				if counts == nil {
					counts = map[Outcome]int{}
				}
				counts[Unmapped] = n
			}
			if runs.Failed {
				counts = allFailed(counts)
			}
			m.setScopes(target, counts)
			for _, action := range []plan.Action{plan.Create, plan.Update, plan.Delete, plan.Adopt} {
				for _, result := range changeResults {
					m.changes.WithLabelValues(target, string(action), result)
				}
			}
		}
	}
	for _, direction := range []string{"increase", "decrease"} {
		m.money.WithLabelValues(direction)
	}
	return nil
}

// Forget takes away the series of jobs and targets that are not configured any more: an alert on
// what a job has not done would never resolve.
func (m *Metrics) Forget(jobs, targets []string) {
	for _, job := range jobs {
		of := prometheus.Labels{"job": job}
		for _, vec := range []interface {
			DeletePartialMatch(prometheus.Labels) int
		}{m.duration, m.success, m.attempt, m.runs, m.interval, m.begun} {
			vec.DeletePartialMatch(of)
		}
	}
	for _, target := range targets {
		of := prometheus.Labels{"target": target}
		m.scopes.DeletePartialMatch(of)
		m.changes.DeletePartialMatch(of)
		m.holds.DeletePartialMatch(of)
	}
}

// Expect makes the ages of collections exist from the start: 0 until a run has read them.
func (m *Metrics) Expect(collections []string) {
	m.age.expect(collections)
}

// Scheduled says how far apart the slots of a job are at most.
func (m *Metrics) Scheduled(job string, every time.Duration) {
	m.interval.WithLabelValues(job).Set(every.Seconds())
}

// begin notes that a run is under way, and end that it is not any more.
func (m *Metrics) begin(r *run) {
	m.noteUnderWay(r, func(runs []time.Time) []time.Time { return append(runs, r.started) })
}

func (m *Metrics) end(r *run) {
	m.noteUnderWay(r, func(runs []time.Time) []time.Time {
		if i := slices.IndexFunc(runs, r.started.Equal); i >= 0 {
			runs = slices.Delete(runs, i, i+1)
		}
		return runs
	})
}

func (m *Metrics) noteUnderWay(r *run, change func([]time.Time) []time.Time) {
	if m == nil || r.mode != Apply {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, job := range r.sel.Jobs {
		runs := change(m.underWay[job.Name])
		m.underWay[job.Name] = runs
		oldest := time.Time{}
		if len(runs) > 0 {
			oldest = slices.MinFunc(runs, time.Time.Compare)
		}
		m.begun.WithLabelValues(job.Name).Set(unixSeconds(oldest))
	}
}

func unixSeconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.Unix())
}

// outcomesOf counts where the scopes of each target stand.
func outcomesOf(ctx context.Context, store state.Store) (map[string]map[Outcome]int, error) {
	all := map[string]map[Outcome]int{}
	for c, err := range store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if all[c.Scope.Target] == nil {
			all[c.Scope.Target] = map[Outcome]int{}
		}
		all[c.Scope.Target][Outcome(c.Outcome)]++
	}
	return all, nil
}

// allFailed are the counts after a run that failed as a whole: every linked scope
// counts as failed, and at least one does, or an alert on failed scopes would not fire.
func allFailed(counts map[Outcome]int) map[Outcome]int {
	failed := 0
	for o, n := range counts {
		if o != Unmapped {
			failed += n
		}
	}
	return map[Outcome]int{Failed: max(1, failed), Unmapped: counts[Unmapped]}
}

func (m *Metrics) setScopes(target string, counts map[Outcome]int) {
	for _, o := range Outcomes {
		m.scopes.WithLabelValues(target, string(o)).Set(float64(counts[o]))
	}
}

// changeResults are what can become of a change that was sent.
var changeResults = []string{"done", "failed", "moved", "unknown"}

func (m *Metrics) countChange(name string, action plan.Action, err error) {
	if m == nil {
		return
	}
	result := "done"
	switch {
	case errors.Is(err, rest.ErrOutcomeUnknown):
		result = "unknown"
	case errors.Is(err, target.ErrMoved):
		result = "moved"
	case err != nil:
		result = "failed"
	}
	m.changes.WithLabelValues(name, string(action), result).Inc()
}

// countRun counts a run that applied. A run over some customers does not know the
// whole and leaves the gauges as they are; after one that failed as a whole every
// linked scope counts as failed.
func (m *Metrics) countRun(ctx context.Context, r *run, err error) {
	if m == nil || r.mode != Apply {
		return
	}
	record := r.record(err)
	result, early := record.Result(), err != nil
	whole := r.sel.whole() && !r.stopped
	var known map[string]map[Outcome]int
	if early && whole {
		known, _ = outcomesOf(context.WithoutCancel(ctx), r.Store) // on an error allFailed still counts one
	}
	for _, job := range r.sel.Jobs {
		m.duration.WithLabelValues(job.Name).Observe(r.report.Finished.Sub(r.started).Seconds())
		m.attempt.WithLabelValues(job.Name).Set(unixSeconds(r.report.Finished))
		m.runs.WithLabelValues(job.Name, result).Inc()
		if whole && result == state.RunSuccess {
			m.success.WithLabelValues(job.Name).Set(unixSeconds(r.report.Finished))
		}
		if !whole {
			continue
		}
		for _, target := range job.Targets {
			if early {
				m.setScopes(target, allFailed(known[target]))
				continue
			}
			counts := map[Outcome]int{}
			for i := range r.report.Scopes {
				if r.report.Scopes[i].Target == target {
					counts[r.report.Scopes[i].Outcome]++
				}
			}
			m.setScopes(target, counts)
			m.holds.WithLabelValues(target).Set(float64(counts[Held]))
		}
	}
	if whole && err == nil {
		up, down := r.report.MonthlyDelta(r.Currency)
		m.money.WithLabelValues("increase").Set(up.InexactFloat64())
		m.money.WithLabelValues("decrease").Set(down.InexactFloat64())
	}
	m.age.update(r.oldest, whole, r.Now)
}
