// Package tracing sends spans of runs, their scopes and their calls to an OpenTelemetry collector,
// where the environment names one. Spans hold ids and numbers, no names and no secrets.
package tracing

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The variables that name a collector. Others of OpenTelemetry (OTEL_EXPORTER_OTLP_HEADERS,
// OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME) are read by its own libraries.
var endpoints = []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}

// patience is how long the end of the program waits for the last spans.
const patience = 5 * time.Second

// Start has spans sent from here on where the environment names a collector, and returns what sends
// the last of them. A collector that is away keeps nobody waiting: its spans are dropped.
func Start(ctx context.Context, getenv func(string) string, version string, log zerolog.Logger) (stop func(), err error) {
	on := false
	for _, name := range endpoints {
		on = on || getenv(name) != ""
	}
	if !on {
		return func() {}, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w; correct OTEL_EXPORTER_OTLP_ENDPOINT, such as http://127.0.0.1:4318, or take it out", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "syncd"), attribute.String("service.version", version)), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn().Err(err).Msg("spans not taken by the collector") }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	otel.SetTracerProvider(provider)
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn().Err(err).Msg("last spans not taken by the collector")
		}
	}, nil
}
