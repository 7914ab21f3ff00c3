package scimsim

import "time"

// A Dialect is how a provider differs from the RFCs: data, so that a test can
// turn any single switch. The zero value is what RFC 7643 and 7644 say, the
// stricter side where they leave a choice.
type Dialect struct {
	// Where it is. {account} stands for the account's ID; without it the token
	// says which account is meant.
	Base          string // empty means /scim/{account}/v2
	DiscoveryBase string // discovery is answered here too; empty = nowhere else
	ConfigPaths   []string
	NoDiscovery   int  // status of all discovery; 0 = there is some
	BareDiscovery bool // ResourceTypes and Schemas are arrays, not ListResponses
	// Announced replaces what ServiceProviderConfig says; nil = the truth.
	Announced *Capabilities

	// Who may. Refusals are 401, an account without the add-on answers AddOnStatus.
	AddOnStatus int // of an account whose SCIM is not enabled; 0 means 403

	// Messages.
	ContentType      string // of answers; empty means application/scim+json
	RefuseSCIMType   bool   // 415 for bodies labelled application/scim+json
	RefuseSCIMAccept bool   // 406 for Accept: application/scim+json
	ETagNoise        bool   // an ETag header over the body, as web frameworks add
	Versions         Versions
	Redirect         int    // status of the redirect that every request meets; 0 = none
	RedirectHops     int    // how many; 0 means 1
	RedirectHost     string // where to; empty = the same host
	RetryHeader      string // of a 429; empty means Retry-After. The RateLimit ones count or name a moment as they do in life
	TextNumbers      bool   // "totalResults":"12"
	NumericIDs       bool   // "id":17 where the id is a number
	NumericStatus    bool   // "status":404 in refusals
	AnswerBooleans   Booleans
	ErrorBody        ErrorBody
	AlwaysScimType   string // stamped on every refusal

	// Creation and single reads.
	UserIDs        IDs
	GroupIDs       IDs
	CreatedStatus  int // 0 means 201
	CreateAnswer   CreateAnswer
	RelativeURL    bool          // Location and meta.location have no host
	Lag            time.Duration // how long reads show what was before a write, by the real clock
	UnknownStatus  int           // of PATCH, PUT and DELETE of what is not there; 0 means 404
	BadJSONStatus  int           // 0 means 400
	Delete         Delete
	SecondDelete   int      // status of the DELETE of what was deleted; 0 means 404
	Reactivation   Handling // of users that DeleteInactive left behind
	KeepsDangling  bool     // deleted users stay members of groups
	UserGroups     bool     // users show their groups
	EchoExtensions bool     // schemas lists every extension, data or none

	// Uniqueness.
	DuplicateStatus  int    // 0 means 409
	DuplicateText    string // instead of our words
	NoDuplicateType  bool   // no scimType "uniqueness"
	ExactUniqueness  bool   // userNames that differ in case may both exist
	UniqueExternalID bool
	UniqueMail       bool // across all users, disconnected ones included
	UniqueGroupName  bool

	// What is stored.
	Extensions       Extensions
	Unknown          Unknown // attributes and extensions that no schema has
	NotEnabled       []string
	Required         []string // paths of users, besides userName
	Immutable        []string // paths that only a POST sets
	ImmutableIgnored bool     // changes of them are dropped, instead of refused
	Booleans         Booleans // "True" for true in bodies
	LowerMail        bool     // e-mail and userName are lower-cased
	DerivedNames     bool     // displayName and name.formatted are made of the names
	TrimText         bool
	CutText          int  // characters; longer text is cut; 0 = never
	EverySecondWrite bool // these four happen at every second write only

	// Filters.
	Filtering       Filtering
	FilterOps       []string // nil means all of the RFC
	FilterPaths     []string // the only attributes; nil means all
	NoLogic         bool     // no and, or, not
	NoValuePaths    bool
	EntraPaths      bool // emails[type eq "work"].value eq "x" is understood
	Unquoted        Unquoted
	RefuseEscapes   bool
	ExactUserName   bool // userName compares with case, though its key is blind to it
	FoldExternalID  bool // externalId compares without
	AndFindsNothing bool
	UnknownOpIsAll  bool // an operator it does not know: 200 with everything
	LosesPlus       bool // a + in the value is a space
	MailFindsNone   bool // emails.value finds nobody
	NeedsAttribute  bool // 400 when any user lacks the attribute
	NoneIs404       bool // no hits is a 404

	// Lists.
	DefaultPage     int // without count; 0 means 100
	LargestPage     int // 0 means 1,000
	RefuseLarge     bool
	IgnoreCount     bool // every page has DefaultPage rows
	Paging          Paging
	CursorLife      time.Duration // by the real clock; 0 = for ever
	TotalIsPage     bool          // totalResults counts the page
	TotalOff        int           // is added to totalResults
	PageSizeEchoed  bool          // itemsPerPage is what was asked for
	Empty           EmptyList
	IgnoreSelection bool // attributes and excludedAttributes
	MembersShown    int  // members are cut at so many; 0 = never
	MembersHidden   bool // members is always empty: who is in a group is not told
	NoSearch        bool // POST /.search is a 501

	// PATCH and PUT.
	PatchUsers, PatchGroups int // status instead of serving it; 0 = served
	PutUsers, PutGroups     int
	DeleteGroups            int
	PatchAnswer             PatchAnswer // of users
	GroupPatchAnswer        PatchAnswer
	Ops                     Ops
	WrongCasePaths          WrongCase
	Pathless                Pathless
	DottedKeysLost          bool // a path-less "name.givenName" is dropped without a word
	PathlessExtensions      Pathless
	RefuseNull              bool
	CreatesTargets          bool // replace through a filter without a match adds a value
	NotAtomic               bool // operations before a bad one stick
	PutKeeps                bool // what a PUT leaves out stays
	PutDisables             bool // a PUT without active disables, instead of enabling
	IgnorePatchOf           []string
	ArrayMembersOnly        bool // a single member object is refused
	FilteredRemove          Handling
	OrRemove                Handling // members[value eq "1" or value eq "2"]
	RemoveByValue           RemoveByValue
	ReplaceMembers          Handling
	MemberOperation         bool // SCIM 1.1: "operation" of a member decides
	DoubleMembers           bool // a member that is there is added once more
	PresentStatus           int  // of adding a member that is there; 0 = a success that does nothing
	AbsentStatus            int  // of removing one that is not; 0 = a success that does nothing
	UnknownMember           int  // of adding a user that does not exist; 0 means 400, negative = accepted
	MemberLimit             int  // changes of members in one PATCH; 0 = no limit
	MemberLimitStatus       int  // 0 means 400
	NestedGroups            bool // groups may be members

	// Teams: groups stand for teams and roles of the product.
	Teams          bool
	RenameTeams    bool // renaming a group renames its team
	DeleteTeams    bool // DELETE of a group deletes the team too
	LinkByNameOnly bool // a prepared link needs the name alone, not the object id
}

