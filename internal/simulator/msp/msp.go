// Package msp is a make-believe MSP, Harbour IT Services: customers with
// tenants in a simulated CIPP, with companies, agreements and lines in a
// simulated ConnectWise and, on request, with organizations and contacts in a
// simulated IT Glue and accounts in a simulated Cinode that belong together as
// they do in life: mostly right, and wrong in all the ways that MSPs meet. The
// practice mode, the tests of the whole program and the benchmarks run against
// it.
//
// Every name and domain is invented. For one moment in time the worlds are
// always the same.
package msp

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
	itgluesim "syncd/internal/simulator/itglue"
	scimsim "syncd/internal/simulator/scim"
)

// An MSP is the systems of one MSP and what its billing admin would have told
// syncd about them. It may be used by several goroutines at once.
type MSP struct {
	CIPP        *cippsim.Server
	ConnectWise *cwsim.Server
	ITGlue      *itgluesim.Server // nil without WithDocumentation
	Cinode      *scimsim.Server   // nil without WithIdentity

	links  []Link
	rules  []Rule
	cal    calendar
	hidden map[string][]string
}

// An Option adds to an MSP.
type Option func(*extent)

type extent struct {
	documentation, layouts, identity bool
	accounts, more                   int
	linked                           []string // nil: whom a sensible billing admin would link
}

// WithDocumentation gives the MSP an IT Glue account. Its configuration gets a
// section itglue and a job documentation, and the link table its column.
func WithDocumentation() Option { return func(e *extent) { e.documentation = true } }

// WithLayouts is WithDocumentation where the asset types of syncd are there
// already, under the default layout_prefix.
func WithLayouts() Option { return func(e *extent) { e.documentation, e.layouts = true, true } }

// WithIdentity gives two of the customers accounts in a Cinode. The
// configuration gets a section scim and a job identity, and the link table its
// column. It means nothing to an estate.
func WithIdentity() Option { return func(e *extent) { e.identity = true } }

// WithAccounts gives each customer of an estate so many accounts with
// licences, and groups, mailboxes and health of domains; without it there are
// six accounts and nothing else. It means nothing to New.
func WithAccounts(n int) Option { return func(e *extent) { e.accounts = n } }

// WithMore adds n customers of an Estate. It means nothing to an estate.
func WithMore(n int) Option { return func(e *extent) { e.more = n } }

// WithLinks has the billing admin link these tenants alone of those that could be. It means
// nothing to an estate.
func WithLinks(tenants ...string) Option { return func(e *extent) { e.linked = tenants } }

func extentOf(options []Option) extent {
	var e extent
	for _, o := range options {
		o(&e)
	}
	return e
}

// The credentials that the simulators accept.
const (
	company    = "harbour"
	publicKey  = "practicepublic"
	privateKey = "practiceprivate"
	clientID   = "5c1f7a52-63d5-4d0e-9b8a-2f9f2f0a7c11"
)

// partner is the MSP's own tenant.
const (
	partnerID      = "0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d90"
	partnerName    = "Harbour IT Services"
	partnerDomain  = "harbour-it.example"
	partnerInitial = "harbourit.onmicrosoft.com"
)

// New makes Harbour IT Services as it is at now(), which must not be nil:
// dates such as "ends this month" are counted from there, and all systems go
// on by that clock.
func New(now func() time.Time, options ...Option) *MSP {
	b := newBuilder(now())
	for _, c := range customers() {
		b.customer(c)
	}
	b.strangers()
	e := extentOf(options)
	for i := range e.more {
		b.customer(oneOfMany(i, 0))
	}
	var glue *itgluesim.World
	if e.documentation {
		glue = new(b.account(false))
	}
	var cinode *scimsim.Server
	if e.identity {
		cinode = scimsim.New(b.identities(), scimsim.Options{Dialect: scimsim.Cinode(), Token: CinodeToken, Writer: apiMember, Now: now})
	}
	m := start(b, sensibleRules(), glue, e, now)
	m.Cinode = cinode
	for i, l := range m.links {
		if e.linked != nil && l.Status == "linked" && !slices.Contains(e.linked, l.Tenant) {
			m.links[i] = Link{Customer: l.Customer, TenantID: l.TenantID, Tenant: l.Tenant, Status: "unmapped"}
		}
	}
	return m
}

// start sets up the systems; glue is nil where there is no IT Glue.
func start(b *builder, rules []Rule, glue *itgluesim.World, e extent, now func() time.Time) *MSP {
	m := &MSP{
		CIPP: cippsim.New(b.cipp, cippsim.Options{Now: now}),
		ConnectWise: cwsim.New(b.connectwise, cwsim.Options{
			Company: company, PublicKey: publicKey, PrivateKey: privateKey, ClientID: clientID, Member: apiMember, Now: now,
		}),
		links: b.links, rules: rules, cal: b.cal, hidden: b.hidden,
	}
	m.hide()
	if glue == nil {
		return m
	}
	if e.layouts {
		addLayouts(glue)
	}
	m.ITGlue = itgluesim.New(*glue, itgluesim.Options{Key: ITGlueKey, Subdomain: "harbour", Writer: apiMember, Now: now})
	b.linkOrganizations()
	m.links = b.links
	return m
}

// hide keeps the members of some groups from everybody, as Microsoft does for
// those with hidden membership.
func (m *MSP) hide() {
	for domain, groups := range m.hidden {
		f := cippsim.TenantFaults{Graph: map[string]cippsim.ResourceFault{}}
		for _, id := range groups {
			f.Graph["groups/"+id+"/members"] = cippsim.ResourceFault{Status: 403}
		}
		m.CIPP.SetTenantFaults(domain, f)
	}
}

// A calendar is the days that dates in the tables are counted from.
type calendar struct {
	today     time.Time // midnight UTC
	monthEnd  time.Time // the last day of this month
	nextMonth time.Time // its first day
	begin     time.Time // 1 January two years ago, when agreements began
}

func calendarAt(now time.Time) calendar {
	y, m, d := now.UTC().Date()
	next := cwsim.Day(y, m+1, 1)
	return calendar{today: cwsim.Day(y, m, d), monthEnd: next.AddDate(0, 0, -1), nextMonth: next, begin: cwsim.Day(y-2, 1, 1)}
}

// nextYear is 1 January of next year.
func (c calendar) nextYear() time.Time { return c.begin.AddDate(3, 0, 0) }

// guid makes a GUID of its parts; the same parts always give the same one.
func guid(parts ...string) string {
	h := sha256.Sum256(fmt.Append(nil, parts))
	h[6] = h[6]&0x0f | 0x40
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
