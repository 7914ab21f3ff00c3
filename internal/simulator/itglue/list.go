package itgluesim

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	pageSize    = 50
	largestPage = 1000
)

// A resource is one kind of object with a list.
type resource struct {
	kind     string // as in the API
	rows     func(*World) []entity
	filters  map[string]filter
	sorts    map[string]sorting
	includes []string // of lists and single objects
	shows    []string // of single objects only
}

// A filter says what an object has, to be compared with what is asked for.
type filter struct {
	of     func(c *call, o entity) []string
	number bool // values must be numbers
	span   bool // the value is a range of times, start,end
	needs  string
}

// A sortKey orders rows, by number first.
type sortKey struct {
	n int64
	s string
}

type sorting func(c *call, o entity) sortKey

// parameters are what the query of a list asks for.
type parameters struct {
	filters map[string]string
	sort    []string
	number  int
	size    int
}

// hasFilters reports whether anything in the query looks like a filter.
func (c *call) hasFilters() bool {
	for name := range c.r.URL.Query() {
		if strings.HasPrefix(name, "filter[") {
			return true
		}
	}
	return false
}

func (c *call) parameters(res *resource, nested bool) (*parameters, *apiError) {
	p := &parameters{filters: map[string]string{}, number: 1, size: pageSize}
	query := c.r.URL.Query()
	for _, name := range sortedKeys(query) {
		value := query.Get(name)
		switch {
		case strings.HasPrefix(name, "filter["):
			if nested {
				continue // nested routes do not filter
			}
			of := strings.TrimSuffix(strings.TrimPrefix(name, "filter["), "]")
			if res.kind == assetKind {
				of = strings.ReplaceAll(of, "-", "_") // both are documented here
			}
			if _, ok := res.filters[of]; !ok {
				if c.faults.IgnoreUnknownParameters {
					continue
				}
				return nil, refuse(http.StatusBadRequest, name, "%s is not allowed as a filter", of)
			}
			p.filters[of] = value
		case name == "sort":
			for column := range strings.SplitSeq(value, ",") {
				if res.sorts[strings.TrimPrefix(column, "-")] != nil {
					p.sort = append(p.sort, column)
				} else if !c.faults.IgnoreUnknownParameters {
					return nil, refuse(http.StatusBadRequest, "sort", "%s is not allowed as a sort", column)
				}
			}
		case name == "page[number]" || name == "page[size]":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 {
				return nil, refuse(http.StatusBadRequest, name, "%q is not a page", value)
			}
			if name == "page[number]" {
				p.number = n
			} else {
				p.size = n
			}
		case name == "include":
		case !c.faults.IgnoreUnknownParameters:
			return nil, refuse(http.StatusBadRequest, name, "%s is not a parameter", name)
		}
	}
	if p.size > largestPage {
		if c.faults.RefuseLargePages {
			return nil, refuse(http.StatusBadRequest, "page[size]", "at most %d", largestPage)
		}
		p.size = largestPage
	}
	if c.faults.LargestPage > 0 {
		p.size = min(p.size, c.faults.LargestPage)
	}
	for name := range p.filters {
		if f := res.filters[name]; f.needs != "" && p.filters[f.needs] == "" {
			return nil, refuse(http.StatusBadRequest, "filter["+name+"]", "%s needs %s", name, f.needs)
		}
	}
	return p, nil
}

// filtered finds all that the filters of a mass call name, without paging.
func (c *call) filtered(res *resource) ([]entity, *apiError) {
	p, err := c.parameters(res, false)
	if err != nil {
		return nil, err
	}
	if res.kind == assetKind && (p.filters["organization_id"] == "" || p.filters["flexible_asset_type_id"] == "") {
		return nil, refuse(http.StatusUnprocessableEntity, "filter", "organization_id and flexible_asset_type_id are required")
	}
	tests, err := c.tests(res, p)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(res.rows(c.world), func(o entity) bool { return !tests.hold(c, o) }), nil
}

