package rest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"syncd/internal/visible"
)

// A try is one attempt: unsent is why it was not sent; otherwise outcome is what happened
// to it, with a response where it was accepted and an error where not.
type try struct {
	unsent   error
	outcome  outcome
	response *Response
	err      *Error
	granted  time.Time // when it was let go
	header   http.Header
	tooLarge bool
	paused   bool // the bucket pauses all requests for a while
}

// signatureLife is how long a signed request may wait for the bucket before it is signed
// again. Signing comes before the wait because fetching a token takes time: requests
// that the bucket lets go one by one would all wait for the token and leave together.
const signatureLife = 20 * time.Second

func (c *Client) try(ctx context.Context, k *call, attempt int) *try {
	if ctx.Err() != nil {
		return &try{unsent: contextErr(ctx)}
	}
	if open := c.breaker.refuse(); open != nil {
		return &try{unsent: open}
	}
	r, err := c.build(ctx, k)
	if err != nil {
		return &try{unsent: err}
	}
	asked := time.Now()
	release, err := c.bucket.Take(ctx)
	if err != nil {
		return &try{unsent: err}
	}
	defer release()
	waited := time.Since(asked)
	if waited > signatureLife {
		if r, err = c.build(ctx, k); err != nil {
			return &try{unsent: err}
		}
	}
	done, open := c.breaker.allow()
	if open != nil {
		return &try{unsent: open}
	}
	if k.gate != nil {
		if err := k.gate(ctx); err != nil {
			done(errNotCounted)
			return &try{unsent: err}
		}
	}
	t := &try{granted: time.Now(), header: r.Header}
	calling, span := otel.Tracer("syncd/internal/rest").Start(ctx, k.method+" "+c.system, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("system", c.system), attribute.String("http.request.method", k.method), attribute.String("url.template", k.pattern), attribute.Int("attempt", attempt)))
	status, took, id := c.send(calling, k, r, t)
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if t.err != nil {
		span.SetStatus(codes.Error, "") // what a system says may name people
	}
	span.End()
	switch {
	case t.outcome == accepted:
		done(nil)
	case ctx.Err() != nil:
		done(errNotCounted)
	case status == 0, status >= 500 && t.err.Temporary:
		done(errFailed)
	default:
		done(nil)
	}
	// Before the slot is released, and also where this request is not repeated: the
	// pause is for all requests.
	t.paused = t.err != nil && c.pauseIfThrottled(t, status, attempt)
	c.metrics.sent(c.system, k.method, status, took)
	if e := c.log.Debug(); e.Enabled() {
		e.Str("method", k.method).Str("path", k.pattern).Int("status", status).Int("attempt", attempt).
			Int64("wait_ms", waited.Milliseconds()).Int64("duration_ms", took.Milliseconds())
		if id != "" {
			e.Str("request_id", id)
		}
		if s := span.SpanContext(); s.IsValid() {
			e.Str("trace_id", s.TraceID().String())
		}
		if t.err != nil && status == 0 {
			e.Str("reason", t.err.Message)
		}
		e.Msg("request sent")
	}
	return t
}

// pauseIfThrottled pauses the bucket where the system refused too many requests, and
// reports whether it did.
func (c *Client) pauseIfThrottled(t *try, status, attempt int) bool {
	now := time.Now()
	switch {
	case status == http.StatusTooManyRequests:
		until, strike := c.bucket.noteThrottled(t.granted, now.Add(cmp.Or(t.err.RetryAfter, c.backoff.longest(attempt))))
		if c.notePause(t.err, now, until) || strike {
			c.log.Warn().Int("status", status).Int64("wait_ms", until.Sub(now).Milliseconds()).Int64("asked_ms", t.err.RetryAfter.Milliseconds()).
				Float64("speed", c.bucket.speed()).Msg("asked to slow down")
		}
		return true
	case status == http.StatusServiceUnavailable && t.err.RetryAfter > 0:
		until := c.bucket.Pause(now.Add(t.err.RetryAfter))
		if c.notePause(t.err, now, until) {
			c.log.Warn().Int("status", status).Int64("wait_ms", until.Sub(now).Milliseconds()).Int64("asked_ms", t.err.RetryAfter.Milliseconds()).
				Msg("asked to come back later")
		}
		return true
	}
	return false
}

