package boltstate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"syncd/internal/state"
)

// BeforeRestore is appended to the name of the file that Restore replaces.
const BeforeRestore = ".before-restore"

// Restore puts the backup in the place of the state at path. The backup is
// copied, brought up to date and verified first; a backup that does not verify
// changes nothing. The former file, damaged or not, is kept as
// path.before-restore, over the one of an earlier restore.
//
// It is state.ErrLocked while somebody uses the state, and state.ErrCorrupt or
// state.ErrNewer where the backup is no good.
func Restore(backup, path string) error {
	if err := restore(backup, path); err != nil {
		return fmt.Errorf("restoring %s from %s: %w", path, backup, err)
	}
	return nil
}

func restore(backup, path string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace the file, not the link to it
	}
	if a, err := os.Stat(backup); err == nil {
		if b, err := os.Stat(path); err == nil && os.SameFile(a, b) {
			return errors.New("the backup is the state itself; name another file")
		}
	}
	// Held until the end: nobody starts on the old file while it is replaced,
	// and whoever waits for the lock then finds the new one.
	old, err := openLocked(path, false, time.Second)
	switch {
	case err == nil:
		defer func() { unlock(old); old.Close() }()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	temp, err := verifiedCopy(backup, path)
	if err != nil {
		return err
	}
	defer os.Remove(temp) // gone already where all went well
	if old != nil {
		if err := keep(path, path+BeforeRestore); err != nil {
			return fmt.Errorf("keeping the former state: %w", err)
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// verifiedCopy copies a backup beside path and verifies the copy: what counts
// is what will be used, and the backup may lie on a read-only disk.
func verifiedCopy(backup, path string) (temp string, err error) {
	from, err := os.Open(backup)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".restoring-*")
	if err != nil {
		return "", opening(path, err)
	}
	temp = to.Name()
	defer func() {
		if err != nil {
			os.Remove(temp)
		}
	}()
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Sync(), to.Close()); err != nil {
		if full := diskFull(err); full != nil {
			return temp, fmt.Errorf("%w; free space there, nothing was changed", full)
		}
		return temp, fmt.Errorf("copying: %w", err)
	}
	s, err := Open(temp, Options{})
	if err != nil {
		return temp, notUsable(err)
	}
	_, err = s.Verify(context.Background())
	if err := errors.Join(err, s.Close()); err != nil {
		return temp, notUsable(err)
	}
	return temp, nil
}

// notUsable replaces the advice to restore a backup, which is just what failed.
func notUsable(err error) error {
	for _, known := range []error{state.ErrCorrupt, state.ErrNewer} {
		if errors.Is(err, known) {
			return fmt.Errorf("the backup is no good, the state was left as it is; try another backup: %w", err)
		}
	}
	return err
}

// keep gives the file at path a second name, so that there is never a moment
// without a file at path.
func keep(path, kept string) error {
	if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(path, kept); err == nil {
		return nil
	}
	return os.Rename(path, kept) // a file system without hard links
}
