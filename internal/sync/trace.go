package sync

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// tracer makes spans; where nobody collects any it makes none.
func tracer() trace.Tracer { return otel.Tracer("syncd/internal/sync") }

// traced begins the span of a run, and has the run's log lines carry its trace.
func (r *run) traced(ctx context.Context) (context.Context, trace.Span) {
	ctx, span := tracer().Start(ctx, "run", trace.WithAttributes(attribute.String("run", r.id), attribute.String("job", r.report.Job), attribute.String("trigger", r.sel.Trigger),
		attribute.Bool("plan_only", r.mode != Apply)))
	if c := span.SpanContext(); c.IsValid() {
		r.log = r.log.With().Str("trace_id", c.TraceID().String()).Logger()
	}
	return ctx, span
}

// traced plans and applies within a span. Why it ended so is in the journal and the log: that may
// name people.
func (s *scopeRun) traced(ctx context.Context) error {
	ctx, span := tracer().Start(ctx, "scope", trace.WithAttributes(attribute.String("customer", s.customer.Key), attribute.String("target", s.target.spec.Name)))
	defer span.End()
	err := s.planAndApply(ctx)
	span.SetAttributes(attribute.String("outcome", string(s.report.Outcome)))
	if err != nil || s.report.Outcome == Failed || s.report.Outcome == Partial {
		span.SetStatus(codes.Error, string(s.report.Outcome))
	}
	return err
}

// endTrace ends the span of a run.
func endTrace(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "ended early")
	}
	span.End()
}
