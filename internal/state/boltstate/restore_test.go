package boltstate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// records opens a state and counts its records.
func records(t *testing.T, path string) int {
	t.Helper()
	s, err := Open(path, Options{})
	must(t, err)
	defer s.Close()
	n, err := s.Verify(t.Context())
	must(t, err)
	return n.Records
}

// backup makes a backup of a state with n records, through Backup.
func backup(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.db"), filepath.Join(dir, "backup.db")
	filled(t, from, n)
	s, err := Open(from, Options{})
	must(t, err)
	defer s.Close()
	f, err := os.Create(to)
	must(t, err)
	must(t, s.Backup(t.Context(), f))
	must(t, f.Close())
	must(t, os.Chmod(to, 0o400)) // backups lie on read-only disks
	return to
}

func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %q in the directory, want %q", got, want)
	}
}

var now = time.Date(2026, 11, 30, 7, 0, 21, 0, time.UTC)

func restored(t *testing.T, backup, path string) state.Restoration {
	t.Helper()
	done, err := Restore(backup, nil, path, now)
	must(t, err)
	return done
}

func TestRestorePutsTheBackupInPlaceAndKeepsEveryFormerFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "syncd.db")
	filled(t, path, 3)
	restored(t, backup(t, 5), path)
	only(t, dir, "syncd.db", "syncd.db.before-restore-20261130T070021Z")
	if got := records(t, path); got != 5 {
		t.Errorf("got %d records, want the backup's 5", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 600", info.Mode(), err)
	}
	second := restored(t, backup(t, 7), path) // in the same second
	only(t, dir, "syncd.db", "syncd.db.before-restore-20261130T070021Z", "syncd.db.before-restore-20261130T070021Z-2")
	for former, want := range map[string]int{path + BeforeRestore + "20261130T070021Z": 3, second.Former: 5} {
		if got := records(t, former); got != want {
			t.Errorf("got %d records in %s, want %d", got, former, want)
		}
	}
}

func TestRestoreDropsDecisionsAndMarksEveryScope(t *testing.T) {
	dir := t.TempDir()
	path, from := filepath.Join(dir, "syncd.db"), filepath.Join(dir, "from.db")
	scopes := []plan.Scope{{Customer: "a", Target: "connectwise"}, {Customer: "b", Target: "connectwise"}, {Customer: "c", Target: "itglue"}}
	s, err := Open(from, Options{})
	must(t, err)
	began := time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)
	must(t, s.PutRun(t.Context(), state.Run{ID: "01A", Started: began.Add(-time.Hour)}))
	must(t, s.PutRun(t.Context(), state.Run{ID: "01B", Started: began}))
	for _, scope := range scopes {
		must(t, s.Commit(t.Context(), &state.Commit{Scope: scope, Cursor: &state.Cursor{Name: "n", Applied: true}, Hold: &state.Hold{Digest: "d", Job: "j"}}))
	}
	must(t, s.Decide(t.Context(), scopes[0], "d", state.Decision{Approved: true, By: "ada"}))
	must(t, s.Decide(t.Context(), scopes[1], "d", state.Decision{By: "ada"}))
	for _, name := range []string{state.SessionsDocument, state.TokensDocument, "links"} {
		must(t, s.PutDocument(t.Context(), state.Document{Name: name, Body: []byte("[1]")}))
	}
	must(t, s.Close())

	done := restored(t, from, path)
	if !done.SignedOut || done.Decisions != 2 || done.Scopes != 3 || !done.AsOf.Equal(began) || !done.At.Equal(now) || done.Former != "" {
		t.Errorf("got %+v", done)
	}
	s, err = Open(path, Options{})
	must(t, err)
	defer s.Close()
	for _, scope := range scopes {
		m, err := s.Recall(t.Context(), scope)
		must(t, err)
		if m.Hold == nil || m.Hold.Decision != nil || m.Hold.Job != "j" || !m.Cursor.Restored || !m.Cursor.Applied {
			t.Errorf("%s: got %+v, %+v, want an undecided hold and a mark", scope, m.Hold, m.Cursor)
		}
	}
	for name, want := range map[string]string{state.SessionsDocument: "", state.TokensDocument: "", "links": "[1]"} {
		if d, err := s.Document(t.Context(), name); err != nil || string(d.Body) != want {
			t.Errorf("%s: got %s, %v, want %q", name, d.Body, err, want)
		}
	}
	if d, err := s.Document(t.Context(), state.RestoredDocument); err != nil || !strings.Contains(string(d.Body), "2026-11-30T07:00:21Z") {
		t.Errorf("got %s, %v, want the time of the restore", d.Body, err)
	}
	must(t, s.Close())
	restored(t, path, from) // a restored state may be backed up and restored itself
}

