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

const spanFromSize = 8

// spanProduct is the part of a span's key that all spans of its product share.
func spanProduct(key []byte) []byte { return key[:len(key)-spanFromSize] }

func spanFrom(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-spanFromSize:]) }

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

// afterProduct is behind every span of a product.
func afterProduct(product []byte) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(product), math.MaxUint64)
}

// lastSpan returns the last span of a product, or nil.
func lastSpan(c *bbolt.Cursor, product []byte) (*state.Span, error) {
	before := c.Prev
	if k, _ := c.Seek(afterProduct(product)); k == nil {
		before = c.Last
	}
	k, stored := before()
	if !bytes.HasPrefix(k, product) {
		return nil, nil
	}
	s, err := unsealSpan[state.Span](k, stored)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", describeKey(bucketSpans, k), err)
	}
	return &s, nil
}

// eachProduct calls do with what the keys of each product share, under a prefix.
func eachProduct(c *bbolt.Cursor, prefix []byte, do func(product []byte) error) error {
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && k != nil; {
		product := bytes.Clone(spanProduct(k))
		if err := do(product); err != nil {
			return err
		}
		k, _ = c.Seek(afterProduct(product))
	}
	return nil
}

// OpenSpans returns the spans of a scope that last.
func (s *Store) OpenSpans(ctx context.Context, scope plan.Scope) (spans []state.Span, err error) {
	err = s.view(ctx, "reading what lasts of "+scope.String(), func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSpans)
		c := b.Cursor()
		return eachProduct(b.Cursor(), joinKey(scope.Customer, scope.Target, ""), func(product []byte) error {
			last, err := lastSpan(c, product)
			if err == nil && last != nil && last.To.IsZero() {
				spans = append(spans, *last)
			}
			return err
		})
	})
	return spans, err
}

// putSpans takes out what is misdated, ends spans, then puts some.
func putSpans(tx *bbolt.Tx, st *state.Commit) error {
	b, scope := tx.Bucket(bucketSpans), st.Scope
	b.FillPercent = fillRecords
	for i := range st.Misdated {
		if err := dropMisdated(tx, scope, &st.Misdated[i]); err != nil {
			return fmt.Errorf("span of %s: %w", st.Misdated[i].Key, err)
		}
	}
	for _, e := range st.Ends {
		last, err := lastSpan(b.Cursor(), spanProductKey(scope, e.Key))
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
	for _, s := range st.Spans {
		s.Scope = scope
		last, err := lastSpan(b.Cursor(), spanProductKey(scope, s.Key))
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

// dropMisdated takes out the spans of a product that begin after a moment, and puts one of
// which nothing is known in their place.
func dropMisdated(tx *bbolt.Tx, scope plan.Scope, m *state.Misdated) error {
	b, product := tx.Bucket(bucketSpans), spanProductKey(scope, m.Key)
	last, err := lastSpan(b.Cursor(), product)
	if err != nil {
		return err
	}
	var unknown *state.Span
	for last != nil && last.From.After(m.Now) {
		unknown = new(last.Unknown(m.Since, m.Why, m.Run))
		if err := b.Delete(spanKey(last)); err != nil {
			return err
		}
		if last, err = lastSpan(b.Cursor(), product); err != nil {
			return err
		}
	}
	if unknown == nil {
		return nil
	}
	if last != nil && last.To.After(m.Since) {
		last.To = time.Time{}
	}
	now, over := unknown.Follows(last)
	if over != nil {
		if err := put(tx, bucketSpans, spanKey(over), over); err != nil {
			return err
		}
	}
	return put(tx, bucketSpans, spanKey(&now), now)
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
	filter  state.SpanFilter
	prefix  []byte
	c       *bbolt.Cursor
	product []byte // what the keys of the product it is in share
}

// start goes to the first span after the key last, or to the first of all.
func (w *spanWalk) start(last []byte) (key, value []byte) {
	if last == nil {
		return w.enterProduct(w.c.Seek(w.prefix))
	}
	k, v := w.c.Seek(last)
	w.product = spanProduct(last)
	if !bytes.Equal(k, last) { // pruned meanwhile
		return w.withinProduct(k, v)
	}
	return w.next()
}

// next goes on from where the walk is.
func (w *spanWalk) next() (key, value []byte) {
	if w.filter.First {
		return w.enterProduct(w.c.Seek(afterProduct(w.product)))
	}
	return w.withinProduct(w.c.Next())
}

// withinProduct stays within the product while there may be something to see, and
// goes on to the next product where there is not.
func (w *spanWalk) withinProduct(k, v []byte) (key, value []byte) {
	if k == nil || bytes.Equal(spanProduct(k), w.product) && !w.beginsAfterFilter(k) {
		return k, v
	}
	if bytes.Equal(spanProduct(k), w.product) {
		k, v = w.c.Seek(afterProduct(w.product))
	}
	return w.enterProduct(k, v)
}

// beginsAfterFilter reports whether a span begins when the filter's time is over.
func (w *spanWalk) beginsAfterFilter(k []byte) bool {
	return !w.filter.First && !w.filter.To.IsZero() && spanFrom(k) >= uint64(max(0, w.filter.To.UnixMicro()))
}

// enterProduct begins with the product that a key belongs to, or the next in which
// there is something to see.
func (w *spanWalk) enterProduct(k, v []byte) (key, value []byte) {
	for k != nil && bytes.HasPrefix(k, w.prefix) {
		w.product = bytes.Clone(spanProduct(k))
		if !w.excludes(w.product) {
			if k, v = w.seekFrom(k, v); !w.beginsAfterFilter(k) {
				return k, v
			}
		}
		k, v = w.c.Seek(afterProduct(w.product))
	}
	return nil, nil
}

// seekFrom goes from the first span of a product to the one that lasts when the
// filter's time begins, or stays where all of them begin later.
func (w *spanWalk) seekFrom(k, v []byte) (key, value []byte) {
	if w.filter.First || w.filter.From.IsZero() {
		return k, v
	}
	from := binary.BigEndian.AppendUint64(bytes.Clone(w.product), uint64(max(0, w.filter.From.UnixMicro())))
	if k, v = w.c.Seek(from); bytes.Equal(k, from) {
		return k, v
	}
	if k == nil {
		k, v = w.c.Last()
	} else {
		k, v = w.c.Prev()
	}
	if !bytes.HasPrefix(k, w.product) {
		return w.c.Seek(w.product)
	}
	return k, v
}

// excludes reports whether a filter names another product.
func (w *spanWalk) excludes(product []byte) bool {
	if w.filter.Key == (plan.Key{}) {
		return false
	}
	return !bytes.HasSuffix(product, joinKey("", w.filter.Key.Kind, w.filter.Key.ID, ""))
}
