package scimsim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A query is what a list is asked for.
type query struct {
	filter     string
	hasFilter  bool
	start      int // 1 without startIndex
	hasStart   bool
	count      int // -1 without count
	cursor     string
	hasCursor  bool
	sortBy     string
	descending bool
	selection
	bad string // a number that is none
}

// readQuery reads the parameters of a URL. Their names count in any case.
func readQuery(raw string) query {
	q := query{start: 1, count: -1}
	values, _ := url.ParseQuery(raw)
	for name, v := range values {
		q.set(name, v[0])
	}
	return q
}

func (q *query) set(name, v string) {
	number := func(fallback int) int {
		n, err := strconv.Atoi(v)
		if err != nil {
			q.bad = name
			return fallback
		}
		return n
	}
	switch strings.ToLower(name) {
	case "filter":
		q.filter, q.hasFilter = v, true
	case "startindex":
		// RFC 7644, section 3.4.2.4: a value less than 1 is taken as 1.
		q.start, q.hasStart = max(number(1), 1), true
	case "count":
		q.count = max(number(-1), 0)
	case "cursor":
		q.cursor, q.hasCursor = v, true
	case "sortby":
		q.sortBy = v
	case "sortorder":
		q.descending = strings.EqualFold(v, "descending")
	case "attributes":
		q.only = names(v)
	case "excludedattributes":
		q.without = names(v)
	}
}

func names(list string) []string {
	var all []string
	for n := range strings.SplitSeq(list, ",") {
		if n = strings.TrimSpace(n); n != "" {
			all = append(all, n)
		}
	}
	return all
}

// search answers POST /.search, which holds the query in its body.
func (c *call) search() (*answer, *apiError) {
	doc, err := c.object()
	if err != nil {
		return nil, err
	}
	schemas, err := schemasOf(doc)
	if err != nil {
		return nil, err
	}
	if !hasFold(schemas, searchURN) {
		return nil, badRequest("invalidSyntax", "schemas does not hold %s", searchURN)
	}
	q := query{start: 1, count: -1}
	for name, v := range doc {
		if list, ok := v.([]any); ok {
			var all []string
			for _, e := range list {
				all = append(all, plain(e))
			}
			q.set(name, strings.Join(all, ","))
		} else if !strings.EqualFold(name, "schemas") {
			q.set(name, plain(v))
		}
	}
	return c.list(q)
}

// list answers GET of a collection.
func (c *call) list(q query) (*answer, *apiError) {
	if q.bad != "" {
		return nil, badRequest("invalidValue", "%s is not a number", q.bad)
	}
	rows, err := c.rows(q)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && q.hasFilter && c.dialect.NoneIs404 {
		return nil, refuse(http.StatusNotFound, "", "nothing matches the filter")
	}
	return c.page(q, rows)
}

// allResources are the resources that reads show, in order of creation.
func (c *call) allResources() []*Resource {
	list := c.account.Groups
	if c.isUser() {
		list = c.account.Users
	}
	if c.dialect.Lag == 0 && c.dialect.Delete != DeleteHidden {
		return list
	}
	var all []*Resource
	for _, r := range list {
		if r = c.visible(r); r != nil && !r.Hidden {
			all = append(all, r)
		}
	}
	for _, g := range c.stale[c.account] {
		if r := c.visible(g.r); r != nil && g.user == c.isUser() {
			all = append(all, r)
		}
	}
	return all
}

