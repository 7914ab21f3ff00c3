package cippsim

import (
	"strings"
	"time"
)

// A World is everything the simulated instance and the tenants behind it hold.
//
// Ids that are empty are filled in when the world is taken in, always with the
// same values for the same world.
type World struct {
	// PartnerTenant is the MSP's own tenant. CIPP answers for it whenever a
	// request names no tenant. It is listed only if PartnerListed is set.
	PartnerTenant *Tenant
	PartnerListed bool

	Tenants      []*Tenant
	TenantGroups []*TenantGroup
	Tasks        []*Task // of CIPP's scheduler

	Relationships []*Relationship // GDAP, on their way to a tenant

	// Clients are the API clients of the instance. If there are none, New adds
	// the one of its Options.
	Clients []*Client
	Roles   []*Role // custom roles

	// ExcludedSKUs are hidden from ListLicenses and from the cached
	// LicenseOverview, and from nothing else.
	ExcludedSKUs []string
}

// A Tenant is one Microsoft 365 tenant, and what CIPP notes about it.
type Tenant struct {
	CustomerID    string
	DisplayName   string // as CIPP's row shows it: the alias, if somebody set one
	MicrosoftName string // empty means DisplayName
	SameAlias     bool   // somebody set an alias that is no other than Microsoft's name
	// OriginalDisplayName is a key of CIPP's row that says nothing about Microsoft's
	// name: an EditTenant with an alias puts there what the row showed until then,
	// and a row that is built anew has none.
	OriginalDisplayName string
	DefaultDomain       string
	InitialDomain       string
	Domains             []Domain // empty means DefaultDomain and InitialDomain, verified

	Excluded        bool // hidden from ListTenants; everything else answers as if it were empty
	ExcludeUser     string
	ExcludeDate     string // yyyy-MM-dd
	Direct          bool   // added with its own service account instead of through GDAP
	RelationshipEnd time.Time
	GraphErrorCount int // from 50 on the nightly cache leaves it out
	LastGraphError  string
	Refreshed       time.Time // when CIPP last read its tenant list; zero means when the world was taken in

	// FormerDomains are default domains of the past. Cached rows of that time
	// stay under them; see Faults.Tenants.RenamedTwice for ListTenants.
	FormerDomains []string

	Country            string // two letters
	City               string
	Street             string
	PostalCode         string
	BusinessPhones     []string
	TechnicalMails     []string
	Created            time.Time
	OnPremisesSync     bool // the directory is synced from an Active Directory
	NoExchange         bool // no Exchange plan: nothing is cached about mailboxes
	NoPasswordDates    bool // Graph does not tell when passwords were changed
	NoEntraP1          bool // no Entra ID P1: MFA registration is unknown
	SKUs               []SKU
	Users              []*User
	Groups             []*Group
	Mailboxes          []*Mailbox
	Policies           []Policy // conditional access; nil = the usual two where there is Entra P1
	Devices            []Device // nil = one for each licensed member
	Issues             []Issue  // open ones of Microsoft's services
	Alerts             []Alert
	Score              float64 // secure score, of ScoreMax; 0 = one made up from the id
	ScoreMax           float64
	OffboardingDefault map[string]any // nil = none
}

// A Domain is one entry of Graph's domains.
type Domain struct {
	Name       string
	Default    bool
	Initial    bool
	Unverified bool
	Federated  bool
	Analysis   *Analysis // what the domain analyser found; nil = it never looked
}

// An Analysis is the last result of CIPP's domain analyser for one domain.
type Analysis struct {
	At           time.Time
	MailProvider string
	MX           []string
	SPF          string // the record
	SPFPass      bool
	DMARC        string // Reject, Quarantine, None; empty = no record
	DKIM         bool
	DNSSEC       bool
	Score        int // percent
}

// A SKU is a product the tenant holds. All counts are units as Graph reports
// them; they need not agree with the subscriptions, nor with the users.
type SKU struct {
	SkuID            string
	PartNumber       string // Microsoft's, such as SPB
	Name             string // the display name that CIPP shows
	Enabled          int
	Warning          int
	Suspended        int
	LockedOut        int
	Consumed         int
	CapabilityStatus string // empty means Enabled
	AppliesTo        string // User or Company; empty means User
	ServicePlans     []ServicePlan
	Subscriptions    []Subscription
}

