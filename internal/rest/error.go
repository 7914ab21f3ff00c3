package rest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/visible"
)

var (
	// ErrOutcomeUnknown: a write left and no answer came that settles what
	// became of it. It may or may not have happened.
	ErrOutcomeUnknown = errors.New("whether it took effect is not known")
	// ErrForbidden: the call is not on the client's allow-list. Nothing was
	// sent. It is a fault of ours, not of the operator's rights.
	ErrForbidden = errors.New("not among the calls that syncd may make")
	// ErrBreakerOpen: the host keeps failing and is left alone for a while;
	// RetryAfter of the Error says how long.
	ErrBreakerOpen = errors.New("the host keeps failing and is left alone")
)

// An Error is the error of a request. Classify returns them too, for what only a system's
// own code can read; the client fills in what it leaves empty. Its text holds no query, header or token, and is one line.
type Error struct {
	System string
	Method string
	Path   string // no query
	Status int    // of the answer; 0 where none came
	Code   string // the system's own, where it gives one
	// Message is what the system says, or what befell the request.
	Message string
	// Remedy is what the operator can do, or empty.
	Remedy string

	Temporary    bool // the same request may succeed later
	Unauthorised bool // credentials are wrong (401)
	Forbidden    bool // credentials lack a right (403)
	NotFound     bool // 404

	RetryAfter time.Duration // what the system asked for, or until the breaker lets go; 0 where unknown
	Attempts   int           // requests sent
	RequestID  string        // the system's own, for its support

	Err    error // what lies behind it, where Message alone does not say; may be nil
	causes []error
}

// Error gives "connectwise: PATCH /finance/agreements/55/additions/910: 403:
// message; remedy".
func (e *Error) Error() string {
	var b strings.Builder
	part := func(s string) {
		if s != "" {
			if b.Len() > 0 {
				b.WriteString(": ")
			}
			b.WriteString(s)
		}
	}
	part(e.System)
	part(strings.TrimSpace(e.Method + " " + e.Path))
	message := e.Message
	if e.Status != 0 {
		part(fmt.Sprint(e.Status))
		if message == "" && e.Code == "" {
			message = http.StatusText(e.Status)
		}
	}
	if e.Code != "" && !strings.Contains(message, e.Code) {
		part(e.Code)
	}
	part(message)
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", e.Attempts)
	}
	if e.outcomeUnknown() {
		b.WriteString("; " + ErrOutcomeUnknown.Error())
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Unwrap returns Err, sentinels and causes.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return e.causes
	}
	return append([]error{e.Err}, e.causes...)
}

func (e *Error) outcomeUnknown() bool { return slices.Contains(e.causes, ErrOutcomeUnknown) }

// withCauses returns a copy with causes: Classify may return one error for all requests.
func (e *Error) withCauses(causes ...error) *Error {
	out := *e
	out.causes = slices.Clone(e.causes)
	for _, c := range causes {
		if !errors.Is(&out, c) {
			out.causes = append(out.causes, c)
		}
	}
	return &out
}

// Transient reports whether a status may be gone next time. From 520 on it is
// what delivery networks say of a server that they cannot reach.
func Transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return status >= 520 && status <= 530
}

// Remedy is what to do about an error: what the system's own code says, or what an
// outage asks for, or else otherwise.
func Remedy(err error, otherwise string) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Remedy != "" {
		return e.Remedy
	}
	return cmp.Or(Outage(err), otherwise)
}

// Outage returns the remedy for an error that means that the system is busy or down, and
// that no credential, permission or address is at fault; else "". A remedy of the system's
// own code takes precedence.
func Outage(err error) string {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok || e.Unauthorised || e.Forbidden:
	case e.Status == http.StatusTooManyRequests:
		return e.System + " is asked too much, by others too; nothing is wrong with the configuration: try again in a while"
	case e.Status >= 500 && e.Temporary:
		return e.System + " is busy or out of order; nothing is wrong with the configuration: try again in a while"
	}
	return ""
}

// IsHTML reports whether the answer is a page (HTML), as firewalls and proxies between us
// and a system send.
func (r *Response) IsHTML() bool {
	body := r.text()
	return len(body) > 0 && body[0] == '<'
}

// Blocked is the remedy for a 403 that is a page.
const Blocked = "a firewall or proxy in between refused this, not the system itself: check that it lets this machine's address in"

// ClassifyStatus is the Classify of a system without one of its own: nil for 2xx, else an
// *Error by status. Another Classify may start from it.
func ClassifyStatus(r *Response) error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	return &Error{
		Status: r.Status, Message: r.summary(), Temporary: Transient(r.Status),
		Unauthorised: r.Status == http.StatusUnauthorized,
		Forbidden:    r.Status == http.StatusForbidden,
		NotFound:     r.Status == http.StatusNotFound,
	}
}

// classifyResponse calls Classify, and completes and redacts its error. nil accepts.
func (c *Client) classifyResponse(k *call, r *Response, sent *http.Request) *Error {
	var err error
	limit := excerptRunes
	if r.Status >= 300 && r.Status < 400 {
		err = redirectError(r)
	} else {
		if c.classify != nil {
			if err = c.classify(r); err != nil {
				limit = messageRunes
			}
		}
		// No opinion on a refusal does not make it a success.
		if err == nil {
			err = ClassifyStatus(r)
		}
	}
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		e = &Error{Message: err.Error(), Err: err}
	case error(e) == err:
		e = e.withCauses()
	default: // wrapped: its flags, the whole text
		e = e.withCauses(err)
		e.Message = err.Error()
	}
	if e.Message == "" && e.Err != nil {
		e.Message = e.Err.Error()
	}
	e.System = cmp.Or(e.System, c.system)
	e.Method = cmp.Or(e.Method, k.method)
	e.Path = cmp.Or(e.Path, k.path)
	e.Status = cmp.Or(e.Status, r.Status)
	e.Unauthorised = e.Unauthorised || r.Status == http.StatusUnauthorized
	e.RetryAfter = cmp.Or(e.RetryAfter, retryAfter(r.Header, time.Now()))
	e.RequestID = cmp.Or(e.RequestID, c.requestIDOf(r.Header))
	// Folded first, or folding could put a secret together; cut last: half a
	// secret is still too much.
	hidden := secretsOf(k, sent)
	e.Message = visible.Clip(hidden.hide(visible.Line(e.Message)), limit)
	e.Code = visible.Clip(hidden.hide(visible.Line(e.Code)), 80)
	e.Remedy = hidden.hide(visible.Line(e.Remedy))
	e.Path = hidden.hide(e.Path)
	return e
}

// Gone reports whether an error is the 404 of a record that is no more.
func Gone(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.NotFound && refused.Status == http.StatusNotFound
}

// redirectError names the host only: the rest of a Location may hold tokens.
func redirectError(r *Response) error {
	e := &Error{Status: r.Status, Message: "redirected without saying where to: wrong base URL?"}
	if to, err := url.Parse(r.Header.Get("Location")); err == nil && to.Host != "" {
		e.Message = fmt.Sprintf("redirected to %s: wrong base URL?", to.Host)
	} else if err == nil && to.Path != "" {
		e.Message = "redirected to another path of the same host: wrong base URL?"
	}
	return e
}
