package msp

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	cippsim "syncd/internal/simulator/cipp"
	cwsim "syncd/internal/simulator/connectwise"
)

// A customer is one line of the table of customers: a tenant, a company, and
// how the two are known to belong together.
type customer struct {
	tenant  string   // as CIPP shows it
	domain  string   // the default one
	domains []string // further verified ones

	company    string // empty: none in ConnectWise
	identifier string
	website    string // empty: the default domain's; "-": none
	status     int    // empty: active
	kind       int    // empty: customer

	holds      []holding
	agreements []agreement

	staff     int    // so many accounts, each with every licence; 0 = as many as hold a licence
	bare      bool   // accounts are all there is: no groups, no mailboxes, nobody else
	synced    bool   // the directory comes from an Active Directory
	residents int    // guests in one large group
	hidden    string // a group of that name whose members nobody may read

	linked    bool
	named     int    // which agreement the link names, from 1; 0 = none
	ignored   string // why there is no link
	excluded  bool   // in CIPP, so that it cannot be linked
	finishing func(*cippsim.Tenant, *cwsim.Company)
}

// A holding is a licence of a tenant.
type holding struct {
	part       string
	paid, used int
	also       []func(*cippsim.SKU, calendar)
}

func have(part string, paid, used int, also ...func(*cippsim.SKU, calendar)) holding {
	return holding{part, paid, used, also}
}

// trial adds a trial subscription beside what is paid.
func trial(units int) func(*cippsim.SKU, calendar) {
	return func(k *cippsim.SKU, c calendar) {
		k.Enabled += units
		k.Subscriptions = append(k.Subscriptions, cippsim.Subscription{Total: units, Trial: true,
			Created: c.today.AddDate(0, 0, -10), Next: c.today.AddDate(0, 0, 20)})
	}
}

// grace adds units whose renewal was missed: they still work.
func grace(units int) func(*cippsim.SKU, calendar) {
	return func(k *cippsim.SKU, c calendar) {
		k.Warning += units
		k.Subscriptions = append(k.Subscriptions, cippsim.Subscription{Status: "Warning", Total: units, Created: c.today.AddDate(-1, 0, -9)})
	}
}

// monthByMonth makes the first subscription a monthly one.
func monthByMonth(k *cippsim.SKU, c calendar) {
	k.Subscriptions[0] = cippsim.Monthly(k.Subscriptions[0].Total, c.today.AddDate(0, 0, -12))
}

// endsTomorrow makes the first subscription one whose year is nearly over.
func endsTomorrow(k *cippsim.SKU, c calendar) {
	k.Subscriptions[0] = cippsim.Yearly(k.Subscriptions[0].Total, c.today.AddDate(-1, 0, 1))
}

// An agreement is one of a company's, with its lines.
type agreement struct {
	name  string
	kind  int // empty: Managed Services
	lines []line
	also  []func(*cwsim.Agreement, calendar)
}

func managed(lines ...line) agreement { return agreement{name: "Managed services", lines: lines} }

func (a agreement) but(name string, also ...func(*cwsim.Agreement, calendar)) agreement {
	a.name, a.also = name, also
	return a
}

// yearly makes an agreement bill once a year.
func yearly(a *cwsim.Agreement, c calendar) {
	a.BillingCycleID, a.InvoicingCycle = cycleYearly, "ContractYear"
	a.NextInvoiceDate = c.nextYear().Format(time.RFC3339)
}

// expired ends an agreement before this year.
func expired(a *cwsim.Agreement, c calendar) {
	a.NoEndingDate, a.EndDate = false, c.begin.AddDate(2, 0, -1)
}

// childOf makes an agreement the child of the company's first one.
func childOf(a *cwsim.Agreement, _ calendar) { a.ParentID = a.ID - 1 }

// A line is an addition.
type line struct {
	product  string
	quantity int
	also     []func(*cwsim.Addition, calendar)
}

