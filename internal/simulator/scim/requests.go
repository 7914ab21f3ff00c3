package scimsim

import (
	"net/http"
	"slices"
	"time"

	"syncd/internal/simulator/serving"
)

// A Request is one line of the server's log.
type Request struct {
	At         time.Time // by the real clock
	Account    string    // from the path; empty if it names none
	Method     string
	Route      string // the pattern, such as /Users/{id}; empty if there is none
	Path       string
	Query      string // raw
	Status     int    // 0 while it is being served, and if the connection was dropped
	Body       string
	Header     http.Header // as it came; the token is left out
	Changed    bool        // the server has done what it was asked, and something is different now
	Violations []Violation
}

// Write reports whether the request could have changed something.
func (r Request) Write() bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Route != "/Users/.search" && r.Route != "/Groups/.search"
}

// record logs a request as it comes in.
func (s *Server) record(c *call) *Request {
	h := c.r.Header.Clone()
	h.Del("Authorization")
	entry := &Request{
		At: time.Now(), Account: c.accountID, Method: c.r.Method, Route: c.route(), Path: c.r.URL.Path, Query: c.r.URL.RawQuery,
		Header: h,
	}
	if !s.options.NoBodies {
		entry.Body = string(c.body)
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
		out[i].Violations = slices.Clone(r.Violations)
	}
	return out
}

// Writes returns the requests that could have changed something.
func (s *Server) Writes() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return !r.Write() })
}

// Counts returns how often each method and route was asked for, such as
// "GET /Users/{id}". What matched no route counts under its path.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]int{}
	for _, r := range s.log {
		route := r.Route
		if route == "" {
			route = r.Path
		}
		counts[r.Method+" "+route]++
	}
	return counts
}

// Forget empties the log and with it Violations, for a test that counts from
// here on.
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
		window = time.Second
	}
	return s.meter.Over(s.faults.RateLimit, window, 1)
}
