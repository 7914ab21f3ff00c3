package rest

import (
	"bytes"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/visible"
)

// A Response is a whole answer.
type Response struct {
	Status   int
	Header   http.Header
	Body     []byte // unpacked; empty where there was none
	Method   string
	Path     string        // of the request; no query
	Attempts int           // how many requests it took
	Started  time.Time     // when the last of them left
	Elapsed  time.Duration // from then to the end of the answer

	system string
}

// tolerant takes what vendors send: names in another case than documented,
// names given twice, bytes that are not UTF-8. Looking for doubled names would
// also cost more than all the rest of reading.
var tolerant = json.JoinOptions(
	json.MatchCaseInsensitiveNames(true),
	jsontext.AllowDuplicateNames(true),
	jsontext.AllowInvalidUTF8(true),
)

// JSON reads the body into what v points to. An empty body leaves v untouched.
// A page (HTML) is an error that says so.
func (r *Response) JSON(v any) error {
	body := r.text()
	switch {
	case len(body) == 0:
		return nil
	case r.IsHTML():
		return r.fail("HTML where JSON was due: wrong base URL, or a proxy in between", nil)
	}
	if err := json.Unmarshal(body, v, tolerant); err != nil {
		return r.fail("answer not understood: "+Excerpt(err.Error()), err)
	}
	return nil
}

func (r *Response) fail(message string, cause error) error {
	return &Error{System: r.system, Method: r.Method, Path: r.Path, Status: r.Status, Message: message, Attempts: r.Attempts, Err: cause}
}

const (
	excerptRunes = 200
	messageRunes = 1000 // of what a system's own Classify says
	rawExcerpt   = 16 << 10
)

// Excerpt makes one short line of a foreign text: no control characters, at
// most 200 characters.
func Excerpt(s string) string { return visible.Clip(visible.Line(s), excerptRunes) }

// summary returns the body as one line, not yet cut to size; of a page its title.
func (r *Response) summary() string {
	body := r.text()
	if len(body) > rawExcerpt {
		body = body[:rawExcerpt]
	}
	if len(body) > 0 && body[0] == '<' {
		if title := titleOf(body); title != "" {
			return "a page (HTML) titled " + title
		}
		return "a page (HTML)"
	}
	return visible.Line(string(body))
}

// text returns the body without byte order mark and surrounding space.
func (r *Response) text() []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(r.Body), []byte("\xef\xbb\xbf")))
}

func titleOf(page []byte) string {
	lower := bytes.ToLower(page)
	from := bytes.Index(lower, []byte("<title"))
	if from < 0 || len(lower) != len(page) {
		return ""
	}
	open := bytes.IndexByte(lower[from:], '>')
	if open < 0 {
		return ""
	}
	from += open + 1
	to := bytes.Index(lower[from:], []byte("</title"))
	if to < 0 {
		return ""
	}
	return visible.Line(string(page[from : from+to]))
}
