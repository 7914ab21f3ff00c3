package app

import (
	"context"
	"slices"

	"syncd/internal/directory"
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
	only, err := w.objectMeant(ctx, s.Only)
	if err != nil {
		return sync.Selection{}, err
	}
	sel := sync.Selection{Jobs: w.Jobs, Target: s.Target, Only: only, Trigger: "command"}
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

// objectMeant is the key that a person means: of a licence by its part number or name
// too, else as it was typed.
func (w *App) objectMeant(ctx context.Context, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range rules.Rules {
		if r.SKU != "" && isOneOf(text, r.Part, r.Name) {
			return r.SKU, nil
		}
	}
	if sku, _ := directory.SKUOf(text); sku != "" {
		return sku, nil
	}
	return text, nil
}
