package scim

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"syncd/internal/rest"
)

// A listing is what a collection held.
type listing struct {
	// complete tells whether the listing is proven to be whole. Absence from one
	// that is not proves nothing.
	complete bool
	why      string // why it is not
	total    int
}

// smallPage is a page that is not too large for anybody.
const smallPage = 50

// list reads a whole collection, page after page. begin is called before the
// first page and again where the listing has to begin anew; each gets every
// resource once. An error midway is the whole answer.
func (a *connection) list(ctx context.Context, at string, caps *capabilities, begin func(), each func(document)) (listing, error) {
	for attempt := 0; ; attempt++ {
		begin()
		w := &walk{connection: a, at: at, size: caps.pageSize, cursor: caps.cursor, start: 1, each: each, seen: map[string]bool{},
			listing: listing{complete: true, total: -1}}
		if err := w.read(ctx); err != nil {
			return listing{}, err
		}
		if !w.again || attempt == 1 {
			return w.listing, nil
		}
	}
}

// A walk reads a collection once.
type walk struct {
	*connection
	listing
	at    string
	size  int // of a page
	each  func(document)
	seen  map[string]bool // ids
	first string          // id
	pages int
	start int    // of the next page, where pages are numbered by their first row
	next  string // the cursor of the next page
	// cursor tells that pages are asked for by cursor.
	cursor bool
	again  bool // the collection moved meanwhile
}

func (w *walk) incomplete(format string, args ...any) {
	w.complete, w.why = false, fmt.Sprintf(format, args...)
}

func (w *walk) read(ctx context.Context) error {
	for {
		page, err := w.page(ctx, w.at, w.query())
		switch {
		case w.tooLarge(err):
			// It may be the size that is minded: not everybody says so.
			w.unlearn(func(c *capabilities) { c.pageSize = smallPage })
			w.size = smallPage
			continue
		case w.expired(err):
			w.incomplete("the provider's cursor expired while its list was read")
			w.again = true
			return nil
		case err != nil:
			return err
		}
		w.pages++
		rows, news := w.take(page)
		w.count(asNumber(page.get("totalResults")))
		if w.next = page.text("nextCursor"); w.next != "" {
			w.cursor = true // followed where it is sent, asked for or not
			if rows > 0 && news == 0 {
				w.incomplete("the provider's cursor leads back to what was read")
				return nil
			}
			continue
		}
		if w.cursor { // no further cursor is the only end mark there is
			return nil
		}
		if rows == 0 || news == 0 || w.total >= 0 && len(w.seen) >= w.total {
			return w.prove(ctx)
		}
		w.start += rows
	}
}

func (w *walk) query() url.Values {
	q := url.Values{"count": {strconv.Itoa(w.size)}}
	if w.cursor {
		q.Set("cursor", w.next)
	} else {
		q.Set("startIndex", strconv.Itoa(w.start))
	}
	return q
}

func (w *walk) tooLarge(err error) bool {
	return w.pages == 0 && statusOf(err) == 400 && w.size > smallPage
}

func (w *walk) expired(err error) bool {
	refused, ok := errors.AsType[*rest.Error](err)
	return ok && w.cursor && w.pages > 0 && strings.EqualFold(refused.Code, "expiredCursor")
}

// take passes the resources of a page on, each once, and returns how many rows
// the page had and how many were new.
func (w *walk) take(page document) (rows, news int) {
	list := members(page)
	for _, v := range list {
		d := asDocument(v)
		id := d.text("id")
		switch {
		case d == nil || id == "":
			w.incomplete("a resource came without an id")
		case w.seen[id]:
		default:
			w.seen[id] = true
			if w.first == "" {
				w.first = id
			}
			news++
			w.each(d)
		}
	}
	return len(list), news
}

// count compares what a page says of the whole with what others said.
func (w *walk) count(total int) {
	if total < 0 {
		return
	}
	if w.total >= 0 && total != w.total {
		w.incomplete("totalResults was %d and became %d while the list was read", w.total, total)
		w.again = true
	}
	w.total = total
}

// prove finds out whether what was read is everything, once the pages ended.
func (w *walk) prove(ctx context.Context) error {
	switch {
	case w.total < 0 && w.pages < 2 && len(w.seen) > 0:
		w.incomplete("the provider does not say how many there are")
	case w.total > len(w.seen):
		w.incomplete("the provider says that there are %d and sends %d", w.total, len(w.seen))
	case w.complete && w.pages == 1 && len(w.seen) > 1:
		// A provider may say that there are as many as fit on the page, and so
		// hide all others: one page proves nothing by itself.
		why, err := w.probe(ctx, w.at, w.total, w.first)
		if err != nil {
			return err
		}
		if why != "" {
			w.incomplete("%s", why)
		}
	}
	return nil
}

