package boltstate

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// The spans of a product stand together, by the moment at which each begins; so
// those of a month are found by one look into the tree, and those that last are
// the last of each product.

const momentSize = 8

// group is the part of a span's key that all spans of its product share.
func group(key []byte) []byte { return key[:len(key)-momentSize] }

func begins(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-momentSize:]) }

// unsealSpan is unsealJSON for spans, of which there may be a million, with a decoder
// that is quicker.
func unsealSpan[T any](key, stored []byte) (T, error) {
	var v T
	text, err := unseal(key, stored)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("%w: %w", state.ErrCorrupt, err)
	}
	return v, nil
}

// A spanFrame is what of a span says where it belongs.
type spanFrame struct {
	Scope plan.Scope `json:"scope"`
	Key   plan.Key   `json:"key"`
	From  time.Time  `json:"from"`
	To    time.Time  `json:"to,omitzero"`
}

// past is behind every span of a product.
func past(group []byte) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(group), math.MaxUint64)
}

// newest returns the last span of a product, or nil.
func newest(c *bbolt.Cursor, group []byte) (*state.Span, error) {
	k, stored := c.Seek(past(group))
	if k == nil {
		k, stored = c.Last()
	} else {
		k, stored = c.Prev()
	}
	if !bytes.HasPrefix(k, group) {
		return nil, nil
	}
	s, err := unsealSpan[state.Span](k, stored)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", describeKey(bucketSpans, k), err)
	}
	return &s, nil
}

// products calls do with the group of each product under a prefix.
func products(c *bbolt.Cursor, prefix []byte, do func(group []byte) error) error {
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && k != nil; {
		g := bytes.Clone(group(k))
		if err := do(g); err != nil {
			return err
		}
		k, _ = c.Seek(past(g))
	}
	return nil
}

// openSpans are the spans under a prefix that last.
func openSpans(tx *bbolt.Tx, prefix []byte) (spans []state.Span, err error) {
	b := tx.Bucket(bucketSpans)
	look := b.Cursor()
	err = products(b.Cursor(), prefix, func(group []byte) error {
		s, err := newest(look, group)
		if err == nil && s != nil && s.To.IsZero() {
			spans = append(spans, *s)
		}
		return err
	})
	return spans, err
}

// putSpans ends spans, then puts some.
func putSpans(tx *bbolt.Tx, scope plan.Scope, ends []state.Ending, spans []state.Span) error {
	b := tx.Bucket(bucketSpans)
	b.FillPercent = fillRecords
	for _, e := range ends {
		last, err := newest(b.Cursor(), spanGroup(scope, e.Key))
		if err != nil {
			return err
		}
		if last == nil || !last.To.IsZero() {
			continue
		}
		over := last.EndedAt(e.At)
		if err := put(tx, bucketSpans, spanKey(&over), over); err != nil {
			return fmt.Errorf("span of %s: %w", e.Key, err)
		}
	}
	for _, s := range spans {
		s.Scope = scope
		last, err := newest(b.Cursor(), spanGroup(scope, s.Key))
		if err != nil {
			return err
		}
		now, over := s.Follows(last)
		if over != nil {
			if err := put(tx, bucketSpans, spanKey(over), over); err != nil {
				return fmt.Errorf("span of %s: %w", s.Key, err)
			}
		}
		if err := put(tx, bucketSpans, spanKey(&now), now); err != nil {
			return fmt.Errorf("span of %s: %w", s.Key, err)
		}
	}
	return nil
}

// Spans yields the ledger.
func (s *Store) Spans(ctx context.Context, f state.SpanFilter) iter.Seq2[state.Span, error] {
	return pages(ctx, "the ledger", func(last []byte) ([]state.Span, []byte, error) { return s.readSpans(ctx, f, last) })
}

// readSpans reads the page after the key last; next is nil at the end.
func (s *Store) readSpans(ctx context.Context, f state.SpanFilter, last []byte) (spans []state.Span, next []byte, err error) {
	err = s.view(ctx, "listing the ledger", func(tx *bbolt.Tx) error {
		w := spanWalk{filter: f, prefix: []byte{}, c: tx.Bucket(bucketSpans).Cursor()}
		if f.Customer != "" {
			w.prefix = joinKey(f.Customer, "")
		}
		size := 0
		for k, stored := w.start(last); k != nil; k, stored = w.next() {
			if len(spans) == pageItems || size > pageBytes {
				next = last
				return nil
			}
			one, err := unsealSpan[state.Span](k, stored)
			if err != nil {
				return fmt.Errorf("%s: %w", describeKey(bucketSpans, k), err)
			}
			last = bytes.Clone(k)
			if f.First || one.Within(f.From, f.To) {
				spans = append(spans, one)
				size += len(stored)
			}
		}
		return nil
	})
	return spans, next, err
}

