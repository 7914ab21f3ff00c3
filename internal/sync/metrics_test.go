package sync

import (
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// gauges are the values of some series.
func gauges(t *testing.T, m *Metrics) string {
	t.Helper()
	value := func(c prometheus.Collector) int { return int(testutil.ToFloat64(c)) }
	return fmt.Sprintf("in_step %d, failed %d, held %d, holds %d, succeeded %t",
		value(m.scopes.WithLabelValues("fake", string(InStep))), value(m.scopes.WithLabelValues("fake", string(Failed))),
		value(m.scopes.WithLabelValues("fake", string(Held))), value(m.holds.WithLabelValues("fake")), value(m.success.WithLabelValues("licences")) > 0)
}

func TestMetricsSayWhatTheStateSaysFromTheStart(t *testing.T) {
	w := newFixture(t)
	restarted := func() string {
		t.Helper()
		w.reopen()
		if err := w.engine.Metrics.Init(t.Context(), w.store, []Job{w.job}); err != nil {
			t.Fatal(err)
		}
		return gauges(t, w.engine.Metrics)
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	want("nothing was run", restarted(), "in_step 0, failed 0, held 0, holds 0, succeeded false")
	w.apply()
	want("first plans wait", gauges(t, w.engine.Metrics), "in_step 0, failed 0, held 2, holds 2, succeeded true")
	want("first plans wait, restarted", restarted(), "in_step 0, failed 0, held 2, holds 2, succeeded true")
	w.approve()
	w.apply()
	w.apply()
	want("in step, restarted", restarted(), "in_step 2, failed 0, held 0, holds 0, succeeded true")

	w.sourceErr = errors.New("CIPP is down")
	if _, err := w.engine.Run(t.Context(), Selection{Jobs: []Job{w.job}, Trigger: "schedule"}, Apply); err == nil {
		t.Fatal("the run went well")
	}
	want("a run that failed as a whole", gauges(t, w.engine.Metrics), "in_step 0, failed 2, held 0, holds 0, succeeded true")
	if got := testutil.ToFloat64(w.engine.Metrics.runs.WithLabelValues("licences", "failed")); got != 1 {
		t.Errorf("%v failed runs are counted, want 1", got)
	}
	want("a run that failed as a whole, restarted", restarted(), "in_step 0, failed 2, held 0, holds 0, succeeded true")
	w.sourceErr = nil
	w.apply()
	w.unproven = map[directory.TenantID]error{contoso: errors.New("no"), fabrikam: errors.New("no")}
	w.apply()
	if got := testutil.ToFloat64(w.engine.Metrics.runs.WithLabelValues("licences", "failed")); got != 1 { // since the restart
		t.Errorf("proven for nobody: %v failed runs are counted, want 1", got)
	}
	w.unproven = nil
	w.apply()
	want("and it is well again", gauges(t, w.engine.Metrics), "in_step 2, failed 0, held 0, holds 0, succeeded true")

	if n := testutil.CollectAndCount(w.engine.Metrics.runs); n != len(state.RunResults) {
		t.Errorf("%d results are exported, want all %d, those that never came about at 0", n, len(state.RunResults))
	}
}

func TestCustomersWithoutALinkAreCountedFromTheStart(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	w.table.Rows[1].Status = mapping.Unmapped
	w.apply()
	w.reopen()
	if err := w.engine.Metrics.Init(t.Context(), w.store, []Job{w.job}); err != nil {
		t.Fatal(err)
	}
	if got := testutil.ToFloat64(w.engine.Metrics.scopes.WithLabelValues("fake", string(Unmapped))); got != 1 {
		t.Errorf("%v customers without a link, want 1", got)
	}
}

func TestARunOfSeveralJobsCountsForEach(t *testing.T) {
	w := newFixture(t)
	w.job.Limits.HoldFirst = false
	other := w.job
	other.Name = "nightly"
	if _, err := w.engine.Run(t.Context(), Selection{Jobs: []Job{w.job, other}, Trigger: "command"}, Apply); err != nil {
		t.Fatal(err)
	}
	if _, err := w.engine.Run(t.Context(), Selection{Jobs: []Job{other}, Customer: string(contoso), Trigger: "command"}, Apply); err != nil {
		t.Fatal(err)
	}
	runs, err := LastRuns(t.Context(), w.store, []Job{w.job, other})
	if err != nil {
		t.Fatal(err)
	}
	a, b := runs["licences"], runs["nightly"]
	if a.Success.IsZero() || !a.Success.Equal(b.Success) || !b.Attempt.After(a.Attempt) {
		t.Errorf("got %+v and %+v; want one success of both, and a later attempt of a part", a, b)
	}
}
