//go:build linux || darwin

package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// FreeSpace is how many bytes an unprivileged process may still write in a directory.
func FreeSpace(dir string) (bytes int64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Blocks == 0 { // some network disks do not say
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}

// sameDisk reports whether two directories are on one file system.
func sameDisk(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	if err1 != nil || err2 != nil {
		return false
	}
	s, ok1 := x.Sys().(*syscall.Stat_t)
	t, ok2 := y.Sys().(*syscall.Stat_t)
	return ok1 && ok2 && s.Dev == t.Dev
}

// explain adds to an error of the disk what to do about it.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w; free space there, or keep fewer; the backups that are there stay", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; give the folder to the user that syncd runs as", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; mount it writable, or set backup.dir elsewhere", err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w; backup.dir names a folder", err)
	}
	return err
}
