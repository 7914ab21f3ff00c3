package directory

import "time"

// A User is an account of a tenant.
type User struct {
	ID             string // Entra object id: a GUID in lower case, never reused
	UPN            string // lower case
	Name           string // display name
	GivenName      string
	Surname        string
	Mail           string   // primary SMTP address, lower case; empty where there is none
	Aliases        []string // further SMTP addresses, lower case, sorted; without Mail
	Enabled        bool
	Guest          bool
	Resource       bool // a room or another resource account
	JobTitle       string
	Department     string
	Company        string
	Office         string
	MobilePhone    string
	BusinessPhones []string
	City           string
	Country        string
	UsageLocation  string
	EmployeeID     string
	MailNickname   string    // what stands before the @ of its first address
	OtherMails     []string  // private addresses, lower case, sorted
	Hired          time.Time // employeeHireDate; zero where nobody wrote it down
	Created        time.Time
	Licences       []string // SKU ids, direct and by group, sorted
	Synced         bool     // kept by an on-premises directory
	ManagerID      string
	LastSignIn     time.Time // zero where the tenant does not tell
	MFA            MFA
	// Unread says why the rest cannot be trusted: the source's row makes no sense.
	// The account is there, and nobody may change or miss anything of it.
	Unread string
}

// MFA is what is known of a user's second factor.
type MFA string

// The states. Unknown is not "no".
const (
	MFAUnknown    MFA = ""
	MFANone       MFA = "none"       // may sign in with a password alone
	MFARegistered MFA = "registered" // has a method, nothing demands it
	MFAEnforced   MFA = "enforced"   // demanded per user, by security defaults or by conditional access
)

// A Group is a directory group.
type Group struct {
	ID          string // Entra object id
	Name        string
	Description string
	Mail        string
	Kind        GroupKind
	Team        bool // has a Microsoft Team
	Visibility  string
	Rule        string // of a dynamic group
	Synced      bool
	Created     time.Time
	Licences    []string // SKU ids the group assigns
	Owners      []string // object ids, sorted
	// OwnersUnknown says why Owners is not complete; empty where it is.
	OwnersUnknown string
	Members       Members
	// Unread says why the rest cannot be trusted, as a User's does.
	Unread string
}

// GroupKind is the sort of a group.
type GroupKind string

// The sorts of group. One that Microsoft calls neither mail-enabled nor
// security-enabled has none.
const (
	Microsoft365Group GroupKind = "Microsoft 365"
	SecurityGroup     GroupKind = "Security"
	MailSecurity      GroupKind = "Mail-enabled security"
	DistributionList  GroupKind = "Distribution list"
)

// Members is a membership, which is proven or unknown by itself: a list of
// groups may be complete while one group's expansion was cut short.
type Members struct {
	IDs     []string // object ids of users, groups, devices, contacts; sorted
	Unknown string   // why the list is not complete; empty where it is proven
}

// A Domain is a domain of a tenant.
type Domain struct {
	Name           string // lower case
	Verified       bool
	Default        bool
	Initial        bool
	Authentication string   // Managed or Federated
	Services       []string // Email, OfficeCommunicationsOnline, …; sorted
	Health         DomainHealth
}

// DomainHealth is what CIPP's domain analyser last said; the zero value is unknown.
type DomainHealth struct {
	Known        bool
	Checked      time.Time
	MailProvider string
	MX           []string
	SPF          string // the record
	SPFPass      bool
	DMARC        string // the policy: none, quarantine, reject, or empty
	DKIM         bool
	DNSSEC       bool
	Score        int // percent
}

// A Mailbox is an Exchange mailbox.
type Mailbox struct {
	ID           string // Exchange's own id
	UserID       string // object id of its account, empty where it has none
	UPN          string // lower case
	Name         string
	Address      string   // primary SMTP address, lower case
	Aliases      []string // lower case, sorted
	Kind         string   // UserMailbox, SharedMailbox, RoomMailbox, EquipmentMailbox, …
	SizeBytes    int64    // 0 where unknown
	Archive      bool
	Forwarding   string
	Hidden       bool // from address lists
	Synced       bool
	FullAccess   []string // who may open it: addresses or names, sorted; not itself
	SendAs       []string
	SendOnBehalf []string
	Calendar     []CalendarRight // sorted
	// RightsUnknown says why delegates and calendar rights are not known; empty where they are.
	RightsUnknown string
}

// A CalendarRight is what somebody may do in a calendar.
type CalendarRight struct {
	Who    string
	Rights string
	Folder string
}
