package cwsim

import (
	"time"

	"github.com/shopspring/decimal"
)

// A World is everything the simulated instance holds. Objects refer to one
// another by id, so a renamed company or product shows its new name
// everywhere, as it does in the product itself.
//
// Objects with ID 0 get the next free id when the world is taken in.
type World struct {
	Name     string // the MSP's own display name
	Currency string // of agreements that name none; empty means USD

	Companies       []*Company
	CompanyStatuses []*Setup
	CompanyTypes    []*Setup
	Contacts        []*Contact
	Boards          []*Setup
	BoardStatuses   []*BoardStatus
	Priorities      []*Setup
	Tickets         []*Ticket
	TicketNotes     []*TicketNote
	Agreements      []*Agreement
	AgreementTypes  []*AgreementType
	BillingCycles   []*BillingCycle
	Additions       []*Addition
	Products        []*Product
	Invoices        []*Invoice
	Roles           []*Role
	Members         []*Member
	Callbacks       []*Callback
	Fields          []*Field // definitions of custom fields
	Audit           []*AuditEntry
}

// Info is what the server notes about each object.
type Info struct {
	DateEntered time.Time
	EnteredBy   string // a member's identifier
	LastUpdated time.Time
	UpdatedBy   string
}

// A Setup is an entry of a setup table: a status or a type. Names are the
// MSP's to edit.
type Setup struct {
	ID       int
	Name     string
	Default  bool
	Inactive bool
	Info     Info
}

// A Company is a customer, a prospect or a vendor.
type Company struct {
	ID               int
	Identifier       string // short and unique, but editable
	Name             string
	StatusID         int
	TypeIDs          []int
	Website          string
	AccountNumber    string
	VendorIdentifier string
	ParentID         int
	BillToID         int
	ContactID        int            // the default contact
	Deleted          bool           // in the recycle bin, and still readable
	Custom           map[int]any    // values of custom fields, by the id of the field
	Other            map[string]any // members of the API that mean nothing to the simulator
	Info             Info
}

// A Contact is a person at a company.
type Contact struct {
	ID             int
	FirstName      string
	LastName       string
	CompanyID      int
	Title          string
	Inactive       bool
	Communications []Communication
	Custom         map[int]any
	Other          map[string]any
	Info           Info
}

// A Communication is one address or number of a contact.
type Communication struct {
	ID      int
	Kind    string // Email, Phone or Fax
	Type    Ref    // the MSP's own name for it, such as "Direct"
	Value   string
	Default bool
}

// A Ref is the id and name of something the simulator keeps no table of.
type Ref struct {
	ID   int
	Name string
}

// An Agreement is what a company is billed under.
type Agreement struct {
	ID                      int
	Name                    string // not unique
	TypeID                  int
	CompanyID               int
	ContactID               int
	ParentID                int
	StartDate               time.Time // calendar days at midnight UTC; zero = absent
	EndDate                 time.Time
	NoEndingDate            bool
	Cancelled               bool
	DateCancelled           time.Time
	ReasonCancelled         string
	Status                  string // overrides the status computed from flags and dates
	BillingCycleID          int
	InvoicingCycle          string // ContractYear or CalendarYear; empty means CalendarYear
	PeriodType              string
	BillStartDate           time.Time
	NextInvoiceDate         string // as the API shows it: text
	OneTime                 bool
	BillOneTime             bool
	Prorate                 bool
	InvoiceProratedAddition bool
	AutoInvoice             bool
	BillAmount              decimal.Decimal
	Currency                string // a code such as USD; empty means the world's
	Custom                  map[int]any
	Other                   map[string]any
	Info                    Info
}

// An AgreementType is the MSP's name for a kind of agreement.
type AgreementType struct {
	ID             int
	Name           string
	Inactive       bool
	Prorate        bool
	BillingCycleID int
	Info           Info
}

// A BillingCycle says how often an agreement bills.
type BillingCycle struct {
	ID         int
	Identifier string
	Name       string
	Option     string // BiMonthly BiWeekly Monthly NotRecurring Quarterly SemiAnnual Weekly Yearly
	Default    bool
	Info       Info
}

// An Addition is a line of an agreement.
type Addition struct {
	ID                   int
	AgreementID          int
	ProductID            int
	Quantity             decimal.Decimal
	LessIncluded         decimal.Decimal
	UnitPrice            decimal.Decimal
	UnitCost             decimal.Decimal
	BillCustomer         string    // Billable, DoNotBill or NoCharge
	EffectiveDate        time.Time // first billed day
	CancelledDate        time.Time // last billed day; zero while open
	Taxable              bool
	SerialNumber         string
	InvoiceDescription   string
	Description          string // empty means the product's
	PurchaseItem         bool
	SpecialOrder         bool
	SequenceNumber       decimal.Decimal
	ProrateCurrentPeriod bool
	Nulls                []string // members that are null, and so left out, whatever the fields above say
	Custom               map[int]any
	Other                map[string]any
	Info                 Info
}

