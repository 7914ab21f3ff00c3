package app

import (
	"context"
	"fmt"

	"syncd/internal/state"
)

// A Compaction is what Compact did.
type Compaction struct {
	Forgotten state.Pruned `json:"forgotten"` // what was older than it is kept
	Before    int64        `json:"bytes_before"`
	After     int64        `json:"bytes_after"`
}

// Compact forgets what is older than it is kept, and gives its room back to the disk.
func (w *App) Compact(ctx context.Context) (done Compaction, err error) {
	if done.Forgotten, err = state.Forget(ctx, w.Store, w.Now(), w.Config.Evidence.Keep); err != nil {
		return done, fmt.Errorf("forgetting what need not be kept (evidence.keep): %w", err)
	}
	done.Before, done.After, err = w.Store.Compact(ctx)
	return done, err
}
