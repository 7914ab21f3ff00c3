package boltstate

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// unpacked is a state that an earlier syncd wrote.
func unpacked(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	text, err := io.ReadAll(z)
	must(t, err)
	path := filepath.Join(t.TempDir(), "syncd.db")
	must(t, os.WriteFile(path, text, 0o600))
	return path
}

// schema2.db.gz is what the last syncd of schema 2 wrote: records of every target
// with all that they could remember, an approved plan, and a journal.
func TestAStateOfSchema2IsBroughtUpToDate(t *testing.T) {
	path := unpacked(t, "schema2.db.gz")
	lines := map[string]string{}
	edit(t, path, func(tx *bbolt.Tx) { // before anything of ours opens it
		must(t, tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error { lines[string(k)] = string(v); return nil }))
	})
	if _, err := Open(path, Options{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "syncd state migrate") {
		t.Errorf("opened for reading only: got %v, want what to type", err)
	}
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	if found, now := s.Schema(); found != 2 || now != SchemaVersion {
		t.Errorf("got schema %d, then %d", found, now)
	}
	if n, err := s.Verify(t.Context()); err != nil || n.Records != 8 || n.Entries != 4 || n.Holds != 1 {
		t.Errorf("got %+v, %v; want it whole, the journal's chain included", n, err)
	}
	must(t, s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketJournal).ForEach(func(k, v []byte) error {
			if lines[string(k)] != string(v) {
				t.Errorf("%s of the journal was changed", formatKey(k))
			}
			return nil
		})
	}))

	var got []string
	for _, target := range []string{"cipp", "connectwise", "itglue", "scim/cinode"} {
		m, err := s.Recall(t.Context(), plan.Scope{Customer: "contoso", Target: target})
		must(t, err)
		for _, r := range m.Records {
			text, err := json.Marshal(r)
			must(t, err)
			got = append(got, target+" "+string(text))
		}
		if target == "connectwise" && !m.Hold.Approved("c221d43e47ba") {
			t.Errorf("got the hold %+v, want its approval", m.Hold)
		}
	}
	want, err := os.ReadFile(filepath.Join("testdata", "schema4.jsonl"))
	must(t, err)
	if text := strings.Join(got, "\n") + "\n"; text != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	var e state.Entry
	for e, err = range s.Journal(t.Context(), state.JournalFilter{Target: "connectwise"}) {
		must(t, err)
	}
	if e.Before.Facts["unit_price"] != "22.5" || e.Before.Facts["updated_by"] != "jdoe" {
		t.Errorf("the first line of the journal shows %v, want what people saw then", e.Before.Facts)
	}
}
