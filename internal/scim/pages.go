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

// safePageSize is a page that is not too large for anybody.
const safePageSize = 50

// list reads a whole collection, page after page. begin is called before the
// first page and again where the listing has to begin anew; each gets every
// resource once. An error midway is the whole answer.
func (a *connection) list(ctx context.Context, at string, caps *capabilities, begin func(), each func(document)) (listing, error) {
	for attempt := 0; ; attempt++ {
		begin()
		p := &pager{connection: a, at: at, size: caps.pageSize, cursor: caps.cursor, start: 1, yield: each, seen: map[string]bool{},
			listing: listing{complete: true, total: -1}}
		if err := p.read(ctx); err != nil {
			return listing{}, err
		}
		if !p.restart || attempt == 1 {
			return p.listing, nil
		}
	}
}

// A pager reads a collection once.
type pager struct {
	*connection
	listing
	at    string
	size  int // of a page
	yield func(document)
	seen  map[string]bool // ids
	first string          // id
	pages int
	start int    // of the next page, where pages are numbered by their first row
	next  string // the cursor of the next page
	// cursor tells that pages are asked for by cursor.
	cursor  bool
	restart bool // the collection moved meanwhile
}

func (p *pager) incomplete(format string, args ...any) {
	p.complete, p.why = false, fmt.Sprintf(format, args...)
}

func (p *pager) read(ctx context.Context) error {
	for {
		page, err := p.page(ctx, p.at, p.query())
		switch {
		case p.tooLarge(err):
			// It may be the size that is minded: not everybody says so.
			p.amendCapabilities(func(c *capabilities) { c.pageSize = safePageSize })
			p.size = safePageSize
			continue
		case p.expired(err):
			p.incomplete("the provider's cursor expired while its list was read")
			p.restart = true
			return nil
		case err != nil:
			return err
		}
		p.pages++
		rows, news := p.take(page)
		p.count(asNumber(page.get("totalResults")))
		if p.next = page.text("nextCursor"); p.next != "" {
			p.cursor = true // followed where it is sent, asked for or not
			if rows > 0 && news == 0 {
				p.incomplete("the provider's cursor leads back to what was read")
				return nil
			}
			continue
		}
		if p.cursor { // no further cursor is the only end mark there is
			return nil
		}
		if rows == 0 || news == 0 || p.total >= 0 && len(p.seen) >= p.total {
			return p.prove(ctx)
		}
		p.start += rows
	}
}

func (p *pager) query() url.Values {
	q := url.Values{"count": {strconv.Itoa(p.size)}}
	if p.cursor {
		q.Set("cursor", p.next)
	} else {
		q.Set("startIndex", strconv.Itoa(p.start))
	}
	return q
}

func (p *pager) tooLarge(err error) bool {
	return p.pages == 0 && statusOf(err) == 400 && p.size > safePageSize
}

func (p *pager) expired(err error) bool {
	refused, ok := errors.AsType[*rest.Error](err)
	return ok && p.cursor && p.pages > 0 && strings.EqualFold(refused.Code, "expiredCursor")
}

// take passes the resources of a page on, each once, and returns how many rows
// the page had and how many were new.
func (p *pager) take(page document) (rows, news int) {
	list := members(page)
	for _, v := range list {
		d := asDocument(v)
		id := d.text("id")
		switch {
		case d == nil || id == "":
			p.incomplete("a resource came without an id")
		case p.seen[id]:
		default:
			p.seen[id] = true
			if p.first == "" {
				p.first = id
			}
			news++
			p.yield(d)
		}
	}
	return len(list), news
}

// count compares what a page says of the whole with what others said.
func (p *pager) count(total int) {
	if total < 0 {
		return
	}
	if p.total >= 0 && total != p.total {
		p.incomplete("totalResults was %d and became %d while the list was read", p.total, total)
		p.restart = true
	}
	p.total = total
}

