package boltstate

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

// Pages of keys that only ever grow are filled nearly to the brim; those of
// records leave room for a key between two others.
const (
	fillJournal = 0.95
	fillRecords = 0.8
)

// A sealedValue is a key and its value as stored in the file.
type sealedValue struct{ key, value []byte }

// Commit writes what one step of some scopes changed, in one transaction. Of
// each, what is dropped goes first, so that a key which is also put stays.
// Whatever a hold says of a decision is ignored; only Decide stores one.
func (s *Store) Commit(ctx context.Context, cs ...*state.Commit) error {
	// Records are encoded before the write transaction begins: the store has one
	// writer at a time.
	steps := make([]sealedCommit, 0, len(cs))
	for _, c := range cs {
		if c == nil {
			continue
		}
		st, err := sealCommit(c)
		if err != nil {
			return fmt.Errorf("storing %s: %w", c.Scope, err)
		}
		if !st.empty() {
			steps = append(steps, st)
		}
	}
	doing := fmt.Sprintf("storing %d scopes", len(steps))
	switch len(steps) {
	case 0:
		return nil
	case 1:
		doing = "storing " + steps[0].Scope.String()
	}
	return s.update(ctx, doing, func(tx *bbolt.Tx) error {
		for i := range steps {
			if err := steps[i].write(tx); err != nil {
				if len(steps) == 1 {
					return err
				}
				return fmt.Errorf("%s: %w", steps[i].Scope, err)
			}
		}
		return nil
	})
}

// A sealedCommit is a commit with its records sealed.
type sealedCommit struct {
	*state.Commit
	key  []byte
	puts []sealedValue
}

func (st *sealedCommit) empty() bool {
	return len(st.puts)+len(st.Drop)+len(st.Entries)+len(st.Misdated)+len(st.Ends)+len(st.Spans) == 0 && st.Cursor == nil && st.Hold == nil && !st.ClearHold
}

func (st *sealedCommit) write(tx *bbolt.Tx) error {
	if err := putRecords(tx, st.key, st.puts, st.Drop); err != nil {
		return err
	}
	if st.Cursor != nil {
		c := *st.Cursor
		c.Scope, c.At, c.InStepAt, c.TroubleSince = st.Scope, c.At.UTC(), c.InStepAt.UTC(), c.TroubleSince.UTC()
		if err := put(tx, bucketCursors, st.key, c); err != nil {
			return fmt.Errorf("cursor: %w", err)
		}
	}
	if st.ClearHold {
		if err := tx.Bucket(bucketHolds).Delete(st.key); err != nil {
			return fmt.Errorf("hold: %w", err)
		}
	}
	if st.Hold != nil {
		if err := putHold(tx, st.key, st.Scope, *st.Hold); err != nil {
			return fmt.Errorf("hold: %w", err)
		}
	}
	if err := putSpans(tx, st.Commit); err != nil {
		return err
	}
	if len(st.Misdated)+len(st.Ends)+len(st.Spans) > 0 && st.Cursor == nil {
		if err := emptyLedger(tx, st.key); err != nil {
			return fmt.Errorf("cursor: %w", err)
		}
	}
	return appendEntries(tx, st.Scope, st.Entries)
}

// emptyLedger empties Cursor.Ledger of a scope whose spans changed.
func emptyLedger(tx *bbolt.Tx, key []byte) error {
	c, err := get[state.Cursor](tx, bucketCursors, key)
	if err != nil || c == nil || c.Ledger == "" {
		return err
	}
	c.Ledger = ""
	return put(tx, bucketCursors, key, c)
}

