//go:build !windows && !plan9 && !solaris && !aix && !android

package boltstate

import (
	"errors"
	"os"
	"syscall"
	"time"

	"syncd/internal/state"
)

// lock takes the lock that bbolt will take, on the same handle, so that the
// file can be looked at before bbolt trusts it. bbolt's own attempt then
// succeeds at once.
func lock(f *os.File, exclusive bool, timeout time.Duration) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return err
		case time.Now().After(deadline):
			return state.ErrLocked
		}
	}
}

// unlock is needed besides closing: a mapping that was never taken down keeps
// the handle, and with it the lock, alive.
func unlock(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
}
