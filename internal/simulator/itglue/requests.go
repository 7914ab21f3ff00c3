package itgluesim

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
	Route   string // the pattern, such as /flexible_assets/{id}; empty if there is none
	Path    string
	Query   string // raw
	Status  int    // 0 while it is being served, and if the connection was dropped
	Body    string
	Changed bool   // the server has done what it was asked
	Bomb    string // why no client of ours may ever send this; empty if it may
}

// Write reports whether the request could have changed something.
func (r Request) Write() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// bomb says why a request is one that could ruin an account or open its
// secrets; empty if it is not.
func bomb(r *http.Request) string {
	path := strings.ReplaceAll(r.URL.Path, "-", "_")
	write := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case strings.HasPrefix(path, "/passwords") || strings.Contains(path, "/relationships/passwords"):
		return "passwords"
	case strings.HasPrefix(path, "/exports"):
		return "exports"
	case write && strings.Contains(r.URL.RawQuery, "filter"):
		return "write by filter"
	case write && strings.HasPrefix(path, "/organizations") && !strings.Contains(path, "/relationships/"):
		return "write to organizations"
	case r.Method == http.MethodDelete && strings.Contains(path, "flexible_asset_fields"):
		return "field deleted"
	}
	return ""
}

// record logs a request as it comes in.
func (s *Server) record(c *call) *Request {
	entry := &Request{
		At: time.Now(), Method: c.r.Method, Route: c.pattern, Path: c.path, Query: c.r.URL.RawQuery, Body: string(c.body), Bomb: bomb(c.r),
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

// Writes returns the requests that could have changed something.
func (s *Server) Writes() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !r.Write() })
}

// Bombs returns the requests that no client of ours may ever send: writes by
// filter, anything about passwords or exports, writes to organizations, and
// deletions of fields. They were served, and did their damage.
func (s *Server) Bombs() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return r.Bomb == "" })
}

// Counts returns how often each method and route was asked for, such as
// "GET /flexible_assets/{id}". What matched no route counts under its path.
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
func (s *Server) limit() bool {
	if s.faults.RateLimit == 0 {
		return false
	}
	window := s.faults.RateWindow
	if window == 0 {
		window = VendorWindow
	}
	return s.meter.Over(s.faults.RateLimit, window, 1)
}
