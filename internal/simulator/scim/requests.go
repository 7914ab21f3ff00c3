package scimsim

import (
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// Forget empties the log and with it Violations, for a test that counts from
// here on.
func (s *Server) Forget() {
	s.Front.Forget()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = nil
}

// Arrive takes the request apart.
func (c *call) Arrive(line *Request, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.body = body
	c.find()
	line.Account, line.Route = c.accountID, c.route()
	if c.parts != nil {
		line.Path = "/" + strings.Join(c.parts, "/")
	}
	line.Reads = strings.HasSuffix(line.Route, "/.search")
	c.writes = line.Write()
	c.checkRequest()
}

// Wait is what the fault wants.
func (c *call) Wait(f Fault) time.Duration { return f.Delay }

// Answer serves the call, and looks at how it ended.
func (c *call) Answer(f Fault) serving.Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.Kind == Dropped {
		c.checkOutcome(f, 0)
		return serving.Answer{End: serving.Unsent}
	}
	a := c.answer(f)
	c.checkOutcome(f, a.status)
	return serving.Answer{Status: a.status, Header: a.header, Body: a.body, Changed: c.changed, End: f.End()}
}
