package sync

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"syncd/internal/plan"
	"syncd/internal/rest"
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
	age      *prometheus.GaugeVec
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
			Help: "Scopes by outcome in the last run over all customers."}, []string{"target", "outcome"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "syncd_changes_total",
			Help: "Changes sent to targets, by what became of them."}, []string{"target", "action", "result"}),
		holds: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_holds",
			Help: "Scopes that wait for a person, as of the last run over all customers."}, []string{"target"}),
		money: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_plan_monthly_delta",
			Help: "What the plans of the last run do to the monthly bills, in the configured currency."}, []string{"direction"}),
		age: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_source_age_seconds",
			Help: "Age at the source of the oldest proven answer used by the last run."}, []string{"collection"}),
	}
	reg.MustRegister(m.duration, m.success, m.attempt, m.scopes, m.changes, m.holds, m.money, m.age)
	return m
}

// Known makes the series of a job and its targets exist from the start, so
// that an alert can tell "never ran" from "not configured".
func (m *Metrics) Known(job Job, lastSuccess, lastAttempt time.Time) {
	for gauge, at := range map[*prometheus.GaugeVec]time.Time{m.success: lastSuccess, m.attempt: lastAttempt} {
		seconds := 0.0
		if !at.IsZero() {
			seconds = float64(at.Unix())
		}
		gauge.WithLabelValues(job.Name).Set(seconds)
	}
	m.duration.WithLabelValues(job.Name)
	for _, target := range job.Targets {
		m.holds.WithLabelValues(target).Add(0)
		for _, o := range Outcomes {
			m.scopes.WithLabelValues(target, string(o)).Add(0)
		}
	}
}

func (m *Metrics) changed(target string, action plan.Action, err error) {
	if m == nil {
		return
	}
	result := "done"
	switch {
	case errors.Is(err, rest.ErrOutcomeUnknown):
		result = "unknown"
	case errors.Is(err, plan.ErrMoved):
		result = "moved"
	case err != nil:
		result = "failed"
	}
	m.changes.WithLabelValues(target, string(action), result).Inc()
}

// ran counts a run that applied. A run over a part of the estate says nothing
// of the whole and leaves the gauges alone.
func (m *Metrics) ran(r *run, err error) {
	if m == nil || r.mode != Apply {
		return
	}
	well := r.report.Totals[Failed]+r.report.Totals[Partial] == 0
	whole := err == nil && r.sel.whole()
	for _, job := range r.sel.Jobs {
		m.duration.WithLabelValues(job.Name).Observe(r.report.Finished.Sub(r.started).Seconds())
		m.attempt.WithLabelValues(job.Name).Set(float64(r.report.Finished.Unix()))
		if whole && well {
			m.success.WithLabelValues(job.Name).Set(float64(r.report.Finished.Unix()))
		}
		if !whole {
			continue
		}
		for _, target := range job.Targets {
			counts := map[Outcome]int{}
			for i := range r.report.Scopes {
				if r.report.Scopes[i].Target == target {
					counts[r.report.Scopes[i].Outcome]++
				}
			}
			for _, o := range Outcomes {
				m.scopes.WithLabelValues(target, string(o)).Set(float64(counts[o]))
			}
			m.holds.WithLabelValues(target).Set(float64(counts[Held]))
		}
	}
	if whole {
		up, down := r.report.MonthlyDelta(r.Currency)
		m.money.WithLabelValues("increase").Set(up.InexactFloat64())
		m.money.WithLabelValues("decrease").Set(down.InexactFloat64())
	}
	for collection, oldest := range r.oldest {
		m.age.WithLabelValues(collection).Set(r.Now().Sub(oldest).Seconds())
	}
}
