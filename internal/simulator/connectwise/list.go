package cwsim

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

const (
	pageSize    = 25
	largestPage = 1000
)

// A query holds the parameters of a list. Their names are not case-sensitive.
type query struct {
	conditions, children, custom, orderBy, fields string
	page, pageSize, pageID                        string
}

func parseQuery(values url.Values) query {
	get := func(name string) string {
		for n, v := range values {
			if strings.EqualFold(n, name) && len(v) > 0 {
				return v[0]
			}
		}
		return ""
	}
	return query{
		conditions: get("conditions"), children: get("childConditions"), custom: get("customFieldConditions"),
		orderBy: get("orderBy"), fields: get("fields"), page: get("page"), pageSize: get("pageSize"), pageID: get("pageId"),
	}
}

// filter parses the three kinds of conditions; nil if there are none.
func (c *call) filter(resource string, s *schema, q query) (condition, *apiError) {
	var all condition
	add := func(one condition) {
		if all == nil {
			all = one
		} else {
			all = and{all, one}
		}
	}
	base := dialect{refused: c.faults.NotFilterable[resource], escapes: c.faults.BackslashEscapes}
	if q.conditions != "" {
		d := base
		d.schema, d.allowIn, d.alias = s, true, true
		one, err := parseConditions(q.conditions, &d)
		if err != nil {
			return nil, err
		}
		add(one)
	}
	if q.children != "" {
		d := base
		d.schema, d.children = s, true
		one, err := parseConditions(q.children, &d)
		if err != nil {
			return nil, err
		}
		add(anyOf{d.list, one})
	}
	if q.custom != "" {
		if s.byName["customFields"] == nil {
			return nil, badCondition("customFieldConditions is not a recognized name.")
		}
		d := base
		d.schema = schemas["CustomFieldValue"]
		one, err := parseConditions(q.custom, &d)
		if err != nil {
			return nil, err
		}
		add(anyOf{"customFields", one})
	}
	return all, nil
}

// list answers a list of a resource.
func (c *call) list(rows []entity) (*answer, *apiError) {
	s, q := schemas[c.route.schema], parseQuery(c.r.URL.Query())
	forward := strings.EqualFold(c.r.Header.Get("pagination-type"), "forward-only") &&
		!c.route.numberedOnly && !slices.Contains(c.faults.NoForwardOnly, c.route.resource)
	if forward && q.orderBy != "" {
		return nil, refuse(http.StatusBadRequest, "InvalidObject", "orderBy cannot be used with forward-only pagination")
	}
	page, header, err := c.page(c.route.resource, c.route.function, s, rows, q, forward)
	if err != nil {
		return nil, err
	}
	e := c.encoder()
	if q.fields != "" {
		// Nothing but the fields asked for: neither nulls nor extras.
		e.nulls, e.extra = false, false
		for i, r := range page {
			page[i] = project(r, q.fields)
		}
	}
	a := &answer{status: http.StatusOK, header: jsonHeader(), body: e.list(s, page)}
	for name, values := range header {
		a.header[name] = values
	}
	return a, nil
}

// page filters, orders and cuts. Rows come ordered by id.
func (c *call) page(resource, function string, s *schema, rows []entity, q query, forward bool) ([]record, http.Header, *apiError) {
	filter, err := c.filter(resource, s, q)
	if err != nil {
		return nil, nil, err
	}
	size, err := c.number(q.pageSize, "pageSize", pageSize, 1)
	if err != nil {
		return nil, nil, err
	}
	if size > largestPage {
		if !c.faults.ClampPageSize {
			return nil, nil, outOfRange("pageSize", "The field pageSize must be between 1 and %d.", largestPage)
		}
		size = largestPage
	}
	var found []record
	last := 0
	if forward {
		// The page id is the id after which the page begins; page is ignored.
		after, err := c.number(q.pageID, "pageId", 0, 0)
		if err != nil {
			return nil, nil, err
		}
		more := false
		for _, o := range rows {
			if o.key() <= after || !c.visible(resource, function, o) {
				continue
			}
			r := o.render(c.view)
			if filter != nil && !filter.holds(r) {
				continue
			}
			if more = len(found) == size; more {
				break
			}
			found, last = append(found, r), o.key()
		}
		return found, http.Header{"Link": {c.forwardLink(more, last)}}, nil
	}
	number, err := c.number(q.page, "page", 1, 1)
	if err != nil {
		return nil, nil, err
	}
	seen, total := 0, 0
	for _, o := range rows {
		if !c.visible(resource, function, o) {
			continue
		}
		// Without a filter and an order only the rows of the page need to be
		// put together: lists of thousands are read page by page.
		seen++
		if filter == nil && q.orderBy == "" && (seen <= (number-1)*size || seen > number*size) {
			total++
			continue
		}
		if r := o.render(c.view); filter == nil || filter.holds(r) {
			found = append(found, r)
			total++
		}
	}
	if err := order(found, s, q.orderBy); err != nil {
		return nil, nil, err
	}
	header := http.Header{}
	if links := c.numberedLinks(number, max(1, (total+size-1)/size)); links != "" {
		header.Set("Link", links)
	}
	if len(found) == total { // nothing was left out above
		from := min(total, (number-1)*size)
		found = found[from:min(total, from+size)]
	}
	return found, header, nil
}

