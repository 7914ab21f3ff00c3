package sync

import (
	"context"
	"fmt"
	"time"
)

// A clock that was ahead leaves times in the state that have not come yet. No
// wait rests on one of them: each is bounded by what it may last at most. That
// the clock went back is said, since an approval, a pause or a leaver's patience
// dated from the future looks wrong to whoever reads it.

// clockSlack is how far the clock may go back before anybody is told.
const clockSlack = 2 * time.Minute

// behind says by how much the clock is behind the last thing the state knows of,
// or nothing.
func (r *run) behind(ctx context.Context) (string, error) {
	for last, err := range r.Store.Runs(ctx) {
		if err != nil {
			return "", fmt.Errorf("reading the last run: %w", err)
		}
		at := last.Started
		if last.Finished.After(at) {
			at = last.Finished
		}
		if ahead := at.Sub(r.started); ahead > clockSlack {
			return fmt.Sprintf("the clock went back: it is %s, and run %s ended at %s; set it right (nothing waits for that time to come)",
				r.started.Format(time.RFC3339), last.ID, at.Format(time.RFC3339)), nil
		}
		break
	}
	return "", nil
}
