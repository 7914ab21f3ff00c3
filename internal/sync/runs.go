package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/state"
)

// JobRuns sums up a job's earlier runs.
type JobRuns struct {
	Success time.Time // when a run over all customers last ended well
	Attempt time.Time // when one was last started
	Failed  bool      // the last run over all customers ended early
	// Unmapped counts the customers without a link, by target, in the last run over
	// all customers that came to its end.
	Unmapped map[string]int
}

// LastRuns reads from the state how the last runs of each job ended. A run of
// several jobs counts for each of them.
func LastRuns(ctx context.Context, store state.Store, jobs []Job) (map[string]JobRuns, error) {
	all := map[string]JobRuns{}
	wholeRunSeen := map[string]bool{}     // by job: Failed is known
	for r, err := range store.Runs(ctx) { // newest first
		if err != nil {
			return nil, fmt.Errorf("reading the runs: %w", err)
		}
		for _, name := range strings.Split(r.Job, "+") {
			runs, seen := all[name]
			if !seen {
				runs.Attempt = r.Started
			}
			whole := !r.Part && !r.Stopped && !r.Finished.IsZero()
			if whole && !wholeRunSeen[name] {
				wholeRunSeen[name], runs.Failed = true, r.Error != ""
			}
			if whole && r.Error == "" && runs.Unmapped == nil {
				runs.Unmapped = r.Unmapped
			}
			succeeded := !r.Part && !r.Finished.IsZero() && r.Result() == state.RunSuccess
			if runs.Success.IsZero() && succeeded {
				runs.Success = r.Finished
			}
			all[name] = runs
		}
		if !slices.ContainsFunc(jobs, func(j Job) bool { return all[j.Name].Success.IsZero() }) {
			break
		}
	}
	return all, nil
}
