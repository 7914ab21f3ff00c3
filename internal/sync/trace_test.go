package sync

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"
)

// A run is a span with one for each scope below it, and its log lines name their trace. Nothing in
// them is a name.
func TestARunAndItsScopesAreSpans(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	defer otel.SetTracerProvider(noop.NewTracerProvider())
	f := newFixture(t)
	var logged bytes.Buffer
	f.engine.Log = zerolog.New(&logged)
	report := f.run(PlanOnly)
	var got []string
	var root tracetest.SpanStub
	for _, s := range spans.GetSpans() {
		if s.Name == "run" {
			root = s
		}
	}
	for _, s := range spans.GetSpans() {
		line := s.Name
		for _, a := range s.Attributes {
			line += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
		}
		if s.Name == "scope" && s.Parent.SpanID() != root.SpanContext.SpanID() {
			t.Errorf("%s is not below its run", line)
		}
		got = append(got, line)
	}
	slices.Sort(got)
	want := []string{"run run=" + report.Run + " job=" + report.Job + " trigger=command plan_only=true"}
	for _, s := range report.Scopes {
		want = append(want, fmt.Sprintf("scope customer=%s target=%s outcome=%s", s.Customer.Key, s.Target, s.Outcome))
	}
	slices.Sort(want)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if id := root.SpanContext.TraceID().String(); !strings.Contains(logged.String(), `"trace_id":"`+id+`"`) {
		t.Errorf("the log does not name the trace %s:\n%s", id, logged.String())
	}
}
