package boltstate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// Verify reads every page and every value and checks the journal's chain. It
// looks at one moment of the file while others go on writing. Scopes counts
// those that have a cursor.
func (s *Store) Verify(ctx context.Context) (state.Counts, error) {
	var n state.Counts
	// While nobody writes, the newest meta page is that of the transaction;
	// from then on the transaction keeps its pages from being written over.
	s.writing.Lock()
	release := sync.OnceFunc(s.writing.Unlock)
	defer release()
	err := s.view(ctx, "verifying", func(tx *bbolt.Tx) error {
		file := s.file // of this transaction: nobody compacts while writing is held
		info, err := file.Stat()
		if err != nil {
			return err
		}
		found, err := validMetas(file, info.Size())
		if err != nil {
			return err
		}
		release()
		// The pages first: bbolt trusts them.
		for _, m := range found {
			if m.txid == uint64(tx.ID()) {
				if err := checkPages(ctx, file, m, info.Size()); err != nil {
					return err
				}
				v := verifier{ctx: ctx, tx: tx}
				n, err = v.verifyAll()
				return err
			}
		}
		return corruptf("its newest first page is not whole")
	})
	if err != nil {
		return state.Counts{}, err
	}
	return n, nil
}

type verifier struct {
	ctx context.Context
	tx  *bbolt.Tx
	n   state.Counts
}

func (v *verifier) verifyAll() (state.Counts, error) {
	checks := []func() error{
		v.records,
		func() error {
			return verifyBucket(v, bucketCursors, &v.n.Scopes, func(k []byte, c state.Cursor) error { return checkKey(k, scopeKey(c.Scope)) })
		},
		func() error {
			return verifyBucket(v, bucketHolds, &v.n.Holds, func(k []byte, h state.Hold) error { return checkKey(k, scopeKey(h.Scope)) })
		},
		func() error {
			return verifyBucket(v, bucketSettlements, new(int), func(k []byte, s state.Settlement) error { return checkKey(k, settlementKey(s.Scope, s.Key)) })
		},
		func() error {
			return verifyBucket(v, bucketRuns, &v.n.Runs, func(k []byte, r state.Run) error { return checkKey(k, []byte(r.ID)) })
		},
		v.documents,
		v.spans,
		v.journal,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return v.n, err
		}
	}
	return v.n, nil
}

func (v *verifier) records() error {
	records, err := v.bucket(bucketRecords)
	if err != nil {
		return err
	}
	return records.ForEach(func(scope, value []byte) error {
		b := records.Bucket(scope)
		if b == nil {
			return fmt.Errorf("%s: %w: it is no bucket", describeKey(bucketRecords, scope), state.ErrCorrupt)
		}
		err := verifyValues(v, b, &v.n.Records,
			func(k []byte) []byte { return recordSealKey(scope, k) }, unsealJSON,
			func(k []byte, r plan.Record) error { return checkKey(k, recordKey(r.Key)) })
		if err != nil {
			return fmt.Errorf("%s: %w", describeKey(bucketRecords, scope), err)
		}
		return nil
	})
}

func (v *verifier) documents() error {
	b, err := v.bucket(bucketDocuments)
	if err != nil {
		return err
	}
	names, err := documentNames(v.tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, _, err := document(v.tx, []byte(name)); err != nil {
			return err
		}
	}
	return b.ForEach(func(k, _ []byte) error {
		if !slices.Contains(names, string(k)) {
			return fmt.Errorf("%s: %w: nobody wrote it", describeKey(bucketDocuments, k), state.ErrCorrupt)
		}
		return nil
	})
}