// A spanWalk visits the spans that a filter may let through.
type spanWalk struct {
	filter state.SpanFilter
	prefix []byte
	c      *bbolt.Cursor
	group  []byte // of the product it is in
}

// start goes to the first span after the key last, or to the first of all.
func (w *spanWalk) start(last []byte) (key, value []byte) {
	if last == nil {
		return w.enter(w.c.Seek(w.prefix))
	}
	k, v := w.c.Seek(last)
	w.group = group(last)
	if !bytes.Equal(k, last) { // pruned meanwhile
		return w.at(k, v)
	}
	return w.next()
}

// next goes on from where the walk is.
func (w *spanWalk) next() (key, value []byte) {
	if w.filter.First {
		return w.enter(w.c.Seek(past(w.group)))
	}
	return w.at(w.c.Next())
}

// at stays within the product while there may be something to see, and goes on to
// the next product where there is not.
func (w *spanWalk) at(k, v []byte) (key, value []byte) {
	if k == nil || bytes.Equal(group(k), w.group) && !w.over(k) {
		return k, v
	}
	if bytes.Equal(group(k), w.group) {
		k, v = w.c.Seek(past(w.group))
	}
	return w.enter(k, v)
}

// over reports whether a span begins when the filter's time is over.
func (w *spanWalk) over(k []byte) bool {
	return !w.filter.First && !w.filter.To.IsZero() && begins(k) >= uint64(max(0, w.filter.To.UnixMicro()))
}

// enter begins with the product that a key belongs to, or the next in which there
// is something to see.
func (w *spanWalk) enter(k, v []byte) (key, value []byte) {
	for k != nil && bytes.HasPrefix(k, w.prefix) {
		w.group = bytes.Clone(group(k))
		if !w.skips(w.group) {
			if k, v = w.first(k, v); !w.over(k) {
				return k, v
			}
		}
		k, v = w.c.Seek(past(w.group))
	}
	return nil, nil
}

// first goes from the first span of a product to the one that lasts when the
// filter's time begins, or stays where all of them begin later.
func (w *spanWalk) first(k, v []byte) (key, value []byte) {
	if w.filter.First || w.filter.From.IsZero() {
		return k, v
	}
	from := binary.BigEndian.AppendUint64(bytes.Clone(w.group), uint64(max(0, w.filter.From.UnixMicro())))
	if k, v = w.c.Seek(from); bytes.Equal(k, from) {
		return k, v
	}
	if k == nil {
		k, v = w.c.Last()
	} else {
		k, v = w.c.Prev()
	}
	if !bytes.HasPrefix(k, w.group) {
		return w.c.Seek(w.group)
	}
	return k, v
}

// skips reports whether a filter names another product.
func (w *spanWalk) skips(group []byte) bool {
	if w.filter.Key == (plan.Key{}) {
		return false
	}
	return !bytes.HasSuffix(group, joinKey("", w.filter.Key.Kind, w.filter.Key.ID, ""))
}

// Prune forgets spans that ended before a moment. It reads one span of each
// product, and those that go.
func (s *Store) Prune(ctx context.Context, before time.Time) (int, error) {
	var old [][]byte
	err := s.view(ctx, "looking for old spans", func(tx *bbolt.Tx) error {
		look := tx.Bucket(bucketSpans).Cursor()
		return products(tx.Bucket(bucketSpans).Cursor(), nil, func(g []byte) error {
			for k, stored := look.Seek(g); bytes.HasPrefix(k, g); k, stored = look.Next() {
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
	if err != nil || len(old) == 0 {
		return 0, err
	}
	return len(old), s.update(ctx, "forgetting old spans", func(tx *bbolt.Tx) error {
		for _, key := range old {
			if err := tx.Bucket(bucketSpans).Delete(key); err != nil {
				return fmt.Errorf("%s: %w", describeKey(bucketSpans, key), err)
			}
		}
		return nil
	})
}