// A Product is an item of the catalogue.
type Product struct {
	ID                     int
	Identifier             string
	Description            string
	CustomerDescription    string
	Class                  string // Agreement Bundle Inventory NonInventory Service; empty means NonInventory
	Inactive               bool
	Price                  decimal.Decimal
	Cost                   decimal.Decimal
	PriceBreaks            []PriceBreak // of the pricing schedule; see Faults.Reprice
	BillableOption         string       // Billable DoNotBill NoCharge NoDefault; empty means Billable
	Taxable                bool
	Unit                   string
	Category               Ref
	Subcategory            Ref
	Type                   Ref
	ManufacturerPartNumber string
	VendorSKU              string
	IntegrationXRef        string
	Recurring              bool
	RecurringCycleID       int
	AutoUpdateUnitPrice    bool
	Custom                 map[int]any
	Other                  map[string]any
	Info                   Info
}

// A PriceBreak is the price from a quantity on.
type PriceBreak struct {
	From  decimal.Decimal
	Price decimal.Decimal
}

// An Invoice never changes once it is made. Its lines are not part of the
// API; they are kept for the assertions of tests.
type Invoice struct {
	ID          int
	Number      string
	Type        string // Agreement, Standard, Miscellaneous, …; empty means Agreement
	CompanyID   int
	AgreementID int
	Date        time.Time
	DueDate     time.Time
	Period      time.Time // first day of the period it bills
	Through     time.Time // last day of the last period, where it bills several
	Total       decimal.Decimal
	Lines       []InvoiceLine
	Info        Info
}

// An InvoiceLine is what an addition came to. Quantity is what was billed,
// after lessIncluded.
type InvoiceLine struct {
	AdditionID int
	ProductID  int
	Quantity   decimal.Decimal
	UnitPrice  decimal.Decimal
	Amount     decimal.Decimal
}

// A Role is a security role. Of a function that it does not list, its members
// may do nothing; a member without a role may do everything.
type Role struct {
	ID       int
	Name     string
	Settings []RoleSetting
	// AgreementTypes are the types of agreement the role may see; empty means
	// all. A child agreement is seen only if its parent's type is allowed too.
	AgreementTypes []int
	Info           Info
}

// A RoleSetting grants one function: None, My or All (empty is None).
type RoleSetting struct {
	Module, Function           string
	Add, Edit, Delete, Inquire string
}

// A Member is a person or an API member.
type Member struct {
	ID         int
	Identifier string
	Name       string
	RoleID     int
}

// A Callback is a webhook that somebody registered. It is never called.
type Callback struct {
	ID          int
	Description string
	URL         string
	ObjectID    int
	Type        string
	Level       string
	MemberID    int
	Inactive    bool
	Info        Info
}

// A Field defines a custom field of one kind of object.
type Field struct {
	ID       int
	On       string // Company, Contact, Agreement, Addition or CatalogItem
	Caption  string
	Type     string // Text, Number, Checkbox, Date, …; empty means Text
	Entry    string // Date, EntryField, List or Option; empty means EntryField
	Decimals int
}

// An AuditEntry is one line of the audit trail.
type AuditEntry struct {
	Type   string // Agreement, AgreementAddition, Company, …
	ID     int    // of the object
	Text   string // prose
	By     string
	At     time.Time
	Action string
}

// Day returns a calendar day as the API keeps it: midnight UTC.
func Day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Company returns the company with an id, or nil.
func (w *World) Company(id int) *Company { return find(w.Companies, id, (*Company).key) }

// Agreement returns the agreement with an id, or nil.
func (w *World) Agreement(id int) *Agreement { return find(w.Agreements, id, (*Agreement).key) }

// Addition returns the addition with an id, or nil.
func (w *World) Addition(id int) *Addition { return find(w.Additions, id, (*Addition).key) }

// Product returns the product with an id, or nil.
func (w *World) Product(id int) *Product { return find(w.Products, id, (*Product).key) }

// Contact returns the contact with an id, or nil.
func (w *World) Contact(id int) *Contact { return find(w.Contacts, id, (*Contact).key) }

// AdditionsOf returns the additions of an agreement, the ended ones included.
func (w *World) AdditionsOf(agreement int) []*Addition {
	var of []*Addition
	for _, a := range w.Additions {
		if a.AgreementID == agreement {
			of = append(of, a)
		}
	}
	return of
}

// InvoicesOf returns the invoices of an agreement in the order they were made.
func (w *World) InvoicesOf(agreement int) []*Invoice {
	var of []*Invoice
	for _, i := range w.Invoices {
		if i.AgreementID == agreement {
			of = append(of, i)
		}
	}
	return of
}

func find[T any](all []*T, id int, key func(*T) int) *T {
	for _, o := range all {
		if key(o) == id {
			return o
		}
	}
	return nil
}

func (c *Company) key() int       { return c.ID }
func (c *Contact) key() int       { return c.ID }
func (a *Agreement) key() int     { return a.ID }
func (t *AgreementType) key() int { return t.ID }
func (b *BillingCycle) key() int  { return b.ID }
func (a *Addition) key() int      { return a.ID }
func (p *Product) key() int       { return p.ID }
func (i *Invoice) key() int       { return i.ID }
func (r *Role) key() int          { return r.ID }
func (c *Callback) key() int      { return c.ID }
func (s *Setup) key() int         { return s.ID }
func (f *Field) key() int         { return f.ID }
