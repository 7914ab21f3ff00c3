package app

import (
	"path/filepath"
	"syscall"
)

// diskFree is what an ordinary user may still write to the disk that a file is on.
func diskFree(path string) (bytes float64, ok bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &fs); err != nil {
		return 0, false
	}
	return float64(fs.Bavail) * float64(fs.Bsize), true
}
