package control

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestNothingIsWrittenOverTheStateOrWithoutForceOverAFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("state"), []byte("state"), 0o600))
	must(os.WriteFile(at("table"), []byte("table"), 0o600))
	must(os.Symlink("state", at("link")))
	must(os.Symlink("link", at("link2")))
	must(os.Link(at("state"), at("hard")))
	must(os.Symlink(".", at("folder")))
	must(os.Symlink("nothing", at("dangling")))
	d := &Disk{Protected: []string{at("state"), at("later")}}
	for _, tt := range []struct {
		name  string
		force bool
		want  error
	}{
		{"state", true, ErrProtected}, {"link", true, ErrProtected}, {"link2", true, ErrProtected}, {"hard", true, ErrProtected}, {"folder/state", true, ErrProtected},
		{"later", true, ErrProtected}, {"folder/later", true, ErrProtected}, // not there yet
		{"table", false, fs.ErrExist}, {"folder/table", false, fs.ErrExist}, {"dangling", false, fs.ErrExist},
		{"table", true, nil}, {"new", false, nil}, {"new", false, fs.ErrExist},
	} {
		if err := d.WriteFile(at(tt.name), []byte("new"), tt.force); !errors.Is(err, tt.want) {
			t.Errorf("%s with force %t: got %v, want %v", tt.name, tt.force, err, tt.want)
		}
	}
	for name, want := range map[string]string{"state": "state", "hard": "state", "table": "new", "new": "new"} {
		if got, _ := os.ReadFile(at(name)); string(got) != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	left, err := filepath.Glob(at(".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWhatAKilledProcessDidNotFinishIsSwept(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{".keep.db" + unfinished + "1", ".keep.db" + unfinished + "2", ".keep.db", "keep.db" + unfinished} {
		if err := os.WriteFile(at(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writing, err := os.Open(at(".keep.db" + unfinished + "2")) // somebody's who still writes
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	if err := syscall.Flock(int(writing.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := new(Disk).WriteFile(at("table.csv"), []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{".keep.db" + unfinished + "1": false, ".keep.db" + unfinished + "2": true, ".keep.db": true, "keep.db" + unfinished: true, "table.csv": true} {
		if _, err := os.Stat(at(name)); (err == nil) != stays {
			t.Errorf("%s: stays %t, want %t", name, err == nil, stays)
		}
	}
}
