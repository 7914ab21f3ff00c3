// Package state is the contract of the store: what syncd remembers between
// runs. statetest holds the suite that every implementation passes.
package state

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"time"

	"syncd/internal/directory"
	"syncd/internal/plan"
)

// Errors that callers branch on.
var (
	ErrLocked   = errors.New("the state is in use by another process")
	ErrCorrupt  = errors.New("the state is damaged")
	ErrConflict = errors.New("somebody else changed it meanwhile")
	ErrNotFound = errors.New("not found")
	ErrNewer    = errors.New("the state was written by a newer syncd")
)

// A Store keeps what syncd knows between runs. All methods may be called from many goroutines; a
// method that writes is one transaction, and returns only when it is on disk.
// Times are stored in UTC.
type Store interface {
	// Recall returns everything stored of a scope but its ledger, in one consistent read.
	// A scope that is not stored gives an empty Memory. Records are sorted by key.
	Recall(ctx context.Context, scope plan.Scope) (*Memory, error)

	// Refs yields the refs of all records of a target, former ones included, with the
	// customers whose records they are. Ordered by customer, then by the records' keys.
	Refs(ctx context.Context, target string) iter.Seq2[Ref, error]

	// Commit writes what one step of some scopes changed, all or nothing, in one
	// transaction: an unchanged estate must not cost a disk flush a scope.
	Commit(ctx context.Context, cs ...*Commit) error

	// Cursors yields where every scope stands, ordered by customer, then target.
	Cursors(ctx context.Context) iter.Seq2[Cursor, error]

	// Holds yields every plan that waits for a person, ordered like Cursors.
	Holds(ctx context.Context) iter.Seq2[Hold, error]

	// Decide stores a person's decision on a hold, with the journal's entries about
	// it. The same one again, whoever says it, writes nothing. It is ErrNotFound, and
	// writes nothing, where the scope holds no plan with that digest.
	Decide(ctx context.Context, scope plan.Scope, digest string, d Decision, about ...Entry) error

	// Decided counts what people decided since the store was opened: it grows with each
	// Decide, Settle and PutDocument that wrote, before they return. It reads nothing.
	Decided() uint64

	// Settle stores a person's settlement of one object, or deletes it (nil), with the
	// journal's entries about it.
	Settle(ctx context.Context, scope plan.Scope, key plan.Key, s *Settlement, about ...Entry) error

	// Settlements yields every settlement, ordered like Cursors, then by key.
	Settlements(ctx context.Context) iter.Seq2[Settlement, error]

	// Journal yields entries, newest first.
	Journal(ctx context.Context, f JournalFilter) iter.Seq2[Entry, error]

	// OpenSpans returns the spans of a scope that last, by key.
	OpenSpans(ctx context.Context, scope plan.Scope) ([]Span, error)

	// Spans yields the ledger, ordered by customer, target, key and time.
	Spans(ctx context.Context, f SpanFilter) iter.Seq2[Span, error]

	// Prune forgets what is older than it need be, and returns how much. It writes
	// nothing where there is nothing. The journal loses its first lines, and gets one
	// that says so (see PruneEntry): its chain is proven from there on.
	Prune(ctx context.Context, r Retention) (Pruned, error)

	// PutRun adds or replaces a run.
	PutRun(ctx context.Context, r Run) error

	// Runs yields runs, newest first (run ids sort by time).
	Runs(ctx context.Context) iter.Seq2[Run, error]

	// Document returns a named table, or an empty one at version 0.
	Document(ctx context.Context, name string) (Document, error)

	// PutDocument writes a table whose Version is the one that was read, with the
	// journal's entries about it; the stored one is one higher. It is ErrConflict, and
	// writes nothing, where another one was written meanwhile.
	PutDocument(ctx context.Context, d Document, about ...Entry) error

	// Compact gives back to the disk what was forgotten, while the store stays in use, and
	// returns how large it was and is. Where it fails nothing is lost.
	Compact(ctx context.Context) (before, after int64, err error)

	// Verify reads everything, checks the journal's chain and returns what it
	// counted, or an error that is ErrCorrupt and names the first bad place.
	Verify(ctx context.Context) (Counts, error)

	// Backup writes a consistent copy while the store stays in use.
	Backup(ctx context.Context, w io.Writer) error

	Close() error
}

