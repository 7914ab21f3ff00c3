// Package rest is the one way out of the program. A Client asks one system: it
// keeps to a list of allowed calls, pays every attempt from a bucket that all
// workers share, signs it anew, repeats what may be repeated and nothing else,
// reads the whole answer, and measures, logs and reports without showing a
// secret. It knows no vendor.
package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/secret"
	"syncd/internal/visible"
)

// Options say what a client asks, and how.
type Options struct {
	// System names it in errors, metrics and the log: cipp, connectwise.
	System string
	// BaseURL is where every request's path is joined to; see CheckURL.
	BaseURL *url.URL
	// Bucket pays for every attempt; nil limits nothing.
	Bucket *Bucket
	// Allow is every call the client may make. Any other is an ErrForbidden.
	Allow []Route

	// Sign puts credentials on a request, for every attempt anew and before it
	// waits for its turn. Its error ends the request and is returned as it is.
	// It may be called from many goroutines. nil signs nothing.
	Sign func(ctx context.Context, r *http.Request) error
	// Refused is told of a 401, once a request; then the request is signed and
	// sent once more. nil takes the first 401 for an answer, unless the request would be
	// signed otherwise by then: a key was changed while it waited for its turn.
	Refused func(ctx context.Context)
	// Keys are what Sign signs with. After a 401 they are read anew where they are kept.
	Keys []secret.String
	// Classify judges every answer but redirects. It returns nil, which
	// accepts a 2xx and leaves any other to Judge, or an *Error whose
	// Temporary decides whether it is worth repeating. nil means Judge.
	Classify func(*Response) error

	Metrics   *Metrics          // nil measures nothing
	Log       zerolog.Logger    // a debug line for every attempt
	Transport http.RoundTripper // nil means one that all such clients share

	MaxBody  int64         // most bytes of an answer, unpacked; 0 means 64 MiB
	Timeout  time.Duration // of one attempt; 0 means 60 s
	Attempts int           // most requests sent for one Do, besides one after a 401; 0 means 5
	Backoff  Backoff
	Breaker  Breaker
	// RequestID is the header in which the system names a request, for the
	// log and for its support; empty means X-Request-Id.
	RequestID string
}

// Backoff is how long to wait between attempts where the system does not say:
// a random time up to Base, doubled with every attempt, up to Cap.
type Backoff struct {
	Base time.Duration // 0 means 0.5 s
	Cap  time.Duration // 0 means 60 s
}

// A Client asks one system. It may be used by many goroutines.
type Client struct {
	system    string
	base      *url.URL
	bucket    *Bucket
	allow     []route
	sign      func(context.Context, *http.Request) error
	refused   func(context.Context)
	keys      []secret.String
	classify  func(*Response) error
	metrics   *Metrics
	log       zerolog.Logger
	transport http.RoundTripper
	traced    bool // the transport tells when it has a connection

	maxBody   int64
	timeout   time.Duration
	attempts  int
	backoff   Backoff
	breaker   *breaker
	requestID string
}

// New returns a client; nothing is sent yet.
func New(o Options) (*Client, error) {
	if o.System == "" || o.BaseURL == nil {
		return nil, errors.New("rest: a client needs a system's name and its base URL")
	}
	base, err := CheckURL(o.BaseURL.String())
	if err != nil {
		return nil, fmt.Errorf("%s: the base URL %w", o.System, err)
	}
	if len(o.Allow) == 0 {
		return nil, fmt.Errorf("%s: no call is allowed", o.System)
	}
	c := &Client{
		system: o.System, base: base, bucket: o.Bucket, sign: o.Sign, refused: o.Refused, keys: o.Keys, classify: o.Classify,
		metrics: o.Metrics, log: o.Log.With().Str("system", o.System).Logger(), transport: o.Transport,
		maxBody: cmp.Or(o.MaxBody, 64<<20), timeout: cmp.Or(o.Timeout, time.Minute), attempts: cmp.Or(o.Attempts, 5),
		backoff:   Backoff{Base: cmp.Or(o.Backoff.Base, 500*time.Millisecond), Cap: cmp.Or(o.Backoff.Cap, time.Minute)},
		requestID: cmp.Or(o.RequestID, "X-Request-Id"),
	}
	for _, r := range o.Allow {
		compiled, err := r.compile()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.System, err)
		}
		c.allow = append(c.allow, compiled)
	}
	if c.bucket == nil {
		c.bucket = NewBucket(Rate{}, o.Metrics, o.System)
	}
	if c.transport == nil {
		c.transport = shared()
	}
	_, c.traced = c.transport.(*http.Transport)
	c.breaker = newBreaker(o.Breaker, base.Host, c.log, func(until time.Time) { o.Metrics.noteBreaker(o.System, base.Host, until) })
	if o.Metrics.isLeftAlone(base.Host, time.Now()) {
		c.breaker.open()
	}
	return c, nil
}