// Capabilities are the promises of ServiceProviderConfig.
type Capabilities struct {
	Patch, Filter, Bulk, Sort, ETag, ChangePassword bool

	MaxResults  int
	Cursor      bool
	Index       bool
	Method      string // index or cursor; empty = the object pagination is left out
	MaxPage     int
	DefaultPage int
}

// Versions is what ETags mean.
type Versions int

// The ways versions are dealt with.
const (
	VersionsNone     Versions = iota // not supported; If-Match is ignored
	VersionsChecked                  // a stale If-Match is a 412
	VersionsRequired                 // a missing one is a 428
)

// Booleans is what becomes of "True" where a boolean belongs.
type Booleans int

// The ways booleans are spelled.
const (
	BooleansStrict Booleans = iota // 400; answered as booleans
	BooleansRead                   // taken for true; answered as "True"
	BooleansText                   // stored as text; answered as "true"
	BooleansNumber                 // 0 and 1, taken and answered
)

// ErrorBody is the shape of refusals.
type ErrorBody int

// The bodies a client must be able to read.
const (
	ErrorSCIM       ErrorBody = iota
	ErrorAttributes           // {"name.givenName":["Value is missing"]}
	ErrorProblem              // {"title","detail","errors":{…}}
	ErrorMessage              // {"message"}
	ErrorOAuth                // {"error","error_description"}
	ErrorV1                   // {"Errors":[{"description","code"}]}
	ErrorText
	ErrorHTML
	ErrorEmpty
)

