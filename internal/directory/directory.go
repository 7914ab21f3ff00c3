// Package directory says what one Microsoft 365 tenant holds, in our own
// words, together with the proof of it. It does no I/O and keeps no clock.
package directory

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A TenantID is Entra's customer id: a GUID in lower case. It is the only
// stable key of a tenant; names and domains change and clash.
type TenantID string

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// ParseTenantID accepts a GUID in any case, with surrounding space.
func ParseTenantID(s string) (TenantID, error) {
	id := strings.ToLower(strings.TrimSpace(s))
	if !guid.MatchString(id) {
		return "", fmt.Errorf("%q is not a tenant id (a GUID such as 7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11)", s)
	}
	return TenantID(id), nil
}

// IsGUID reports whether s is a GUID in lower case, as SKU ids and object ids are.
func IsGUID(s string) bool { return guid.MatchString(s) }

// A Tenant is one Microsoft 365 tenant as the source lists it.
type Tenant struct {
	ID            TenantID
	Name          string // the alias, where one is set
	DefaultDomain string // may change; what source calls are addressed by
	InitialDomain string // …onmicrosoft.com
	Partner       bool   // the MSP's own tenant: never suggested for billing
	Trouble       string // what the source says is wrong with its access, or empty
}

// Kinds is a set of collections of a tenant.
type Kinds uint

// The collections a snapshot can hold.
const (
	Licences Kinds = 1 << iota
	Users
	Groups
	Domains
	Mailboxes
	Holders // who holds which licences, and nothing else of anybody
)

// Has reports whether k holds all of want.
func (k Kinds) Has(want Kinds) bool { return k&want == want }

// Names are the names of the collections.
func (k Kinds) Names() []string {
	var names []string
	for _, c := range collections {
		if k.Has(c.kind) {
			names = append(names, c.name)
		}
	}
	return names
}

// A Snapshot is what the source said about one tenant at one moment. A
// collection that was not asked for is unknown.
type Snapshot struct {
	Tenant    Tenant
	TakenAt   time.Time
	Licences  List[Licence]
	Users     List[User]
	Groups    List[Group]
	Domains   List[Domain]
	Mailboxes List[Mailbox]
	Holders   List[Holder]
	Of        []*Snapshot // the tenants' own, where it is the sum of several
	Part      *Part       // how it was divided, where it is a part of a tenant
}

// A Part says how a tenant was divided.
type Part struct {
	Proof string // that all parts add up to the whole
	Code  string // of what is wrong; empty where they do
	Why   string
}

// WithRemembered returns the snapshot with licences to which something remembered was
// added; they are known as they were.
func (s *Snapshot) WithRemembered(add func([]Licence, []Seen) []Licence, memory []Seen) *Snapshot {
	if !s.Licences.proven {
		return s
	}
	out := *s
	out.Licences.items = add(s.Licences.items, memory)
	return &out
}

// A Licence is one Microsoft SKU in a tenant.
type Licence struct {
	SKU        string // Microsoft's skuId: a GUID in lower case
	PartNumber string // skuPartNumber, such as SPB; misleading, shown only
	Name       string // product name for people; the part number where unknown
	Purchased  int    // paid units that can be used: not trials; enabled and in grace
	Assigned   int    // units given to somebody, disabled users included
	Trial      int    // units of trial subscriptions, never in Purchased
	Grace      int    // units of Purchased whose subscription has lapsed and is in its grace period
	Suspended  int    // units that can no longer be used, never in Purchased
	// Disputed says why Purchased cannot be trusted: two answers of the source
	// disagree. Such a licence is unknown, not wrong by some units.
	Disputed string
	// Unread says why nothing of it can be trusted: a row of the source makes no
	// sense. It is there, and its numbers say nothing.
	Unread        string
	Subscriptions []Subscription
	// Divided is how the tenant's units are divided, in a part of a tenant. The numbers
	// above are then the part's, and it has no subscriptions of its own.
	Divided *Divided
}

// Divided is how the units of a licence are divided among the parts of a tenant: each
// has those that its people hold, and the rest has what is left.
type Divided struct {
	Whole  Licence // the tenant's
	Held   int     // by the people of this part
	Taken  int     // by the people of all parts but the rest
	Rest   bool    // this part is the rest
	Unsure string  // why nobody can tell which part has how many
}

// A Holder is an account as far as licences go.
type Holder struct {
	ID       string   // Entra object id, lower case
	UPN      string   // lower case
	Licences []string // SKU ids, direct and by group, sorted
}

// Unassigned returns how many paid units nobody uses; never negative.
func (l Licence) Unassigned() int { return max(0, l.Purchased-l.Assigned) }

// A Subscription is one purchase of a SKU.
type Subscription struct {
	ID         string
	CommerceID string // what distributors call the vendor's id of it; empty where the source gives none
	Status     string // Enabled, Warning, Suspended, Deleted, LockedOut
	Total      int
	Trial      bool
	Owner      string    // the partner tenant that sold it; empty where the customer buys from Microsoft
	Created    time.Time // zero where the source gives none
	Renews     time.Time // when it moves to its next state; zero where the source gives none
	Before     Seen      // what is remembered of it from former reads
	Claim      Claim     // what somebody says of its term
}

// A Claim is what is said of a subscription's term beside Microsoft, which tells
// none. Each fact has its source: what syncd observed, a distributor, or a person.
type Claim struct {
	Term   string // monthly, annual, triennial; empty where nobody says
	TermBy string
	Ends   time.Time // the last day of the present term, as midnight of UTC; zero where nobody says
	EndsBy string
}

// Seen is what a subscription looked like when it was last read. Microsoft does
// not tell why one is suspended, or why it has fewer units: what it was before does.
type Seen struct {
	ID         string `json:"id"`
	CommerceID string `json:"commerce_id,omitempty"`
	SKU        string `json:"sku,omitempty"` // empty in what was remembered before units were
	Status     string `json:"status"`
	State      string `json:"state,omitempty"` // what it was to the bill, see money.State
	Units      int    `json:"units,omitempty"`
	// Created is when it was made, where the source tells: the earliest that it told.
	Created time.Time `json:"created,omitzero"`
	Ends    time.Time `json:"ends,omitzero"`    // its term's end, as said while it was enabled and that day was still to come
	Lapsed  bool      `json:"lapsed,omitempty"` // it has been in its grace period since it was last enabled
	// Former is the end of the term before this one: a day that was known, and that
	// went by while the subscription was enabled.
	Former time.Time `json:"former,omitzero"`
	// Term is how long its last term was, observed from one end to the next, and
	// Earlier the term before where that was another one; empty where nobody saw it.
	Term    string `json:"term,omitempty"`
	Earlier string `json:"earlier,omitempty"`
	// Added are units that were added lately, oldest first.
	Added []Added `json:"added,omitempty"`
	// Most is how many units it had in its term before it fell for no reason; zero where
	// it did not. What comes back up to that was not added.
	Most int `json:"most,omitempty"`
	// Gone is when a list that is whole first lacked it; zero while it is listed.
	Gone time.Time `json:"gone,omitzero"`
}

// Added are units that were added to a subscription, as first read.
type Added struct {
	At    time.Time `json:"at"`
	Units int       `json:"units"`
}
