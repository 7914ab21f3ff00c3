package scimsim

import (
	"net/http"
	"time"

	"syncd/internal/simulator/serving"
)

// Faults are the standing troubles of the server: how busy it is. How it speaks is its Dialect.
type Faults struct {
	RateLimit  int           // requests in any window of RateWindow; more are a 429; 0 = none
	RateWindow time.Duration // 0 means a second
	RetryAfter int           // seconds, in the header of a 429; 0 = no such header
}

// What the simulators have in common. Faults.RetryAfter stands for a Fault's
// where that is 0.
type (
	Fault     = serving.Fault
	FaultKind = serving.FaultKind
	Rule      = serving.Rule[Fault]
	Request   = serving.Request
)

// What can happen to a request. "Committed" means that the server has done
// what it was asked before it happens.
const (
	Broken            FaultKind = "500 before anything was done"
	BrokenCommitted   FaultKind = "500, committed"
	BadGateway        FaultKind = "502 with HTML before anything was done"
	GatewayCommitted  FaultKind = "502 with HTML, committed"
	Unavailable       FaultKind = "503 with HTML"
	TimedOut          FaultKind = "504 with HTML before anything was done"
	TimedOutCommitted FaultKind = "504 with HTML, committed"
	Throttled         FaultKind = "429"
	Unauthorized      FaultKind = "401"
	Forbidden         FaultKind = "403"
	Gone              FaultKind = "404"
	Conflict          FaultKind = "409 uniqueness"
	BadRequest        FaultKind = "400 invalidValue"
	CursorExpired     FaultKind = "400 expiredCursor"
	HTMLPage          FaultKind = "200 with HTML instead of JSON"
	EmptyAnswer       FaultKind = "success without a body, committed"
	Lost              FaultKind = "success, write lost: the answer shows what was asked for"
	Ignores           FaultKind = "success, write lost: the answer shows what is there"
	Dropped                     = serving.Dropped
	DroppedCommitted            = serving.DroppedCommitted
	CutBody                     = serving.CutBody
)

// SetFaults replaces the standing troubles.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// SetDialect makes the provider speak otherwise from now on. What it holds
// stays as it is.
func (s *Server) SetDialect(d Dialect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialect = d
	s.users, s.groups = d.types()
	s.indexes = nil
}

// Dialect returns how the provider speaks now. Its slices are the server's.
func (s *Server) Dialect() Dialect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialect
}

// Heal ends all rules, the hook of Before and all standing troubles. The
// dialect stays.
func (s *Server) Heal() {
	s.Front.Heal()
	s.SetFaults(Faults{})
}

// refusal is what a fault answers before anything is done; nil if it lets the
// request through.
func (c *call) refusal(f Fault) *apiError {
	wait := f.RetryAfter
	if wait == 0 {
		wait = c.faults.RetryAfter
	}
	switch f.Kind {
	case Broken:
		return refuse(http.StatusInternalServerError, "", "something went wrong")
	case BadGateway:
		return &apiError{status: http.StatusBadGateway, html: true}
	case Unavailable:
		return &apiError{status: http.StatusServiceUnavailable, html: true, header: c.pause(wait, f.RetryDate)}
	case TimedOut:
		return &apiError{status: http.StatusGatewayTimeout, html: true}
	case Throttled:
		return &apiError{status: http.StatusTooManyRequests, detail: "too many requests", header: c.pause(wait, f.RetryDate)}
	case Unauthorized:
		return refuse(http.StatusUnauthorized, "", "the token is not valid")
	case Forbidden:
		return refuse(http.StatusForbidden, "", "not allowed")
	case Gone:
		return refuse(http.StatusNotFound, "", "not found")
	case Conflict:
		return refuse(http.StatusConflict, "uniqueness", "one of the attribute values is already in use")
	case BadRequest:
		return badRequest("invalidValue", "a value is not valid")
	case CursorExpired:
		return badRequest("expiredCursor", "the cursor has expired")
	}
	return nil
}

// after is what a fault answers once everything is done; nil if it lets the
// answer pass.
func after(f Fault) *apiError {
	switch f.Kind {
	case BrokenCommitted:
		return refuse(http.StatusInternalServerError, "", "something went wrong")
	case GatewayCommitted:
		return &apiError{status: http.StatusBadGateway, html: true}
	case TimedOutCommitted:
		return &apiError{status: http.StatusGatewayTimeout, html: true}
	}
	return nil
}

// unanswered reports whether the client cannot know what became of its request.
func unanswered(f Fault) bool {
	switch f.Kind {
	case Dropped, DroppedCommitted, CutBody, Broken, BrokenCommitted, BadGateway, GatewayCommitted, TimedOut, TimedOutCommitted:
		return true
	}
	return false
}