// Memory is what is known of a scope.
type Memory struct {
	Records     []plan.Record
	Cursor      *Cursor // nil before the first run
	Hold        *Hold   // nil where nothing waits
	Settlements []Settlement
}

// A Retention says what Prune forgets.
type Retention struct {
	Now time.Time
	// Before is the moment before which spans ended, lines of the journal were written and
	// runs were started that are forgotten. The journal is forgotten up to its first line
	// that is younger.
	Before time.Time
	// Quiet is that moment for runs of which the journal has no line; never before Before.
	Quiet time.Time
}

// Pruned is how much was forgotten.
type Pruned struct {
	Spans   int `json:"spans"`
	Entries int `json:"entries"`
	Runs    int `json:"runs"`
}

// A Ref is the target's id of an object, from a customer's record.
type Ref struct {
	Customer string
	Kind     string
	Ref      string
}

// A Commit is one step of a scope. Records are put and dropped by key; the
// entries are appended to the journal in order, their Seq, Prev and Hash set
// by the store. Misdated, Ends and Spans go to the ledger, in this order: a span ends the
// open one of its product and lasts from then on, see Span.Follows.
type Commit struct {
	Scope     plan.Scope
	Put       []plan.Record
	Drop      []plan.Key
	Cursor    *Cursor // nil leaves it
	Hold      *Hold   // nil leaves it, unless ClearHold
	ClearHold bool
	Entries   []Entry
	Misdated  []Misdated
	Ends      []Ending
	Spans     []Span
}

// A Cursor is the outcome of a scope's last run, with what the next run compares with
// to skip an unchanged scope. Whether a plan is right never depends on it.
type Cursor struct {
	Scope      plan.Scope       `json:"scope"`
	Name       string           `json:"name"` // the customer's name when last seen
	Job        string           `json:"job"`
	Run        string           `json:"run"`
	Outcome    string           `json:"outcome"`
	At         time.Time        `json:"at"`
	Error      string           `json:"error,omitempty"`
	Violations []plan.Violation `json:"violations,omitempty"`
	Applied    bool             `json:"applied"`    // a plan of this scope was applied once
	InStepAt   time.Time        `json:"in_step_at"` // when the target was last seen to be right
	// TroubleSince is since when runs end in the trouble that the outcome says, see TroubleOf;
	// zero where there is none.
	TroubleSince time.Time        `json:"trouble_since,omitzero"`
	Source       string           `json:"source"`           // digest of the snapshot then
	Settings     string           `json:"settings"`         // digest of rules, link and limits then
	Counts       map[string]int   `json:"counts"`           // rows of each proven source list then
	Objects      int              `json:"objects"`          // managed objects
	Absent       int              `json:"absent,omitempty"` // of them, gone from the source and waited for
	Seen         []directory.Seen `json:"seen,omitempty"`   // the subscriptions, where the scope is billed by them
	// Ledger is the SpansDigest of what a run saw of all products when it brought the
	// spans that last in line with it; empty where they may say something else. A commit
	// that ends or puts spans and has no cursor empties it.
	Ledger string `json:"ledger,omitempty"`
	// Invoices are how far each agreement was invoiced when a run last looked, and
	// Unsettled what a person must yet be told of invoices that were made meanwhile.
	Invoices  []InvoiceMark `json:"invoices,omitempty"`
	Unsettled []Unsettled   `json:"unsettled,omitempty"`
	// Ended is when the scope came to its end, since its customer was none any more; zero
	// where it never did. What was remembered until then is of another time.
	Ended time.Time `json:"ended,omitzero"`
	// Former are the plans that waited for a person last and do no longer, the newest first.
	Former []FormerPlan `json:"former_plans,omitempty"`
	// Restored is set by a restore, until a run has seen the target right or was
	// let write to it: what happened there since the backup is not remembered.
	Restored bool `json:"restored,omitempty"`
}

