package statetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// model applies random steps to a store and to a model of maps, and compares the two. A
// failure prints the shortest steps that show it.
func (s *suite) model(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := fmt.Sprintf("%s/%d.db", dir, n)
		m := &model{ctx: t.Context(), store: s.open(t, path), scopes: map[plan.Scope]*expected{}, tables: map[string]state.Document{}, runs: map[string]state.Run{}}
		defer func() { m.store.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"commit":   m.commit,
			"decide":   m.decide,
			"settle":   m.settle,
			"document": m.document,
			"run":      m.run,
			"reopen": func(rt *rapid.T) {
				if err := m.store.Close(); err != nil {
					rt.Fatalf("closing: %v", err)
				}
				m.store = s.open(t, path)
			},
			"look": func(rt *rapid.T) { // seldom: looking takes longer than all else, and each history ends with it
				if rapid.IntRange(0, 3).Draw(rt, "look") == 0 {
					m.check(rt)
				}
			},
		})
		m.check(rt)
	})
}

type expected struct {
	records     map[plan.Key]plan.Record
	cursor      *state.Cursor
	hold        *state.Hold
	settlements map[plan.Key]state.Settlement
	spans       map[plan.Key][]state.Span // in the order in which they came
}

type model struct {
	ctx     context.Context
	store   state.Store
	scopes  map[plan.Scope]*expected
	entries []state.Entry
	tables  map[string]state.Document
	runs    map[string]state.Run
}

// Few names, so that steps meet one another.
var (
	someScope = rapid.Custom(func(t *rapid.T) plan.Scope {
		return plan.Scope{Customer: rapid.SampledFrom([]string{"a", "a!", "b"}).Draw(t, "customer"), Target: rapid.SampledFrom([]string{"x", "x/y"}).Draw(t, "target")}
	})
	someKey = rapid.Custom(func(t *rapid.T) plan.Key {
		return key(rapid.SampledFrom([]string{"user", "user-x", "group"}).Draw(t, "kind"), rapid.StringMatching(`[ab/é]{1,2}`).Draw(t, "id"))
	})
	someDigest = rapid.SampledFrom([]string{"d1", "d2", ""})
	someMinute = rapid.IntRange(0, 500)
	someText   = rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
)

func (m *model) scope(s plan.Scope) *expected {
	if m.scopes[s] == nil {
		m.scopes[s] = &expected{records: map[plan.Key]plan.Record{}, settlements: map[plan.Key]state.Settlement{}, spans: map[plan.Key][]state.Span{}}
	}
	return m.scopes[s]
}