// Do sends a request and returns the whole answer, which Classify accepted, or
// an error: an *Error, or what Sign returned.
//
// The error is ErrOutcomeUnknown where a write was sent and its outcome is unknown, ErrBreakerOpen or ErrForbidden where it did not leave, and the
// context's cause where ctx ended. It does not sleep past ctx's deadline.
// Without one, patience is Attempts times timeout and pause.
func (c *Client) Do(ctx context.Context, q Request) (*Response, error) {
	k, err := c.prepare(q)
	if err != nil {
		return nil, err
	}
	var (
		last           *Error // of the latest attempt that was sent
		outcomeUnknown bool   // an attempt at a write may have taken effect
		renewed        bool
	)
	for attempt, sent := 1, 0; ; attempt++ {
		t := c.try(ctx, k, attempt)
		if t.unsent != nil {
			return nil, c.finalError(k, last, t.unsent, outcomeUnknown)
		}
		sent++
		if t.outcome == accepted {
			t.response.Attempts = sent
			return t.response, nil
		}
		last = t.err
		last.Attempts = sent
		outcomeUnknown = outcomeUnknown || k.write && (t.outcome == lost || t.tooLarge)
		switch {
		case t.outcome == refused:
			return nil, c.finalError(k, last, nil, outcomeUnknown)
		case ctx.Err() != nil:
			return nil, c.finalError(k, last, contextErr(ctx), outcomeUnknown)
		case t.outcome == renew && !renewed && c.resigns(ctx, k, t):
			renewed = true
			attempt-- // a stale token is no failure of the system's
			continue
		case t.outcome == renew, t.outcome == lost && k.once, t.outcome == unready && (k.write || k.once), attempt >= c.attempts:
			return nil, c.finalError(k, last, nil, outcomeUnknown)
		case t.paused:
			continue // the wait is the bucket's
		}
		wait := max(jitter(c.backoff.longest(attempt)), min(last.RetryAfter, maxPause))
		if now := time.Now(); last.RetryAfter > 0 && c.notePause(last, now, now.Add(wait)) {
			c.log.Warn().Int("status", last.Status).Int64("wait_ms", wait.Milliseconds()).Int64("asked_ms", last.RetryAfter.Milliseconds()).
				Msg("asked to come back later")
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, c.finalError(k, last, err, outcomeUnknown)
		}
	}
}

// resigns reports whether a refused request is signed otherwise from now on.
func (c *Client) resigns(ctx context.Context, k *call, t *try) bool {
	if c.refused != nil {
		c.refused(ctx)
		return true
	}
	for _, key := range c.keys {
		_ = key.Renew(ctx) // where that fails the key stays what it was
	}
	r, err := c.build(ctx, k)
	return err == nil && !maps.EqualFunc(r.Header, t.header, slices.Equal)
}

// finalError returns the error of Do: of the last attempt that was sent, if any, with why
// there is no further one.
func (c *Client) finalError(k *call, last *Error, why error, outcomeUnknown bool) error {
	open, isOpen := why.(*Error) // the breaker's
	_, isStop := why.(*contextError)
	_, isLate := why.(*deadlineError)
	switch {
	case last == nil && isOpen:
		last = open
	case last == nil && (isStop || isLate):
		last = &Error{Message: visible.Line(why.Error()), Temporary: true, Err: why}
	case last == nil:
		return why // what Sign says is for the system's own code to read
	case why != nil:
		last = last.withCauses(why)
		// A request that we broke off says so already.
		if text := visible.Line(why.Error()); !strings.Contains(last.Message, text) {
			last.Message = cmp.Or(last.Message, http.StatusText(last.Status)) + "; not tried again: " + text
		}
		if isOpen {
			last.RetryAfter = open.RetryAfter
		}
	}
	if outcomeUnknown {
		last = last.withCauses(ErrOutcomeUnknown)
	}
	last.System, last.Method, last.Path = cmp.Or(last.System, c.system), cmp.Or(last.Method, k.method), cmp.Or(last.Path, k.path)
	return last
}
