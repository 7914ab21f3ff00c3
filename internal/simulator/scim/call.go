package scimsim

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A call is one request on its way through the server.
type call struct {
	*Server
	r       *http.Request
	body    []byte
	writes  bool        // it could change something
	writing string      // the group whose writes it counts among, by path; empty if it does not
	noted   []Violation // of this request

	accountID string   // from the path; empty if it names none
	account   *Account // whom the token opens; nil until the gates are passed
	parts     []string // of the path behind the base, unescaped; nil if there is no such base
	general   bool     // the path is under the discovery base
	hops      int      // redirects followed so far

	kind    *resourceType // of the path; nil for discovery
	now     time.Time
	changed bool
}

// find takes the path apart.
func (c *call) find() {
	escaped := c.r.URL.EscapedPath()
	if rest, ok := strings.CutPrefix(escaped, "/moved/"); ok {
		hops, rest, _ := strings.Cut(rest, "/")
		c.hops, _ = strconv.Atoi(hops)
		escaped = "/" + rest
	}
	got := strings.Split(escaped, "/")
	if !c.under(c.dialect.base(), got) && c.dialect.DiscoveryBase != "" {
		c.general = c.under(c.dialect.DiscoveryBase, got)
	}
	if len(c.parts) == 0 {
		return
	}
	switch c.parts[0] {
	case c.users.path:
		c.kind = c.users
	case c.groups.path:
		c.kind = c.groups
	}
}

// under reports whether the path begins with that base and notes the rest.
func (c *call) under(base string, got []string) bool {
	want := strings.Split(base, "/")
	if len(got) < len(want) {
		return false
	}
	account := ""
	for i, w := range want {
		switch {
		case w == "{account}":
			account, _ = url.PathUnescape(got[i])
		case w != got[i]:
			return false
		}
	}
	c.accountID, c.parts = account, []string{}
	for _, part := range got[len(want):] {
		plain, err := url.PathUnescape(part)
		if err != nil {
			plain = part
		}
		c.parts = append(c.parts, plain)
	}
	return true
}

// route is the pattern of the path, such as /Users/{id}; empty if it is under
// no base.
func (c *call) route() string {
	switch len(c.parts) {
	case 0:
		return ""
	case 1:
		return "/" + c.parts[0]
	}
	if c.parts[1] == ".search" {
		return "/" + c.parts[0] + "/.search"
	}
	return "/" + c.parts[0] + "/{id}"
}

// isUser reports whether the call is about users.
//
// It goes by the name: a hook may change the dialect, and with it the types,
// in the middle of a request.
func (c *call) isUser() bool { return c.kind != nil && c.kind.name == "User" }

// answer serves the call. The server is locked.
func (c *call) answer(f Fault) *answer {
	c.now = c.Server.now()
	var saved *Account
	a, err := c.gates(f)
	if a == nil && err == nil {
		if f.Kind == Lost || f.Kind == Ignores {
			saved = c.account.Clone()
		}
		a, err = c.serve()
	}
	if saved != nil {
		*c.account = *saved
		delete(c.indexes, c.account)
		c.changed = false
		if r := c.resource(); f.Kind == Ignores && err == nil && r != nil && len(a.body) > 0 {
			a.body = must(json.Marshal(c.render(r, c.kind, selection{})))
		}
	}
	if err == nil {
		err = after(f)
	}
	switch {
	case err != nil:
		a = c.refused(err)
	case f.Kind == HTMLPage:
		a = htmlAnswer(http.StatusOK)
	case f.Kind == EmptyAnswer:
		a = &answer{status: a.status, header: http.Header{}}
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	if a.status != http.StatusNoContent {
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if c.dialect.ETagNoise && a.status == http.StatusOK {
		sum := fnv.New64a()
		sum.Write(a.body)
		a.header.Set("ETag", fmt.Sprintf(`W/"%x-%x"`, len(a.body), sum.Sum64()))
	}
	return a
}

// gates are what a request meets before it is looked at: faults, redirects,
// limits, the token, media types. An answer or a refusal ends the call.
func (c *call) gates(f Fault) (*answer, *apiError) {
	if err := c.refusal(f); err != nil {
		return nil, err
	}
	if c.meter.Over(c.faults.RateLimit, cmp.Or(c.faults.RateWindow, time.Second), 1) {
		return nil, &apiError{status: http.StatusTooManyRequests, detail: "too many requests", header: c.pause(c.faults.RetryAfter, false)}
	}
	if c.dialect.Redirect != 0 && c.hops < max(c.dialect.RedirectHops, 1) {
		u := *c.r.URL
		u.Scheme, u.Host = "", ""
		if c.dialect.RedirectHost != "" {
			u.Scheme, u.Host = c.scheme(), c.dialect.RedirectHost
		}
		path := u.EscapedPath()
		if c.hops > 0 {
			path = "/" + strings.SplitN(path, "/", 4)[3]
		}
		path = fmt.Sprintf("/moved/%d%s", c.hops+1, path)
		u.RawPath = path
		u.Path, _ = url.PathUnescape(path)
		return &answer{status: c.dialect.Redirect, header: http.Header{"Location": {u.String()}}}, nil
	}
	if err := c.authenticate(); err != nil {
		return nil, err
	}
	if c.dialect.RefuseSCIMAccept && strings.HasPrefix(c.r.Header.Get("Accept"), "application/scim+json") {
		return nil, refuse(http.StatusNotAcceptable, "", "only application/json is offered")
	}
	if len(c.body) > 0 {
		kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" && kind != "application/scim+json" ||
			kind == "application/scim+json" && c.dialect.RefuseSCIMType {
			return nil, refuse(http.StatusUnsupportedMediaType, "", "the media type %q is not supported", c.r.Header.Get("Content-Type"))
		}
	}
	return nil, nil
}

func unauthorized(detail string) *apiError {
	return &apiError{status: http.StatusUnauthorized, detail: detail, header: http.Header{"Www-Authenticate": {"Bearer"}}}
}

// authenticate finds the account that the token opens.
func (c *call) authenticate() *apiError {
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return unauthorized("a bearer token is missing")
	}
	if c.parts == nil {
		return refuse(http.StatusNotFound, "", "there is nothing at this address")
	}
	var opens []*Account
	refusal := unauthorized("the token is not valid")
	for _, a := range c.world.Accounts {
		want := cmp.Or(a.Token, c.options.Token)
		if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(token)) == 1 {
			if !a.Expires.IsZero() && !c.now.Before(a.Expires) {
				refusal = unauthorized("the token has expired")
				continue
			}
			opens = append(opens, a)
		}
	}
	if len(opens) == 0 {
		return refusal
	}
	c.account = opens[0]
	if c.accountID != "" {
		i := slices.IndexFunc(opens, func(a *Account) bool { return a.ID == c.accountID })
		if i < 0 {
			if c.world.Account(c.accountID) != nil {
				return refuse(http.StatusForbidden, "", "the token belongs to another tenant")
			}
			return refuse(http.StatusNotFound, "", "there is no such tenant")
		}
		c.account = opens[i]
	}
	if c.account.Disabled {
		return refuse(cmp.Or(c.dialect.AddOnStatus, http.StatusForbidden), "", "SCIM is not enabled for this account")
	}
	return nil
}

