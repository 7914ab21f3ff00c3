package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Request is one call of a system, which may take several attempts.
type Request struct {
	Method string // empty means GET
	// Path is below the client's base URL, escaped; see Path, the function.
	Path  string
	Query url.Values
	// Header overrides what the client sets by itself (Accept, Content-Type,
	// User-Agent). Credentials belong into Options.Sign.
	Header http.Header
	// Body is sent as JSON; a []byte or json.RawMessage as it is, and
	// url.Values as a form. nil sends none. It is encoded once, before the
	// first attempt.
	Body any
	// Read marks a POST that changes nothing: it is repeated like a GET.
	Read bool
	// Once forbids to repeat the request after it may have left. A POST that
	// is no Read is never repeated then, with or without it.
	Once bool
	// Gate is asked right before each attempt, after all waiting: its error keeps the
	// request from being sent, and comes out of Do. nil lets everything through.
	Gate func(ctx context.Context) error
	// Timeout of one attempt, from sending to the end of the answer; 0 means
	// the client's.
	Timeout time.Duration
}

// Get is a GET of Path(format, args...).
func Get(format string, args ...any) Request {
	return Request{Method: http.MethodGet, Path: Path(format, args...)}
}

// Path fills the arguments into a path, each escaped so that it stays within
// its segment whatever it holds. An empty argument makes a path that Do refuses.
func Path(format string, args ...any) string {
	escaped := make([]any, len(args))
	for i, arg := range args {
		escaped[i] = segment{arg}
	}
	return fmt.Sprintf(format, escaped...)
}

type segment struct{ value any }

func (s segment) Format(f fmt.State, verb rune) {
	fmt.Fprint(f, url.PathEscape(fmt.Sprintf(fmt.FormatString(f, verb), s.value)))
}

// A call is a request that was checked against the allow-list and encoded.
type call struct {
	method  string
	path    string // for people: escaped, no query
	pattern string // of the route, for the log: no ids
	url     *url.URL
	header  http.Header
	body    []byte
	hasBody bool
	timeout time.Duration
	gate    func(context.Context) error
	write   bool // may change something
	once    bool // not repeated after it may have left
}

// prepare checks and encodes a request. Its errors come before any token is spent.
func (c *Client) prepare(q Request) (*call, error) {
	k := &call{method: q.Method, timeout: q.Timeout, gate: q.Gate}
	if k.method == "" {
		k.method = http.MethodGet
	}
	if k.timeout <= 0 {
		k.timeout = c.timeout
	}
	k.write = isWrite(k.method) && !(q.Read && k.method == http.MethodPost)
	k.once = q.Once || k.write && k.method == http.MethodPost

	segments, err := split(q.Path)
	if err != nil {
		// The path itself may be an address with credentials in it.
		return nil, &Error{System: c.system, Method: k.method, Message: err.Error(), Err: ErrForbidden}
	}
	k.path = "/" + strings.TrimPrefix(q.Path, "/")
	for i := range c.allow {
		if c.allow[i].matches(k.method, segments) {
			k.pattern = c.allow[i].Path
		}
	}
	if k.pattern == "" {
		return nil, &Error{System: c.system, Method: k.method, Path: k.path, Message: ErrForbidden.Error(), Err: ErrForbidden}
	}
	// Put together by hand: URL.JoinPath would clean the path.
	k.url = &url.URL{Scheme: c.base.Scheme, Host: c.base.Host, RawQuery: q.Query.Encode()}
	escaped := strings.TrimRight(c.base.EscapedPath(), "/")
	if len(segments) > 0 {
		escaped += k.path
	}
	if k.url.Path, err = url.PathUnescape(escaped); err != nil {
		return nil, fmt.Errorf("%s: %s %s: %w", c.system, k.method, k.path, err)
	}
	k.url.RawPath = escaped

	contentType := ""
	switch body := q.Body.(type) {
	case nil:
	case []byte:
		k.body, k.hasBody, contentType = body, true, "application/json"
	case json.RawMessage:
		k.body, k.hasBody, contentType = body, true, "application/json"
	case url.Values:
		k.body, k.hasBody, contentType = []byte(body.Encode()), true, "application/x-www-form-urlencoded"
	default:
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(body); err != nil {
			return nil, fmt.Errorf("%s: %s %s: encoding the body: %w", c.system, k.method, k.path, err)
		}
		k.body, k.hasBody, contentType = bytes.TrimSuffix(b.Bytes(), []byte("\n")), true, "application/json"
	}
	k.header = http.Header{"Accept": {"application/json"}, "User-Agent": {"syncd"}, "Accept-Encoding": {"gzip"}}
	if contentType != "" {
		k.header.Set("Content-Type", contentType)
	}
	for name, values := range q.Header {
		k.header[http.CanonicalHeaderKey(name)] = values
	}
	return k, nil
}
