package boltstate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"

	"syncd/internal/state"
)

// typeFacts makes schema 4. Up to then a recorded object had one bag of texts,
// "info", for whatever its target knew; since then each of them has its place.
// Lines of the journal stay as they are: they are hashed over their text.
func typeFacts(tx *bbolt.Tx) error {
	records := tx.Bucket(bucketRecords)
	return records.ForEachBucket(func(scope []byte) error {
		_, target, _ := bytes.Cut(scope, []byte{0})
		b := records.Bucket(scope)
		var puts []sealedValue
		err := b.ForEach(func(k, stored []byte) error {
			under := recordSealKey(scope, k)
			r, err := unsealJSON[map[string]json.RawMessage](under, stored)
			if err == nil {
				err = typeRecord(string(target), r)
			}
			if err != nil {
				return fmt.Errorf("%s: %s: %w", describeKey(bucketRecords, scope), formatKey(k), err)
			}
			value, err := sealJSON(under, r)
			puts = append(puts, sealedValue{bytes.Clone(k), value})
			return err
		})
		if err != nil {
			return err
		}
		b.FillPercent = fillRecords
		for _, p := range puts {
			if err := b.Put(p.key, p.value); err != nil {
				return err
			}
		}
		return nil
	})
}

// typeRecord gives the facts of a record, and of what it announces, their places.
func typeRecord(target string, r map[string]json.RawMessage) error {
	if pending := r["pending"]; pending != nil {
		var o map[string]json.RawMessage
		if err := json.Unmarshal(pending, &o); err != nil {
			return fmt.Errorf("%w: what it announces: %w", state.ErrCorrupt, err)
		}
		if err := typeObject(target, o); err != nil {
			return err
		}
		if err := set(r, "pending", o); err != nil {
			return err
		}
	}
	return typeObject(target, r)
}

// billingOfSchema2 are the texts of an invoice line that its billing has since.
var billingOfSchema2 = []string{"agreement", "agreement_name", "cycle_months", "currency", "next_invoice", "product", "product_id",
	"unit_price", "less_included", "bill", "effective", "idle"}

func typeObject(target string, o map[string]json.RawMessage) error {
	if o["info"] == nil {
		return nil
	}
	var info map[string]string
	if err := json.Unmarshal(o["info"], &info); err != nil {
		return fmt.Errorf("%w: its facts: %w", state.ErrCorrupt, err)
	}
	delete(o, "info")
	if target == "connectwise" {
		billing := map[string]any{"billable": info["bill"] == "Billable"}
		for _, name := range billingOfSchema2 {
			if info[name] != "" {
				billing[name] = info[name]
			}
			delete(info, name)
		}
		for _, name := range []string{"unit_price", "less_included"} { // what is no number was never one
			if _, err := strconv.ParseFloat(fmt.Sprint(billing[name]), 64); err != nil {
				delete(billing, name)
			}
		}
		// Who edited the line last is asked anew, and what it costs follows from the rest.
		delete(info, "updated_by")
		delete(info, "updated_at")
		delete(info, "monthly")
		if err := set(o, "billing", billing); err != nil {
			return err
		}
	}
	if len(info) == 0 {
		return nil
	}
	return set(o, "info", info)
}

// set puts a member into a JSON object.
func set(o map[string]json.RawMessage, name string, v any) error {
	text, err := json.Marshal(v)
	o[name] = text
	return err
}
