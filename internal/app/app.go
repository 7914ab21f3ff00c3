package app

import (
	"context"
	"reflect"
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
	Registry   *Registry
	Loop       *sync.Metrics
	CIPP       *cipp.Client // the source; it changes nothing
	Engine     *sync.Engine
	sound      *soundness        // of the state
	extents    extents           // of the plans that wait
	calls      *rest.Metrics     // of requests to all systems
	cippBucket *rest.Bucket      // of everybody who talks to CIPP
	channels   []channel.Channel // to people, in the order of the configuration
	messages   *delivery.Metrics
	notifier   *delivery.Loop       // nil where nobody is told anything
	tenants    tenantList           // by the source, last
	rates      map[string]rest.Rate // of the systems' buckets, by name
	settling   *gosync.Mutex        // held while a page's word on a plan or an object is taken
	suggesting *suggesting          // whether somebody looks for links
	looked     *productLooks        // at what all tenants hold
	backups    *backups
	daemon     *daemon // that it is the App of; nil in a command
	Jobs       []sync.Job
	Location   *time.Location
	Now        func() time.Time
	Practice   bool
	LogTail    *support.Tail // of the daemon's log; nil where there is none
}

// New makes an App. It talks to nobody yet.
func New(cfg *Config, store state.Store, log zerolog.Logger) (*App, error) {
	reg := &Registry{Registry: prometheus.NewRegistry()}
	w := &App{Config: cfg, Store: store, Log: log, Registry: reg, Loop: sync.NewMetrics(lasting{reg}), calls: rest.NewMetrics(lasting{reg}), messages: delivery.NewMetrics(lasting{reg}), Now: time.Now,
		sound: newSoundness(store, log), settling: new(gosync.Mutex), suggesting: new(suggesting), looked: new(productLooks)}
	if err := w.build(sync.New); err != nil {
		return nil, err
	}
	w.setRates()
	cfg.logSecrets(log)
	return w, nil
}

// successor is an App of another configuration over the same state. It talks to nobody yet either,
// and takes nothing from w, which is as it was.
func (w *App) successor(cfg *Config) (*App, error) {
	next := &App{Config: cfg, Store: w.Store, Log: w.Log, Registry: w.Registry.successor(), Loop: w.Loop, calls: w.calls, messages: w.messages, Now: w.Now, Practice: w.Practice, LogTail: w.LogTail,
		sound: w.sound, settling: w.settling, suggesting: w.suggesting, looked: w.looked, daemon: w.daemon}
	if former, now := section[CIPPConfig](w.Config), section[CIPPConfig](cfg); former.URL == now.URL && former.TenantID == now.TenantID {
		if tenants, at, failure := w.tenants.last(); failure == nil && !at.IsZero() {
			next.tenants.keep(tenants, at)
		}
	}
	if reflect.DeepEqual(w.Config.Backup, cfg.Backup) && w.Config.Timezone == cfg.Timezone {
		next.backups = w.backups
	}
	return next, next.build(w.Engine.Successor)
}

// build connects the systems and makes the engine.
func (w *App) build(engine func(sync.Options) *sync.Engine) error {
	cfg := w.Config
	w.Jobs, w.Location, w.rates = cfg.jobs(), cfg.location, map[string]rest.Rate{}
	targets := map[string]target.Opener{}
	for _, s := range cfg.systems {
		if err := s.Connect(w); err != nil {
			return err
		}
		for _, name := range s.Targets() {
			targets[name] = func(ctx context.Context) (target.Target, error) { return s.Open(ctx, name) }
		}
	}
	if w.backups == nil {
		w.backups = newBackups(w)
	}
	var err error
	if w.channels, err = cfg.channels(w.Log); err != nil {
		return err
	}
	w.Engine = engine(sync.Options{VerifyStore: w.sound.wait, Source: w.CIPP, Targets: targets, Store: w.Store, Links: w.Links,
		Log: w.Log, Metrics: w.Loop, Now: w.Now, Redact: cfg.Redactor().Text, Currency: cfg.Currency,
		MaxAge: section[CIPPConfig](cfg).MaxAge, LedgerMonths: cfg.Evidence.Keep, Credits: w.credits, Ended: w.wakeNotifier})
	w.registerMetrics()
	return nil
}

// wakeNotifier has people told of what is new, as the configuration in force says.
func (w *App) wakeNotifier() {
	if w.daemon != nil {
		w = w.daemon.app()
	}
	w.notifier.Wake()
}

// bucket is the one of everybody who talks to a system, whatever the configuration: another one
// would begin full. The rate counts from setRates on.
func (w *App) bucket(system string, r rest.Rate) *rest.Bucket {
	w.rates[system] = r
	if b := w.calls.Bucket(system); b != nil {
		return b
	}
	return rest.NewBucket(r, w.calls, system)
}

// setRates has the buckets limit to the rates of the configuration.
func (w *App) setRates() {
	for system, r := range w.rates {
		w.calls.Bucket(system).SetRate(r)
	}
}

// A Registry has the metrics of a configuration, and those that last over all of them.
type Registry struct {
	*prometheus.Registry
	lasting []prometheus.Collector
}

// Last registers metrics that go on under another configuration.
func (r *Registry) Last(collectors ...prometheus.Collector) {
	r.MustRegister(collectors...)
	r.lasting = append(r.lasting, collectors...)
}

func (r *Registry) successor() *Registry {
	next := &Registry{Registry: prometheus.NewRegistry()}
	next.Last(r.lasting...)
	return next
}

// lasting registers everything as lasting.
type lasting struct{ *Registry }

func (l lasting) MustRegister(collectors ...prometheus.Collector) { l.Last(collectors...) }

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
