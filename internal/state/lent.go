package state

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"syncd/internal/plan"
)

// Lent is a store that is opened when an operation begins and closed when the
// last one under way has ended, for whoever works long and needs it rarely:
// others may have it in between. Where somebody has it just now, an operation
// waits for up to patience and is then ErrLocked.
func Lent(open func() (Store, error), patience time.Duration) Store {
	return &lent{open: open, patience: patience}
}

type lent struct {
	open     func() (Store, error)
	patience time.Duration

	mu    sync.Mutex
	store Store // while somebody uses it
	users int
}

// borrow opens the store, with patience. What it returns is given back.
func (l *lent) borrow(ctx context.Context) (Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := time.Now().Add(l.patience)
	for l.store == nil {
		s, err := l.open()
		switch {
		case err == nil:
			l.store = s
			continue
		case !errors.Is(err, ErrLocked) || !time.Now().Before(limit):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
	l.users++
	return l.store, nil
}

func (l *lent) giveBack() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users > 0 {
		return nil
	}
	s := l.store
	l.store = nil
	return s.Close()
}

func (l *lent) with(ctx context.Context, do func(Store) error) error {
	s, err := l.borrow(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(s), l.giveBack())
}

func lend[T any](ctx context.Context, l *lent, do func(Store) (T, error)) (v T, err error) {
	err = l.with(ctx, func(s Store) (err error) {
		v, err = do(s)
		return err
	})
	return v, err
}

func each[T any](ctx context.Context, l *lent, of func(Store) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s, err := l.borrow(ctx)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		defer func() { _ = l.giveBack() }() // what was read is read
		for v, err := range of(s) {
			if !yield(v, err) {
				return
			}
		}
	}
}

func (l *lent) Recall(ctx context.Context, scope plan.Scope) (*Memory, error) {
	return lend(ctx, l, func(s Store) (*Memory, error) { return s.Recall(ctx, scope) })
}

func (l *lent) Refs(ctx context.Context, target string) iter.Seq2[Ref, error] {
	return each(ctx, l, func(s Store) iter.Seq2[Ref, error] { return s.Refs(ctx, target) })
}

func (l *lent) Commit(ctx context.Context, cs ...*Commit) error {
	return l.with(ctx, func(s Store) error { return s.Commit(ctx, cs...) })
}

func (l *lent) Cursors(ctx context.Context) iter.Seq2[Cursor, error] {
	return each(ctx, l, func(s Store) iter.Seq2[Cursor, error] { return s.Cursors(ctx) })
}

func (l *lent) Holds(ctx context.Context) iter.Seq2[Hold, error] {
	return each(ctx, l, func(s Store) iter.Seq2[Hold, error] { return s.Holds(ctx) })
}

func (l *lent) Decide(ctx context.Context, scope plan.Scope, digest string, d Decision) error {
	return l.with(ctx, func(s Store) error { return s.Decide(ctx, scope, digest, d) })
}

func (l *lent) Settle(ctx context.Context, scope plan.Scope, key plan.Key, x *Settlement) error {
	return l.with(ctx, func(s Store) error { return s.Settle(ctx, scope, key, x) })
}

func (l *lent) Settlements(ctx context.Context) iter.Seq2[Settlement, error] {
	return each(ctx, l, func(s Store) iter.Seq2[Settlement, error] { return s.Settlements(ctx) })
}

func (l *lent) Journal(ctx context.Context, f JournalFilter) iter.Seq2[Entry, error] {
	return each(ctx, l, func(s Store) iter.Seq2[Entry, error] { return s.Journal(ctx, f) })
}

func (l *lent) PutRun(ctx context.Context, r Run) error {
	return l.with(ctx, func(s Store) error { return s.PutRun(ctx, r) })
}

func (l *lent) Runs(ctx context.Context) iter.Seq2[Run, error] {
	return each(ctx, l, func(s Store) iter.Seq2[Run, error] { return s.Runs(ctx) })
}

func (l *lent) Document(ctx context.Context, name string) (Document, error) {
	return lend(ctx, l, func(s Store) (Document, error) { return s.Document(ctx, name) })
}

func (l *lent) PutDocument(ctx context.Context, d Document) error {
	return l.with(ctx, func(s Store) error { return s.PutDocument(ctx, d) })
}

func (l *lent) Verify(ctx context.Context) (Counts, error) {
	return lend(ctx, l, func(s Store) (Counts, error) { return s.Verify(ctx) })
}

func (l *lent) Backup(ctx context.Context, w io.Writer) error {
	return l.with(ctx, func(s Store) error { return s.Backup(ctx, w) })
}

func (l *lent) Close() error { return nil }
