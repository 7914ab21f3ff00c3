package state_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncd/internal/plan"
	"syncd/internal/state"
)

func lines(n int) ([]state.Entry, state.Chain) {
	var chain state.Chain
	var out []state.Entry
	for i := range n {
		out = append(out, chain.Append(state.Entry{
			At:     time.Date(2026, 11, 21, 9, i, 0, 0, time.UTC),
			Scope:  plan.Scope{Customer: "contoso", Target: "connectwise"},
			Action: plan.Update, Key: plan.Key{Kind: "addition", ID: "sku"},
			Before: &state.Image{Fields: plan.Set("quantity", "12")},
			After:  &state.Image{Fields: plan.Set("quantity", "14")},
			Result: state.ResultDone,
		}))
	}
	return out, chain
}

func check(entries []state.Entry, end state.Chain) error {
	var chain state.Chain
	for _, e := range entries {
		if err := chain.Check(e); err != nil {
			return err
		}
	}
	return chain.CheckEnd(end)
}

func TestChain(t *testing.T) {
	tests := []struct {
		name   string
		damage func([]state.Entry) []state.Entry
		want   string // empty: intact
	}{
		{"an untouched journal is intact", func(es []state.Entry) []state.Entry { return es }, ""},
		{"a changed text shows", func(es []state.Entry) []state.Entry { es[2].Money = "0.00"; return es }, "line 3 was changed"},
		{"a changed after-image shows", func(es []state.Entry) []state.Entry {
			es[1].After = &state.Image{Fields: plan.Set("quantity", "99")}
			return es
		}, "line 2 was changed"},
		{"a missing line shows", func(es []state.Entry) []state.Entry { return slices.Delete(es, 1, 2) }, "line 2 is missing"},
		{"a missing first line shows", func(es []state.Entry) []state.Entry { return es[1:] }, "line 1 is missing"},
		{"missing last lines show", func(es []state.Entry) []state.Entry { return es[:3] }, "line 4 is missing"},
		{"a line that was sealed anew shows in the next one", func(es []state.Entry) []state.Entry {
			es[1].Money = "0.00"
			es[1] = es[1].Seal(es[0].Hash)
			return es
		}, "line 3 does not follow"},
		{"a last line that was sealed anew shows at the end", func(es []state.Entry) []state.Entry {
			es[4].Money = "0.00"
			es[4] = es[4].Seal(es[3].Hash)
			return es
		}, "line 5 was changed"},
		{"a line without a hash shows", func(es []state.Entry) []state.Entry { es[0].Hash = ""; return es }, "line 1 was changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entries, end := lines(5)
			err := check(tt.damage(entries), end)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want an intact journal", err)
				}
				return
			}
			if !errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrCorrupt with %q", err, tt.want)
			}
		})
	}
}

func TestAnEntryIsHashedOverItsJSONWithoutTheHash(t *testing.T) {
	entries, _ := lines(1)
	line, err := json.Marshal(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	bare := strings.TrimSuffix(string(line), `,"hash":"`+entries[0].Hash+`"}`) + "}"
	sum := sha256.Sum256([]byte(bare))
	if want := hex.EncodeToString(sum[:]); entries[0].Hash != want {
		t.Errorf("got hash %s, want %s of %s", entries[0].Hash, want, bare)
	}
}

func TestASealedEntryStaysIntactWhenItIsStoredAndReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Bytes, not strings: a vendor's text is not always UTF-8.
		text := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) })
		e := state.Entry{
			Seq:    1,
			At:     time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 7).In(time.FixedZone("", 3600)),
			Label:  text.Draw(t, "label"),
			Before: &state.Image{Label: text.Draw(t, "before"), Fields: plan.Fields{{Name: text.Draw(t, "field"), Value: plan.Value{}}}},
			After:  &state.Image{Fields: plan.Fields{}, Facts: map[string]string{text.Draw(t, "info"): text.Draw(t, "value")}},
		}.Seal("")
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back state.Entry
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatal(err)
		}
		var chain state.Chain
		if err := chain.Check(back); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	})
}

