package itglue

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/rest"
)

// Codes of our own, for refusals that code branches on.
const (
	codeInaccessible = "resource_not_accessible" // a 401 about what was referred to
	codeTraits       = "unknown_trait"           // a trait key that the type does not have
	codeField        = "invalid_field"           // one value; the pointer names it
	codeSynced       = "synced_record"           // a record that another system keeps
)

// waitWithoutRetryAfter is how long all workers rest after a 429 that does not say
// how long: the vendor counts in windows of five minutes and documents no header.
const waitWithoutRetryAfter = 30 * time.Second

// refusal is the body of an error. Status is a number or a text, a detail one
// text or several, and the gateway in front answers in a shape of its own.
type refusal struct {
	Errors []struct {
		Title  string         `json:"title"`
		Detail jsontext.Value `json:"detail"`
		Source struct {
			Pointer string `json:"pointer"`
		} `json:"source"`
	} `json:"errors"`
	Message string `json:"message"`
}

// classify judges an answer:
//
//	400, 404, 413, 415  the request is at fault
//	401 with errors     something referred to is not accessible: that record or mapping
//	401 without         the key
//	403                 the key, the region, an address that is not let in, or a text the edge dislikes
//	422                 the record, with the field named where IT Glue names it
//	429                 temporary, all wait
//	5xx                 temporary
//
// Bodies may be empty or a page: then the status alone decides.
func classify(r *rest.Response) error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	var body refusal
	if raw := bytes.TrimSpace(r.Body); len(raw) > 0 && raw[0] == '{' {
		// Not being able to read it is no news: the status speaks.
		_ = json.Unmarshal(raw, &body, readOptions)
	}
	e := &rest.Error{System: "itglue", Status: r.Status, Message: body.Message}
	var pointers []string
	for _, entry := range body.Errors {
		text := strings.Join(append([]string{}, detailTexts(entry.Detail)...), ", ")
		if text == "" {
			text = entry.Title
		}
		if p := strings.TrimPrefix(entry.Source.Pointer, "/"); p != "" {
			pointers = append(pointers, p)
			if at := fieldOfPointer(p); at != "" {
				text = at + ": " + text
			}
		}
		if e.Message != "" {
			e.Message += "; "
		}
		e.Message += text
	}
	if e.Message == "" {
		e.Message = http.StatusText(r.Status)
	}
	switch {
	case r.Status == http.StatusUnauthorized && len(body.Errors) > 0:
		e.Code = codeInaccessible
		e.Remedy = "the organization, type or contact it refers to is gone, or the key may not see it"
	case r.Status == http.StatusUnauthorized:
		e.Unauthorised, e.Remedy = true, keyRemedy
	case r.Status == http.StatusForbidden && r.IsHTML():
		e.Forbidden, e.Message, e.Remedy = true, "a page (HTML)", rest.Blocked+"; "+keyRemedy
	case r.Status == http.StatusForbidden:
		e.Forbidden, e.Remedy = true, keyRemedy
	case r.Status == http.StatusNotFound:
		e.NotFound = true
	case r.Status == http.StatusUnprocessableEntity:
		words := strings.ToLower(e.Message)
		switch {
		case strings.Contains(words, "synced"), strings.Contains(words, "integration"):
			e.Code = codeSynced
		case len(pointers) > 0 && strings.HasSuffix(pointers[0], "/traits"):
			e.Code = codeTraits
		case len(pointers) > 0:
			e.Code = codeField
		}
	case r.Status == http.StatusTooManyRequests:
		e.Temporary = true
		if r.Header.Get("Retry-After") == "" {
			e.RetryAfter = waitWithoutRetryAfter
		}
	default:
		e.Temporary = rest.Transient(r.Status)
	}
	return e
}

const keyRemedy = "check itglue.api_key and that itglue.url is the region of the account; IT Glue revokes keys that nobody used for 90 days, and an account may let in some addresses only"

// fieldOfPointer is the field that a pointer names, or nothing.
func fieldOfPointer(pointer string) string {
	pointer = pointer[strings.LastIndexByte(pointer, '/')+1:]
	if pointer == "data" || pointer == "id" || pointer == "traits" {
		return ""
	}
	return strings.TrimPrefix(pointer, "flexible-asset-traits.")
}

// detailTexts reads a text, or an array of them.
func detailTexts(v jsontext.Value) []string {
	var one string
	if json.Unmarshal(v, &one) == nil {
		return []string{one}
	}
	var several []string
	_ = json.Unmarshal(v, &several)
	return several
}

// refusedWith reports whether an error is a refusal with one of our codes.
func refusedWith(err error, code string) bool {
	refused, ok := errors.AsType[*rest.Error](err)
	return ok && refused.Code == code
}

// gone reports whether an error is the 404 of a record that is no more.
func gone(err error) bool {
	return rest.Gone(err) || errors.Is(err, errNoData)
}