func bill(product string, quantity int, also ...func(*cwsim.Addition, calendar)) line {
	return line{product, quantity, also}
}

func doNotBill(a *cwsim.Addition, _ calendar)     { a.BillCustomer = "DoNotBill" }
func endsThisMonth(a *cwsim.Addition, c calendar) { a.CancelledDate = c.monthEnd }
func ended(a *cwsim.Addition, c calendar)         { a.CancelledDate = c.begin.AddDate(1, 0, -1) }

func fromNextMonth(a *cwsim.Addition, c calendar) {
	a.EffectiveDate = c.nextMonth
}

func included(units int64) func(*cwsim.Addition, calendar) {
	return func(a *cwsim.Addition, _ calendar) { a.LessIncluded = decimal.NewFromInt(units) }
}

func at(price string) func(*cwsim.Addition, calendar) {
	return func(a *cwsim.Addition, _ calendar) { a.UnitPrice = money(price) }
}

// The entries of ConnectWise's setup tables.
const (
	statusActive, statusFormer                = 1, 2
	kindCustomer, kindProspect, kindVendor    = 1, 2, 3
	typeManaged, typeBlockTime, typeBackup    = 3, 4, 5
	cycleMonthly, cycleYearly, cycleQuarterly = 2, 5, 4
	fieldTenantID, fieldSegment               = 7, 8
	apiMember                                 = "syncd"
	personMember                              = "jwhite" // who edits by hand
)

// A builder puts customers into both worlds.
type builder struct {
	cal         calendar
	cipp        cippsim.World
	connectwise cwsim.World
	products    map[string]*cwsim.Product
	links       []Link
	documented  []documented
	hidden      map[string][]string // groups whose members nobody may read: their ids by domain
}

// The first ids; the next ones follow in the order of the table.
const (
	firstCompany   = 201
	firstAgreement = 501
	firstAddition  = 5001
)

func newBuilder(now time.Time) *builder {
	b := &builder{cal: calendarAt(now), products: map[string]*cwsim.Product{}, hidden: map[string][]string{}}
	b.cipp = cippsim.World{PartnerTenant: &cippsim.Tenant{
		CustomerID: partnerID, DisplayName: partnerName, DefaultDomain: partnerDomain, InitialDomain: partnerInitial, Country: "GB", City: "Portwick",
	}}
	since := cwsim.Info{DateEntered: b.cal.begin, EnteredBy: "setup", LastUpdated: b.cal.begin, UpdatedBy: "setup"}
	b.connectwise = cwsim.World{
		Name: partnerName, Currency: "USD",
		CompanyStatuses: []*cwsim.Setup{{ID: statusActive, Name: "Active", Default: true}, {ID: statusFormer, Name: "Not serviced any more", Inactive: true}},
		CompanyTypes:    []*cwsim.Setup{{ID: kindCustomer, Name: "Customer", Default: true}, {ID: kindProspect, Name: "Prospect"}, {ID: kindVendor, Name: "Vendor"}},
		AgreementTypes: []*cwsim.AgreementType{{ID: typeManaged, Name: "Managed Services", BillingCycleID: cycleMonthly},
			{ID: typeBlockTime, Name: "Block Time", BillingCycleID: cycleQuarterly}, {ID: typeBackup, Name: "Backup", BillingCycleID: cycleMonthly}},
		BillingCycles: []*cwsim.BillingCycle{{ID: cycleMonthly, Identifier: "M", Name: "Monthly", Option: "Monthly", Default: true},
			{ID: cycleQuarterly, Identifier: "Q", Name: "Quarterly", Option: "Quarterly"}, {ID: cycleYearly, Identifier: "Y", Name: "Yearly", Option: "Yearly"}},
		Fields: []*cwsim.Field{{ID: fieldTenantID, On: "Company", Caption: "Microsoft tenant id"}, {ID: fieldSegment, On: "Company", Caption: "Segment"}},
		Roles: []*cwsim.Role{{ID: 40, Name: "syncd API", Info: since, Settings: []cwsim.RoleSetting{
			{Module: "Companies", Function: "Company Maintenance", Inquire: "All"},
			{Module: "Companies", Function: "Contacts", Inquire: "All"},
			{Module: "Finance", Function: "Agreements", Add: "All", Edit: "All", Inquire: "All"},
			{Module: "Finance", Function: "Invoicing", Inquire: "All"},
			{Module: "Procurement", Function: "Product Catalog", Inquire: "All"},
			{Module: "System", Function: "Table Setup", Inquire: "All"},
		}}},
		Members:  []*cwsim.Member{{ID: 61, Identifier: apiMember, Name: "syncd", RoleID: 40}, {ID: 62, Identifier: personMember, Name: "June White"}},
		Products: catalogue(),
		Companies: []*cwsim.Company{
			{ID: 2, Identifier: "HarbourIT", Name: partnerName, StatusID: statusActive, TypeIDs: []int{kindVendor}, Website: "https://www." + partnerDomain, Info: since},
			{ID: 3, Identifier: "NimbusDist", Name: "Nimbus Distribution", StatusID: statusActive, TypeIDs: []int{kindVendor}, Website: "https://nimbus-distribution.example", Info: since},
		},
	}
	for _, p := range b.connectwise.Products {
		p.Info = since
		b.products[p.Identifier] = p
	}
	return b
}

