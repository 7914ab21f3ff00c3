package boltstate

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// TestNoDamageEndsTheProcessOrPassesForTruth spoils a file in random ways. It
// must not open, or not verify, or still hold nothing but what was written;
// and reading it must never panic, fault or hang.
func TestNoDamageEndsTheProcessOrPassesForTruth(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	filled(t, whole, 150)
	s, err := Open(whole, Options{})
	must(t, err)
	for i := range 40 { // several scopes, some of them within their parent's page, and free pages
		scope := plan.Scope{Customer: "customer" + string(rune('A'+i)), Target: "itglue"}
		must(t, s.Commit(t.Context(), &state.Commit{Scope: scope, Put: []plan.Record{record("a"), record("b")}, Hold: &state.Hold{Digest: "d"}, Entries: []state.Entry{{Label: "x"}}}))
	}
	links := []byte(strings.Repeat(`{"rows":[]}`, 700))
	must(t, s.PutDocument(t.Context(), state.Document{Name: "links", Body: links}))
	must(t, s.PutDocument(t.Context(), state.Document{Name: "products", Body: []byte("{}")}))
	m, err := s.Recall(t.Context(), contoso)
	must(t, err)
	truth := map[plan.Key]string{}
	for _, r := range m.Records {
		truth[r.Key] = spelled(t, r)
	}
	must(t, s.Close())
	content, err := os.ReadFile(whole)
	must(t, err)
	used := content[:lastByte(content)]

	page := os.Getpagesize()
	opened, verified := 0, 0
	const first, rounds = 200, 200 // among them some whose links read as none at all
	for seed := uint64(first); seed < first+rounds; seed++ {
		r := rand.New(rand.NewPCG(seed, 1))
		b := append([]byte{}, content...)
		at := r.IntN(len(used)/page) * page
		switch seed % 5 {
		case 0: // a few flipped bits
			for range 1 + r.IntN(8) {
				b[r.IntN(len(used))] ^= 1 << r.IntN(8)
			}
		case 1: // a page of noise, its header left alone
			for i := at + pageHeader; i < at+page; i++ {
				b[i] = byte(r.Uint32())
			}
		case 2: // a page of nothing
			clear(b[at : at+page])
		case 3: // a page that was written in the place of another
			copy(b[at:at+page], b[r.IntN(len(used)/page)*page:][:page])
		case 4: // a page whose header and first elements are noise
			for i := at; i < at+200; i++ {
				b[i] = byte(r.Uint32())
			}
		}
		path := filepath.Join(dir, "spoilt.db")
		must(t, os.WriteFile(path, b, 0o600))
		s, err := Open(path, Options{})
		if err != nil {
			if !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, state.ErrNewer) {
				t.Errorf("seed %d: opening: got %v, want ErrCorrupt", seed, err)
			}
			continue
		}
		opened++
		m, err := s.Recall(t.Context(), contoso)
		if err != nil && !errors.Is(err, state.ErrCorrupt) {
			t.Errorf("seed %d: recalling: got %v, want ErrCorrupt", seed, err)
		}
		if err == nil {
			for _, r := range m.Records {
				if got := spelled(t, r); got != truth[r.Key] {
					t.Errorf("seed %d: got the record %s, want %s", seed, got, truth[r.Key])
				}
			}
		}
		doc, err := s.Document(t.Context(), "links")
		if err == nil && string(doc.Body) != string(links) || err != nil && !errors.Is(err, state.ErrCorrupt) {
			t.Errorf("seed %d: got %d bytes of links, %v; want all of them or ErrCorrupt", seed, len(doc.Body), err)
		}
		if _, err := s.Verify(t.Context()); err == nil {
			verified++ // the damage lay in a free page or in nobody's bytes
			if m == nil || len(m.Records) != len(truth) {
				t.Errorf("seed %d: it verifies, and records are missing", seed)
			}
		} else if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), "syncd state restore FILE") {
			t.Errorf("seed %d: verifying: got %v, want ErrCorrupt and what to do", seed, err)
		}
		s.Close()
	}
	t.Logf("%d damaged files: %d opened, %d of them verified", rounds, opened, verified)
	if opened < rounds/4 || verified > rounds/2 {
		t.Errorf("got %d files opened and %d verified of %d: the damage is too blunt or goes unseen", opened, verified, rounds)
	}
}

func spelled(t *testing.T, r plan.Record) string {
	t.Helper()
	text, err := json.Marshal(r)
	must(t, err)
	return string(text)
}

// lastByte is where the content ends; what follows was only laid out.
func lastByte(content []byte) int {
	n := len(content)
	for n > 0 && content[n-1] == 0 {
		n--
	}
	page := os.Getpagesize()
	return (n + page - 1) / page * page
}

