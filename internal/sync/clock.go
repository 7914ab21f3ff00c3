package sync

import (
	"context"
	"fmt"
	"time"
)

// A clock that was ahead leaves times in the state that have not come yet. No wait
// relies on one of them: each is bounded by its longest duration. The report says
// that the clock went back, since an approval, a pause or a leaver's waiting time
// dated in the future looks wrong to whoever reads it.

// clockSlack is how far the clock may go back before a report says so.
const clockSlack = 2 * time.Minute

// clockWasRight is when the newest run ended that is past, or now where there is none.
func (r *run) clockWasRight(ctx context.Context, now time.Time) (time.Time, error) {
	for last, err := range r.Store.Runs(ctx) {
		if err != nil {
			return now, fmt.Errorf("reading the runs before: %w", err)
		}
		if last.ID != r.id && !last.Finished.IsZero() && !last.Finished.After(now) {
			return last.Finished, nil
		}
	}
	return now, nil
}

// clockBehind returns a sentence where the clock is behind the newest run in the
// state, and the empty text otherwise.
func (r *run) clockBehind(ctx context.Context) (string, error) {
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
