package app

import (
	"context"
	"errors"
	"io/fs"
	stdsync "sync"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"

	"syncd/internal/backup"
	"syncd/internal/sync/schedule"
	"syncd/internal/target"
)

// BackupConfig says where the daemon keeps verified copies of the state.
type BackupConfig struct {
	Dir        string   `yaml:"dir" env:"DIR"`                      // a folder of its own, best on another machine; empty: no backups
	Schedule   string   `yaml:"schedule" env:"SCHEDULE, overwrite"` // five cron fields or @hourly, @daily, @every 6h
	Keep       int      `yaml:"keep" env:"KEEP, overwrite"`         // how many stay
	Recipients []string `yaml:"recipients" env:"RECIPIENTS"`        // public keys of age (age1…) of those who can read them; empty: not encrypted

	recipients []age.Recipient
}

// mostBackups is more than a backup an hour for a year.
const mostBackups = 10_000

func (c *Config) validateBackup(report func(path, format string, args ...any)) {
	b := &c.Backup
	if _, err := schedule.Parse(b.Schedule, c.location); err != nil {
		report("backup.schedule", "%v", err)
	}
	if b.Keep < 1 || b.Keep > mostBackups {
		report("backup.keep", "%d is out of range; write how many backups stay, from 1 to %d", b.Keep, mostBackups)
	}
	var err error
	if b.recipients, err = backup.Recipients(b.Recipients); err != nil {
		report("backup.recipients", "%v", err)
	}
	if b.Dir == "" && len(b.Recipients) > 0 {
		report("backup.dir", "is missing; name the folder that backups are kept in")
	}
}

// A BackupState is how far the backups are.
type BackupState struct {
	Dir    string         `json:"dir"`
	Last   *backup.File   `json:"last"`             // the newest good one; null where there is none
	Due    time.Time      `json:"due"`              // when the one after it should be made
	Failed *BackupFailure `json:"failed,omitempty"` // since the last good one, as far as this daemon knows
}

// A BackupFailure is a backup that was not made.
type BackupFailure struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// backups makes them and knows how far they are.
type backups struct {
	folder   backup.Folder // without a Dir there are to be none
	schedule schedule.Schedule
	since    time.Time        // a first one is due from then on
	success  prometheus.Gauge // when the newest good one was made
	interval prometheus.Gauge // how far apart they are at most

	mu    stdsync.Mutex
	state BackupState
}

// newBackups knows nothing yet. Its metrics are there even where no backups are to be made.
func newBackups(w *App) *backups {
	c := w.Config.Backup
	b := &backups{
		folder: backup.Folder{Dir: c.Dir, Keep: c.Keep, Recipients: c.recipients, StatePath: w.Config.State.Path},
		since:  w.Now().UTC(), state: BackupState{Dir: c.Dir},
		success: prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncd_backup_last_success_timestamp_seconds",
			Help: "When a backup of the configured job was last written and found whole; 0 where none was."}),
		interval: prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncd_backup_interval_seconds",
			Help: "The longest time between two slots of the backup's schedule; 0 where no backup is configured."}),
	}
	if c.Dir != "" {
		b.schedule, _ = schedule.Parse(c.Schedule, w.Location) // it was parsed before
		b.interval.Set(b.schedule.LongestInterval(b.since).Seconds())
	}
	return b
}

// look reads the folder. A file that is dated later than now is one of a clock that was wrong.
func (b *backups) look(now time.Time) error {
	files, err := b.folder.Files()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // the first one makes it
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.found(nil)
	for i := range files {
		if !files[i].At.After(now) {
			b.found(&files[i])
			break
		}
	}
	return err
}

// lookAtStart reads the folder before anybody asks for metrics, unless that takes long, as a
// network disk may that does not answer.
func (b *backups) lookAtStart(now time.Time) {
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		_ = b.look(now) // the first backup, or lastSuccess, says what is wrong
	}()
	select {
	case <-looked:
	case <-time.After(2 * time.Second):
	}
}

// found notes the newest good backup. The lock is held.
func (b *backups) found(last *backup.File) {
	b.state.Last, b.state.Due = last, b.since
	if last != nil {
		b.state.Due = b.schedule.Next(last.At).UTC()
		b.success.Set(unixSeconds(last.At))
	} else {
		b.success.Set(0)
	}
}

// make makes one, and notes how it went.
func (b *backups) make(ctx context.Context, w *App) error {
	began := w.Now()
	file, err := b.folder.Write(ctx, w.Store, began)
	if kept, old := errors.AsType[backup.KeptError](err); old {
		w.Log.Warn().Err(kept).Msg("old backups not removed")
		err = nil
	}
	if err != nil && ctx.Err() != nil {
		return err // the daemon ends; the next one makes it up
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.state.Failed = &BackupFailure{At: began.UTC(), Why: w.Config.Redactor().Text(err.Error())}
		w.Log.Error().Err(err).Msg("backup not made")
		return err
	}
	b.state.Failed = nil
	b.found(&file)
	w.Log.Info().Str("file", file.Name).Int64("bytes", file.Bytes).Int64("duration_ms", w.Now().Sub(began).Milliseconds()).Msg("backup made and verified")
	return nil
}

// lastSuccess is when the newest good backup was made, by the folder.
func (b *backups) lastSuccess(w *App) time.Time {
	if err := b.look(w.Now()); err != nil {
		w.Log.Warn().Err(err).Msg("backups not looked at")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.Last == nil {
		return time.Time{}
	}
	return b.state.Last.At
}

// BackupState is how far the backups are; nil where none are to be made.
func (w *App) BackupState() *BackupState {
	b := w.backups
	if b.folder.Dir == "" {
		return nil
	}
	if !w.sound.daemon { // it looks by itself: a folder on a network may take its time
		if err := b.look(w.Now()); err != nil {
			b.mu.Lock()
			b.state.Failed = &BackupFailure{At: w.Now().UTC(), Why: err.Error()}
			b.mu.Unlock()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.state
	return &state
}

// checkBackups says how old the newest backup is, where any are to be made.
func (w *App) checkBackups() []target.Finding {
	b := w.BackupState()
	if b == nil {
		return nil
	}
	f := target.Finding{System: "syncd", Name: "backups", OK: true}
	overdue := w.Now().Sub(b.Due) > backupPatience
	switch {
	case b.Failed != nil:
		f.OK, f.Detail, f.Remedy = false, "none since "+b.Failed.At.In(w.Location).Format("2006-01-02 15:04"), b.Failed.Why
	case b.Last == nil:
		f.OK, f.Detail = !overdue, "none yet in "+b.Dir
	default:
		f.OK, f.Detail = !overdue, "the last one is of "+b.Last.At.In(w.Location).Format("2006-01-02 15:04")
	}
	if !f.OK && f.Remedy == "" {
		f.Remedy = "it was due " + b.Due.In(w.Location).Format("2006-01-02 15:04") + ": start the daemon, or read its log"
	}
	return []target.Finding{f}
}

// backupPatience is how long a backup may take before it is missed.
const backupPatience = 2 * time.Hour
