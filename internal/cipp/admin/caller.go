package admin

import (
	"context"

	"syncd/internal/cipp"
)

// A Caller sends one call to CIPP. A *cipp.Client that was made with
// Options.Operate is one.
type Caller interface {
	Call(ctx context.Context, c cipp.Call) (*cipp.Reply, error)
}

// The types of a call and its answer.
type (
	Call  = cipp.Call
	Reply = cipp.Reply
)
