package rest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxPause bounds what a Retry-After can do to us: a misprint must not
	// stop a daemon for a month.
	maxPause = time.Hour
	// strikeMemory: a second 429 within this time of the last is no accident.
	strikeMemory = 5 * time.Minute
	// maxSlow: never slower than an eighth of the rate.
	maxSlow = 8.0
	// Without another 429 the rate creeps back by a quarter every easeEvery.
	easeEvery = time.Minute
	easeBy    = 1.25
)

// A Bucket limits the requests to one system, for all jobs and workers: their rate, the
// number under way at once, and the pauses that the system asks for. It may be used by many goroutines.
//
// It is a GCRA: tat is when the bucket will be full again, and a request may
// leave while that is less than a burst away. Grants are computed from the
// clock at the moment of leaving, by one waiter at a time and in order of
// arrival. Handing out reservations for the future instead, as
// golang.org/x/time/rate does, lets late sleepers of a busy machine leave
// together, and the system sees more than it allows.
type Bucket struct {
	turn   chan struct{} // held by the one who leaves next; others queue here
	slots  slots
	waits  prometheus.Observer
	bodies *memoryBudget // memory for what comes back

	mu       sync.Mutex
	rate     Rate
	interval time.Duration // between two requests at full speed; 0 = no rate
	burst    int
	tat      time.Time
	slow     float64   // the interval is stretched by this; 1 = full speed
	struck   time.Time // the end of the pause of the last strike
	eased    time.Time // when slow last changed
}

// NewBucket returns a bucket for one system. A Rate without a speed limits
// nothing but what is under way at once. m may be nil.
func NewBucket(r Rate, m *Metrics, system string) *Bucket {
	b := &Bucket{turn: make(chan struct{}, 1), rate: r, interval: r.interval(), burst: max(r.Burst, 1), slow: 1, waits: m.waits(system), bodies: newMemoryBudget()}
	b.slots.limit = r.Concurrency
	m.note(system, b)
	return b
}

// SetRate has the bucket limit to another rate from now on. No token is won by that, and a
// pause lasts as long as it was to.
func (b *Bucket) SetRate(r Rate) {
	b.slots.setLimit(r.Concurrency)
	b.mu.Lock()
	defer b.mu.Unlock()
	if r == b.rate {
		return
	}
	now := time.Now()
	interval := b.slowedInterval(now)
	tolerance, ahead := b.tolerance(interval), max(b.tat.Sub(now), 0)
	b.rate, b.interval, b.burst = r, r.interval(), max(r.Burst, 1)
	slowed := b.slowedInterval(now)
	switch {
	case ahead > tolerance: // nothing may leave before a moment, which stays
		b.tat = now.Add(ahead - tolerance + b.tolerance(slowed))
	case interval > 0: // so many tokens are there, as far as the bucket still has room
		tokens := float64(tolerance-ahead) / float64(interval)
		b.tat = now.Add(max(0, b.tolerance(slowed)-time.Duration(tokens*float64(slowed))))
	}
}

// Take waits until one request may leave. The caller sends it at once and
// calls release when it is over, answer read; calling it again does nothing.
//
// It returns the context's cause when ctx ends first, and at once an error
// that is context.DeadlineExceeded when the turn is known to come too late.
func (b *Bucket) Take(ctx context.Context) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, contextErr(ctx)
	}
	started := time.Now()
	// First the slot, then the token: a token in the hand of one who still
	// waits for a slot would leave together with the tokens paid after it.
	if err := b.slots.take(ctx); err != nil {
		return nil, err
	}
	release = sync.OnceFunc(b.slots.release)
	if err := b.pay(ctx); err != nil {
		release()
		return nil, err
	}
	b.waits.Observe(time.Since(started).Seconds())
	return release, nil
}

// pay waits for a token and takes it.
func (b *Bucket) pay(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return contextErr(ctx)
	}
	defer func() { <-b.turn }()
	for {
		now := time.Now()
		wait := b.grant(now)
		if wait <= 0 {
			return nil
		}
		// A pause that begins while we sleep is seen by the next grant.
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// grant takes a token and returns 0, or returns how long there will be none.
func (b *Bucket) grant(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	interval := b.slowedInterval(now)
	if wait := b.tat.Add(-b.tolerance(interval)).Sub(now); wait > 0 {
		return wait
	}
	b.tat = later(b.tat, now).Add(interval)
	return 0
}

// slowedInterval returns the present interval, after throttling. b.mu is held.
func (b *Bucket) slowedInterval(now time.Time) time.Duration {
	if b.slow > 1 {
		if steps := now.Sub(b.eased) / easeEvery; steps > 0 {
			b.slow = max(1, b.slow/math.Pow(easeBy, float64(steps)))
			b.eased = b.eased.Add(steps * easeEvery)
		}
	}
	return time.Duration(float64(b.interval) * b.slow)
}

// tolerance is how far tat may lie ahead. A slowed bucket has a smaller burst
// too. b.mu is held.
func (b *Bucket) tolerance(interval time.Duration) time.Duration {
	return time.Duration(max(float64(b.burst)/b.slow-1, 0) * float64(interval))
}

// Pause pauses all requests until a moment, at most an hour away. It never shortens a
// pause, and returns its end. The bucket is empty then: waiting requests leave at the
// rate, and not all at once.
func (b *Bucket) Pause(until time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pause(time.Now(), until)
}

func (b *Bucket) pause(now, until time.Time) time.Time {
	if latest := now.Add(maxPause); until.After(latest) {
		until = latest
	}
	b.tat = later(b.tat, until.Add(b.tolerance(b.slowedInterval(now))))
	return until
}

// noteThrottled notes that a request, let go at granted, was refused as too many
// (429), and pauses. It returns until when, and whether that was a strike: what
// was under way when the last one came is part of it, or sixty workers would
// count sixty times. From the second strike in strikeMemory on each halves the
// rate.
func (b *Bucket) noteThrottled(granted, until time.Time) (paused time.Time, strike bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if strike = !granted.Before(b.struck); strike {
		b.slowedInterval(now)
		if !b.struck.IsZero() && now.Sub(b.struck) < strikeMemory {
			b.slow = min(2*b.slow, maxSlow)
		}
	}
	until = b.pause(now, until)
	if strike {
		b.struck = later(now, until)
		b.eased = b.struck
	}
	return until, strike
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// speed is the share of the full rate that the bucket runs at now.
func (b *Bucket) speed() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slowedInterval(time.Now())
	return 1 / b.slow
}

// sleep waits for d. It returns at once where the context's deadline comes first.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return &deadlineError{d}
	}
	return Sleep(ctx, d)
}

// Sleep waits, or returns the cause of the context's end.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextErr(ctx)
	}
}

// A contextError is the error of an ended context: its cause, which errors.Is also finds
// to be Canceled or DeadlineExceeded.
type contextError struct{ cause, err error }

func contextErr(ctx context.Context) error { return &contextError{context.Cause(ctx), ctx.Err()} }

func (s *contextError) Error() string   { return s.cause.Error() }
func (s *contextError) Unwrap() []error { return []error{s.cause, s.err} }

// A deadlineError is a wait that was not begun because the deadline comes first.
type deadlineError struct{ wait time.Duration }

func (l *deadlineError) Error() string {
	return fmt.Sprintf("the next request may leave in %s, after the deadline", l.wait.Round(time.Millisecond))
}
func (l *deadlineError) Unwrap() error { return context.DeadlineExceeded }
