// Package sync is the loop: pull, prove, map, observe, compare, guard,
// approve, apply, verify, record. It knows sources and targets by what they
// can do, never by name.
package sync

import (
	"context"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A Source says what tenants hold. Its methods may be called from many
// goroutines; it keeps to its own rate.
type Source interface {
	// Tenants lists every tenant the MSP may read. An error, or a list that is
	// not proven, ends the run: who is missing would look like who is gone.
	Tenants(ctx context.Context) (directory.List[directory.Tenant], error)

	// Snapshot reads the wanted collections of one tenant. What the source did
	// not prove is an unknown list in the snapshot, with the reason. An error
	// means that the source as a whole cannot go on (bad credentials, wrong
	// address) and ends the run.
	Snapshot(ctx context.Context, t directory.Tenant, want directory.Kinds) (*directory.Snapshot, error)
}

// A Matcher is a target that can tell whose its things are only once the
// source is known. Match is called between Observe and Desired with the records
// of the scope, and adds what it recognises to what was observed. Its error
// fails the scope.
type Matcher interface {
	Match(ctx context.Context, c mapping.Customer, s *directory.Snapshot, records []plan.Record, o *target.Observed) error
}

// A Tracer is a target that can say how it looked for one object, which a person
// named by its key or UPN, and why it came out as it did.
type Tracer interface {
	Trace(customer, text string) []string
}

// A Releaser is a target that keeps something of a customer from Observe to
// Apply, and is told when it may forget it.
type Releaser interface {
	Release(customer string)
}

// A Sleeper is a target that takes no writes at some hours. Quiet says whether
// this is one of them, and why.
type Sleeper interface {
	Quiet() (why string, quiet bool)
}
