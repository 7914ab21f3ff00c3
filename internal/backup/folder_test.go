package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

var now = time.Date(2026, 11, 30, 3, 0, 0, 123, time.UTC)

// opened is a state with some records, and a folder for its backups.
func opened(t *testing.T) (state.Store, *Folder) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "syncd.db")
	s, err := boltstate.Open(path, boltstate.Options{})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	scope := plan.Scope{Customer: "contoso", Target: "connectwise"}
	c := &state.Commit{Scope: scope, Entries: []state.Entry{{At: now, Label: "first"}}}
	for i := range 2000 {
		c.Put = append(c.Put, plan.Record{Object: plan.Object{Key: plan.Key{Kind: "addition", ID: fmt.Sprint(i)}, Label: "Business Premium"}})
	}
	must(t, s.Commit(t.Context(), c))
	return s, &Folder{Dir: filepath.Join(t.TempDir(), "backups", "syncd"), Keep: 3, StatePath: path}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// in lists a directory.
func in(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestTheNewestStayAndNothingElseIsTouched(t *testing.T) {
	s, f := opened(t)
	must(t, os.MkdirAll(filepath.Join(f.Dir, "syncd-20200101T000000Z.db"), 0o700)) // a folder of that name
	theirs := []string{"notes.txt", "other-20200101T000000Z.db", "syncd-20200101T000000Z.db.bak", "syncd-2020.db", "syncd.db", "xsyncd-20200101T000001Z.db"}
	for _, name := range theirs {
		must(t, os.WriteFile(filepath.Join(f.Dir, name), nil, 0o600))
	}
	must(t, os.Symlink("notes.txt", filepath.Join(f.Dir, "syncd-20200102T000000Z.db")))
	must(t, os.WriteFile(filepath.Join(f.Dir, "syncd-20200103T000000Z.db.partial"), nil, 0o600)) // of a killed process
	for day := range 5 {
		file, err := f.Write(t.Context(), s, now.AddDate(0, 0, day))
		must(t, err)
		if want := fmt.Sprintf("syncd-202612%02dT030000Z.db", day); day > 0 && file.Name != want {
			t.Errorf("got %s, want %s", file.Name, want)
		}
		if n, err := boltstate.VerifyFile(t.Context(), filepath.Join(f.Dir, file.Name)); err != nil || n.Records != 2000 {
			t.Errorf("got %+v, %v, want the state", n, err)
		}
	}
	want := "notes.txt other-20200101T000000Z.db syncd-2020.db syncd-20200101T000000Z.db syncd-20200101T000000Z.db.bak syncd-20200102T000000Z.db " +
		"syncd-20261202T030000Z.db syncd-20261203T030000Z.db syncd-20261204T030000Z.db syncd.db xsyncd-20200101T000001Z.db"
	if got := in(t, f.Dir); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	files, err := f.Files()
	if err != nil || len(files) != 3 || !files[0].At.Equal(now.AddDate(0, 0, 4).Truncate(time.Second)) || files[0].Bytes == 0 {
		t.Errorf("got %+v, %v", files, err)
	}
	if info, err := os.Stat(filepath.Join(f.Dir, files[0].Name)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 600", info.Mode(), err)
	}
}

func TestTheStateItselfIsNoBackup(t *testing.T) {
	s, f := opened(t)
	f.Keep = 1
	dir := t.TempDir()
	path := filepath.Join(dir, "syncd-20200101T000000Z.db")
	must(t, os.Link(f.StatePath, path))
	f.Dir, f.StatePath = dir, path
	_, err := f.Write(t.Context(), s, now)
	must(t, err)
	if got := in(t, dir); got != "syncd-20200101T000000Z.db syncd-20261130T030000Z.db" {
		t.Errorf("got %s", got)
	}
}

func TestAClockThatWasWrongCostsNoBackup(t *testing.T) {
	s, f := opened(t)
	f.Keep = 2
	for _, at := range []time.Time{now.AddDate(10, 0, 0), now.AddDate(11, 0, 0), now, now, now.AddDate(0, 0, 1)} {
		if _, err := f.Write(t.Context(), s, at); err != nil {
			t.Fatal(err)
		}
		if got := in(t, f.Dir); at.Equal(now) && !strings.Contains(got, "syncd-20261130T03000") {
			t.Errorf("got %s, want the one just made", got)
		}
	}
	if got := in(t, f.Dir); got != "syncd-20261201T030000Z.db syncd-20371130T030000Z.db" {
		t.Errorf("got %s", got)
	}
}

// broken is a store whose copies are not whole.
type broken struct {
	state.Store
	write func(io.Writer) error
}

func (b broken) Backup(_ context.Context, w io.Writer) error { return b.write(w) }

func TestWhatIsNotWholeDoesNotCount(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	must(t, err)
	for name, recipients := range map[string][]age.Recipient{"plain": nil, "encrypted": {key.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			s, f := opened(t)
			f.Keep, f.Recipients = 1, recipients
			good, err := f.Write(t.Context(), s, now)
			must(t, err)
			whole, err := os.ReadFile(f.StatePath)
			must(t, err)
			flipped := append([]byte{}, whole...)
			at := strings.LastIndex(string(flipped), "Business Premium")
			flipped[at] ^= 1
			for what, text := range map[string][]byte{"a part of it": whole[:len(whole)/16], "nothing": nil, "a changed record": flipped} {
				_, err = f.Write(t.Context(), broken{s, func(w io.Writer) error { _, err := w.Write(text); return err }}, now.AddDate(0, 0, 1))
				if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), "does not count") {
					t.Errorf("%s: got %v", what, err)
				}
			}
			stopped := errors.New("stopped")
			ctx, cancel := context.WithCancelCause(t.Context())
			_, err = f.Write(ctx, broken{s, func(w io.Writer) error { cancel(stopped); _, err := w.Write(whole); return err }}, now.AddDate(0, 0, 1))
			if !errors.Is(err, stopped) {
				t.Errorf("stopped: got %v", err)
			}
			if got := in(t, f.Dir); got != good.Name {
				t.Errorf("got %s, want %s alone", got, good.Name)
			}
			if got := in(t, filepath.Dir(f.StatePath)); got != "syncd.db" {
				t.Errorf("got %s beside the state", got)
			}
		})
	}
}

