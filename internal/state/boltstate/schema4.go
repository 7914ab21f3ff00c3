package boltstate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	if err := typeObject(target, r, r); err != nil || r["pending"] == nil {
		return err
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(r["pending"], &o); err != nil {
		return fmt.Errorf("%w: what it announces: %w", state.ErrCorrupt, err)
	}
	if err := typeObject(target, o, map[string]json.RawMessage{}); err != nil {
		return err
	}
	return set(r, "pending", o)
}

// billingOfSchema3 are the texts of an invoice line that its billing has since.
var billingOfSchema3 = []string{"agreement", "agreement_name", "cycle_months", "currency", "next_invoice", "product", "product_id",
	"unit_price", "less_included", "bill", "effective", "idle"}

// rewrittenMark began the names under which schema 1 kept what a target rewrites.
const rewrittenMark = "came_back_as:"

// typeObject takes the bag of an object apart:
//
//	at           texts                          become
//	any          upn                            the object's own
//	any          came_back_as:FIELD             rewritten, of the record
//	connectwise  agreement, unit_price and such billing
//	connectwise  updated_by, updated_at         nothing: asked anew
//	connectwise  monthly                        nothing: follows from the rest
//	itglue       read_only                      private
//	scim         all others                     private
//	elsewhere    all others                     facts
func typeObject(target string, o, record map[string]json.RawMessage) error {
	if o["info"] == nil {
		return nil
	}
	var info map[string]string
	if err := json.Unmarshal(o["info"], &info); err != nil {
		return fmt.Errorf("%w: its facts: %w", state.ErrCorrupt, err)
	}
	delete(o, "info")
	take := func(name string) string { defer delete(info, name); return info[name] }
	if upn := take("upn"); upn != "" {
		if err := set(o, "upn", upn); err != nil {
			return err
		}
	}
	if err := typeRewritten(info, record); err != nil {
		return err
	}
	system, _, _ := strings.Cut(target, "/")
	private := map[string]any{}
	switch system {
	case "connectwise":
		billing := map[string]any{"billable": info["bill"] == "Billable"}
		for _, name := range billingOfSchema3 {
			if text := take(name); text != "" {
				billing[name] = text
			}
		}
		take("updated_by")
		take("updated_at")
		take("monthly")
		if err := set(o, "billing", billing); err != nil {
			return err
		}
	case "itglue":
		if take("read_only") != "" {
			private["read_only"] = true
		}
	case "scim":
		for name := range info {
			private[name] = take(name)
		}
	}
	if len(private) > 0 {
		if err := set(o, "private", private); err != nil {
			return err
		}
	}
	type fact struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	var facts []fact
	for _, name := range slices.Sorted(maps.Keys(info)) {
		facts = append(facts, fact{name, info[name]})
	}
	if len(facts) == 0 {
		return nil
	}
	return set(o, "facts", facts)
}

// typeRewritten moves what a target rewrites to where records keep it since schema
// 2, unless something newer stands there.
func typeRewritten(info map[string]string, record map[string]json.RawMessage) error {
	var rewritten map[string]string
	if record["rewritten"] != nil {
		if err := json.Unmarshal(record["rewritten"], &rewritten); err != nil {
			return fmt.Errorf("%w: what the target rewrites: %w", state.ErrCorrupt, err)
		}
	}
	moved := false
	for name, text := range info {
		field, old := strings.CutPrefix(name, rewrittenMark)
		if !old {
			continue
		}
		delete(info, name)
		if rewritten == nil {
			rewritten = map[string]string{}
		}
		if rewritten[field] == "" {
			rewritten[field], moved = text, true
		}
	}
	if !moved {
		return nil
	}
	return set(record, "rewritten", rewritten)
}

// set puts a member into a JSON object.
func set(o map[string]json.RawMessage, name string, v any) error {
	text, err := json.Marshal(v)
	o[name] = text
	return err
}
