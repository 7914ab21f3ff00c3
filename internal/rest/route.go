package rest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A Route is a call that a client may make: a method and the pattern of a path
// below the base URL, such as {"PATCH", "/finance/agreements/{id}/additions/{id}"}.
// {id}, or any name in braces, stands for one segment; {rest...} as the last
// segment stands for one or more. The rest must be equal, case included.
type Route struct{ Method, Path string }

func (r Route) String() string { return r.Method + " " + r.Path }

type route struct {
	Route
	segments []string // "" stands for any one
	open     bool     // ends in {name...}
}

func (r Route) compile() (route, error) {
	out := route{Route: r}
	if r.Method == "" || strings.ToUpper(r.Method) != r.Method {
		return out, fmt.Errorf("route %q: the method must be in capitals", r)
	}
	if !strings.HasPrefix(r.Path, "/") {
		return out, fmt.Errorf("route %q: the path must begin with /", r)
	}
	parts := strings.Split(r.Path[1:], "/")
	for i, s := range parts {
		name, isName := strings.CutPrefix(s, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case s == "" && len(parts) > 1:
			return out, fmt.Errorf("route %q: empty segment", r)
		case isName && closed && strings.HasSuffix(name, "..."):
			if i != len(parts)-1 {
				return out, fmt.Errorf("route %q: %s must be the last segment", r, s)
			}
			out.open = true
			return out, nil
		case isName && closed && !strings.ContainsAny(name, "{}"):
			out.segments = append(out.segments, "")
		case strings.ContainsAny(s, "{}?#%"):
			return out, fmt.Errorf("route %q: %q is neither a word nor a name in braces", r, s)
		case s != "":
			out.segments = append(out.segments, s)
		}
	}
	return out, nil
}

// matches takes the decoded segments of a path.
func (r *route) matches(method string, segments []string) bool {
	if method != r.Method || len(segments) < len(r.segments) || len(segments) > len(r.segments) && !r.open || r.open && len(segments) == len(r.segments) {
		return false
	}
	for i, want := range r.segments {
		if want != "" && want != segments[i] {
			return false
		}
	}
	return true
}

// split takes an escaped path apart and decodes its segments. What a server
// might read as another path than we do is refused: the allow-list must see
// what the server sees.
func split(path string) ([]string, error) {
	if path == "" || path == "/" {
		return nil, nil
	}
	if strings.Contains(path, "://") || strings.HasPrefix(path, "//") {
		return nil, errors.New("a path was due, not a whole address")
	}
	if strings.ContainsAny(path, "?#\\") {
		return nil, errors.New("the path holds a ?, # or \\; a query belongs into Query")
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		text, err := url.PathUnescape(s)
		switch {
		case err != nil:
			return nil, errors.New("the path is not escaped as it should be")
		case text == "":
			return nil, errors.New("the path has an empty segment: an id is missing")
		case text == "." || text == "..":
			return nil, fmt.Errorf("the path has a segment %q, which would lead elsewhere", text)
		case strings.ContainsAny(text, "/\\") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, errors.New("an id in the path holds a slash or a control character, which servers read differently")
		}
		segments[i] = text
	}
	return segments, nil
}

// isWrite reports whether a method can change something.
func isWrite(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}