func outOfRange(name, format string, args ...any) *apiError {
	return invalid(name, "OutOfRange", name, format, args...)
}

func (c *call) number(text, name string, missing, lowest int) (int, *apiError) {
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || int(n) < lowest {
		return 0, outOfRange(name, "The field %s must be a number from %d on.", name, lowest)
	}
	return int(n), nil
}

// link writes a URL of another page.
func (c *call) link(name string, value int) string {
	q := c.r.URL.Query()
	for n := range q {
		if strings.EqualFold(n, "page") || strings.EqualFold(n, "pageId") {
			q.Del(n)
		}
	}
	q.Set(name, strconv.Itoa(value))
	mark := "?"
	if c.faults.MalformedLinks {
		mark = "&"
	}
	host := cmp.Or(c.faults.LinkHost, c.r.Host)
	return "<https://" + host + c.r.URL.Path + mark + q.Encode() + ">"
}

// forwardLink is empty on the last page, and there even then.
func (c *call) forwardLink(more bool, last int) string {
	if !more {
		return ""
	}
	return c.link("pageId", last) + `; rel="next"`
}

func (c *call) numberedLinks(number, pages int) string {
	var links []string
	add := func(rel string, page int) {
		links = append(links, fmt.Sprintf("%s; rel=%q", c.link("page", page), rel))
	}
	if number < pages {
		add("next", number+1)
		add("last", pages)
	}
	if number > 1 {
		add("first", 1)
		add("prev", number-1)
	}
	return strings.Join(links, ", ")
}

// count answers {"count": n}.
func (c *call) count(rows []entity) (*answer, *apiError) {
	q := parseQuery(c.r.URL.Query())
	filter, err := c.filter(c.route.resource, schemas[c.route.schema], q)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, o := range rows {
		if !c.allowed(c.route.function, o) || !c.faults.CountHidden && slices.Contains(c.faults.Hidden[c.route.resource], o.key()) {
			continue
		}
		if filter == nil || filter.holds(o.render(c.view)) {
			n++
		}
	}
	return &answer{status: http.StatusOK, header: jsonHeader(), body: fmt.Appendf(nil, `{"count":%d}`, n)}, nil
}

// one answers a single object.
func (c *call) one(o entity) (*answer, *apiError) {
	if o == nil || !c.visible(c.route.resource, c.route.function, o) {
		return nil, notFound(c.route.resource)
	}
	r, e := o.render(c.view), c.encoder()
	if fields := parseQuery(c.r.URL.Query()).fields; fields != "" {
		r, e.nulls, e.extra = project(r, fields), false, false
	}
	e.object(schemas[c.route.schema], r)
	return &answer{status: http.StatusOK, header: jsonHeader(), body: e.buf.Bytes()}, nil
}

// project keeps the fields asked for. An unknown one is passed over in
// silence.
func project(r record, fields string) record {
	out := record{}
	for name := range strings.SplitSeq(fields, ",") {
		path := strings.Split(strings.TrimSpace(name), "/")
		v := r.at(path)
		if v == nil {
			continue
		}
		into := out
		for _, step := range path[:len(path)-1] {
			inner, ok := into[step].(record)
			if !ok {
				inner = record{}
				into[step] = inner
			}
			into = inner
		}
		into[path[len(path)-1]] = v
	}
	return out
}

// order sorts by "name asc, company/name desc". Nulls come first, as in SQL
// Server.
func order(rows []record, s *schema, orderBy string) *apiError {
	if orderBy == "" {
		return nil
	}
	type key struct {
		path []string
		down bool
	}
	var keys []key
	for part := range strings.SplitSeq(orderBy, ",") {
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 || len(words) == 2 && !strings.EqualFold(words[1], "asc") && !strings.EqualFold(words[1], "desc") {
			return badCondition("orderBy %q is not valid.", orderBy)
		}
		p := &parser{dialect: &dialect{schema: s, alias: true}, tok: token{kind: tokWord, text: words[0]}}
		c := &comparison{}
		if !p.name(c) {
			return p.err
		}
		keys = append(keys, key{c.path, len(words) == 2 && strings.EqualFold(words[1], "desc")})
	}
	slices.SortStableFunc(rows, func(a, b record) int {
		for _, k := range keys {
			n := rank(a.at(k.path), b.at(k.path))
			if k.down {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	return nil
}

func rank(a, b any) int {
	if a == nil || b == nil {
		switch {
		case a == nil && b == nil:
			return 0
		case a == nil:
			return -1
		}
		return 1
	}
	switch a := a.(type) {
	case int:
		b, _ := b.(int)
		return cmp.Compare(a, b)
	case decimal.Decimal:
		b, _ := b.(decimal.Decimal)
		return a.Compare(b)
	case string:
		b, _ := b.(string)
		return cmp.Compare(fold(a), fold(b))
	case bool:
		b, _ := b.(bool)
		if a == b {
			return 0
		}
		if b {
			return -1
		}
		return 1
	case time.Time:
		b, _ := b.(time.Time)
		return a.Compare(b)
	}
	return 0
}
