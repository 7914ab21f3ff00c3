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

// OnDemand returns a store that opens the one behind it when an operation begins
// and closes it when the last operation under way has ended, for a command that
// runs long and needs the state rarely: other processes may lock it in between.
// While another process has it locked an operation waits for up to timeout and
// then returns ErrLocked.
func OnDemand(open func() (Store, error), timeout time.Duration) Store {
	return &onDemand{open: open, timeout: timeout}
}

type onDemand struct {
	open    func() (Store, error)
	timeout time.Duration

	mu    sync.Mutex
	store Store // nil while no operation is under way
	inUse int
	asked uint64 // see Decided
}

// Decided is another number each time: what other processes wrote in between it does not tell.
func (o *onDemand) Decided() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	return o.asked
}

// acquire opens the store, waiting for its lock for up to timeout; each acquire
// is followed by one release.
func (o *onDemand) acquire(ctx context.Context) (Store, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	deadline := time.Now().Add(o.timeout)
	for o.store == nil {
		s, err := o.open()
		switch {
		case err == nil:
			o.store = s
			continue
		case !errors.Is(err, ErrLocked) || !time.Now().Before(deadline):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
	o.inUse++
	return o.store, nil
}

func (o *onDemand) release() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.inUse--; o.inUse > 0 {
		return nil
	}
	s := o.store
	o.store = nil
	return s.Close()
}

func (o *onDemand) with(ctx context.Context, do func(Store) error) error {
	s, err := o.acquire(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(s), o.release())
}

func onDemandResult[T any](ctx context.Context, o *onDemand, do func(Store) (T, error)) (v T, err error) {
	err = o.with(ctx, func(s Store) (err error) {
		v, err = do(s)
		return err
	})
	return v, err
}

func onDemandSeq[T any](ctx context.Context, o *onDemand, of func(Store) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s, err := o.acquire(ctx)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		defer func() { _ = o.release() }() // the values were read already; closing cannot spoil them
		for v, err := range of(s) {
			if !yield(v, err) {
				return
			}
		}
	}
}

func (o *onDemand) Recall(ctx context.Context, scope plan.Scope) (*Memory, error) {
	return onDemandResult(ctx, o, func(s Store) (*Memory, error) { return s.Recall(ctx, scope) })
}

func (o *onDemand) Refs(ctx context.Context, target string) iter.Seq2[Ref, error] {
	return onDemandSeq(ctx, o, func(s Store) iter.Seq2[Ref, error] { return s.Refs(ctx, target) })
}

func (o *onDemand) Commit(ctx context.Context, cs ...*Commit) error {
	return o.with(ctx, func(s Store) error { return s.Commit(ctx, cs...) })
}

func (o *onDemand) Cursors(ctx context.Context) iter.Seq2[Cursor, error] {
	return onDemandSeq(ctx, o, func(s Store) iter.Seq2[Cursor, error] { return s.Cursors(ctx) })
}

func (o *onDemand) Holds(ctx context.Context) iter.Seq2[Hold, error] {
	return onDemandSeq(ctx, o, func(s Store) iter.Seq2[Hold, error] { return s.Holds(ctx) })
}

func (o *onDemand) Decide(ctx context.Context, scope plan.Scope, digest string, d Decision, about ...Entry) error {
	return o.with(ctx, func(s Store) error { return s.Decide(ctx, scope, digest, d, about...) })
}

func (o *onDemand) Settle(ctx context.Context, scope plan.Scope, key plan.Key, x *Settlement, about ...Entry) error {
	return o.with(ctx, func(s Store) error { return s.Settle(ctx, scope, key, x, about...) })
}

func (o *onDemand) Settlements(ctx context.Context) iter.Seq2[Settlement, error] {
	return onDemandSeq(ctx, o, func(s Store) iter.Seq2[Settlement, error] { return s.Settlements(ctx) })
}

func (o *onDemand) Journal(ctx context.Context, f JournalFilter) iter.Seq2[Entry, error] {
	return onDemandSeq(ctx, o, func(s Store) iter.Seq2[Entry, error] { return s.Journal(ctx, f) })
}

func (o *onDemand) OpenSpans(ctx context.Context, scope plan.Scope) ([]Span, error) {
	return onDemandResult(ctx, o, func(s Store) ([]Span, error) { return s.OpenSpans(ctx, scope) })
}

func (o *onDemand) Spans(ctx context.Context, f SpanFilter) iter.Seq2[Span, error] {
	return onDemandSeq(ctx, o, func(s Store) iter.Seq2[Span, error] { return s.Spans(ctx, f) })
}

func (o *onDemand) Prune(ctx context.Context, r Retention) (Pruned, error) {
	return onDemandResult(ctx, o, func(s Store) (Pruned, error) { return s.Prune(ctx, r) })
}

func (o *onDemand) Compact(ctx context.Context) (before, after int64, err error) {
	err = o.with(ctx, func(s Store) (err error) {
		before, after, err = s.Compact(ctx)
		return err
	})
	return before, after, err
}

func (o *onDemand) PutRun(ctx context.Context, r Run) error {
	return o.with(ctx, func(s Store) error { return s.PutRun(ctx, r) })
}

func (o *onDemand) Runs(ctx context.Context) iter.Seq2[Run, error] {
	return onDemandSeq(ctx, o, func(s Store) iter.Seq2[Run, error] { return s.Runs(ctx) })
}

func (o *onDemand) Document(ctx context.Context, name string) (Document, error) {
	return onDemandResult(ctx, o, func(s Store) (Document, error) { return s.Document(ctx, name) })
}

func (o *onDemand) PutDocument(ctx context.Context, d Document, about ...Entry) error {
	return o.with(ctx, func(s Store) error { return s.PutDocument(ctx, d, about...) })
}

func (o *onDemand) Verify(ctx context.Context) (Counts, error) {
	return onDemandResult(ctx, o, func(s Store) (Counts, error) { return s.Verify(ctx) })
}

func (o *onDemand) Backup(ctx context.Context, w io.Writer) error {
	return o.with(ctx, func(s Store) error { return s.Backup(ctx, w) })
}

func (o *onDemand) Close() error { return nil }
