package app

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

// A rivalStore is a store in which somebody else asks for another way back right before
// the first document is written.
type rivalStore struct {
	state.Store
	rival func(state.Store)
}

func (s *rivalStore) PutDocument(ctx context.Context, d state.Document, about ...state.Entry) error {
	if rival := s.rival; rival != nil {
		s.rival = nil
		rival(s.Store)
	}
	return s.Store.PutDocument(ctx, d, about...)
}

func TestOfTwoWaysBackAskedForInTheSameInstantOneIsRefused(t *testing.T) {
	store, err := boltstate.Open(filepath.Join(t.TempDir(), "syncd.db"), boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	scope, key := plan.Scope{Customer: "c", Target: "connectwise"}, plan.Key{Kind: "addition", ID: "k"}
	back := func(run string) plan.Reversal {
		return plan.Reversal{Key: key, Ref: "1/2", Run: run, Undo: plan.UndoWrite, Before: plan.Set("quantity", "10"), Left: plan.Set("quantity", "14"), Record: "B"}
	}
	record := plan.Record{Object: plan.Object{Key: key, Ref: "1/2", Fields: plan.Set("quantity", "14")}, Origin: plan.Adopted, Run: "B"}
	if err := store.Commit(t.Context(), &state.Commit{Scope: scope, Put: []plan.Record{record}}); err != nil {
		t.Fatal(err)
	}
	ask := func(s state.Store, run string) error {
		w := &App{Store: s, Log: zerolog.Nop(), Now: func() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }}
		b := &wayBack{run: state.Run{ID: run}, scopes: map[plan.Scope]*scopeBack{scope: {name: "Contoso", back: []plan.Reversal{back(run)}}}}
		_, err := w.askBack(t.Context(), Operator{Name: "ada"}, b)
		return err
	}
	rival := &rivalStore{Store: store, rival: func(s state.Store) {
		if err := ask(s, "A"); err != nil {
			t.Errorf("the first that is stored: %v", err)
		}
	}}
	if err := ask(rival, "B"); err == nil || !strings.Contains(err.Error(), "revert A still waits for Contoso at connectwise") {
		t.Errorf("the second: got %v, want that the first still waits", err)
	}
	stored, err := state.Reversals(t.Context(), store)
	if err != nil || len(stored) != 1 || stored[0].Run != "A" {
		t.Errorf("got %+v and %v, want the first alone", stored, err)
	}
}
