package cwsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"syncd/internal/simulator/serving"
)

// An apiError is a refusal: {code, message, errors}.
type apiError struct {
	status       int
	code         string
	message      string
	errors       []validationError
	header       http.Header
	html         bool // the body is a proxy's page
	throttleBody bool // the body is that of a 429: {error, message}
}

type validationError struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Resource string `json:"resource"`
	Field    string `json:"field"`
}

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message)
}

// invalid is the refusal of a body, with the member at fault.
func invalid(resource, code, field, format string, args ...any) *apiError {
	return &apiError{
		status: http.StatusBadRequest, code: "InvalidObject", message: resource + " object is invalid",
		errors: []validationError{{Code: code, Message: fmt.Sprintf(format, args...), Resource: resource, Field: field}},
	}
}

// unknownMember is the refusal of a member that the model does not have.
func unknownMember(name, object string) *apiError {
	return refuse(http.StatusBadRequest, "ConnectWiseApi",
		"Could not find member '%s' on object of type '%s'. Path '%s'. Check your accept header", name, object, name)
}

// converting is bad input that the server answers as its own failure.
func converting(v any, m *member) *apiError {
	text := fmt.Sprintf("%v", v)
	if v == nil {
		text = "{null}"
	}
	return refuse(http.StatusInternalServerError, "ConnectWiseApi",
		"Error converting value %s to type '%s'. Path '%s'.", strconv.Quote(text), m.netType(), m.name)
}

func badCondition(format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, "ApiFindCondition", format, args...)
}

func notFound(resource string) *apiError {
	return refuse(http.StatusNotFound, "NotFound", "%s not found", resource)
}

func denied() *apiError {
	return refuse(http.StatusForbidden, "Security", "You do not have security permission to perform this action.")
}

func throttled(seconds int) *apiError {
	e := refuse(http.StatusTooManyRequests, "TooManyRequests", "API rate limit exceeded, try again in %d seconds", seconds)
	e.throttleBody = true
	e.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	return e
}

// answer is what goes over the wire.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (e *apiError) answer(style BodyStyle) *answer {
	a := &answer{status: e.status, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	for name, values := range e.header {
		a.header[name] = values
	}
	switch {
	case e.html || !e.throttleBody && style == BodyHTML:
		a.header.Set("Content-Type", "text/html")
		a.body = serving.HTMLPage(e.status)
	case e.throttleBody:
		a.body = must(json.Marshal(map[string]string{"error": e.code, "message": e.message}))
	case style == BodyEmpty:
		a.header.Del("Content-Type")
	default:
		a.body = must(json.Marshal(struct {
			Code    string            `json:"code"`
			Message string            `json:"message"`
			Errors  []validationError `json:"errors"`
		}{e.code, e.message, e.errors}))
		if style == BodyCRLF {
			var b bytes.Buffer
			json.Indent(&b, a.body, "", "  ")
			a.body = bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\r\n"))
		}
	}
	return a
}

// refusal is what a fault answers before anything is done; nil if it lets the
// request through.
func refusal(f Fault, retryAfter int) *apiError {
	if f.RetryAfter > 0 {
		retryAfter = f.RetryAfter
	}
	wait := serving.RetryAfter(retryAfter, f.RetryDate)
	switch f.Kind {
	case Timeout:
		return timeout()
	case PoolTimeout:
		return refuse(http.StatusInternalServerError, "ConnectWiseApi",
			"Timeout expired.  The timeout period elapsed prior to obtaining a connection from the pool.  This may have occurred because all pooled connections were in use and max pool size was reached.")
	case Converting:
		return refuse(http.StatusInternalServerError, "ConnectWiseApi",
			`Error converting value "x" to type 'System.Nullable`+"`"+`1[System.Double]'. Path '[0].value', line 1, position 48.`)
	case BadGateway:
		return &apiError{status: http.StatusBadGateway, html: true}
	case Unavailable:
		return &apiError{status: http.StatusServiceUnavailable, html: true, header: http.Header{"Retry-After": {wait}}}
	case Throttled:
		e := throttled(retryAfter)
		e.header.Set("Retry-After", wait)
		return e
	case BadKeys:
		return wrongKeys()
	case Denied:
		return denied()
	case NotSSL:
		return refuse(http.StatusForbidden, "Security", "SSL is required.")
	case Gone:
		return refuse(http.StatusNotFound, "NotFound", "Not found")
	case InUse:
		return refuse(http.StatusConflict, "Conflict", "The record is in use by another process.")
	}
	return nil
}

func timeout() *apiError {
	return refuse(http.StatusInternalServerError, "ConnectWiseApi", "A timeout has occured. Please try again")
}

func wrongKeys() *apiError {
	return refuse(http.StatusUnauthorized, "Unauthorized", "Incorrect public/private key")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
