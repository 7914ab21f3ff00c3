package itglue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"syncd/internal/rest"
)

// Page sizes. Assets carry all their traits, and the vendor's edge gives up on
// heavy pages, so theirs are smaller and shrink further where they must.
const (
	maxPageSize   = 1000
	assetPageSize = 200
	minPageSize   = 25
)

// errShifted says that rows came or went while a list was read.
var errShifted = errors.New("fewer records came than the list counts: it changed while it was read")

// maxListAttempts is how often a list that shifted is read anew.
const maxListAttempts = 3

// list reads all records of a list, each once, or returns an error: what was
// yielded before it is not the list and must be forgotten. begin is called at
// the start of each attempt.
//
// Pages are offsets into a list that goes on changing: a row that is removed
// meanwhile hides another, and hidden looks like gone. So the list is whole
// only if as many different records came as its last page counts.
//
// https://api.itglue.com/developer (Pagination)
func list[A any](ctx context.Context, s *session, r request, size int, begin func(), yield func(resource[A], []included) error) error {
	var err error
	for range maxListAttempts {
		begin()
		if err = listOnce(ctx, s, r, size, yield); !errors.Is(err, errShifted) {
			return err
		}
	}
	return err
}

func listOnce[A any](ctx context.Context, s *session, r request, size int, yield func(resource[A], []included) error) error {
	seen := map[id]struct{}{}
	largest := size
	quiet := 0 // pages in a row that came without trouble
	for page := 1; ; {
		doc, err := readPage[A](ctx, s, r, page, size)
		if err != nil {
			if size > minPageSize && pageTooHeavy(err) && ctx.Err() == nil {
				// Half as large: the page that begins at the same row.
				page = (page-1)*2 + 1
				size, quiet = size/2, 0
				continue
			}
			return fmt.Errorf("page %d of %s: %w", page, r.path(), err)
		}
		for i := range doc.Data {
			row := doc.Data[i]
			if _, double := seen[row.ID]; double {
				continue
			}
			seen[row.ID] = struct{}{}
			if err := yield(row, doc.Included); err != nil {
				return err
			}
		}
		if doc.Meta.NextPage == nil || *doc.Meta.NextPage <= page {
			if doc.Meta.TotalCount == nil {
				return fmt.Errorf("itglue: %s: the list does not say how long it is, so it cannot be known to be whole", r.path())
			}
			if len(seen) < *doc.Meta.TotalCount {
				return fmt.Errorf("itglue: %s: %w (%d of %d)", r.path(), errShifted, len(seen), *doc.Meta.TotalCount)
			}
			return nil
		}
		page++
		// Grow again slowly, and only where the next page begins on a larger one's edge.
		if quiet++; quiet >= 8 && size < largest && size*2 <= largest && (page-1)%2 == 0 {
			page, size, quiet = (page-1)/2+1, size*2, 0
		}
	}
}

// readPage reads one page. One that can still be made smaller is asked for once
// only: a page that is too heavy stays so however often it is asked for.
func readPage[A any](ctx context.Context, s *session, r request, page, size int) (*listDocument[A], error) {
	q := r
	q.query = url.Values{}
	for name, values := range r.query {
		q.query[name] = values
	}
	q.query.Set("page[number]", itoa(page))
	q.query.Set("page[size]", itoa(size))
	q.once = size > minPageSize && r.at == epAssets
	resp, err := s.do(ctx, q)
	if err != nil {
		return nil, err
	}
	var doc listDocument[A]
	if err := read(resp, &doc); err != nil {
		return nil, err
	}
	if doc.Data == nil {
		return nil, fmt.Errorf("itglue: %s: no list in the answer", q.path())
	}
	return &doc, nil
}

// pageTooHeavy reports whether a smaller page may succeed.
func pageTooHeavy(err error) bool {
	refused, ok := errors.AsType[*rest.Error](err)
	if !ok || errors.Is(err, rest.ErrBreakerOpen) {
		return false
	}
	return refused.Temporary && refused.Status != http.StatusTooManyRequests
}

// listAll collects a list that is small enough to be kept as it is.
func listAll[A any](ctx context.Context, s *session, r request, size int) (rows []resource[A], extra map[pointer]included, err error) {
	err = list(ctx, s, r, size, func() { rows, extra = nil, map[pointer]included{} }, func(row resource[A], in []included) error {
		rows = append(rows, row)
		for _, i := range in {
			extra[pointer{i.ID, i.Type}] = i
		}
		return nil
	})
	return rows, extra, err
}
