package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	stdsync "sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"syncd/internal/plan"
	"syncd/internal/secret"
	"syncd/internal/sync"
	"syncd/internal/sync/schedule"
	"syncd/internal/web"
	"syncd/internal/web/control"
)

// A Daemon is what an App needs besides itself to run until it is told to stop.
type Daemon struct {
	Version string
	Run     func(ctx context.Context, w *App, q control.Request, c *control.Console) int // carries a command out that came through the control socket
	Hangup  <-chan os.Signal                                                             // has the configuration read anew; may be nil
	Ready   func(addr string)                                                            // is told the pages' address once everything listens; may be nil
	Pages   func(*Running) http.Handler                                                  // makes the pages for people
	Redact  secret.Redactor                                                              // of the log; it learns the secrets of another configuration
	Style   string                                                                       // the address of their style sheet
}

// A Running is an App whose daemon is up, as the pages see it.
type Running struct {
	*App
	Version string
	Jobs    func() []JobState // as the scheduler sees them
	Ready   func() error      // why the daemon is not ready, or nil

	*background
	checking checking
}

// background is what people began on the pages, which goes on whatever they look at.
type background struct {
	ctx      context.Context // ends with the daemon
	mu       stdsync.Mutex
	applying map[plan.Scope]bool // what people let run from the pages now
	reading  *BillReading        // that somebody asked for last
	applied  stdsync.WaitGroup
	drafts   ruleDrafts
}

// Running is the App as its pages see it, until ctx ends.
func (w *App) Running(ctx context.Context, version string, jobs func() []JobState, ready func() error) *Running {
	return &Running{App: w, Version: version, Jobs: jobs, Ready: ready, background: &background{ctx: ctx, applying: map[plan.Scope]bool{}}}
}

// A JobState is a job and when it ran and runs.
type JobState struct {
	Name        string    `json:"job"`
	Schedule    string    `json:"schedule"`
	Policy      string    `json:"apply"`
	Targets     []string  `json:"targets"`
	Running     bool      `json:"running"`
	Next        time.Time `json:"next,omitzero"`         // zero where it has no schedule
	LastAttempt time.Time `json:"last_attempt,omitzero"` // when a run of it was last started
	LastSuccess time.Time `json:"last_success,omitzero"` // when one over all customers last ended well
}

// Serve runs the daemon until ctx ends. Stopping goes in order: no new runs,
// the change in hand is finished and written down, then the pages close.
func (w *App) Serve(ctx context.Context, d Daemon) error {
	if file := w.Config.TLS.Config; file != "" {
		if err := validTLS(file); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	pages, err := net.Listen("tcp", w.Config.Listen)
	if err != nil {
		return fmt.Errorf("listen %s: %w; choose another address with listen in the configuration", w.Config.Listen, err)
	}
	defer pages.Close()
	socket, err := control.Listen(control.SocketPath(w.Config.State.Path), w.Config.Control.Group)
	if err != nil {
		return err
	}
	defer socket.Close()
	control.RemoveUnfinished(filepath.Dir(w.Config.State.Path))
	w.sound.daemon = true
	live := &daemon{Daemon: d, ctx: ctx, addr: pages.Addr(), socket: socket}
	w.daemon, live.events = live, newHints(live.app)
	if live.runner, err = w.schedule(ctx); err != nil {
		return err
	}
	if w.backups.folder.Dir != "" {
		w.backups.lookAtStart(w.Now())
	}
	if live.housekeeping, err = w.housekeeping(); err != nil {
		return err
	}
	leader := prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncd_leader", Help: "1 where this process runs the schedules."})
	w.Registry.Last(leader, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	leader.Set(1) // the file lock on the state makes it the only one
	first, err := live.serve(w, Operator{Name: "the start of the daemon"})
	if err != nil {
		return err
	}
	live.now.Store(first)
	// The pages outlive the jobs, so that one can watch the daemon stop.
	webCtx, stopWeb := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWeb()
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return web.Serve(webCtx, pages, live, w.Config.TLS.Config, w.Log) })
	group.Go(func() error {
		return control.Serve(groupCtx, socket, w.Log, func(ctx context.Context, q control.Request, c *control.Console) int {
			return d.Run(ctx, live.app(), q, c)
		})
	})
	group.Go(func() error { return w.sound.watch(groupCtx) })
	group.Go(func() error { return live.events.run(groupCtx) })
	group.Go(func() error { return live.housekeeping.Run(groupCtx) })
	group.Go(func() error { return live.loops(groupCtx) })
	group.Go(func() error {
		defer stopWeb()
		return live.runner.Run(groupCtx)
	})
	group.Go(func() error {
		for {
			select {
			case <-d.Hangup:
				_, _ = live.reload(groupCtx, Operator{"SIGHUP", "a signal to the daemon"}) // logged
			case <-groupCtx.Done():
				return nil
			}
		}
	})
	w.Log.Info().Str("version", d.Version).Str("listen", pages.Addr().String()).Str("state", w.Config.State.Path).Int("jobs", len(w.Jobs)).Msg("daemon started")
	if d.Ready != nil {
		d.Ready(pages.Addr().String())
	}
	err = group.Wait()
	first.Wait()
	w.Log.Info().Err(err).Msg("daemon stopped")
	return err
}

