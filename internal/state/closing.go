package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// ClosedDocument is the document of the months that are closed. The packs of one stand in
// a document of their own: every run reads this one.
const ClosedDocument = "months"

// PackDocument is where the packs of a closed month are kept.
func PackDocument(month string) string { return "month " + month }

// A Closing is a person's word that a month is done.
type Closing struct {
	Month  string    `json:"month"`
	From   string    `json:"from"` // its first and its last day, YYYY-MM-DD
	Until  string    `json:"until"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Digest string    `json:"digest"` // of all packs, as in the journal
}

// Closed returns the months that are closed, and the version of their table.
func Closed(ctx context.Context, s Store) (all []Closing, version int, err error) {
	doc, err := s.Document(ctx, ClosedDocument)
	if err == nil && len(doc.Body) > 0 {
		if err = json.Unmarshal(doc.Body, &all); err != nil {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading which months are closed: %w", err)
	}
	return all, doc.Version, nil
}

// Overlap is a closed month that has some of the days from one to another; nil where all
// are open. An empty last day is the first one.
func Overlap(closed []Closing, from, to string) *Closing {
	for i := range closed {
		if c := &closed[i]; from != "" && from <= c.Until && max(from, to) >= c.From {
			return c
		}
	}
	return nil
}
