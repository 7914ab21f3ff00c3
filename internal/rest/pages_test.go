package rest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// count pages 0…last, two items each.
func count(last int) func(context.Context, string) ([]int, string, error) {
	return func(_ context.Context, cursor string) ([]int, string, error) {
		page, _ := strconv.Atoi(cursor)
		next := ""
		if page < last {
			next = strconv.Itoa(page + 1)
		}
		return []int{2 * page, 2*page + 1}, next, nil
	}
}

func TestCollectReturnsAllPages(t *testing.T) {
	pages := Pages(t.Context(), count(2))
	for range 2 { // a sequence can be read again
		got, err := Collect(pages)
		if want := []int{0, 1, 2, 3, 4, 5}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	empty, err := Collect(Pages(t.Context(), func(context.Context, string) ([]int, string, error) { return nil, "", nil }))
	if empty == nil || len(empty) != 0 || err != nil {
		t.Errorf("an empty list: got %#v, %v, want one that is empty and not nil", empty, err)
	}
}

func TestAnErrorMidwayEndsTheListAndCollectReturnsNothing(t *testing.T) {
	down := errors.New("down")
	fetch := func(ctx context.Context, cursor string) ([]int, string, error) {
		if cursor == "2" {
			return []int{99}, "3", down
		}
		return count(5)(ctx, cursor)
	}
	got, err := Collect(Pages(t.Context(), fetch))
	if got != nil || !errors.Is(err, down) || !strings.Contains(err.Error(), "page 3") {
		t.Errorf("got %v, %v, want nothing and the error of page 3", got, err)
	}
	items, errs := 0, 0
	for item, err := range Pages(t.Context(), fetch) {
		if err != nil {
			errs++
		} else if items++; item == 99 {
			t.Error("an item of the page that failed was handed out")
		}
	}
	if items != 4 || errs != 1 {
		t.Errorf("got %d items and %d errors, want 4 and 1", items, errs)
	}
}

func TestAListThatGoesInCirclesIsAnError(t *testing.T) {
	for name, next := range map[string]func(string) string{
		"the same page": func(string) string { return "a" },
		"an older page": func(c string) string { return map[string]string{"": "a", "a": "b", "b": "c", "c": "a"}[c] },
		"no end":        func(c string) string { n, _ := strconv.Atoi(c); return strconv.Itoa(n + 1) },
	} {
		calls := 0
		got, err := Collect(Pages(t.Context(), func(_ context.Context, cursor string) ([]int, string, error) {
			calls++
			return []int{1}, next(cursor), nil
		}))
		if err == nil || got != nil || calls > maxPages {
			t.Errorf("%s: got %d items, %v after %d calls, want an error", name, len(got), err, calls)
		}
	}
}

func TestPagesStopAskingWhenNobodyListens(t *testing.T) {
	calls := 0
	fetch := func(ctx context.Context, cursor string) ([]int, string, error) { calls++; return count(9)(ctx, cursor) }
	for item := range Pages(t.Context(), fetch) {
		if item == 2 {
			break
		}
	}
	if calls != 2 {
		t.Errorf("got %d calls, want 2", calls)
	}
	lost := errors.New("lease lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Collect(Pages(ctx, func(ctx context.Context, cursor string) ([]int, string, error) {
		cancel(lost)
		return count(9)(ctx, cursor)
	}))
	if !errors.Is(err, lost) || !strings.Contains(err.Error(), "lease lost") {
		t.Errorf("got %v, want the cause", err)
	}
}
