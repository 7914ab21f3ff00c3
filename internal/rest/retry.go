package rest

import (
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An outcome is what happened to one attempt, and decides whether there is another:
//
//	                                          read, or write      POST, or
//	what happened                             of fixed values     any with Once
//	---------------------------------------   -----------------   ---------------
//	good answer                     accepted  done                done
//	not sent: dial, DNS, TLS        unsent    again               again
//	429; 503 with Retry-After       unsent    again, all wait     again, all wait
//	no answer, or half an answer    lost      again               outcome unknown *
//	408, 5xx that may pass          lost      again               outcome unknown *
//	2xx or 4xx that Classify        unready   reads again,        an error
//	calls temporary                           writes: an error
//	401                             renew     new credentials, once
//	any other                       refused   an error            an error
//
//	* of a write; a read with Once is just an error
//
// A write of fixed values (PUT, PATCH, DELETE without Once) that was lost once
// and is not answered well afterwards ends as outcome unknown too, whatever
// the last answer was: that one does not say what the lost one did.
type outcome int

const (
	accepted outcome = iota
	unsent
	lost
	unready
	renew
	refused
)

// outcomeOf returns the outcome of an answer. e is nil where it was accepted.
func outcomeOf(status int, e *Error) outcome {
	switch {
	case e == nil:
		return accepted
	case status == http.StatusUnauthorized:
		return renew
	case !e.Temporary:
		return refused
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && e.RetryAfter > 0:
		return unsent
	case status == http.StatusRequestTimeout, status >= 500:
		return lost
	}
	// By status alone neither a 2xx nor any other 4xx would be asked again; there
	// are systems that wrap a throttled answer of their own source into a 400.
	return unready
}

// longest is the longest wait after an attempt.
func (b Backoff) longest(attempt int) time.Duration {
	return time.Duration(min(float64(b.Base)*math.Pow(2, float64(attempt-1)), float64(b.Cap)))
}

// jitter spreads a wait over all of its length, so that workers which failed
// together do not come back together.
func jitter(d time.Duration) time.Duration { return rand.N(d + 1) }

// retryAfter reads Retry-After, or X-Retry-After: seconds or a date. It
// returns 0 where there is none that says anything.
//
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"Retry-After", "X-Retry-After"} {
		text := strings.TrimSpace(h.Get(name))
		if text == "" {
			continue
		}
		// Fractions are not in the standard, and are sent all the same.
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			if seconds > 0 && !math.IsInf(seconds, 0) {
				return time.Duration(min(math.Ceil(seconds*1e3)*1e6, float64(math.MaxInt64/2)))
			}
			continue
		}
		at, err := http.ParseTime(text)
		if err != nil {
			continue
		}
		// Their date against their clock, where they tell it: ours may be off.
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			now = date
		}
		if wait := at.Sub(now); wait > 0 {
			return wait
		}
	}
	return 0
}
