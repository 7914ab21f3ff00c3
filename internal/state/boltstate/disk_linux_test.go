package boltstate

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// limitFiles has the kernel refuse to let any file of this process grow past
// size bytes, as a full disk would. It returns how to end that.
func limitFiles(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // otherwise the kernel ends the process instead
	var was syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: was.Max}))
	return func() { must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)) }
}

const childLimited = "BOLTSTATE_LIMITED"

// In a process of its own: the limit is the whole process's, and the log that go test
// keeps of the files of a test is a file too.
func TestADiskThatIsFullLosesNothing(t *testing.T) {
	if os.Getenv(childLimited) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), childLimited+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for _, tt := range []struct {
		name string
		// spare is how far the file may grow past its present size: not at all,
		// so that growing it fails, or not as far as pages are then written.
		spare int64
	}{
		{"the file cannot grow", 0},
		{"the file cannot grow that far", allocSize / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "syncd.db")
			filled(t, path, 1000)
			s, err := Open(path, Options{})
			must(t, err)
			defer s.Close()
			info, err := os.Stat(path)
			must(t, err)
			lift := limitFiles(t, uint64(info.Size()+tt.spare))
			bulk := func(n string) *state.Commit {
				r := record(n)
				r.Label = strings.Repeat("x", 200_000)
				return &state.Commit{Scope: plan.Scope{Customer: n, Target: "itglue"}, Put: []plan.Record{r}, Entries: []state.Entry{{Label: n}}}
			}
			done := 0
			for err == nil && done < 100 {
				if err = s.Commit(t.Context(), bulk(strings.Repeat("a", done+1))); err == nil {
					done++
				}
			}
			again := s.Commit(t.Context(), bulk("b"))
			n, verifying := s.Verify(t.Context())
			lift()
			for _, err := range []error{err, again} {
				if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "nothing of this step was stored") {
					t.Errorf("got %v, want what is full, where, and that nothing was stored", err)
				}
			}
			if want := (state.Counts{Scopes: 1, Records: 1000 + done, Entries: 1 + done}); verifying != nil || n != want {
				t.Errorf("got %+v, %v while the disk was full, want %+v", n, verifying, want)
			}
			must(t, s.Commit(t.Context(), bulk("b"))) // there is room again
			must(t, s.Close())
			if got := records(t, path); got != 1001+done {
				t.Errorf("got %d records at the end, want %d", got, 1001+done)
			}
		})
	}
	t.Run("a state cannot be made, and leaves nothing behind", func(t *testing.T) {
		dir := t.TempDir()
		lift := limitFiles(t, 8192)
		_, err := Open(filepath.Join(dir, "syncd.db"), Options{})
		lift()
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("got %v, want what is full", err)
		}
		only(t, dir)
	})
	t.Run("a state cannot be compacted, and stays", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "syncd.db")
		filled(t, path, 5000)
		s, err := Open(path, Options{})
		must(t, err)
		defer s.Close()
		lift := limitFiles(t, 64<<10)
		_, _, err = s.Compact(t.Context())
		lift()
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("got %v, want what is full and that nothing was changed", err)
		}
		only(t, dir, "syncd.db")
		if n, err := s.Verify(t.Context()); err != nil || n.Records != 5000 {
			t.Errorf("got %+v, %v", n, err)
		}
	})
	t.Run("a backup cannot be copied into place, and the state stays", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "syncd.db")
		filled(t, path, 3)
		from := backup(t, 5000)
		info, err := os.Stat(from)
		must(t, err)
		lift := limitFiles(t, uint64(info.Size()/2))
		_, err = Restore(from, nil, path, now)
		lift()
		if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("got %v, want what is full and that nothing was changed", err)
		}
		only(t, dir, "syncd.db")
	})
}

func TestAStateThatIsNotOursToOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "syncd.db")
	filled(t, path, 1)
	must(t, os.Chmod(path, 0))
	must(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o755)
	asNobody(t, func() {
		for _, path := range []string{path, filepath.Join(dir, "new.db")} {
			_, err := Open(path, Options{})
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "user that syncd runs as") || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want that %s is not ours and whose it should be", err, path)
			}
		}
	})
}

// asNobody runs fn without the rights of root, should the test have them: on a
// thread of its own whose file accesses are another user's.
func asNobody(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
			t.Errorf("setfsuid: %v", errno)
			return
		}
		fn()
	}()
	<-done
}
