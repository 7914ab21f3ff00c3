package boltstate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

func TestAnOlderFileIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3)
	// Schema 0, as if a syncd before the first had kept no tables and no runs.
	edit(t, path, func(tx *bbolt.Tx) {
		must(t, tx.DeleteBucket(bucketDocuments))
		must(t, tx.DeleteBucket(bucketRuns))
		must(t, tx.Bucket(bucketMeta).Put(keySchema, []byte("0")))
	})
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	if found, now := s.Schema(); found != 0 || now != SchemaVersion {
		t.Errorf("got schema %d, then %d, want 0, then %d", found, now, SchemaVersion)
	}
	must(t, s.PutDocument(t.Context(), state.Document{Name: "links"}))
	if n, err := s.Verify(t.Context()); err != nil || n.Records != 3 || n.Entries != 1 {
		t.Errorf("got %+v, %v, want what was there before", n, err)
	}
}

func TestMigrationsRunOnceEachInOrderAndAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3)
	var ran []string
	note := func(what string, err error) migration {
		return func(tx *bbolt.Tx) error {
			ran = append(ran, what)
			if err := tx.Bucket(bucketMeta).Put([]byte(what), []byte("was here")); err != nil {
				return err
			}
			return err
		}
	}
	open := func(steps ...migration) (*Store, error) {
		return openWith(path, Options{}, append(slices.Clip(migrations), steps...))
	}
	left := func(s *Store, what string) (there bool) {
		must(t, s.db.View(func(tx *bbolt.Tx) error {
			there = tx.Bucket(bucketMeta).Get([]byte(what)) != nil
			return nil
		}))
		return there
	}

	refused := errors.New("a record it does not understand")
	_, err := open(note("second", nil), note("third", refused))
	if !errors.Is(err, refused) || !strings.Contains(err.Error(), fmt.Sprintf("from schema %d to %d", SchemaVersion+1, SchemaVersion+2)) {
		t.Errorf("got %v, want the migration's own error and which it was", err)
	}
	s, err := open()
	must(t, err)
	if left(s, "second") {
		t.Error("half of the migrations were kept")
	}
	must(t, s.Close())

	ran = nil
	for _, steps := range [][]migration{{note("second", nil)}, {note("second", nil), note("third", nil)}, {note("second", nil), note("third", nil)}} {
		s, err = open(steps...)
		must(t, err)
		must(t, s.Close())
	}
	if got := strings.Join(ran, ", "); got != "second, third" {
		t.Errorf("got %q, want each once, in order", got)
	}
	if _, err = open(); !errors.Is(err, state.ErrNewer) {
		t.Errorf("opening it with the syncd before: got %v, want ErrNewer", err)
	}
}

func TestAStateThatLostItsTablesIsNotAnEmptyOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 1)
	s, err := Open(path, Options{})
	must(t, err)
	if d, err := s.Document(t.Context(), "links"); err != nil || d.Version != 0 {
		t.Errorf("got %+v, %v of a table that nobody wrote", d, err)
	}
	must(t, s.PutDocument(t.Context(), state.Document{Name: "links", Body: []byte("{}")}))
	must(t, s.Close())
	// As the syncd before left it, which noted no names.
	edit(t, path, func(tx *bbolt.Tx) {
		must(t, tx.Bucket(bucketMeta).Delete(keyDocuments))
		must(t, tx.Bucket(bucketMeta).Put(keySchema, []byte("1")))
	})
	s, err = Open(path, Options{})
	must(t, err)
	if d, err := s.Document(t.Context(), "links"); err != nil || d.Version != 1 || string(d.Body) != "{}" {
		t.Errorf("got %+v, %v after the migration", d, err)
	}
	must(t, s.Close())
	edit(t, path, func(tx *bbolt.Tx) { must(t, tx.Bucket(bucketDocuments).Delete([]byte("links"))) })
	s, err = Open(path, Options{})
	must(t, err)
	defer s.Close()
	if _, err := s.Document(t.Context(), "links"); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("reading: got %v, want ErrCorrupt", err)
	}
	if err := s.PutDocument(t.Context(), state.Document{Name: "links"}); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("writing as if it were new: got %v, want ErrCorrupt", err)
	}
	if _, err := s.Verify(t.Context()); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("verifying: got %v, want ErrCorrupt", err)
	}
}

func TestTheLedgerOfAFormerStateBeginsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3)
	edit(t, path, func(tx *bbolt.Tx) { // as the syncd before it left it
		must(t, tx.DeleteBucket(bucketSpans))
		must(t, tx.Bucket(bucketMeta).Put(keySchema, []byte("2")))
	})
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	spans, err := s.OpenSpans(t.Context(), contoso)
	must(t, err)
	if m := mustRecall(t, s); len(m.Records) != 3 || len(spans) != 0 {
		t.Errorf("got %d records and %d spans, want 3 and none", len(m.Records), len(spans))
	}
	one := state.Span{Key: record("000000").Key, From: now, Known: true}
	must(t, s.Commit(t.Context(), &state.Commit{Scope: contoso, Spans: []state.Span{one}}))
	if n, err := s.Verify(t.Context()); err != nil || n.Spans != 1 || n.Records != 3 {
		t.Errorf("got %+v, %v, want what was there before and a span", n, err)
	}
}

func TestTheJournalOfAFormerStateIsFoundByCustomerAndRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(path, Options{})
	must(t, err)
	fabrikam := plan.Scope{Customer: "fabrikam", Target: "connectwise"}
	for i := range 3 {
		must(t, s.Commit(t.Context(), &state.Commit{Scope: contoso, Entries: []state.Entry{{Label: fmt.Sprint(i), Run: "one"}}}, &state.Commit{Scope: fabrikam, Entries: []state.Entry{{Label: "other", Run: "two"}}}))
	}
	must(t, s.PutDocument(t.Context(), state.Document{Name: "links"}, state.Entry{Label: "about all"}))
	must(t, s.Close())
	edit(t, path, func(tx *bbolt.Tx) { // as the syncd before it left it
		must(t, tx.DeleteBucket(bucketCustomers))
		must(t, tx.DeleteBucket(bucketRunLines))
		must(t, tx.Bucket(bucketMeta).Put(keySchema, []byte("4")))
	})
	s, err = Open(path, Options{})
	must(t, err)
	must(t, s.Commit(t.Context(), &state.Commit{Scope: contoso, Entries: []state.Entry{{Label: "3", Run: "two"}}}))
	var labels []string
	for e, err := range s.Journal(t.Context(), state.JournalFilter{Customer: contoso.Customer}) {
		must(t, err)
		labels = append(labels, e.Label)
	}
	if got := strings.Join(labels, " "); got != "3 2 1 0" {
		t.Errorf("got %q, want all of the customer's and no others, newest first", got)
	}
	labels = nil
	for e, err := range s.Journal(t.Context(), state.JournalFilter{Run: "two"}) {
		must(t, err)
		labels = append(labels, e.Label)
	}
	if got := strings.Join(labels, " "); got != "3 other other other" {
		t.Errorf("got %q, want all of the run's and no others, newest first", got)
	}
	if n, err := s.Verify(t.Context()); err != nil || n.Entries != 8 {
		t.Errorf("got %+v, %v, want eight lines", n, err)
	}
	must(t, s.Close())
	for what, damage := range map[string]func(customers, runs *bbolt.Bucket) error{
		"one that is missing":    func(b, _ *bbolt.Bucket) error { return b.Delete(lineKey("fabrikam", 2)) },
		"one that nothing is at": func(b, _ *bbolt.Bucket) error { return b.Put(lineKey("fabrikam", 99), []byte{}) },
		"one of somebody else's": func(b, _ *bbolt.Bucket) error { return b.Put(lineKey("contoso", 2), []byte{}) },
		"one missing of a run":   func(_, b *bbolt.Bucket) error { return b.Delete(lineKey("two", 2)) },
		"one of another run":     func(_, b *bbolt.Bucket) error { return b.Put(lineKey("one", 2), []byte{}) },
	} {
		t.Run(what, func(t *testing.T) {
			broken := filepath.Join(t.TempDir(), "syncd.db")
			text, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(broken, text, 0o600))
			edit(t, broken, func(tx *bbolt.Tx) { must(t, damage(tx.Bucket(bucketCustomers), tx.Bucket(bucketRunLines))) })
			s, err := Open(broken, Options{})
			must(t, err)
			defer s.Close()
			if _, err := s.Verify(t.Context()); !errors.Is(err, state.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestThereIsAMigrationToEverySchema(t *testing.T) {
	if len(migrations) != SchemaVersion {
		t.Errorf("got %d migrations, want one to each of %d schemas", len(migrations), SchemaVersion)
	}
}