// spans checks that a product is one thing at a time.
func (v *verifier) spans() error {
	var last *spanFrame
	b, err := v.bucket(bucketSpans)
	if err != nil {
		return err
	}
	err = verifyValues(v, b, &v.n.Spans, func(k []byte) []byte { return k }, unsealSpan, func(k []byte, s spanFrame) error {
		if err := checkKey(k, spanKey(&state.Span{Scope: s.Scope, Key: s.Key, From: s.From})); err != nil {
			return err
		}
		if last != nil && last.Scope == s.Scope && last.Key == s.Key && (last.To.IsZero() || last.To.After(s.From)) {
			return fmt.Errorf("%w: it begins before the span from %s ends", state.ErrCorrupt, last.From)
		}
		if !s.To.IsZero() && !s.To.After(s.From) {
			return fmt.Errorf("%w: it ends before it begins", state.ErrCorrupt)
		}
		last = &s
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", bucketSpans, err)
	}
	return nil
}

// journal follows the chain. A missing line is found by its number before the
// lines after it are blamed.
func (v *verifier) journal() error {
	indexes, indexed := make([]*bbolt.Bucket, len(lineIndexes)), make([]int, len(lineIndexes))
	for i, x := range lineIndexes {
		var err error
		if indexes[i], err = v.bucket(x.bucket); err != nil {
			return err
		}
	}
	gone, err := forgotten(v.tx)
	if err != nil {
		return err
	}
	follower := state.Follower{Forgotten: gone}
	err = verifyBucket(v, bucketJournal, &v.n.Entries, func(k []byte, e state.Entry) error {
		if err := checkKey(k, entryKey(e.Seq)); err != nil {
			return err
		}
		for i, x := range lineIndexes {
			of := x.of(&e)
			if of == "" {
				continue
			}
			indexed[i]++
			if indexes[i].Get(lineKey(of, e.Seq)) == nil {
				return fmt.Errorf("%w: it is not among the %s", state.ErrCorrupt, x.bucket)
			}
		}
		return follower.Check(e)
	})
	if err != nil {
		return err
	}
	for i, x := range lineIndexes {
		if n := indexes[i].Stats().KeyN; n != indexed[i] {
			return fmt.Errorf("%s: %w: it has %d lines, and the journal %d of them", x.bucket, state.ErrCorrupt, n, indexed[i])
		}
	}
	end, err := chainEnd(v.tx)
	if err != nil {
		return err
	}
	v.n.Forgotten, err = follower.End(end)
	return err
}

func (v *verifier) bucket(name []byte) (*bbolt.Bucket, error) {
	if b := v.tx.Bucket(name); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%w: the bucket %s is missing", state.ErrCorrupt, name)
}

// verifyBucket checks every value of a flat bucket.
func verifyBucket[T any](v *verifier, bucket []byte, n *int, check func(key []byte, value T) error) error {
	b, err := v.bucket(bucket)
	if err != nil {
		return err
	}
	if err := verifyValues(v, b, n, func(k []byte) []byte { return k }, unsealJSON, check); err != nil {
		return fmt.Errorf("%s: %w", bucket, err)
	}
	return nil
}

// verifyValues checks every value of one bucket; sealKey returns the key of a value's
// checksum.
func verifyValues[T any](v *verifier, b *bbolt.Bucket, n *int, sealKey func(key []byte) []byte, unseal func(key, stored []byte) (T, error), check func(key []byte, value T) error) error {
	c := b.Cursor()
	for k, stored := c.First(); k != nil; k, stored = c.Next() {
		if *n%1024 == 0 && v.ctx.Err() != nil {
			return context.Cause(v.ctx)
		}
		value, err := unseal(sealKey(k), stored)
		if err == nil {
			err = check(k, value)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", formatKey(k), err)
		}
		*n++
	}
	return nil
}

var errMisplaced = errors.New("it stands under a key that is not its own")

func checkKey(key, own []byte) error {
	if bytes.Equal(key, own) {
		return nil
	}
	return fmt.Errorf("%w: %w", state.ErrCorrupt, errMisplaced)
}

// describeKey names a value in an error.
func describeKey(bucket, key []byte) string {
	return string(bucket) + ": " + formatKey(key)
}

func formatKey(key []byte) string {
	if len(key) == 8 && key[0] == 0 { // no text starts with a NUL
		return fmt.Sprintf("line %d", binary.BigEndian.Uint64(key))
	}
	return fmt.Sprintf("%q", bytes.ReplaceAll(key, []byte{0}, []byte(" ")))
}
