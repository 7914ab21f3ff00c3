// Package sync is the loop: pull, prove, map, observe, compare, guard,
// approve, apply, verify, record. It knows sources and targets by what they
// can do, never by name.
package sync

import (
	"context"

	"syncd/internal/directory"
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
