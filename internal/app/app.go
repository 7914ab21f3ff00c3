package app

import (
	"context"
	gosync "sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"syncd/internal/cipp"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/notify/channel"
	"syncd/internal/notify/delivery"
	"syncd/internal/rest"
	"syncd/internal/state"
	"syncd/internal/support"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// An App is everything a command works with, built once.
type App struct {
	Config     *Config
	Store      state.Store
	Log        zerolog.Logger
	Registry   *prometheus.Registry
	Loop       *sync.Metrics
	CIPP       *cipp.Client // the source; it changes nothing
	Engine     *sync.Engine
	sound      *soundness        // of the state
	extents    extents           // of the plans that wait
	calls      *rest.Metrics     // of requests to all systems
	cippBucket *rest.Bucket      // of everybody who talks to CIPP
	channels   []channel.Channel // to people, in the order of the configuration
	messages   *delivery.Metrics
	notifier   *delivery.Loop // nil where nobody is told anything
	tenants    tenantList     // by the source, last
	settling   gosync.Mutex   // held while a page's word on a plan or an object is taken
	suggesting suggesting     // whether somebody looks for links
	looked     productLooks   // at what all tenants hold
	backups    *backups
	Jobs       []sync.Job
	Location   *time.Location
	Now        func() time.Time
	Practice   bool
	LogTail    *support.Tail // of the daemon's log; nil where there is none
}

// New makes an App. It talks to nobody yet.
func New(cfg *Config, store state.Store, log zerolog.Logger) (*App, error) {
	reg := prometheus.NewRegistry()
	calls := rest.NewMetrics(reg)
	w := &App{Config: cfg, Store: store, Log: log, Registry: reg, Loop: sync.NewMetrics(reg),
		Jobs: cfg.jobs(), Location: cfg.location, Now: time.Now, calls: calls}
	targets := map[string]target.Opener{}
	for _, s := range cfg.systems {
		if err := s.Connect(w); err != nil {
			return nil, err
		}
		for _, name := range s.Targets() {
			targets[name] = func(ctx context.Context) (target.Target, error) { return s.Open(ctx, name) }
		}
	}
	cfg.logSecrets(log)
	w.sound, w.backups = newSoundness(store, log), newBackups(w)
	var err error
	if w.channels, err = cfg.channels(log); err != nil {
		return nil, err
	}
	w.Engine = sync.New(sync.Options{VerifyStore: w.sound.wait, Source: w.CIPP, Targets: targets, Store: store, Links: w.Links,
		Log: log, Metrics: w.Loop, Now: w.Now, Redact: cfg.Redactor().Text, Currency: cfg.Currency,
		MaxAge: section[CIPPConfig](cfg).MaxAge, LedgerMonths: cfg.Evidence.Keep, Credits: w.credits, Ended: func() { w.notifier.Wake() }})
	w.registerMetrics()
	return w, nil
}

// Waits are the systems that are left alone now: those that asked for it, as far as
// this process knows, and those that refused everything.
func (w *App) Waits(ctx context.Context) ([]rest.Pause, error) {
	quarantined, err := w.Engine.Quarantined(ctx)
	return append(w.Pauses(w.Now()), quarantined...), err
}

// Pauses are the systems that asked to be left alone.
func (w *App) Pauses(now time.Time) []rest.Pause { return w.calls.Pauses(now) }

// jobNames are the jobs of the configuration.
func (w *App) jobNames() []string {
	var names []string
	for _, j := range w.Jobs {
		names = append(names, j.Name)
	}
	return names
}

// Columns are the columns of the link table for the configured systems.
func (w *App) Columns() []mapping.Column {
	var columns []mapping.Column
	for _, s := range w.Config.systems {
		columns = append(columns, s.Columns()...)
	}
	return columns
}

// needs are the collections that the configured targets are made from.
func (w *App) needs() directory.Kinds {
	needs := directory.Licences
	for _, s := range w.Config.systems {
		needs |= s.Needs()
	}
	return needs
}

// OfPeople reports whether a target holds people and what belongs to them.
func (w *App) OfPeople(target string) bool {
	s := w.Config.system(target)
	return s != nil && s.Needs()&directory.Users != 0
}
