package app

import (
	"context"
	"fmt"
	"strings"

	"syncd/internal/state"
	"syncd/internal/sync"
)

// A RunState is a run and how far it is.
type RunState struct {
	state.Run
	Progress *sync.Progress `json:"-"` // nil unless this process executes it now
}

// CutOff reports whether the run was ended by a kill: nobody executes it, and it never ended.
func (r *RunState) CutOff() bool { return r.Finished.IsZero() && r.Progress == nil }

// A RunList is some runs, as scripts read them.
type RunList struct {
	Runs []RunState `json:"runs"`
}

// Runs returns most runs from the newest but skip on, and whether there are older ones.
func (w *App) Runs(ctx context.Context, skip, most int) (runs []RunState, older bool, err error) {
	n := 0
	for r, err := range w.Store.Runs(ctx) {
		if err != nil {
			return nil, false, fmt.Errorf("reading the runs: %w", err)
		}
		if n++; n > skip+most {
			return runs, true, nil
		}
		if n > skip {
			runs = append(runs, w.runState(r))
		}
	}
	return runs, false, nil
}

// RunOf returns the run with an id, whatever its case.
func (w *App) RunOf(ctx context.Context, id string) (RunState, error) {
	for r, err := range w.Store.Runs(ctx) {
		if err != nil {
			return RunState{}, fmt.Errorf("reading the runs: %w", err)
		}
		if strings.EqualFold(r.ID, id) {
			return w.runState(r), nil
		}
	}
	return RunState{}, Usage("there is no run %q; syncd history shows them", id)
}

func (w *App) runState(r state.Run) RunState {
	s := RunState{Run: r}
	if p, underWay := w.Engine.Progress(r.ID); underWay {
		s.Progress = &p
	}
	return s
}

// RunEntries returns most entries of a run from its newest but skip on, and whether there
// are older ones.
func (w *App) RunEntries(ctx context.Context, run string, skip, most int) (entries []state.Entry, older bool, err error) {
	n := 0
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Run: run, Limit: skip + most + 1}) {
		if err != nil {
			return nil, false, fmt.Errorf("reading the journal: %w", err)
		}
		if n++; n > skip+most {
			return entries, true, nil
		}
		if n > skip {
			entries = append(entries, e)
		}
	}
	return entries, false, nil
}

// LastScopes returns where the scopes stand whose last run this was. What a person said
// since of what waits is not looked at.
func (w *App) LastScopes(ctx context.Context, run string) ([]Standing, error) {
	var scopes []Standing
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if c.Run == run {
			scopes = append(scopes, Standing{Cursor: c, Stands: c.Standing("")})
		}
	}
	return scopes, nil
}

// Reversible reports whether an entry of a run is a write that revert can take back.
func Reversible(e *state.Entry) bool {
	back, _ := state.TakeBack([]state.Entry{*e})
	return len(back) > 0
}
