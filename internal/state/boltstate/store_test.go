package boltstate

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/statetest"
)

func openTest(t *testing.T, path string) state.Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) { statetest.Run(t, openTest) }

// A store that is opened for each operation anew behaves alike.
func TestOnDemandConformance(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T, path string) state.Store {
		return state.OnDemand(func() (state.Store, error) {
			s, err := Open(path, Options{})
			if err != nil {
				return nil, err
			}
			return s, nil
		}, 0)
	})
}

func TestAnOnDemandStoreLocksTheFileDuringOperationsOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	opens := 0
	onDemand := state.OnDemand(func() (state.Store, error) {
		opens++
		s, err := Open(path, Options{Timeout: 10 * time.Millisecond})
		if err != nil {
			return nil, err
		}
		return s, nil
	}, 200*time.Millisecond)
	if _, err := onDemand.Document(t.Context(), "links"); err != nil {
		t.Fatal(err)
	}
	other := openTest(t, path) // which locks the file
	if _, err := onDemand.Document(t.Context(), "links"); !errors.Is(err, state.ErrLocked) || opens < 3 {
		t.Errorf("got %v after %d attempts, want ErrLocked after a while", err, opens)
	}
	time.AfterFunc(50*time.Millisecond, func() { other.Close() })
	if _, err := onDemand.Document(t.Context(), "links"); err != nil {
		t.Errorf("got %v, want it to have waited for the other", err)
	}
}

func TestBackup(t *testing.T) { statetest.RunBackup(t, openTest) }

func TestKilled(t *testing.T) { statetest.RunKilled(t, openTest) }

func TestDamage(t *testing.T) {
	flip := func(t *testing.T, b *bbolt.Bucket, key []byte) {
		value := bytes.Clone(b.Get(key))
		value[len(value)/2] ^= 1
		must(t, b.Put(key, value))
	}
	statetest.RunDamage(t, openTest, statetest.Damage{
		FlipEntry: func(t *testing.T, path string, seq uint64) {
			edit(t, path, func(tx *bbolt.Tx) { flip(t, tx.Bucket(bucketJournal), entryKey(seq)) })
		},
		FakeEntry: func(t *testing.T, path string, seq uint64) {
			edit(t, path, func(tx *bbolt.Tx) {
				key := entryKey(seq)
				text, err := unseal(key, tx.Bucket(bucketJournal).Get(key))
				must(t, err)
				must(t, tx.Bucket(bucketJournal).Put(key, seal(key, bytes.Replace(text, []byte("44.00"), []byte("04.00"), 1))))
			})
		},
		DropEntry: func(t *testing.T, path string, seq uint64) {
			edit(t, path, func(tx *bbolt.Tx) { must(t, tx.Bucket(bucketJournal).Delete(entryKey(seq))) })
		},
		FlipRecord: func(t *testing.T, path string, scope plan.Scope, k plan.Key) {
			edit(t, path, func(tx *bbolt.Tx) { flip(t, tx.Bucket(bucketRecords).Bucket(scopeKey(scope)), recordKey(k)) })
		},
		FlipSpan: func(t *testing.T, path string, s *state.Span) {
			edit(t, path, func(tx *bbolt.Tx) { flip(t, tx.Bucket(bucketSpans), spanKey(s)) })
		},
	})
}

func TestABackupOverASlowLineHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 10)
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	large := record("large")
	large.Label = strings.Repeat("x", 4<<20)
	n := 0
	err = s.Backup(t.Context(), writerFunc(func(p []byte) (int, error) {
		// Were the mapping as small as the file, this would wait for the backup.
		if n++; n == 1 {
			must(t, s.Commit(t.Context(), &state.Commit{Scope: contoso, Put: []plan.Record{large}}))
		}
		return len(p), nil
	}))
	must(t, err)
	if got := len(mustRecall(t, s).Records); got != 11 {
		t.Errorf("got %d records, want 11", got)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func mustRecall(t *testing.T, s *Store) *state.Memory {
	t.Helper()
	m, err := s.Recall(t.Context(), contoso)
	must(t, err)
	return m
}

func TestAScopeWithoutRecordsLeavesNoBucket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 2)
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	must(t, s.Commit(t.Context(), &state.Commit{Scope: contoso, Drop: []plan.Key{record("000000").Key, record("000001").Key}}))
	must(t, s.db.View(func(tx *bbolt.Tx) error {
		if k, _ := tx.Bucket(bucketRecords).Cursor().First(); k != nil {
			t.Errorf("got the bucket %q, want none", k)
		}
		return nil
	}))
}

// edit changes a file behind the store's back.
func edit(t *testing.T, path string, fn func(*bbolt.Tx)) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error { fn(tx); return nil }))
	must(t, db.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