// IDs is who issues them.
type IDs int

// Where ids come from.
const (
	IDsOwn      IDs = iota // opaque
	IDsNumeric             // 1001, 1002, …
	IDsUserName            // the userName, also after a rename
	IDsExternal            // the client's externalId
	IDsClient              // the id in the client's body, else its externalId
)

// CreateAnswer is what a POST is answered with.
type CreateAnswer int

// The answers to a creation.
const (
	CreatedFull            CreateAnswer = iota
	CreatedEmpty                        // Location, no body
	CreatedWithoutID                    // Location, a body without id
	CreatedWithoutLocation              // a body, no Location
	CreatedWithoutAnything              // neither
)

// Delete is what a DELETE of a user does.
type Delete int

// The ways of deleting.
const (
	DeleteGone     Delete = iota // 404 afterwards
	DeleteInactive               // reads go on, active is false
	DeleteHidden                 // 404 afterwards, yet its userName stays taken
)

// Extensions are those that the provider has.
type Extensions int

// The extensions of users.
const (
	ExtensionsEnterprise Extensions = iota
	ExtensionsNone
	ExtensionsCinode // the enterprise one in Cinode's spelling, and Cinode's own
)

// Unknown is what becomes of an attribute that no schema has.
type Unknown int

// The fates of unknown attributes.
const (
	UnknownRefused Unknown = iota
	UnknownDropped
	UnknownStored
)

// Filtering is whether filters work.
type Filtering int

// The ways filters are answered.
const (
	FilterWorks     Filtering = iota
	FilterRefused             // 400 invalidFilter
	FilterForbidden           // 403
	FilterMissing             // 501
	FilterIgnored             // 200 with everything
)

// Unquoted is whether values may, or must, stand without quotes.
type Unquoted int

// The rules about quotes.
const (
	UnquotedRefused Unquoted = iota
	UnquotedTaken
	UnquotedOnly
)

// Paging is how lists go on.
type Paging int

// The ways to page.
const (
	PagingIndex         Paging = iota
	PagingSticks               // startIndex is ignored: page 1 for ever
	PagingWraps                // past the end is page 1 again
	PagingCursor               // RFC 9865 only: startIndex is ignored
	PagingBoth                 // whichever is asked for
	PagingCursorUnasked        // nextCursor comes without being asked for
)

// EmptyList is what Resources is when there are none.
type EmptyList int

// The ways to say nothing.
const (
	EmptyArray EmptyList = iota
	EmptyNull
	EmptyMissing
)

// PatchAnswer is what a PATCH is answered with.
type PatchAnswer int

// The answers to a PATCH.
const (
	PatchedBody      PatchAnswer = iota // 200 and the resource
	PatchedNoContent                    // 204
	PatchedMixed                        // 200, or 204 when nothing changed
	PatchedPartial                      // 200 with id and schemas only
	PatchedAccepted                     // 202 without a body
)

// Ops is which spellings of an op are taken.
type Ops int

// The spellings.
const (
	OpsLower Ops = iota
	OpsAny
	OpsTitle // Add, Replace, Remove only
)

// WrongCase is what becomes of a path in another case than the schema's.
type WrongCase int

// The fates of such paths. RFC 7643, section 2.1, says that case does not matter.
const (
	WrongCaseTaken WrongCase = iota
	WrongCaseRefused
	WrongCaseIgnored
)

// Pathless is what becomes of operations without a path.
type Pathless int

// The fates of path-less operations.
const (
	PathlessMerged   Pathless = iota
	PathlessReplaces          // {"name":{…}} replaces the whole object
	PathlessRefused           // 400
	PathlessIgnored           // 200, nothing done
)

// Handling is whether something works.
type Handling int

// The ways things go.
const (
	Works   Handling = iota
	Ignored          // success, nothing done
	Refused          // 400
)

// RemoveByValue is what remove "members" with a list as value does.
type RemoveByValue int

// The readings of that operation.
const (
	RemovesAll     RemoveByValue = iota // RFC 7644, section 3.5.2.2: the value means nothing
	RemovesListed                       // Entra's own form
	RemovesNone                         // success, nothing done
	RemovesRefused                      // 400
)
