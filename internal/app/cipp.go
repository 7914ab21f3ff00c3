package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"syncd/internal/cipp"
	"syncd/internal/cipp/tenants"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/rest"
	"syncd/internal/sync"
	"syncd/internal/target"
)

// CIPPConfig is how CIPP is reached, and what of its tenants follows ConnectWise.
type CIPPConfig struct {
	cipp.Config `yaml:",inline"`
	Tenants     tenants.Config `yaml:"tenants" env:", prefix=TENANTS_"` // of the target cipp: alias and static groups of each tenant, from its ConnectWise company
}

// cippSystem is the source, which is always configured, and the target cipp.
type cippSystem struct {
	config   CIPPConfig
	app      *App
	operator *cipp.Client // of the target
}

var (
	_ sync.Source   = (*cipp.Client)(nil)
	_ target.Target = (*tenants.Target)(nil)
	_ Portal        = (*cippSystem)(nil)
)

func newCIPP() System { return &cippSystem{config: CIPPConfig{cipp.Defaults(), tenants.Defaults()}} }

func (s *cippSystem) Config() any      { return &s.config }
func (s *cippSystem) rate() *rest.Rate { return &s.config.Rate }

func (s *cippSystem) Validate(c *Config, report func(path, message string)) {
	s.config.Config.Validate(report)
	s.config.Tenants.Validate(func(path, message string) { report("tenants."+path, message) })
	if s.config.Tenants.Active() && !c.has("connectwise") {
		report("tenants", "follows ConnectWise, which is not configured; add the section connectwise or take this out")
	}
}

func (s *cippSystem) Targets() []string {
	if s.config.Tenants.Active() {
		return []string{"cipp"}
	}
	return nil
}

func (s *cippSystem) Job() JobConfig {
	return JobConfig{Name: "tenants", Schedule: "0 5 * * *", Apply: "approve"}
}

func (s *cippSystem) Connect(w *App) (err error) {
	s.app, w.cippBucket = w, w.bucket("cipp", s.config.Rate)
	hired := false // CIPP is asked for days of hiring only where a target is given them
	for _, o := range w.Config.systems {
		reader, ok := o.System.(interface{ readsHireDates() bool })
		hired = hired || ok && reader.readsHireDates()
	}
	w.CIPP, err = cipp.New(s.config.Config, cipp.Options{Log: w.Log, Metrics: w.calls, Bucket: w.cippBucket, HireDates: hired})
	if err != nil {
		return fmt.Errorf("cipp: %w", err)
	}
	if s.config.Tenants.Active() {
		s.operator, err = w.CIPPOperator(false)
	}
	return err
}

func (s *cippSystem) Open(context.Context, string) (target.Target, error) {
	companies, ok := Find[tenants.Companies](s.app)
	if !ok {
		return nil, errors.New("no system is configured whose companies the tenants could follow")
	}
	return tenants.Open(s.operator, companies, s.config.Tenants), nil
}

func (s *cippSystem) Needs() directory.Kinds    { return 0 }
func (s *cippSystem) Columns() []mapping.Column { return nil }

// Places are a customer's tenants. CIPP opens a tenant by its id, too
// (KelvinTegelaar/CIPP: src/components/CippComponents/CippTenantSelector.jsx).
func (s *cippSystem) Places(c *mapping.Customer) []Place {
	var places []Place
	for _, p := range c.Parts {
		if id := string(p.Tenant.ID); id != "" {
			places = append(places, Place{What: "tenant " + cmp.Or(p.Tenant.Name, id), Address: s.config.PageURL(id)})
		}
	}
	return places
}

func (s *cippSystem) Check(ctx context.Context) []target.Finding {
	return of("cipp", s.app.CIPP.Check(ctx, s.app.needs()))
}

// CIPPOperator is a client of CIPP that can change things there. The one that reads
// for the jobs cannot, whatever it is asked.
func (w *App) CIPPOperator(unlisted bool) (*cipp.Client, error) {
	return cipp.New(section[CIPPConfig](w.Config).Config,
		cipp.Options{Log: w.Log, Bucket: w.cippBucket, Metrics: w.calls, Operate: true, Unlisted: unlisted})
}
