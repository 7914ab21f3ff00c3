// Package boltstate keeps the state in one bbolt file, whose lock is the
// single-writer lock: a second process cannot open it, not even to read.
//
// Buckets, all keys sorted as text, \0 between their parts:
//
//	meta         schema, created, journal (the chain's end), forgotten (the end of what the journal no longer has), documents (their names)
//	records      customer \0 target → a bucket of kind \0 id → record
//	cursors      customer \0 target → cursor
//	holds        customer \0 target → hold
//	settlements  customer \0 target \0 kind \0 id → settlement
//	journal      sequence, eight bytes, big end first → entry
//	spans        customer \0 target \0 kind \0 id \0 from, microseconds, eight bytes, big end first → span
//	customers    customer \0 sequence of a line of the journal, eight bytes, big end first → nothing
//	run lines    likewise, by run
//	runs         run id → run
//	documents    name → version, eight bytes, then the body
//
// A value is a checksum and JSON (see seal): bbolt has checksums for its two
// meta pages only, and a flipped digit in a record would go unseen.
//
// The file is mapped into memory, so the process seems to grow by what was
// read of it; those pages are the kernel's to take back. Watch RssAnon, not RSS.
package boltstate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"syncd/internal/plan"
	"syncd/internal/state"
)

var _ state.Store = (*Store)(nil)

// ErrClosed is returned by every method once Close was called.
var ErrClosed = errors.New("the state is closed")

// ErrReadOnly is returned by methods that write to a store opened for reading.
var ErrReadOnly = errors.New("the state is open for reading only")

// A Store is a state.Store in a bbolt file. It may be shared.
type Store struct {
	path        string
	db          *bbolt.DB
	file        *os.File // bbolt's own handle, for reading pages past the mapping
	readOnly    bool
	schemaFound int // schema found on open

	// writing is held by every write transaction, by Compact, and by Verify for the
	// moment in which it takes its snapshot.
	writing sync.Mutex
	// swapping is held while Compact puts another db and file in place; who writes needs
	// it not.
	swapping sync.RWMutex
	closing  sync.Once
	decided  atomic.Uint64 // see Decided
	// broken is set when bbolt panicked while it wrote. Its locks may then be
	// held for ever, so it is not called again.
	broken atomic.Pointer[error]
}

// Schema returns the schema that Open found and the one the file has now.
// They differ where Open brought an older file up to date.
func (s *Store) Schema() (found, now int) {
	if s.readOnly {
		return s.schemaFound, s.schemaFound
	}
	return s.schemaFound, SchemaVersion
}

// Close waits for transactions under way. Closing twice is no error.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		if s.broken.Load() != nil {
			unlock(s.file)
			err = s.file.Close()
			return
		}
		err = s.db.Close()
	})
	if err != nil {
		return fmt.Errorf("closing %s: %w", s.path, err)
	}
	return nil
}

// view runs fn in a read transaction. fn must not call out of the package:
// a write under an open read transaction waits for it as soon as the mapping
// has to grow, which in one goroutine is for ever.
func (s *Store) view(ctx context.Context, doing string, fn func(*bbolt.Tx) error) error {
	if err := s.checkUsable(ctx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if _, err := recoverPanic(func() error { return s.viewNow(fn) }); err != nil {
		return fmt.Errorf("%s: %w", doing, explain(s.path, err))
	}
	return nil
}

// update runs fn in a write transaction, which is on disk when it returns nil.
func (s *Store) update(ctx context.Context, doing string, fn func(*bbolt.Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	// Checked after the lock: the context may have ended while it waited.
	if err := s.checkUsable(ctx); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if s.readOnly {
		return fmt.Errorf("%s: %s: %w", doing, s.path, ErrReadOnly)
	}
	panicked, err := recoverPanic(func() error { return s.db.Update(fn) })
	if err == nil {
		return nil
	}
	err = explain(s.path, err)
	if panicked {
		s.broken.Store(&err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (s *Store) checkUsable(ctx context.Context) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// recoverPanic runs fn and turns a panic of bbolt, which trusts its pages, into
// ErrCorrupt. Reading past the end of a file that shrank is a fault, which becomes a
// panic here.
func recoverPanic(fn func() error) (panicked bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			panicked, err = true, fmt.Errorf("%w: %v", state.ErrCorrupt, r)
		}
	}()
	return false, fn()
}

// Recall returns everything known of a scope but its ledger.
func (s *Store) Recall(ctx context.Context, scope plan.Scope) (*state.Memory, error) {
	m := new(state.Memory)
	doing := "recalling " + scope.String()
	err := s.view(ctx, doing, func(tx *bbolt.Tx) (err error) {
		key := scopeKey(scope)
		if b := tx.Bucket(bucketRecords).Bucket(key); b != nil {
			c := b.Cursor()
			for k, v := c.First(); k != nil; k, v = c.Next() {
				if len(m.Records)%1024 == 1023 && ctx.Err() != nil {
					return context.Cause(ctx)
				}
				r, err := unsealJSON[plan.Record](recordSealKey(key, k), v)
				if err != nil {
					return fmt.Errorf("record %s: %w", formatKey(k), err)
				}
				m.Records = append(m.Records, r)
			}
		}
		if m.Cursor, err = get[state.Cursor](tx, bucketCursors, key); err != nil {
			return err
		}
		if m.Hold, err = get[state.Hold](tx, bucketHolds, key); err != nil {
			return err
		}
		prefix := append(key, 0)
		c := tx.Bucket(bucketSettlements).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			one, err := unsealJSON[state.Settlement](k, v)
			if err != nil {
				return fmt.Errorf("%s: %w", describeKey(bucketSettlements, k), err)
			}
			m.Settlements = append(m.Settlements, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Backup writes a copy of the file as it is now. It is itself a state file.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.view(ctx, "backing up "+s.path, func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(&cancellableWriter{ctx, w})
		if ctx.Err() != nil {
			return context.Cause(ctx) // bbolt's error would hide it
		}
		return err
	})
}

// A cancellableWriter ends a long copy between two writes once ctx is done.
type cancellableWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *cancellableWriter) Write(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.w.Write(p)
}

// explain adds to an error of bbolt or the disk what to do about it.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, state.ErrCorrupt):
		return fmt.Errorf("%s: %w; %s", path, err, remedy)
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return fmt.Errorf("%s: %w", path, ErrClosed)
	}
	if full := diskFull(err); full != nil {
		return fmt.Errorf("%s: %w; nothing of this step was stored: free space there, then run it again", path, full)
	}
	return err
}
