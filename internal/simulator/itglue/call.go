package itgluesim

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

const mediaType = "application/vnd.api+json"

// A call is one request on its way through the server.
type call struct {
	*Server
	r    *http.Request
	body []byte

	path     string
	pattern  string   // of the route; empty if there is none
	route    *route   // nil if there is none for this method
	segments []string // what stands for {id} in the pattern

	now     time.Time
	pending []*Field // of this batch, validated and not yet stored
	bare    bool     // answers show no traits
	changed bool
}

// answer serves the call. The server is locked.
func (c *call) answer(f Fault) *answer {
	c.now = c.Server.now()
	c.deleteMarked()
	var saved *World
	if f.Kind == Echoed {
		saved = c.world.Clone()
	}
	if c.index == nil {
		c.index = newIndex(c.world)
	}
	a, err := c.serve(f)
	if saved != nil {
		c.world, c.index, c.changed = saved, nil, false
	}
	if err == nil {
		err = after(f)
	}
	if err != nil {
		a = err.answer(&c.faults)
	}
	switch {
	case err != nil:
	case f.Kind == HTMLPage:
		a = &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"text/html"}}, body: serving.HTMLPage(http.StatusOK)}
	case f.Kind == EmptyList:
		a = &answer{status: http.StatusOK, header: http.Header{"Content-Type": {mediaType}},
			body: []byte(`{"data":[],"meta":{"current-page":1,"next-page":null,"prev-page":null,"total-pages":0,"total-count":0,"filters":{}},"links":{}}`)}
	case f.Kind == EmptyAnswer:
		a = &answer{status: http.StatusOK, header: http.Header{}}
	}
	if a.status != http.StatusNoContent {
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	return a
}

// deleteMarked ends organizations that a mass deletion marked a while ago: the
// vendor does that in the background.
func (c *call) deleteMarked() {
	for _, o := range where(c.world.Organizations, func(o *Organization) bool {
		return !o.Deleting.IsZero() && c.now.Sub(o.Deleting) >= time.Minute
	}) {
		c.remove(o)
	}
	c.changed = false // not by this request
}

var scriptPattern = regexp.MustCompile(`(?i)<script|javascript:|\bon(click|error|load)\s*=`)

// serve goes through the gates in the order a client meets them: the edge,
// the key, the limit, the route, the type of the body.
func (c *call) serve(f Fault) (*answer, *apiError) {
	if err := refusal(f, c.faults.RetryAfter); err != nil {
		return nil, err
	}
	if len(c.body) > cmp.Or(c.faults.BodyLimit, 10<<20) {
		return nil, &apiError{status: http.StatusRequestEntityTooLarge, html: true}
	}
	key := c.r.Header.Get("x-api-key")
	if key == "" || c.options.Key != "" && subtle.ConstantTimeCompare([]byte(key), []byte(c.options.Key)) != 1 {
		return nil, forbidden()
	}
	if c.meter.Over(c.faults.RateLimit, cmp.Or(c.faults.RateWindow, VendorWindow), 1) {
		return nil, throttled(c.faults.RetryAfter)
	}
	if c.faults.RejectScripts && scriptPattern.Match(c.plainBody()) {
		return nil, forbidden()
	}
	if c.route == nil {
		return nil, refuse(http.StatusNotFound, "", "The requested path could not be found")
	}
	if c.r.Method != http.MethodGet && len(c.body) > 0 {
		kind, _, _ := strings.Cut(strings.ToLower(c.r.Header.Get("Content-Type")), ";")
		if strings.TrimSpace(kind) != mediaType {
			return nil, refuse(http.StatusUnsupportedMediaType, "", "Content-Type must be %s", mediaType)
		}
	}
	if len(c.segments) > 0 && strings.HasPrefix(c.pattern, "/organizations/{id}/") {
		if o := c.index.organizations[c.id(0)]; o == nil || !c.accessible(o.ID) {
			if c.faults.NestedUnknown401 || o != nil {
				return nil, inaccessible()
			}
			return nil, notFound()
		}
	}
	return c.route.serve(c)
}

