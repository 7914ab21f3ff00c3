package scimsim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// An apiError is a refusal.
type apiError struct {
	status   int
	scimType string
	detail   string
	attrs    map[string][]string // by attribute path
	header   http.Header
	html     bool // the body is a proxy's page whatever the dialect
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.scimType, e.detail) }

func refuse(status int, scimType, format string, args ...any) *apiError {
	return &apiError{status: status, scimType: scimType, detail: fmt.Sprintf(format, args...)}
}

func badRequest(scimType, format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, scimType, format, args...)
}

// about names the attribute that a refusal is about.
func (e *apiError) about(path string) *apiError {
	if e.attrs == nil {
		e.attrs = map[string][]string{}
	}
	e.attrs[path] = append(e.attrs[path], e.detail)
	return e
}

// An answer is what goes over the wire.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *call) json(status int, v any) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {c.contentType()}}, body: must(json.Marshal(v))}
}

func (c *call) contentType() string { return cmp.Or(c.dialect.ContentType, "application/scim+json") }

func htmlAnswer(status int) *answer {
	return &answer{status: status, header: http.Header{"Content-Type": {"text/html"}}, body: serving.HTMLPage(status)}
}

// refused renders a refusal in the provider's manner.
func (c *call) refused(e *apiError) *answer {
	scimType := cmp.Or(c.dialect.AlwaysScimType, e.scimType)
	a := &answer{status: e.status}
	switch shape := c.dialect.ErrorBody; {
	case e.html || shape == ErrorHTML:
		a = htmlAnswer(e.status)
	case shape == ErrorEmpty:
		a.header = http.Header{}
	case shape == ErrorText:
		a.header, a.body = http.Header{"Content-Type": {"text/plain"}}, []byte(e.detail)
	case shape == ErrorAttributes && len(e.attrs) > 0:
		a = c.json(e.status, e.attrs)
	case shape == ErrorAttributes:
		a = c.json(e.status, map[string][]string{"": {e.detail}})
	case shape == ErrorProblem:
		p := map[string]any{"title": http.StatusText(e.status), "detail": e.detail, "status": e.status}
		if len(e.attrs) > 0 {
			p["errors"] = e.attrs
		}
		a = c.json(e.status, p)
		a.header.Set("Content-Type", "application/problem+json")
	case shape == ErrorMessage:
		a = c.json(e.status, map[string]any{"message": e.detail})
	case shape == ErrorOAuth:
		a = c.json(e.status, map[string]any{"error": cmp.Or(scimType, "invalid_request"), "error_description": e.detail})
	case shape == ErrorV1:
		a = c.json(e.status, map[string]any{"Errors": []any{map[string]any{"description": e.detail, "code": strconv.Itoa(e.status)}}})
	default:
		body := map[string]any{"schemas": []string{errorURN}, "status": strconv.Itoa(e.status), "detail": e.detail}
		if c.dialect.NumericStatus {
			body["status"] = e.status
		}
		if scimType != "" {
			body["scimType"] = scimType
		}
		a = c.json(e.status, body)
	}
	for name, values := range e.header {
		a.header[name] = values
	}
	return a
}

// pause is the header that tells a client to wait.
func (c *call) pause(seconds int, date bool) http.Header {
	h := http.Header{}
	if seconds <= 0 {
		return h
	}
	name := cmp.Or(c.dialect.RetryHeader, "Retry-After")
	if strings.EqualFold(name, "X-RateLimit-Reset") {
		h.Set(name, strconv.FormatInt(time.Now().Add(time.Duration(seconds)*time.Second).Unix(), 10))
	} else {
		h.Set(name, serving.RetryAfter(seconds, date))
	}
	return h
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
