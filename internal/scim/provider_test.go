package scim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/rest"
	"syncd/internal/secret"
)

// A provider is a plain SCIM server without a socket that can be told to answer
// oddly. It stores what it is sent as it is sent.
type provider struct {
	mu           sync.Mutex
	users        []document
	groups       []document
	next         int
	requestLines []string // METHOD path?query
	bodies       []string // of writes
	writes       int
	// answerInstead answers a request instead of the provider where it returns true.
	answerInstead func(r *http.Request, body []byte) (*http.Response, bool)
	// changeAnswer changes what the provider is about to answer.
	changeAnswer func(r *http.Request, resp *http.Response) *http.Response

	mostOnPage    int
	lieTotal      bool // totalResults is the size of the page
	ignoreStart   bool
	ignoreFilter  bool
	exactFilter   bool
	removeIgnored bool // filtered removals do nothing
	removeEmpties bool // any removal of members takes everybody
	noPatch       bool
	showAtMost    int // members
	uniqueAnyCase bool
	titleOps      bool // Add, Replace, Remove
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/v2")
	for _, account := range []string{"/x", "/y"} {
		path = strings.TrimPrefix(path, account)
	}
	p.requestLines = append(p.requestLines, r.Method+" "+path+map[bool]string{true: "?" + r.URL.RawQuery}[r.URL.RawQuery != ""])
	if r.Method != http.MethodGet {
		p.writes++
		p.bodies = append(p.bodies, string(body))
	}
	if p.answerInstead != nil {
		if resp, done := p.answerInstead(r, body); done {
			if resp == nil {
				return nil, io.ErrUnexpectedEOF
			}
			return resp, nil
		}
	}
	resp := p.serve(r, path, body)
	if p.changeAnswer != nil {
		if resp = p.changeAnswer(r, resp); resp == nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return resp, nil
}

func answer(status int, v any) *http.Response {
	var b []byte
	if v != nil {
		b, _ = json.Marshal(v)
	}
	return said(status, mediaSCIM, string(b))
}

func said(status int, media, text string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}},
		Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}
}

func scimError(status int, scimType, detail string) *http.Response {
	return answer(status, document{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": strconv.Itoa(status),
		"scimType": scimType, "detail": detail})
}

func (p *provider) serve(r *http.Request, path string, body []byte) *http.Response {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var all *[]document
	switch parts[0] {
	case "Users":
		all = &p.users
	case "Groups":
		all = &p.groups
	default:
		return scimError(404, "", "no such resource")
	}
	if len(parts) == 1 {
		if r.Method == http.MethodPost {
			return p.create(all, parts[0], body)
		}
		return p.list(*all, r.URL.Query())
	}
	id, _ := url.PathUnescape(parts[1])
	i := slices.IndexFunc(*all, func(d document) bool { return d["id"] == id })
	if i < 0 {
		return scimError(404, "", "not found")
	}
	d := (*all)[i]
	switch r.Method {
	case http.MethodGet:
		return answer(200, p.shown(d))
	case http.MethodDelete:
		*all = slices.Delete(*all, i, i+1)
		return answer(204, nil)
	case http.MethodPut:
		var in document
		_ = json.Unmarshal(body, &in)
		in["id"] = id
		(*all)[i] = in
		return answer(200, p.shown(in))
	}
	if p.noPatch {
		return scimError(405, "", "no PATCH here")
	}
	if status, text := p.patch(d, body); status != 0 {
		return scimError(status, "invalidPath", text)
	}
	return answer(200, p.shown(d))
}

func (p *provider) shown(d document) document {
	if list := d.list("members"); p.showAtMost > 0 && len(list) > p.showAtMost {
		c := document{}
		for k, v := range d {
			c[k] = v
		}
		c["members"] = list[:p.showAtMost]
		return c
	}
	return d
}

func (p *provider) create(all *[]document, what string, body []byte) *http.Response {
	var in document
	if err := json.Unmarshal(body, &in); err != nil {
		return scimError(400, "invalidSyntax", err.Error())
	}
	for _, d := range *all {
		for _, name := range []string{"userName"} {
			same := d.text(name) == in.text(name) || p.uniqueAnyCase && strings.EqualFold(d.text(name), in.text(name))
			if in.text(name) != "" && same {
				return scimError(409, "uniqueness", name+" is in use")
			}
		}
	}
	p.next++
	in["id"] = fmt.Sprintf("%s-%d", strings.ToLower(what[:1]), p.next)
	*all = append(*all, in)
	resp := answer(201, in)
	resp.Header.Set("Location", "https://scim.example/v2/"+what+"/"+in.text("id"))
	return resp
}

var oneEqual = regexp.MustCompile(`^([A-Za-z.]+) eq (.*)$`)

