package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"syncd/internal/simulator/msp"
	"syncd/internal/sync"
)

// The names that dashboards and alerts rely on.
var contractMetrics = []string{"syncd_build_info", "syncd_run_duration_seconds", "syncd_run_last_success_timestamp_seconds",
	"syncd_run_last_attempt_timestamp_seconds", "syncd_scopes", "syncd_changes_total", "syncd_holds", "syncd_plan_monthly_delta",
	"syncd_http_requests_total", "syncd_http_request_duration_seconds", "syncd_rate_wait_seconds", "syncd_source_age_seconds", "syncd_runs_total", "syncd_renewals"}

func TestMetricsAreThoseOfTheContractAndLintClean(t *testing.T) {
	m := msp.New(time.Now)
	d := practising(t, m)
	w := d.app
	w.Jobs[0].Policy, w.Jobs[0].Limits.HoldFirst = "auto", false
	if _, err := w.Engine.Run(t.Context(), d.selection(everything), sync.Apply); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(w.Registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	families, err := w.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if strings.ContainsAny(l.GetValue(), "@") || strings.Contains(l.GetValue(), ".example") {
					t.Errorf("%s has label %s=%q: no names or addresses in labels", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	for _, want := range contractMetrics {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not exported", want)
		}
	}
}
