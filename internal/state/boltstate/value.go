package boltstate

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"

	"syncd/internal/plan"
	"syncd/internal/state"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumSize = 4

// seal puts a checksum before a value. The key is part of it, so that a value
// which turns up under another key shows as well.
func seal(key, value []byte) []byte {
	out := make([]byte, sumSize, sumSize+len(value))
	binary.BigEndian.PutUint32(out, sum(key, value))
	return append(out, value...)
}

func sum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// unseal checks a stored value. What it returns lives as long as the transaction.
func unseal(key, stored []byte) ([]byte, error) {
	if len(stored) < sumSize || binary.BigEndian.Uint32(stored) != sum(key, stored[sumSize:]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", state.ErrCorrupt)
	}
	return stored[sumSize:], nil
}

func sealJSON(key []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return seal(key, text), nil
}

func unsealJSON[T any](key, stored []byte) (T, error) {
	var v T
	text, err := unseal(key, stored)
	if err != nil {
		return v, err
	}
	// The newer package reads in half the time of the one that wrote it.
	if err := jsonv2.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("%w: %w", state.ErrCorrupt, err)
	}
	if h, ok := any(&v).(*state.Hold); ok && string(h.Plan) == "null" {
		h.Plan = nil // no plan is written as null, and read back as that text
	}
	return v, nil
}

// get returns nil where the bucket does not hold the key.
func get[T any](tx *bbolt.Tx, bucket, key []byte) (*T, error) {
	stored := tx.Bucket(bucket).Get(key)
	if stored == nil {
		return nil, nil
	}
	v, err := unsealJSON[T](key, stored)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", describeKey(bucket, key), err)
	}
	return &v, nil
}

func put(tx *bbolt.Tx, bucket, key []byte, v any) error {
	stored, err := sealJSON(key, v)
	if err != nil {
		return err
	}
	return tx.Bucket(bucket).Put(key, stored)
}

func scopeKey(s plan.Scope) []byte {
	return joinKey(s.Customer, s.Target)
}

func recordKey(k plan.Key) []byte {
	return joinKey(k.Kind, k.ID)
}

func settlementKey(s plan.Scope, k plan.Key) []byte {
	return joinKey(s.Customer, s.Target, k.Kind, k.ID)
}

func entryKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, seq)
}

// lineKey is that of a line of the journal in an index, among those of a customer or a run.
func lineKey(of string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(joinKey(of, ""), seq)
}

// spanKey begins with spanProductKey, which is that of all spans of a product.
func spanKey(s *state.Span) []byte {
	return binary.BigEndian.AppendUint64(spanProductKey(s.Scope, s.Key), uint64(s.From.UnixMicro()))
}

func spanProductKey(s plan.Scope, k plan.Key) []byte {
	return joinKey(s.Customer, s.Target, k.Kind, k.ID, "")
}

// recordSealKey is the key of a record's checksum. It names the scope, too: with the
// record's own key alone, records stored under another scope would pass.
func recordSealKey(scope, key []byte) []byte {
	return slices.Concat(scope, []byte{0}, key)
}

func joinKey(parts ...string) []byte {
	return []byte(strings.Join(parts, "\x00"))
}

// checkScope refuses a scope whose key would be ambiguous or unreadable.
func checkScope(s plan.Scope) error {
	if s.Customer == "" || s.Target == "" {
		return fmt.Errorf("the scope %q lacks its customer or its target", s)
	}
	return checkText(s.Customer, s.Target)
}

func checkText(parts ...string) error {
	for _, p := range parts {
		if strings.ContainsRune(p, 0) || !utf8.ValidString(p) {
			return fmt.Errorf("%q cannot be a key: it holds a NUL or is no UTF-8", p)
		}
	}
	return nil
}
