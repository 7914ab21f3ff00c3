package app

import (
	"context"
	"time"

	"syncd/internal/sync/schedule"
)

// A chore is what the daemon does on a schedule besides its jobs. It must delay none of them.
type chore struct {
	name        string
	schedule    schedule.Schedule
	do          func(ctx context.Context) error // reports by itself what went wrong
	lastSuccess func() time.Time                // a slot that was missed since is made up at start
}

// chores are those of the configuration.
func (w *App) chores() []chore {
	var all []chore
	if b := w.backups; b.folder.Dir != "" {
		all = append(all, chore{"backup", b.schedule, func(ctx context.Context) error { return b.make(ctx, w) }, func() time.Time { return b.lastSuccess(w) }})
	}
	if w.Config.Export.Schedule != "" {
		s, _ := schedule.Parse(w.Config.Export.Schedule, w.Location) // it was parsed before
		all = append(all, chore{"export", s, w.ExportOnSchedule, w.lastExport})
	}
	return all
}

// housekeeping makes the runner of the chores.
func (w *App) housekeeping() (*schedule.Runner, error) {
	last := map[string]func() time.Time{}
	for _, c := range w.chores() {
		last[c.name] = c.lastSuccess
	}
	return schedule.New(w.choresToRun(), schedule.Options{Now: w.Now, LastSuccess: func(name string) time.Time { return last[name]() }})
}

// choresToRun are the chores as the runner takes them.
func (w *App) choresToRun() []schedule.Job {
	var jobs []schedule.Job
	for _, c := range w.chores() {
		jobs = append(jobs, schedule.Job{Name: c.name, Schedule: c.schedule, Run: c.do})
	}
	return jobs
}
