package itgluesim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"syncd/internal/simulator/serving"
)

// An apiError is a refusal: one or several entries of errors, or what the
// gateway in front of the API says.
type apiError struct {
	status  int
	detail  any // a string or a list of strings
	pointer string
	more    []*apiError // further entries
	header  http.Header
	message string // of the gateway: {"message":…}
	html    bool   // the body is the edge's page
	bare    bool   // there is no body
}

func refuse(status int, pointer, format string, args ...any) *apiError {
	return &apiError{status: status, pointer: pointer, detail: fmt.Sprintf(format, args...)}
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%d %s: %v", e.status, e.pointer, e.detail)
}

func malformed(format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, "data", format, args...)
}

// invalid is the refusal of an attribute.
func invalid(attribute, format string, args ...any) *apiError {
	return refuse(http.StatusUnprocessableEntity, "/data/attributes/"+attribute, format, args...)
}

// blank is the refusal of an attribute that must have a value: its detail is
// a list.
func blank(attribute string) *apiError {
	return &apiError{status: http.StatusUnprocessableEntity, pointer: "/data/attributes/" + attribute, detail: []string{"can't be blank"}}
}

// synced is the refusal of a change to what another system owns.
func synced(what string) *apiError {
	return refuse(http.StatusUnprocessableEntity, "data", "%s is synced with an external source and cannot be edited", what)
}

func notFound() *apiError {
	return refuse(http.StatusNotFound, "id", "The record you are looking for could not be found")
}

// inaccessible is the refusal of a reference to what the key may not see, or
// what is not there.
func inaccessible() *apiError {
	return refuse(http.StatusUnauthorized, "id", "You are not authorized to access this resource")
}

func forbidden() *apiError { return &apiError{status: http.StatusForbidden, message: "Forbidden"} }

// throttled is a 429. Nothing says when to come back unless seconds does.
func throttled(seconds int) *apiError {
	e := &apiError{status: http.StatusTooManyRequests, message: "Too Many Requests"}
	if seconds > 0 {
		e.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	}
	return e
}

// answer is what goes over the wire.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (e *apiError) answer(f *Faults) *answer {
	a := &answer{status: e.status, header: http.Header{"Content-Type": {mediaType + "; charset=utf-8"}}}
	for name, values := range e.header {
		a.header[name] = values
	}
	switch {
	case e.html || e.message == "" && f.ErrorBody == BodyHTML:
		a.header.Set("Content-Type", "text/html")
		a.body = serving.HTMLPage(e.status)
	case e.bare || e.message == "" && f.ErrorBody == BodyEmpty:
		a.header.Del("Content-Type")
	case e.message != "":
		a.header.Set("Content-Type", "application/json")
		a.body = must(json.Marshal(map[string]string{"message": e.message}))
	default:
		entries := []any{e.entry(f)}
		for _, m := range e.more {
			entries = append(entries, m.entry(f))
		}
		a.body = must(json.Marshal(map[string]any{"errors": entries}))
	}
	return a
}

func (e *apiError) entry(f *Faults) map[string]any {
	var status any = e.status
	if f.TextStatus {
		status = strconv.Itoa(e.status)
	}
	detail := e.detail
	if text, ok := detail.(string); ok && f.ArrayDetails {
		detail = []string{text}
	}
	return map[string]any{
		"status": status, "title": http.StatusText(e.status), "detail": detail,
		"source": map[string]string{"pointer": e.pointer},
	}
}

// at says which record of a batch the refusal is about.
func (e *apiError) at(i int) *apiError {
	in := *e
	in.more = nil
	for _, m := range e.more {
		in.more = append(in.more, m.at(i))
	}
	if rest, ok := strings.CutPrefix(strings.TrimPrefix(e.pointer, "/"), "data"); ok {
		in.pointer = fmt.Sprintf("/data/%d%s", i, rest)
	} else {
		in.pointer = fmt.Sprintf("/data/%d/attributes/%s", i, e.pointer)
	}
	return &in
}

// refusal is what a fault answers before anything is done; nil if it lets the
// request through.
func refusal(f Fault, standing int) *apiError {
	wait := f.RetryAfter
	if wait == 0 && f.Kind == Throttled {
		wait = standing
	}
	header := http.Header{}
	if wait > 0 {
		header.Set("Retry-After", serving.RetryAfter(wait, f.RetryDate))
	}
	switch f.Kind {
	case Broken:
		return internalError()
	case BadGateway:
		return &apiError{status: http.StatusBadGateway, html: true}
	case Unavailable:
		return &apiError{status: http.StatusServiceUnavailable, html: true, header: header}
	case TimedOut:
		return &apiError{status: http.StatusGatewayTimeout, html: true}
	case Throttled:
		e := throttled(0)
		e.header = header
		return e
	case Forbidden:
		return forbidden()
	case Unauthorized:
		return inaccessible()
	case BareUnauthorized:
		return &apiError{status: http.StatusUnauthorized, message: "Unauthorized"}
	case Gone:
		return notFound()
	case Unprocessable:
		return refuse(http.StatusUnprocessableEntity, "data", "is invalid")
	}
	return nil
}

// after is what a fault answers once everything is done; nil if it lets the
// answer pass.
func after(f Fault) *apiError {
	switch f.Kind {
	case BrokenCommitted:
		return internalError()
	case GatewayCommitted:
		return &apiError{status: http.StatusBadGateway, html: true}
	case TimedOutCommitted:
		return &apiError{status: http.StatusGatewayTimeout, html: true}
	}
	return nil
}

func internalError() *apiError {
	return refuse(http.StatusInternalServerError, "", "Internal Server Error")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
