package itgluesim

import (
	"time"

	"syncd/internal/simulator/serving"
)

// VendorLimit requests in any VendorWindow are what the vendor allows.
const (
	VendorLimit  = 3000
	VendorWindow = 5 * time.Minute
)

// Faults are the standing quirks of the account. The zero value is a healthy
// account that takes the stricter side wherever the vendor says nothing.
type Faults struct {
	// Refusals.
	ErrorBody               BodyStyle
	TextStatus              bool    // "status":"422", as the standard says, instead of a number
	ArrayDetails            bool    // every detail is an array of strings
	Inaccessible            []int64 // organizations and types that the key may not see
	NestedUnknown401        bool    // nested routes of an unknown organization: 401 instead of 404
	RejectScripts           bool    // the edge answers 403 to a body that looks like a script
	BodyLimit               int     // bytes; larger is a 413; 0 means 10 MB
	IgnoreUnknownParameters bool    // filters, sorts and includes that do not exist are ignored instead of refused
	IgnoreUnknownAttributes bool    // read-only and unknown attributes in a body are ignored instead of refused
	Deleted                 DeletedStyle
	CreatedOK               bool // a POST is answered 200 instead of 201

	// Throttling. A request over the limit is answered 429.
	RateLimit  int           // requests in any window of RateWindow; 0 = none
	RateWindow time.Duration // 0 means VendorWindow
	RetryAfter int           // seconds, in the header of a 429; 0 = no such header, as documented

	// Lists.
	RefuseLargePages bool          // a page size over 1,000 is a 400 instead of 1,000
	LargestPage      int           // pages are cut to this size without a word; 0 means 1,000
	HeavyPage        int           // a page of more assets than this is a 504 with HTML; 0 = none
	Shift            int           // pages after the first begin so many rows later (rows are missed), or earlier (repeated)
	ShortPages       int           // so many rows are missing at the end of each page that has a next one
	HideArchived     bool          // lists of assets leave archived ones out
	ListLag          time.Duration // how long lists do not show a new object, by the clock of Options
	FoldFilters      bool          // filters compare without regard to case
	NoContactAdapter bool          // adapters of contacts are never included
	NoSingleAdapter  bool          // adapters are included in lists only
	IncludedInside   bool          // of a single object, included stands inside data
	NumericIncluded  bool          // ids of included objects are numbers
	NoRelationships  bool          // objects without relationships have no such key, instead of {}
	WholeSeconds     bool          // times have no fraction
	LinkHost         string        // links point to this host instead of ours
	ExtraMembers     bool          // objects hold an attribute that nobody has documented

	// Contacts.
	MergeArrays         bool // PATCH adds addresses and numbers to those there are, instead of replacing them
	KeepPlus            bool // numbers keep a leading +
	CreateLabels        bool // a label that the account does not have is added, instead of refused
	LastPrimaryWins     bool // of two primaries, instead of a refusal
	SyncedNotesWritable bool // notes and important of a contact under one-way sync can be written
	NamelessContacts    bool // a contact needs no first name

	// Layouts.
	StableNameKeys  bool // renaming a field leaves its key alone, through the API and in Edit
	UniqueTypeNames bool // a second type of one name is refused
	TypePatchStatus int  // for relationships in the PATCH of a type; 0 means 422

	// Flexible assets.
	MergeTraits      bool      // PATCH keeps the traits that are left out, instead of erasing them
	ArchiveErases    bool      // a PATCH without traits erases them all
	LaxPatch         bool      // required traits may be blank in a PATCH
	RewriteHTML      bool      // text boxes come back as the sanitiser writes them
	TrimText         bool      // text loses spaces at its ends and runs of them, names of contacts too
	CutText          bool      // text over 255 characters is cut, instead of refused
	TextboxLimit     int       // bytes; more is a 422; 0 means 65,535
	TagLimit         int       // ids in one tag; more is a 422; 0 means 500
	MissingTag       TagAnswer // to a tag of something that does not exist
	ForeignTag       TagAnswer // to a tag of something in another organization
	DropDeletedTags  bool      // tags of what was deleted are left out, instead of shown with a null id
	TagObjects       bool      // a tag may be written as it is read
	BareTags         bool      // tags are read as bare ids
	NumbersAsText    bool      // numbers are read as strings
	CheckboxesAsText bool      // check boxes are read as Yes and No
	DatesWithTime    bool      // dates are read with midnight behind them
	NullTraits       bool      // empty traits are read as null, instead of left out
	AnySelect        bool      // a Select takes what is not among its options
	BareAnswers      bool      // writes are answered without the traits

	// Related items.
	RefuseDuplicates bool // a second link between the same two objects is a 422, instead of made
}

// BodyStyle is how the body of a refusal looks.
type BodyStyle int

// The bodies a client must be able to live with.
const (
	BodyJSON BodyStyle = iota
	BodyEmpty
	BodyHTML
)

// DeletedStyle is the answer to a GET of something that is gone.
type DeletedStyle int

// What has been seen, or may be.
const (
	Deleted404   DeletedStyle = iota
	DeletedNull               // 200 with {"data":null}
	DeletedEmpty              // 200 without a body
)

// TagAnswer is what becomes of a tag id that is not right.
type TagAnswer int

// The answers that may be; nobody knows which one it is.
const (
	TagRefused      TagAnswer = iota // 422
	TagUnauthorized                  // 401
	TagNotFound                      // 404
	TagDropped                       // stored without it
	TagKept                          // stored with it
)

// What the simulators have in common. Faults.RetryAfter stands for that of a
// Throttled where it is 0; an Unavailable has no such header then.
type (
	Fault     = serving.Fault
	FaultKind = serving.FaultKind
	Rule      = serving.Rule[Fault]
	Request   = serving.Request
)

// What can happen to a request. "Committed" means that the server has done
// what it was asked before it happens.
const (
	Broken            FaultKind = "500 before anything was done"
	BrokenCommitted   FaultKind = "500, committed"
	BadGateway        FaultKind = "502 with HTML before anything was done"
	GatewayCommitted  FaultKind = "502 with HTML, committed"
	Unavailable       FaultKind = "503 with HTML"
	TimedOut          FaultKind = "504 with HTML before anything was done"
	TimedOutCommitted FaultKind = "504 with HTML, committed"
	Throttled         FaultKind = "429"
	Forbidden         FaultKind = "403"
	Unauthorized      FaultKind = "401 with errors: something referred to is not accessible"
	BareUnauthorized  FaultKind = "401 without errors"
	Gone              FaultKind = "404"
	Unprocessable     FaultKind = "422"
	HTMLPage          FaultKind = "200 with HTML instead of JSON"
	EmptyAnswer       FaultKind = "200 without a body, committed"
	EmptyList         FaultKind = "200 with a list of nothing: what a key without rights sees"
	Echoed            FaultKind = "success, write lost: the answer shows what was asked for"
	Dropped                     = serving.Dropped
	DroppedCommitted            = serving.DroppedCommitted
	CutBody                     = serving.CutBody
)

// SetFaults replaces the standing quirks. The lists in f belong to the server
// from now on.
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
