package backup

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A small disk of its own, where the test may mount one.
func TestADiskThatIsFullIsSaidAndKeepsWhatItHas(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("mounting a small disk needs root: the error of a full disk is looked at alone")
		if err := explain(syscall.ENOSPC); !strings.Contains(err.Error(), "free space there") {
			t.Errorf("got %v", err)
		}
		return
	}
	s, f := opened(t)
	f.Dir = t.TempDir()
	must(t, syscall.Mount("tmpfs", f.Dir, "tmpfs", 0, "size=3m"))
	defer syscall.Unmount(f.Dir, syscall.MNT_DETACH)
	first, err := f.Write(t.Context(), s, now)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(f.Dir, "theirs"), make([]byte, 3<<20-2*first.Bytes), 0o600)) // what is left holds half of another
	if _, err = f.Write(t.Context(), s, now.AddDate(0, 0, 1)); err == nil || !strings.Contains(err.Error(), "a backup needs") || !strings.Contains(err.Error(), "keep fewer") {
		t.Errorf("got %v", err)
	}
	if got := in(t, f.Dir); got != first.Name+" theirs" {
		t.Errorf("got %s", got)
	}
	if err := explain(syscall.ENOSPC); !strings.Contains(err.Error(), "free space there") {
		t.Errorf("got %v", err)
	}
}
