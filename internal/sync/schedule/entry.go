package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime/debug"
	"time"
)

// An entry is a job and its state. Whether the job starts is decided from the
// wall time, never by counting ticks, so that it does not matter how often or
// how late the Runner wakes. The Runner's lock guards it.
type entry struct {
	Job
	jitter      time.Duration
	jitterShare float64 // of the jitter, in [0,1)

	lastSlot  time.Time // the last slot that was run or skipped
	nextStart time.Time // when the slot after lastSlot starts
	catchUpAt time.Time // when a catch-up starts; zero if there is none

	triggered   bool
	skippedSlot bool // a slot was skipped during this run

	running   bool
	startedAt time.Time
	cause     Cause
	slot      time.Time
}

// A result is sent to the Runner when a run has ended.
type result struct {
	entry    *entry
	duration time.Duration
	err      error
}

func newEntry(j Job, opt Options) *entry {
	sum := sha256.Sum256([]byte(opt.Instance + "\x00" + j.Name))
	return &entry{
		Job:         j,
		jitter:      max(opt.Jitter, 0),
		jitterShare: float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53),
	}
}

// delay is how long after slot its run starts. A tenth of the step at most:
// slots stay in order, and none starts when the next one is near.
func (e *entry) delay(slot time.Time) time.Duration {
	if e.jitter == 0 {
		return 0
	}
	most := min(e.jitter, e.Schedule.Next(slot).Sub(slot)/10)
	return time.Duration(e.jitterShare * float64(most))
}

// setLastSlot records that slots up to slot were run or skipped.
func (e *entry) setLastSlot(slot time.Time) {
	e.lastSlot = slot
	next := e.Schedule.Next(slot)
	e.nextStart = next.Add(e.delay(next))
}

// latestSlot gives the last slot whose start has come.
func (e *entry) latestSlot(now time.Time) time.Time {
	slot := e.Schedule.Prev(now)
	if slot.IsZero() {
		return now // none within forty years: begin with the next one
	}
	if slot.Add(e.delay(slot)).After(now) {
		slot = e.Schedule.Prev(slot.Add(-time.Nanosecond))
	}
	return slot
}

// nextRun gives when the job starts unless it is triggered before.
func (e *entry) nextRun() time.Time {
	if !e.catchUpAt.IsZero() && e.catchUpAt.Before(e.nextStart) {
		return e.catchUpAt
	}
	return e.nextStart
}

// reset sets the entry to what now and the last runs call for.
func (e *entry) reset(now time.Time, caughtUp bool, success, attempt time.Time) {
	e.setLastSlot(e.latestSlot(now))
	e.catchUpAt, e.skippedSlot = time.Time{}, false
	// A success in the future is one of a clock that was wrong. It is no reason
	// to run: should the clock be wrong now, its correction will bring a slot.
	if caughtUp || !e.lastSlot.After(success) {
		return
	}
	e.catchUpAt = now.Add(e.delay(e.lastSlot))
	if pause := attempt.Add(catchUpPause); !attempt.After(now) && pause.After(e.catchUpAt) {
		e.catchUpAt = pause
	}
}

// startIfDue marks the job as running, or its slot as skipped, where now calls
// for it, and returns the event.
func (e *entry) startIfDue(now time.Time) (Event, bool) {
	// The clock went back. The slot ahead may have had its run already: wait for
	// the one after it. Where lastSlot lies further ahead than that, the clock was
	// wrong before, perhaps by years, and lastSlot means nothing.
	if e.lastSlot.After(now) && e.lastSlot.After(e.Schedule.Next(now)) {
		e.setLastSlot(e.latestSlot(now))
		if !e.catchUpAt.IsZero() {
			e.catchUpAt = now
		}
	}

	ev := Event{Job: e.Name, Kind: Started, At: now}
	switch {
	case !now.Before(e.nextStart):
		e.setLastSlot(e.latestSlot(now))
		ev.Cause, ev.Slot = BySlot, e.lastSlot
		if e.running {
			e.skippedSlot = true
			ev.Kind = Skipped
			return ev, true
		}
	case e.running:
		return Event{}, false
	case !e.catchUpAt.IsZero() && !now.Before(e.catchUpAt):
		ev.Cause, ev.Slot = ByCatchUp, e.lastSlot
	case e.triggered:
		ev.Cause = ByTrigger
	default:
		return Event{}, false
	}
	// One run serves a slot, a catch-up and a trigger alike.
	e.catchUpAt, e.triggered, e.skippedSlot = time.Time{}, false, false
	e.running, e.startedAt, e.cause, e.slot = true, now, ev.Cause, ev.Slot
	return ev, true
}

// run calls what the job was when it started, outside the lock.
func (e *entry) run(ctx context.Context, do func(context.Context) error, ended chan<- result) {
	started := time.Now()
	// Overwritten unless the job takes its goroutine away by runtime.Goexit.
	err := errors.New("the job left without returning")
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
		ended <- result{entry: e, duration: time.Since(started), err: err}
	}()
	err = do(ctx)
}

// finish marks the run as ended and returns the event.
func (e *entry) finish(now time.Time, end result) Event {
	e.running = false
	if e.skippedSlot && e.nextStart.Sub(now) > end.duration {
		e.catchUpAt = now
	}
	e.skippedSlot = false
	return Event{Job: e.Name, Kind: Finished, Cause: e.cause, Slot: e.slot, At: now, Duration: end.duration, Err: end.err}
}
