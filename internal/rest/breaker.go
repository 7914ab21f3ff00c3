package rest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/sony/gobreaker/v2"
)

// Breaker says when requests to a failing host stop. Only lost connections and 5xx count,
// and only consecutive ones: a good answer resets the count.
type Breaker struct {
	Failures int           // in a row; 0 means 20, negative never
	Rest     time.Duration // before one request may try again; 0 means 30 s
}

type breaker struct {
	gate  *gobreaker.TwoStepCircuitBreaker[struct{}] // nil never opens
	until atomic.Pointer[time.Time]                  // when an open one lets one through
	host  string
}

// errFailed tells gobreaker that the attempt failed.
var errFailed = errors.New("failed")

// errNotCounted tells gobreaker not to count the attempt: its context ended.
var errNotCounted = errors.New("ended by ourselves")

// newBreaker makes the breaker of a host; note is told until when the host is left alone, and with
// the zero time that it answers again.
func newBreaker(o Breaker, host string, log zerolog.Logger, note func(until time.Time)) *breaker {
	if o.Failures == 0 {
		o.Failures = 20
	}
	if o.Rest <= 0 {
		o.Rest = 30 * time.Second
	}
	b := &breaker{host: host}
	if o.Failures < 0 {
		return b
	}
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        host,
		MaxRequests: 1,
		Timeout:     o.Rest,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= uint32(o.Failures) },
		IsExcluded:  func(err error) bool { return err == errNotCounted },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				until := time.Now().Add(o.Rest)
				b.until.Store(&until)
				note(until)
				log.Warn().Str("host", host).Int64("wait_ms", o.Rest.Milliseconds()).Msg("host keeps failing and is left alone")
			case gobreaker.StateClosed:
				note(time.Time{})
				log.Info().Str("host", host).Msg("host answers again")
			}
		},
	})
	return b
}

// open has the breaker open, as it is where another client found out before that the host keeps failing.
func (b *breaker) open() {
	for b.gate != nil && b.gate.State() == gobreaker.StateClosed {
		if done, err := b.gate.Allow(); err == nil {
			done(errFailed)
		}
	}
}

// refuse returns why no request may be sent, or nil. It does not use up the probe.
func (b *breaker) refuse() *Error {
	if b.gate == nil || b.gate.State() != gobreaker.StateOpen {
		return nil
	}
	return b.refusal()
}

// allow lets a request through; done must be called with its result: nil, errFailed or
// errNotCounted.
func (b *breaker) allow() (done func(error), refused *Error) {
	if b.gate == nil {
		return func(error) {}, nil
	}
	done, err := b.gate.Allow()
	if err != nil {
		return nil, b.refusal()
	}
	return done, nil
}

func (b *breaker) refusal() *Error {
	e := &Error{Temporary: true, Err: ErrBreakerOpen}
	at := b.until.Load()
	if left := time.Until(*at); left > 0 {
		e.RetryAfter = left
		e.Message = fmt.Sprintf("%s keeps failing and is left alone; it is asked again in %s, at %s", b.host, left.Round(time.Second), at.UTC().Format("15:04:05 UTC"))
	} else {
		e.Message = fmt.Sprintf("%s keeps failing and is left alone; one request is finding out whether it answers again", b.host)
	}
	return e
}
