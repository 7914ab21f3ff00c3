// Package statetest is the suite that every store passes.
//
//	func TestConformance(t *testing.T) { statetest.Run(t, open) }
//	func TestBackup(t *testing.T)      { statetest.RunBackup(t, open) }
//	func TestKilled(t *testing.T)      { statetest.RunKilled(t, open) }
//	func TestDamage(t *testing.T)      { statetest.RunDamage(t, open, damage) }
package statetest

import (
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// Open opens the store that path names, and makes it where there is none. The
// suite closes it, and opens the same path again. A store that keeps no files
// takes path for a name. It may be called from any goroutine of the test.
type Open func(t *testing.T, path string) state.Store

// Run checks everything that a store does while nothing is damaged.
func Run(t *testing.T, open Open) {
	s := &suite{open: open}
	t.Run("records", s.records)
	t.Run("commit", s.commits)
	t.Run("holds", s.holds)
	t.Run("settlements", s.settlements)
	t.Run("journal", s.journal)
	t.Run("ledger", s.ledger)
	t.Run("runs", s.runs)
	t.Run("retention", s.retention)
	t.Run("documents", s.documents)
	t.Run("lists", s.lists)
	t.Run("cancelled", s.cancelled)
	t.Run("keys", s.keys)
	t.Run("verify", s.verify)
	t.Run("concurrency", s.concurrency)
	t.Run("model", s.model)
}

type suite struct {
	open Open
}

// emptyStore returns an empty store, closed when the test ends.
func (s *suite) emptyStore(t *testing.T) state.Store {
	t.Helper()
	return openForTest(t, s.open, name(t))
}

// name returns a path that nothing is at.
func name(t *testing.T) string {
	return filepath.Join(t.TempDir(), "state.db")
}

func openForTest(t *testing.T, open Open, path string) state.Store {
	t.Helper()
	store := open(t, path)
	t.Cleanup(func() { store.Close() })
	return store
}

// reopen closes a store and opens it again.
func reopen(t *testing.T, open Open, store state.Store, path string) state.Store {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	return openForTest(t, open, path)
}

var (
	contoso  = plan.Scope{Customer: "contoso", Target: "connectwise"}
	fabrikam = plan.Scope{Customer: "fabrikam", Target: "scim/cinode"}
)

// at is a moment, n minutes into a morning, in a zone that is not UTC: what is
// stored must be. No finer than microseconds, which is what databases keep.
func at(n int) time.Time {
	zone := time.FixedZone("", 3600)
	return time.Date(2026, 11, 21, 9, 0, 0, 123456000, zone).Add(time.Duration(n) * time.Minute)
}

func key(kind, id string) plan.Key { return plan.Key{Kind: kind, ID: id} }

func record(kind, id, quantity string) plan.Record {
	return plan.Record{
		Object: plan.Object{Key: key(kind, id), Label: "Business Premium <é>", Ref: "55/910",
			Fields: plan.Set("quantity", quantity), Billing: &plan.Billing{UnitPrice: new(decimal.RequireFromString("22.5")), LessIncluded: new(decimal.RequireFromString("0")), Billable: true}},
		Origin: plan.Created, Run: "01J1", At: at(1),
	}
}

func cursor(scope plan.Scope, objects int) *state.Cursor {
	return &state.Cursor{Scope: scope, Name: "Contoso Ltd", Job: "licences", Run: "01J1", Outcome: "changed", At: at(2),
		Violations: []plan.Violation{{Code: "foreign", Message: "3 are not ours", Note: true}}, Applied: true, InStepAt: at(3), TroubleSince: at(2),
		Source: "5ou", Settings: "5e7", Counts: map[string]int{"users": 41}, Objects: objects}
}

func hold(scope plan.Scope, digest string, since int) *state.Hold {
	return &state.Hold{Scope: scope, Name: "Contoso Ltd", Job: "licences", Run: "01J1", Since: at(since), Digest: digest,
		Violations: []plan.Violation{{Code: "first_plan", Message: "read it", NeedsRepair: true}},
		Plan:       json.RawMessage(`{"outcome":"held","changes":[{"label":"A & B"}]}`)}
}

func entry(scope plan.Scope, run, label string) state.Entry {
	before, after := record("addition", "sku", "12").Object, record("addition", "sku", "14").Object
	return state.Entry{At: at(4), Run: run, Job: "licences", Scope: scope, Name: "Contoso Ltd", Action: plan.Update,
		Key: key("addition", "sku"), Label: label, Ref: "55/910", Reason: plan.ChangedAtSource, Before: state.ImageOf(&before), After: state.ImageOf(&after),
		Money: "44.00", Result: state.ResultDone, Message: "as asked", Digest: "7f3a91c2e004", By: "ada"}
}

func settlement(scope plan.Scope, k plan.Key, how string) *state.Settlement {
	return &state.Settlement{Settlement: plan.Settlement{Key: k, How: how, Ref: "77", Reason: "asked"}, Scope: scope, By: "ada", At: at(5)}
}

func commit(t *testing.T, store state.Store, cs ...*state.Commit) {
	t.Helper()
	if err := store.Commit(t.Context(), cs...); err != nil {
		t.Fatalf("committing: %v", err)
	}
}

func recall(t *testing.T, store state.Store, scope plan.Scope) *state.Memory {
	t.Helper()
	m, err := store.Recall(t.Context(), scope)
	if err != nil {
		t.Fatalf("recalling %s: %v", scope, err)
	}
	return m
}

func openSpans(t *testing.T, store state.Store, scope plan.Scope) []state.Span {
	t.Helper()
	spans, err := store.OpenSpans(t.Context(), scope)
	if err != nil {
		t.Fatalf("reading what lasts of %s: %v", scope, err)
	}
	return spans
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("listing: %v", err)
		}
		out = append(out, v)
	}
	return out
}

// wantEqual compares what was read with what was written: times as instants, plans as
// JSON; nil and an empty list are equal.
func wantEqual(t failer, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(want, got) {
		return // stricter than what follows, and far cheaper
	}
	if d := cmp.Diff(want, got, options...); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// A failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

var options = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type() != reflect.TypeFor[json.RawMessage]() }, cmpopts.EquateEmpty()),
	// By its type: any []byte could be passed to the transformer.
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type() == reflect.TypeFor[json.RawMessage]() },
		cmp.Transformer("json", func(r json.RawMessage) any {
			var v any
			if len(r) > 0 && json.Unmarshal(r, &v) != nil {
				return string(r)
			}
			return v
		})),
}

// wantUTC fails for a stored time that is not in UTC.
func wantUTC(t *testing.T, what string, times ...time.Time) {
	t.Helper()
	for _, at := range times {
		if _, offset := at.Zone(); offset != 0 {
			t.Errorf("%s: got %s, want UTC", what, at)
		}
	}
}

func labels(entries []state.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Label)
	}
	return out
}

func padded(i int) string { return fmt.Sprintf("%04d", i) }
