package control

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Files of our own names are written into the folder that report month names, and nowhere else.
func TestOnlyTheFolderOfAMonthIsWrittenInto(t *testing.T) {
	for _, tt := range []struct {
		args []string
		path string
		may  bool
	}{
		{[]string{"report", "month", "--out", "pack"}, "pack/2026-10-contoso-0a1b2c3d.html", true},
		{[]string{"report", "month", "--out=./pack/"}, "pack/2026-10-all-customers.json", true},
		{[]string{"report", "month", "--out", "pack"}, "pack/.bashrc", false},
		{[]string{"report", "month", "--out", "pack"}, "pack/2026-10-x.sh", false},
		{[]string{"report", "month", "--out", "pack"}, "pack/deeper/2026-10-x.html", false},
		{[]string{"report", "month", "--out", "pack"}, "pack/../2026-10-x.html", false},
		{[]string{"report", "month"}, "2026-10-x.html", false},
		{[]string{"report", "licences", "--out", "pack"}, "pack/2026-10-x.html", false},
	} {
		if may := namesFolder(tt.args, tt.path); may != tt.may {
			t.Errorf("%v, %s: got %t, want %t", tt.args, tt.path, may, tt.may)
		}
	}
}

// files are what a folder holds, a line a file.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Name()+": "+string(text[:min(len(text), 20)]))
	}
	return strings.Join(out, "\n")
}

// fill writes files into a folder.
func fill(f Folder, names []string, text string) error {
	for _, name := range names {
		out, err := f.Create(name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Whatever ends a process in the middle, each file is the former one or the new one, and what it left
// is cleared away by the next.
func TestFilesOfAFolderAreReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	names := []string{"a.csv", "b.csv"}
	open := func() Folder {
		t.Helper()
		f, err := new(Disk).OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := open()
	if err := fill(first, names, "former"); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(names); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "a.csv")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v, want the mode of the folder without x", info.Mode(), err)
	}

	killed := open().(*diskFolder)
	if err := fill(killed, names, "new"); err != nil {
		t.Fatal(err)
	}
	if err := killed.Commit(names[:1]); err != nil {
		t.Fatal(err)
	}
	for _, file := range killed.prepared { // as a kill does: the lock goes, the file stays
		syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	}
	if got := files(t, dir); !strings.HasPrefix(got, ".b.csv"+unfinished) || !strings.HasSuffix(got, "a.csv: new\nb.csv: former") {
		t.Errorf("got %s", got)
	}
	next := open()
	if got, want := files(t, dir), "a.csv: new\nb.csv: former"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := fill(next, names, "newest"); err != nil {
		t.Fatal(err)
	}
	if err := next.Commit([]string{"a.csv", "b.csv", "c.csv"}); err == nil {
		t.Error("a file that was not written was put in place")
	}
	next.Discard()
	if got, want := files(t, dir), "a.csv: new\nb.csv: former"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := (&Disk{Protected: []string{filepath.Join(dir, "a.csv")}}).OpenFolder(filepath.Join(dir, "a.csv")); err == nil {
		t.Error("a file was opened as a folder")
	}
	kept, err := (&Disk{Protected: []string{filepath.Join(dir, "a.csv")}}).OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Create("a.csv"); err == nil {
		t.Error("the state in use is about to be replaced")
	}
}

// The daemon writes into the folder that export names, as whoever typed it, and nowhere else.
func TestAFolderOfTheOtherSide(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 40<<10) // several frames
	daemon := listen(t, func(_ context.Context, args []string, c *Console) int {
		f, err := c.Files.OpenFolder(args[1])
		if err == nil {
			defer f.Discard()
			err = fill(f, args[2:], long)
		}
		if err == nil {
			err = f.Commit(args[2:])
		}
		if err != nil {
			fmt.Fprintln(c.Err, err)
			return 1
		}
		return 0
	})
	dir := t.TempDir()
	call := func(args ...string) (string, error) {
		var stderr bytes.Buffer
		status, err := daemon.Call(t.Context(), Request{Args: args}, &Console{Out: io.Discard, Err: &stderr, Files: &Disk{}})
		return fmt.Sprintf("%d %s", status, stderr.String()), err
	}
	if got, err := call("export", dir, "a.csv", "datapackage.json"); got != "0 " || err != nil {
		t.Fatalf("got %s, %v", got, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a.csv")); err != nil || string(text) != long {
		t.Errorf("got %d bytes, %v, want %d", len(text), err, len(long))
	}
	for _, args := range [][]string{{"export", dir, "../a.csv"}, {"export", dir, ".bashrc"}, {"status", dir, "a.csv"}} {
		if got, err := call(args...); err == nil || !strings.Contains(err.Error(), "which the command does not name") {
			t.Errorf("%v: got %s, %v, want a refusal", args, got, err)
		}
	}
	if got, err := call("export", filepath.Join(dir, "a.csv"), "a.csv"); err != nil || !strings.Contains(got, "a folder is needed") {
		t.Errorf("got %s, %v", got, err)
	}
	if got, want := strings.Count(files(t, dir), "\n"), 1; got != want {
		t.Errorf("got %d files more, want %d", got, want)
	}
}
