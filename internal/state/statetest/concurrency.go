package statetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// concurrency has many goroutines write and read at once. A scope's record,
// cursor and line are written together, so a reader must never see one of them
// without the others.
func (s *suite) concurrency(t *testing.T) {
	const writers, rounds = 8, 6
	path := name(t)
	store := openForTest(t, s.open, path)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	scopes := []plan.Scope{contoso, fabrikam, {Customer: "adatum", Target: "itglue"}} // shared among the writers

	var writing, reading sync.WaitGroup
	var turn sync.Mutex
	written, more := 0, sync.NewCond(&turn)
	for w := range writers {
		writing.Go(func() {
			for i := range rounds {
				scope := scopes[(w+i)%len(scopes)]
				n := w*rounds + i
				if err := store.Commit(ctx, step(scope, n)); err != nil {
					t.Errorf("writer %d: committing: %v", w, err)
				}
				if err := increment(ctx, store); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
				if err := store.PutRun(ctx, state.Run{ID: padded(n)}); err != nil {
					t.Errorf("writer %d: storing a run: %v", w, err)
				}
				turn.Lock()
				written++
				turn.Unlock()
				more.Broadcast()
			}
		})
	}
	// A reader looks again once something was written: looking more often shows nothing new.
	reader := func(what string, read func() error) {
		reading.Go(func() {
			for seen := -1; ctx.Err() == nil; {
				turn.Lock()
				for written == seen && ctx.Err() == nil {
					more.Wait()
				}
				seen = written
				turn.Unlock()
				if err := read(); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", what, err)
					return
				}
			}
		})
	}
	for _, scope := range scopes {
		reader("recalling", func() error {
			m, err := store.Recall(ctx, scope)
			if err != nil || m.Cursor == nil {
				return err
			}
			return checkStep(m)
		})
	}
	reader("reading the journal", func() error {
		above := uint64(0)
		for e, err := range store.Journal(ctx, state.JournalFilter{}) {
			if err != nil {
				return err
			}
			if above != 0 && e.Seq != above-1 {
				return fmt.Errorf("line %d comes after line %d", e.Seq, above)
			}
			above = e.Seq
		}
		return nil
	})
	reader("listing cursors", func() error { return firstError(store.Cursors(ctx)) })
	reader("verifying", func() error { _, err := store.Verify(ctx); return err })
	reader("backing up", func() error { return store.Backup(ctx, io.Discard) })
	writing.Wait()
	turn.Lock()
	stop()
	turn.Unlock()
	more.Broadcast()
	reading.Wait()

	store = reopen(t, s.open, store, path)
	n, err := store.Verify(t.Context())
	if want := (state.Counts{Scopes: len(scopes), Records: len(scopes), Entries: writers * rounds, Runs: writers * rounds}); err != nil || n != want {
		t.Errorf("got %+v, %v at the end, want %+v", n, err, want)
	}
	d, err := store.Document(t.Context(), "counter")
	if want := strconv.Itoa(writers * rounds); err != nil || string(d.Body) != want || d.Version != writers*rounds {
		t.Errorf("got a counter of %s at version %d, %v, want %s: somebody's change was lost", d.Body, d.Version, err, want)
	}
}

// step is a commit whose record, cursor and entry all carry n.
func step(scope plan.Scope, n int) *state.Commit {
	return &state.Commit{Scope: scope, Put: []plan.Record{record("user", "a", strconv.Itoa(n))}, Cursor: cursor(scope, n),
		Entries: []state.Entry{entry(scope, "01J1", strconv.Itoa(n))}}
}

// checkStep checks that the parts of a step carry the same number.
func checkStep(m *state.Memory) error {
	if len(m.Records) != 1 || m.Records[0].Fields.Text("quantity") != strconv.Itoa(m.Cursor.Objects) {
		return fmt.Errorf("got the records %v beside a cursor of step %d", m.Records, m.Cursor.Objects)
	}
	return nil
}

// increment adds one to a counter in a document, as often as it takes.
func increment(ctx context.Context, store state.Store) error {
	for {
		d, err := store.Document(ctx, "counter")
		if err != nil {
			return fmt.Errorf("reading the counter: %w", err)
		}
		n, _ := strconv.Atoi(string(d.Body))
		d.Body = []byte(strconv.Itoa(n + 1))
		err = store.PutDocument(ctx, d)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, state.ErrConflict):
			return fmt.Errorf("writing the counter: %w", err)
		}
	}
}
