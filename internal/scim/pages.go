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
		l, again, err := a.walk(ctx, at, caps, each)
		if err != nil {
			return listing{}, err
		}
		if !again || attempt == 1 {
			return l, nil
		}
	}
}

// walk reads the collection once. again tells that it moved meanwhile.
func (a *connection) walk(ctx context.Context, at string, caps *capabilities, each func(document)) (out listing, again bool, err error) {
	seen := map[string]bool{}
	var firstID, nextCursor string
	cursor := caps.cursor
	pages, start := 0, 1
	out = listing{complete: true, total: -1}
	fail := func(why string) { out.complete, out.why = false, why }
	for {
		q := url.Values{"count": {strconv.Itoa(caps.pageSize)}}
		if cursor {
			q.Set("cursor", nextCursor)
		} else {
			q.Set("startIndex", strconv.Itoa(start))
		}
		page, err := a.page(ctx, at, q)
		if refused, ok := errors.AsType[*rest.Error](err); ok && cursor && pages > 0 && strings.EqualFold(refused.Code, "expiredCursor") {
			fail("the provider's cursor expired while its list was read")
			return out, true, nil
		}
		if pages == 0 && statusOf(err) == 400 && caps.pageSize > smallPage {
			// It may be the size that is minded: not everybody says so.
			a.unlearn(func(c *capabilities) { c.pageSize = smallPage })
			smaller := *caps
			smaller.pageSize = smallPage
			caps = &smaller
			continue
		}
		if err != nil {
			return out, false, err
		}
		pages++
		news := 0
		resources := members(page)
		for _, v := range resources {
			d := asDocument(v)
			id := d.text("id")
			switch {
			case d == nil || id == "":
				fail("a resource came without an id")
			case seen[id]:
			default:
				seen[id] = true
				if firstID == "" {
					firstID = id
				}
				news++
				each(d)
			}
		}
		total := asNumber(page.get("totalResults"))
		if out.total >= 0 && total >= 0 && total != out.total {
			fail(fmt.Sprintf("totalResults was %d and became %d while the list was read", out.total, total))
			again = true
		}
		if total >= 0 {
			out.total = total
		}
		nextCursor = page.text("nextCursor")
		if nextCursor != "" {
			cursor = true // followed where it is sent, asked for or not
			if news == 0 && len(resources) > 0 {
				fail("the provider's cursor leads back to what was read")
				return out, again, nil
			}
			continue
		}
		if cursor { // no further cursor is the only end mark there is
			return out, again, nil
		}
		if len(resources) == 0 || news == 0 || out.total >= 0 && len(seen) >= out.total {
			break
		}
		start += len(resources)
	}
	switch {
	case out.total < 0 && pages < 2 && len(seen) > 0:
		fail("the provider does not say how many there are")
	case out.total > len(seen):
		fail(fmt.Sprintf("the provider says that there are %d and sends %d", out.total, len(seen)))
	case out.complete && pages == 1 && len(seen) > 1:
		// A provider may say that there are as many as fit on the page, and so
		// hide all others: one page proves nothing by itself.
		why, err := a.probe(ctx, at, out.total, firstID)
		if err != nil {
			return out, false, err
		}
		if why != "" {
			fail(why)
		}
	}
	return out, again, nil
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
