package cippsim

import (
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// Faults are the standing quirks of the instance. The zero value is a healthy
// and current one.
type Faults struct {
	Latency   time.Duration // of every API answer
	ColdStart time.Duration // of the first API answer after the faults were set

	// What the instance is.
	Version           string   // overrides Options.Version; older ones lack endpoints and answer in older shapes
	MissingEndpoints  []string // answer 404, whatever the version
	NewEndpoints      []string // of a version that nobody knew when the catalogue was made; about one tenant
	SubscriptionEnded bool     // 403 for everything but PublicPing
	Address           Address  // what stands at our base URL instead of the API
	DisabledStatus    int      // the platform's answer to a disabled client; 0 means 403
	AddressesForUsers bool     // live calendar rights name users by address, as Exchange does where it resolves nobody
	EmptyUnknown      bool     // ListGraphBulkRequest answers an unknown tenant with no body instead of []

	Token   TokenFaults
	List    ListFaults
	Queues  QueueFaults
	Writes  WriteFaults
	Tasks   TaskFaults
	Answers map[string]Shape        // endpoint, or "*" for all → how its answers are deformed
	Tenants map[string]TenantFaults // customer id, default domain, or "*" → what is wrong with that tenant
}

// Address says what a base URL leads to.
type Address string

// The base URLs that people mistake for the API's.
const (
	API           Address = ""
	PortalSignIn  Address = "portal: 302 to a sign-in page"
	PortalPage    Address = "portal: 403 with HTML"
	OffloadedHost Address = "secondary function app: 403 with text"
)

// TokenFaults are about Entra's token endpoint.
type TokenFaults struct {
	Failure TokenFailure
	Times   int // how many requests the failure lasts; 0 = until the faults change

	Life         time.Duration // of a token; 0 means Options.TokenLife
	TextExpiry   bool          // expires_in is a JSON string
	BareAudience bool          // tokens are for the bare app id, which the API answers 401
}

// TokenFailure names what the token endpoint answers.
type TokenFailure string

// What can be wrong with a token request through no fault of the request.
// Wrong secrets, clients, tenants and scopes are refused in any case.
const (
	TokenWorks        TokenFailure = ""
	InvalidSecret     TokenFailure = "AADSTS7000215" // 401 invalid_client
	ExpiredSecret     TokenFailure = "AADSTS7000222" // 401 invalid_client
	NoIdentifierURI   TokenFailure = "AADSTS500011"  // 400 invalid_resource
	TokenThrottled    TokenFailure = "429"
	TokenUnavailable  TokenFailure = "503"
	TokenHTML         TokenFailure = "200 with HTML"
	TokenDropped      TokenFailure = "connection dropped"
	TokenWithoutToken TokenFailure = "200 without a token"
)

// ListFaults are about ListTenants.
type ListFaults struct {
	Failure      string   // the list is one row that says so, with status 200
	FailureAmong string   // …among the ordinary rows
	Empty        bool     // 200 with no rows
	Pseudo       bool     // the AllTenants row comes without being asked for
	ShowExcluded bool     // excluded tenants are listed
	RenamedTwice bool     // tenants with FormerDomains appear once more under each of them
	UpperCase    bool     // GUIDs in upper case
	Hidden       []string // customer ids that are left out, as in the middle of a refresh
}

// QueueFaults are about AllTenants runs.
type QueueFaults struct {
	Step    time.Duration // that each tenant of a run takes; 0 = a run is done when it is next looked at
	Stalled bool          // nothing moves
}

// TenantFaults are what is wrong with one tenant.
type TenantFaults struct {
	Unauthorised bool   // 200 and empty everywhere, though it is listed
	Denied       bool   // 403: outside the role
	GraphError   string // every live call ends with this text, each endpoint in its own way
	ErrorStatus  int    // …with this status instead of the endpoint's own
	NeedsApp     bool   // calls without asApp are refused by Graph
	DomainLost   bool   // its default domain was removed: who names it by that does not reach it (or reaches AnswersFor), who says the id does
	AnswersFor   string // the answers are those of this other tenant

	CippStatus   string // of its rows in ListGraphRequest; empty means Good
	NullArray    bool   // an empty collection becomes the error row "Cannot index into a null array."
	NoRows       bool   // it is absent from AllTenants answers
	TaskFails    bool   // its task of an AllTenants run fails without leaving a row
	CacheThrows  bool   // the nightly cache run throws: old rows, old LastRefresh
	CacheNothing bool   // the nightly cache run finds nothing: old rows, Count 0, new LastRefresh

	// Graph is keyed by Graph path (subscribedSkus), by the id of a bulk
	// sub-request, or "*".
	Graph map[string]ResourceFault
	Shape Shape // of every answer for this tenant alone
}

// ResourceFault is what is wrong with one Graph collection of one tenant.
type ResourceFault struct {
	Times int // how many reads it lasts; 0 = until the faults change

	Status  int    // Graph's own status, such as 403, 429 or 500
	Message string // error.message; empty means the usual one of the status

	Empty bool  // 200 with no rows
	Rows  []any // further rows: nil, text, objects
	Keep  int   // 200 with the first so many rows and no word about the rest; 0 = all

	// In ListGraphBulkRequest alone.
	Missing   bool // the id is not answered
	Duplicate bool // answered twice: first 429, then properly
	NextLink  bool // @odata.nextLink stays in the body; also set by Keep
	NoValue   bool // the body has no value
	NullValue bool // value is null
	DepthCut  int  // see Shape.DepthCut, counted from the row
}

// Shape is how a right answer is deformed on its way.
type Shape struct {
	Collapse       bool // a list of one row becomes the row
	CollapseInside bool // …and so does any list of one within a row
	NullLists      bool // empty lists within rows become null
	TextNumbers    bool // numbers become strings
	TextBools      bool // true becomes "true"
	OtherCase      bool // the first letter of every key changes its case
	DepthCut       int  // what lies deeper becomes text like @{a=1; b=2}; 0 = nothing
	BOM            bool // a UTF-8 byte order mark comes first
	PlainText      bool // Content-Type: text/plain
	Rows           []any
	Body           Body
}

func (sh Shape) zero() bool {
	return len(sh.Rows) == 0 && sh.Body == "" && sh.DepthCut == 0 && !(sh.Collapse || sh.CollapseInside ||
		sh.NullLists || sh.TextNumbers || sh.TextBools || sh.OtherCase || sh.BOM || sh.PlainText)
}

// Body replaces the whole body of a 200.
type Body string

// The bodies that stand for "no data", and one that stands for anything.
const (
	AsIs       Body = ""
	NoBody     Body = "empty"
	Null       Body = "null"
	ListOfNull Body = "[null]"
	EmptyText  Body = `""`
	EmptyList  Body = "[]"
	HTML       Body = "<!DOCTYPE html>"
)

// A Fault happens to one request. The zero Fault is none.
type Fault struct {
	Kind       FaultKind
	Delay      time.Duration // before anything else happens
	Text       string        // of the body; empty means the usual one of the kind
	RetryAfter int           // seconds; 0 = no such header
	RetryDate  bool          // …as an HTTP date
	Shape      Shape         // of an answer that is otherwise right
}

// FaultKind names what happens to a request.
type FaultKind string

// What can happen to a request.
const (
	Unauthorized  FaultKind = "401 from the platform"
	Denied        FaultKind = "403 the role lacks the permission"
	Upstream403   FaultKind = "403 that is a Graph error"
	GraphRefused  FaultKind = "400 Graph error text"
	Throttled     FaultKind = "429 from the platform"
	Throttled400  FaultKind = "400 with a throttle text"
	Throttled500  FaultKind = "500 with a throttle text"
	Broken        FaultKind = "500 with the text of an exception"
	BadGateway    FaultKind = "502 with HTML"
	Unavailable   FaultKind = "503 from the platform"
	Disabled      FaultKind = "503 feature disabled"
	TimedOut      FaultKind = "504 after 230 s"
	SignIn        FaultKind = "302 to a sign-in page"
	Dropped       FaultKind = "connection dropped before an answer"
	CutBody       FaultKind = "connection dropped in the middle of the body"
	NoSuchCommand FaultKind = "404 Endpoint not found"
)

// Texts as CIPP sends them. Clients tell the cases apart by their beginnings.
const (
	textNotAllowed  = "Access to this CIPP API endpoint is not allowed, "
	TextNoAddress   = textNotAllowed + "the API Client does not have the required permission"
	TextNoRole      = textNotAllowed + "the user does not have the required permission"
	TextNoTenant    = "Access to this tenant is not allowed"
	TextOffloaded   = "API calls are not accepted on this function app"
	TextEnded       = "Your CIPP subscription has ended. Please renew it to go on using CIPP."
	TextDisabled    = "This feature has been disabled: "
	TextNoEndpoint  = "Endpoint not found"
	TextThrottled   = "Too many requests"
	TextUnavailable = "Resource temporarily unavailable"
	TextNoLicence   = "Required license not available for this tenant"
	TextDissolved   = "The relationship between this tenant and the partner has been dissolved from the tenant side."
	TextLoading     = "Loading data for all tenants. Please check back in 1 minute"
	TextQueued      = "Loading data for all tenants. Please check back after the job completes"
	TextNullArray   = "Cannot index into a null array."
)

// LoadingRow is the placeholder that CIPP puts among the rows of an
// AllTenants answer while it gathers them.
func LoadingRow() map[string]any {
	return map[string]any{"Tenant": TextLoading, "License": TextLoading}
}

// ErrorRow is the row that stands for a tenant whose licences could not be read.
func ErrorRow(tenant, text string) map[string]any {
	return map[string]any{
		"Tenant": tenant, "License": "Could not connect to client: " + text,
		"PartitionKey": "License", "RowKey": tenant,
	}
}

// MFAErrorRow is the row that stands for a tenant whose MFA state could not be
// read: flags that are true or false elsewhere hold text.
func MFAErrorRow(tenant string) map[string]any {
	return map[string]any{
		"Tenant": tenant, "UPN": tenant, "AccountEnabled": "none", "PerUser": "Could not connect to tenant",
		"MFARegistration": "none", "CoveredByCA": "Could not connect to tenant", "CoveredBySD": "none",
	}
}

// A Rule lets a Fault happen to the requests that it names. Empty fields
// match everything.
type Rule struct {
	Endpoint string // such as ListTenants; TokenEndpoint matches only if it is named
	Tenant   string // the tenantFilter as it was sent
	Query    string // a part of the decoded query, such as Endpoint=subscribedSkus
	Skip     int    // the first so many are let through
	Times    int    // how often the fault happens; 0 = until Heal
	Fault    Fault
}

// Fail adds rules. The first rule that matches a request decides.
func (s *Server) Fail(rules ...Rule) {
	for _, r := range rules {
		s.Front.Fail(serving.Rule[Fault]{Route: r.Endpoint, Account: r.Tenant, Query: r.Query, Skip: r.Skip, Times: r.Times, Fault: r.Fault})
	}
}

// SetFaults replaces the standing quirks.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.spent = f, map[string]int{}
	s.cold = f.ColdStart > 0
}

