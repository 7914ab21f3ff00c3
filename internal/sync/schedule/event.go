package schedule

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrRunning is returned by Run when the Runner is running already.
	ErrRunning = errors.New("schedule: is running already")
	// ErrStopped is returned by Trigger before Run, after it, and while it
	// waits for the last jobs to end.
	ErrStopped = errors.New("schedule: is not running here; ask again when this instance is up, or ask the one that leads")
	// ErrUnknownJob is returned by Trigger, wrapped with the names there are.
	ErrUnknownJob = errors.New("no such job")
)

// An EventKind says what happened to a job.
type EventKind string

// The kinds of event. Every Started is followed by one Finished.
const (
	Started  EventKind = "started"
	Finished EventKind = "finished"
	Skipped  EventKind = "skipped" // a slot came while the job was running
)

// A Cause is why a run started.
type Cause string

// The causes.
const (
	BySlot    Cause = "slot"
	ByCatchUp Cause = "catch-up" // for a slot missed while the program was down, or while the job was running
	ByTrigger Cause = "trigger"
)

// An Event is what Options.Report gets.
type Event struct {
	Job   string
	Kind  EventKind
	Cause Cause
	// Slot is the slot concerned, the latest one where several were missed.
	// Zero for a trigger.
	Slot     time.Time
	At       time.Time     // by Options.Now
	Duration time.Duration // Finished only; by the monotonic clock
	Err      error         // Finished only: what the job returned, or a *PanicError
}

// A PanicError stands for what a job panicked with.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine that panicked
}

// Error leaves out the stack, which is for the log.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap gives the error panicked with, or nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
