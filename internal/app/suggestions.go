package app

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"syncd/internal/mapping"
	"syncd/internal/state"
)

// SuggestionsDocument is what was proposed last, and what people left for later. Nothing of
// it is in force, nor is it an input of any plan.
const SuggestionsDocument = "suggestions"

// A SuggestionBook is what was proposed last, with all between which a person must choose,
// which the link table has no room for.
type SuggestionBook struct {
	At          time.Time            `json:"at"` // zero before the first
	Suggestions []mapping.Suggestion `json:"suggestions"`
	Later       map[string]PutOff    `json:"later,omitempty"` // by customer's key
	// Names are those of what customers are linked to, by column and id, as they were when it
	// was looked up last: pages show them, and nothing hangs on them.
	Names map[string]map[string]string `json:"names,omitempty"`
}

// A PutOff says that somebody left a customer for later.
type PutOff struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// A SuggestionList is what was proposed, for programs.
type SuggestionList struct {
	Suggestions []mapping.Suggestion `json:"suggestions"`
}

// mostCandidates is of how many candidates a person chooses; who wants another one searches.
const mostCandidates = 5

// Suggestions are those of the last look for them.
func (w *App) Suggestions(ctx context.Context) (SuggestionBook, error) {
	book, _, err := Document[SuggestionBook](ctx, w.Store, SuggestionsDocument)
	return book, err
}

// noteSuggestions changes the book, whoever else does so at the same time.
func (w *App) noteSuggestions(ctx context.Context, change func(*SuggestionBook)) error {
	for attempt := 1; ; attempt++ {
		book, version, err := Document[SuggestionBook](ctx, w.Store, SuggestionsDocument)
		if err != nil {
			return err
		}
		change(&book)
		if err = Put(ctx, w.Store, SuggestionsDocument, version, book); attempt == 3 || !errors.Is(err, state.ErrConflict) {
			return err
		}
	}
}

func (w *App) keepSuggestions(ctx context.Context, suggestions []mapping.Suggestion) error {
	kept := make([]mapping.Suggestion, len(suggestions))
	for i, s := range suggestions {
		s.Candidates = s.Candidates[:min(len(s.Candidates), mostCandidates)]
		kept[i] = s
	}
	return w.noteSuggestions(ctx, func(b *SuggestionBook) { b.At, b.Suggestions = w.Now().UTC(), kept })
}

// A namesFound is what look-ups found: by column, the names by id.
type namesFound map[string]map[string]string

// noting is a look-up that notes the names it finds.
func (n namesFound) noting(look mapping.LookUp) mapping.LookUp {
	return func(column string, texts []string) (map[string]mapping.Found, error) {
		found, err := look(column, texts)
		for _, f := range found {
			if f.Err == nil && f.Name != "" {
				if n[column] == nil {
					n[column] = map[string]string{}
				}
				n[column][f.ID] = f.Name
			}
		}
		return found, err
	}
}

// keepNames keeps the names of what was linked. A page shows the id alone where that fails.
func (w *App) keepNames(ctx context.Context, found namesFound) {
	if len(found) == 0 {
		return
	}
	err := w.noteSuggestions(ctx, func(b *SuggestionBook) {
		if b.Names == nil {
			b.Names = map[string]map[string]string{}
		}
		for column, names := range found {
			if b.Names[column] == nil {
				b.Names[column] = map[string]string{}
			}
			maps.Copy(b.Names[column], names)
		}
	})
	if err != nil {
		w.Log.Warn().Err(err).Msg("names of links not kept")
	}
}

// LeaveForLater puts a customer off, or takes it up again. It changes no link.
func (w *App) LeaveForLater(ctx context.Context, by Operator, customer string, later bool) (mapping.Customer, error) {
	c, err := w.Customer(ctx, customer)
	if err != nil {
		return c, err
	}
	return c, w.noteSuggestions(ctx, func(b *SuggestionBook) {
		if b.Later == nil {
			b.Later = map[string]PutOff{}
		}
		if delete(b.Later, c.Key); later {
			b.Later[c.Key] = PutOff{by.Name, w.Now().UTC()}
		}
	})
}

// suggesting says whether somebody looks for links now, and what became of the last look.
type suggesting struct {
	mu      sync.Mutex
	running bool
	failure error
}

// LooksForLinks reports whether somebody looks for links now, and why the last look that a
// page began came to nothing.
func (w *App) LooksForLinks() (now bool, failure error) {
	w.suggesting.mu.Lock()
	defer w.suggesting.mu.Unlock()
	return w.suggesting.running, w.suggesting.failure
}

// SuggestFor looks for links and waits so long for them; ended is false where it takes longer,
// and goes on with the daemon. One look at a time is enough.
func (w *Running) SuggestFor(ctx context.Context, wait time.Duration) (found []mapping.Suggestion, ended bool, err error) {
	s := w.suggesting
	s.mu.Lock()
	if s.running {
		s.mu.Unlock()
		return nil, false, nil
	}
	s.running, s.failure = true, nil
	s.mu.Unlock()
	return inBackground(ctx, w.ctx, wait, func(ctx context.Context) ([]mapping.Suggestion, error) {
		found, err := w.SuggestLinks(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.running, s.failure = false, err; err != nil {
			w.Log.Warn().Err(err).Msg("links not suggested")
		}
		return found, err
	})
}

// inBackground does something that ends with life, and waits so long for it; ended is
// false where it takes longer.
func inBackground[T any](ctx, life context.Context, wait time.Duration, do func(context.Context) (T, error)) (result T, ended bool, err error) {
	type answer struct {
		result T
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := do(life)
		done <- answer{result, err}
	}()
	select {
	case a := <-done:
		return a.result, true, a.err
	case <-ctx.Done():
		return result, false, ctx.Err()
	case <-time.After(wait):
		return result, false, nil
	}
}
