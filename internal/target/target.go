// Package target is the contract between the loop and the systems that it keeps
// in step: what a target is asked, what it answers, and how it says no.
// targettest is the suite that every target passes.
package target

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
)

// An Opener readies a target for one run, with the rules of that moment.
type Opener func(ctx context.Context) (Target, error)

// A Target is a system that holds objects for customers, opened for one run. Its
// methods, and those of different Views, may be called from many goroutines.
type Target interface {
	Spec() Spec

	// Observe looks at some customers at once, since lists that serve many of them
	// are read once, and returns a View of each, in the same order. An error
	// concerns the target as a whole: nobody was looked at, and Views that come with
	// it know at most what is wanted. What concerns one customer comes out of that
	// customer's View.
	Observe(ctx context.Context, asked []Asked) ([]View, error)
}

// A View is one customer at a target, as it was looked at in this run. All that
// the target remembers of a customer is in it and is gone with it. The loop calls
// Compare once, and then Apply for one change at a time.
type View interface {
	// Compare says what the target should hold of the customer and what it holds,
	// now that the source and the records of the scope are known. An error fails the
	// scope: a *Blocked holds it until somebody repairs what it names, and
	// directory.ErrIncomplete says that the source did not prove what it takes. What
	// is known all the same comes with the error, for reports.
	Compare(ctx context.Context, s *directory.Snapshot, records []plan.Record) (Desired, Observed, error)

	// Apply carries out one change and returns the object as the target now
	// holds it, Ref included. It reads the live value first where money is
	// concerned, and returns an error that is ErrMoved if that is not the
	// change's before-image. It returns rest.ErrOutcomeUnknown when the request
	// left and no answer came; it never repeats a create. Where money is concerned it
	// asks Gate right before each request that writes.
	Apply(ctx context.Context, ch plan.Change) (Applied, error)
}

// A Spec is what the loop must know of a target.
type Spec struct {
	Name  string          // as in the configuration: connectwise, itglue, scim/cinode
	Kinds []plan.Kind     // in the order of creation
	Needs directory.Kinds // what of a tenant it is made from
	Also  directory.Kinds // what is read besides, where the source tells
	Link  string          // the column of the link table that a customer needs
	// OneTenant says why a customer of several tenants is not kept in step; empty
	// where it is.
	OneTenant string
	// Parts says that a part of a tenant is kept in step.
	Parts bool
	Batch int // how many customers are observed at once; 0 = one
	// OwnCredentials says that each link has credentials of its own: where they
	// are refused, those of others may still be good.
	OwnCredentials bool
	// VerifyEvery is how long a scope that was seen to be right, and whose source
	// did not change, may go without being looked at by scheduled runs; 0 = every
	// run looks.
	VerifyEvery time.Duration
	// Settings is a digest of everything besides the source that decides what
	// is desired: rules, options. A change of it makes an automatic job ask first.
	Settings string
	// Claims are what is said of the terms of subscriptions, where the target bills them.
	Claims money.Claims
	// Own is what holds for single customers besides, by key.
	Own map[string]Own
}

// Own is what a target needs of one customer, and what decides there, besides what is
// so for all.
type Own struct {
	Also     directory.Kinds
	Settings string // a digest, as Spec.Settings
	// Set says in words what people set for the customer alone.
	Set []string
}

