package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"
)

// Some targets accept a value and show another: a sanitiser removes tags, a limit cuts, a
// switch has no effect. Sent again it would come back the same, run after run. So a
// record keeps of such a field what was sent and what the target shows; while both stay
// the field is in step. A field with ownership hold never counts as rewritten: it costs
// money, and a person decides.

// Rewritten returns what to remember, after the change, of the fields that the
// target rewrites: sent says how they were sent, now what it shows; before is
// what was remembered until now.
func (c *Change) Rewritten(before map[string]string, sent Fields, now *Object) map[string]string {
	after := maps.Clone(before)
	for _, f := range c.Fields {
		delete(after, f.Name)
	}
	for _, f := range sent {
		if after == nil {
			after = map[string]string{}
		}
		shown, _ := now.Fields.Get(f.Name)
		after[f.Name] = sentAndShown(f.Value, shown)
	}
	if len(after) == 0 {
		return nil
	}
	return after
}

// Rewrites reports whether the target is known to show shown where sent was sent.
func (r *Record) Rewrites(field string, sent, shown Value) bool {
	if r == nil || len(r.Rewritten) == 0 {
		return false
	}
	known := r.Rewritten[field]
	return known != "" && known == sentAndShown(sent, shown)
}

func sentAndShown(sent, shown Value) string { return fingerprint(sent) + " " + fingerprint(shown) }

func fingerprint(v Value) string {
	sum := sha256.Sum256([]byte(strings.Join(v, "\x00")))
	return hex.EncodeToString(sum[:6])
}