// sealCommit seals the records of a commit, and refuses one whose parts belong to
// another scope.
func sealCommit(c *state.Commit) (sealedCommit, error) {
	sealed := sealedCommit{Commit: c, key: scopeKey(c.Scope)}
	if err := checkScope(c.Scope); err != nil {
		return sealed, err
	}
	otherScope := func(s plan.Scope) bool { return s != c.Scope && s != plan.Scope{} }
	if c.Cursor != nil && otherScope(c.Cursor.Scope) {
		return sealed, fmt.Errorf("its cursor is that of %s", c.Cursor.Scope)
	}
	if c.Hold != nil && otherScope(c.Hold.Scope) {
		return sealed, fmt.Errorf("its hold is that of %s", c.Hold.Scope)
	}
	for i := range c.Entries {
		if otherScope(c.Entries[i].Scope) {
			return sealed, fmt.Errorf("its journal entry %d is one of %s", i, c.Entries[i].Scope)
		}
	}
	for i := range c.Spans {
		s := &c.Spans[i]
		if otherScope(s.Scope) {
			return sealed, fmt.Errorf("its span of %s is one of %s", s.Key, s.Scope)
		}
		if err := checkText(s.Key.Kind, s.Key.ID); err != nil {
			return sealed, fmt.Errorf("span of %s: %w", s.Key, err)
		}
		if s.From.UnixMicro() <= 0 {
			return sealed, fmt.Errorf("span of %s: it begins on no day (%s)", s.Key, s.From)
		}
	}
	for _, k := range c.Drop {
		if err := checkText(k.Kind, k.ID); err != nil {
			return sealed, fmt.Errorf("dropping %s: %w", k, err)
		}
	}
	sealed.puts = make([]sealedValue, 0, len(c.Put))
	for _, r := range c.Put {
		if err := checkText(r.Kind, r.ID); err != nil {
			return sealed, fmt.Errorf("record %s: %w", r.Key, err)
		}
		r.At = r.At.UTC()
		key := recordKey(r.Key)
		value, err := sealJSON(recordSealKey(sealed.key, key), r)
		if err != nil {
			return sealed, fmt.Errorf("record %s: %w", r.Key, err)
		}
		sealed.puts = append(sealed.puts, sealedValue{key, value})
	}
	return sealed, nil
}

func putRecords(tx *bbolt.Tx, scope []byte, puts []sealedValue, drop []plan.Key) error {
	records := tx.Bucket(bucketRecords)
	b := records.Bucket(scope)
	if b == nil {
		if len(puts) == 0 {
			return nil
		}
		var err error
		if b, err = records.CreateBucket(scope); err != nil {
			return fmt.Errorf("records: %w", err)
		}
	}
	b.FillPercent = fillRecords
	for _, k := range drop {
		if err := b.Delete(recordKey(k)); err != nil {
			return fmt.Errorf("dropping %s: %w", k, err)
		}
	}
	for _, r := range puts {
		if err := b.Put(r.key, r.value); err != nil {
			return fmt.Errorf("record %q: %w", r.key, err)
		}
	}
	if k, _ := b.Cursor().First(); k == nil {
		return records.DeleteBucket(scope)
	}
	return nil
}

// putHold stores a hold. Where the stored hold has the same digest, its Since and its
// Decision stay; another plan has no decision.
func putHold(tx *bbolt.Tx, key []byte, scope plan.Scope, h state.Hold) error {
	before, err := get[state.Hold](tx, bucketHolds, key)
	if err != nil {
		return err
	}
	h.Scope, h.Since, h.Decision = scope, h.Since.UTC(), nil
	if before != nil && before.Digest == h.Digest {
		h.Since, h.Decision = before.Since, before.Decision
	}
	return put(tx, bucketHolds, key, h)
}

// appendEntries adds to the journal. The scope is that of all entries; where there is
// none each has its own.
func appendEntries(tx *bbolt.Tx, scope plan.Scope, entries []state.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	chain, err := chainEnd(tx)
	if err != nil {
		return err
	}
	journal := tx.Bucket(bucketJournal)
	journal.FillPercent = fillJournal
	for _, e := range entries {
		if scope != (plan.Scope{}) {
			e.Scope = scope
		}
		e = chain.Append(e)
		key := entryKey(e.Seq)
		value, err := sealJSON(key, e)
		if err == nil {
			err = journal.Put(key, value)
		}
		for _, x := range lineIndexes {
			if err == nil {
				err = x.add(tx, &e)
			}
		}
		if err != nil {
			return fmt.Errorf("journal line %d (%s %s): %w", e.Seq, e.Action, e.Key, err)
		}
	}
	return putChainEnd(tx, chain)
}

// decide is an update that a person decided.
func (s *Store) decide(ctx context.Context, doing string, fn func(*bbolt.Tx) error) error {
	err := s.update(ctx, doing, fn)
	if err == nil {
		s.decided.Add(1)
	}
	return err
}

// Decided counts what people decided since the store was opened.
func (s *Store) Decided() uint64 { return s.decided.Load() }

