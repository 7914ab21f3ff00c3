package tracing_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"syncd/internal/tracing"
)

func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	stop, err := tracing.Start(t.Context(), func(string) string { return "" }, "1", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, span := otel.Tracer("x").Start(t.Context(), "run"); span.SpanContext().IsValid() {
		t.Error("a span was made")
	}
}

func TestSpansReachTheCollector(t *testing.T) {
	var mu sync.Mutex
	var got []string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.URL.Path+" "+string(body))
	}))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	getenv := func(name string) string {
		if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
			return collector.URL
		}
		return ""
	}
	stop, err := tracing.Start(t.Context(), getenv, "9.9", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	_, span := otel.Tracer("x").Start(context.Background(), "run", trace.WithAttributes(attribute.String("run", "01J")))
	if !span.SpanContext().IsValid() {
		t.Error("no span was made")
	}
	span.End()
	stop()
	mu.Lock()
	all := strings.Join(got, "\n")
	mu.Unlock()
	for _, want := range []string{"POST /v1/traces ", "service.name", "syncd", "9.9", "01J"} {
		if !strings.Contains(all, want) {
			t.Errorf("got no %q in %q", want, all)
		}
	}

	// One that is away keeps nobody waiting.
	stop, err = tracing.Start(t.Context(), getenv, "9.9", zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	collector.Close()
	began := time.Now()
	for range 100 {
		_, span := otel.Tracer("x").Start(context.Background(), "run")
		span.End()
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("a hundred spans took %s", took)
	}
	stop()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the end took %s", took)
	}
}
