package sync

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// reversals are what people asked to take back, as a run found it and as it leaves it.
// They are written at the end of the run: killed before that, the next run comes to the
// same conclusions. Its methods may be called from many goroutines.
type reversals struct {
	mu      *sync.Mutex
	byScope map[plan.Scope][]state.Reversal
	edited  map[plan.Scope][]plan.Reversal // of scopes that were planned, those that are not over
}

func readReversals(ctx context.Context, store state.Store) (reversals, error) {
	r := reversals{mu: new(sync.Mutex), byScope: map[plan.Scope][]state.Reversal{}, edited: map[plan.Scope][]plan.Reversal{}}
	all, err := state.Reversals(ctx, store)
	for _, x := range all {
		r.byScope[x.Scope] = append(r.byScope[x.Scope], x)
	}
	return r, err
}

// of are those of a scope, in the order in which they were asked for.
func (r *reversals) of(scope plan.Scope) []plan.Reversal {
	var out []plan.Reversal
	for _, x := range r.byScope[scope] {
		out = append(out, x.Reversal)
	}
	return out
}

// planned takes over which of a scope's are not over, and what is wanted of them.
func (r *reversals) planned(scope plan.Scope, stand []plan.Reversal) {
	if len(r.byScope[scope]) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.edited[scope] = stand
}

// write stores what changed. What somebody asked for meanwhile stays.
func (r *reversals) write(ctx context.Context, store state.Store) error {
	if len(r.edited) == 0 {
		return nil
	}
	return state.EditReversals(ctx, store, func(all []state.Reversal) ([]state.Reversal, error) {
		out := all[:0]
		for _, x := range all {
			stand, planned := r.edited[x.Scope]
			if !planned || !slices.ContainsFunc(r.byScope[x.Scope], func(o state.Reversal) bool { return o.Is(&x) }) {
				out = append(out, x)
				continue
			}
			if i := slices.IndexFunc(stand, func(o plan.Reversal) bool { return o.Key == x.Key && o.Run == x.Run }); i >= 0 {
				x.Reversal = stand[i]
				out = append(out, x)
			}
		}
		return out, nil
	})
}

// A Returning is what goes back in a scope to what it was before a run.
type Returning struct {
	Scope plan.Scope
	Run   string
	Lines map[plan.Key]ReturningLine
}

// A ReturningLine is one line of it, as it is now.
type ReturningLine struct {
	Billing *plan.Billing
	Edited  plan.Edit
	Back    bool // its quantity went back before
}

// addCredits adds to the report what is to be credited by hand, by the invoices of now:
// whoever reads the plan, and whoever writes it, is told.
func (s *scopeRun) addCredits(ctx context.Context) error {
	if s.plan.Reverting == "" {
		return nil
	}
	s.report.Credits = []money.Credit{}
	if s.run.Credits == nil {
		return nil
	}
	of := Returning{Scope: s.id(), Run: s.plan.Reverting, Lines: map[plan.Key]ReturningLine{}}
	for i := range s.plan.Changes {
		if c := &s.plan.Changes[i]; c.Before != nil && c.Before.Billing != nil {
			goes := slices.ContainsFunc(c.Fields, func(f plan.FieldChange) bool { return f.Name == plan.FieldQuantity })
			of.Lines[c.Key] = ReturningLine{Billing: c.Before.Billing, Edited: c.Before.Edited, Back: !goes}
		}
	}
	for i := range s.plan.Learned {
		if o := &s.plan.Learned[i]; o.Billing != nil {
			if _, changes := of.Lines[o.Key]; !changes {
				of.Lines[o.Key] = ReturningLine{Billing: o.Billing, Edited: o.Edited, Back: true}
			}
		}
	}
	if len(of.Lines) == 0 {
		return nil
	}
	credits, notes, err := s.run.Credits(ctx, of)
	if err != nil {
		return fmt.Errorf("reading what was invoiced: %w", err)
	}
	s.report.Credits = append(s.report.Credits, credits...)
	s.violations = append(s.violations, notes...)
	return nil
}

// creditsOf are the report's credits of one line, for the journal; nil where nothing goes
// back.
func (s *scopeRun) creditsOf(ref string) (raw []byte) {
	if s.plan.Reverting == "" || s.run.Credits == nil {
		return nil
	}
	of := []money.Credit{}
	for _, c := range s.report.Credits {
		if c.Ref == ref {
			of = append(of, c)
		}
	}
	return encode(of)
}
