package app

import (
	"context"
	"fmt"

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/state"
)

// A Status is where everything stands.
type Status struct {
	Failing     []state.Failure    `json:"failing"` // jobs whose last run failed as a whole
	Waits       []rest.Pause       `json:"waits"`   // systems that are left alone for a while
	Scopes      []Standing         `json:"scopes"`
	Holds       int                `json:"holds"` // that wait for a person; what is approved does not
	Totals      map[string]int     `json:"totals"`
	Settlements []state.Settlement `json:"settled_by_hand"`
	LastRun     *state.Run         `json:"last_run"`
	Backup      *BackupState       `json:"backup"` // nil where none are to be made, and of one customer

	Stands map[string]int            `json:"-"` // how many holds stand so, and how many scopes are put off
	Held   map[plan.Scope]state.Hold `json:"-"`
}

// A Standing is where a scope stands, in words too.
type Standing struct {
	state.Cursor
	Stands string `json:"stands"`
}

// Status is where everything stands, or everything of one customer.
func (w *App) Status(ctx context.Context, customer string) (*Status, error) {
	other := func(s plan.Scope) bool { return customer != "" && s.Customer != customer }
	v := &Status{Scopes: []Standing{}, Totals: map[string]int{}, Settlements: []state.Settlement{}, Stands: map[string]int{}, Held: map[plan.Scope]state.Hold{}}
	failing, err := state.Failing(w.Store.Runs(ctx), w.jobNames())
	if err != nil {
		return nil, err
	}
	waits, err := w.Waits(ctx)
	if err != nil {
		return nil, err
	}
	v.Failing, v.Waits = Listed(failing), Listed(waits)
	held := map[plan.Scope]string{}
	for h, err := range w.Store.Holds(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the holds: %w", err)
		}
		if other(h.Scope) {
			continue
		}
		held[h.Scope], v.Held[h.Scope] = h.Standing(), h
		v.Stands[h.Standing()]++
		if h.Standing() != state.StandsApproved {
			v.Holds++
		}
	}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if other(c.Scope) {
			continue
		}
		s := Standing{Cursor: c, Stands: c.Standing(held[c.Scope])}
		if s.Stands == state.StandsPutOff {
			v.Stands[state.StandsPutOff]++
			if held[c.Scope] == state.StandsApproved {
				v.Stands[state.StandsApproved]-- // it does not go at the next apply
			}
		}
		v.Scopes = append(v.Scopes, s)
		v.Totals[c.Outcome]++
	}
	for s, err := range w.Store.Settlements(ctx) {
		if err != nil {
			return nil, err
		}
		if !other(s.Scope) {
			v.Settlements = append(v.Settlements, s)
		}
	}
	for r, err := range w.Store.Runs(ctx) {
		if err != nil {
			return nil, err
		}
		v.LastRun = &r
		break
	}
	if customer == "" {
		v.Backup = w.BackupState()
	}
	return v, nil
}
