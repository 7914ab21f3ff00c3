package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/config"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/rest"
	"syncd/internal/target"
)

// Systems is the table of the systems that syncd knows. Its order is the order in
// which they are read, built, asked, listed and locked. A new system is a file beside
// this one and a line here.
var Systems = Table{
	{"cipp", "CIPP", "the source, and a target: its tenants' aliases and groups", newCIPP},
	{"connectwise", "ConnectWise", "a target: billing", newConnectWise},
	{"itglue", "IT Glue", "a target: documentation", newITGlue},
	{"scim", "SCIM", "targets: identities, each under a name of its own", newSCIM},
}

// A Table lists systems.
type Table []Line

// A Line is one kind of system.
type Line struct {
	Section string // of the configuration
	Title   string // as people call it
	What    string // it is to syncd, for the schema of the configuration
	New     func() System
}

// A System is first a section of the configuration, and then, once it is connected,
// all that syncd does with the system besides bringing its targets into step. What
// only some systems offer is in the interfaces below.
type System interface {
	// Config is what the section is read into. It holds the defaults.
	Config() any
	// Validate reports what is wrong, by its path in the section.
	Validate(c *Config, report func(path, message string))
	// Targets names the targets that the section configures.
	Targets() []string
	// Job is how often, and how freely, these are brought into step where the
	// configuration names no jobs.
	Job() JobConfig

	// Connect makes the client, which talks to nobody yet. Systems further up in
	// the table are connected already.
	Connect(w *App) error
	// Open readies a target for one run.
	Open(ctx context.Context, name string) (target.Target, error)
	// Needs is what of a tenant the targets are made from.
	Needs() directory.Kinds
	// Columns are those of the link table that lead to the system.
	Columns() []mapping.Column
	// Check asks whether syncd may and can work with it.
	Check(ctx context.Context) []target.Finding
}

// A Portal is a system whose own pages people open.
type Portal interface {
	// Places are where a customer is found there; none where it is not linked.
	Places(c *mapping.Customer) []Place
}

// A Resolver knows the names of what numeric links lead to.
type Resolver interface {
	LookUp(ctx context.Context, column string, texts []string) (map[string]mapping.Found, error)
}

// A Suggester proposes links.
type Suggester interface {
	Suggest(ctx context.Context, d *mapping.Draft) error
}

// A Searcher finds by a part of a name what links may lead to.
type Searcher interface {
	// Search finds entities of a column, the best known names first, at most SearchMost; of
	// those that belong to another entity, as the column says, only that one's (within).
	Search(ctx context.Context, column, text, within string) ([]mapping.Entity, error)
}

// A Biller is a system whose objects are lines of invoices.
type Biller interface {
	System
	Grace() string // what becomes of units in their grace period; see package money
	LineKind() string
	ProductEvidence(ctx context.Context) ([]mapping.ProductEvidence, error)
	ResolveProducts(ctx context.Context, texts []string) (map[string]int, error)
	Prices(ctx context.Context, products []string) (map[string]decimal.Decimal, error)
}

// A MonthBiller is a system that reads what the invoices of an agreement say of a month, and
// what it bills besides some products.
type MonthBiller interface {
	Invoiced(ctx context.Context, agreement string, products []string, from, to time.Time) (money.Invoiced, error)
}

// A Ticketer is a system in which tickets are made of what waits or fails.
type Ticketer interface {
	TicketsFor(cause string) bool                                    // whether one is made for a cause
	TicketCompany(l mapping.Links) int                               // whose ticket it is; 0 where the customer is not linked
	FindTicket(ctx context.Context, xref string) (id int, err error) // the open one; 0 for none
	TicketOpen(ctx context.Context, id int) (bool, error)
	CreateTicket(ctx context.Context, xref string, company int, summary, text string) (id int, err error)
	NoteTicket(ctx context.Context, id int, text string) error
	TicketSays(ctx context.Context, id int, text string) (bool, error)
	CloseTicket(ctx context.Context, id int) (closed bool, err error)
}

// A Freezer is a system to which nobody writes while invoices are made.
type Freezer interface {
	Freezes() []money.Freeze // that the configuration names
	// FrozenTypes says whether a pattern fits a type of agreement, and which there are.
	FrozenTypes(ctx context.Context, pattern string) (fit bool, there []string, err error)
}

// An AddressBook knows the mail addresses of contacts by their ids.
type AddressBook interface {
	ContactAddresses(ctx context.Context, ids []string) (map[string][]string, error)
}

// rated is a section that has a rate with defaults.
type rated interface{ rate() *rest.Rate }

// named is a section whose settings the environment calls by other names than the file.
type named interface {
	overlay(env config.Environment, names []string, problems *config.Problems) config.Overlaid
	variable(path string) (variable string, ok bool) // for a path in the section
}

// A configured system is one that the configuration has a section of.
type configured struct {
	Line
	System
}

// Find returns the first configured system that offers T.
func Find[T any](w *App) (offered T, ok bool) {
	for _, s := range w.Config.systems {
		if offered, ok = s.System.(T); ok {
			return offered, true
		}
	}
	return offered, false
}

// missing says that no system is configured that offers T, and which could be.
func missing[T any](t Table) string {
	var could []string
	for _, l := range t {
		if _, ok := l.New().(T); ok {
			could = append(could, l.Section)
		}
	}
	last := len(could) - 1
	if last <= 0 {
		return strings.Join(could, "") + " is not configured"
	}
	return "neither " + strings.Join(could[:last], ", ") + " nor " + could[last] + " is configured"
}

// A billing system is a Biller with its line of the table.
type billing struct {
	Line
	Biller
}

// biller is the system that bills. Where none is configured it is one that could be,
// for its words alone.
func (w *App) biller() (b billing, there bool) {
	for _, s := range w.Config.systems {
		if b, ok := s.System.(Biller); ok {
			return billing{s.Line, b}, true
		}
	}
	for _, l := range w.Config.table {
		if b, ok := l.New().(Biller); ok {
			return billing{l, b}, false
		}
	}
	return billing{}, false
}

// system is the one of a target.
func (c *Config) system(target string) System {
	for _, s := range c.systems {
		for _, name := range s.Targets() {
			if name == target {
				return s.System
			}
		}
	}
	return nil
}

// TargetTitle is a target as people call it: its system, or its own name where the system
// has several.
func (c *Config) TargetTitle(target string) string {
	if _, own, several := strings.Cut(target, "/"); several && own != "" {
		return strings.ToUpper(own[:1]) + own[1:]
	}
	for _, s := range c.systems {
		if slices.Contains(s.Targets(), target) || s.Line.Section == target {
			return s.Title
		}
	}
	return target
}

// section is what a system read of the configuration; nil where there is no such
// section.
func section[T any](c *Config) *T {
	for _, s := range c.systems {
		if read, ok := s.Config().(*T); ok {
			return read
		}
	}
	return nil
}

// of says of findings which system they are about.
func of(system string, findings []target.Finding) []target.Finding {
	for i := range findings {
		findings[i].System = system
	}
	return findings
}