// SettingsDigest is a digest for Spec.Settings of what json.Marshal made of plain data.
func SettingsDigest(raw []byte, err error) string {
	if err != nil {
		panic(err) // plain data cannot fail
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// Asked is a customer that a target is asked about, with the words of people
// on single objects of that scope.
type Asked struct {
	mapping.Customer
	Settlements []plan.Settlement
	// Refs are the target's ids of what syncd keeps in step for the customer, or
	// once kept. The target says of those that it no longer manages whether they
	// still live.
	Refs []string
	// Records are what syncd last left for the customer at the target, which
	// spares reading again what was not touched since.
	Records []plan.Record
	// Owners says whose the target's things are; nil where nobody can tell.
	Owners Owners
	// Only is what a person typed who asks after one object: its key, or a name
	// that the target knows it by. It is empty as a rule.
	Only string
}

// Owners says whose a thing at a target is by the records of every customer,
// whatever the run is about. What a tenant types freely, such as a mail address,
// never makes a thing that is another customer's its own.
type Owners interface {
	// Others are the customers besides this one whose records name the thing,
	// sorted.
	Others(ctx context.Context, customer, kind, ref string) ([]string, error)

	// Linked says what every customer is linked to at the target, whatever the
	// run is about.
	Linked() map[string]string
}

// Desired is what a target should hold of a customer.
type Desired struct {
	Objects   []plan.Object
	Conflicts []plan.Conflict  // objects that the source did not prove, or that rules leave open
	Notes     []plan.Violation // worth knowing, holding nothing
	// Counts are what the ledger keeps of the products that the target bills: all of
	// them, those of which nothing is due included. It is nil for a target that bills
	// nothing.
	Counts []Count
	// Source is what they were counted from, and Claims what is said of the terms of
	// its subscriptions.
	Source money.Source
	Claims []money.Claim
}

// Observed is what a target holds of a customer.
type Observed struct {
	Objects   []plan.Object
	Conflicts []plan.Conflict  // objects that somebody must look at first
	Notes     []plan.Violation // worth knowing, holding nothing
	// Beside are things that are there and are not compared: what an object in
	// conflict may be, and what lives beside one that is kept in step. Reports show them.
	Beside []plan.Object
	// Unmanaged are things that syncd was asked about by their refs, that live on and
	// that it keeps in step no longer: a rule or a link changed.
	Unmanaged []plan.Object
	// Ended tells, by ref, of the last edit of things that syncd was asked about
	// and that were ended there.
	Ended map[string]plan.Edit
	// Looked says how the target looked for the object that Asked.Only names, and
	// why it came out as it did.
	Looked []string
	// Later says why the target takes no writes now, such as quiet hours; nil as a
	// rule.
	Later *Later
}

// Applied is the outcome of one change.
type Applied struct {
	Object plan.Object
	Notes  []plan.Violation // such as a price that changed with the quantity
	// Rewritten are fields that the target took and shows otherwise, each as it
	// was sent; Object has what it shows.
	Rewritten plan.Fields
}

// ErrMoved says that the target no longer holds what the plan was made from.
var ErrMoved = errors.New("the target changed since the plan was made")

// A Later is an error that says that nothing is wrong and the next run goes on:
// quiet hours began, a budget is spent.
type Later struct {
	Code  string // of the note about it
	Why   string
	Until string // the last day, or the time of day, of it; empty: the next run
	// Decided says that a person decided meanwhile, against the plan: what is left of it is
	// held until there is another one.
	Decided bool
}

func (l *Later) Error() string { return l.Why }

type gateKey struct{}

// WithGate gives a context something that is asked right before a request that writes,
// after all waiting: its error, a *Later, keeps the request from being sent.
func WithGate(ctx context.Context, gate func(context.Context) error) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// Gate asks what WithGate gave.
func Gate(ctx context.Context) error {
	if gate, ok := ctx.Value(gateKey{}).(func(context.Context) error); ok {
		return gate(ctx)
	}
	return nil
}

// Note says that changes are put off.
func (l *Later) Note() plan.Violation {
	return plan.Violation{Code: l.Code, Note: true, Message: l.Why, PutOff: cmp.Or(l.Until, "the next run")}
}

// Blocked says that a scope cannot be planned until somebody repairs
// something: an ambiguous agreement, a company that is gone.
type Blocked struct {
	Violations []plan.Violation
}

func (b *Blocked) Error() string {
	texts := make([]string, len(b.Violations))
	for i, v := range b.Violations {
		texts[i] = v.Message
	}
	return strings.Join(texts, "; ")
}
