package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxSleep bounds how late a set clock or a resumed machine is
	// noticed: timers stand still while a machine sleeps, wall time does not.
	maxSleep = time.Minute

	// catchUpPause keeps a job that takes the daemon down with it from being
	// started by every restart.
	catchUpPause = 10 * time.Minute
)

// A Job is what runs on a schedule.
type Job struct {
	Name     string
	Schedule Schedule
	// Run does the work. Its context is that of Runner.Run, cause included;
	// it should return soon once that is done.
	Run func(ctx context.Context) error
}

// Options of a Runner; the zero value will do.
type Options struct {
	// Jitter is the longest time a run starts after its slot, so that jobs and
	// installations do not all ask at the full hour; never more than a tenth
	// of the way to the next slot. It is the same every time for the same
	// job and instance.
	Jitter time.Duration
	// Instance tells this installation from others, such as the partner's
	// tenant id.
	Instance string
	// LastSuccess gives when a job last ended well, zero if never. Where it is
	// nil, nothing is caught up at the start.
	LastSuccess func(job string) time.Time
	// LastAttempt gives when a job was last started, zero if never.
	LastAttempt func(job string) time.Time
	// Report gets every event, one at a time and in order. No job
	// starts while it runs. It may call the Runner, except for Run.
	Report func(Event)
	// Now gives wall time; nil is time.Now.
	Now func() time.Time
}

// A Runner starts jobs at their slots. All methods may be called at any time
// from anywhere.
type Runner struct {
	opt  Options
	wake chan struct{} // holds one: look again, something was triggered

	mu      sync.Mutex // guards what follows and the entries
	state   state
	entries []*entry
	leaving []*entry // under way, and to be run no more
}

type state int

const (
	stopped state = iota
	running
	stopping // waits for jobs, starts none
)

// New checks the jobs and reports all that is wrong with them.
func New(jobs []Job, opt Options) (*Runner, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Report == nil {
		opt.Report = func(Event) {}
	}
	if err := check(jobs); err != nil {
		return nil, err
	}
	r := &Runner{opt: opt, wake: make(chan struct{}, 1)}
	for _, j := range jobs {
		r.entries = append(r.entries, newEntry(j, opt))
	}
	return r, nil
}

func check(jobs []Job) error {
	var errs []error
	seen := map[string]bool{}
	for i, j := range jobs {
		switch {
		case j.Name == "":
			errs = append(errs, fmt.Errorf("schedule: job %d has no name; give it one", i+1))
		case seen[j.Name]:
			errs = append(errs, fmt.Errorf("schedule: two jobs are called %q; rename one", j.Name))
		case j.Schedule.IsZero():
			errs = append(errs, fmt.Errorf("schedule: job %q has no schedule; give it one", j.Name))
		case j.Run == nil:
			errs = append(errs, fmt.Errorf("schedule: job %q does nothing; give it something to run", j.Name))
		}
		seen[j.Name] = true
	}
	return errors.Join(errs...)
}

// Replace has other jobs from now on, or, where something is wrong with them, the same as
// before. Runs under way go on as they began, and a job that is under way does not
// overlap itself by being replaced. A job whose schedule stays keeps its slots and what it has to catch up;
// any other begins with its next slot.
func (r *Runner) Replace(jobs []Job) error {
	if err := check(jobs); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := append(r.entries, r.leaving...)
	r.entries, r.leaving = nil, nil
	for _, j := range jobs {
		i := slices.IndexFunc(known, func(e *entry) bool { return e.Name == j.Name })
		if i < 0 {
			e := newEntry(j, r.opt)
			e.reset(r.now(), true, time.Time{}, time.Time{})
			r.entries = append(r.entries, e)
			continue
		}
		e := known[i]
		known = slices.Delete(known, i, i+1)
		former := e.Schedule
		if e.Job = j; !former.same(j.Schedule) {
			e.reset(r.now(), true, time.Time{}, time.Time{})
		}
		r.entries = append(r.entries, e)
	}
	for _, e := range known {
		if e.running {
			r.leaving = append(r.leaving, e)
		}
	}
	select {
	case r.wake <- struct{}{}:
	default: // it is about to look anyway
	}
	return nil
}

