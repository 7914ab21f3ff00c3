package boltstate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

var contoso = plan.Scope{Customer: "contoso", Target: "connectwise"}

func record(id string) plan.Record {
	return plan.Record{Object: plan.Object{Key: plan.Key{Kind: "user", ID: id}, Label: "Ada Example", Ref: "4711",
		Fields: plan.Set("email", id+"@contoso.example", "title", "Engineer")}, Origin: plan.Created, Run: "01J1"}
}

// filled makes a state with n records of a scope and a journal line, and closes it.
func filled(t testing.TB, path string, n int) {
	t.Helper()
	s, err := Open(path, Options{})
	must(t, err)
	c := &state.Commit{Scope: contoso, Cursor: &state.Cursor{Objects: n}, Entries: []state.Entry{{Label: "first"}}}
	for i := range n {
		c.Put = append(c.Put, record(fmt.Sprintf("%06d", i)))
	}
	must(t, s.Commit(t.Context(), c))
	must(t, s.Close())
}

func TestOpenSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	tests := []struct {
		name string
		// path prepares what is to be opened in an empty directory.
		path     func(t *testing.T, dir string) string
		readOnly bool
		is       error // nil: any
		says     []string
	}{
		{"a directory that is missing", func(t *testing.T, dir string) string {
			return filepath.Join(dir, "var", "syncd.db")
		}, false, fs.ErrNotExist, []string{"var does not exist", "create it"}},
		{"a path that is a directory", func(t *testing.T, dir string) string { return dir }, false, nil, []string{"it is a directory", "state.path names a file"}},
		{"a device", func(t *testing.T, dir string) string { return os.DevNull }, false, nil, []string{"device or pipe"}},
		{"nothing there, opened for reading", func(t *testing.T, dir string) string { return filepath.Join(dir, "syncd.db") }, true, fs.ErrNotExist,
			[]string{"no state yet", "syncd serve"}},
		{"a directory that is missing, opened for reading", func(t *testing.T, dir string) string { return filepath.Join(dir, "var", "syncd.db") }, true, fs.ErrNotExist,
			[]string{"create it"}},
		{"a link to nowhere", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "syncd.db")
			must(t, os.Symlink(filepath.Join(dir, "unmounted.db"), path))
			return path
		}, false, fs.ErrNotExist, []string{"a link to something that does not exist"}},
		{"an empty file", written(nil), false, state.ErrCorrupt, []string{"is empty", "remove it", "syncd state restore FILE"}},
		{"a text file", written([]byte(strings.Repeat("customer,tenant_id\n", 3000))), false, state.ErrCorrupt, []string{"not a state file", "syncd state restore FILE"}},
		{"a file of one byte", written([]byte{0}), false, state.ErrCorrupt, []string{"not a state file"}},
		{"a file of zeroes", written(make([]byte, 1<<16)), false, state.ErrCorrupt, []string{"not a state file"}},
		{"a file that is cut short", edited(func(b []byte) []byte { return b[:32<<10] }), false, state.ErrCorrupt, []string{"cut short", "32768 bytes", "syncd state restore FILE"}},
		{"a file cut within its first page", edited(func(b []byte) []byte { return b[:100] }), false, state.ErrCorrupt, []string{"cut short"}},
		{"garbage where the first pages were", edited(func(b []byte) []byte {
			for i := range 2 * os.Getpagesize() {
				b[i] = byte(i * 7)
			}
			return b
		}), false, state.ErrCorrupt, []string{"syncd state restore FILE"}},
		{"wrong checksums in both first pages", edited(func(b []byte) []byte {
			b[pageHeader+metaSum] ^= 1
			b[os.Getpagesize()+pageHeader+metaSum] ^= 1
			return b
		}), false, state.ErrCorrupt, []string{"neither of its first two pages is whole"}},
		{"a broken free list", edited(func(b []byte) []byte {
			found, err := validMetas(strings.NewReader(string(b)), int64(len(b)))
			if err != nil {
				panic(err)
			}
			for _, m := range found {
				native.PutUint16(b[int64(m.freelist)*m.pageSize+8:], flagLeaf)
			}
			return b
		}), false, state.ErrCorrupt, []string{"is no free list"}},
		{"another program's bbolt file", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "other.db")
			edit(t, path, func(tx *bbolt.Tx) {
				_, err := tx.CreateBucket([]byte("theirs"))
				must(t, err)
			})
			return path
		}, false, state.ErrCorrupt, []string{"none of syncd's"}},
		{"a newer syncd's file", schema("8"), false, state.ErrNewer, []string{"schema 8", "install that version"}},
		{"a newer syncd's file, opened for reading", schema("8"), true, state.ErrNewer, []string{"schema 8"}},
		{"an older syncd's file, opened for reading", schema("0"), true, nil, []string{"syncd state migrate"}},
		{"a schema that is no number", schema("new"), false, state.ErrCorrupt, []string{"no schema version"}},
		{"a file in use", inUse(false), false, state.ErrLocked, []string{"stop the other syncd", "socket"}},
		{"a file in use, opened for reading", inUse(false), true, state.ErrLocked, []string{"stop the other syncd"}},
		{"a file that is being read", inUse(true), false, state.ErrLocked, []string{"stop the other syncd"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t, t.TempDir())
			s, err := Open(path, Options{ReadOnly: tt.readOnly, Timeout: time.Nanosecond})
			if err == nil {
				s.Close()
				t.Fatal("got no error")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want a %v", err, tt.is)
			}
			for _, want := range append(tt.says, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
			if errors.Is(err, state.ErrLocked) || path == os.DevNull {
				return
			}
			// Whatever was wrong, no lock stays behind.
			if f, err := os.Open(path); err == nil {
				defer f.Close()
				if err := lock(f, true, 0); err != nil {
					t.Errorf("locking it afterwards: got %v", err)
				}
			}
		})
	}
}

