package directory

import (
	"errors"
	"fmt"
	"time"
)

// ErrIncomplete is in every error that means: the source did not prove this,
// so it is unknown. Unknown is never zero, and nobody may compare with it.
var ErrIncomplete = errors.New("the source did not prove this complete")

// Proof is what makes a list believable: who said it, when, and what was checked.
type Proof struct {
	Source   string    // the system, such as "cipp 10.8.2"
	Endpoint string    // the call or calls that gave it
	TakenAt  time.Time // when we read it
	AsOf     time.Time // how old the data was at the source; equal to TakenAt for live calls
	Rows     int
	Checks   []string // what was checked and held
	// Partial is true where presence is proven and absence is not: the source
	// hides some rows by a filter of its own. What such a list lacks is unknown.
	Partial bool
}

// A List is what the source said about one collection. Its items can only be
// had together with the question whether they are proven: a caller that
// forgets to ask does not compile. The zero List is unknown.
type List[T any] struct {
	items  []T
	proof  Proof
	proven bool
	err    error
}

// Proven returns a list that may be compared with a target.
func Proven[T any](items []T, proof Proof) List[T] {
	proof.Rows = len(items)
	return List[T]{items: items, proof: proof, proven: true}
}

// Unknown returns a list that nobody may compare with anything, and why.
func Unknown[T any](proof Proof, why error) List[T] {
	return List[T]{proof: proof, err: why}
}

// Items returns what the list holds, or an error that is ErrIncomplete. The
// slice is shared: callers do not change it.
func (l List[T]) Items() ([]T, error) {
	if l.proven {
		return l.items, nil
	}
	if l.err == nil {
		return nil, fmt.Errorf("%w: it was not read", ErrIncomplete)
	}
	return nil, fmt.Errorf("%w: %w", ErrIncomplete, l.err)
}

// Proof returns how the list is known, or how the attempt was made.
func (l List[T]) Proof() Proof { return l.proof }
