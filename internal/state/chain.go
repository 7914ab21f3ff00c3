package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