func TestAnEncryptedBackupIsReadByItsRecipientsAlone(t *testing.T) {
	s, f := opened(t)
	ada, bob := identity(t), identity(t)
	var err error
	f.Recipients, err = Recipients([]string{ada.public, identity(t).public})
	must(t, err)
	file, err := f.Write(t.Context(), s, now)
	must(t, err)
	path := filepath.Join(f.Dir, file.Name)
	text, err := os.ReadFile(path)
	must(t, err)
	if !strings.HasSuffix(path, ".db.age") || strings.Contains(string(text), "Business Premium") {
		t.Errorf("%s is not encrypted", path)
	}
	restore := func(key string) error {
		into := filepath.Join(t.TempDir(), "syncd.db")
		_, err := boltstate.Restore(path, func(in io.Reader) (io.Reader, error) { return Plain(in, key) }, into, now)
		if _, made := os.Stat(into); (made == nil) != (err == nil) {
			t.Errorf("%v, and a state: %v", err, made)
		}
		return err
	}
	must(t, restore(ada.file))
	for key, want := range map[string]string{bob.file: "no key in", "": "it is encrypted", path: "no identity file of age", "none": "no such file"} {
		if err := restore(key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", key, err, want)
		}
	}
	must(t, os.WriteFile(path, text[:len(text)-100], 0o600))
	if err := restore(ada.file); err == nil {
		t.Error("a file that is cut short was restored")
	}
}

type key struct{ public, file string }

func identity(t *testing.T) key {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	must(t, err)
	file := filepath.Join(t.TempDir(), "key.txt")
	must(t, os.WriteFile(file, []byte("# of a test\n"+id.String()+"\n"), 0o600))
	return key{id.Recipient().String(), file}
}

func TestRecipientsSayWhatIsWrong(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	must(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	must(t, err)
	for _, tt := range []struct {
		keys []string
		want string // empty: good
	}{
		{nil, ""},
		{[]string{id.Recipient().String()}, ""},
		{[]string{hybrid.Recipient().String()}, ""},
		{[]string{id.String()}, "one of them is a secret key"},
		{[]string{"ada"}, `"ada" is no public key of age`},
		{[]string{""}, "is no public key of age"},
		{[]string{id.Recipient().String() + "\n" + id.Recipient().String()}, "is no public key of age"},
		{[]string{id.Recipient().String(), hybrid.Recipient().String()}, "cannot be used together"},
	} {
		_, err := Recipients(tt.keys)
		if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || !strings.Contains(got, tt.want) || strings.Contains(got, "SECRET") {
			t.Errorf("%d keys: got %v, want %q", len(tt.keys), err, tt.want)
		}
	}
}

func TestAFolderThatCannotBeUsedIsSaidPlainly(t *testing.T) {
	s, f := opened(t)
	must(t, os.MkdirAll(filepath.Dir(f.Dir), 0o700))
	must(t, os.WriteFile(f.Dir, nil, 0o600))
	if _, err := f.Write(t.Context(), s, now); err == nil || !strings.Contains(err.Error(), "backup.dir names a folder") {
		t.Errorf("got %v", err)
	}
	if _, err := f.Files(); err == nil {
		t.Error("a file was read as a folder")
	}
}
