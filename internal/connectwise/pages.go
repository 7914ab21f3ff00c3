package connectwise

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/rest"
)

// pageSize is how many rows a page may have; without it a list ends after 25
// rows, which looks like a customer that lost its licences.
const pageSize = 500

// readOptions decode what ConnectWise answers: tolerant of new members, exact
// about the names of known ones. Looking for duplicate names would cost more
// than all the rest, and the server never repeats one.
var readOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// one sends a request whose answer is a single object.
func one[T any](ctx context.Context, c *Client, r request) (*T, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	out, err := decode[*T](r, resp)
	if err == nil && out == nil {
		err = fmt.Errorf("connectwise: %s: an answer without a body where an object was due", r.path())
	}
	return out, err
}

// decode reads an answer; one without a body gives the zero value.
func decode[T any](r request, resp *rest.Response) (out T, err error) {
	if len(resp.Body) == 0 {
		return out, nil
	}
	if resp.Body[0] == '<' {
		return out, fmt.Errorf("connectwise: %s: HTML where JSON was due: wrong connectwise.url, or a proxy in between", r.path())
	}
	if err := json.Unmarshal(resp.Body, &out, readOptions); err != nil {
		return out, fmt.Errorf("connectwise: %s: answer not understood: %w", r.path(), err)
	}
	return out, nil
}

// list reads all rows that a condition selects, or gives an error: never a
// part. It pages forward-only, which does not skip a row when others come or
// go meanwhile; where the endpoint does not know that (no Link header in the
// answer), it pages by number.
//
// https://developer.connectwise.com/Best_Practices/PSA_Pagination
func list[T any](ctx context.Context, c *Client, r request, where condition) ([]T, error) {
	r.query = cloned(r.query)
	if where.text != "" {
		r.query.Set("conditions", where.text)
	}
	r.query.Set("pageSize", strconv.Itoa(pageSize))
	r.forward = true
	numbered := false // paging by number, since forward-only is not known here
	first := true
	return rest.Collect(rest.Pages(ctx, func(ctx context.Context, cursor string) ([]T, string, error) {
		switch {
		case numbered:
			r.query.Set("page", cursor)
		case cursor != "":
			r.query.Set("pageId", cursor)
		}
		resp, err := c.do(ctx, r)
		if err != nil {
			return nil, "", err
		}
		rows, err := decode[[]T](r, resp)
		if err != nil {
			return nil, "", err
		}
		if rows == nil {
			// Without this an empty body would be an empty list.
			return nil, "", fmt.Errorf("connectwise: %s: no list in the answer", r.path())
		}
		if first && !knowsForwardOnly(resp.Header) {
			numbered, r.forward = true, false
		}
		first = false
		if numbered {
			// A short page is the last one, whatever links say.
			if len(rows) < pageSize {
				return rows, "", nil
			}
			page, _ := strconv.Atoi(cursor)
			return rows, strconv.Itoa(max(page, 1) + 1), nil
		}
		next, err := nextPage(resp.Header, cursor)
		if err != nil {
			return nil, "", fmt.Errorf("connectwise: %s: %w", r.path(), err)
		}
		return rows, next, nil
	}))
}

func cloned(q url.Values) url.Values {
	out := make(url.Values, len(q)+2)
	for k, v := range q {
		out[k] = v
	}
	return out
}

// knowsForwardOnly reports whether an answer comes from an endpoint that pages
// forward-only: its Link header is always there, empty at the end, and speaks
// of page ids. Others leave it out, or speak of page numbers.
func knowsForwardOnly(h http.Header) bool {
	links, ok := h["Link"]
	if !ok {
		return false
	}
	m := nextLinkPattern.FindStringSubmatch(strings.Join(links, ","))
	return m == nil || pageIDPattern.MatchString(m[1])
}

var (
	nextLinkPattern = regexp.MustCompile(`<([^>]*)>\s*;[^,]*rel="?next"?`)
	pageIDPattern   = regexp.MustCompile(`(?i)[?&]pageId=(\d+)`)
)

// nextPage takes the number of the next page out of a Link header, and only
// that: the rest of the URL is ours, so that credentials go nowhere a header
// says. Links with & in the place of ? have been seen.
func nextPage(h http.Header, cursor string) (string, error) {
	for _, link := range h.Values("Link") {
		m := nextLinkPattern.FindStringSubmatch(link)
		if m == nil {
			continue
		}
		id := pageIDPattern.FindStringSubmatch(m[1])
		if id == nil {
			return "", fmt.Errorf("the link to the next page has no pageId")
		}
		before, _ := strconv.Atoi(cursor)
		now, err := strconv.Atoi(id[1])
		if err != nil || now <= before {
			return "", fmt.Errorf("the link to the next page leads back (pageId %s after %s)", rest.Excerpt(id[1]), cursor)
		}
		return id[1], nil
	}
	return "", nil
}

// listCounted is list for all rows of an endpoint, compared with the server's
// own count: a role with "Inquire: My" hides rows without a word.
func listCounted[T any](ctx context.Context, c *Client, r, count request, where condition) ([]T, error) {
	rows, err := list[T](ctx, c, r, where)
	if err != nil {
		return nil, err
	}
	if where.text != "" {
		count.query = url.Values{"conditions": {where.text}}
	}
	for attempt := 1; ; attempt++ {
		n, err := one[struct {
			Count *int `json:"count"`
		}](ctx, c, count)
		switch {
		case err != nil:
			return nil, err
		case n.Count == nil:
			return nil, fmt.Errorf("connectwise: %s: no count in the answer", count.path())
		case *n.Count == len(rows):
			return rows, nil
		case attempt > 1:
			return nil, fmt.Errorf("connectwise: %s lists %d rows and counts %d: somebody is at work, or the role hides some; give it %s",
				r.path(), len(rows), *n.Count, rightFor(r.at))
		}
		// A row may have come or gone between the list and the count.
		if rows, err = list[T](ctx, c, r, where); err != nil {
			return nil, err
		}
	}
}
