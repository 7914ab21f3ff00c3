package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"syncd/internal/cipp"
	"syncd/internal/cipp/tenants"
	"syncd/internal/connectwise"
	"syncd/internal/itglue"
	"syncd/internal/mapping"
	"syncd/internal/rest"
	"syncd/internal/scim"
	"syncd/internal/state"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// An App is everything a command works with, built once.
type App struct {
	Config      *Config
	Store       state.Store
	Log         zerolog.Logger
	Registry    *prometheus.Registry
	Loop        *sync.Metrics
	CIPP        *cipp.Client
	ConnectWise *connectwise.Client // nil where it is not configured
	ITGlue      *itglue.Client      // nil where it is not configured
	SCIM        []*scim.Client      // in the order of the configuration
	Engine      *sync.Engine
	sound       *soundness    // of the state
	calls       *rest.Metrics // of requests to all systems
	cippBucket  *rest.Bucket  // of everybody who talks to CIPP
	Jobs        []sync.Job
	Location    *time.Location
	Now         func() time.Time
	Practice    bool
}

var (
	_ sync.Source       = (*cipp.Client)(nil)
	_ target.Target     = (*connectwise.Target)(nil)
	_ target.Target     = (*itglue.Target)(nil)
	_ target.Target     = (*scim.Target)(nil)
	_ target.Target     = (*tenants.Target)(nil)
	_ tenants.Companies = (*connectwise.Client)(nil)
)

// New makes an App. It talks to nobody yet.
func New(cfg *Config, store state.Store, log zerolog.Logger) (*App, error) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	calls := rest.NewMetrics(reg)
	w := &App{Config: cfg, Store: store, Log: log, Registry: reg, Loop: sync.NewMetrics(reg),
		Jobs: cfg.jobs(), Location: cfg.location, Now: time.Now, calls: calls, cippBucket: rest.NewBucket(cfg.CIPP.Rate, calls, "cipp")}
	var err error
	w.CIPP, err = cipp.New(cfg.CIPP.Config, cipp.Options{Log: log, Metrics: calls, Bucket: w.cippBucket, HireDates: cfg.mapsHireDates()})
	if err != nil {
		return nil, fmt.Errorf("cipp: %w", err)
	}
	targets := map[string]target.Opener{}
	if cfg.ConnectWise != nil {
		w.ConnectWise, err = connectwise.New(*cfg.ConnectWise, connectwise.Options{Log: log, Metrics: calls, Now: w.Now, Location: w.Location, Names: cfg.Evidence.naming()})
		if err != nil {
			return nil, fmt.Errorf("connectwise: %w", err)
		}
		targets["connectwise"] = func(ctx context.Context) (target.Target, error) {
			rules, err := w.Rules(ctx)
			if err != nil {
				return nil, err
			}
			return w.ConnectWise.Open(rules), nil
		}
	}
	if cfg.ITGlue != nil {
		o := itglue.Options{Log: log, Metrics: calls, Now: w.Now, Location: w.Location, Portal: cfg.CIPP.PortalURL()}
		if w.ConnectWise != nil {
			o.Addresses = w.ConnectWise.ContactAddresses
		}
		w.ITGlue, err = itglue.New(*cfg.ITGlue, o)
		if err != nil {
			return nil, fmt.Errorf("itglue: %w", err)
		}
		targets["itglue"] = func(context.Context) (target.Target, error) { return w.ITGlue.Open(), nil }
	}
	if cfg.CIPP.Tenants.Active() {
		operator, err := w.CIPPOperator(false)
		if err != nil {
			return nil, err
		}
		targets["cipp"] = func(context.Context) (target.Target, error) {
			return tenants.Open(operator, w.ConnectWise, cfg.CIPP.Tenants), nil
		}
	}
	for _, c := range cfg.scims() {
		client, err := scim.New(c, scim.Options{Log: log, Metrics: calls, Now: w.Now})
		if err != nil {
			return nil, err
		}
		w.SCIM = append(w.SCIM, client)
		targets[client.Name()] = func(context.Context) (target.Target, error) { return client.Open(), nil }
	}
	w.sound = newSoundness(store, log)
	w.Engine = sync.New(sync.Options{VerifyStore: w.sound.wait, Source: w.CIPP, Targets: targets, Store: store, Links: w.Links,
		Log: log, Metrics: w.Loop, Now: w.Now, Redact: cfg.Redactor().Text, Currency: cfg.Currency, MaxAge: cfg.CIPP.MaxAge, LedgerMonths: cfg.Evidence.Keep})
	return w, nil
}

// CIPPOperator is a client of CIPP that can change things there. The one that reads
// for the jobs cannot, whatever it is asked.
func (w *App) CIPPOperator(unlisted bool) (*cipp.Client, error) {
	return cipp.New(w.Config.CIPP.Config, cipp.Options{Log: w.Log, Bucket: w.cippBucket, Metrics: w.calls, Operate: true, Unlisted: unlisted})
}

// Waits are the systems that are left alone now: those that asked for it, as far as
// this process knows, and those that refused everything.
func (w *App) Waits(ctx context.Context) ([]rest.Pause, error) {
	quarantined, err := w.Engine.Quarantined(ctx)
	return append(w.Pauses(w.Now()), quarantined...), err
}

// Pauses are the systems that asked to be left alone.
func (w *App) Pauses(now time.Time) []rest.Pause { return w.calls.Pauses(now) }

// JobNames are the jobs of the configuration.
func (w *App) JobNames() []string {
	var names []string
	for _, j := range w.Jobs {
		names = append(names, j.Name)
	}
	return names
}

// Columns are the columns of the link table for the configured systems.
func (w *App) Columns() []string {
	var columns []string
	if w.ConnectWise != nil {
		columns = append(columns, mapping.ConnectWiseCompany, mapping.ConnectWiseAgreement)
	}
	if w.ITGlue != nil {
		columns = append(columns, mapping.ITGlueOrganization)
	}
	for i := range w.Config.SCIM {
		columns = append(columns, mapping.SCIMColumn(w.Config.SCIM[i].Name))
	}
	return columns
}
