package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"syncd/internal/state"
)

// draftsKept is how many drafts of rules a process remembers, and for how long.
const (
	draftsKept = 20
	draftLives = 2 * time.Hour
)

// ruleDrafts are changes of rules that people look at before they are saved. They live as
// long as the process: who comes later makes the change again.
type ruleDrafts struct {
	mu  sync.Mutex
	all []*PlannedDraft // the oldest first
}

// A PlannedDraft is a draft with what it would do.
type PlannedDraft struct {
	ID   string
	By   string // who wrote it
	At   time.Time
	What string // in a few words
	*RuleDraft

	mu      sync.Mutex
	working Working
	plan    *RulePlan
	saved   string // by whom, once it is
}

// State is how far the plan is, the plan once it is made, and who saved the draft.
func (p *PlannedDraft) State() (Working, *RulePlan, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.working, p.plan, p.saved
}

// PlanDraft begins to plan what a draft would do, and returns at once.
func (w *Running) PlanDraft(by Operator, what string, d *RuleDraft) (*PlannedDraft, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, Usage("the daemon is about to stop; try again once it is up")
	}
	p := &PlannedDraft{ID: rand.Text()[:12], By: by.Name, At: w.Now(), What: what, RuleDraft: d, working: Working{Now: true}}
	w.drafts.keep(p)
	w.applied.Go(func() {
		made, err := w.PlanRules(w.ctx, d, func(done, total int, _ string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.working.Done, p.working.Total = done, total
		})
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.working.Now, p.working.Failure, p.plan = false, err, made; err != nil {
			w.Log.Warn().Err(err).Str("by", by.Name).Msg("a change of product rules not planned")
		}
	})
	return p, nil
}

func (r *ruleDrafts) keep(p *PlannedDraft) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, p)
	for len(r.all) > draftsKept || p.At.Sub(r.all[0].At) > draftLives {
		r.all = r.all[1:]
	}
}

// Draft is the draft with an id; nil where there is none any more.
func (w *Running) Draft(id string) *PlannedDraft {
	w.drafts.mu.Lock()
	defer w.drafts.mu.Unlock()
	for _, p := range w.drafts.all {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// SaveDraft puts into force what was shown, once. It is state.ErrConflict where the rules are other
// ones since, or somebody else saved the draft.
func (w *Running) SaveDraft(ctx context.Context, by Operator, p *PlannedDraft) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.saved == by.Name:
		return nil // the same once more
	case p.saved != "":
		return fmt.Errorf("%s saved this already: %w", p.saved, state.ErrConflict)
	case p.plan == nil:
		return Usage("what it would do is not known, so it was not saved: wait for the plan, or make it again")
	}
	if err := w.SaveRules(ctx, by, p.RuleDraft); err != nil {
		return err
	}
	p.saved = by.Name
	return nil
}