func (m *model) commit(t *rapid.T) {
	var cs []*state.Commit
	for range rapid.IntRange(1, 3).Draw(t, "scopes") {
		scope := someScope.Draw(t, "scope")
		was := m.scope(scope)
		c := &state.Commit{Scope: scope, ClearHold: rapid.Bool().Draw(t, "clear hold"), Drop: rapid.SliceOfN(someKey, 0, 3).Draw(t, "drop")}
		for _, k := range c.Drop {
			delete(was.records, k)
		}
		for _, k := range rapid.SliceOfN(someKey, 0, 3).Draw(t, "put") {
			r := record(k.Kind, k.ID, someText.Draw(t, "quantity"))
			c.Put = append(c.Put, r)
			r.At = r.At.UTC() // as all times come back
			was.records[k] = r
		}
		if rapid.Bool().Draw(t, "with cursor") {
			c.Cursor = cursor(scope, someMinute.Draw(t, "objects"))
			c.Cursor.Ledger = someDigest.Draw(t, "ledger")
			now := *c.Cursor
			now.At, now.InStepAt, now.TroubleSince = now.At.UTC(), now.InStepAt.UTC(), now.TroubleSince.UTC()
			was.cursor = &now
		}
		if c.ClearHold {
			was.hold = nil
		}
		if rapid.Bool().Draw(t, "with hold") {
			c.Hold = hold(scope, someDigest.Draw(t, "digest"), someMinute.Draw(t, "since"))
			now := *c.Hold
			now.Since = now.Since.UTC()
			now.Plan, _ = json.Marshal(now.Plan) // spelled as JSON comes back
			if was.hold != nil && was.hold.Digest == now.Digest {
				now.Since, now.Decision = was.hold.Since, was.hold.Decision
			}
			was.hold = &now
		}
		for range rapid.IntRange(0, 2).Draw(t, "entries") {
			e := entry(scope, padded(len(m.runs)), someText.Draw(t, "label"))
			c.Entries, m.entries = append(c.Entries, e), append(m.entries, e)
		}
		for _, k := range rapid.SliceOfN(someKey, 0, 2).Draw(t, "ends") {
			end := state.Ending{Key: k, At: at(someMinute.Draw(t, "ends at"))}
			c.Ends = append(c.Ends, end)
			if of := was.spans[k]; len(of) > 0 && of[len(of)-1].To.IsZero() {
				of[len(of)-1] = of[len(of)-1].EndedAt(end.At)
			}
		}
		for _, k := range rapid.SliceOfN(someKey, 0, 2).Draw(t, "spans") {
			x := span(scope, k.ID, someText.Draw(t, "billed"), someMinute.Draw(t, "from"))
			x.Key = k
			c.Spans = append(c.Spans, x)
			of := was.spans[k]
			if len(of) == 0 {
				x.From = x.From.UTC()
				was.spans[k] = append(of, x)
				continue
			}
			now, over := x.Follows(&of[len(of)-1])
			if over != nil {
				of[len(of)-1] = *over
			}
			was.spans[k] = append(of, now)
		}
		if len(c.Ends)+len(c.Spans) > 0 && c.Cursor == nil && was.cursor != nil {
			was.cursor = new(*was.cursor)
			was.cursor.Ledger = ""
		}
		cs = append(cs, c)
	}
	if err := m.store.Commit(m.ctx, cs...); err != nil {
		t.Fatalf("committing: %v", err)
	}
}

