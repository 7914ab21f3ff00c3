package boltstate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/state"
)

// A page of a list ends with the first of these.
const (
	pageItems   = 256
	pageBytes   = 1 << 20
	pageScanned = 20_000
)

// A scan says how to read a flat bucket.
type scan struct {
	bucket    []byte
	backwards bool
	// mayMatch reports from the stored text whether a value can match, so that others
	// are not decoded; nil is always.
	mayMatch func(text []byte) bool
}

// list yields what is in a flat bucket. It reads a page in a transaction and
// yields between transactions: callers may write from inside their loop, and
// a slow one does not block writers. What is written meanwhile may be listed or not.
func list[T any](ctx context.Context, s *Store, l scan) iter.Seq2[T, error] {
	return pages(ctx, string(l.bucket), func(last []byte) ([]T, []byte, error) { return readItems[T](ctx, s, l, last) })
}

// pages yields what read returns page by page: what comes after the key last, and
// the key to go on from, nil at the end. What was read before an error comes with it.
func pages[T any](ctx context.Context, what string, read func(last []byte) (items []T, next []byte, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last []byte
		for {
			items, next, err := read(last)
			for i := range items {
				if ctx.Err() != nil {
					err = fmt.Errorf("listing %s: %w", what, context.Cause(ctx))
					break
				}
				if !yield(items[i], nil) {
					return
				}
			}
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if next == nil {
				return
			}
			last = next
		}
	}
}

// readItems reads the page after the key last; next is nil at the end. What was
// read before an error comes with it.
func readItems[T any](ctx context.Context, s *Store, l scan, last []byte) (items []T, next []byte, err error) {
	err = s.view(ctx, "listing "+string(l.bucket), func(tx *bbolt.Tx) error {
		c := tx.Bucket(l.bucket).Cursor()
		advance := c.Next
		if l.backwards {
			advance = c.Prev
		}
		size, scanned := 0, 0
		for k, stored := l.start(c, last); k != nil; k, stored = advance() {
			if scanned == pageScanned || len(items) == pageItems || size > pageBytes {
				next = last
				return nil
			}
			scanned++
			last = bytes.Clone(k)
			if l.mayMatch != nil && len(stored) > sumSize && !l.mayMatch(stored[sumSize:]) {
				continue
			}
			item, err := unsealJSON[T](k, stored)
			if err != nil {
				return fmt.Errorf("%s: %w", describeKey(l.bucket, k), err)
			}
			items = append(items, item)
			size += len(stored)
		}
		return nil
	})
	return items, next, err
}

func (l scan) start(c *bbolt.Cursor, last []byte) (key, value []byte) {
	switch {
	case last == nil && l.backwards:
		return c.Last()
	case last == nil:
		return c.First()
	}
	key, value = c.Seek(last)
	switch {
	case l.backwards && key == nil:
		return c.Last()
	case l.backwards:
		return c.Prev()
	case bytes.Equal(key, last):
		return c.Next()
	}
	return key, value
}

// Cursors yields where every scope stands.
func (s *Store) Cursors(ctx context.Context) iter.Seq2[state.Cursor, error] {
	return list[state.Cursor](ctx, s, scan{bucket: bucketCursors})
}

// Refs yields the refs of a target's records. It reads a scope in a transaction
// and yields between them.
func (s *Store) Refs(ctx context.Context, target string) iter.Seq2[state.Ref, error] {
	return func(yield func(state.Ref, error) bool) {
		scopes, err := s.scopesWithRecords(ctx, target)
		for _, key := range scopes {
			var refs []state.Ref
			if refs, err = s.refsOfScope(ctx, key); err != nil {
				break
			}
			for _, r := range refs {
				if !yield(r, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(state.Ref{}, err)
		}
	}
}

// scopesWithRecords returns the keys of the scopes of a target that have records.
func (s *Store) scopesWithRecords(ctx context.Context, target string) (keys [][]byte, err error) {
	err = s.view(ctx, "listing the records of "+target, func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRecords).ForEachBucket(func(k []byte) error {
			if _, of, _ := bytes.Cut(k, []byte{0}); string(of) == target {
				keys = append(keys, bytes.Clone(k))
			}
			return nil
		})
	})
	return keys, err
}

func (s *Store) refsOfScope(ctx context.Context, scope []byte) (refs []state.Ref, err error) {
	customer, _, _ := bytes.Cut(scope, []byte{0})
	err = s.view(ctx, "listing the records of "+formatKey(scope), func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketRecords).Bucket(scope)
		if b == nil {
			return nil // dropped meanwhile
		}
		return b.ForEach(func(k, stored []byte) error {
			r, err := unsealJSON[struct {
				Kind string   `json:"kind"`
				Ref  string   `json:"ref"`
				Left []string `json:"left"`
			}](recordSealKey(scope, k), stored)
			if err != nil {
				return fmt.Errorf("record %s: %w", formatKey(k), err)
			}
			for _, ref := range append([]string{r.Ref}, r.Left...) {
				if ref != "" {
					refs = append(refs, state.Ref{Customer: string(customer), Kind: r.Kind, Ref: ref})
				}
			}
			return nil
		})
	})
	return refs, err
}

