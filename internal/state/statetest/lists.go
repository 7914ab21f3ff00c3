package statetest

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// manyScopes is more than any page that a store may read at once.
const manyScopes = 700

func (s *suite) storeOfManyScopes(t *testing.T) state.Store {
	t.Helper()
	store := s.emptyStore(t)
	var cs []*state.Commit
	for i := range manyScopes {
		// Backwards, so that the order of writing is not the order wanted.
		scope := plan.Scope{Customer: "c" + padded(manyScopes-1-i), Target: "itglue"}
		cs = append(cs, &state.Commit{Scope: scope, Cursor: cursor(scope, i), Hold: hold(scope, "d", 1),
			Entries: []state.Entry{entry(scope, "01J"+padded(i), padded(i))}})
	}
	commit(t, store, cs...)
	return store
}

func (s *suite) lists(t *testing.T) {
	t.Run("an empty store lists nothing", func(t *testing.T) {
		store := s.emptyStore(t)
		ctx := t.Context()
		for what, n := range map[string]int{
			"refs": len(collect(t, store.Refs(ctx, "itglue"))), "cursors": len(collect(t, store.Cursors(ctx))), "holds": len(collect(t, store.Holds(ctx))),
			"settlements": len(collect(t, store.Settlements(ctx))), "runs": len(collect(t, store.Runs(ctx))),
			"entries": len(collect(t, store.Journal(ctx, state.JournalFilter{}))), "spans": len(collect(t, store.Spans(ctx, state.SpanFilter{}))),
		} {
			if n != 0 {
				t.Errorf("got %d %s, want none", n, what)
			}
		}
	})
	t.Run("lists of any length come whole, in order, as often as they are asked for", func(t *testing.T) {
		store := s.storeOfManyScopes(t)
		cursors, holds, entries := store.Cursors(t.Context()), store.Holds(t.Context()), store.Journal(t.Context(), state.JournalFilter{})
		for range 2 {
			for i, c := range collectAll(t, cursors) {
				if want := "c" + padded(i); c.Scope.Customer != want {
					t.Fatalf("cursor %d: got that of %s, want that of %s", i, c.Scope.Customer, want)
				}
			}
			for i, h := range collectAll(t, holds) {
				if want := "c" + padded(i); h.Scope.Customer != want {
					t.Fatalf("hold %d: got that of %s, want that of %s", i, h.Scope.Customer, want)
				}
			}
			for i, e := range collectAll(t, entries) {
				if want := padded(manyScopes - 1 - i); e.Label != want {
					t.Fatalf("entry %d: got %s, want %s", i, e.Label, want)
				}
			}
		}
	})
	t.Run("cursors and holds are ordered by customer, then target", func(t *testing.T) {
		store := s.emptyStore(t)
		want := []plan.Scope{{Customer: "A", Target: "z"}, {Customer: "a", Target: "b"}, {Customer: "a", Target: "c"},
			{Customer: "a b", Target: "a"}, {Customer: "a!", Target: "a"}, {Customer: "ab", Target: "a"}, {Customer: "é", Target: "a"}}
		for i := range want {
			scope := want[(i*3)%len(want)]
			commit(t, store, &state.Commit{Scope: scope, Cursor: cursor(scope, 1), Hold: hold(scope, "d", 1)})
		}
		var cursors, holds []plan.Scope
		for _, c := range collect(t, store.Cursors(t.Context())) {
			cursors = append(cursors, c.Scope)
		}
		for _, h := range collect(t, store.Holds(t.Context())) {
			holds = append(holds, h.Scope)
		}
		wantEqual(t, "cursors", cursors, want)
		wantEqual(t, "holds", holds, want)
	})
	t.Run("refs are those of all customers at one target, former ones included", func(t *testing.T) {
		store := s.emptyStore(t)
		named := func(kind, id, ref string, former ...string) plan.Record {
			return plan.Record{Object: plan.Object{Key: key(kind, id), Ref: ref}, FormerRefs: former}
		}
		a, b, c := plan.Scope{Customer: "a", Target: "itglue"}, plan.Scope{Customer: "b", Target: "itglue"}, plan.Scope{Customer: "a", Target: "itglue2"}
		commit(t, store,
			&state.Commit{Scope: b, Put: []plan.Record{named("user", "x", "7"), named("contact", "x", "8", "6", "5")}},
			&state.Commit{Scope: a, Put: []plan.Record{named("user", "y", "9"), named("user", "z", "")}},
			&state.Commit{Scope: c, Put: []plan.Record{named("user", "y", "1")}})
		want := []state.Ref{{Customer: "a", Kind: "user", Ref: "9"}, {Customer: "b", Kind: "contact", Ref: "8"}, {Customer: "b", Kind: "contact", Ref: "6"},
			{Customer: "b", Kind: "contact", Ref: "5"}, {Customer: "b", Kind: "user", Ref: "7"}}
		wantEqual(t, "refs", collect(t, store.Refs(t.Context(), "itglue")), want)
		breakAfter(t, "refs", store.Refs(t.Context(), "itglue"), 2)
	})
	t.Run("a list stops when the caller breaks", func(t *testing.T) {
		store := s.storeOfManyScopes(t)
		ctx := t.Context()
		for _, after := range []int{1, 300} {
			breakAfter(t, "cursors", store.Cursors(ctx), after)
			breakAfter(t, "holds", store.Holds(ctx), after)
			breakAfter(t, "journal", store.Journal(ctx, state.JournalFilter{}), after)
		}
		// Nothing is left behind that would hold a writer up.
		commit(t, store, &state.Commit{Scope: contoso, Cursor: cursor(contoso, 1)})
	})
	t.Run("the caller may write from inside the loop, however much", func(t *testing.T) {
		store := s.storeOfManyScopes(t)
		bulk := strings.Repeat("x", 4000)
		n := 0
		for c, err := range store.Cursors(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n%50 != 0 {
				continue
			}
			var put []plan.Record
			for i := range 100 {
				r := record("user", padded(i), "1")
				r.Label = bulk
				put = append(put, r)
			}
			commit(t, store, &state.Commit{Scope: c.Scope, Put: put})
		}
		if n != manyScopes {
			t.Errorf("got %d cursors, want %d", n, manyScopes)
		}
	})
	t.Run("a list stops with the error when it is cancelled halfway", func(t *testing.T) {
		store := s.storeOfManyScopes(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		var last error
		for _, err := range store.Cursors(ctx) {
			if last != nil {
				t.Fatal("the list went on after its error")
			}
			if last = err; err == nil {
				if n++; n == 10 {
					cancel()
				}
			}
		}
		if !errors.Is(last, context.Canceled) || n != 10 {
			t.Errorf("got %v after %d cursors, want context.Canceled after 10", last, n)
		}
	})
}

func collectAll[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	out := collect(t, seq)
	if len(out) != manyScopes {
		t.Fatalf("got %d, want %d", len(out), manyScopes)
	}
	return out
}

func breakAfter[T any](t *testing.T, what string, seq iter.Seq2[T, error], after int) {
	t.Helper()
	n := 0
	for _, err := range seq {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n++; n == after {
			break
		}
	}
	if n != after {
		t.Errorf("%s: got %d, want %d", what, n, after)
	}
}

func (s *suite) cancelled(t *testing.T) {
	store := s.emptyStore(t)
	commit(t, store, &state.Commit{Scope: contoso, Cursor: cursor(contoso, 1), Hold: hold(contoso, "d1", 6), Entries: []state.Entry{entry(contoso, "01J1", "a")}})
	want := recall(t, store, contoso)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := key("user", "a")
	for what, call := range map[string]func() error{
		"Recall":    func() error { _, err := store.Recall(ctx, contoso); return err },
		"OpenSpans": func() error { _, err := store.OpenSpans(ctx, contoso); return err },
		"Commit": func() error {
			return store.Commit(ctx, &state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1")}, ClearHold: true})
		},
		"Decide":      func() error { return store.Decide(ctx, contoso, "d1", state.Decision{Approved: true}) },
		"Settle":      func() error { return store.Settle(ctx, contoso, k, settlement(contoso, k, plan.SettleIgnore)) },
		"PutRun":      func() error { return store.PutRun(ctx, state.Run{ID: "01J1"}) },
		"Document":    func() error { _, err := store.Document(ctx, "links"); return err },
		"PutDocument": func() error { return store.PutDocument(ctx, state.Document{Name: "links"}) },
		"Verify":      func() error { _, err := store.Verify(ctx); return err },
		"Backup":      func() error { return store.Backup(ctx, new(strings.Builder)) },
		"Cursors":     func() error { return firstError(store.Cursors(ctx)) },
		"Refs":        func() error { return firstError(store.Refs(ctx, contoso.Target)) },
		"Holds":       func() error { return firstError(store.Holds(ctx)) },
		"Settlements": func() error { return firstError(store.Settlements(ctx)) },
		"Journal":     func() error { return firstError(store.Journal(ctx, state.JournalFilter{})) },
		"Runs":        func() error { return firstError(store.Runs(ctx)) },
		"Spans":       func() error { return firstError(store.Spans(ctx, state.SpanFilter{})) },
		"Prune":       func() error { _, err := store.Prune(ctx, state.Retention{Now: at(9000), Before: at(9000)}); return err },
		"Compact":     func() error { _, _, err := store.Compact(ctx); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", what, err)
		}
	}
	wantEqual(t, "memory", recall(t, store, contoso), want)
	n, err := store.Verify(t.Context())
	if err != nil || n != (state.Counts{Scopes: 1, Holds: 1, Entries: 1}) {
		t.Errorf("got %+v, %v, want what was there before", n, err)
	}
}

func firstError[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// keys checks names that a store could not tell apart or read back.
func (s *suite) keys(t *testing.T) {
	store := s.emptyStore(t)
	for what, bad := range map[string]string{"a NUL": "a\x00b", "broken UTF-8": "a\xff"} {
		t.Run(what+" in a key is refused", func(t *testing.T) {
			scope := plan.Scope{Customer: bad, Target: "itglue"}
			for what, err := range map[string]error{
				"a record":     store.Commit(t.Context(), &state.Commit{Scope: contoso, Put: []plan.Record{record("user", bad, "1")}}),
				"a kind":       store.Commit(t.Context(), &state.Commit{Scope: contoso, Put: []plan.Record{record(bad, "a", "1")}}),
				"a scope":      store.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: cursor(scope, 1)}),
				"a settlement": store.Settle(t.Context(), contoso, key("user", bad), settlement(contoso, key("user", bad), plan.SettleIgnore)),
			} {
				if err == nil {
					t.Errorf("%s: got no error", what)
				}
			}
		})
	}
	wantEqual(t, "memory", recall(t, store, contoso), &state.Memory{})
}

func (s *suite) verify(t *testing.T) {
	store := s.emptyStore(t)
	if n, err := store.Verify(t.Context()); err != nil || n != (state.Counts{}) {
		t.Errorf("an empty store: got %+v, %v, want nothing", n, err)
	}
	commit(t, store,
		&state.Commit{Scope: contoso, Put: []plan.Record{record("user", "a", "1"), record("user", "b", "1")}, Cursor: cursor(contoso, 1),
			Hold: hold(contoso, "d1", 6), Entries: []state.Entry{entry(contoso, "01J1", "a"), entry(contoso, "01J1", "b")}},
		&state.Commit{Scope: fabrikam, Put: []plan.Record{record("user", "a", "1")}, Cursor: cursor(fabrikam, 1), Entries: []state.Entry{entry(fabrikam, "01J1", "c")}})
	if err := store.PutRun(t.Context(), state.Run{ID: "01J1"}); err != nil {
		t.Fatal(err)
	}
	n, err := store.Verify(t.Context())
	if want := (state.Counts{Scopes: 2, Records: 3, Holds: 1, Entries: 3, Runs: 1}); err != nil || n != want {
		t.Errorf("got %+v, %v, want %+v", n, err, want)
	}
}
