package cwsim

import (
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// Arrive takes the request apart.
func (c *call) Arrive(line *Request, body []byte) {
	c.body = body
	c.find()
	line.Route, line.Path = c.pattern, c.path
	line.Reads = c.pattern == bundlesRoute || c.pattern == pricingRoute
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
		values, ok := serving.MatchPath(r.pattern, c.path, strings.EqualFold)
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