// serve does what the request asks.
func (c *call) serve() (*answer, *apiError) {
	if c.kind == nil {
		return c.discover()
	}
	if c.general {
		return nil, refuse(http.StatusNotFound, "", "resources are found within a tenant only")
	}
	method := c.r.Method
	switch {
	case len(c.parts) == 2 && c.parts[1] == ".search" && method == http.MethodPost:
		if c.dialect.NoSearch {
			return nil, refuse(http.StatusNotImplemented, "", "search by POST is not supported")
		}
		return c.search()
	case len(c.parts) == 1 && method == http.MethodGet:
		return c.list(readQuery(c.r.URL.RawQuery))
	case len(c.parts) == 1 && method == http.MethodPost:
		return c.create()
	case len(c.parts) != 2:
		if len(c.parts) == 1 {
			return nil, refuse(http.StatusMethodNotAllowed, "", "%s is not possible here", method)
		}
		return nil, refuse(http.StatusNotFound, "", "there is nothing at this address")
	}
	off := 0
	switch method {
	case http.MethodGet:
		return c.show()
	case http.MethodPatch:
		if off = c.dialect.PatchUsers; !c.isUser() {
			off = c.dialect.PatchGroups
		}
	case http.MethodPut:
		if off = c.dialect.PutUsers; !c.isUser() {
			off = c.dialect.PutGroups
		}
	case http.MethodDelete:
		if !c.isUser() {
			off = c.dialect.DeleteGroups
		}
	default:
		off = http.StatusMethodNotAllowed
	}
	if off != 0 {
		return nil, refuse(off, "", "%s is not supported", method)
	}
	r := c.resource()
	if r == nil {
		status := cmp.Or(c.dialect.UnknownStatus, http.StatusNotFound)
		if method == http.MethodDelete {
			status = cmp.Or(c.dialect.SecondDelete, status)
		}
		return nil, refuse(status, "", "Resource %s not found", c.parts[1])
	}
	if err := c.precondition(r); err != nil {
		return nil, err
	}
	switch method {
	case http.MethodPatch:
		return c.patch(r)
	case http.MethodPut:
		return c.put(r)
	}
	return c.delete(r)
}

// resource is what the path names, as it truly is; nil if there is none.
func (c *call) resource() *Resource {
	if c.kind == nil || len(c.parts) != 2 {
		return nil
	}
	r := c.index().of(c.isUser())[c.parts[1]]
	if r == nil || r.Hidden {
		return nil
	}
	return r
}

func (c *call) precondition(r *Resource) *apiError {
	if c.dialect.Versions == VersionsNone {
		return nil
	}
	match := c.r.Header.Get("If-Match")
	switch {
	case match == "" && c.dialect.Versions == VersionsRequired:
		return refuse(http.StatusPreconditionRequired, "", "If-Match is required")
	case match != "" && match != "*" && match != r.version():
		return refuse(http.StatusPreconditionFailed, "", "the resource has changed meanwhile")
	}
	return nil
}

func (r *Resource) version() string { return fmt.Sprintf(`W/"%d"`, r.Info.Version) }

func (c *call) scheme() string {
	if c.r.TLS != nil || c.r.URL.Scheme == "https" {
		return "https"
	}
	return "http"
}

// location is the URL of a resource.
func (c *call) location(r *Resource, t *resourceType) string {
	base := strings.ReplaceAll(c.dialect.base(), "{account}", url.PathEscape(c.account.ID))
	path := base + "/" + t.path + "/" + url.PathEscape(r.ID)
	if c.dialect.RelativeURL {
		return path
	}
	return c.scheme() + "://" + c.r.Host + path
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
