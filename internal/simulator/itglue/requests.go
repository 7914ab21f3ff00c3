package itgluesim

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// ForbiddenCalls returns the requests that no client of ours may ever send, and why:
// writes by filter, anything about passwords or exports, writes to
// organizations, and deletions of fields. They were served, and did their damage.
func (s *Server) ForbiddenCalls() []string {
	var all []string
	for _, r := range s.Requests() {
		if why := whyForbidden(r); why != "" {
			all = append(all, fmt.Sprintf("%s: %s %s", why, r.Method, r.Path))
		}
	}
	return all
}

// whyForbidden says why a request is one that could ruin an account or open its
// secrets; empty if it is not.
func whyForbidden(r Request) string {
	path := strings.ReplaceAll(r.Path, "-", "_")
	switch {
	case strings.HasPrefix(path, "/passwords") || strings.Contains(path, "/relationships/passwords"):
		return "passwords"
	case strings.HasPrefix(path, "/exports"):
		return "exports"
	case r.Write() && strings.Contains(r.Query, "filter"):
		return "write by filter"
	case r.Write() && strings.HasPrefix(path, "/organizations") && !strings.Contains(path, "/relationships/"):
		return "write to organizations"
	case r.Method == http.MethodDelete && strings.Contains(path, "flexible_asset_fields"):
		return "field deleted"
	}
	return ""
}

// Arrive takes the request apart.
func (c *call) Arrive(line *Request, body []byte) {
	c.path, c.body = line.Path, body
	c.find()
	line.Route = c.pattern
}

// Wait is what the fault wants.
func (c *call) Wait(f Fault) time.Duration { return f.Delay }

// Answer serves the call.
func (c *call) Answer(f Fault) serving.Answer {
	if f.Kind == Dropped {
		return serving.Answer{End: serving.Unsent}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.answer(f)
	return serving.Answer{Status: a.status, Header: a.header, Body: a.body, Changed: c.changed, End: f.End()}
}