// SetTenantFaults replaces the quirks of one tenant, named by customer id or
// default domain, and leaves all others alone.
func (s *Server) SetTenantFaults(tenant string, f TenantFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]TenantFaults, len(s.faults.Tenants)+1)
	for k, v := range s.faults.Tenants {
		all[strings.ToLower(k)] = v
	}
	key := strings.ToLower(tenant)
	if t := s.world.Tenant(tenant); t != nil {
		delete(all, strings.ToLower(t.DefaultDomain))
		key = strings.ToLower(t.CustomerID)
		for k := range s.spent {
			if strings.HasPrefix(k, key+" ") {
				delete(s.spent, k)
			}
		}
	}
	all[key] = f
	s.faults.Tenants = all
}

// Heal ends all rules, the hook of Before and all standing quirks.
func (s *Server) Heal() {
	s.Front.Heal()
	s.SetFaults(Faults{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = map[string]stale{}
}

// tenantFaults are those of one tenant, however they were keyed.
func (s *Server) tenantFaults(t *Tenant) TenantFaults {
	if t == nil || len(s.faults.Tenants) == 0 {
		return TenantFaults{}
	}
	for _, k := range []string{t.CustomerID, strings.ToLower(t.CustomerID), t.DefaultDomain, "*"} {
		if f, ok := s.faults.Tenants[k]; ok {
			return f
		}
	}
	return TenantFaults{}
}

// resourceFault finds what is wrong with a read of a tenant's Graph
// collection, and uses it up. id is the sub-request's in a bulk call.
func (s *Server) resourceFault(t *Tenant, path, id string) ResourceFault {
	all := s.tenantFaults(t).Graph
	if len(all) == 0 {
		return ResourceFault{}
	}
	for _, k := range []string{path, id, "*"} {
		var f ResourceFault
		found := false
		for name := range all {
			if k != "" && strings.EqualFold(name, k) {
				f, found = all[name], true
			}
		}
		if !found {
			continue
		}
		if f.Times > 0 {
			key := strings.ToLower(t.CustomerID + " " + k)
			if s.spent[key] >= f.Times {
				return ResourceFault{}
			}
			s.spent[key]++
		}
		return f
	}
	return ResourceFault{}
}
