package scim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncd/internal/rest"
)

// A Refusal is what a provider says of a request that it did not carry out.
type Refusal struct {
	Status   int
	ScimType string // such as uniqueness or invalidFilter; empty where none came
	Detail   string
	Attrs    map[string][]string // messages by attribute, where the provider names it
}

func (r *Refusal) Error() string {
	parts := []string{}
	if r.Detail != "" {
		parts = append(parts, r.Detail)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Attrs)) {
		parts = append(parts, name+": "+strings.Join(r.Attrs[name], ", "))
	}
	return strings.Join(parts, "; ")
}

// requestIDs are the headers in which systems name a request, for their support.
var requestIDs = []string{"X-Request-Id", "Request-Id", "X-Amzn-Requestid", "X-Correlation-Id", "Traceparent"}

// classify judges an answer:
//
//	400        the request, with the attribute named where the provider names it
//	401, 403   the token, its rights, or the account's add-on
//	404        an object that is not there, or the wrong URL
//	409        a duplicate, or a version
//	429        temporary, all wait
//	5xx        temporary, but 501: the feature is missing
//
// Bodies may be SCIM errors, errors of half a dozen other makes, pages or
// nothing: the status decides, the body is for people.
func (c *Client) classify(r *rest.Response) error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	refusal := readRefusal(r.Status, r.Body)
	e := &rest.Error{System: c.Name(), Status: r.Status, Code: refusal.ScimType, Message: refusal.Error(), Err: refusal}
	for _, name := range requestIDs {
		if id := r.Header.Get(name); id != "" {
			e.RequestID = rest.Excerpt(id)
			e.Message = strings.TrimSpace(e.Message + " (request " + e.RequestID + ")")
			break
		}
	}
	if refusal.Error() == "" {
		e.Message = strings.TrimSpace(http.StatusText(r.Status) + " " + e.Message)
	}
	switch r.Status {
	case http.StatusUnauthorized:
		e.Unauthorised, e.Remedy = true, c.refusedRemedy("the token is wrong or has expired")
	case http.StatusForbidden:
		e.Forbidden, e.Remedy = true, c.refusedRemedy("the token may not do this, or SCIM is not enabled for the account")
		if r.IsHTML() {
			e.Remedy = rest.Blocked + "; or " + e.Remedy
		}
	case http.StatusNotFound:
		e.NotFound = true
	case http.StatusTooManyRequests:
		e.Temporary = true
		e.RetryAfter = limitReset(r.Header, c.options.Now())
	default:
		e.Temporary = rest.Transient(r.Status)
	}
	return e
}

func (c *Client) refusedRemedy(what string) string {
	if hint := c.profile.Hints["refused"]; hint != "" {
		return what + "; " + hint
	}
	return what + "; make a new one at the provider and write it into " + c.Name() + ".token"
}

// limitReset reads the headers that say when a rate limit ends, where there is
// no Retry-After, which rest reads itself.
func limitReset(h http.Header, now time.Time) time.Duration {
	if h.Get("Retry-After") != "" || h.Get("X-Retry-After") != "" {
		return 0
	}
	for _, name := range []string{"RateLimit-Reset", "X-RateLimit-Reset"} {
		n, err := strconv.ParseInt(strings.TrimSpace(h.Get(name)), 10, 64)
		if err != nil || n <= 0 {
			continue
		}
		const epoch = 1_000_000_000 // larger numbers are moments, not seconds to wait
		if n < epoch {
			return min(time.Duration(n)*time.Second, 15*time.Minute)
		}
		if wait := time.Unix(n, 0).Sub(now); wait > 0 {
			return min(wait, 15*time.Minute)
		}
	}
	return 0
}

