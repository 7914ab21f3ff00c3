package statetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// retention checks what Prune forgets, and that the rest of the journal stays proven.
func (s *suite) retention(t *testing.T) {
	t.Run("the journal's first lines", s.pruneJournal)
	t.Run("runs", s.pruneRuns)
	t.Run("closed months", s.forgetClosed)
	t.Run("once a day, and never far at once", s.forgetSlowly)
	t.Run("six years are no larger than two, where one is kept", s.bound)
	t.Run("compacting", s.compact)
}

func prune(t *testing.T, store state.Store, r state.Retention) state.Pruned {
	t.Helper()
	n, err := store.Prune(t.Context(), r)
	if err != nil {
		t.Fatalf("forgetting: %v", err)
	}
	return n
}

func verified(t *testing.T, store state.Store) state.Counts {
	t.Helper()
	n, err := store.Verify(t.Context())
	if err != nil {
		t.Fatalf("verifying: %v", err)
	}
	return n
}

func (s *suite) pruneJournal(t *testing.T) {
	path := name(t)
	store := openForTest(t, s.open, path)
	put := func(n int) {
		e := entry(contoso, "01J1", fmt.Sprint(n))
		e.At = at(n)
		commit(t, store, &state.Commit{Scope: contoso, Entries: []state.Entry{e}})
	}
	for n := range 10 {
		put(n)
	}
	before := collect(t, store.Journal(t.Context(), state.JournalFilter{}))
	if n := prune(t, store, state.Retention{Now: at(20), Before: at(0)}); n != (state.Pruned{}) {
		t.Errorf("got %+v forgotten before the first line, want nothing", n)
	}
	if n := verified(t, store); n.Entries != 10 || n.Forgotten != 0 {
		t.Errorf("got %+v: forgetting nothing wrote something", n)
	}
	if n := prune(t, store, state.Retention{Now: at(20), Before: at(4)}); n.Entries != 4 {
		t.Errorf("got %+v, want four lines forgotten", n)
	}
	store = reopen(t, s.open, store, path)
	got := collect(t, store.Journal(t.Context(), state.JournalFilter{}))
	wantEqual(t, "what is left", labels(got[1:]), []string{"9", "8", "7", "6", "5", "4"})
	wantEqual(t, "a line that stayed", got[6], before[5])
	said := got[0]
	if said.Action != state.ActionPrune || said.Seq != 11 || said.Digest != before[6].Hash || said.Key.ID != "4" || !said.At.Equal(at(20)) {
		t.Errorf("got %+v, want a line that says what was forgotten", said)
	}
	if n := verified(t, store); n.Entries != 7 || n.Forgotten != 4 {
		t.Errorf("got %+v, want seven lines after four", n)
	}
	for what, f := range map[string]state.JournalFilter{"customer": {Customer: contoso.Customer}, "run": {Run: "01J1"}} {
		if n := len(collect(t, store.Journal(t.Context(), f))); n != 6 {
			t.Errorf("got %d lines of the %s, want 6", n, what)
		}
	}
	put(30)
	if n := prune(t, store, state.Retention{Now: at(40), Before: at(35)}); n.Entries != 8 {
		t.Errorf("got %+v, want all lines forgotten", n)
	}
	if n := verified(t, store); n.Entries != 1 || n.Forgotten != 12 {
		t.Errorf("got %+v, want the line that says so alone", n)
	}
	put(50)
	if n := verified(t, store); n.Entries != 2 {
		t.Errorf("got %+v, want the journal to go on", n)
	}
	// A clock that was ahead wrote a line: what follows it stays as long.
	ahead := entry(contoso, "01J1", "ahead")
	ahead.At = at(9000)
	commit(t, store, &state.Commit{Scope: contoso, Entries: []state.Entry{ahead}})
	put(60)
	if n := prune(t, store, state.Retention{Now: at(100), Before: at(99)}); n.Entries != 2 {
		t.Errorf("got %+v, want the lines before it alone", n)
	}
	verified(t, store)

	var copied bytes.Buffer
	if err := store.Backup(t.Context(), &copied); err != nil {
		t.Errorf("backing up: %v", err)
	}
}