// A FormerPlan is a plan that waited for a person and does no longer: who decides on it must
// be told what became of it.
type FormerPlan struct {
	Digest string    `json:"digest"`
	At     time.Time `json:"at"`             // when a run found another plan, or none
	Done   *Decision `json:"done,omitempty"` // the approval under which it was carried out; nil where it was not
	// Rejected is who refused it, for when it stands again; nil where nobody did.
	Rejected *Decision      `json:"rejected,omitempty"`
	Changes  []FormerChange `json:"changes,omitempty"` // the first of them
	More     int            `json:"more,omitempty"`    // how many others it had
}

// A FormerChange is a change of such a plan, as people read it.
type FormerChange struct {
	plan.Key
	Label string `json:"label"`
	What  string `json:"what"`
}

// An InvoiceMark is the first day of an agreement that is not yet invoiced.
type InvoiceMark struct {
	Agreement string `json:"agreement"`
	Next      string `json:"next"` // YYYY-MM-DD
	// At is when a run first saw this day: a person's word from before is not about it.
	At time.Time `json:"at"`
}

// An Unsettled is what a person must yet be told, since a moment.
type Unsettled struct {
	plan.Violation
	At time.Time `json:"at"`
}

// RestoredDocument is the document in which a restore says that it happened.
const RestoredDocument = "restored"

// The documents of who may come in. A restore empties them: whom somebody signed out or whose token
// somebody revoked since the backup would be let in again.
const (
	SessionsDocument = "sessions" // of people, who sign in again
	TokensDocument   = "tokens"   // of programs
)

// A Restoration is what a restore did to the backup that it put in place.
type Restoration struct {
	At        time.Time `json:"at"`
	AsOf      time.Time `json:"as_of,omitzero"`       // when the backup's last run began
	Decisions int       `json:"decisions"`            // approvals and rejections that were dropped
	Scopes    int       `json:"scopes"`               // whose next plan waits for a person
	Former    string    `json:"former,omitempty"`     // where the former state is kept now
	SignedOut bool      `json:"signed_out,omitempty"` // sessions and tokens were dropped
}

// A Hold is a plan that waits for a person.
type Hold struct {
	Scope      plan.Scope       `json:"scope"`
	Name       string           `json:"name"`
	Job        string           `json:"job"`
	Run        string           `json:"run"`
	Since      time.Time        `json:"since"` // when this digest was first held
	Digest     string           `json:"digest"`
	Violations []plan.Violation `json:"violations"`
	Plan       json.RawMessage  `json:"plan"` // the scope as plan --json shows it
	Decision   *Decision        `json:"decision,omitempty"`
}

// Approved reports whether a person let this very plan pass.
func (h *Hold) Approved(digest string) bool {
	return h != nil && h.Decision != nil && h.Decision.Approved && h.Digest == digest && digest != ""
}

// A Decision is a person's approval or rejection of a hold.
type Decision struct {
	Approved bool      `json:"approved"` // false: rejected
	By       string    `json:"by"`
	How      string    `json:"how,omitempty"` // how that person was identified
	At       time.Time `json:"at"`
	Reason   string    `json:"reason,omitempty"`
}

// A Settlement is what a person decided of one object of a scope.
type Settlement struct {
	plan.Settlement
	Scope plan.Scope `json:"scope"`
	By    string     `json:"by"`
	At    time.Time  `json:"at"`
}

// The actions of entries about what people decided, beside those of changes
// (plan.Action).
const (
	ActionApprove  plan.Action = "approve"
	ActionReject   plan.Action = "reject"
	ActionSettle   plan.Action = "settle" // one object, or one link
	ActionImport   plan.Action = "import" // of a table
	ActionOverride plan.Action = "override"
	ActionFreeze   plan.Action = "freeze"
	ActionClose    plan.Action = "close"
	ActionRevert   plan.Action = "revert" // the way back from a run was asked for
	ActionAccess   plan.Action = "access" // who may come in: a token, or a user of the pages
	ActionPrune    plan.Action = "prune"  // nobody's decision: the journal's first lines were older than they are kept
	ActionReload   plan.Action = "reload" // another configuration was taken
)

