package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"syncd/internal/plan"
)

// A Chain is the end of a journal: the number and the hash of its last entry.
// The zero Chain is that of an empty journal. Every store keeps one beside its
// journal, because links alone do not show that the newest lines are gone.
type Chain struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// Append makes e the next entry and moves the end to it.
func (c *Chain) Append(e Entry) Entry {
	e.Seq = c.Seq + 1
	e = e.Seal(c.Hash)
	c.Seq, c.Hash = e.Seq, e.Hash
	return e
}

// Check moves the end to e where e is the next entry and as it was written,
// and is an ErrCorrupt naming the line otherwise.
func (c *Chain) Check(e Entry) error {
	switch want := c.Seq + 1; {
	case e.Seq != want:
		return fmt.Errorf("%w: journal line %d is missing, line %d stands in its place", ErrCorrupt, want, e.Seq)
	case e.Hash == "" || e.Hash != e.sum():
		return fmt.Errorf("%w: journal line %d was changed after it was written", ErrCorrupt, e.Seq)
	case e.Prev != c.Hash:
		return fmt.Errorf("%w: journal line %d does not follow the line before it", ErrCorrupt, e.Seq)
	}
	c.Seq, c.Hash = e.Seq, e.Hash
	return nil
}

// CheckEnd reports, as an ErrCorrupt, lines that are missing after the last
// one that was checked. end is the Chain that the store kept.
func (c *Chain) CheckEnd(end Chain) error {
	if *c == end {
		return nil
	}
	switch {
	case c.Seq < end.Seq:
		return fmt.Errorf("%w: journal line %d is missing, and what followed it", ErrCorrupt, c.Seq+1)
	case c.Seq > end.Seq:
		return fmt.Errorf("%w: journal line %d was added by something else", ErrCorrupt, end.Seq+1)
	}
	return fmt.Errorf("%w: journal line %d was changed after it was written", ErrCorrupt, c.Seq)
}

// PruneEntry is the line that says that the journal's lines up to an end were
// forgotten. It is in the chain itself, so that nobody else can take them away.
func PruneEntry(upTo Chain, now time.Time) Entry {
	return Entry{At: now, Action: ActionPrune, Key: pruneKey(upTo), Digest: upTo.Hash, Result: ResultDone, By: "syncd",
		Label: fmt.Sprintf("the journal up to line %d, which is older than it is kept", upTo.Seq)}
}

func pruneKey(upTo Chain) plan.Key {
	return plan.Key{Kind: "journal", ID: strconv.FormatUint(upTo.Seq, 10)}
}

// A Follower checks a journal of which the first lines may be forgotten. Forgotten is the
// end of what may be, as the store keeps it beside the journal; lines up to it may still be there.
type Follower struct {
	Forgotten Chain

	chain   Chain
	begun   bool
	says    bool // the last line about what was forgotten is about Forgotten
	missing uint64
}

// Check checks the next line, from the first that is there.
func (f *Follower) Check(e Entry) error {
	if !f.begun && f.Forgotten.Seq > 0 && e.Seq > 0 && e.Seq <= f.Forgotten.Seq+1 {
		f.chain, f.missing = Chain{e.Seq - 1, e.Prev}, e.Seq-1
	}
	f.begun = true
	if err := f.chain.Check(e); err != nil {
		return err
	}
	if e.Seq == f.Forgotten.Seq && e.Hash != f.Forgotten.Hash || e.Seq == f.Forgotten.Seq+1 && e.Prev != f.Forgotten.Hash {
		return fmt.Errorf("%w: journal line %d does not follow what was forgotten", ErrCorrupt, e.Seq)
	}
	if e.Action == ActionPrune {
		f.says = e.Key == pruneKey(f.Forgotten) && e.Digest == f.Forgotten.Hash
	}
	return nil
}

// End checks what Check cannot see: see Chain.CheckEnd. It returns how many lines are gone.
func (f *Follower) End(end Chain) (forgotten int, err error) {
	if err := f.chain.CheckEnd(end); err != nil {
		return 0, err
	}
	if f.Forgotten.Seq > 0 && !f.says {
		return 0, fmt.Errorf("%w: the journal begins after line %d and does not say that what was before is forgotten", ErrCorrupt, f.Forgotten.Seq)
	}
	return int(f.missing), nil
}

// Seal returns e, its Seq already set, as the entry that follows the one with
// the hash prev; prev is empty for the first. The time is taken to UTC, and
// text that is no UTF-8 is repaired, so that what is read back hashes alike.
// Hash stays empty for an entry that JSON cannot say (a year past 9999);
// writing that one fails anyway.
func (e Entry) Seal(prev string) Entry {
	e.At = e.At.UTC().Round(0)
	e.Prev = prev
	e.Hash = ""
	if line, err := json.Marshal(e); err == nil && bytes.Contains(line, []byte(`\ufffd`)) {
		// A broken byte is written as the escape \ufffd, is read back as that
		// character, and would then be written as the character itself.
		var repaired Entry
		if json.Unmarshal(line, &repaired) == nil {
			e = repaired
		}
	}
	e.Hash = e.sum()
	return e
}

// sum is the hex SHA-256 of the entry's JSON without its last member, the hash.
func (e *Entry) sum() string {
	line, err := json.Marshal(struct {
		Entry
		Hash *string `json:"hash,omitempty"` // hides Entry's
	}{Entry: *e})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
