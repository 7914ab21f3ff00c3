package app

import (
	"context"
	"slices"

	"syncd/internal/sync"
)

// A Selector narrows a run, each part as a person writes it; what is empty narrows
// nothing.
type Selector struct{ Job, Customer, Target, Only string }

// Select turns a Selector into what the engine takes.
func (w *App) Select(ctx context.Context, s Selector) (sync.Selection, error) {
	if s.Target != "" {
		var err error
		if s.Target, err = w.Config.targetNamed(s.Target); err != nil {
			return sync.Selection{}, err
		}
	}
	sel := sync.Selection{Jobs: w.Jobs, Target: s.Target, Only: s.Only, Trigger: "command"}
	if s.Job != "" {
		sel.Jobs = slices.DeleteFunc(slices.Clone(w.Jobs), func(j sync.Job) bool { return j.Name != s.Job })
		if len(sel.Jobs) == 0 {
			return sel, Usage("no job is called %q; the configuration has %s", s.Job, Names(w.jobNames(), asIs))
		}
	}
	if len(sel.Jobs) == 0 {
		return sel, Usage("no job is configured; add a target such as connectwise to the configuration")
	}
	if s.Target != "" && !slices.ContainsFunc(sel.Jobs, func(j sync.Job) bool { return slices.Contains(j.Targets, s.Target) }) {
		return sel, Usage("none of these jobs works on target %q; the configuration has %s", s.Target, Names(w.jobNames(), asIs))
	}
	if s.Customer != "" {
		c, err := w.Customer(ctx, s.Customer)
		if err != nil {
			return sel, err
		}
		sel.Customer = c.Key
	}
	return sel, nil
}