// readRefusal reads the body of a refusal in all shapes that occur.
func readRefusal(status int, body []byte) *Refusal {
	r := &Refusal{Status: status, Attrs: map[string][]string{}}
	raw := bytes.TrimSpace(body)
	if len(raw) == 0 {
		return r
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		r.Detail = bodyExcerpt(raw)
		return r
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	m := asDocument(v)
	r.ScimType = m.text("scimType")
	for _, name := range []string{"detail", "message", "error_description", "error", "title", "Description"} {
		if text := m.text(name); text != "" {
			r.Detail = text
			break
		}
	}
	attributes := func(m document) {
		for name, v := range m {
			if texts := messages(v); len(texts) > 0 {
				r.Attrs[name] = texts
			}
		}
	}
	switch errs := m.get("errors").(type) {
	case map[string]any: // problem+json
		attributes(errs)
	case []any: // SCIM 1.1
		for _, e := range errs {
			if text := asDocument(e).text("description"); text != "" && r.Detail == "" {
				r.Detail = text
			} else if text := asDocument(e).text("message"); text != "" && r.Detail == "" {
				r.Detail = text
			}
		}
	}
	if r.Detail == "" && len(r.Attrs) == 0 && !m.has("schemas") {
		attributes(m) // {"name.givenName": ["Value is missing"]}, as Cinode answers
	}
	if texts := r.Attrs[""]; len(texts) > 0 { // a word about the request, under no attribute
		r.Detail = cmp.Or(r.Detail, strings.Join(texts, "; "))
		delete(r.Attrs, "")
	}
	return r
}

// messages reads a list of texts, or a text.
func messages(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, e := range v {
			if text := asText(e); text != "" {
				out = append(out, text)
			}
		}
	}
	return out
}

func bodyExcerpt(raw []byte) string {
	if raw[0] == '<' {
		return "a page (HTML)"
	}
	const most = 2048
	return rest.Excerpt(string(raw[:min(len(raw), most)]))
}

// refusalOf is what the provider said, if it is that what an error means.
func refusalOf(err error) (*Refusal, *rest.Error) {
	e, ok := errors.AsType[*rest.Error](err)
	if !ok {
		return nil, nil
	}
	r, _ := errors.AsType[*Refusal](err)
	return r, e
}

func statusOf(err error) int {
	if _, e := refusalOf(err); e != nil {
		return e.Status
	}
	return 0
}

// duplicate reports whether an error says that there is such an object already:
// 409, or a 400 that says so in its type or its words.
func duplicate(err error) bool {
	r, e := refusalOf(err)
	switch {
	case e == nil:
		return false
	case e.Status == http.StatusConflict:
		return true
	case e.Status != http.StatusBadRequest && e.Status != http.StatusUnprocessableEntity && e.Status != http.StatusInternalServerError:
		return false
	case strings.EqualFold(e.Code, "uniqueness"):
		return true
	}
	words := strings.ToLower(e.Message)
	if r != nil {
		words = strings.ToLower(r.Error())
	}
	for _, text := range []string{"already exist", "already in use", "already taken", "already has", "already used", "duplicate",
		"must be unique", "not unique", "in use by"} {
		if strings.Contains(words, text) {
			return true
		}
	}
	return false
}

// refusesValue reports whether an error means that some value is not taken, be it
// as it is or because somebody else has it, such as a name that two exchange.
func refusesValue(err error) bool {
	return !outcomeUnknown(err) && (statusOf(err) == http.StatusBadRequest || duplicate(err))
}

// notSupported reports whether an error says that a feature is not there.
func notSupported(err error) bool {
	s := statusOf(err)
	return s == http.StatusMethodNotAllowed || s == http.StatusNotImplemented
}

// filterRefused reports whether an error means that the filter was not understood.
func filterRefused(err error) bool {
	_, e := refusalOf(err)
	if e == nil {
		return false
	}
	return e.Status == http.StatusNotImplemented || e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden ||
		strings.EqualFold(e.Code, "invalidFilter") || strings.EqualFold(e.Code, "tooMany")
}

// wrongPath reports whether an error means that the way in which something was
// asked is not understood, rather than what was asked.
func wrongPath(err error) bool {
	_, e := refusalOf(err)
	return e != nil && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotImplemented) && !duplicate(err)
}

// outcomeUnknown reports whether nobody knows what became of a write.
func outcomeUnknown(err error) bool { return errors.Is(err, rest.ErrOutcomeUnknown) }

// answered reports whether a lost write was answered all the same, with an
// error of the server's own: it saw the request.
func answered(err error) bool {
	return outcomeUnknown(err) && statusOf(err) == http.StatusInternalServerError
}

// definite is an error about one object: the write did not happen.
func definite(err error, what string) error {
	_, e := refusalOf(err)
	if e == nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	plain := &rest.Error{System: e.System, Method: e.Method, Path: e.Path, Status: e.Status, Code: e.Code, Message: e.Message,
		Remedy: what, RequestID: e.RequestID, Attempts: e.Attempts}
	if r, ok := errors.AsType[*Refusal](err); ok {
		plain.Err = r
	}
	return plain
}