func TestWhatKilledProcessesLeftIsSweptAtTheNextStart(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	path := filepath.Join(elsewhere, "syncd.db")
	filled(t, path, 1)
	must(t, os.Symlink(path, filepath.Join(dir, "syncd.db")))
	for _, name := range []string{"syncd.db.new-1", "syncd.db.restoring-22", "other.db.restoring-1", "syncd.db.before-restore-1"} {
		must(t, os.WriteFile(filepath.Join(elsewhere, name), nil, 0o600))
	}
	s, err := Open(filepath.Join(dir, "syncd.db"), Options{})
	must(t, err)
	defer s.Close()
	only(t, elsewhere, "other.db.restoring-1", "syncd.db", "syncd.db.before-restore-1")
}

func TestRestoreWorksWhereTheStateIsDamagedOrMissing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before []byte
		want   []string
	}{
		{"nothing there", nil, []string{"syncd.db"}},
		{"an empty file", []byte{}, []string{"syncd.db", "syncd.db.before-restore-20261130T070021Z"}},
		{"garbage", []byte("garbage"), []string{"syncd.db", "syncd.db.before-restore-20261130T070021Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "syncd.db")
			if tt.before != nil {
				must(t, os.WriteFile(path, tt.before, 0o600))
			}
			restored(t, backup(t, 5), path)
			only(t, dir, tt.want...)
			if got := records(t, path); got != 5 {
				t.Errorf("got %d records, want the backup's 5", got)
			}
		})
	}
}

func TestRestoreOfABadBackupChangesNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		backup func(t *testing.T) string
		is     error
	}{
		{"no such file", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, fs.ErrNotExist},
		{"a directory", func(t *testing.T) string { return t.TempDir() }, nil},
		{"an empty file", func(t *testing.T) string { return written(nil)(t, t.TempDir()) }, state.ErrCorrupt},
		{"a text file", func(t *testing.T) string { return written([]byte("no state"))(t, t.TempDir()) }, state.ErrCorrupt},
		{"half a file", func(t *testing.T) string {
			return edited(func(b []byte) []byte { return b[:len(b)/16] })(t, t.TempDir())
		}, state.ErrCorrupt},
		{"a journal with a line missing", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "backup.db")
			filled(t, path, 1)
			edit(t, path, func(tx *bbolt.Tx) { must(t, tx.Bucket(bucketJournal).Delete(entryKey(1))) })
			return path
		}, state.ErrCorrupt},
		{"a newer syncd's backup", func(t *testing.T) string { return schema("8")(t, t.TempDir()) }, state.ErrNewer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "syncd.db")
			filled(t, path, 3)
			_, err := Restore(tt.backup(t), nil, path, now)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want a %v", err, tt.is)
			}
			only(t, dir, "syncd.db")
			if got := records(t, path); got != 3 {
				t.Errorf("got %d records, want the 3 that were there", got)
			}
		})
	}
}

func TestRestoreRefusesWhileTheStateIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3)
	s, err := Open(path, Options{})
	must(t, err)
	if _, err := Restore(backup(t, 5), nil, path, now); !errors.Is(err, state.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	must(t, s.Close())
	if got := records(t, path); got != 3 {
		t.Errorf("got %d records, want the 3 that were there", got)
	}
}

func TestRestoreRefusesTheStateAsItsOwnBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	filled(t, path, 3)
	link := path + ".link"
	must(t, os.Symlink(path, link))
	for _, backup := range []string{path, link} {
		if _, err := Restore(backup, nil, path, now); err == nil || !strings.Contains(err.Error(), "the state itself") {
			t.Errorf("got %v from %s, want a refusal", err, filepath.Base(backup))
		}
	}
}

func TestRestoreThroughALinkReplacesTheFile(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	path, link := filepath.Join(elsewhere, "syncd.db"), filepath.Join(dir, "syncd.db")
	filled(t, path, 3)
	must(t, os.Symlink(path, link))
	restored(t, backup(t, 5), link)
	only(t, dir, "syncd.db")
	only(t, elsewhere, "syncd.db", "syncd.db.before-restore-20261130T070021Z")
	if got := records(t, path); got != 5 {
		t.Errorf("got %d records, want the backup's 5", got)
	}
}

func TestRestoreBringsAnOlderBackupUpToDateAndLeavesTheBackupAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "syncd.db")
	old := schema("0")(t, t.TempDir())
	before, err := os.ReadFile(old)
	must(t, err)
	restored(t, old, path)
	after, err := os.ReadFile(old)
	must(t, err)
	if string(before) != string(after) {
		t.Error("the backup was changed")
	}
	s, err := Open(path, Options{ReadOnly: true})
	must(t, err)
	defer s.Close()
	if found, _ := s.Schema(); found != SchemaVersion {
		t.Errorf("got schema %d, want %d", found, SchemaVersion)
	}
}
