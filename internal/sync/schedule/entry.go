package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime/debug"
	"time"
)

// An entry is a job and where it stands. It is decided on by looking at the
// time, never by counting ticks, so that it does not matter how often or how
// late anybody looks. The Runner's lock guards it.
type entry struct {
	Job
	jitter time.Duration
	share  float64 // of the jitter, in [0,1)

	handled time.Time // the last slot that was run or skipped
	due     time.Time // when the slot after handled starts
	early   time.Time // when a catch-up starts; zero if there is none

	triggered bool
	missed    bool // a slot was skipped during this run

	running bool
	since   time.Time
	cause   Cause
	slot    time.Time
}

// An ending is sent by a run as its last act.
type ending struct {
	entry *entry
	took  time.Duration
	err   error
}

func newEntry(j Job, opt Options) *entry {
	sum := sha256.Sum256([]byte(opt.Instance + "\x00" + j.Name))
	return &entry{
		Job:    j,
		jitter: max(opt.Jitter, 0),
		share:  float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53),
	}
}

// delay is how long after slot its run starts. A tenth of the step at most:
// slots stay in order, and none starts when the next one is near.
func (e *entry) delay(slot time.Time) time.Duration {
	if e.jitter == 0 {
		return 0
	}
	most := min(e.jitter, e.Schedule.Next(slot).Sub(slot)/10)
	return time.Duration(e.share * float64(most))
}

// handle notes that slots up to slot are dealt with.
func (e *entry) handle(slot time.Time) {
	e.handled = slot
	next := e.Schedule.Next(slot)
	e.due = next.Add(e.delay(next))
}

// latest gives the last slot whose start has come.
func (e *entry) latest(now time.Time) time.Time {
	slot := e.Schedule.Prev(now)
	if slot.IsZero() {
		return now // none in living memory: begin with the next one
	}
	if slot.Add(e.delay(slot)).After(now) {
		slot = e.Schedule.Prev(slot.Add(-time.Nanosecond))
	}
	return slot
}

// next gives when the job starts without anybody's doing.
func (e *entry) next() time.Time {
	if !e.early.IsZero() && e.early.Before(e.due) {
		return e.early
	}
	return e.due
}

// begin sets the entry to what now and the last runs call for.
func (e *entry) begin(now time.Time, caughtUp bool, success, attempt time.Time) {
	e.handle(e.latest(now))
	e.early, e.missed = time.Time{}, false
	// A success in the future is one of a clock that was wrong. It is no reason
	// to run: should the clock be wrong now, its correction will bring a slot.
	if caughtUp || !e.handled.After(success) {
		return
	}
	e.early = now.Add(e.delay(e.handled))
	if pause := attempt.Add(catchUpPause); !attempt.After(now) && pause.After(e.early) {
		e.early = pause
	}
}

// look starts a run in the books, or skips a slot, if now calls for it.
func (e *entry) look(now time.Time) (Event, bool) {
	// The clock went back. If the slot ahead has had its run already, sit it
	// out. If more than that, the clock was wrong before, perhaps by years,
	// and handled means nothing.
	if e.handled.After(now) && e.handled.After(e.Schedule.Next(now)) {
		e.handle(e.latest(now))
		if !e.early.IsZero() {
			e.early = now
		}
	}

	ev := Event{Job: e.Name, What: Started, At: now}
	switch {
	case !now.Before(e.due):
		e.handle(e.latest(now))
		ev.Cause, ev.Slot = BySlot, e.handled
		if e.running {
			e.missed = true
			ev.What = Skipped
			return ev, true
		}
	case e.running:
		return Event{}, false
	case !e.early.IsZero() && !now.Before(e.early):
		ev.Cause, ev.Slot = ByCatchUp, e.handled
	case e.triggered:
		ev.Cause = ByTrigger
	default:
		return Event{}, false
	}
	// Whatever it is that starts, it does for all the other reasons too.
	e.early, e.triggered, e.missed = time.Time{}, false, false
	e.running, e.since, e.cause, e.slot = true, now, ev.Cause, ev.Slot
	return ev, true
}

// run does the work, outside the lock.
func (e *entry) run(ctx context.Context, ended chan<- ending) {
	started := time.Now()
	// Overwritten unless the job takes its goroutine away by runtime.Goexit.
	err := errors.New("the job left without returning")
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
		ended <- ending{entry: e, took: time.Since(started), err: err}
	}()
	err = e.Job.Run(ctx)
}

// finish closes the run in the books.
func (e *entry) finish(now time.Time, end ending) Event {
	e.running = false
	if e.missed && e.due.Sub(now) > end.took {
		e.early = now
	}
	e.missed = false
	return Event{Job: e.Name, What: Finished, Cause: e.cause, Slot: e.slot, At: now, Took: end.took, Err: end.err}
}
