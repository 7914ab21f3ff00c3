package cwsim

import (
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/simulator/serving"
)

// Faults are the standing quirks of the instance. The zero value is a strict
// and healthy cloud instance. Names of resources are those of the API's
// objects: Company, Contact, Ticket, TicketNote, Board, BoardStatus, Priority, Agreement, AgreementType, Addition, CatalogItem,
// Invoice, AgreementRecap, BillingCycle, CompanyStatus, CompanyType,
// CallbackEntry, SecurityRole, SystemInfo, AuditTrailEntry.
type Faults struct {
	// Discovery and transport.
	IsCloudText       bool // companyinfo says "True" instead of true
	UnknownCompany404 bool // instead of 200 with the body null
	NoRouter          bool // v4_6_release/ no longer stands for the current codebase

	// Keys and versions.
	WrongKeys404   bool              // the cloud's answer to wrong keys, instead of 401
	MissingClient  int               // status for a missing or foreign clientId; 0 means 401
	RefuseVersions map[string]string // resource → lowest version whose pin it accepts
	CurrentVersion string            // of api-current-version; empty means Options.Version

	// Answers.
	Nulls        bool        // absent members are written as null
	Numbers      NumberStyle // how doubles look
	ExtraMembers bool        // objects hold a member that no published model has
	ErrorBody    BodyStyle   // of every refusal but a 429

	// Throttling. A request over the limit is answered 429.
	RateLimit         int // requests in any window of RateWindow; 0 = none
	RateWindow        time.Duration
	RetryAfter        int  // seconds, in the header; 0 means 30
	BundleEntriesCost bool // every entry of a bundle counts as a request

	// Lists.
	MalformedLinks    bool                // …/agreements&pageSize=… without a question mark
	LinkHost          string              // links point to this host instead of ours
	NoForwardOnly     []string            // resources that page by number only
	ClampPageSize     bool                // a page size over 1,000 becomes 1,000 instead of a 400
	NotFilterable     map[string][]string // resource → names that conditions may not use on this version
	BackslashEscapes  bool                // \" and \' inside quotes stand for the quote
	Hidden            map[string][]int    // resource → ids that lists and reads leave out, as a restricted role does
	CountHidden       bool                // …but /count still counts them
	AdditionOwnStatus bool                // agreementStatus of an addition is the addition's own

	// Writes.
	MaxQuantity    decimal.Decimal // a larger quantity is stored as this one, with a 200; zero = no limit
	IgnoreReadOnly bool            // read-only members in a body are ignored instead of refused
	CoerceText     bool            // "12" is taken for 12
	AnyCaseOps     bool            // "Replace" is taken for "replace"
	NestedPaths    bool            // company/identifier in a PATCH works; by default it is a 200 that does nothing
	Reprice        bool            // a change of quantity sets unitPrice from the product's price breaks

	Billing Billing // what nobody documents of invoices

	// Bundles.
	BundlesUnavailable int                 // status for every bundle, such as 403 or 404; 0 = they work
	BundleLimit        int                 // most entries; 0 = no limit
	BundleReversed     bool                // results come in another order than the requests
	BundleData         bool                // entities stand under "data"
	BundleEntries      map[int]BundleFault // parentId of an entry → what is wrong with its result
}

// NumberStyle is how a double is written.
type NumberStyle int

// The ways the same double has been seen.
const (
	Doubles NumberStyle = iota // 12.0, 22.5
	Plain                      // 12, 22.5
	Cents                      // 12.00, 22.50
)

// BodyStyle is how the body of a refusal looks.
type BodyStyle int

// The bodies a client must be able to live with.
const (
	BodyJSON  BodyStyle = iota
	BodyCRLF            // JSON broken into lines by CRLF
	BodyEmpty           // nothing
	BodyHTML            // what a proxy says
)

// BundleFault is what is wrong with one result of a bundle.
type BundleFault struct {
	Missing bool // the entry is not answered at all
	Status  int  // statusCode, with success=false and no entities
	Lying   bool // success stays true in spite of Status
}

// What the simulators have in common. Faults.RetryAfter stands for a Fault's
// where that is 0.
type (
	Fault     = serving.Fault
	FaultKind = serving.FaultKind
	Rule      = serving.Rule[Fault]
	Request   = serving.Request
)

// What can happen to a request. "Committed" means that the server has done
// what it was asked before it happens.
const (
	Timeout          FaultKind = "500 timeout before anything was done"
	TimeoutCommitted FaultKind = "500 timeout, committed"
	PoolTimeout      FaultKind = "500 connection pool exhausted"
	Converting       FaultKind = "500 error converting value: permanent"
	BadGateway       FaultKind = "502 with HTML"
	Unavailable      FaultKind = "503 with HTML and Retry-After"
	Throttled        FaultKind = "429"
	BadKeys          FaultKind = "401"
	Denied           FaultKind = "403 Security"
	NotSSL           FaultKind = "403 Security, SSL is required"
	Gone             FaultKind = "404"
	InUse            FaultKind = "409"
	HTMLPage         FaultKind = "200 with HTML instead of JSON"
	EmptyAnswer      FaultKind = "200 without a body"
	Dropped                    = serving.Dropped
	DroppedCommitted           = serving.DroppedCommitted
	CutBody                    = serving.CutBody
	Ignored          FaultKind = "200, write ignored: the answer shows the old object"
	Echoed           FaultKind = "200, write ignored: the answer shows what was asked for"
)

// SetFaults replaces the standing quirks. The maps and lists in f belong to
// the server from now on.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Heal ends all rules, the hook of Before and all standing quirks.
func (s *Server) Heal() {
	s.Front.Heal()
	s.SetFaults(Faults{})
}
