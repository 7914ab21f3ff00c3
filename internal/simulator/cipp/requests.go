package cippsim

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// A Request is one line of the log: its route is the endpoint, in its canonical
// case if there is such an endpoint, and its account the tenantFilter.
type Request = serving.Request

// Count returns how many requests were made to an endpoint, refused ones
// included. TokenEndpoint counts token requests, "" all calls of the API.
func (s *Server) Count(endpoint string) int {
	all := s.Counts()
	if endpoint != "" {
		return all[strings.ToLower(endpoint)]
	}
	n := -all[TokenEndpoint]
	for _, count := range all {
		n += count
	}
	return n
}

// Counts returns all counts by endpoint.
func (s *Server) Counts() map[string]int {
	all := map[string]int{}
	for where, n := range s.Front.Counts() {
		_, endpoint, _ := strings.Cut(where, " ")
		all[strings.ToLower(endpoint)] += n
	}
	return all
}

// ResetLog forgets log, counts and complaints.
func (s *Server) ResetLog() {
	s.Forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complaints = nil
}

// Complaints lists what callers did that CIPP does not refuse and a careful
// client never does, such as a tenant-scoped call without tenantFilter.
func (s *Server) Complaints() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.complaints)
}

func (s *Server) complain(format string, args ...any) {
	if len(s.complaints) < 1000 {
		s.complaints = append(s.complaints, fmt.Sprintf(format, args...))
	}
}

// A call is one request as an endpoint sees it.
type call struct {
	s        *Server
	r        *http.Request
	line     Request // of the log
	w        *World
	now      time.Time
	endpoint endpoint
	query    map[string]string // names in lower case
	body     any               // nil if there was none, a string if it was not JSON
	bad      string            // what is wrong with the body
	header   http.Header
	cold     bool
	scope    *Role // the custom role of the caller, if its tenants are limited

	filter string  // the tenantFilter; the partner's id if there was none
	all    bool    // it is AllTenants
	tenant *Tenant // nil if unknown, excluded or not authorised
	data   *Tenant // whose data are answered: tenant, but for TenantFaults.AnswersFor
}

// Arrive takes the request apart.
func (c *call) Arrive(line *Request, body []byte) {
	c.query, c.header = map[string]string{}, c.r.Header
	if values, err := url.ParseQuery(line.Query); err == nil {
		for k, v := range values {
			c.query[strings.ToLower(k)] = strings.Join(v, ",")
		}
	}
	switch name, ok := strings.CutPrefix(line.Path, "/api/"); {
	case ok:
		line.Route = canonical(strings.Trim(name, "/"))
		c.body, c.bad = readBody(c.header, body)
	case strings.HasSuffix(line.Path, "/oauth2/v2.0/token"):
		line.Route, line.Aside = TokenEndpoint, true
	}
	line.Account, _ = c.tenantFilter()
	c.line = *line
}

// Wait is the instance's latency, and a cold start's, after what the fault wants.
func (c *call) Wait(f Fault) time.Duration {
	if c.line.Aside {
		return f.Delay
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	wait := f.Delay + c.s.faults.Latency
	if c.s.cold {
		c.s.cold, c.cold = false, true
		wait += c.s.faults.ColdStart
	}
	return wait
}

// Answer serves the call.
func (c *call) Answer(f Fault) serving.Answer {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	a := c.answer(f)
	return a.encode()
}

// readBody hands over what the host makes of a body: JSON only if it is
// declared as such, otherwise text.
func readBody(header http.Header, raw []byte) (any, string) {
	if len(raw) == 0 {
		return nil, ""
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
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