// notePause records in the metrics that no requests are sent until a moment, and reports
// whether that is news.
func (c *Client) notePause(e *Error, now, until time.Time) (news bool) {
	why := fmt.Sprintf("it answered %d", e.Status)
	if asked := e.RetryAfter; asked > 0 {
		why += " and asked for " + asked.Round(time.Second).String()
		if until.Sub(now) < asked-time.Second {
			why += fmt.Sprintf("; syncd waits %s at a time", maxPause)
		}
	}
	return c.metrics.notePause(Pause{System: c.system, Until: until, Why: why}, now)
}

// build makes the signed request of one attempt.
func (c *Client) build(ctx context.Context, k *call) (*http.Request, error) {
	u := *k.url
	r := (&http.Request{
		Method: k.method, URL: &u, Host: u.Host, Header: k.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if k.hasBody {
		r.ContentLength = int64(len(k.body))
		// With it the transport may begin again where it has not written a byte.
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(k.body)), nil }
		r.Body, _ = r.GetBody()
		if len(k.body) == 0 {
			r.Body = http.NoBody
		}
	}
	if c.sign == nil {
		return r, nil
	}
	if err := c.sign(ctx, r); err != nil {
		return nil, err
	}
	return r, nil
}

// A timeoutError is an attempt that took too long. It is no context.DeadlineExceeded: the
// caller's context has not ended.
type timeoutError struct{ after time.Duration }

func (s *timeoutError) Error() string { return fmt.Sprintf("timed out after %s", s.after) }

// send sends the request, reads the answer and fills in t. status is 0 where
// no whole answer came.
func (c *Client) send(ctx context.Context, k *call, r *http.Request, t *try) (status int, took time.Duration, id string) {
	ctx, cancel := context.WithTimeoutCause(ctx, k.timeout, &timeoutError{k.timeout})
	defer cancel()
	var connected atomic.Int32
	if c.traced {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
			// The transport repeats a GET by itself when the server had just
			// closed the connection it came on. That is a request like any other.
			if connected.Add(1) > 1 {
				_ = c.bucket.pay(ctx) // ctx at its end ends the request as well
			}
		}})
	}
	started := time.Now()
	answer, err := c.transport.RoundTrip(r.WithContext(ctx))
	var body []byte
	if err == nil {
		id = c.requestIDOf(answer.Header)
		if answer.Body == nil {
			answer.Body = http.NoBody // net/http never does that; transports of other makes do
		}
		body, err = read(ctx, answer, c.maxBody, c.bucket.bodies)
		// What is left of a body that is too large is not worth reading on for.
		answer.Body.Close()
	}
	took = time.Since(started)
	if err != nil {
		t.err = &Error{System: c.system, Method: k.method, Path: k.path, Temporary: true, RequestID: id, Err: err}
		// The attempt's own deadline must not look like the caller's.
		if late, ok := context.Cause(ctx).(*timeoutError); ok {
			t.err.Err = late
		}
		text := describe(ctx, err)
		switch {
		case errors.Is(err, errTooLarge):
			t.outcome, t.tooLarge, t.err.Temporary = refused, true, false
			status = answer.StatusCode
			t.err.Status = status
		case answer != nil:
			t.outcome, text = lost, "the answer broke off: "+text
		case neverLeft(err) || c.traced && connected.Load() == 0:
			t.outcome = unsent
			t.err.Remedy = "check that this machine reaches " + k.url.Hostname()
			if untrusted(err) {
				t.err.Remedy = "check that " + k.url.Hostname() + " is the right host and that this machine knows its certificate authority"
			}
		default:
			t.outcome, text = lost, "no answer: "+text
		}
		t.err.Message = visible.Clip(secretsOf(k, r).hide(visible.Line(text)), excerptRunes)
		return status, took, id
	}
	t.response = &Response{Status: answer.StatusCode, Header: answer.Header, Body: body, Method: k.method, Path: k.path,
		Started: started, Elapsed: took, system: c.system}
	c.metrics.noteClock(t.response)
	t.err = c.classifyResponse(k, t.response, r)
	t.outcome = outcomeOf(answer.StatusCode, t.err)
	return answer.StatusCode, took, id
}

// describe returns why a request failed, without the URL that net/http puts before it.
func describe(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return context.Cause(ctx).Error()
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return err.Error()
}

// requestIDOf returns the system's own id of a request, cut to what a log line takes.
func (c *Client) requestIDOf(h http.Header) string {
	return visible.Clip(visible.Line(h.Get(c.requestID)), 100)
}