// warnOfAccess says what of the pages others may not have, or may see that should not.
func (w *App) warnOfAccess(a web.Access, addr net.Addr) {
	switch log := w.Log.Warn().Str("listen", addr.String()); {
	case !a.SignsIn && !a.Loopback:
		log.Msg("pages not served: other machines reach this listener, and nobody signs in (auth.mode: none); health, metrics and events are")
	case !a.Loopback && w.Config.TLS.Config == "":
		log.Msg("pages served by plain HTTP: passwords and sessions can be read on the way; set tls.config, or let a proxy with TLS alone reach this listener")
	}
}

// ErrRunsAlready says that what was asked to run is under way.
var ErrRunsAlready = errors.New("this runs already, and nothing more was started; the runs say how far it is")

// ApplyNow starts what syncd apply does, for one scope or, where that is empty, for all, and
// returns at once. The daemon's end waits for it.
func (r *Running) ApplyNow(by Operator, scope plan.Scope) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.applying[scope] {
		return ErrRunsAlready
	}
	if err := r.ctx.Err(); err != nil {
		return Usage("the daemon is about to stop; try again once it is up")
	}
	r.applying[scope] = true
	r.Log.Info().Str("by", by.Name).Str("identified", by.Identified).Str("customer", scope.Customer).Str("target", scope.Target).Msg("run asked for on the pages")
	r.applied.Go(func() {
		sel := sync.Selection{Jobs: r.App.Jobs, Customer: scope.Customer, Target: scope.Target, Trigger: "command"}
		if _, err := r.Engine.Run(r.ctx, sel, sync.Apply); err != nil {
			r.Log.Warn().Err(err).Msg("run asked for on the pages ended early")
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.applying, scope)
	})
	return nil
}

// Wait waits for what ApplyNow started.
func (r *Running) Wait() { r.applied.Wait() }

// OtherThan says that a command was typed with another configuration than this
// one, which the daemon works with.
func (c *Config) OtherThan(q control.Request) string {
	switch {
	case q.Sum == c.sum:
		return ""
	case q.File == c.file:
		return fmt.Sprintf("%s was changed since the daemon took it; until syncd reload it works with the former text", c.file)
	}
	return fmt.Sprintf("the daemon works with %s, which says something else than %s", c.file, q.File)
}