// plainBody is the body with the escapes of JSON for < and > undone, as the
// edge reads it.
func (c *call) plainBody() []byte {
	b := bytes.ReplaceAll(c.body, []byte(`\u003c`), []byte("<"))
	return bytes.ReplaceAll(b, []byte(`\u003e`), []byte(">"))
}

// accessible reports whether the key may see an organization or type.
func (c *call) accessible(id int64) bool { return !slices.Contains(c.faults.Inaccessible, id) }

// id returns the n-th number in the path. One too large for an id is 0, which
// no object has.
func (c *call) id(n int) int64 {
	id, err := strconv.ParseInt(c.segments[n], 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// last is the last number in the path.
func (c *call) last() int64 { return c.id(len(c.segments) - 1) }

// attributes are the members of an object, by their names in answers.
type attributes map[string]any

// text is null where there is nothing.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// ref is null where there is none: ids in attributes are numbers.
func ref(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func (c *call) moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	if c.faults.WholeSeconds {
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// object renders one object without what is included.
func (c *call) object(o entity, list bool) map[string]any {
	a := o.render(c, list)
	a["created-at"], a["updated-at"] = c.moment(o.info().CreatedAt), c.moment(o.info().UpdatedAt)
	if id := o.organization(); id != 0 {
		a["organization-id"], a["organization-name"] = id, c.organizationName(id)
	}
	if c.faults.ExtraMembers {
		a["insight-score"] = 0.5
	}
	out := map[string]any{"id": strconv.FormatInt(*o.key(), 10), "type": o.kind(), "attributes": a}
	if !c.faults.NoRelationships {
		out["relationships"] = map[string]any{}
	}
	return out
}

func (c *call) organizationName(id int64) any {
	if o := c.index.organizations[id]; o != nil {
		return o.Name
	}
	return nil
}

// url is a page of the product.
func (c *call) url(organization int64, parts ...string) string {
	return "https://" + c.options.Subdomain + ".itglue.com/" + strconv.FormatInt(organization, 10) + "/" + strings.Join(parts, "/")
}

func (c *call) json(status int, v any) *answer {
	return &answer{
		status: status, header: http.Header{"Content-Type": {mediaType + "; charset=utf-8"}}, body: must(json.Marshal(v)),
	}
}

// single answers one object, with what its query asks to include.
func (c *call) single(status int, res *resource, o entity) (*answer, *apiError) {
	includes, err := c.includes(append(slices.Clone(res.includes), res.shows...))
	if err != nil {
		return nil, err
	}
	doc := c.object(o, false)
	in := newInclusion(c)
	if len(includes) > 0 {
		in.add(doc, o, includes, false)
	}
	out := map[string]any{"data": doc}
	if len(includes) > 0 {
		if c.faults.IncludedInside {
			doc["included"] = in.docs
		} else {
			out["included"] = in.docs
		}
	}
	return c.json(status, out), nil
}

// show answers the GET of one object.
func (c *call) show(res *resource, o entity) (*answer, *apiError) {
	if o == nil || !c.inOrganization(o) {
		switch c.faults.Deleted {
		case DeletedNull:
			return c.json(http.StatusOK, map[string]any{"data": nil}), nil
		case DeletedEmpty:
			return &answer{status: http.StatusOK, header: http.Header{}}, nil
		}
		return nil, notFound()
	}
	if id := o.organization(); id != 0 && !c.accessible(id) || !c.accessible(*o.key()) {
		return nil, inaccessible()
	}
	return c.single(http.StatusOK, res, o)
}

// inOrganization reports whether an object belongs to the organization in the path, if
// there is one.
func (c *call) inOrganization(o entity) bool {
	if !strings.HasPrefix(c.pattern, "/organizations/{id}/") {
		return true
	}
	return o.organization() == c.id(0)
}

// stamp notes that the API wrote an object.
func (c *call) stamp(o entity) {
	i := o.info()
	if i.CreatedAt.IsZero() {
		i.CreatedAt, i.CreatedBy = c.now, c.options.Writer
	}
	i.UpdatedAt, i.UpdatedBy = c.now, c.options.Writer
	c.changed = true
}

func (c *call) next() int64 {
	c.lastID++
	return c.lastID
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