// rows are the resources that pass the filter.
func (c *call) rows(q query) ([]*Resource, *apiError) {
	d := &c.dialect
	rows := c.allResources()
	if !q.hasFilter || d.Filtering == FilterIgnored {
		return rows, nil
	}
	switch d.Filtering {
	case FilterRefused:
		return nil, badRequest("invalidFilter", "filters are not supported")
	case FilterForbidden:
		return nil, refuse(http.StatusForbidden, "", "filters are not allowed")
	case FilterMissing:
		return nil, refuse(http.StatusNotImplemented, "", "filters are not implemented")
	}
	text := q.filter
	if d.LosesPlus {
		text = strings.ReplaceAll(text, "+", " ")
	}
	f, err := parseFilter(text, c.kind.resolve, d.grammar())
	if err != nil {
		if d.UnknownOpIsAll && strings.Contains(err.detail, "operator") {
			return rows, nil
		}
		return nil, err
	}
	if err := c.permit(f, rows); err != nil {
		return nil, err
	}
	if f.op == "and" && d.AndFindsNothing {
		return nil, nil
	}
	if found, ok := c.lookup(f); ok {
		rows = found
	}
	var s cases
	if d.ExactUserName {
		s.exact = "userName"
	}
	if d.FoldExternalID {
		s.fold = "externalId"
	}
	var out []*Resource
	for _, r := range rows {
		if f.match(c.searchable(r), s) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (d *Dialect) grammar() grammar {
	return grammar{
		ops: d.FilterOps, noLogic: d.NoLogic, noValuePaths: d.NoValuePaths, entraPaths: d.EntraPaths,
		unquoted: d.Unquoted, refuseEscapes: d.RefuseEscapes,
	}
}

// permit refuses a filter over attributes that the provider does not filter by.
func (c *call) permit(f *filter, rows []*Resource) *apiError {
	d := &c.dialect
	var err *apiError
	f.leaves(func(leaf *filter) {
		p := leaf.path
		switch name := p.String(); {
		case err != nil:
		case d.FilterPaths != nil && !hasFold(d.FilterPaths, name):
			err = badRequest("invalidFilter", "%s cannot be filtered by", name)
		case p.wrongCase && d.WrongCasePaths == WrongCaseRefused:
			err = badRequest("invalidFilter", "there is no attribute %q", p.text)
		case d.NeedsAttribute && f.op != "[]" && slices.ContainsFunc(rows, func(r *Resource) bool { return len(p.values(c.searchable(r))) == 0 }):
			err = badRequest("invalidFilter", "a resource has no %s", name)
		}
	})
	return err
}

// lookup finds the candidates for the usual filters in the index, so that
// thousands of look-ups do not read thousands of users each.
func (c *call) lookup(f *filter) ([]*Resource, bool) {
	if f.op != "eq" || c.dialect.Lag > 0 || c.dialect.Delete == DeleteHidden || f.path.schema != nil {
		return nil, false
	}
	value, ok := f.value.(string)
	name := f.path.attr.name
	switch {
	case !ok || value == "" || f.path.sub != nil && (name != "emails" || f.path.sub.name != "value"):
		return nil, false
	case name == "emails" && c.dialect.MailFindsNone:
		return nil, true
	case name == "id":
		if r := c.index().of(c.isUser())[value]; r != nil {
			return []*Resource{r}, true
		}
		return nil, true
	case name == "externalId", c.isUser() && (name == "userName" || name == "emails"), !c.isUser() && name == "displayName":
		return c.index().keys[key(c.isUser(), name, value)], true
	}
	return nil, false
}

// searchable is a resource as filters see it. It is not to be changed.
func (c *call) searchable(r *Resource) map[string]any {
	doc := maps.Clone(r.Attributes)
	if c.dialect.MailFindsNone {
		delete(doc, "emails")
	}
	doc["id"] = r.ID
	doc["meta"] = map[string]any{"created": moment(r.Info.CreatedAt), "lastModified": moment(r.Info.UpdatedAt)}
	if !c.isUser() {
		members := make([]any, len(r.Members))
		for i, id := range r.Members {
			members[i] = map[string]any{"value": id, "type": "User"}
		}
		doc["members"] = members
	}
	return doc
}

// page cuts a page out of the rows and answers it.
func (c *call) page(q query, rows []*Resource) (*answer, *apiError) {
	d := &c.dialect
	if q.sortBy != "" {
		p, ok := c.kind.resolve(q.sortBy)
		if !ok {
			return nil, badRequest("invalidPath", "there is no attribute %q", q.sortBy)
		}
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b *Resource) int {
			x, y := fmt.Sprint(p.values(c.searchable(a))), fmt.Sprint(p.values(c.searchable(b)))
			if q.descending {
				x, y = y, x
			}
			return strings.Compare(strings.ToLower(x), strings.ToLower(y))
		})
	}
	size := q.count
	if size < 0 || d.IgnoreCount {
		size = cmp.Or(d.DefaultPage, 100)
	}
	largest := cmp.Or(d.LargestPage, 1000)
	if size > largest {
		if d.RefuseLarge {
			return nil, badRequest("invalidValue", "count may be %d at most", largest)
		}
		size = largest
	}
	cursors := d.Paging == PagingCursor || d.Paging == PagingCursorUnasked || d.Paging == PagingBoth && q.hasCursor
	from := q.start - 1
	switch {
	case cursors:
		var err *apiError
		if from, err = c.resume(q); err != nil {
			return nil, err
		}
	case d.Paging == PagingSticks, d.Paging == PagingWraps && from >= len(rows):
		from = 0
	}
	c.checkPage(q, max(len(rows), len(rows)+d.TotalOff))
	from = min(from, len(rows))
	to := min(from+size, len(rows))
	resources := make([]any, 0, to-from)
	for _, r := range rows[from:to] {
		resources = append(resources, c.render(r, c.kind, q.selection))
	}
	total := len(rows) + d.TotalOff
	if d.TotalIsPage {
		total = len(resources)
	}
	body := map[string]any{"schemas": []string{listURN}, "totalResults": c.number(total), "itemsPerPage": c.number(len(resources))}
	if d.PageSizeEchoed {
		body["itemsPerPage"] = c.number(size)
	}
	if !cursors || d.Paging == PagingCursorUnasked {
		body["startIndex"] = c.number(from + 1)
	}
	if cursors && to < len(rows) && size > 0 {
		body["nextCursor"] = cursorAt(to, q.filter)
	}
	switch {
	case len(resources) > 0 || d.Empty == EmptyArray:
		body["Resources"] = resources
	case d.Empty == EmptyNull:
		body["Resources"] = nil
	}
	return c.json(http.StatusOK, body), nil
}

