package main

import (
	"context"
	"strings"
	gosync "sync"
	"time"

	"syncd/internal/sync"
)

// Hints are gathered for a while, so that the fifty rows of one logbook make one
// run; tests gather for less. A customer is looked at for a hint at most so often.
var gatherHints = 15 * time.Second

const restOfHints = 5 * time.Minute

// hints make the next cycle of a customer come early.
type hints struct {
	world *World

	mu      gosync.Mutex
	waiting map[string]bool      // tenants as events name them
	looked  map[string]time.Time // customers, by key
	wake    chan struct{}
}

func newHints(w *World) *hints {
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
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(gatherHints):
		}
		for _, customer := range h.due(ctx) {
			sel := sync.Selection{Jobs: h.world.scheduledJobs(), Customer: customer, Trigger: "event"}
			if _, err := h.world.Engine.Run(ctx, sel, sync.Apply); err != nil && ctx.Err() == nil {
				h.world.Log.Warn().Err(err).Str("customer", customer).Msg("not looked at after an event")
			}
		}
	}
}

// due are the customers that wait and have rested long enough. Those that have
// not are forgotten: their schedule comes anyway.
func (h *hints) due(ctx context.Context) []string {
	h.mu.Lock()
	waiting := h.waiting
	h.waiting = map[string]bool{}
	h.mu.Unlock()
	tenants, err := h.world.tenants(ctx)
	if err != nil {
		h.world.Log.Warn().Err(err).Msg("events came, and the tenants cannot be listed")
		return nil
	}
	now := h.world.Now()
	var due []string
	for _, t := range tenants {
		named := waiting[strings.ToLower(string(t.ID))] || waiting[strings.ToLower(t.DefaultDomain)] || waiting[strings.ToLower(t.InitialDomain)]
		if key := string(t.ID); named && now.Sub(h.looked[key]) >= restOfHints {
			h.looked[key] = now
			due = append(due, key)
		}
	}
	return due
}

// scheduledJobs are the jobs that run by themselves; the others only by hand.
func (w *World) scheduledJobs() []sync.Job {
	var jobs []sync.Job
	for _, j := range w.Jobs {
		if j.Schedule != "" {
			jobs = append(jobs, j)
		}
	}
	return jobs
}
