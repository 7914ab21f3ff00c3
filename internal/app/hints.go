package app

import (
	"context"
	"maps"
	"strings"
	gosync "sync"
	"time"

	"syncd/internal/sync"
)

// Hints are gathered for a while, so that the fifty rows of one logbook make one
// run, and a customer is looked at for a hint at most so often. Tests wait less.
var (
	GatherHints = 15 * time.Second
	RestOfHints = 5 * time.Minute
)

// hints make the next cycle of a customer come early.
type hints struct {
	world func() *App // as it is now

	mu      gosync.Mutex
	waiting map[string]bool      // tenants as events name them
	looked  map[string]time.Time // customers, by key
	wake    chan struct{}
}

func newHints(w func() *App) *hints {
	return &hints{world: w, waiting: map[string]bool{}, looked: map[string]time.Time{}, wake: make(chan struct{}, 1)}
}

// hint notes tenants and returns at once.
func (h *hints) hint(tenants []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range tenants {
		h.waiting[t] = true
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run looks at the customers that were hinted at, until ctx ends.
func (h *hints) run(ctx context.Context) error {
	var rested <-chan time.Time // when the next of those that rest may be looked at
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-rested:
		case <-h.wake:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(GatherHints):
			}
		}
		due, rest := h.due(ctx)
		rested = nil
		if rest > 0 {
			rested = time.After(rest)
		}
		for _, customer := range due {
			sel := sync.Selection{Jobs: h.world().scheduledJobs(), Customer: customer, Trigger: "event"}
			if _, err := h.world().Engine.Run(ctx, sel, sync.Apply); err != nil && ctx.Err() == nil {
				h.world().Log.Warn().Err(err).Str("customer", customer).Msg("not looked at after an event")
			}
		}
	}
}

// due are the customers that wait and have rested long enough, and how long the
// next of the others still rests; 0 where nobody waits any more.
func (h *hints) due(ctx context.Context) (due []string, rest time.Duration) {
	h.mu.Lock()
	waiting := h.waiting
	h.waiting = map[string]bool{}
	h.mu.Unlock()
	if len(waiting) == 0 {
		return nil, 0
	}
	tenants, err := h.world().Tenants(ctx)
	if err != nil {
		h.world().Log.Warn().Err(err).Msg("events came, and the tenants cannot be listed; asked again in a while")
		h.keep(waiting)
		return nil, RestOfHints
	}
	now := h.world().Now()
	later := map[string]bool{}
	for _, t := range tenants {
		if !waiting[strings.ToLower(string(t.ID))] && !waiting[strings.ToLower(t.DefaultDomain)] && !waiting[strings.ToLower(t.InitialDomain)] {
			continue
		}
		key := string(t.ID)
		if left := RestOfHints - now.Sub(h.looked[key]); left > 0 {
			later[strings.ToLower(key)] = true
			if rest == 0 || left < rest {
				rest = left
			}
			continue
		}
		h.looked[key] = now
		due = append(due, key)
	}
	h.keep(later)
	return due, rest
}

// keep has tenants wait on.
func (h *hints) keep(tenants map[string]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.waiting, tenants)
}

// scheduledJobs are the jobs that run by themselves; the others only by hand.
func (w *App) scheduledJobs() []sync.Job {
	var jobs []sync.Job
	for _, j := range w.Jobs {
		if j.Schedule != "" {
			jobs = append(jobs, j)
		}
	}
	return jobs
}