// list answers a page of a resource. Only nested lists have an organization
// in their path, and they ignore filters.
func (c *call) list(res *resource, rows []entity, nested bool) (*answer, *apiError) {
	p, err := c.parameters(res, nested)
	if err != nil {
		return nil, err
	}
	includes, err := c.includes(res.includes)
	if err != nil {
		return nil, err
	}
	tests, err := c.tests(res, p)
	if err != nil {
		return nil, err
	}
	found := make([]entity, 0, len(rows))
	for _, o := range rows {
		if c.listed(o) && tests.hold(c, o) {
			found = append(found, o)
		}
	}
	c.order(res, found, p.sort)

	total := len(found)
	pages := max(1, (total+p.size-1)/p.size)
	from := (p.number - 1) * p.size
	last := p.number >= pages
	if p.number > 1 {
		from += c.faults.Shift
	}
	from = min(max(from, 0), total)
	page := found[from:min(from+p.size, total)]
	if !last {
		page = page[:max(0, len(page)-c.faults.ShortPages)]
	}
	if res.kind == assetKind && c.faults.HeavyPage > 0 && len(page) > c.faults.HeavyPage {
		return nil, &apiError{status: http.StatusGatewayTimeout, html: true}
	}

	docs := make([]any, 0, len(page))
	in := newInclusion(c)
	for _, o := range page {
		doc := c.object(o, true)
		if len(includes) > 0 {
			in.add(doc, o, includes, true)
		}
		docs = append(docs, doc)
	}
	meta := map[string]any{
		"current-page": p.number, "next-page": nil, "prev-page": nil,
		"total-pages": pages, "total-count": total, "filters": map[string]any{},
	}
	links := map[string]any{"self": c.link(p.number, p.size), "first": c.link(1, p.size), "last": c.link(pages, p.size), "prev": nil,
		"next": nil}
	if !last {
		meta["next-page"], links["next"] = p.number+1, c.link(p.number+1, p.size)
	}
	if p.number > 1 {
		meta["prev-page"], links["prev"] = p.number-1, c.link(p.number-1, p.size)
	}
	out := map[string]any{"data": docs, "meta": meta, "links": links}
	if len(includes) > 0 {
		out["included"] = in.docs
	}
	return c.json(http.StatusOK, out), nil
}

func (c *call) link(number, size int) string {
	q := c.r.URL.Query()
	q.Set("page[number]", strconv.Itoa(number))
	q.Set("page[size]", strconv.Itoa(size))
	u := url.URL{Scheme: "https", Host: cmp.Or(c.faults.LinkHost, c.r.Host), Path: c.path, RawQuery: q.Encode()}
	return u.String()
}

// listed reports whether the lists of the key show an object.
func (c *call) listed(o entity) bool {
	if a, ok := o.(*Asset); ok && a.Archived && c.faults.HideArchived {
		return false
	}
	if !c.accessible(*o.key()) || !c.accessible(o.organization()) {
		return false
	}
	return c.faults.ListLag == 0 || c.now.Sub(o.info().CreatedAt) >= c.faults.ListLag
}

