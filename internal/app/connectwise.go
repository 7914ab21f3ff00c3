package app

import (
	"context"
	"fmt"
	"strconv"

	"syncd/internal/cipp/tenants"
	"syncd/internal/connectwise"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/rest"
	"syncd/internal/target"
)

type connectWise struct {
	config connectwise.Config
	app    *App
	*connectwise.Client
}

var (
	_ target.Target     = (*connectwise.Target)(nil)
	_ MonthBiller       = (*connectWise)(nil)
	_ Ticketer          = (*connectWise)(nil)
	_ Suggester         = (*connectWise)(nil)
	_ Freezer           = (*connectWise)(nil)
	_ Invoicer          = (*connectWise)(nil)
	_ Resolver          = (*connectWise)(nil)
	_ Portal            = (*connectWise)(nil)
	_ Searcher          = (*connectWise)(nil)
	_ AddressBook       = (*connectWise)(nil)
	_ tenants.Companies = (*connectWise)(nil)
)

func newConnectWise() System { return &connectWise{config: connectwise.Defaults()} }

func (s *connectWise) Config() any      { return &s.config }
func (s *connectWise) rate() *rest.Rate { return &s.config.Rate }
func (s *connectWise) Grace() string    { return s.config.Grace }

// Freezes are those that the configuration names.
func (s *connectWise) Freezes() []money.Freeze { return s.config.Freeze }

func (s *connectWise) Validate(_ *Config, report func(path, message string)) {
	s.config.Validate(report)
}

func (s *connectWise) Targets() []string { return []string{"connectwise"} }

func (s *connectWise) Job() JobConfig {
	return JobConfig{Name: "licences", Schedule: "0 6 * * *", Apply: "approve"}
}

func (s *connectWise) Connect(w *App) (err error) {
	s.app = w
	s.Client, err = connectwise.New(s.config, connectwise.Options{Log: w.Log, Metrics: w.calls, Bucket: w.bucket("connectwise", s.config.Rate), Now: w.Now, Location: w.Location,
		Names: w.Config.Evidence.naming(), Freezes: w.handFreezes})
	if err != nil {
		return fmt.Errorf("connectwise: %w", err)
	}
	return nil
}

func (s *connectWise) Open(ctx context.Context, _ string) (target.Target, error) {
	tables, err := s.app.moneyTables(ctx)
	if err != nil {
		return nil, err
	}
	return s.Client.Open(tables), nil
}

func (s *connectWise) Needs() directory.Kinds { return directory.Licences }

func (s *connectWise) Columns() []mapping.Column {
	return []mapping.Column{
		{Name: mapping.ConnectWiseCompany, Noun: "a company", Exclusive: true, Parts: true},
		{Name: mapping.ConnectWiseAgreement, Noun: "an agreement", Within: mapping.ConnectWiseCompany, Parts: true},
	}
}

func (s *connectWise) Suggest(ctx context.Context, d *mapping.Draft) error {
	rules, err := s.app.Rules(ctx)
	if err != nil {
		return err
	}
	return s.Client.Suggest(ctx, d, rules)
}

// Places are a customer's company and its agreement.
func (s *connectWise) Places(c *mapping.Customer) []Place {
	var places []Place
	for _, p := range []struct {
		column, what string
		record       connectwise.Record
	}{{mapping.ConnectWiseCompany, "company", connectwise.CompanyRecord}, {mapping.ConnectWiseAgreement, "agreement", connectwise.AgreementRecord}} {
		if id := c.Links[p.column]; id != "" {
			places = append(places, Place{What: p.what + " " + id, Address: s.config.PageURL(p.record, id)})
		}
	}
	return places
}

// TicketsFor reports whether tickets are made for a cause.
func (s *connectWise) TicketsFor(cause string) bool { return s.config.Tickets.Wants(cause) }

// TicketCompany is the company that a customer is linked to.
func (s *connectWise) TicketCompany(l mapping.Links) int {
	id, _ := strconv.Atoi(l[mapping.ConnectWiseCompany])
	return id
}

func (s *connectWise) Check(ctx context.Context) []target.Finding {
	return of("connectwise", s.Client.Check(ctx))
}