// customer adds one line of the table.
func (b *builder) customer(c customer) {
	t := b.tenant(c)
	if c.company == "" {
		b.link(c, t, 0, 0)
		return
	}
	co := b.company(c, t.Users)
	named := 0
	for i, a := range c.agreements {
		if id := b.agreement(co, a); c.named == i+1 {
			named = id
		}
	}
	if c.finishing != nil {
		c.finishing(t, co)
	}
	b.link(c, t, co.ID, named)
	b.documented = append(b.documented, documented{c, t, co})
}

func (b *builder) tenant(c customer) *cippsim.Tenant {
	short := strings.TrimSuffix(c.domain, ".example")
	t := &cippsim.Tenant{
		CustomerID: guid("tenant", c.domain), DisplayName: c.tenant, DefaultDomain: c.domain,
		InitialDomain: strings.ReplaceAll(short, "-", "") + ".onmicrosoft.com", Excluded: c.excluded, Country: "GB", City: "Portwick",
	}
	if c.excluded {
		t.ExcludeUser, t.ExcludeDate = "june.white@"+partnerDomain, b.cal.begin.AddDate(1, 2, 3).Format(time.DateOnly)
	}
	t.Domains = []cippsim.Domain{{Name: c.domain, Default: true}, {Name: t.InitialDomain, Initial: true}}
	for _, d := range c.domains {
		t.Domains = append(t.Domains, cippsim.Domain{Name: d})
	}
	for i, h := range c.holds {
		t.SKUs = append(t.SKUs, b.sku(h, len(b.cipp.Tenants)+i))
	}
	b.populate(t, c, len(b.cipp.Tenants))
	b.cipp.Tenants = append(b.cipp.Tenants, t)
	return t
}

// sku is a licence as it is mostly bought: a yearly subscription that began
// some months ago.
func (b *builder) sku(h holding, salt int) cippsim.SKU {
	l, ok := licences[h.part]
	if !ok {
		panic(fmt.Sprintf("simulator: no licence %s", h.part))
	}
	k := cippsim.SKU{SkuID: l.id, PartNumber: h.part, Name: l.name, Enabled: h.paid, Consumed: h.used}
	if h.paid > 0 {
		k.Subscriptions = []cippsim.Subscription{cippsim.Yearly(h.paid, b.cal.today.AddDate(0, -1-salt%9, -salt%20))}
	}
	for _, also := range h.also {
		also(&k, b.cal)
	}
	return k
}