// page reads one page.
func (a *connection) page(ctx context.Context, at string, q url.Values) (document, error) {
	resp, err := a.do(ctx, request{path: at, query: q})
	if gone(err) {
		_, e := refusalOf(err)
		named := *e
		named.Remedy = "the collection itself is not found: check " + a.client.Name() + ".url, and that SCIM is enabled for the account"
		if hint := a.client.profile.Hints["refused"]; hint != "" {
			named.Remedy += "; " + hint
		}
		return nil, &named
	}
	if err != nil {
		return nil, err
	}
	v, err := decode(resp)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case []any:
		return document{"Resources": v}, nil
	case map[string]any:
		d := document(v)
		if !d.has("Resources") && !d.has("totalResults") {
			break
		}
		return d, nil
	}
	what := "an empty answer"
	if v != nil {
		what = "an object that is no list"
	}
	return nil, &rest.Error{System: a.client.Name(), Path: at, Status: resp.Status, Message: (&errNotSCIM{what}).Error(), Err: &errNotSCIM{what}}
}

// probe finds out whether totalResults counts the collection or the page, and
// whether startIndex is heeded. It returns why a list is not proven. A good
// answer holds for a day.
func (a *connection) probe(ctx context.Context, at string, total int, firstID string) (string, error) {
	a.mu.Lock()
	when, ok := a.honest[at]
	a.mu.Unlock()
	now := a.client.options.Now()
	if ok && now.Sub(when) < capsFor {
		return "", nil
	}
	one, err := a.page(ctx, at, url.Values{"startIndex": {"1"}, "count": {"1"}})
	if err != nil {
		return "", err
	}
	if n := asNumber(one.get("totalResults")); n != total {
		return fmt.Sprintf("the provider's totalResults depends on the page: %d on a page of all, %d on a page of one", total, n), nil
	}
	second, err := a.page(ctx, at, url.Values{"startIndex": {"2"}, "count": {"1"}})
	if err != nil {
		return "", err
	}
	if list := members(second); len(list) > 0 && asDocument(list[0]).text("id") == firstID {
		return "the provider does not heed startIndex", nil
	}
	a.mu.Lock()
	a.honest[at] = now
	a.mu.Unlock()
	return "", nil
}

// A search is the answer to a filter, re-checked here.
type search struct {
	hits []document
	// proven is false where the filter was not understood or was ignored: then
	// no hit does not mean that there is none.
	proven bool
	asked  string // for people
}

// find looks for the resources with a value of an attribute. Zero hits prove
// little: a provider may compare case where it should not.
func (a *connection) find(ctx context.Context, at string, caps *capabilities, attribute, value string) (search, error) {
	out := search{asked: filterEqual(attribute, value)}
	if !caps.filter || value == "" {
		return out, nil
	}
	if a.bare.Load() {
		if text, ok := filterBare(attribute, value); ok {
			out.asked = text
		}
	}
	ask := func() (document, error) {
		q := url.Values{"filter": {out.asked}, "startIndex": {"1"}, "count": {strconv.Itoa(min(caps.pageSize, 20))}}
		if at == groupsAt {
			q.Set("excludedAttributes", "members")
		}
		resp, err := a.do(ctx, request{path: at, query: q})
		if gone(err) { // some say 404 for no hit
			return document{}, nil
		}
		if err != nil {
			return nil, err
		}
		v, err := decode(resp)
		if err != nil {
			return nil, err
		}
		if list, ok := v.([]any); ok {
			return document{"Resources": list}, nil
		}
		return asDocument(v), nil
	}
	page, err := ask()
	if err != nil && statusOf(err) == 400 && a.client.profile.UnquotedFilter && !a.bare.Load() {
		if text, ok := filterBare(attribute, value); ok {
			quoted := out.asked
			out.asked = text
			if page, err = ask(); err == nil {
				a.bare.Store(true)
			} else {
				out.asked = quoted
			}
		}
	}
	switch {
	case noFilter(err) && statusOf(err) != 403:
		// One attribute that is not to be filtered by says nothing of the others.
		if strings.EqualFold(attribute, "userName") || statusOf(err) == 501 {
			a.unlearn(func(c *capabilities) { c.filter = false })
		}
		return out, nil
	case err != nil:
		return out, err
	}
	resources := members(page)
	for _, v := range resources {
		if d := asDocument(v); d != nil && d.text("id") != "" && answers(d, attribute, value) {
			out.hits = append(out.hits, d)
		}
	}
	// Rows that were not asked for: the filter is not heeded.
	out.proven = len(out.hits) > 0 || len(resources) == 0
	return out, nil
}