func (p *provider) list(all []document, q url.Values) *http.Response {
	hits := all
	if f := q.Get("filter"); f != "" && !p.ignoreFilter {
		m := oneEqual.FindStringSubmatch(f)
		var want string
		if m == nil || json.Unmarshal([]byte(m[2]), &want) != nil {
			return scimError(400, "invalidFilter", f)
		}
		hits = nil
		for _, d := range all {
			got := d.text(m[1])
			if m[1] == "emails.value" {
				for _, e := range d.list("emails") {
					got = asDocument(e).text("value")
				}
			}
			if got == want || !p.exactFilter && strings.EqualFold(got, want) {
				hits = append(hits, d)
			}
		}
	}
	start, _ := strconv.Atoi(q.Get("startIndex"))
	count, err := strconv.Atoi(q.Get("count"))
	if err != nil {
		count = 100
	}
	if p.mostOnPage > 0 {
		count = min(count, p.mostOnPage)
	}
	start = max(start, 1)
	if p.ignoreStart {
		start = 1
	}
	page := []any{}
	for i := start - 1; i < len(hits) && len(page) < count; i++ {
		page = append(page, p.shown(hits[i]))
	}
	total := len(hits)
	if p.lieTotal {
		total = len(page)
	}
	return answer(200, document{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"}, "totalResults": total,
		"startIndex": start, "itemsPerPage": len(page), "Resources": page})
}

var memberPath = regexp.MustCompile(`^members\[value eq "(.*)"\]$`)
var workPath = regexp.MustCompile(`^([a-zA-Z]+)\[type eq "work"\]\.([a-zA-Z]+)$`)

func (p *provider) patch(d document, body []byte) (int, string) {
	var in struct {
		Schemas    []string
		Operations []struct {
			Op, Path string
			Value    any
		}
	}
	if err := json.Unmarshal(body, &in); err != nil || !slices.Equal(in.Schemas, []string{schemaPatch}) {
		return 400, "no PatchOp"
	}
	for _, op := range in.Operations {
		if p.titleOps && slices.Contains([]string{"Add", "Replace", "Remove"}, op.Op) {
			op.Op = strings.ToLower(op.Op)
		}
		if op.Path == "" || strings.ContainsAny(op.Op, "ARaddreplcmov") && op.Op != strings.ToLower(op.Op) {
			return 400, "path or op: " + op.Op
		}
		if m := memberPath.FindStringSubmatch(op.Path); m != nil {
			if p.removeIgnored {
				continue
			}
			list := slices.DeleteFunc(slices.Clone(d.list("members")),
				func(v any) bool { return asDocument(v).text("value") == m[1] || p.removeEmpties })
			d["members"] = list
			continue
		}
		if op.Path == "members" {
			values, ok := op.Value.([]any)
			switch {
			case op.Op == "remove":
				d["members"] = []any{} // what the RFC says: all of them
			case !ok:
				return 400, "members must be a list"
			default:
				list := slices.Clone(d.list("members"))
				for _, v := range values {
					id := asDocument(v).text("value")
					if !slices.ContainsFunc(p.users, func(u document) bool { return u["id"] == id }) {
						return 400, "no such member " + id
					}
					list = append(list, document{"value": id})
				}
				d["members"] = list
			}
			// The decoder makes maps; keep one type.
			b, _ := json.Marshal(d["members"])
			var again []any
			_ = json.Unmarshal(b, &again)
			d["members"] = again
			continue
		}
		path := mustPath(op.Path)
		if m := workPath.FindStringSubmatch(op.Path); m != nil && op.Op == "replace" {
			if _, found := read(d, &path); !found {
				return 400, "noTarget"
			}
		}
		if op.Op == "remove" {
			setPath(d, path, nil)
			continue
		}
		if list, ok := op.Value.([]any); ok && op.Op == "add" {
			d[op.Path] = append(slices.Clone(d.list(op.Path)), list...)
			continue
		}
		setPath(d, path, op.Value)
	}
	return 0, ""
}

func (p *provider) user(match string) document {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.users {
		if strings.EqualFold(d.text("userName"), match) || d["id"] == match {
			return d
		}
	}
	return nil
}

func (p *provider) membersOf(name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.groups {
		if d.text("displayName") == name {
			return readGroup(d).members
		}
	}
	return nil
}

// forget starts counting anew.
func (p *provider) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requestLines, p.bodies, p.writes = nil, nil, 0
}

func (p *provider) requests(prefix string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, a := range p.requestLines {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

func config(edit ...func(*Config)) Config {
	c := Defaults()
	c.Name, c.URL, c.Token = "app", "https://scim.example/v2", secret.New("secret-token-of-the-test")
	c.Rate = rest.Rate{PerSecond: 10000, Burst: 1000, Concurrency: 4}
	for _, e := range edit {
		e(&c)
	}
	return c
}

func client(t *testing.T, p http.RoundTripper, edit ...func(*Config)) *Client {
	t.Helper()
	c, err := New(config(edit...), Options{Log: zerolog.Nop(), Transport: p, Now: func() time.Time { return time.Now() }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func connectionTo(t *testing.T, p http.RoundTripper, edit ...func(*Config)) *connection {
	t.Helper()
	a, err := client(t, p, edit...).connect("x")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func compact(s string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(s)) != nil {
		return s
	}
	return b.String()
}
