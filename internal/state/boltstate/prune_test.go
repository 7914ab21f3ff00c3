package boltstate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/state"
)

// The state of the last syncd of schema 6 opens, whole, and forgets as any other does.
func TestAStateOfSchema6Opens(t *testing.T) {
	packed, err := os.ReadFile("testdata/schema6.db.gz")
	must(t, err)
	from, err := gzip.NewReader(bytes.NewReader(packed))
	must(t, err)
	text, err := io.ReadAll(from)
	must(t, err)
	path := filepath.Join(t.TempDir(), "syncd.db")
	must(t, os.WriteFile(path, text, 0o600))
	former, err := openWith(path, Options{ReadOnly: true}, migrations[:6])
	if err != nil {
		t.Fatalf("it is none of schema 6: %v", err)
	}
	must(t, former.Close())
	s, err := Open(path, Options{})
	must(t, err)
	if found, now := s.Schema(); found != 6 || now != SchemaVersion {
		t.Errorf("got schema %d, then %d", found, now)
	}
	n, err := s.Verify(t.Context())
	if want := (state.Counts{Scopes: 3, Records: 3, Holds: 1, Entries: 9, Runs: 3, Spans: 5}); err != nil || n != want {
		t.Errorf("got %+v, %v, want %+v", n, err, want)
	}
	later := now.AddDate(1, 0, 0)
	if done, err := s.Prune(t.Context(), state.Retention{Now: later, Before: later, Quiet: later}); err != nil || done.Entries != 9 || done.Runs != 3 {
		t.Errorf("got %+v, %v", done, err)
	}
	if n, err := s.Verify(t.Context()); err != nil || n.Entries != 1 || n.Forgotten != 9 || n.Records != 3 {
		t.Errorf("got %+v, %v", n, err)
	}
	must(t, s.Close())
	if _, err := openWith(path, Options{}, migrations[:6]); !errors.Is(err, state.ErrNewer) {
		t.Errorf("with the syncd before: got %v, want ErrNewer", err)
	}
}

// A process that is killed while it forgets leaves lines that the journal says are gone. They
// verify, and the next one removes them.
func TestAPruneThatWasKilledGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(path, Options{})
	must(t, err)
	for i := range 6 {
		must(t, s.Commit(t.Context(), &state.Commit{Scope: contoso, Entries: []state.Entry{{At: now.Add(time.Duration(i) * time.Hour), Run: "01A", Label: fmt.Sprint(i)}}}))
	}
	must(t, s.Close())
	whole := map[string][]byte{}
	copyOf := func(bucket []byte, tx *bbolt.Tx) {
		must(t, tx.Bucket(bucket).ForEach(func(k, v []byte) error {
			whole[string(bucket)+"/"+string(k)] = bytes.Clone(v)
			return nil
		}))
	}
	edit(t, path, func(tx *bbolt.Tx) {
		for _, bucket := range [][]byte{bucketJournal, bucketCustomers, bucketRunLines} {
			copyOf(bucket, tx)
		}
	})
	s, err = Open(path, Options{})
	must(t, err)
	old := state.Retention{Now: now.AddDate(0, 0, 1), Before: now.Add(4 * time.Hour)}
	if done, err := s.Prune(t.Context(), old); err != nil || done.Entries != 4 {
		t.Fatalf("got %+v, %v, want four lines", done, err)
	}
	must(t, s.Close())
	edit(t, path, func(tx *bbolt.Tx) { // lines 3 and 4 are there again
		for _, seq := range []uint64{3, 4} {
			for bucket, key := range map[string][]byte{"journal": entryKey(seq), "customers": lineKey(contoso.Customer, seq), "run lines": lineKey("01A", seq)} {
				must(t, tx.Bucket([]byte(bucket)).Put(key, whole[bucket+"/"+string(key)]))
			}
		}
	})
	s, err = Open(path, Options{})
	must(t, err)
	defer s.Close()
	if n, err := s.Verify(t.Context()); err != nil || n.Entries != 5 || n.Forgotten != 2 {
		t.Errorf("got %+v, %v, want lines 3 to 7", n, err)
	}
	if done, err := s.Prune(t.Context(), old); err != nil || done.Entries != 2 {
		t.Errorf("got %+v, %v, want the two that were left", done, err)
	}
	if n, err := s.Verify(t.Context()); err != nil || n.Entries != 3 || n.Forgotten != 4 {
		t.Errorf("got %+v, %v, want lines 5 to 7", n, err)
	}
}

func TestCompactingThroughALinkReplacesTheFile(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	path, link := filepath.Join(elsewhere, "syncd.db"), filepath.Join(dir, "syncd.db")
	filled(t, path, 3)
	must(t, os.Symlink(path, link))
	s, err := Open(link, Options{})
	must(t, err)
	defer s.Close()
	if _, _, err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	only(t, elsewhere, "syncd.db")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 600", info.Mode(), err)
	}
	// It is locked as it was before.
	if _, err := Open(path, Options{Timeout: time.Millisecond}); !errors.Is(err, state.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
}