// Run starts jobs until ctx is done, waits for those still running, and
// returns nil. It may be called again afterwards, as when leadership comes
// back, and catches up anew. It returns ErrRunning if it is running already.
//
// A job never overlaps itself. A slot that comes while it runs is skipped and
// reported; once the run ends the job runs one more time, unless the next slot
// is nearer than that run was long: a job that takes longer than its step then
// starts at every other slot instead of never pausing. A job whose last success
// lies before its last slot runs once, soon after the start. A clock set
// forward, or a machine that slept, makes up for all missed slots with one run;
// a clock set back by less than a step repeats no slot that has had its run.
//
// A panic in a job ends that run only.
func (r *Runner) Run(ctx context.Context) error {
	r.mu.Lock()
	if r.state != stopped {
		r.mu.Unlock()
		return ErrRunning
	}
	r.state = running
	r.mu.Unlock()
	defer r.setState(stopped)

	r.mu.Lock()
	entries := slices.Clone(r.entries)
	r.mu.Unlock()
	for _, e := range entries {
		var success, attempt time.Time
		caughtUp := r.opt.LastSuccess == nil
		if !caughtUp { // these may read the store: not under the lock
			success = r.opt.LastSuccess(e.Name)
			if r.opt.LastAttempt != nil {
				attempt = r.opt.LastAttempt(e.Name)
			}
		}
		r.mu.Lock()
		e.reset(r.now(), caughtUp, success, attempt)
		r.mu.Unlock()
	}

	// As many as can be under way, so that no job waits for us to listen.
	ended := make(chan result, len(entries))
	underWay := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	for {
		if ctx.Err() != nil {
			done = nil
			r.setState(stopping)
			if underWay == 0 {
				return nil
			}
		} else {
			n, sleep := r.startDue(ctx, ended)
			underWay += n
			timer.Reset(sleep)
		}
		select {
		case <-done:
		case <-timer.C:
		case <-r.wake:
		case e := <-ended:
			underWay--
			r.finish(e)
		}
	}
}

// Trigger runs a job now, and says whether that makes a new run: it does not
// where the job is running, or about to. Slots stay where they are. A run
// asked for in the moment the Runner is told to stop may not come about.
// It returns ErrUnknownJob, and ErrStopped unless Run is at work.
func (r *Runner) Trigger(job string) (started bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entry(job)
	switch {
	case e == nil:
		names := make([]string, 0, len(r.entries))
		for _, e := range r.entries {
			names = append(names, e.Name)
		}
		return false, fmt.Errorf("schedule: %w as %q; there are: %s", ErrUnknownJob, job, strings.Join(names, ", "))
	case r.state != running:
		return false, ErrStopped
	case e.running || e.triggered:
		return false, nil
	}
	e.triggered = true
	select {
	case r.wake <- struct{}{}:
	default: // it is about to look anyway
	}
	return true, nil
}

// Next gives when a job will start, jitter included; where Run is not at
// work, when it would. It is zero if there is no such job.
func (r *Runner) Next(job string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entry(job); e != nil {
		return r.next(e)
	}
	return time.Time{}
}

// A Status is where a job stands.
type Status struct {
	Job          string
	Schedule     Schedule
	Next         time.Time // as Runner.Next has it
	RunningSince time.Time // when the run under way started; zero if there is none
}

// Status tells of all jobs, in the order given to New.
func (r *Runner) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Status, 0, len(r.entries))
	for _, e := range r.entries {
		s := Status{Job: e.Name, Schedule: e.Schedule, Next: r.next(e)}
		if e.running {
			s.RunningSince = e.startedAt
		}
		all = append(all, s)
	}
	return all
}

// Running says that Run is at work and starts jobs.
func (r *Runner) Running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == running
}

func (r *Runner) entry(job string) *entry {
	for _, e := range r.entries {
		if e.Name == job {
			return e
		}
	}
	return nil
}

func (r *Runner) next(e *entry) time.Time {
	if r.state != running {
		slot := e.Schedule.Next(r.now())
		return slot.Add(e.delay(slot))
	}
	return e.nextRun()
}

func (r *Runner) setState(s state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = s
	for _, e := range r.entries {
		e.triggered = false
	}
}

// now is wall time alone. The monotonic reading that time.Now adds would hide
// from every comparison that the clock was set or the machine slept.
func (r *Runner) now() time.Time { return r.opt.Now().Round(0) }

// startDue starts what is due and says how many that were and how long to sleep.
func (r *Runner) startDue(ctx context.Context, ended chan<- result) (n int, sleep time.Duration) {
	var events []Event
	r.mu.Lock()
	now := r.now()
	sleep = maxSleep
	for _, e := range r.entries {
		ev, ok := e.startIfDue(now)
		if ok {
			events = append(events, ev)
		}
		if ok && ev.Kind == Started {
			n++
			go e.run(ctx, e.Job.Run, ended)
		}
		sleep = min(sleep, e.nextRun().Sub(now))
	}
	r.mu.Unlock()
	for _, ev := range events {
		r.opt.Report(ev)
	}
	return n, sleep
}

func (r *Runner) finish(end result) {
	r.mu.Lock()
	ev := end.entry.finish(r.now(), end)
	r.leaving = slices.DeleteFunc(r.leaving, func(e *entry) bool { return e == end.entry })
	r.mu.Unlock()
	r.opt.Report(ev)
}
