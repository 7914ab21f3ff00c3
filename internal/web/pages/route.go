package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"syncd/internal/app"
)

// A route is what answers a method and a path.
type route struct {
	pattern string // of net/http, such as GET /customers/{key}
	role    app.Role
	handle  func(*request) (answer, error)
	body    int64 // the largest body in bytes; 0 is that of a form
	reads   bool  // whether a program is answered from CIPP and the bill as they are, which takes minutes
}

// maxForm is the largest form or JSON that is read.
const maxForm = 64 << 10

func (r *route) method() string {
	method, _, _ := strings.Cut(r.pattern, " ")
	return method
}

func (r *route) path() string {
	_, path, _ := strings.Cut(r.pattern, " ")
	return path
}

// A request is what somebody asks of the daemon.
type request struct {
	*http.Request
	app      *app.Running
	months   *kept[*app.MonthState]
	bill     *billKept
	products *kept[*app.ProductBoard]
	readings *readings
	person   app.Person
	known    bool // whether anybody is known to ask
	fields   url.Values
}

// An answer is what a handler gives back: a page, the same for programs, a way on, or a file.
// The frame writes it.
type answer struct {
	page     string   // the template's file without .html
	part     string   // the template that alone is sent to a script that swaps it in; empty: the page as a whole
	title    string   // of the browser's window
	headline string   // a sentence that answers the page's question
	sub      string   // below it
	strip    []figure // at most four
	trouble  []trouble
	status   int      // of the page; 0 is 200
	data     any      // what the template shows
	commands []string // that do the same

	json any // for programs, in the shape of the contract

	to   string // after something was done: where to look now (303)
	said string // after something was done: what, in a sentence

	file func(w http.ResponseWriter) error // writes a file or a stream, headers included
}

// A figure is a number of the strip with its unit.
type figure struct{ Value, Unit string }

// A trouble is what does not work, in few words, and what to do about it.
type trouble struct {
	What string // a sentence
	Do   string // more, and the way on
	Link string // where there is more of it
}

// wantsJSON reports whether a program asks.
func (q *request) wantsJSON() bool {
	for part := range strings.SplitSeq(q.Header.Get("Accept"), ",") {
		if kind, _, err := mime.ParseMediaType(part); err == nil && kind == "application/json" {
			return true
		}
	}
	return false
}

// wantsPart reports whether a script swaps a part of the page.
func (q *request) wantsPart() bool { return q.Header.Get("HX-Request") == "true" }

// may reports whether the person has a role.
func (q *request) may(least app.Role) bool { return q.person.Role.Contains(least) }

// read takes the body's fields: of a form, or the texts of a JSON object.
func (q *request) read() error {
	kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	switch {
	case q.Method == http.MethodGet || q.Method == http.MethodHead:
	case kind == "application/json":
		fields := map[string]any{}
		in := json.NewDecoder(q.Body)
		if err := in.Decode(&fields); err != nil && !errors.Is(err, io.EOF) {
			return unread(err, "the JSON")
		}
		switch _, err := in.Token(); {
		case err == nil:
			return fail(http.StatusBadRequest, "the JSON is more than one object; send one")
		case !errors.Is(err, io.EOF):
			return unread(err, "what follows the JSON")
		}
		q.fields = url.Values{}
		for name, value := range fields {
			list, many := value.([]any)
			if !many {
				list = []any{value}
			}
			for _, v := range list {
				text, ok := v.(string)
				if !ok {
					return fail(http.StatusUnprocessableEntity, "%s: write a text or a list of texts", name)
				}
				q.fields.Add(name, text)
			}
		}
	case kind == "multipart/form-data":
		if err := q.ParseMultipartForm(1 << 20); err != nil {
			return unread(err, "the form")
		}
		q.fields = q.PostForm
	case kind == "application/x-www-form-urlencoded" || kind == "" && q.ContentLength == 0:
		if err := q.ParseForm(); err != nil {
			return unread(err, "the form")
		}
		q.fields = q.PostForm
	default:
		return fail(http.StatusUnsupportedMediaType, "send a form or application/json, not %q", kind)
	}
	return reasonable(q.fields.Get("reason"))
}

// longestReason is of how many characters a reason is at most, as its fields of forms say.
const longestReason = 1000

// reasonable refuses a reason that is not one line of a journal.
func reasonable(reason string) error {
	switch {
	case utf8.RuneCountInString(reason) > longestReason:
		return fail(http.StatusUnprocessableEntity, "reason: has more than %d characters; say it shorter, or name a ticket", longestReason)
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		return fail(http.StatusUnprocessableEntity, "reason: holds a line break, or characters that nobody sees; write one line of plain text")
	}
	return nil
}

// unread is the error about a body that was not read.
func unread(err error, what string) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fail(http.StatusRequestEntityTooLarge, "%s is larger than the %d bytes that are read here", what, large.Limit)
	}
	return fail(http.StatusBadRequest, "%s cannot be read: %v", what, err)
}

// A failure is an error with the status that says it.
type failure struct {
	status int
	err    error
	allow  []string // methods, where another one was used
	title  string   // of the page, where it is not the status's own
	back   string   // the page where there is more of it, and its name
	backTo string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail is an error that is shown with a status.
func fail(status int, format string, args ...any) error {
	return &failure{status: status, err: fmt.Errorf(format, args...)}
}

func wrongMethod(allowed []string) error {
	return &failure{status: http.StatusMethodNotAllowed, err: fmt.Errorf("this address takes %s alone", strings.Join(allowed, ", ")), allow: allowed}
}