// order sorts rows; without a column they stay ordered by id.
func (c *call) order(res *resource, rows []entity, columns []string) {
	if len(columns) == 0 {
		return
	}
	type keyed struct {
		o    entity
		keys []sortKey
	}
	all := make([]keyed, len(rows))
	for i, o := range rows {
		all[i].o = o
		for _, column := range columns {
			all[i].keys = append(all[i].keys, res.sorts[strings.TrimPrefix(column, "-")](c, o))
		}
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		for i, column := range columns {
			order := cmp.Or(cmp.Compare(a.keys[i].n, b.keys[i].n), strings.Compare(a.keys[i].s, b.keys[i].s))
			if strings.HasPrefix(column, "-") {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
	for i := range all {
		rows[i] = all[i].o
	}
}

// A test is one filter with the values it looks for.
type test struct {
	filter
	wanted   []string
	from, to time.Time
	not      bool
}

type tests []test

func (ts tests) hold(c *call, o entity) bool {
	for _, t := range ts {
		if t.holds(c, o) == t.not {
			return false
		}
	}
	return true
}

func (t test) holds(c *call, o entity) bool {
	for _, has := range t.of(c, o) {
		if t.span {
			at, err := time.Parse(time.RFC3339, has)
			if err == nil && (t.from.IsZero() || !at.Before(t.from)) && (t.to.IsZero() || !at.After(t.to)) {
				return true
			}
			continue
		}
		for _, want := range t.wanted {
			if has == want || c.faults.FoldFilters && strings.EqualFold(has, want) {
				return true
			}
		}
	}
	return false
}

func (c *call) tests(res *resource, p *parameters) (tests, *apiError) {
	var all tests
	for _, name := range sortedKeys(p.filters) {
		t := test{filter: res.filters[name], wanted: split(p.filters[name]), not: strings.HasPrefix(name, "exclude][")}
		if t.span {
			if len(t.wanted) != 2 {
				return nil, refuse(http.StatusBadRequest, "filter["+name+"]", "a range is start,end")
			}
			for i, into := range []*time.Time{&t.from, &t.to} {
				if t.wanted[i] == "*" {
					continue
				}
				at, err := time.Parse(time.RFC3339, t.wanted[i])
				if err != nil {
					return nil, refuse(http.StatusBadRequest, "filter["+name+"]", "%q is not a time", t.wanted[i])
				}
				*into = at
			}
		}
		if t.number {
			for _, v := range t.wanted {
				if _, err := strconv.ParseInt(v, 10, 64); err != nil {
					return nil, refuse(http.StatusBadRequest, "filter["+name+"]", "%q is not a number", v)
				}
			}
		}
		all = append(all, t)
	}
	return all, nil
}

// split cuts a list at its commas; \, is a comma that belongs to a value.
func split(s string) []string {
	var all []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ',':
			b.WriteByte(',')
			i++
		case s[i] == ',':
			all = append(all, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(all, b.String())
}

// The filters and sorts that several resources share.

func byID() filter {
	return filter{number: true, of: func(_ *call, o entity) []string { return []string{strconv.FormatInt(*o.key(), 10)} }}
}

func byOrganization() filter {
	return filter{number: true, of: func(_ *call, o entity) []string { return []string{strconv.FormatInt(o.organization(), 10)} }}
}

func byText[T entity](of func(T) string) filter {
	return filter{of: func(_ *call, o entity) []string { return []string{of(o.(T))} }}
}

func byNumber[T entity](of func(T) int64) filter {
	return filter{number: true, of: func(_ *call, o entity) []string {
		if n := of(o.(T)); n != 0 {
			return []string{strconv.FormatInt(n, 10)}
		}
		return nil
	}}
}

// byPSA finds objects by their twin: the id only together with the type.
func byPSA() filter {
	return filter{needs: "psa_integration_type", of: func(c *call, o entity) []string {
		kinds := split(c.r.URL.Query().Get("filter[psa_integration_type]"))
		var ids []string
		for _, a := range o.adapters() {
			if slices.Contains(kinds, a.PSA) {
				ids = append(ids, a.RemoteID)
			}
		}
		return ids
	}}
}

func byPSAType() filter {
	return filter{of: func(_ *call, o entity) []string {
		var kinds []string
		for _, a := range o.adapters() {
			if a.PSA != "" {
				kinds = append(kinds, a.PSA)
			}
		}
		return kinds
	}}
}

func sortID(_ *call, o entity) sortKey      { return sortKey{n: *o.key()} }
func sortCreated(_ *call, o entity) sortKey { return sortKey{n: o.info().CreatedAt.UnixMilli()} }
func sortUpdated(_ *call, o entity) sortKey { return sortKey{n: o.info().UpdatedAt.UnixMilli()} }

func sortText[T entity](of func(T) string) sorting {
	return func(_ *call, o entity) sortKey { return sortKey{s: of(o.(T))} }
}

// times are the sorts that every resource has.
func times(more map[string]sorting) map[string]sorting {
	all := map[string]sorting{"created_at": sortCreated, "updated_at": sortUpdated}
	for name, s := range more {
		all[name] = s
	}
	return all
}

// rowsOf makes a list of objects one of entities.
func rowsOf[T entity](of func(*World) []T) func(*World) []entity {
	return func(w *World) []entity {
		all := of(w)
		out := make([]entity, len(all))
		for i, o := range all {
			out[i] = o
		}
		return out
	}
}
