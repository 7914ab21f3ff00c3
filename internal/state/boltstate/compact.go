package boltstate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// compactedAtOnce is how many bytes of a copy are in memory at once.
const compactedAtOnce = 16 << 20

// Compact writes what the file holds to another one, verifies that, and puts it in its
// place. Writing waits meanwhile; reading does not.
func (s *Store) Compact(ctx context.Context) (before, after int64, err error) {
	old, before, after, err := s.replaceFile(ctx)
	if err != nil {
		if full := diskFull(err); full != nil {
			err = fmt.Errorf("%w; free space there, nothing was changed", full)
		}
		return 0, 0, fmt.Errorf("compacting %s: %w", s.path, err)
	}
	return before, after, old.Close() // waits for who still reads it
}

func (s *Store) replaceFile(ctx context.Context) (old *bbolt.DB, before, after int64, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.checkUsable(ctx); err != nil {
		return nil, 0, 0, err
	}
	if s.readOnly {
		return nil, 0, 0, ErrReadOnly
	}
	path := s.path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace the file, not the link to it
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newInfix+"*")
	if err != nil {
		return nil, 0, 0, explainOpen(path, err)
	}
	temp := f.Name()
	f.Close()
	defer os.Remove(temp) // gone already where all went well
	if _, err := recoverPanic(func() error { return copyInto(temp, s.db) }); err != nil {
		return nil, 0, 0, err
	}
	// It is opened before it has the name: whoever waits for the lock finds it locked.
	next, err := tryOpen(temp, Options{}, migrations)
	if err != nil {
		return nil, 0, 0, err
	}
	if _, err = next.Verify(ctx); err == nil {
		before, after, err = sizes(s.file, next.file)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return nil, 0, 0, errors.Join(err, next.Close())
	}
	s.swapping.Lock()
	old, s.db, s.file = s.db, next.db, next.file
	s.swapping.Unlock()
	return old, before, after, syncDir(filepath.Dir(path))
}

// copyInto copies all that a file holds into an empty one.
func copyInto(path string, from *bbolt.DB) error {
	to, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoSync: true})
	if err != nil {
		return err
	}
	err = bbolt.Compact(to, from, compactedAtOnce)
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

func sizes(a, b *os.File) (int64, int64, error) {
	x, err1 := a.Stat()
	y, err2 := b.Stat()
	if err := errors.Join(err1, err2); err != nil {
		return 0, 0, err
	}
	return x.Size(), y.Size(), nil
}

// viewNow runs fn in a read transaction of the file that is in place now.
func (s *Store) viewNow(fn func(*bbolt.Tx) error) error {
	s.swapping.RLock()
	tx, err := s.db.Begin(false)
	s.swapping.RUnlock()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return fn(tx)
}
