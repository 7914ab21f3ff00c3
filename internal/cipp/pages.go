package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxPages ends an endless paging: no tenant has ten million users.
const maxPages = 10_000

// A collector collects a collection page by page and converts each row, so that at most
// one page of rows is in memory.
type collector[T any, P rowOf[T], D any] struct {
	convert func(P) (id string, d D, err error)
	items   []D
	seen    map[string]struct{}
	empty   bool // a page had no row: it may have got lost
}

// add adds a page. A row that moves to another page while we read comes twice, and counts
// once.
func (g *collector[T, P, D]) add(rows []T) error {
	g.empty = g.empty || len(rows) == 0
	for i := range rows {
		id, d, err := g.convert(&rows[i])
		if err != nil {
			return fmt.Errorf("row %d: %w", len(g.items)+1, err)
		}
		if _, twice := g.seen[id]; !twice {
			g.seen[id] = struct{}{}
			g.items = append(g.items, d)
		}
	}
	return nil
}

func (g *collector[T, P, D]) reset() {
	g.items, g.seen, g.empty = nil, map[string]struct{}{}, false
}

// readCollection reads all pages of a collection, and returns a check that says how it is
// known to be complete. got has the first page where there was a bulk call; it is nil
// where this CIPP has none.
func readCollection[T any, P rowOf[T], D any](ctx context.Context, c *Client, f TenantFilter, got map[string]bulkResponse, p bulkRequest, turn func(P) (string, D, error)) (items []D, whole string, err error) {
	name := p.graphName()
	wrap := func(err error) ([]D, string, error) { return nil, "", fmt.Errorf("%s: %w", name, err) }
	g := &collector[T, P, D]{convert: turn}
	g.reset()
	next := ""
	if got != nil {
		answer, ok := got[p.ID]
		if !ok {
			return wrap(errors.New("no answer to this part"))
		}
		body, err := answer.collect()
		if err == nil && body.rows == nil {
			// An empty collection is an empty list; here one got lost.
			err = errors.New("200 with null where a list was due")
		}
		if err != nil {
			return wrap(err)
		}
		rows, err := rowsOf[T, P](body.rows)
		if err == nil {
			err = f.checkTenants(tenantsOf[T, P](rows))
		}
		if err == nil {
			err = g.add(rows)
		}
		switch {
		case err != nil:
			return wrap(err)
		case body.next == "":
			return g.items, name + " on one page", nil
		case len(rows) > p.page:
			// This CIPP followed the pages in spite of noPaginateIds, perhaps not to the end.
			g.reset()
		default:
			next = body.next
		}
	}
	pages, err := pagesOf[T, P](ctx, c, f, p, next, g.add)
	if err != nil {
		return wrap(err)
	}
	if pages == 1 && got == nil {
		return g.items, name + " on one page", nil
	}
	whole = fmt.Sprintf("%s read page by page to the end", name)
	for attempt := 1; ; attempt++ {
		n, err := c.count(ctx, f, p)
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnusable)):
			return wrap(err)
		case g.empty && err != nil:
			return wrap(fmt.Errorf("a further page is empty, and how many rows there are could not be confirmed: %w", err))
		case err != nil:
			// The last page had no link to another.
			return g.items, whole, nil
		case n == 0 && len(g.items) > 0:
			return wrap(fmt.Errorf("%d rows on all pages where Graph counts none", len(g.items)))
		case n <= len(g.items):
			return g.items, fmt.Sprintf("%s, as many as Graph counts", whole), nil
		case attempt == 2:
			return wrap(fmt.Errorf("%d rows on all pages where Graph counts %d", len(g.items), n))
		}
		// A row was added while we read, or a page was short.
		g.reset()
		if _, err := pagesOf[T, P](ctx, c, f, p, "", g.add); err != nil {
			return wrap(err)
		}
	}
}

// pagesOf reads a collection one page a call, from the link next or from the
// beginning, and says how many pages there were. A page that fails fails all.
func pagesOf[T any, P rowOf[T]](ctx context.Context, c *Client, f TenantFilter, p bulkRequest, next string, take func([]T) error) (pages int, err error) {
	for pages < maxPages {
		query := p.options()
		query.Set("manualPagination", "true")
		if next != "" {
			query.Set("nextLink", next)
		}
		rows, link, err := graphRequest[T, P](ctx, c, f, p, query)
		if err == nil {
			err = take(rows)
		}
		pages++
		switch {
		case err != nil && (pages > 1 || next != ""):
			return pages, fmt.Errorf("a further page: %w", err)
		case err != nil:
			return pages, err
		case link == "":
			return pages, nil
		case link == next:
			return pages, errors.New("a page names itself as the next one")
		}
		next = link
	}
	return pages, errors.New("it has no last page")
}

// readAll reads a collection of Graph by itself, every page of it; as the
// application, like the bulk read, because the delegated user sees only what
// its GDAP roles let it see.
func readAll[T any, P rowOf[T]](ctx context.Context, c *Client, f TenantFilter, p bulkRequest) ([]T, error) {
	rows, next, err := graphRequest[T, P](ctx, c, f, p, url.Values{})
	if err == nil && next != "" {
		err = errors.New("CIPP left the next page unread")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.graphName(), err)
	}
	return rows, nil
}

// graphRequest asks ListGraphRequest once, and returns the link to the next
// page where there is one.
func graphRequest[T any, P rowOf[T]](ctx context.Context, c *Client, f TenantFilter, p bulkRequest, query url.Values) (rows []T, next string, err error) {
	query.Set("Endpoint", p.graphName())
	query.Set("AsApp", "true")
	a, err := c.ask(ctx, forTenant(f, "ListGraphRequest", query))
	switch {
	case err != nil:
		return nil, "", err
	case a.meta.Queued.on:
		return nil, "", fmt.Errorf("CIPP put the answer off (%s)", clip(string(a.meta.QueueMessage), 120))
	case !f.echoes(a.meta.TenantFilter):
		return nil, "", fmt.Errorf("%w: it speaks of %q", errForeign, clip(string(a.meta.TenantFilter), 80))
	}
	rows, err = rowsOf[T, P](a.rows)
	if err == nil {
		err = f.checkTenants(tenantsOf[T, P](rows))
	}
	return rows, string(a.meta.NextLink), err
}

// count reads how many rows a collection has. CIPP answers {"Results":[131]}, and [null]
// without $count.
func (c *Client) count(ctx context.Context, f TenantFilter, p bulkRequest) (int, error) {
	body, err := c.do(ctx, forTenant(f, "ListGraphRequest", url.Values{"Endpoint": {p.graphName()}, "AsApp": {"true"}, "CountOnly": {"true"},
		"$count": {"true"}}))
	if err != nil {
		return 0, err
	}
	a, err := openAnswer(body)
	if err != nil {
		return 0, err
	}
	var n number
	switch {
	case len(a.texts) == 1:
		n.parse(strings.TrimSpace(a.texts[0]))
	case len(a.rows) > 0:
		// A list of one number reads as that number.
		if err := json.Unmarshal(a.rows, &n, tolerant); err != nil {
			return 0, decodeError(err)
		}
	}
	if n.bad != "" || !n.set || n.n < 0 {
		return 0, errors.New("no number where a count was due: " + strconv.Quote(clip(string(body), 60)))
	}
	return n.n, nil
}