func written(content []byte) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "syncd.db")
		must(t, os.WriteFile(path, content, 0o600))
		return path
	}
}

func edited(change func([]byte) []byte) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "syncd.db")
		filled(t, path, 2000)
		content, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, change(content), 0o600))
		return path
	}
}

func schema(version string) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "syncd.db")
		filled(t, path, 1)
		edit(t, path, func(tx *bbolt.Tx) { must(t, tx.Bucket(bucketMeta).Put(keySchema, []byte(version))) })
		return path
	}
}

func inUse(readOnly bool) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		path := filepath.Join(dir, "syncd.db")
		filled(t, path, 1)
		s, err := Open(path, Options{ReadOnly: readOnly})
		must(t, err)
		t.Cleanup(func() { s.Close() })
		return path
	}
}

func TestErrorsOfTheDiskSayWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"no permission", explainOpen("/srv/syncd.db", &fs.PathError{Op: "open", Path: "/srv/syncd.db", Err: syscall.EACCES}), "give /srv and the file in it to the user"},
		{"a read-only disk", explainOpen("/srv/syncd.db", &fs.PathError{Op: "open", Path: "/srv/syncd.db", Err: syscall.EROFS}), "mount it writable"},
		{"a full disk while writing", explain("/srv/syncd.db", &fs.PathError{Op: "write", Path: "/srv/syncd.db", Err: syscall.ENOSPC}), "/srv/syncd.db: the disk is full: no space left on device; nothing of this step was stored"},
		{"a full disk while the file grows", explain("/srv/syncd.db", fmt.Errorf("file resize error: %s", syscall.ENOSPC)), "the disk is full"},
		{"a quota", explain("/srv/syncd.db", &fs.PathError{Op: "write", Path: "/srv/syncd.db", Err: syscall.EDQUOT}), "the disk quota is used up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("got %q, want it to say %q", tt.err, tt.want)
			}
		})
	}
}

func TestANewStateIsTheOwnersAloneAndLeavesNothingBesideIt(t *testing.T) {
	dir := t.TempDir()
	filled(t, filepath.Join(dir, "syncd.db"), 1)
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("got %v in the directory, want the state alone", entries)
	}
	info, err := entries[0].Info()
	must(t, err)
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("got mode %o, want 600", got)
	}
}

