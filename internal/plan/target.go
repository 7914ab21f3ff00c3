package plan

import (
	"errors"
	"strings"
	"time"

	"syncd/internal/directory"
)

// A Spec is what the loop must know of a target.
type Spec struct {
	Name  string          // as in the configuration: connectwise, itglue, scim/cinode
	Kinds []Kind          // in the order of creation
	Needs directory.Kinds // what of a tenant it is made from
	Also  directory.Kinds // what is read besides, where the source tells
	Link  string          // the column of the link table that a customer needs
	Batch int             // how many customers are observed at once; 0 = one
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
}

// Desired is what a target should hold of a customer.
type Desired struct {
	Objects   []Object
	Conflicts []Conflict  // objects that the source did not prove, or that rules leave open
	Notes     []Violation // worth knowing, holding nothing
}

// Observed is what a target holds of a customer.
type Observed struct {
	Objects   []Object
	Conflicts []Conflict  // objects that somebody must look at first
	Notes     []Violation // worth knowing, holding nothing
	// Beside are things that are there and are not compared: what an object in
	// conflict may be, and what lives beside one that is kept in step. Reports show them.
	Beside []Object
	// Left are things that syncd was asked about by their refs, that live on and
	// that it keeps in step no longer: a rule or a link changed.
	Left []Object
	// Ended tells, by ref, of the last edit of things that syncd was asked about
	// and that were ended there.
	Ended map[string]Edit
	// Err fails the scope; where it is a *Blocked the scope is held instead,
	// until somebody repairs what it names.
	Err error
}

// Applied is the outcome of one change.
type Applied struct {
	Object Object
	Notes  []Violation // such as a price that changed with the quantity
	// Rewritten are fields that the target took and shows otherwise, each as it
	// was sent; Object has what it shows.
	Rewritten Fields
}

// ErrMoved says that the target no longer holds what the plan was made from.
var ErrMoved = errors.New("the target changed since the plan was made")

// A Later is an error that says that nothing is wrong and the next run goes on:
// quiet hours began, a budget is spent.
type Later struct {
	Code string // of the note about it
	Why  string
}

func (l *Later) Error() string { return l.Why }

// Blocked says that a scope cannot be planned until somebody repairs
// something: an ambiguous agreement, a company that is gone.
type Blocked struct {
	Violations []Violation
}

func (b *Blocked) Error() string {
	texts := make([]string, len(b.Violations))
	for i, v := range b.Violations {
		texts[i] = v.Message
	}
	return strings.Join(texts, "; ")
}

// The ways to settle an object.
const (
	SettleAccept = "accept" // it is the one with this ref
	SettleCreate = "create" // none of the candidates: make a new one
	SettleIgnore = "ignore" // leave it alone
	SettleRetry  = "retry"  // the dead end at the target is cleared
)

// A Settlement is a person's word on one object.
type Settlement struct {
	Key    Key    `json:"key"`
	How    string `json:"how"`
	Ref    string `json:"ref,omitempty"`
	Reason string `json:"reason,omitempty"`
}
