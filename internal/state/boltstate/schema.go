package boltstate

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"syncd/internal/plan"
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
	bucketSpans       = []byte("spans")
	bucketCustomers   = []byte("customers") // lines of the journal by customer
	bucketRunLines    = []byte("run lines") // and by run

	keySchema    = []byte("schema")
	keyCreated   = []byte("created")
	keyJournal   = []byte("journal")
	keyDocuments = []byte("documents")
	keyForgotten = []byte("forgotten")
)

// A migration takes a file from one schema to the next; the one at index n
// takes it from n to n+1. One that shipped is never changed.
type migration func(*bbolt.Tx) error

var migrations = []migration{createBuckets, listDocuments, createLedger, typeFacts, indexCustomers, indexRuns, mayForget}

// SchemaVersion is the schema that this syncd writes.
const SchemaVersion = 7

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

// listDocuments makes schema 2: meta names the documents that were written. A
// damaged page may read as an empty bucket, and a state that lost its links is
// not one that never had any.
func listDocuments(tx *bbolt.Tx) error {
	return tx.Bucket(bucketDocuments).ForEach(func(name, _ []byte) error { return recordDocumentName(tx, name) })
}

// createLedger makes schema 3: nothing is in the ledger yet.
func createLedger(tx *bbolt.Tx) error {
	_, err := tx.CreateBucketIfNotExists(bucketSpans)
	return err
}

// A lineIndex finds lines of the journal without reading them all.
type lineIndex struct {
	bucket []byte
	of     func(*state.Entry) string // what a line is found by; empty where it is not in the index
}

var (
	byCustomer = lineIndex{bucketCustomers, func(e *state.Entry) string { return e.Scope.Customer }}
	byRun      = lineIndex{bucketRunLines, func(e *state.Entry) string { return e.Run }}
)

// lineIndexes are all that a journal has.
var lineIndexes = []lineIndex{byCustomer, byRun}

// indexCustomers makes schema 5: which lines of the journal are a customer's is found
// without reading them all.
func indexCustomers(tx *bbolt.Tx) error { return byCustomer.build(tx) }

// indexRuns makes schema 6: likewise those of a run.
func indexRuns(tx *bbolt.Tx) error { return byRun.build(tx) }

// mayForget makes schema 7: the journal may begin later than with its first line, which
// a syncd of before would take for damage. Nothing is forgotten yet.
func mayForget(*bbolt.Tx) error { return nil }

// An indexedLine is what of a line of the journal its indexes need.
type indexedLine struct {
	Run   string     `json:"run"`
	Scope plan.Scope `json:"scope"`
}

func (l indexedLine) entry(key []byte) state.Entry {
	return state.Entry{Seq: binary.BigEndian.Uint64(key), Run: l.Run, Scope: l.Scope}
}

// build adds all lines of the journal.
func (x lineIndex) build(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucketIfNotExists(x.bucket); err != nil {
		return err
	}
	return tx.Bucket(bucketJournal).ForEach(func(k, stored []byte) error {
		line, err := unsealJSON[indexedLine](k, stored)
		if err != nil {
			return fmt.Errorf("%s: %w", describeKey(bucketJournal, k), err)
		}
		e := line.entry(k)
		return x.add(tx, &e)
	})
}

// add adds a line of the journal, where it has what the index finds it by.
func (x lineIndex) add(tx *bbolt.Tx, e *state.Entry) error {
	of := x.of(e)
	if of == "" {
		return nil
	}
	if err := checkText(of); err != nil {
		return err
	}
	b := tx.Bucket(x.bucket)
	b.FillPercent = fillRecords
	return b.Put(lineKey(of, e.Seq), []byte{})
}

// recordDocumentName adds a document to the list of those that were written.
func recordDocumentName(tx *bbolt.Tx, name []byte) error {
	names, err := documentNames(tx)
	if err != nil || slices.Contains(names, string(name)) {
		return err
	}
	names = append(names, string(name))
	slices.Sort(names)
	text, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketMeta).Put(keyDocuments, text)
}

// documentNames are the documents that were ever written; none is ever removed.
func documentNames(tx *bbolt.Tx) (names []string, err error) {
	text := tx.Bucket(bucketMeta).Get(keyDocuments)
	if text == nil {
		return nil, nil
	}
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, fmt.Errorf("%w: meta: the names of the documents: %w", state.ErrCorrupt, err)
	}
	return names, nil
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
