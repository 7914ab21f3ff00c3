package rest

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// maxPages ends a list that never ends. Ten thousand pages of a hundred are
// more than any list we read.
const maxPages = 10_000

var errLoop = errors.New("the list points back to a page already read, so it cannot be read whole")

// Pages reads a list page by page, as far as the caller goes. fetch gets the
// cursor of a page, "" for the first, and returns its items and the next
// page's cursor, "" after the last.
//
// An error ends the sequence, as its last element and with a zero item: what
// came before it is not the whole list. A cursor that was there before is an
// error, and so is a list without end. The sequence starts anew each time it
// is ranged over.
func Pages[T any](ctx context.Context, fetch func(ctx context.Context, cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		seen := map[string]bool{"": true}
		for cursor, page := "", 1; ; page++ {
			if ctx.Err() != nil {
				yield(none, fmt.Errorf("page %d: %w", page, contextErr(ctx)))
				return
			}
			items, next, err := fetch(ctx, cursor)
			if err != nil {
				if page > 1 {
					err = fmt.Errorf("page %d: %w", page, err)
				}
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			switch {
			case next == "":
				return
			case seen[next]:
				yield(none, fmt.Errorf("page %d: %w", page, errLoop))
				return
			case page == maxPages:
				yield(none, fmt.Errorf("the list has more than %d pages; ask for larger pages or for less", maxPages))
				return
			}
			seen[next] = true
			cursor = next
		}
	}
}

// Collect returns all of a sequence or an error, never some. An empty list is
// empty, not nil.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	all := []T{}
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}
