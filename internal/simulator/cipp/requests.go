package cippsim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// A Request is one line of the log.
type Request struct {
	At           time.Time
	Method       string
	Endpoint     string // in its canonical case if there is such an endpoint; TokenEndpoint; empty elsewhere
	Path         string
	Query        string // decoded
	TenantFilter string // as it was sent, in the query or the body
	Status       int    // 0 if the connection was dropped
}

// logLimit bounds the memory of a server that runs for days.
const logLimit = 100_000

// Requests returns the log, oldest first; of a very long one only the end.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Count returns how many requests were made to an endpoint, refused ones
// included. TokenEndpoint counts token requests, "" all calls of the API.
func (s *Server) Count(endpoint string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[strings.ToLower(endpoint)]
}

// Counts returns all counts by endpoint.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := maps.Clone(s.counts)
	delete(c, "")
	return c
}

// ResetLog forgets log, counts, peaks and complaints.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.counts, s.complaints, s.peak = nil, map[string]int{}, nil, s.inFlight
}

// MaxRate returns the largest number of API requests that arrived within any
// window of that length.
func (s *Server) MaxRate(window time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at []time.Time
	for _, q := range s.log {
		if q.Endpoint != TokenEndpoint {
			at = append(at, q.At)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return serving.Busiest(at, window)
}

// MaxConcurrency returns the largest number of requests that were open at once.
func (s *Server) MaxConcurrency() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// Complaints lists what callers did that CIPP does not refuse and a careful
// client never does, such as a tenant-scoped call without tenantFilter.
func (s *Server) Complaints() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.complaints)
}

func (s *Server) note(q Request) {
	if len(s.log) >= logLimit {
		s.log = append([]Request(nil), s.log[logLimit/2:]...)
	}
	s.log = append(s.log, q)
	if q.Endpoint != TokenEndpoint {
		s.counts[""]++
	}
	if q.Endpoint != "" {
		s.counts[strings.ToLower(q.Endpoint)]++
	}
}

func (s *Server) complain(format string, args ...any) {
	if len(s.complaints) < 1000 {
		s.complaints = append(s.complaints, fmt.Sprintf(format, args...))
	}
}

// A call is one request as an endpoint sees it.
type call struct {
	s        *Server
	w        *World
	now      time.Time
	endpoint endpoint
	query    map[string]string // names in lower case
	body     any               // nil if there was none, a string if it was not JSON
	header   http.Header
	cold     bool
	scope    *Role // the custom role of the caller, if its tenants are limited

	filter string  // the tenantFilter; the partner's id if there was none
	all    bool    // it is AllTenants
	tenant *Tenant // nil if unknown, excluded or not authorised
	data   *Tenant // whose data are answered: tenant, but for TenantFaults.AnswersFor
}

// read takes a request apart. The text says what is wrong with its body.
func (s *Server) read(r *http.Request) (Request, *call, string) {
	q := Request{Method: r.Method, Path: r.URL.Path}
	in := &call{query: map[string]string{}, header: r.Header}
	if values, err := url.ParseQuery(r.URL.RawQuery); err == nil {
		for k, v := range values {
			in.query[strings.ToLower(k)] = strings.Join(v, ",")
		}
	}
	if decoded, err := url.QueryUnescape(r.URL.RawQuery); err == nil {
		q.Query = decoded
	}
	var bad string
	switch name, ok := strings.CutPrefix(r.URL.Path, "/api/"); {
	case ok:
		q.Endpoint = canonical(strings.Trim(name, "/"))
		in.body, bad = readBody(r)
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		q.Endpoint = TokenEndpoint
	}
	q.TenantFilter, _ = in.tenantFilter()
	return q, in, bad
}

// readBody hands over what the host makes of a body: JSON only if it is
// declared as such, otherwise text.
func readBody(r *http.Request) (any, string) {
	if r.Body == nil {
		return nil, ""
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil || len(raw) == 0 {
		return nil, ""
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return string(raw), ""
	}
	var body any
	if err := json.Unmarshal(raw, &body); err != nil {
		return string(raw), ""
	}
	if twice := keysTwice(body); twice != "" {
		return body, "Cannot convert the JSON string because it contains keys with different casing: " + twice
	}
	return body, ""
}

// keysTwice finds keys of one object that differ only in case.
func keysTwice(v any) string {
	switch v := v.(type) {
	case map[string]any:
		seen := map[string]bool{}
		for k, inner := range v {
			if seen[strings.ToLower(k)] {
				return k
			}
			seen[strings.ToLower(k)] = true
			if bad := keysTwice(inner); bad != "" {
				return bad
			}
		}
	case []any:
		for _, inner := range v {
			if bad := keysTwice(inner); bad != "" {
				return bad
			}
		}
	}
	return ""
}

// param returns a query parameter, whatever its case; "" if it is absent.
func (c *call) param(name string) string { return c.query[strings.ToLower(name)] }

// isTrue is PowerShell's comparison with $true: only the word true is.
func (c *call) isTrue(name string) bool {
	v := c.param(name)
	if v != "" && !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
		c.s.complain("%s: %s=%s is neither true nor false; it counts as false", c.endpoint.name, name, v)
	}
	return strings.EqualFold(v, "true")
}

// field returns a member of the body, whatever its case.
func (c *call) field(name string) any { return member(c.body, name) }

func member(v any, name string) any {
	m, _ := v.(map[string]any)
	for k, inner := range m {
		if strings.EqualFold(k, name) {
			return inner
		}
	}
	return nil
}

// tenantFilter is the tenant a request names, looked for where CIPP looks, in
// its order.
func (c *call) tenantFilter() (string, bool) {
	for _, v := range []any{
		c.param("tenantFilter"), member(c.field("tenantFilter"), "value"), c.field("tenantFilter"),
		c.param("tenantId"), c.field("tenantId"),
	} {
		if t, ok := v.(string); ok && t != "" {
			return t, true
		}
	}
	return "", false
}