func TestOfTwoThatMakeAStateAtOnceOneWins(t *testing.T) {
	dir := t.TempDir()
	path, temp := filepath.Join(dir, "syncd.db"), filepath.Join(dir, "temp")
	filled(t, path, 3)
	must(t, os.WriteFile(temp, nil, 0o600))
	must(t, linkUnlessExists(temp, path))
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	if n, err := s.Verify(t.Context()); err != nil || n.Records != 3 {
		t.Errorf("got %+v, %v, want the state that was there first", n, err)
	}
}

func TestOpenWaitsForTheOtherToLetGo(t *testing.T) {
	for _, tt := range []struct {
		name      string
		held      time.Duration
		timeout   time.Duration
		wantError bool
	}{
		{"it lets go within the second that is the default", 900 * time.Millisecond, 0, false},
		{"it does not", 1100 * time.Millisecond, 0, true},
		{"we wait longer", 1100 * time.Millisecond, 2 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "syncd.db")
			filled(t, path, 1)
			synctest.Test(t, func(t *testing.T) {
				first, err := Open(path, Options{})
				must(t, err)
				time.AfterFunc(tt.held, func() { first.Close() })
				second, err := Open(path, Options{Timeout: tt.timeout})
				if tt.wantError != errors.Is(err, state.ErrLocked) {
					t.Errorf("got %v, want locked: %v", err, tt.wantError)
				}
				if second != nil {
					second.Close()
				}
				time.Sleep(tt.held)
				synctest.Wait()
			})
		})
	}
}

func TestWhoWaitedForALockFindsTheFileThatWasPutThereMeanwhile(t *testing.T) {
	dir := t.TempDir()
	path, restored := filepath.Join(dir, "syncd.db"), filepath.Join(dir, "restored.db")
	filled(t, path, 3)
	filled(t, restored, 5)
	synctest.Test(t, func(t *testing.T) {
		old, err := openLocked(path, false, time.Second)
		must(t, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if got := records(t, path); got != 5 {
				t.Errorf("got %d records, want the 5 of the new file", got)
			}
		}()
		synctest.Wait() // it has the old file open and waits
		must(t, os.Rename(restored, path))
		unlock(old)
		must(t, old.Close())
		<-done
	})
}

func TestAFileOpenedForReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3)
	must(t, os.Chmod(path, 0o400))
	before, err := os.ReadFile(path)
	must(t, err)
	s, err := Open(path, Options{ReadOnly: true})
	must(t, err)
	other, err := Open(path, Options{ReadOnly: true})
	must(t, err)
	must(t, other.Close())
	if n, err := s.Verify(t.Context()); err != nil || n.Records != 3 {
		t.Errorf("got %+v, %v, want three records", n, err)
	}
	for what, err := range map[string]error{
		"Commit":      s.Commit(t.Context(), &state.Commit{Scope: contoso, ClearHold: true}),
		"Decide":      s.Decide(t.Context(), contoso, "d", state.Decision{}),
		"Settle":      s.Settle(t.Context(), contoso, plan.Key{Kind: "user", ID: "a"}, nil),
		"PutRun":      s.PutRun(t.Context(), state.Run{ID: "01J1"}),
		"PutDocument": s.PutDocument(t.Context(), state.Document{Name: "links"}),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: got %v, want ErrReadOnly", what, err)
		}
	}
	must(t, s.Close())
	after, err := os.ReadFile(path)
	must(t, err)
	if string(before) != string(after) {
		t.Error("the file was changed")
	}
}

func TestAfterCloseEverythingSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	s, err := Open(path, Options{})
	must(t, err)
	must(t, s.Close())
	must(t, s.Close())
	_, recalling := s.Recall(t.Context(), contoso)
	_, verifying := s.Verify(t.Context())
	var listing error
	for _, err := range s.Cursors(t.Context()) {
		listing = err
	}
	for what, err := range map[string]error{
		"Recall": recalling, "Verify": verifying, "Cursors": listing,
		"Commit": s.Commit(t.Context(), &state.Commit{Scope: contoso, ClearHold: true}),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", what, err)
		}
	}
}
