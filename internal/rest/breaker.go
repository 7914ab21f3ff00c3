package rest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/sony/gobreaker/v2"
)

// Breaker says when a host that keeps failing is left alone. Only lost
// connections and 5xx count, and only in a row: one good answer starts anew.
type Breaker struct {
	Failures int           // in a row; 0 means 20, negative never
	Rest     time.Duration // before one request may try again; 0 means 30 s
}

type breaker struct {
	gate  *gobreaker.TwoStepCircuitBreaker[struct{}] // nil never opens
	until atomic.Pointer[time.Time]                  // when an open one lets one through
	host  string
}

// errNobody is for gobreaker's books: the attempt failed.
var errNobody = errors.New("failed")

// errNoMatter is for its books too: the attempt says nothing about the host.
var errNoMatter = errors.New("ended by ourselves")

func newBreaker(o Breaker, host string, log zerolog.Logger) *breaker {
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
		IsExcluded:  func(err error) bool { return err == errNoMatter },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				until := time.Now().Add(o.Rest)
				b.until.Store(&until)
				log.Warn().Str("host", host).Int64("wait_ms", o.Rest.Milliseconds()).Msg("host keeps failing and is left alone")
			case gobreaker.StateClosed:
				log.Info().Str("host", host).Msg("host answers again")
			}
		},
	})
	return b
}

// closed returns why no request may leave, or nil. It spends no probe.
func (b *breaker) closed() *Error {
	if b.gate == nil || b.gate.State() != gobreaker.StateOpen {
		return nil
	}
	return b.refusal()
}

// allow lets a request through, and wants to be told what became of it: nil,
// errNobody or errNoMatter.
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