// A journal is kept for years, and what an entry has besides by then changes no hash
// of before.
func TestALineOfAFormerVersionVerifies(t *testing.T) {
	const line = `{"seq":1,"at":"2026-11-21T09:00:00Z","run":"01J1","job":"licences","scope":{"customer":"contoso","target":"connectwise"},"name":"Contoso Ltd","action":"update","key":{"kind":"addition","key":"cbdc14ab"},"label":"Business Premium","ref":"55/910","reason":"changed at source","before":{"kind":"addition","key":"cbdc14ab","label":"Business Premium","ref":"55/910","fields":[{"name":"cancelled","value":[""]},{"name":"quantity","value":["12"]}],"info":{"agreement":"55","currency":"USD","unit_price":"22"}},"after":{"kind":"addition","key":"cbdc14ab","label":"Business Premium","ref":"55/910","fields":[{"name":"cancelled","value":[""]},{"name":"quantity","value":["14"]}],"info":{"agreement":"55","currency":"USD","next_invoice":"2026-12-01","unit_price":"22"}},"monthly_delta":"44.00","result":"done","digest":"7f3a91c2e004","by":"ada","why":"asked","prev":"","hash":"5ebf06dd4b1d8aa89c574b54030267e69da5e47ef90295f5537118898a2c8434"}`
	var e state.Entry
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	var chain state.Chain
	if err := chain.Check(e); err != nil {
		t.Error(err)
	}
}

// The first lines may be forgotten where a line of the journal itself says so.
func TestAJournalThatForgot(t *testing.T) {
	type journal struct {
		lines     []state.Entry
		forgotten state.Chain // what the store keeps beside them
		end       state.Chain
	}
	forgot := func(keep int) journal { // five lines, then one that says that those before keep are gone
		entries, chain := lines(5)
		upTo := state.Chain{Seq: uint64(keep - 1), Hash: entries[keep-2].Hash}
		entries = append(entries, chain.Append(state.PruneEntry(upTo, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))))
		return journal{entries[keep-1:], upTo, chain}
	}
	whole, end := lines(5)
	tests := []struct {
		name    string
		journal journal
		damage  func(*journal)
		gone    int
		want    string // empty: intact
	}{
		{"nothing is forgotten", journal{whole, state.Chain{}, end}, func(*journal) {}, 0, ""},
		{"two lines are", forgot(3), func(*journal) {}, 2, ""},
		{"all of them are", forgot(6), func(*journal) {}, 5, ""},
		{"they are still there: a process was killed", forgot(3), func(j *journal) { j.lines = append(whole[1:2:2], j.lines...) }, 1, ""},
		{"one more is missing", forgot(3), func(j *journal) { j.lines = j.lines[1:] }, 0, "line 1 is missing"},
		{"lines are taken away, and the store says nothing", journal{whole[2:], state.Chain{}, end}, func(*journal) {}, 0, "line 1 is missing"},
		{"lines are taken away, and only the store says so", journal{whole[2:], state.Chain{Seq: 2, Hash: whole[1].Hash}, end}, func(*journal) {}, 0, "does not say that what was before is forgotten"},
		{"more lines are taken away than the journal says", forgot(3), func(j *journal) {
			j.lines, j.forgotten = j.lines[1:], state.Chain{Seq: 3, Hash: whole[2].Hash}
		}, 0, "does not say that what was before is forgotten"},
		{"what is left is another journal's", forgot(3), func(j *journal) { j.forgotten.Hash = whole[0].Hash }, 0, "line 3 does not follow what was forgotten"},
		{"a line that stayed was changed", forgot(3), func(j *journal) { j.lines[1].Money = "0.00" }, 0, "line 4 was changed"},
		{"the last line is missing", forgot(3), func(j *journal) { j.lines = j.lines[:3] }, 0, "line 6 is missing"},
		{"every line is missing", forgot(3), func(j *journal) { j.lines = nil }, 0, "line 1 is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.damage(&tt.journal)
			f := state.Follower{Forgotten: tt.journal.forgotten}
			var err error
			for _, e := range tt.journal.lines {
				if err = f.Check(e); err != nil {
					break
				}
			}
			gone := 0
			if err == nil {
				gone, err = f.End(tt.journal.end)
			}
			if tt.want == "" && (err != nil || gone != tt.gone) {
				t.Errorf("got %d, %v, want %d lines gone and the rest intact", gone, err, tt.gone)
			}
			if tt.want != "" && (!errors.Is(err, state.ErrCorrupt) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want ErrCorrupt with %q", err, tt.want)
			}
		})
	}
}
