package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"syncd/internal/simulator/msp"
	"syncd/internal/sync"
)

// metricRow is a line of the table in docs/metrics.md.
var metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|([^|]*)\\| ([a-z]+) \\| ")

// documentedMetrics are those of the table, as name{labels} type.
func documentedMetrics(t *testing.T) (rows []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metricRow.FindAllStringSubmatch(string(page), -1) {
		labels := strings.Split(strings.NewReplacer("`", "", " ", "").Replace(m[2]), ",")
		slices.Sort(labels)
		rows = append(rows, fmt.Sprintf("%s{%s} %s", m[1], strings.Join(labels, ","), m[3]))
	}
	slices.Sort(rows)
	return rows
}

// exportedMetrics are those that a daemon exports; of what every Go program has, those that
// the table names.
func exportedMetrics(t *testing.T, d demo, documented []string) (rows []string) {
	t.Helper()
	families, err := d.app.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		labels := map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
				if strings.ContainsAny(l.GetValue(), "@ ") || strings.Contains(l.GetValue(), ".example") {
					t.Errorf("%s has label %s=%q: no names or addresses in labels", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
		row := fmt.Sprintf("%s{%s} %s", f.GetName(), strings.Join(slices.Sorted(maps.Keys(labels)), ","), strings.ToLower(f.GetType().String()))
		if strings.HasPrefix(f.GetName(), "syncd_") || slices.Contains(documented, row) {
			rows = append(rows, row)
		}
	}
	return rows
}

// What rules, dashboards and people rely on stands in docs/metrics.md, and is there before
// anything happened.
func TestEveryMetricIsDocumentedAndThereFromTheStart(t *testing.T) {
	d := practising(t, msp.New(time.Now, practice...))
	d.app.Config.Listen = "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	up, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- d.app.Serve(ctx, daemon(func(addr string) { up <- addr })) }()
	select {
	case <-up:
	case err := <-ended:
		t.Fatal(err)
	}
	defer func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	want := documentedMetrics(t)
	compare := func(when string) {
		t.Helper()
		got := exportedMetrics(t, d, want)
		for _, row := range want {
			if !slices.Contains(got, row) {
				t.Errorf("%s: docs/metrics.md has %s, which is not exported", when, row)
			}
		}
		for _, row := range got {
			if !slices.Contains(want, row) {
				t.Errorf("%s: %s is not in docs/metrics.md", when, row)
			}
		}
		if problems, err := testutil.GatherAndLint(d.app.Registry); err != nil || len(problems) > 0 {
			t.Errorf("%s: lint: %v %v", when, problems, err)
		}
	}
	compare("from the start")
	d.app.Jobs[0].Policy, d.app.Jobs[0].Limits.HoldFirst = "auto", false
	if _, err := d.app.Engine.Run(t.Context(), d.selection(everything), sync.Apply); err != nil {
		t.Fatal(err)
	}
	compare("after a run")
}