func (s *suite) pruneRuns(t *testing.T) {
	store := s.emptyStore(t)
	for n := range 6 {
		id := fmt.Sprintf("01J%d", n)
		if err := store.PutRun(t.Context(), state.Run{ID: id, Started: at(n)}); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			commit(t, store, &state.Commit{Scope: contoso, Entries: []state.Entry{entry(contoso, id, id)}}) // written at(4)
		}
	}
	ids := func() string {
		var ids []string
		for _, r := range collect(t, store.Runs(t.Context())) {
			ids = append(ids, r.ID)
		}
		return strings.Join(ids, " ")
	}
	for _, step := range []struct {
		before, quiet int
		want          string
	}{{0, 0, "01J5 01J4 01J3 01J2 01J1 01J0"}, {0, 4, "01J5 01J4 01J2 01J0"}, {2, 4, "01J5 01J4 01J2"}, {3, 9, "01J4"}, {5, 9, ""}} {
		prune(t, store, state.Retention{Now: at(9), Before: at(step.before), Quiet: at(step.quiet)})
		if got := ids(); got != step.want {
			t.Errorf("before %d, quiet before %d: got %s, want %s", step.before, step.quiet, got, step.want)
		}
		verified(t, store)
	}
}

func putDocument(t *testing.T, store state.Store, name string, body []byte, about ...state.Entry) {
	t.Helper()
	doc, err := store.Document(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	doc.Body = body
	if err := store.PutDocument(t.Context(), doc, about...); err != nil {
		t.Fatal(err)
	}
}

// closeMonth stores the evidence of a month as closing one does.
func closeMonth(t *testing.T, store state.Store, month string, when time.Time, pack []byte) {
	t.Helper()
	closed, _, err := state.Closed(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(append(closed, state.Closing{Month: month, At: when, Digest: month}))
	if err != nil {
		t.Fatal(err)
	}
	putDocument(t, store, state.PackDocument(month), pack)
	putDocument(t, store, state.ClosedDocument, body, state.Entry{At: when, Action: state.ActionClose, Key: key("month", month), Digest: month})
}

func forget(t *testing.T, store state.Store, now time.Time, months int) state.Pruned {
	t.Helper()
	n, err := state.Forget(t.Context(), store, now, months)
	if err != nil {
		t.Fatalf("forgetting: %v", err)
	}
	return n
}

func (s *suite) forgetClosed(t *testing.T) {
	store := s.emptyStore(t)
	first := time.Date(2020, 2, 1, 8, 0, 0, 0, time.UTC)
	for n := range 6 {
		when := first.AddDate(0, n, 0)
		closeMonth(t, store, when.AddDate(0, -1, 0).Format("2006-01"), when, []byte(`{"msp":"evidence"}`))
		forget(t, store, when, 3)
	}
	closed, _, err := state.Closed(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	// What is proven has its line in the journal and its pack; what is not has neither.
	proven := map[string]bool{}
	for _, c := range closed {
		proven[c.Month] = true
	}
	if len(closed) != 4 || !proven["2020-03"] || !proven["2020-06"] {
		t.Errorf("got %+v closed on 1 July, want those that were closed from 1 April on", closed)
	}
	inJournal := map[string]bool{}
	for _, e := range collect(t, store.Journal(t.Context(), state.JournalFilter{})) {
		if e.Action == state.ActionClose {
			inJournal[e.Key.ID] = true
		}
	}
	for n := range 6 {
		month := first.AddDate(0, n-1, 0).Format("2006-01")
		doc, err := store.Document(t.Context(), state.PackDocument(month))
		if err != nil || (len(doc.Body) > 0) != proven[month] || inJournal[month] != proven[month] {
			t.Errorf("%s: closed %t, in the journal %t, pack %q, %v", month, proven[month], inJournal[month], doc.Body, err)
		}
	}
	verified(t, store)
}

func (s *suite) forgetSlowly(t *testing.T) {
	store := s.emptyStore(t)
	start := time.Date(2020, 1, 10, 8, 0, 0, 0, time.UTC)
	for n := range 48 {
		e := entry(contoso, "01J1", fmt.Sprint(n))
		e.At = start.AddDate(0, n, 0)
		commit(t, store, &state.Commit{Scope: contoso, Entries: []state.Entry{e}})
	}
	// A state of a former version has the day alone.
	putDocument(t, store, "ledger_pruned", []byte("2023-12-10"))
	if n := forget(t, store, start.AddDate(0, 47, 0), 12); n != (state.Pruned{}) {
		t.Errorf("got %+v forgotten on a day that was looked at, want nothing", n)
	}
	if n := forget(t, store, start.AddDate(0, 47, 1), 36); n.Entries != 11 {
		t.Errorf("got %+v, want what was older than 36 months", n)
	}
	if n := forget(t, store, start.AddDate(0, 47, 1), 36); n != (state.Pruned{}) {
		t.Errorf("got %+v forgotten again that day, want nothing", n)
	}
	if n := forget(t, store, start.AddDate(0, 47, 1), 24); n.Entries != 12 {
		t.Errorf("got %+v, want a year more where less is to be kept", n)
	}
	// The clock is suddenly ten years ahead.
	if n := forget(t, store, start.AddDate(10, 47, 1), 24); n.Entries > 2 {
		t.Errorf("got %+v forgotten by a clock that is ahead, want a month", n)
	}
	if n := forget(t, store, start.AddDate(0, 47, 2), 24); n != (state.Pruned{}) {
		t.Errorf("got %+v forgotten after it was set right, want nothing", n)
	}
	verified(t, store)
}

// bound lives six years of runs, writes, spans and closed months, one of them kept: the
// state grows in the first two and no more.
func (s *suite) bound(t *testing.T) {
	store := s.emptyStore(t)
	size := func() int {
		var copied bytes.Buffer
		if _, _, err := store.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := store.Backup(t.Context(), &copied); err != nil {
			t.Fatal(err)
		}
		return copied.Len()
	}
	now := time.Date(2020, 1, 1, 6, 0, 0, 0, time.UTC)
	largest := map[int]int{} // by year
	for month := range 72 {
		at := now.AddDate(0, month, 0)
		c := &state.Commit{Scope: contoso, Cursor: cursor(contoso, month)}
		run := fmt.Sprintf("01J%09d", at.Unix())
		for i := range 10 {
			e := entry(contoso, run, "x")
			e.At = at
			c.Entries = append(c.Entries, e)
			one := span(contoso, fmt.Sprint("p", i), fmt.Sprint(month), 0)
			one.From = at
			c.Spans = append(c.Spans, one)
		}
		commit(t, store, c)
		for i := range 3 { // most runs write nothing
			r := state.Run{ID: fmt.Sprintf("%s%d", run, i), Started: at}
			if i == 0 {
				r.ID = run
			}
			if err := store.PutRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		forget(t, store, at, 12)
		closeMonth(t, store, now.AddDate(0, month, 0).Format("2006-01"), now.AddDate(0, month+1, 0), bytes.Repeat([]byte("pack"), 500))
		if month%12 == 11 {
			largest[month/12] = size()
		}
	}
	n := verified(t, store)
	if n.Entries > 160 || n.Runs > 45 || n.Spans > 150 || n.Forgotten < 500 {
		t.Errorf("got %+v after six years, want a year and a month of it", n)
	}
	if first, last := largest[1], largest[5]; last > first+first/10 {
		t.Errorf("got %d bytes after six years and %d after two, want no growth: %v", last, first, largest)
	}
	closed, _, err := state.Closed(t.Context(), store)
	if err != nil || len(closed) > 14 {
		t.Errorf("got %d closed months, %v, want those of a year", len(closed), err)
	}
}

func (s *suite) compact(t *testing.T) {
	const scopes = 60
	path := name(t)
	store := openForTest(t, s.open, path)
	for i := range scopes {
		c := step(plan.Scope{Customer: padded(i), Target: "itglue"}, i)
		for j := range 20 {
			c.Put = append(c.Put, record("user", padded(j), "1"))
		}
		commit(t, store, c)
	}
	for i := range scopes - 1 {
		scope := plan.Scope{Customer: padded(i), Target: "itglue"}
		var drop []plan.Key
		for _, r := range recall(t, store, scope).Records {
			drop = append(drop, r.Key)
		}
		commit(t, store, &state.Commit{Scope: scope, Drop: drop})
	}
	last := plan.Scope{Customer: padded(scopes - 1), Target: "itglue"}
	want, counts := recall(t, store, last), verified(t, store)
	// Others read and write meanwhile; a copy that began before goes on.
	reading := make(chan error)
	go func() {
		var copied bytes.Buffer
		begun := false
		reading <- store.Backup(t.Context(), writerFunc(func(p []byte) (int, error) {
			if !begun {
				begun = true
				if err := store.Commit(t.Context(), step(contoso, 1)); err != nil {
					return 0, err
				}
			}
			return copied.Write(p)
		}))
	}()
	before, after, err := store.Compact(t.Context())
	if err != nil || before <= 0 || after <= 0 || after > before/2 {
		t.Errorf("got %d bytes of %d, %v, want less than half", after, before, err)
	}
	if err := <-reading; err != nil {
		t.Errorf("a backup meanwhile: %v", err)
	}
	for range 2 {
		wantEqual(t, "memory", recall(t, store, last), want)
		commit(t, store, step(contoso, 2))
		if n := verified(t, store); n.Records != counts.Records+1 || n.Entries < counts.Entries {
			t.Errorf("got %+v, want what was there before, %+v, and a scope more", n, counts)
		}
		store = reopen(t, s.open, store, path)
	}
}
