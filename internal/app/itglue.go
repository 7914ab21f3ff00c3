package app

import (
	"context"
	"fmt"

	"syncd/internal/directory"
	"syncd/internal/itglue"
	"syncd/internal/mapping"
	"syncd/internal/rest"
	"syncd/internal/target"
)

type itGlue struct {
	config itglue.Config
	*itglue.Client
}

var (
	_ target.Target = (*itglue.Target)(nil)
	_ Suggester     = (*itGlue)(nil)
	_ Resolver      = (*itGlue)(nil)
	_ Portal        = (*itGlue)(nil)
	_ Searcher      = (*itGlue)(nil)
)

func newITGlue() System { return &itGlue{config: itglue.Defaults()} }

func (s *itGlue) Config() any      { return &s.config }
func (s *itGlue) rate() *rest.Rate { return &s.config.Rate }

func (s *itGlue) Validate(_ *Config, report func(path, message string)) { s.config.Validate(report) }

func (s *itGlue) Targets() []string { return []string{"itglue"} }

func (s *itGlue) Job() JobConfig {
	return JobConfig{Name: "documentation", Schedule: "0 */4 * * *", Apply: "approve"}
}

func (s *itGlue) Connect(w *App) (err error) {
	o := itglue.Options{Log: w.Log, Metrics: w.calls, Bucket: w.bucket("itglue", s.config.Rate), Now: w.Now, Location: w.Location, Portal: section[CIPPConfig](w.Config).PortalURL()}
	if book, ok := Find[AddressBook](w); ok {
		o.Addresses = book.ContactAddresses
	}
	if s.Client, err = itglue.New(s.config, o); err != nil {
		return fmt.Errorf("itglue: %w", err)
	}
	return nil
}

func (s *itGlue) Open(context.Context, string) (target.Target, error) { return s.Client.Open(), nil }

func (s *itGlue) Needs() directory.Kinds { return s.Client.Open().Spec().Needs }

func (s *itGlue) Columns() []mapping.Column {
	return []mapping.Column{{Name: mapping.ITGlueOrganization, Noun: "an organization", OneTenant: true}}
}

func (s *itGlue) LookUp(ctx context.Context, _ string, texts []string) (map[string]mapping.Found, error) {
	return s.Client.LookUp(ctx, texts)
}

// Places are a customer's organization.
func (s *itGlue) Places(c *mapping.Customer) []Place {
	id := c.Links[mapping.ITGlueOrganization]
	if id == "" {
		return nil
	}
	return []Place{{What: "organization " + id, Address: s.config.PageURL(id)}}
}

func (s *itGlue) Check(ctx context.Context) []target.Finding {
	return of("itglue", s.Client.Check(ctx))
}
