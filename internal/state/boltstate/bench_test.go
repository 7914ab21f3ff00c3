package boltstate

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

const ready = 250 * time.Millisecond // with a million records, on any machine

// BenchmarkOpenWithAMillionRecords is the time from nothing to the first answer.
func BenchmarkOpenWithAMillionRecords(b *testing.B) {
	path := filepath.Join(b.TempDir(), "syncd.db")
	const scopes, each = 1000, 1000
	s, err := Open(path, Options{})
	must(b, err)
	for i := range scopes {
		must(b, s.Commit(b.Context(), manyRecords(i, each)))
	}
	must(b, s.Close())
	for b.Loop() {
		s, err := Open(path, Options{})
		must(b, err)
		if _, err := s.Document(b.Context(), "links"); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		must(b, s.Close())
		b.StartTimer()
	}
	if mean := b.Elapsed() / time.Duration(b.N); mean > ready {
		b.Errorf("got %s to open, want at most %s", mean, ready)
	}
}

func BenchmarkRecallOfAThousandRecords(b *testing.B) {
	s := benchStore(b)
	c := manyRecords(1, 1000)
	must(b, s.Commit(b.Context(), c))
	b.ReportAllocs()
	for b.Loop() {
		m, err := s.Recall(b.Context(), c.Scope)
		if err != nil || len(m.Records) != 1000 {
			b.Fatalf("got %d records, %v", len(m.Records), err)
		}
	}
}

func BenchmarkCommitOfACursorForEachOfAThousandScopes(b *testing.B) {
	s := benchStore(b)
	cs := make([]*state.Commit, 1000)
	for i := range cs {
		scope := plan.Scope{Customer: fmt.Sprintf("customer-%04d", i), Target: "itglue"}
		cs[i] = &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Outcome: "in_step"}}
	}
	for b.Loop() {
		must(b, s.Commit(b.Context(), cs...))
	}
}

func BenchmarkJournalOfOneRunAmongHundredThousandLines(b *testing.B) {
	s := benchStore(b)
	for i := range 100 {
		c := &state.Commit{Scope: plan.Scope{Customer: "contoso", Target: "itglue"}}
		for range 1000 {
			c.Entries = append(c.Entries, state.Entry{Run: fmt.Sprintf("01J%04d", i), Label: "Ada Example", Money: "44.00",
				Before: &manyRecords(i, 1).Put[0].Object, After: &manyRecords(i, 1).Put[0].Object})
		}
		must(b, s.Commit(b.Context(), c))
	}
	for b.Loop() {
		n := 0
		for _, err := range s.Journal(b.Context(), state.JournalFilter{Run: "01J0050"}) {
			must(b, err)
			n++
		}
		if n != 1000 {
			b.Fatalf("got %d lines, want 1000", n)
		}
	}
}

func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(filepath.Join(b.TempDir(), "syncd.db"), Options{})
	must(b, err)
	b.Cleanup(func() { s.Close() })
	return s
}

func manyRecords(scope, n int) *state.Commit {
	c := &state.Commit{Scope: plan.Scope{Customer: fmt.Sprintf("customer-%04d", scope), Target: "itglue"}}
	for i := range n {
		c.Put = append(c.Put, record(fmt.Sprintf("%08x-0000-4000-8000-%012x", i*2654435761, i)))
	}
	return c
}