func (m *model) decide(t *rapid.T) {
	scope, digest := someScope.Draw(t, "scope"), someDigest.Draw(t, "digest")
	d := state.Decision{Approved: rapid.Bool().Draw(t, "approved"), By: "ada", At: at(someMinute.Draw(t, "at"))}
	err := m.store.Decide(m.ctx, scope, digest, d)
	held := m.scope(scope).hold
	if held == nil || held.Digest != digest || digest == "" {
		if !errors.Is(err, state.ErrNotFound) {
			t.Fatalf("deciding on %q of %s: got %v, want ErrNotFound", digest, scope, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("deciding on %q of %s: %v", digest, scope, err)
	}
	now := *held
	d.At = d.At.UTC()
	if now.Decision == nil || now.Decision.Approved != d.Approved {
		now.Decision = &d
	}
	m.scope(scope).hold = &now
}

func (m *model) settle(t *rapid.T) {
	scope, k := someScope.Draw(t, "scope"), someKey.Draw(t, "key")
	word := settlement(scope, k, rapid.SampledFrom([]string{plan.SettleAccept, plan.SettleIgnore}).Draw(t, "how"))
	if rapid.Bool().Draw(t, "take back") {
		word = nil
		delete(m.scope(scope).settlements, k)
	} else {
		now := *word
		now.At = now.At.UTC()
		m.scope(scope).settlements[k] = now
	}
	if err := m.store.Settle(m.ctx, scope, k, word); err != nil {
		t.Fatalf("settling %s of %s: %v", k, scope, err)
	}
}

func (m *model) document(t *rapid.T) {
	name := rapid.SampledFrom([]string{"links", "products"}).Draw(t, "name")
	d := state.Document{Name: name, Version: rapid.IntRange(0, 3).Draw(t, "version"), Body: rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "body")}
	err := m.store.PutDocument(m.ctx, d)
	if d.Version != m.tables[name].Version {
		if !errors.Is(err, state.ErrConflict) {
			t.Fatalf("writing %s at version %d over %d: got %v, want ErrConflict", name, d.Version, m.tables[name].Version, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("writing %s: %v", name, err)
	}
	d.Version++
	m.tables[name] = d
}

func (m *model) run(t *rapid.T) {
	r := state.Run{ID: rapid.StringMatching(`01J[0-9]{1,2}`).Draw(t, "id"), Job: "licences", Started: at(someMinute.Draw(t, "started"))}
	if err := m.store.PutRun(m.ctx, r); err != nil {
		t.Fatalf("storing run %s: %v", r.ID, err)
	}
	r.Started = r.Started.UTC()
	m.runs[r.ID] = r
}

func (m *model) check(t *rapid.T) {
	byScope := slices.SortedFunc(maps.Keys(m.scopes), func(a, b plan.Scope) int {
		return slices.Compare([]string{a.Customer, a.Target}, []string{b.Customer, b.Target})
	})
	var counts state.Counts
	var cursors []state.Cursor
	var holds []state.Hold
	var words []state.Settlement
	var ledger []state.Span
	for _, scope := range byScope {
		was := m.scopes[scope]
		want := &state.Memory{Cursor: was.cursor, Hold: was.hold}
		var lasting []state.Span
		for _, k := range slices.SortedFunc(maps.Keys(was.records), plan.Key.Compare) {
			want.Records = append(want.Records, was.records[k])
		}
		for _, k := range slices.SortedFunc(maps.Keys(was.settlements), plan.Key.Compare) {
			want.Settlements = append(want.Settlements, was.settlements[k])
		}
		for _, k := range slices.SortedFunc(maps.Keys(was.spans), plan.Key.Compare) {
			of := was.spans[k]
			ledger = append(ledger, of...)
			if n := len(of); n > 0 && of[n-1].To.IsZero() {
				lasting = append(lasting, of[n-1])
			}
		}
		got, err := m.store.Recall(m.ctx, scope)
		if err != nil {
			t.Fatalf("recalling %s: %v", scope, err)
		}
		wantEqual(t, "memory of "+scope.String(), got, want)
		open, err := m.store.OpenSpans(m.ctx, scope)
		if err != nil {
			t.Fatalf("reading what lasts of %s: %v", scope, err)
		}
		wantEqual(t, "what lasts of "+scope.String(), open, lasting)
		counts.Records += len(want.Records)
		words = append(words, want.Settlements...)
		if was.cursor != nil {
			cursors = append(cursors, *was.cursor)
		}
		if was.hold != nil {
			holds = append(holds, *was.hold)
		}
	}
	var chain state.Chain
	journal := make([]state.Entry, len(m.entries))
	for i, e := range m.entries {
		journal[len(journal)-1-i] = chain.Append(e)
	}
	ids := slices.Sorted(maps.Keys(m.runs))
	slices.Reverse(ids)
	var runs []state.Run
	for _, id := range ids {
		runs = append(runs, m.runs[id])
	}
	wantEqual(t, "cursors", listed(t, m.store.Cursors(m.ctx)), cursors)
	wantEqual(t, "holds", listed(t, m.store.Holds(m.ctx)), holds)
	wantEqual(t, "settlements", listed(t, m.store.Settlements(m.ctx)), words)
	wantEqual(t, "journal", listed(t, m.store.Journal(m.ctx, state.JournalFilter{})), journal)
	wantEqual(t, "runs", listed(t, m.store.Runs(m.ctx)), runs)
	wantEqual(t, "ledger", listed(t, m.store.Spans(m.ctx, state.SpanFilter{})), ledger)
	for _, name := range []string{"links", "products"} {
		want := m.tables[name]
		want.Name = name
		got, err := m.store.Document(m.ctx, name)
		if err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
		wantEqual(t, "document "+name, got, want)
	}
	counts.Scopes, counts.Holds, counts.Entries, counts.Runs, counts.Spans = len(cursors), len(holds), len(journal), len(runs), len(ledger)
	if n, err := m.store.Verify(m.ctx); err != nil || n != counts {
		t.Errorf("verifying: got %+v, %v, want %+v", n, err, counts)
	}
	if t.Failed() {
		t.FailNow()
	}
}

func listed[T any](t *rapid.T, seq func(func(T, error) bool)) []T {
	var out []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("listing: %v", err)
		}
		out = append(out, v)
	}
	return out
}