func TestVerifyFindsAPageThatIsBothFreeAndInUse(t *testing.T) {
	// The next commit would write over it; every value still reads well.
	path := edited(func(b []byte) []byte {
		found, err := validMetas(strings.NewReader(string(b)), int64(len(b)))
		must(t, err)
		for _, m := range found {
			list := b[int64(m.freelist)*m.pageSize:]
			if native.Uint16(list[10:]) == 0 {
				native.PutUint16(list[10:], 1)
			}
			native.PutUint64(list[pageHeader:], m.root)
		}
		return b
	})(t, t.TempDir())
	s, err := Open(path, Options{ReadOnly: true})
	must(t, err)
	defer s.Close()
	if len(mustRecall(t, s).Records) != 2000 {
		t.Error("recalling: got less than was written")
	}
	if _, err := s.Verify(t.Context()); !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), "in use, or free, twice") {
		t.Errorf("verifying: got %v, want ErrCorrupt naming the page", err)
	}
}

func TestAFileThatShrinksUnderUsIsDamageAndNotACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3000)
	s, err := Open(path, Options{})
	must(t, err)
	must(t, os.Truncate(path, 4*int64(os.Getpagesize())))
	if _, err := s.Recall(t.Context(), contoso); !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("recalling: got %v, want ErrCorrupt naming %s", err, path)
	}
	if _, err := s.Verify(t.Context()); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("verifying: got %v, want ErrCorrupt", err)
	}
	must(t, s.Close())
}

func TestAfterAPanicWhileWritingTheStoreIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3)
	s, err := Open(path, Options{})
	must(t, err)
	err = s.update(t.Context(), "storing", func(*bbolt.Tx) error { panic("page 7 already freed") })
	if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), "page 7 already freed") || !strings.Contains(err.Error(), remedy) {
		t.Errorf("got %v, want ErrCorrupt with bbolt's words and what to do", err)
	}
	if _, err := s.Recall(t.Context(), contoso); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("recalling afterwards: got %v, want ErrCorrupt", err)
	}
	if err := s.Commit(t.Context(), &state.Commit{Scope: contoso, ClearHold: true}); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("committing afterwards: got %v, want ErrCorrupt", err)
	}
	must(t, s.Close())
	if got := records(t, path); got != 3 { // the lock is free, the file whole
		t.Errorf("got %d records, want 3", got)
	}
}

func TestVerifyNamesWhatIsOutOfPlace(t *testing.T) {
	other := plan.Scope{Customer: "fabrikam", Target: "connectwise"}
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, tx *bbolt.Tx)
		want   string
	}{
		{"a record without its checksum", func(t *testing.T, tx *bbolt.Tx) {
			must(t, tx.Bucket(bucketRecords).Bucket(scopeKey(contoso)).Put(recordKey(record("000001").Key), []byte("{}")))
		}, `records: "contoso connectwise": "user 000001"`},
		{"a record that is no JSON", func(t *testing.T, tx *bbolt.Tx) {
			key := recordKey(record("000001").Key)
			must(t, tx.Bucket(bucketRecords).Bucket(scopeKey(contoso)).Put(key, seal(recordSealKey(scopeKey(contoso), key), []byte("{"))))
		}, `"user 000001"`},
		{"records under another scope's name", func(t *testing.T, tx *bbolt.Tx) {
			b, err := tx.Bucket(bucketRecords).CreateBucket(scopeKey(other))
			must(t, err)
			must(t, tx.Bucket(bucketRecords).Bucket(scopeKey(contoso)).ForEach(b.Put))
		}, `records: "fabrikam connectwise": "user 000000"`},
		{"a cursor under another scope's name", func(t *testing.T, tx *bbolt.Tx) {
			must(t, put(tx, bucketCursors, scopeKey(other), state.Cursor{Scope: contoso}))
		}, `cursors: "fabrikam connectwise"`},
		{"a table that is cut short", func(t *testing.T, tx *bbolt.Tx) {
			must(t, tx.Bucket(bucketDocuments).Put([]byte("links"), seal([]byte("links"), []byte("x"))))
		}, `documents: "links"`},
		{"a bucket that is missing", func(t *testing.T, tx *bbolt.Tx) { must(t, tx.DeleteBucket(bucketRuns)) }, "bucket runs is missing"},
		{"a line that was added", func(t *testing.T, tx *bbolt.Tx) {
			end, err := chainEnd(tx)
			must(t, err)
			e := end.Append(state.Entry{Label: "forged"})
			must(t, put(tx, bucketJournal, entryKey(e.Seq), e))
		}, "line 2 was added"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "syncd.db")
			filled(t, path, 3)
			edit(t, path, func(tx *bbolt.Tx) { tt.damage(t, tx) })
			s, err := Open(path, Options{ReadOnly: true})
			must(t, err)
			defer s.Close()
			_, err = s.Verify(t.Context())
			if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want ErrCorrupt naming %s and %s", err, path, tt.want)
			}
		})
	}
}
