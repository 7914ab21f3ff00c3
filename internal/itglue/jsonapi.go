package itglue

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/rest"
)

// readOptions decode what IT Glue answers: tolerant of members that nobody
// documented. Looking for doubled names would cost more than all the rest.
var readOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// An id is the number of a record. It arrives as text, number or null, has up
// to 18 digits, and so must never pass through a float. 0 is none.
type id int64

func (n id) String() string { return strconv.FormatInt(int64(n), 10) }

// UnmarshalJSON takes text, a number or null.
func (n *id) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if text == "null" || text == "" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not an id", rest.Excerpt(text))
	}
	*n = id(v)
	return nil
}

func parseID(text string) (id, error) {
	v, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("%q is not an id of IT Glue", rest.Excerpt(text))
	}
	return id(v), nil
}

// A pointer names another record of a document.
type pointer struct {
	ID   id     `json:"id"`
	Type string `json:"type"`
}

// A relationship leads to records that are included in the document.
type relationship struct {
	Data []pointer `json:"data"`
}

// A resource is one record of a document.
type resource[A any] struct {
	ID            id                      `json:"id"`
	Type          string                  `json:"type"`
	Attributes    A                       `json:"attributes"`
	Relationships map[string]relationship `json:"relationships"`
	// Included belongs beside data; one sample of the vendor's shows it inside.
	Included []included `json:"included"`
}

// An included record came along because it was asked for.
type included struct {
	ID         id             `json:"id"`
	Type       string         `json:"type"`
	Attributes jsontext.Value `json:"attributes"`
}

type meta struct {
	NextPage   *int `json:"next-page"`
	TotalCount *int `json:"total-count"`
}

type listDocument[A any] struct {
	Data     []resource[A] `json:"data"`
	Included []included    `json:"included"`
	Meta     meta          `json:"meta"`
}

type document[A any] struct {
	Data     *resource[A] `json:"data"`
	Included []included   `json:"included"`
}

// errNoData says that an answer held no record: one way in which a record
// that is gone shows.
var errNoData = errors.New("an answer without the record")

func read(resp *rest.Response, into any) error {
	body := bytes.TrimSpace(bytes.TrimPrefix(resp.Body, []byte("\xef\xbb\xbf")))
	switch {
	case len(body) == 0:
		return fmt.Errorf("itglue: %s %s: %w", resp.Method, resp.Path, errNoData)
	case body[0] == '<':
		return fmt.Errorf("itglue: %s %s: HTML where JSON was due: wrong itglue.url, or a proxy in between", resp.Method, resp.Path)
	}
	if err := json.Unmarshal(body, into, readOptions); err != nil {
		return fmt.Errorf("itglue: %s %s: answer not understood: %w", resp.Method, resp.Path, err)
	}
	return nil
}

// single reads the one record of an answer.
func single[A any](resp *rest.Response) (*resource[A], error) {
	var doc document[A]
	if err := read(resp, &doc); err != nil {
		return nil, err
	}
	if doc.Data == nil || doc.Data.ID == 0 {
		return nil, fmt.Errorf("itglue: %s %s: %w", resp.Method, resp.Path, errNoData)
	}
	doc.Data.Included = slices.Concat(doc.Included, doc.Data.Included)
	return doc.Data, nil
}

// outgoing is the body of a write: one record, names in kebab case.
func outgoing(kind string, attributes any) map[string]any {
	return map[string]any{"data": map[string]any{"type": kind, "attributes": attributes}}
}

// A flag is a boolean that may be null, a text or a number.
type flag bool

// UnmarshalJSON takes what clients have met: true, "true", "Yes", 1, null.
func (f *flag) UnmarshalJSON(raw []byte) error {
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true", "yes", "1", "t", "y":
		*f = true
	default:
		*f = false
	}
	return nil
}

// A label is a text that may be null, or a number where a text is due.
type label string

// UnmarshalJSON takes a text, a number or null.
func (l *label) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		*l = ""
		return nil
	}
	if raw[0] != '"' {
		*l = label(raw)
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	*l = label(strings.ToValidUTF8(string(text), "\uFFFD"))
	if err != nil && len(text) > 0 {
		err = nil // bytes that are no UTF-8
	}
	return err
}