// prove finds out whether what was read is everything, once the pages ended.
func (p *pager) prove(ctx context.Context) error {
	switch {
	case p.total < 0 && p.pages < 2 && len(p.seen) > 0:
		p.incomplete("the provider does not say how many there are")
	case p.total > len(p.seen):
		p.incomplete("the provider says that there are %d and sends %d", p.total, len(p.seen))
	case p.complete && p.pages == 1 && len(p.seen) > 1:
		// A provider may say that there are as many as fit on the page, and so
		// hide all others: one page proves nothing by itself.
		why, err := p.probeTotal(ctx, p.at, p.total, p.first)
		if err != nil {
			return err
		}
		if why != "" {
			p.incomplete("%s", why)
		}
	}
	return nil
}

// page reads one page.
func (a *connection) page(ctx context.Context, at string, q url.Values) (document, error) {
	resp, err := a.do(ctx, request{path: at, query: q})
	if rest.Gone(err) {
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
	return nil, &rest.Error{System: a.client.Name(), Path: at, Status: resp.Status, Message: (&errNotSCIM{what}).Error(),
		Err: &errNotSCIM{what}}
}

// probeTotal finds out whether totalResults counts the collection or the page, and
// whether startIndex is heeded. It returns why a list is not proven. A good
// answer holds for a day.
func (a *connection) probeTotal(ctx context.Context, at string, total int, firstID string) (string, error) {
	a.mu.Lock()
	when, ok := a.totalProven[at]
	a.mu.Unlock()
	now := a.client.options.Now()
	if ok && now.Sub(when) < capabilitiesTTL {
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
	a.totalProven[at] = now
	a.mu.Unlock()
	return "", nil
}

// A filterResult is the answer to a filter, re-checked here.
type filterResult struct {
	hits []document
	// proven is false where the filter was not understood or was ignored: then
	// no hit does not mean that there is none.
	proven bool
	filter string // for people
}

// findByFilter looks for the resources with a value of an attribute. Zero hits prove
// little: a provider may compare case where it should not.
func (a *connection) findByFilter(ctx context.Context, at string, caps *capabilities, attribute, value string) (filterResult, error) {
	out := filterResult{filter: filterEqual(attribute, value)}
	if !caps.filter || value == "" {
		return out, nil
	}
	if a.unquotedFilter.Load() {
		if text, ok := filterUnquoted(attribute, value); ok {
			out.filter = text
		}
	}
	ask := func() (document, error) {
		q := url.Values{"filter": {out.filter}, "startIndex": {"1"}, "count": {strconv.Itoa(min(caps.pageSize, 20))}}
		if at == groupsAt {
			q.Set("excludedAttributes", "members")
		}
		resp, err := a.do(ctx, request{path: at, query: q})
		if rest.Gone(err) { // some say 404 for no hit
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
	if err != nil && statusOf(err) == 400 && a.client.profile.UnquotedFilter && !a.unquotedFilter.Load() {
		if text, ok := filterUnquoted(attribute, value); ok {
			quoted := out.filter
			out.filter = text
			if page, err = ask(); err == nil {
				a.unquotedFilter.Store(true)
			} else {
				out.filter = quoted
			}
		}
	}
	switch {
	case filterRefused(err) && statusOf(err) != 403:
		// One attribute that is not to be filtered by says nothing of the others.
		if strings.EqualFold(attribute, "userName") || statusOf(err) == 501 {
			a.amendCapabilities(func(c *capabilities) { c.filter = false })
		}
		return out, nil
	case err != nil:
		return out, err
	}
	resources := members(page)
	for _, v := range resources {
		if d := asDocument(v); d != nil && d.text("id") != "" && matchesFilter(d, attribute, value) {
			out.hits = append(out.hits, d)
		}
	}
	// Rows that were not asked for: the filter is not heeded.
	out.proven = len(out.hits) > 0 || len(resources) == 0
	return out, nil
}
