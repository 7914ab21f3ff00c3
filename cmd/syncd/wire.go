package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"syncd/internal/cipp"
	"syncd/internal/cipp/tenants"
	"syncd/internal/connectwise"
	"syncd/internal/directory"
	"syncd/internal/itglue"
	"syncd/internal/mapping"
	"syncd/internal/rest"
	"syncd/internal/scim"
	"syncd/internal/state"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// A World is everything a command works with, built once.
type World struct {
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

// build makes a World. It talks to nobody yet.
func build(_ context.Context, cfg *Config, store state.Store, log zerolog.Logger) (*World, error) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	calls := rest.NewMetrics(reg)
	w := &World{Config: cfg, Store: store, Log: log, Registry: reg, Loop: sync.NewMetrics(reg),
		Jobs: cfg.jobs(), Location: cfg.location, Now: time.Now, calls: calls, cippBucket: rest.NewBucket(cfg.CIPP.Rate, calls, "cipp")}
	var err error
	w.CIPP, err = cipp.New(cfg.CIPP.Config, cipp.Options{Log: log, Metrics: calls, Bucket: w.cippBucket, HireDates: cfg.mapsHireDates()})
	if err != nil {
		return nil, fmt.Errorf("cipp: %w", err)
	}
	targets := map[string]target.Opener{}
	if cfg.ConnectWise != nil {
		w.ConnectWise, err = connectwise.New(*cfg.ConnectWise, connectwise.Options{Log: log, Metrics: calls, Now: w.Now, Location: w.Location})
		if err != nil {
			return nil, fmt.Errorf("connectwise: %w", err)
		}
		targets["connectwise"] = func(ctx context.Context) (target.Target, error) {
			rules, err := w.rules(ctx)
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
		operator, err := w.operator(false)
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
	w.Engine = sync.New(sync.Options{VerifyStore: w.sound.wait, Source: w.CIPP, Targets: targets, Store: store, Links: w.links,
		Log: log, Metrics: w.Loop, Now: w.Now, Redact: cfg.redactor().Text, Currency: cfg.Currency, MaxAge: cfg.CIPP.MaxAge})
	return w, nil
}

// operator is a client of CIPP that can change things there. The one that reads
// for the jobs cannot, whatever it is asked.
func (w *World) operator(unlisted bool) (*cipp.Client, error) {
	return cipp.New(w.Config.CIPP.Config, cipp.Options{Log: w.Log, Bucket: w.cippBucket, Metrics: w.calls, Operate: true, Unlisted: unlisted})
}

func buildInfo() prometheus.Collector {
	v := version()
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncd_build_info", Help: "What was built; always 1."}, []string{"version", "revision", "goversion"})
	g.WithLabelValues(v.Version, v.Revision, v.Go).Set(1)
	return g
}

// waits are the systems that are left alone now: those that asked for it, as far as
// this process knows, and those that refused everything.
func (w *World) waits(ctx context.Context) ([]rest.Pause, error) {
	quarantined, err := w.Engine.Quarantined(ctx)
	return append(w.calls.Pauses(w.Now()), quarantined...), err
}

// jobNames are the jobs of the configuration.
func (w *World) jobNames() []string {
	var names []string
	for _, j := range w.Jobs {
		names = append(names, j.Name)
	}
	return names
}

// The documents of the store.
const (
	linksDocument    = "links"
	productsDocument = "products"
)

func (w *World) links(ctx context.Context) (mapping.Table, error) {
	table, _, err := document[mapping.Table](ctx, w.Store, linksDocument)
	return table, err
}

func (w *World) rules(ctx context.Context) (mapping.Rules, error) {
	rules, _, err := document[mapping.Rules](ctx, w.Store, productsDocument)
	return rules, err
}

// document reads a table of the store, and the version it has.
func document[T any](ctx context.Context, store state.Store, name string) (value T, version int, err error) {
	doc, err := store.Document(ctx, name)
	if err != nil {
		return value, 0, fmt.Errorf("reading the table of %s: %w", name, err)
	}
	if len(doc.Body) == 0 {
		return value, doc.Version, nil
	}
	if err := json.Unmarshal(doc.Body, &value); err != nil {
		return value, 0, fmt.Errorf("reading the table of %s: %w: %w", name, state.ErrCorrupt, err)
	}
	return value, doc.Version, nil
}

// put writes a table whose version is the one that was read.
func put(ctx context.Context, store state.Store, name string, version int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := store.PutDocument(ctx, state.Document{Name: name, Version: version, Body: body}); err != nil {
		return fmt.Errorf("writing the table of %s: %w", name, err)
	}
	return nil
}

// tenants returns the tenants as the source lists them now.
func (w *World) tenants(ctx context.Context) ([]directory.Tenant, error) {
	list, err := w.Engine.Source.Tenants(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the tenants: %w", err)
	}
	return list.Items()
}

// customer finds who is meant by a key, a name or a domain.
func (w *World) customer(ctx context.Context, text string) (mapping.Customer, error) {
	table, err := w.links(ctx)
	if err != nil {
		return mapping.Customer{}, err
	}
	tenants, err := w.tenants(ctx)
	if err != nil {
		return mapping.Customer{}, err
	}
	found := match(table.Customers(tenants), text)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return mapping.Customer{}, usage("no customer is called %q; syncd map lists them all", text)
	}
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = fmt.Sprintf("%s (%s, %s)", c.Name, c.Tenant.DefaultDomain, c.Key)
	}
	return mapping.Customer{}, usage("%q means several customers: %s; use the key", text, strings.Join(names, "; "))
}

// match finds customers by key, then by exact name or domain, then by the
// beginning of the name.
func match(customers []mapping.Customer, text string) []mapping.Customer {
	text = strings.TrimSpace(text)
	for _, is := range []func(mapping.Customer) bool{
		func(c mapping.Customer) bool { return strings.EqualFold(c.Key, text) },
		func(c mapping.Customer) bool {
			return strings.EqualFold(c.Name, text) || strings.EqualFold(c.Tenant.Name, text) || strings.EqualFold(c.Tenant.DefaultDomain, text) || strings.EqualFold(c.Tenant.InitialDomain, text)
		},
		func(c mapping.Customer) bool {
			return text != "" && strings.HasPrefix(strings.ToLower(c.Name), strings.ToLower(text))
		},
	} {
		var found []mapping.Customer
		for _, c := range customers {
			if is(c) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// columns are the columns of the link table for the configured systems.
func (w *World) columns() []string {
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