// syncedContacts is how many people of a company are contacts in ConnectWise.
const syncedContacts = 2

// company adds a company with the first of its people as contacts.
func (b *builder) company(c customer, people []*cippsim.User) *cwsim.Company {
	co := &cwsim.Company{
		ID: firstCompany + len(b.connectwise.Companies), Identifier: c.identifier, Name: c.company, Website: "https://www." + c.domain,
		StatusID: statusActive, TypeIDs: []int{kindCustomer}, Info: b.entered(),
	}
	switch c.website {
	case "":
	case "-":
		co.Website = ""
	default:
		co.Website = c.website
	}
	if c.status != 0 {
		co.StatusID = c.status
	}
	if c.kind != 0 {
		co.TypeIDs = []int{c.kind}
	}
	co.AccountNumber = fmt.Sprintf("HIT-%04d", co.ID)
	for i, u := range people[:min(syncedContacts, len(people))] {
		id := 1000 + 2*co.ID + i
		b.connectwise.Contacts = append(b.connectwise.Contacts, &cwsim.Contact{
			ID: id, FirstName: u.GivenName, LastName: u.Surname, CompanyID: co.ID, Title: u.JobTitle, Info: b.entered(),
			Communications: []cwsim.Communication{{ID: 2 * id, Kind: "Email", Type: cwsim.Ref{ID: 1, Name: "Email"}, Value: u.Mail, Default: true}},
		})
		if i == 0 {
			co.ContactID = id
		}
	}
	b.connectwise.Companies = append(b.connectwise.Companies, co)
	return co
}

func (b *builder) agreement(co *cwsim.Company, a agreement) int {
	made := &cwsim.Agreement{
		ID: firstAgreement + len(b.connectwise.Agreements), Name: a.name, TypeID: typeManaged, CompanyID: co.ID, ContactID: co.ContactID,
		StartDate: b.cal.begin, NoEndingDate: true, BillingCycleID: cycleMonthly, InvoicingCycle: "CalendarYear", BillStartDate: b.cal.begin,
		NextInvoiceDate: b.cal.nextMonth.Format(time.RFC3339), Info: b.entered(),
	}
	if a.kind != 0 {
		made.TypeID = a.kind
	}
	for _, also := range a.also {
		also(made, b.cal)
	}
	b.connectwise.Agreements = append(b.connectwise.Agreements, made)
	for i, l := range a.lines {
		p := b.products[l.product]
		if p == nil {
			panic(fmt.Sprintf("simulator: no product %s", l.product))
		}
		add := &cwsim.Addition{
			ID: firstAddition + len(b.connectwise.Additions), AgreementID: made.ID, ProductID: p.ID, Quantity: decimal.NewFromInt(int64(l.quantity)),
			UnitPrice: p.Price, UnitCost: p.Cost, BillCustomer: "Billable", EffectiveDate: b.cal.begin, Taxable: true,
			SequenceNumber: decimal.NewFromInt(int64(i + 1)), Info: b.entered(),
		}
		for _, also := range l.also {
			also(add, b.cal)
		}
		b.connectwise.Additions = append(b.connectwise.Additions, add)
	}
	return made.ID
}

// entered is that June White typed it in when the agreements began.
func (b *builder) entered() cwsim.Info {
	return cwsim.Info{DateEntered: b.cal.begin, EnteredBy: personMember, LastUpdated: b.cal.begin, UpdatedBy: personMember}
}

func (b *builder) link(c customer, t *cippsim.Tenant, companyID, agreementID int) {
	if c.excluded {
		return // not listed, so that a table that names it is refused
	}
	l := Link{Customer: c.tenant, TenantID: t.CustomerID, Tenant: c.tenant, Status: "unmapped"}
	switch {
	case c.ignored != "":
		l.Status, l.Reason = "ignored", c.ignored
	case c.linked:
		l.Status, l.Company, l.Agreement = "linked", companyID, agreementID
	}
	b.links = append(b.links, l)
}
