package boltstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/state"
)

// BeforeRestore is in the names of the files that Restore replaced, before the
// time at which it did.
const BeforeRestore = ".before-restore-"

// Restore puts the backup in the place of the state at path. The backup is
// copied, brought up to date and verified first; a backup that does not verify
// changes nothing. The former file, damaged or not, is kept beside it, and so
// are those of earlier restores.
//
// People approved plans for what the targets held then: the decisions in the backup
// are dropped, and the next plan of every scope waits for a person.
//
// plain makes the state's text of the file's, such as by decrypting it; nil where it is that.
//
// It is state.ErrLocked while somebody uses the state, and state.ErrCorrupt or
// state.ErrNewer where the backup is no good.
func Restore(backup string, plain func(io.Reader) (io.Reader, error), path string, now time.Time) (state.Restoration, error) {
	done, err := restore(backup, plain, path, now.UTC())
	if err != nil {
		return done, fmt.Errorf("restoring %s from %s: %w", path, backup, err)
	}
	return done, nil
}

func restore(backup string, plain func(io.Reader) (io.Reader, error), path string, now time.Time) (done state.Restoration, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // replace the file, not the link to it
	}
	if a, err := os.Stat(backup); err == nil {
		if b, err := os.Stat(path); err == nil && os.SameFile(a, b) {
			return done, errors.New("the backup is the state itself; name another file")
		}
	}
	// Locked until the end: nobody opens the old file while it is replaced, and
	// whoever waits for the lock then opens the new one.
	old, err := openLocked(path, false, time.Second)
	switch {
	case err == nil:
		defer func() { unlock(old); old.Close() }()
	case !errors.Is(err, fs.ErrNotExist):
		return done, err
	}
	removeTemporary(path)
	temp, done, err := verifiedCopy(backup, plain, path, now)
	if err != nil {
		return done, err
	}
	defer os.Remove(temp) // gone already where all went well
	if old != nil {
		if done.Former, err = keepFormer(path, now); err != nil {
			return done, fmt.Errorf("keeping the former state: %w", err)
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return done, err
	}
	return done, syncDir(filepath.Dir(path))
}

// removeTemporary removes the temporary files that killed processes left beside the
// state. It is called while the state is locked, so no process still writes one, but
// for one that makes a first state at this very moment; that one finds that there is a
// state now.
func removeTemporary(path string) {
	places := []string{path}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		places = append(places, real)
	}
	for _, path := range places {
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			continue
		}
		for _, e := range entries {
			for _, sort := range []string{newInfix, restoreInfix, VerifyInfix} {
				if strings.HasPrefix(e.Name(), filepath.Base(path)+sort) && e.Type().IsRegular() {
					os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
				}
			}
		}
	}
}

// What is in the names of temporary files, between the state's name and a number.
const (
	newInfix     = ".new-"
	restoreInfix = ".restoring-"

	// VerifyInfix is in those of copies that are verified before they are encrypted.
	VerifyInfix = ".verifying-"
)

// verifiedCopy copies a backup beside path and verifies the copy: what counts
// is what will be used, and the backup may lie on a read-only disk. Then it marks
// the copy as one that does not know what happened since.
func verifiedCopy(backup string, plain func(io.Reader) (io.Reader, error), path string, now time.Time) (temp string, done state.Restoration, err error) {
	file, err := os.Open(backup)
	if err != nil {
		return "", done, err
	}
	defer file.Close()
	var from io.Reader = file
	if plain != nil {
		if from, err = plain(file); err != nil {
			return "", done, err
		}
	}
	to, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+restoreInfix+"*")
	if err != nil {
		return "", done, explainOpen(path, err)
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
			return temp, done, fmt.Errorf("%w; free space there, nothing was changed", full)
		}
		return temp, done, fmt.Errorf("copying: %w", err)
	}
	s, err := Open(temp, Options{})
	if err != nil {
		return temp, done, explainBackup(err)
	}
	_, err = s.Verify(context.Background())
	if err == nil {
		done, err = s.markRestored(now)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return temp, done, explainBackup(err)
	}
	return temp, done, nil
}

// markRestored drops every decision and marks every scope, so that an approval
// that was spent after the backup is not spent again.
func (s *Store) markRestored(now time.Time) (state.Restoration, error) {
	done := state.Restoration{At: now}
	ctx := context.Background()
	for r, err := range s.Runs(ctx) { // the newest
		if err != nil {
			return done, err
		}
		done.AsOf = r.Started
		break
	}
	err := s.update(ctx, "marking what was restored", func(tx *bbolt.Tx) error {
		err := rewrite(tx, bucketHolds, func(h *state.Hold) bool {
			if h.Decision == nil {
				return false
			}
			h.Decision = nil
			done.Decisions++
			return true
		})
		if err != nil {
			return err
		}
		err = rewrite(tx, bucketCursors, func(c *state.Cursor) bool {
			c.Restored = true
			done.Scopes++
			return true
		})
		if err != nil {
			return err
		}
		for _, name := range []string{state.SessionsDocument, state.TokensDocument} {
			_, body, err := document(tx, []byte(name))
			if err != nil {
				return err
			}
			if len(body) == 0 {
				continue
			}
			done.SignedOut = true
			if err := putDocument(tx, []byte(name), nil); err != nil {
				return err
			}
		}
		body, err := json.Marshal(done)
		if err != nil {
			return err
		}
		return putDocument(tx, []byte(state.RestoredDocument), body)
	})
	return done, err
}

// rewrite stores anew the values of a flat bucket that change reports as changed.
func rewrite[T any](tx *bbolt.Tx, bucket []byte, change func(*T) bool) error {
	var next []sealedValue // a bucket is not written while a cursor walks it
	b := tx.Bucket(bucket)
	c := b.Cursor()
	for k, stored := c.First(); k != nil; k, stored = c.Next() {
		value, err := unsealJSON[T](k, stored)
		if err != nil {
			return fmt.Errorf("%s: %w", describeKey(bucket, k), err)
		}
		if !change(&value) {
			continue
		}
		text, err := sealJSON(k, value)
		if err != nil {
			return fmt.Errorf("%s: %w", describeKey(bucket, k), err)
		}
		next = append(next, sealedValue{slices.Clone(k), text})
	}
	for _, one := range next {
		if err := b.Put(one.key, one.value); err != nil {
			return fmt.Errorf("%s: %w", describeKey(bucket, one.key), err)
		}
	}
	return nil
}

// explainBackup says that the backup cannot be used, in place of the advice to restore
// one.
func explainBackup(err error) error {
	for _, known := range []error{state.ErrCorrupt, state.ErrNewer} {
		if errors.Is(err, known) {
			return fmt.Errorf("the backup is no good, the state was left as it is; try another backup: %w", err)
		}
	}
	return err
}

// keepFormer gives the file at path a second, new name and returns it. The file keeps
// its name until another is renamed over it: there is always a file at path.
func keepFormer(path string, now time.Time) (string, error) {
	base := path + BeforeRestore + now.Format("20060102T150405Z")
	kept := base
	for n := 2; ; n++ {
		err := os.Link(path, kept)
		if err == nil {
			return kept, nil
		}
		if _, there := os.Lstat(kept); there != nil { // a file system without hard links
			return kept, os.Rename(path, kept)
		}
		kept = fmt.Sprintf("%s-%d", base, n)
	}
}