// A ServicePlan is one service within a SKU. A SKU without any gets a list of
// realistic length.
type ServicePlan struct {
	ServicePlanID      string `json:"servicePlanId"`
	ServicePlanName    string `json:"servicePlanName"`
	ProvisioningStatus string `json:"provisioningStatus"`
	AppliesTo          string `json:"appliesTo"`
}

// A Subscription is one purchase of a SKU.
type Subscription struct {
	ID      string
	Status  string // Enabled, Warning, Suspended, Deleted or LockedOut; empty means Enabled
	Total   int
	Trial   bool
	Owner   string // the partner tenant that sold it; empty = null: bought from Microsoft
	Created time.Time
	Next    time.Time // end of the term; zero = null
}

// A User is a directory account of the tenant.
type User struct {
	ID             string
	UPN            string
	DisplayName    string
	GivenName      string
	Surname        string
	Mail           string // empty = null
	ProxyAddresses []string
	OtherMails     []string
	Hired          time.Time // employeeHireDate
	Guest          bool
	NullUserType   bool // userType is null, as on old accounts
	Disabled       bool
	JobTitle       string
	Department     string
	CompanyName    string
	Office         string
	MobilePhone    string
	BusinessPhones []string
	City           string
	Country        string
	UsageLocation  string
	Created        time.Time
	Synced         *bool    // onPremisesSyncEnabled: nil = never, false = was once
	ImmutableID    string   // onPremisesImmutableId
	ManagerID      string   // a user's id
	Licences       []string // SKU ids, direct and inherited
	Inherited      map[string]string
	LastSignIn     time.Time
	Deleted        bool // soft-deleted: in directory/deletedItems only

	PerUserMFA    string // disabled, enabled or enforced; empty = null
	MFARegistered *bool  // nil = unknown
	MFACapable    *bool
	MFAMethods    []string
	CoveredByCA   string // empty means Not Enforced
	CoveredBySD   *bool
	Admin         bool

	Street          string
	State           string
	PostalCode      string
	Password        string    // the last one that CIPP set; empty = nobody did here
	PasswordSet     time.Time // zero means when the account was made
	MustChange      bool      // at the next sign-in
	SessionsRevoked time.Time
}

// A Group is a directory group.
type Group struct {
	ID             string
	DisplayName    string
	Description    string // empty = null
	Mail           string // empty = null
	MailNickname   string
	Kind           GroupKind
	Team           bool
	MembershipRule string // not empty: a dynamic group
	Synced         *bool
	Created        time.Time
	Members        []string // ids of users, groups, or of things the world does not hold
	Owners         []string
	Licences       []string // SKU ids assigned to the group
}

// GroupKind is the groupType text that CIPP computes for a group.
type GroupKind string

// The kinds of group. The zero value is Security.
const (
	Microsoft365        GroupKind = "Microsoft 365"
	MailEnabledSecurity GroupKind = "Mail-Enabled Security"
	Security            GroupKind = "Security"
	DistributionList    GroupKind = "Distribution List"
)

// A Mailbox is what Exchange holds.
type Mailbox struct {
	ID           string // Exchange's alias-like identity
	ExchangeGUID string
	UserID       string // ExternalDirectoryObjectId
	UPN          string
	DisplayName  string
	PrimarySMTP  string
	Aliases      []string
	Type         string // recipientTypeDetails; empty means UserMailbox
	Archive      bool
	ForwardTo    string // ForwardingSmtpAddress
	ForwardInner string // ForwardingAddress: a recipient of the tenant
	OutOfOffice  string
	KeepCopy     bool
	Hidden       bool // from address lists
	DirSynced    bool
	LitigationOn bool
	StorageUsed  int64 // bytes; 0 = unknown
	Quota        int64
	Items        int
	Delegates    []Delegate
	SendOnBehalf []string
	Calendar     []CalendarRight
	CalendarName string // of its folder where nobody has rights yet; empty means Calendar
}