// Holds yields every plan that waits for a person.
func (s *Store) Holds(ctx context.Context) iter.Seq2[state.Hold, error] {
	return list[state.Hold](ctx, s, scan{bucket: bucketHolds})
}

// Settlements yields every word on objects.
func (s *Store) Settlements(ctx context.Context) iter.Seq2[state.Settlement, error] {
	return list[state.Settlement](ctx, s, scan{bucket: bucketSettlements})
}

// Runs yields runs, newest first.
func (s *Store) Runs(ctx context.Context) iter.Seq2[state.Run, error] {
	return list[state.Run](ctx, s, scan{bucket: bucketRuns, backwards: true})
}

// Journal yields entries, newest first. Those of a customer or a run are found by an
// index; any other filter reads every line, but decodes only those whose text could match.
func (s *Store) Journal(ctx context.Context, f state.JournalFilter) iter.Seq2[state.Entry, error] {
	mayMatch := textFilter(f)
	entries := list[state.Entry](ctx, s, scan{bucket: bucketJournal, backwards: true, mayMatch: mayMatch})
	switch {
	case f.Run != "":
		entries = s.indexed(ctx, byRun, f.Run, mayMatch)
	case f.Customer != "":
		entries = s.indexed(ctx, byCustomer, f.Customer, mayMatch)
	}
	return func(yield func(state.Entry, error) bool) {
		n := 0
		for e, err := range entries {
			if err == nil && !matches(f, &e) {
				continue
			}
			if !yield(e, err) {
				return
			}
			if n++; n == f.Limit {
				return
			}
		}
	}
}

// indexed yields the lines of a customer or a run.
func (s *Store) indexed(ctx context.Context, x lineIndex, of string, mayMatch func([]byte) bool) iter.Seq2[state.Entry, error] {
	return pages(ctx, "the journal of "+of, func(last []byte) ([]state.Entry, []byte, error) {
		return s.readIndexed(ctx, x, of, mayMatch, last)
	})
}

// readIndexed reads the page of these lines before the index's key last.
func (s *Store) readIndexed(ctx context.Context, x lineIndex, of string, mayMatch func([]byte) bool, last []byte) (entries []state.Entry, next []byte, err error) {
	err = s.view(ctx, "listing the journal of "+of, func(tx *bbolt.Tx) error {
		prefix, journal := joinKey(of, ""), tx.Bucket(bucketJournal)
		c := tx.Bucket(x.bucket).Cursor()
		k, _ := c.Seek(lineKey(of, math.MaxUint64))
		if last != nil {
			k, _ = c.Seek(last)
		}
		if k == nil {
			k, _ = c.Last()
		} else {
			k, _ = c.Prev()
		}
		size, scanned := 0, 0
		for ; bytes.HasPrefix(k, prefix); k, _ = c.Prev() {
			if scanned == pageScanned || len(entries) == pageItems || size > pageBytes {
				next = last
				return nil
			}
			scanned++
			last = bytes.Clone(k)
			key := last[len(prefix):]
			stored := journal.Get(key)
			if len(stored) > sumSize && !mayMatch(stored[sumSize:]) {
				continue
			}
			e, err := unsealJSON[state.Entry](key, stored)
			if err != nil {
				return fmt.Errorf("%s: %w", describeKey(bucketJournal, key), err)
			}
			entries = append(entries, e)
			size += len(stored)
		}
		return nil
	})
	return entries, next, err
}

func matches(f state.JournalFilter, e *state.Entry) bool {
	return (f.Run == "" || f.Run == e.Run) &&
		(f.Customer == "" || f.Customer == e.Scope.Customer) &&
		(f.Target == "" || f.Target == e.Scope.Target) &&
		(f.From.IsZero() || !e.At.Before(f.From)) && (f.To.IsZero() || e.At.Before(f.To))
}

// textFilter returns a function that reports whether a stored entry contains the
// filter's members as JSON writes them; entries without them cannot match.
func textFilter(f state.JournalFilter) func([]byte) bool {
	var want [][]byte
	for _, m := range []struct{ name, value string }{{"run", f.Run}, {"customer", f.Customer}, {"target", f.Target}} {
		if m.value == "" {
			continue
		}
		if text, err := json.Marshal(m.value); err == nil {
			want = append(want, append([]byte(`"`+m.name+`":`), text...))
		}
	}
	return func(line []byte) bool {
		if !mayBeWithin(line, f.From, f.To) {
			return false
		}
		for _, w := range want {
			if !bytes.Contains(line, w) {
				return false
			}
		}
		return true
	}
}

// mayBeWithin tells by the day in a line's text, which is in UTC.
func mayBeWithin(line []byte, from, to time.Time) bool {
	_, at, found := bytes.Cut(line, []byte(`"at":"`))
	if !found || len(at) < len(time.DateOnly) {
		return true
	}
	day := string(at[:len(time.DateOnly)])
	return (from.IsZero() || day >= from.UTC().Format(time.DateOnly)) && (to.IsZero() || day <= to.UTC().Format(time.DateOnly))
}