// The results of a journal entry.
const (
	ResultDone      = "done"
	ResultFailed    = "failed"    // the target refused; nothing changed there
	ResultUnknown   = "unknown"   // the request left, no answer came
	ResultRecovered = "recovered" // an earlier attempt turned out to have got through
)

// An Entry is one line of the journal. Hash is SHA-256 over the entry's JSON
// without Hash, Prev included, so that a changed or missing line shows.
type Entry struct {
	Seq     uint64      `json:"seq"`
	At      time.Time   `json:"at"`
	Run     string      `json:"run"`
	Job     string      `json:"job"`
	Scope   plan.Scope  `json:"scope"`
	Name    string      `json:"name"`
	Action  plan.Action `json:"action"`
	Key     plan.Key    `json:"key"`
	Label   string      `json:"label"`
	Ref     string      `json:"ref"`
	Reason  plan.Reason `json:"reason"`
	Before  *Image      `json:"before"`
	After   *Image      `json:"after"` // as the target answered; as intended where it did not
	Money   string      `json:"monthly_delta"`
	Result  string      `json:"result"`
	Message string      `json:"message,omitempty"`
	Digest  string      `json:"digest,omitempty"`  // of the plan it belongs to
	By      string      `json:"by,omitempty"`      // who approved that plan, or decided
	How     string      `json:"how,omitempty"`     // how that person was identified
	Why     string      `json:"why,omitempty"`     // what that person said
	Reverts string      `json:"reverts,omitempty"` // the run that it is the way back from
	// Credits, a list, are to be issued by hand for what goes back; nil of any other entry.
	Credits json.RawMessage `json:"credits,omitempty"`
	// Explanation says why a counted quantity fell, where one did.
	Explanation *plan.Explanation `json:"explanation,omitempty"`
	// Concerns are whose plans a table changes that a person changed. An entry of a former
	// version has none, and may concern everybody.
	Concerns []Concern `json:"concerns,omitempty"`
	Prev     string    `json:"prev"`
	Hash     string    `json:"hash"`
}

// A Concern is what a change of a table is about; an empty part is about all.
type Concern struct {
	Customer string `json:"customer,omitempty"` // a customer's key, or the id of one of its tenants
	Column   string `json:"column,omitempty"`   // of links
	SKU      string `json:"sku,omitempty"`      // of rules; a rule is of both
	Product  string `json:"product,omitempty"`
}

// JournalFilter narrows the journal; empty fields let everything through.
type JournalFilter struct {
	Run      string
	Customer string
	Target   string
	From, To time.Time // entries of this time; zero is no bound
	Limit    int       // 0 = all
}

// A Run is one execution of a job.
type Run struct {
	ID       string         `json:"run"`
	Job      string         `json:"job"`
	Trigger  string         `json:"trigger"` // schedule, command, catch-up
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished"` // zero while it runs, or when it was killed
	Totals   map[string]int `json:"totals"`   // outcomes
	Error    string         `json:"error,omitempty"`
	Stopped  bool           `json:"stopped,omitempty"` // a person or the daemon's end stopped it; Error says so too
	Part     bool           `json:"part,omitempty"`    // it was about some customers or targets of its jobs
	// Unmapped counts the customers without a link, by target: of them nothing else
	// is remembered.
	Unmapped map[string]int `json:"unmapped,omitempty"`
}

// MarshalJSON writes a run. When it ended is null where nobody knows it.
func (r Run) MarshalJSON() ([]byte, error) {
	type plain Run
	x := struct {
		plain
		Finished *time.Time `json:"finished"`
	}{plain: plain(r)}
	if !r.Finished.IsZero() {
		x.Finished = &r.Finished
	}
	return json.Marshal(x)
}

// A Document is a named table with a version.
type Document struct {
	Name    string
	Version int
	Body    []byte
}

// Counts is what a store holds.
type Counts struct {
	Scopes  int `json:"scopes"`
	Records int `json:"records"`
	Holds   int `json:"holds"`
	Entries int `json:"entries"`
	Runs    int `json:"runs"`
	Spans   int `json:"spans"`
	// Forgotten counts the lines of the journal before its first one.
	Forgotten int `json:"forgotten,omitempty"`
}