// A Delegate is somebody with rights in another's mailbox.
type Delegate struct {
	User   string // an address, or a name such as NT AUTHORITY\SELF
	Rights string // FullAccess or SendAs
}

// A CalendarRight is what somebody may do in a calendar of a mailbox.
type CalendarRight struct {
	User   string
	Rights []string // such as Editor
	Folder string   // its localised name; empty means Calendar
}

// A TenantGroup is CIPP's own grouping of tenants.
type TenantGroup struct {
	ID          string
	Name        string
	Description string
	Dynamic     bool
	Members     []string // customer ids
}

// A Client is an API client of the instance: an app registration in the
// partner's tenant.
type Client struct {
	ID       string
	Name     string
	Secret   string
	Role     string // built-in or custom; empty means the fallback name cipp-api
	IPRange  []string
	Disabled bool // the platform does not let it in; Entra still gives it tokens
}

// A Role is a custom role.
type Role struct {
	Name             string
	Permissions      []string // such as CIPP.Core.Read; ReadWrite implies Read
	AllowedTenants   []string // customer ids; empty means AllTenants
	BlockedTenants   []string
	BlockedEndpoints []string
}

// Yearly is an annual subscription of total units that began on created.
func Yearly(total int, created time.Time) Subscription {
	return Subscription{Total: total, Created: created, Next: created.AddDate(1, 0, 0)}
}

// Monthly is a monthly subscription of total units whose term began on created.
func Monthly(total int, created time.Time) Subscription {
	return Subscription{Total: total, Created: created, Next: created.AddDate(0, 1, 0)}
}

// Tenant returns the tenant with that customer id, default domain or initial
// domain, excluded ones and the partner included; nil if there is none.
func (w *World) Tenant(filter string) *Tenant {
	is := func(t *Tenant) bool {
		return t != nil && (strings.EqualFold(t.CustomerID, filter) ||
			strings.EqualFold(t.DefaultDomain, filter) || strings.EqualFold(t.InitialDomain, filter))
	}
	for _, t := range w.Tenants {
		if is(t) {
			return t
		}
	}
	if is(w.PartnerTenant) {
		return w.PartnerTenant
	}
	return nil
}

// SKU returns the SKU with that id or part number; nil if the tenant has none.
// The pointer leads into the tenant, so it may be used to change the SKU.
func (t *Tenant) SKU(id string) *SKU {
	for i := range t.SKUs {
		if strings.EqualFold(t.SKUs[i].SkuID, id) || strings.EqualFold(t.SKUs[i].PartNumber, id) {
			return &t.SKUs[i]
		}
	}
	return nil
}

// User returns the user with that object id or UPN; nil if there is none.
func (t *Tenant) User(id string) *User {
	for _, u := range t.Users {
		if strings.EqualFold(u.ID, id) || strings.EqualFold(u.UPN, id) {
			return u
		}
	}
	return nil
}

// Group returns the group with that object id or display name; nil if there is none.
func (t *Tenant) Group(id string) *Group {
	for _, g := range t.Groups {
		if strings.EqualFold(g.ID, id) || strings.EqualFold(g.DisplayName, id) {
			return g
		}
	}
	return nil
}

// Rename gives the tenant another default domain, which it must own from now
// on. What CIPP cached under the old one stays there.
func (t *Tenant) Rename(domain string) {
	t.FormerDomains = append(t.FormerDomains, t.DefaultDomain)
	t.DefaultDomain = domain
	found := false
	for i := range t.Domains {
		t.Domains[i].Default = strings.EqualFold(t.Domains[i].Name, domain)
		found = found || t.Domains[i].Default
	}
	if !found {
		t.Domains = append(t.Domains, Domain{Name: domain, Default: true})
	}
}

// CountConsumed sets the consumed units of every SKU to the number of users
// that hold it: disabled ones, guests and shared mailboxes included.
func (t *Tenant) CountConsumed() {
	for i := range t.SKUs {
		t.SKUs[i].Consumed = 0
	}
	for _, u := range t.Users {
		if u.Deleted {
			continue
		}
		for _, id := range u.Licences {
			if k := t.SKU(id); k != nil {
				k.Consumed++
			}
		}
	}
}