func (c *call) number(n int) any {
	if c.dialect.TextNumbers {
		return strconv.Itoa(n)
	}
	return n
}

// cursorAt names a place in a list: position, moment and filter.
func cursorAt(at int, filter string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %s", at, time.Now().UnixMilli(), filter))
}

// resume finds the place that a cursor names.
func (c *call) resume(q query) (int, *apiError) {
	if !q.hasCursor || q.cursor == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(q.cursor)
	parts := strings.SplitN(string(b), " ", 3)
	if err != nil || len(parts) != 3 || parts[2] != q.filter {
		return 0, badRequest("invalidCursor", "the cursor does not belong to this list")
	}
	at, err1 := strconv.Atoi(parts[0])
	ms, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err1 != nil || err2 != nil || at < 0 {
		return 0, badRequest("invalidCursor", "the cursor cannot be read")
	}
	if life := c.dialect.CursorLife; life > 0 && time.Since(time.UnixMilli(ms)) > life {
		return 0, badRequest("expiredCursor", "the cursor has expired")
	}
	return at, nil
}

// A selection is which attributes are shown.
type selection struct {
	only, without []string
}

// drops reports whether an attribute need not be rendered at all.
func (s selection) drops(name string) bool {
	if hasFold(s.without, name) {
		return true
	}
	return len(s.only) > 0 && !slices.ContainsFunc(s.only, func(o string) bool {
		return strings.EqualFold(firstName(o), name) || strings.HasSuffix(strings.ToLower(o), ":"+strings.ToLower(name))
	})
}

// apply takes out of a document what was not asked for. id and schemas stay.
func (s selection) apply(doc map[string]any, t *resourceType) {
	if len(s.only) > 0 {
		kept := map[string]any{"id": doc["id"], "schemas": doc["schemas"]}
		for _, text := range s.only {
			p, ok := t.resolve(text)
			if !ok {
				continue
			}
			if p.attr == nil {
				kept[p.schema.urn] = doc[p.schema.urn]
				continue
			}
			from, to := p.holder(doc), kept
			if p.schema != nil {
				if from == nil {
					continue
				}
				to, ok = kept[p.schema.urn].(map[string]any)
				if !ok {
					to = map[string]any{}
					kept[p.schema.urn] = to
				}
			}
			pick(from, to, p)
		}
		clear(doc)
		maps.Copy(doc, kept)
		maps.DeleteFunc(doc, func(_ string, v any) bool { return v == nil })
	}
	for _, text := range s.without {
		p, ok := t.resolve(text)
		switch {
		case !ok || p.attr == idAttribute || p.attr == schemasAttribute:
		case p.attr == nil:
			delete(doc, p.schema.urn)
		case p.sub == nil:
			delete(p.holder(doc), p.attr.name)
		default:
			for _, v := range elements(p.holder(doc)[p.attr.name]) {
				if m, ok := v.(map[string]any); ok {
					delete(m, p.sub.name)
				}
			}
		}
	}
}

// pick copies what a path names from one map to another.
func pick(from, to map[string]any, p *path) {
	v := from[p.attr.name]
	if p.sub == nil || v == nil {
		if v != nil {
			to[p.attr.name] = v
		}
		return
	}
	if m, ok := v.(map[string]any); ok {
		part, ok := to[p.attr.name].(map[string]any)
		if !ok {
			part = map[string]any{}
			to[p.attr.name] = part
		}
		if m[p.sub.name] != nil {
			part[p.sub.name] = m[p.sub.name]
		}
		return
	}
	var list []any
	for _, e := range elements(v) {
		if m, ok := e.(map[string]any); ok {
			list = append(list, map[string]any{p.sub.name: m[p.sub.name]})
		}
	}
	to[p.attr.name] = list
}
