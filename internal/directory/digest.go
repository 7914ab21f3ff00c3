package directory

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

// Proven returns why one of the wanted collections is unknown, or nil.
func (s *Snapshot) Proven(want Kinds) error {
	if want.Has(Licences) {
		if _, err := s.Licences.Items(); err != nil {
			return err
		}
	}
	return nil
}

// Counts returns how many rows each wanted collection has, by name.
func (s *Snapshot) Counts(want Kinds) map[string]int {
	counts := map[string]int{}
	if want.Has(Licences) {
		counts["licences"] = s.Licences.Proof().Rows
	}
	return counts
}

// Oldest returns the proof of the wanted collection that is oldest at the source.
func (s *Snapshot) Oldest(want Kinds) (oldest Proof) {
	if want.Has(Licences) {
		oldest = s.Licences.Proof()
	}
	return oldest
}

// Digest names what the wanted collections say, whatever the order of their
// rows and whatever people call them. Equal digests mean equal numbers. An
// unknown collection gives an empty digest, which equals nothing.
func (s *Snapshot) Digest(want Kinds) string {
	if s.Proven(want) != nil {
		return ""
	}
	buf := make([]byte, 0, 4096)
	if want.Has(Licences) {
		items, _ := s.Licences.Items()
		items = slices.Clone(items)
		slices.SortFunc(items, func(a, b Licence) int { return strings.Compare(a.SKU, b.SKU) })
		for _, l := range items {
			buf = append(buf, l.SKU...)
			for _, n := range []int{l.Purchased, l.Assigned, l.Trial, l.Grace, l.Suspended} {
				buf = strconv.AppendInt(append(buf, ' '), int64(n), 10)
			}
			buf = append(append(append(buf, ' '), l.Disputed...), '\n')
		}
	}
	sum := xxh3.Hash128(buf).Bytes()
	return hex.EncodeToString(sum[:])
}
