package boltstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/state"
)

var (
	bucketMeta        = []byte("meta")
	bucketRecords     = []byte("records")
	bucketCursors     = []byte("cursors")
	bucketHolds       = []byte("holds")
	bucketSettlements = []byte("settlements")
	bucketJournal     = []byte("journal")
	bucketRuns        = []byte("runs")
	bucketDocuments   = []byte("documents")

	keySchema  = []byte("schema")
	keyCreated = []byte("created")
	keyJournal = []byte("journal")
)

// A migration takes a file from one schema to the next; the one at index n
// takes it from n to n+1. One that shipped is never changed.
type migration func(*bbolt.Tx) error

var migrations = []migration{createBuckets}

// SchemaVersion is the schema that this syncd writes.
const SchemaVersion = 1

// createBuckets makes schema 1.
func createBuckets(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketRecords, bucketCursors, bucketHolds,
		bucketSettlements, bucketJournal, bucketRuns, bucketDocuments} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	created := time.Now().UTC().Format(time.RFC3339)
	return tx.Bucket(bucketMeta).Put(keyCreated, []byte(created))
}

// schemaOf returns the schema of a file; 0 is a file without anything in it.
func schemaOf(tx *bbolt.Tx) (int, error) {
	b := tx.Bucket(bucketMeta)
	if b == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return 0, fmt.Errorf("%w: it is a bbolt file, but none of syncd's", state.ErrCorrupt)
		}
		return 0, nil
	}
	text := b.Get(keySchema)
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %q is no schema version", state.ErrCorrupt, text)
	}
	return n, nil
}

// migrate brings the file to the schema of steps, in one transaction: a file
// is never left between two schemas. It returns the schema it found.
func migrate(db *bbolt.DB, steps []migration, readOnly bool) (found int, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		found, err = schemaOf(tx)
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case found > len(steps):
		return found, fmt.Errorf("%w: it has schema %d, this one knows %d; install that version again, or restore an older backup",
			state.ErrNewer, found, len(steps))
	case found == len(steps):
		return found, nil
	case readOnly:
		return found, errOlder
	}
	return found, db.Update(func(tx *bbolt.Tx) error {
		for n := found; n < len(steps); n++ {
			if err := steps[n](tx); err != nil {
				return fmt.Errorf("migrating from schema %d to %d: %w", n, n+1, err)
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, strconv.AppendInt(nil, int64(len(steps)), 10))
	})
}

var errOlder = errors.New("an older syncd wrote it, and it is open for reading only; run: syncd state migrate")

// chainEnd returns the end of the journal's chain.
func chainEnd(tx *bbolt.Tx) (state.Chain, error) {
	var c state.Chain
	text := tx.Bucket(bucketMeta).Get(keyJournal)
	if text == nil {
		return c, nil
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%w: meta: the journal's end: %w", state.ErrCorrupt, err)
	}
	return c, nil
}

func putChainEnd(tx *bbolt.Tx, c state.Chain) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyJournal, text)
}