// Decide stores a person's word on a hold. A hold without a plan has no
// digest, and nothing that could be decided.
func (s *Store) Decide(ctx context.Context, scope plan.Scope, digest string, d state.Decision, about ...state.Entry) error {
	key := scopeKey(scope)
	return s.decide(ctx, "deciding on "+scope.String(), func(tx *bbolt.Tx) error {
		h, err := get[state.Hold](tx, bucketHolds, key)
		if err != nil {
			return err
		}
		if h == nil || h.Digest != digest || digest == "" {
			return fmt.Errorf("no plan with the digest %q waits: %w; syncd holds shows what does", digest, state.ErrNotFound)
		}
		if h.Decision != nil && h.Decision.Approved == d.Approved {
			return nil // somebody said so a moment ago
		}
		d.At = d.At.UTC()
		h.Decision = &d
		if err := put(tx, bucketHolds, key, h); err != nil {
			return err
		}
		return appendEntries(tx, scope, about)
	})
}

// Settle stores a person's word on one object, under the scope and key that
// are given, or takes it back.
func (s *Store) Settle(ctx context.Context, scope plan.Scope, key plan.Key, word *state.Settlement, about ...state.Entry) error {
	doing := fmt.Sprintf("settling %s of %s", key, scope)
	if err := checkScope(scope); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := checkText(key.Kind, key.ID); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	at := settlementKey(scope, key)
	return s.decide(ctx, doing, func(tx *bbolt.Tx) error {
		err := tx.Bucket(bucketSettlements).Delete(at)
		if word != nil {
			w := *word
			w.Scope, w.Key, w.At = scope, key, w.At.UTC()
			err = put(tx, bucketSettlements, at, w)
		}
		if err != nil {
			return err
		}
		return appendEntries(tx, scope, about)
	})
}

// PutRun adds or replaces a run.
func (s *Store) PutRun(ctx context.Context, r state.Run) error {
	doing := "storing run " + r.ID
	if r.ID == "" {
		return fmt.Errorf("%s: it has no id", doing)
	}
	if err := checkText(r.ID); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	r.Started, r.Finished = r.Started.UTC(), r.Finished.UTC()
	key := []byte(r.ID)
	value, err := sealJSON(key, r)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.update(ctx, doing, func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRuns).Put(key, value)
	})
}

// Document returns a named table, or an empty one at version 0.
func (s *Store) Document(ctx context.Context, name string) (state.Document, error) {
	d := state.Document{Name: name}
	err := s.view(ctx, "reading the document "+name, func(tx *bbolt.Tx) (err error) {
		d.Version, d.Body, err = document(tx, []byte(name))
		return err
	})
	if err != nil {
		return state.Document{}, err
	}
	return d, nil
}

// document returns a copy of the body.
func document(tx *bbolt.Tx, key []byte) (version int, body []byte, err error) {
	stored := tx.Bucket(bucketDocuments).Get(key)
	if stored == nil {
		names, err := documentNames(tx)
		if err == nil && slices.Contains(names, string(key)) {
			err = fmt.Errorf("%s: %w: it was written, and is not there", describeKey(bucketDocuments, key), state.ErrCorrupt)
		}
		return 0, nil, err
	}
	value, err := unseal(key, stored)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", describeKey(bucketDocuments, key), err)
	}
	if len(value) < 8 {
		return 0, nil, fmt.Errorf("%s: %w: it is cut short", describeKey(bucketDocuments, key), state.ErrCorrupt)
	}
	return int(binary.BigEndian.Uint64(value)), append([]byte{}, value[8:]...), nil
}

// PutDocument writes a table one version above the one that was read.
func (s *Store) PutDocument(ctx context.Context, d state.Document, about ...state.Entry) error {
	doing := "storing the document " + d.Name
	if d.Name == "" {
		return fmt.Errorf("%s: it has no name", doing)
	}
	if err := checkText(d.Name); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	key := []byte(d.Name)
	return s.decide(ctx, doing, func(tx *bbolt.Tx) error {
		version, _, err := document(tx, key)
		if err != nil {
			return err
		}
		if version != d.Version {
			return fmt.Errorf("it is at version %d, the change was made to version %d: %w", version, d.Version, state.ErrConflict)
		}
		if err := putDocument(tx, key, d.Body); err != nil {
			return err
		}
		return appendEntries(tx, plan.Scope{}, about)
	})
}

// putDocument stores a body one version above the one that is there.
func putDocument(tx *bbolt.Tx, key, body []byte) error {
	version, _, err := document(tx, key)
	if err != nil {
		return err
	}
	value := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(body)), uint64(version+1))
	value = append(value, body...)
	if err := recordDocumentName(tx, key); err != nil {
		return err
	}
	return tx.Bucket(bucketDocuments).Put(key, seal(key, value))
}
