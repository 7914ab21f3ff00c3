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
				Before: state.ImageOf(&manyRecords(i, 1).Put[0].Object), After: state.ImageOf(&manyRecords(i, 1).Put[0].Object)})
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

// BenchmarkAMonthOfOneCustomerAmongAMillionSpans is what an explanation reads: all
// products of a customer in one month of eight years.
func BenchmarkAMonthOfOneCustomerAmongAMillionSpans(b *testing.B) {
	s := benchStore(b)
	const customers, products, months = 1000, 10, 100
	start := time.Date(2019, 1, 1, 6, 0, 0, 0, time.UTC)
	for i := range customers {
		c := &state.Commit{Scope: plan.Scope{Customer: fmt.Sprintf("%08x-0000-4000-8000-%012x", i*2654435761, i), Target: "connectwise"}}
		for p := range products {
			for m := range months {
				c.Spans = append(c.Spans, state.Span{Key: plan.Key{Kind: "addition", ID: fmt.Sprintf("%08x-0000-4000-8000-%012x", p*40503, p)}, From: start.AddDate(0, m, 0), Known: true,
					Product: "O365_BUSINESS_PREMIUM", Label: "Microsoft 365 Business Premium", Purchased: "17", Assigned: "16", Due: "17", Billed: "17", Price: "22.00", Currency: "USD",
					Agreement: "1182", NextInvoice: "2026-12-01", Names: []string{"ada.berg@fabrikamdental.example", "m.kern@fabrikamdental.example"},
					Subscriptions: []state.SpanSubscription{{ID: "s", SKU: "k", Status: "Enabled", State: "enabled", Units: "17", Until: start.AddDate(1, m, 0)}}})
			}
		}
		must(b, s.Commit(b.Context(), c))
	}
	n := 0
	for b.Loop() {
		scope := fmt.Sprintf("%08x-0000-4000-8000-%012x", n%customers*2654435761, n%customers)
		from := start.AddDate(0, n%months, -5)
		found := 0
		for one, err := range s.Spans(b.Context(), state.SpanFilter{Customer: scope, From: from, To: from.AddDate(0, 1, 0)}) {
			must(b, err)
			if !one.Within(from, from.AddDate(0, 1, 0)) {
				b.Fatalf("got a span from %s to %s", one.From, one.To)
			}
			found++
		}
		if found < products || found > 2*products {
			b.Fatalf("got %d spans, want one or two of %d products", found, products)
		}
		n++
	}
	if mean := b.Elapsed() / time.Duration(b.N); mean > explained {
		b.Errorf("got %s a month, want at most %s", mean, explained)
	}
}

// BenchmarkJournalOfOneCustomerAmongTwoHundredThousandLines is what an explanation
// reads besides the ledger.
func BenchmarkJournalOfOneCustomerAmongTwoHundredThousandLines(b *testing.B) {
	s := benchStore(b)
	customer := func(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i) }
	const customers, each = 1000, 200
	for i := range each {
		var cs []*state.Commit
		for j := range customers {
			o := state.ImageOf(&manyRecords(i, 1).Put[0].Object)
			cs = append(cs, &state.Commit{Scope: plan.Scope{Customer: customer(j), Target: "connectwise"}, Entries: []state.Entry{{At: time.Date(2019, 1, 1+i, 6, 0, 0, 0, time.UTC), Before: o, After: o}}})
		}
		must(b, s.Commit(b.Context(), cs...))
	}
	for b.Loop() {
		n := 0
		for _, err := range s.Journal(b.Context(), state.JournalFilter{Customer: customer(77)}) {
			must(b, err)
			n++
		}
		if n != each {
			b.Fatalf("got %d lines, want %d", n, each)
		}
	}
	if mean := b.Elapsed() / time.Duration(b.N); mean > explained {
		b.Errorf("got %s a customer, want at most %s", mean, explained)
	}
}

const explained = 100 * time.Millisecond // of any month, among a million spans

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
