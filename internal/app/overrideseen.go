package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/money"
	"syncd/internal/state"
)

// SeenOverride says what is set for a product so that it can be told whether it is another word since.
func SeenOverride(o *money.CustomerOverride) string {
	return fmt.Sprintf("%s: %s until %s, %s", o.Product, o, o.Until.Format(time.DateOnly), o.By)
}

// unmovedOverride is a MovedError where another person set or ended what counts for a product since
// somebody looked. Seen is what was set for the customer then (SeenOverride), nil where nobody looked;
// now is what counts, nil where nothing does.
func (w *App) unmovedOverride(ctx context.Context, by Operator, customer, name, product string, now *money.CustomerOverride, seen []string) error {
	switch {
	case seen == nil:
		return nil
	case now == nil && !slices.ContainsFunc(seen, func(text string) bool { return seenOf(text, product) }):
		return nil
	case now != nil && (now.By == by.Name || slices.Contains(seen, SeenOverride(now))):
		return nil
	}
	var last *state.Entry
	for e, err := range w.Store.Journal(ctx, state.JournalFilter{Customer: customer}) { // newest first
		if err != nil {
			return fmt.Errorf("reading who set what: %w", err)
		}
		if e.Action == state.ActionOverride && slices.ContainsFunc(e.Concerns, func(c state.Concern) bool { return strings.EqualFold(c.Product, product) }) {
			last = &e
			break
		}
	}
	switch {
	case now != nil:
		text := fmt.Sprintf("%s of %s was set to %s until %s by %s", product, name, now, now.Until.Format(time.DateOnly), now.By)
		if last != nil {
			text += " on " + last.At.In(w.Location).Format("2006-01-02 15:04")
		}
		return &MovedError{[]string{text + Because(now.Reason)}}
	case last == nil || last.After != nil || last.By == by.Name: // its last day is over, or who says so ended it
		return nil
	}
	return &MovedError{[]string{fmt.Sprintf("what was set for %s of %s was ended by %s on %s", product, name, last.By, last.At.In(w.Location).Format("2006-01-02 15:04"))}}
}

// seenOf reports whether a SeenOverride is about a product.
func seenOf(text, product string) bool {
	return len(text) > len(product) && strings.EqualFold(text[:len(product)], product) && strings.HasPrefix(text[len(product):], ": ")
}