// schedule makes the runner of the jobs that have a schedule.
func (w *App) schedule(ctx context.Context) (*schedule.Runner, error) {
	if err := w.Loop.Init(ctx, w.Store, w.Jobs); err != nil {
		return nil, err
	}
	w.expectMetrics()
	jobs, err := w.scheduledRuns()
	if err != nil {
		return nil, err
	}
	return schedule.New(jobs, schedule.Options{
		Jitter: time.Minute, Instance: section[CIPPConfig](w.Config).TenantID, Now: w.Now,
		LastSuccess: func(job string) time.Time { return w.lastRuns(ctx, job).Success },
		LastAttempt: func(job string) time.Time { return w.lastRuns(ctx, job).Attempt },
		Report:      func(e schedule.Event) { w.noteEvent(e) },
	})
}

// scheduledRuns are the jobs that have a schedule, as the runner takes them.
func (w *App) scheduledRuns() ([]schedule.Job, error) {
	var jobs []schedule.Job
	for _, j := range w.Jobs {
		if j.Schedule == "" {
			continue
		}
		s, err := schedule.Parse(j.Schedule, w.Location)
		if err != nil {
			return nil, fmt.Errorf("job %s: %w", j.Name, err)
		}
		jobs = append(jobs, schedule.Job{Name: j.Name, Schedule: s, Run: func(ctx context.Context) error { return w.scheduled(ctx, j) }})
	}
	return jobs, nil
}

// expectMetrics has the series of the configuration be there.
func (w *App) expectMetrics() {
	w.Loop.Expect(w.needs().Names())
	for _, j := range w.Jobs {
		every := time.Duration(0)
		if s, err := schedule.Parse(j.Schedule, w.Location); err == nil {
			every = s.LongestInterval(w.Now())
		}
		w.Loop.Scheduled(j.Name, every)
	}
}

// scheduled is one run of a job. What went wrong in it is in its report, its
// journal and the log already; the scheduler only learns that it did.
func (w *App) scheduled(ctx context.Context, j sync.Job) error {
	report, err := w.Engine.Run(ctx, sync.Selection{Jobs: []sync.Job{j}, Trigger: "schedule"}, sync.Apply)
	if err == nil && report.Failed() {
		err = errors.New("some scopes are not in step")
	}
	return err
}

func (w *App) noteEvent(e schedule.Event) {
	event := w.Log.Info()
	if e.Err != nil {
		event = w.Log.Warn().Err(e.Err)
	}
	event.Str("job", e.Job).Str("event", string(e.Kind)).Str("cause", string(e.Cause)).Msg("schedule")
}

// lastRuns is what the state knows of a job's runs; nothing where it cannot be read.
func (w *App) lastRuns(ctx context.Context, job string) sync.JobRuns {
	runs, err := sync.LastRuns(ctx, w.Store, w.Jobs)
	if err != nil {
		w.Log.Error().Err(err).Str("job", job).Msg("past runs not read")
	}
	return runs[job]
}

// jobStates are the jobs with what the scheduler and the state know of them.
func (w *App) jobStates(ctx context.Context, runner *schedule.Runner) []JobState {
	runs, err := sync.LastRuns(ctx, w.Store, w.Jobs)
	if err != nil {
		w.Log.Error().Err(err).Msg("past runs not read")
	}
	var out []JobState
	for _, j := range w.Jobs {
		line := JobState{Name: j.Name, Schedule: j.Schedule, Policy: string(j.Policy), Targets: j.Targets, LastAttempt: runs[j.Name].Attempt, LastSuccess: runs[j.Name].Success}
		for _, s := range runner.Status() {
			if s.Job == j.Name {
				line.Running, line.Next = !s.RunningSince.IsZero(), s.Next
			}
		}
		out = append(out, line)
	}
	return out
}

// ready returns why the daemon is not ready: its schedules stand still, or its
// state cannot be read.
func (w *App) ready(ctx context.Context, runner *schedule.Runner) error {
	if !runner.Running() {
		return errors.New("the schedules are not running")
	}
	if err := w.sound.damaged(); err != nil {
		return err
	}
	if _, err := w.Store.Document(ctx, LinksDocument); err != nil {
		return fmt.Errorf("the state cannot be read: %w", err)
	}
	return nil
}
