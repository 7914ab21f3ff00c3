package cwsim

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// A Request is one line of the server's log.
type Request struct {
	At      time.Time // by the real clock
	Method  string
	Route   string // the pattern, such as /finance/agreements/{id}; empty if there is none
	Path    string // below apis/3.0, such as /finance/agreements/55
	Query   string
	Status  int // 0 while it is being served, and if the connection was dropped
	Body    string
	Changed bool // the server has done what it was asked
}

// Write reports whether the request could have changed something.
func (r Request) Write() bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Route != bundlesRoute && r.Route != pricingRoute
}

// record logs a request as it comes in.
func (s *Server) record(c *call) *Request {
	entry := &Request{
		At: time.Now(), Method: c.r.Method, Route: c.pattern, Path: c.path, Query: c.r.URL.RawQuery, Body: string(c.body),
	}
	s.log = append(s.log, entry)
	return entry
}

// Requests returns the log in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.log))
	for i, r := range s.log {
		out[i] = *r
	}
	return out
}

// Writes returns the requests that could have changed something: everything
// but GET, bundles and price enquiries.
func (s *Server) Writes() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !r.Write() })
}

// Counts returns how often each method and route was asked for, such as
// "GET /finance/agreements/{id}/additions". What matched no route counts
// under its path.
func (s *Server) Counts() map[string]int {
	counts := map[string]int{}
	for _, r := range s.Requests() {
		route := r.Route
		if route == "" {
			route = r.Path
		}
		counts[r.Method+" "+route]++
	}
	return counts
}

// Forget empties the log and the rate meter, for a test that counts from here
// on.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// MaxRate returns the most requests that arrived within any window of that
// length.
func (s *Server) MaxRate(window time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := make([]time.Time, len(s.log))
	for i, r := range s.log {
		at[i] = r.At
	}
	return serving.Busiest(at, window)
}

// limit counts a request against Faults.RateLimit and reports whether it is
// over.
func (s *Server) limit(cost int) bool {
	if s.faults.RateLimit == 0 {
		return false
	}
	window := s.faults.RateWindow
	if window == 0 {
		window = time.Minute
	}
	return s.meter.Over(s.faults.RateLimit, window, cost)
}

// find splits the URL: codebase, path below apis/3.0, route. Paths are not
// case-sensitive, as on the vendor's web server.
func (c *call) find() {
	path := c.r.URL.Path
	if rest, ok := cutPrefixFold(path, "/login/companyinfo/"); ok {
		c.path, c.pattern, c.segments = path, companyInfoRoute, []string{rest}
		return
	}
	c.path = path
	i := strings.Index(strings.ToLower(path), "/apis/3.0/")
	if i < 0 {
		return
	}
	c.codebase, c.path = strings.TrimPrefix(path[:i+1], "/"), path[i+len("/apis/3.0"):]
	for _, r := range routes {
		values, ok := r.match(c.path)
		if !ok {
			continue
		}
		c.pattern = r.pattern
		if r.method == c.r.Method {
			c.route, c.segments = r, values
			return
		}
		c.others = append(c.others, r.method)
	}
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func (r *route) match(path string) ([]string, bool) {
	want, got := strings.Split(r.pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var values []string
	for i, w := range want {
		if w == "{id}" {
			if got[i] == "" || strings.Trim(got[i], "0123456789") != "" {
				return nil, false
			}
			values = append(values, got[i])
			continue
		}
		if !strings.EqualFold(w, got[i]) {
			return nil, false
		}
	}
	return values, true
}
