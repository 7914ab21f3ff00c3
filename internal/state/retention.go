package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// quietMonths is how long a run is remembered of which the journal has no line.
const quietMonths = 13

// mostAtOnce is how much further Forget goes than the time before: a clock that is years
// ahead must not cost the evidence of years before somebody sees that it is.
const mostAtOnce = 31 * 24 * time.Hour

// forgottenDocument says when Forget last looked; to look reads a span of each product, which
// every command would pay for.
const forgottenDocument = "ledger_pruned"

// A looked is what stands in it. A former version wrote the day alone.
type looked struct {
	Day    string    `json:"day"`   // on which it looked
	AsOf   time.Time `json:"as_of"` // as if it had been then
	Months int       `json:"months"`
}

// Forget forgets, once a day, what ended more than so many whole months ago: in the ledger, in
// the journal, of the runs, and of the months that were closed then. Runs that wrote nothing are
// forgotten sooner.
func Forget(ctx context.Context, s Store, now time.Time, months int) (done Pruned, err error) {
	now = now.UTC()
	doc, err := s.Document(ctx, forgottenDocument)
	if err != nil {
		return done, err
	}
	var last looked
	if json.Unmarshal(doc.Body, &last) != nil {
		last.Day = string(doc.Body)
		last.AsOf, _ = time.Parse(time.DateOnly, last.Day)
	}
	next := looked{now.Format(time.DateOnly), now, months}
	if last.Day == next.Day && (last.Months == months || last.Months == 0) {
		return done, nil
	}
	if most := last.AsOf.Add(mostAtOnce); !last.AsOf.IsZero() && next.AsOf.After(most) {
		next.AsOf = most
	}
	r := Retention{Now: now, Before: monthsBefore(next.AsOf, months), Quiet: monthsBefore(next.AsOf, min(months, quietMonths))}
	if err := forgetClosed(ctx, s, r.Before); err != nil {
		return done, err
	}
	if done, err = s.Prune(ctx, r); err != nil {
		return done, err
	}
	body, err := json.Marshal(next)
	if err == nil {
		err = s.PutDocument(ctx, Document{Name: forgottenDocument, Version: doc.Version, Body: body})
	}
	if errors.Is(err, ErrConflict) {
		err = nil // another run of the same moment did
	}
	return done, err
}

// monthsBefore is the beginning of the month so many months ago, wherever on earth that begins first.
func monthsBefore(t time.Time, months int) time.Time {
	return time.Date(t.Year(), t.Month()-time.Month(months), 0, 0, 0, 0, 0, time.UTC)
}

// forgetClosed forgets the packs of months that were closed before a moment: the line of the
// journal that has their digest goes as well.
func forgetClosed(ctx context.Context, s Store, before time.Time) error {
	closed, version, err := Closed(ctx, s)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(closed), func(c Closing) bool { return c.At.Before(before) })
	if len(kept) == len(closed) {
		return nil
	}
	body, err := json.Marshal(kept)
	if err == nil {
		err = s.PutDocument(ctx, Document{Name: ClosedDocument, Version: version, Body: body})
	}
	if err != nil {
		return fmt.Errorf("forgetting months that were closed long ago: %w", err)
	}
	for _, c := range closed {
		if !c.At.Before(before) {
			continue
		}
		doc, err := s.Document(ctx, PackDocument(c.Month))
		if err == nil && len(doc.Body) > 0 {
			doc.Body = nil
			err = s.PutDocument(ctx, doc)
		}
		if err != nil {
			return fmt.Errorf("forgetting the evidence of %s: %w", c.Month, err)
		}
	}
	return nil
}
