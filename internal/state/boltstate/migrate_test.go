package boltstate

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

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
		return openWith(path, Options{}, append([]migration{createBuckets}, steps...))
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
	if !errors.Is(err, refused) || !strings.Contains(err.Error(), "from schema 2 to 3") {
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

func TestThereIsAMigrationToEverySchema(t *testing.T) {
	if len(migrations) != SchemaVersion {
		t.Errorf("got %d migrations, want one to each of %d schemas", len(migrations), SchemaVersion)
	}
}
