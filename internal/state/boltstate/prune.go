package boltstate

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// prunedAtOnce is how many values one transaction forgets, so that a run never waits long.
const prunedAtOnce = 5000

// Prune forgets what is older than it need be.
func (s *Store) Prune(ctx context.Context, r state.Retention) (done state.Pruned, err error) {
	if done.Entries, err = s.pruneJournal(ctx, r); err != nil {
		return done, err
	}
	if done.Runs, err = s.pruneRuns(ctx, r); err != nil {
		return done, err
	}
	old, err := s.oldSpans(ctx, r.Before)
	if err != nil {
		return done, err
	}
	done.Spans, err = s.remove(ctx, "forgetting old spans", bucketSpans, old)
	return done, err
}

// pruneJournal forgets the first lines. What is forgotten stands in meta and in a line of its
// own before anything is removed; a process that is killed meanwhile leaves lines that the
// next one removes.
func (s *Store) pruneJournal(ctx context.Context, r state.Retention) (n int, err error) {
	var upTo state.Chain // the end of what is to be forgotten
	left, more := false, false
	err = s.view(ctx, "looking for old lines of the journal", func(tx *bbolt.Tx) error {
		if upTo, err = forgotten(tx); err != nil {
			return err
		}
		c := tx.Bucket(bucketJournal).Cursor()
		for k, stored := c.First(); k != nil; k, stored = c.Next() {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if binary.BigEndian.Uint64(k) <= upTo.Seq {
				left = true
				continue
			}
			e, err := unsealJSON[struct {
				At   time.Time `json:"at"`
				Hash string    `json:"hash"`
			}](k, stored)
			if err != nil {
				return fmt.Errorf("%s: %w", describeKey(bucketJournal, k), err)
			}
			if !e.At.Before(r.Before) {
				return nil
			}
			upTo, more = state.Chain{Seq: binary.BigEndian.Uint64(k), Hash: e.Hash}, true
		}
		return nil
	})
	if err != nil || !left && !more {
		return 0, err
	}
	if more {
		err = s.update(ctx, "noting what the journal forgets", func(tx *bbolt.Tx) error {
			text, err := json.Marshal(upTo)
			if err != nil {
				return err
			}
			if err := tx.Bucket(bucketMeta).Put(keyForgotten, text); err != nil {
				return err
			}
			return appendEntries(tx, plan.Scope{}, []state.Entry{state.PruneEntry(upTo, r.Now)})
		})
	}
	for removed := prunedAtOnce; err == nil && removed == prunedAtOnce; n += removed {
		removed = 0
		err = s.update(ctx, "forgetting old lines of the journal", func(tx *bbolt.Tx) error {
			c := tx.Bucket(bucketJournal).Cursor()
			var old []state.Entry // a bucket is not written while a cursor walks it
			for k, stored := c.First(); k != nil && len(old) < prunedAtOnce && binary.BigEndian.Uint64(k) <= upTo.Seq; k, stored = c.Next() {
				e, err := unsealJSON[indexedLine](k, stored)
				if err != nil {
					return fmt.Errorf("%s: %w", describeKey(bucketJournal, k), err)
				}
				old = append(old, e.entry(k))
			}
			for i := range old {
				if err := removeEntry(tx, &old[i]); err != nil {
					return fmt.Errorf("journal line %d: %w", old[i].Seq, err)
				}
			}
			removed = len(old)
			return nil
		})
	}
	return n, err
}

func removeEntry(tx *bbolt.Tx, e *state.Entry) error {
	for _, x := range lineIndexes {
		if of := x.of(e); of != "" {
			if err := tx.Bucket(x.bucket).Delete(lineKey(of, e.Seq)); err != nil {
				return err
			}
		}
	}
	return tx.Bucket(bucketJournal).Delete(entryKey(e.Seq))
}

// pruneRuns forgets old runs, and sooner those of which the journal has no line.
func (s *Store) pruneRuns(ctx context.Context, r state.Retention) (int, error) {
	var old [][]byte
	err := s.view(ctx, "looking for old runs", func(tx *bbolt.Tx) error {
		lines := tx.Bucket(bucketRunLines).Cursor()
		c := tx.Bucket(bucketRuns).Cursor()
		for k, stored := c.First(); k != nil; k, stored = c.Next() {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			run, err := unsealJSON[struct {
				Started time.Time `json:"started"`
			}](k, stored)
			if err != nil {
				return fmt.Errorf("%s: %w", describeKey(bucketRuns, k), err)
			}
			if !run.Started.Before(r.Before) && !run.Started.Before(r.Quiet) {
				return nil
			}
			of := joinKey(string(k), "")
			line, _ := lines.Seek(of)
			if run.Started.Before(r.Before) || !bytes.HasPrefix(line, of) {
				old = append(old, bytes.Clone(k))
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return s.remove(ctx, "forgetting old runs", bucketRuns, old)
}

// oldSpans are the keys of the spans that ended before a moment. It reads one span of each
// product, and those that go.
func (s *Store) oldSpans(ctx context.Context, before time.Time) (old [][]byte, err error) {
	return old, s.view(ctx, "looking for old spans", func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketSpans).Cursor()
		return eachProduct(tx.Bucket(bucketSpans).Cursor(), nil, func(product []byte) error {
			for k, stored := c.Seek(product); bytes.HasPrefix(k, product); k, stored = c.Next() {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				one, err := unsealSpan[state.Span](k, stored)
				if err != nil {
					return fmt.Errorf("%s: %w", describeKey(bucketSpans, k), err)
				}
				if one.To.IsZero() || !one.To.Before(before) {
					return nil
				}
				old = append(old, bytes.Clone(k))
			}
			return nil
		})
	})
}

// remove removes keys from a flat bucket, and returns how many it did.
func (s *Store) remove(ctx context.Context, doing string, bucket []byte, keys [][]byte) (n int, err error) {
	for err == nil && n < len(keys) {
		some := keys[n:min(len(keys), n+prunedAtOnce)]
		err = s.update(ctx, doing, func(tx *bbolt.Tx) error {
			for _, key := range some {
				if err := tx.Bucket(bucket).Delete(key); err != nil {
					return fmt.Errorf("%s: %w", describeKey(bucket, key), err)
				}
			}
			return nil
		})
		if err == nil {
			n += len(some)
		}
	}
	return n, err
}

// forgotten is the end of the lines of the journal that were forgotten.
func forgotten(tx *bbolt.Tx) (c state.Chain, err error) {
	if text := tx.Bucket(bucketMeta).Get(keyForgotten); text != nil {
		if err = json.Unmarshal(text, &c); err != nil {
			err = fmt.Errorf("%w: meta: what the journal forgot: %w", state.ErrCorrupt, err)
		}
	}
	return c, err
}
