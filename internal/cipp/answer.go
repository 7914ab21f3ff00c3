package cipp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// tolerant are the options for everything CIPP says. Key casing differs
// between live and cached answers of one endpoint. Duplicate names are let
// through because checking for them costs eight times the decoding, and
// broken UTF-8 because one mangled display name must not lose a tenant.
var tolerant = json.JoinOptions(
	json.MatchCaseInsensitiveNames(true),
	jsontext.AllowDuplicateNames(true),
	jsontext.AllowInvalidUTF8(true),
)

// An answer is the body of a 200, opened but not yet decoded.
type answer struct {
	rows  []byte   // a JSON array or a single object; nil when there were none
	meta  metadata // of an envelope
	texts []string // sentences where rows were due: the error of an endpoint that does not use status codes
}

// metadata is what an envelope says about its rows. The key of the queue was
// QueuedId up to version 8.
type metadata struct {
	Queued       flag `json:"Queued"`
	QueueMessage text `json:"QueueMessage"`
	QueueID      text `json:"QueueId"`
	QueuedID     text `json:"QueuedId"`
	NextLink     text `json:"nextLink"`
	TenantFilter text `json:"TenantFilter"`
}

// An envelope is a JSON object of any kind, decoded: {"Results", "Metadata"},
// an error, a sentence with its state, or the only row there is.
type envelope struct {
	wrapped  bool // it has Results
	results  jsontext.Value
	meta     metadata
	errors   []string // {"error":"…"} and {"error":{"code","message"}}
	copyFrom jsontext.Value

	state, sentence, message, severity string
}

// errNotJSON is wrapped with an excerpt of what came instead.
var errNotJSON = errors.New("the answer is text, not data")

// openAnswer removes the wrapping of a body: a byte order mark, an envelope of
// {"Results":…,"Metadata":…}, a single object in place of a list. Empty, null
// and "" are an answer without rows. The answer shares body's memory.
func openAnswer(body []byte) (answer, error) {
	body = trimBody(body)
	if len(body) == 0 {
		return answer{}, nil
	}
	switch body[0] {
	case '[':
		return answer{rows: body}, nil
	case '{':
		e, err := unwrap(body)
		if err != nil {
			return answer{}, err
		}
		return e.list(body), nil
	}
	dec := decoder(body)
	value, err := dec.ReadValue()
	if err != nil || !atEnd(dec) {
		// Text that is not JSON at all; "null and more" is text too.
		return answer{}, fmt.Errorf("%w: %q", errNotJSON, clip(string(body), 200))
	}
	if s := errorWords(value); s != "" {
		return answer{texts: []string{s}}, nil
	}
	return answer{}, nil
}

// atEnd reports whether nothing but white space follows. PeekKind cannot tell
// the end from garbage.
func atEnd(dec *jsontext.Decoder) bool {
	_, err := dec.ReadToken()
	return err == io.EOF
}

// trimBody removes a byte order mark and white space.
func trimBody(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf")))
}

func decoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), tolerant)
}

// unwrap decodes an object into an envelope. What it returns shares body's memory.
func unwrap(body []byte) (e envelope, err error) {
	err = members(decoder(body), func(dec *jsontext.Decoder, name string) error {
		raw, err := slice(dec, body)
		if err != nil {
			return err
		}
		value := jsontext.Value(raw)
		switch strings.ToLower(name) {
		case "results":
			e.wrapped, e.results = true, value
		case "metadata":
			if value.Kind() == '{' {
				return json.Unmarshal(value, &e.meta, tolerant)
			}
		case "error":
			// null, false or 0 where all is well.
			if kind := value.Kind(); kind == '"' || kind == '{' || kind == '[' {
				if s := errorWords(value); s != "" {
					e.errors = append(e.errors, s)
				}
			}
		case "copyfrom":
			e.copyFrom = value
		case "state":
			e.state = errorWords(value)
		case "resulttext":
			e.sentence = errorWords(value)
		case "message":
			e.message = errorWords(value)
		case "severity":
			e.severity = errorWords(value)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("the answer is not sound JSON: %w", err)
	}
	return e, err
}

// list returns the envelope as a list of rows.
func (e *envelope) list(body []byte) answer {
	a := answer{meta: e.meta, texts: e.errors}
	switch {
	case !e.wrapped && len(e.errors) == 0:
		a.rows = body // the only row
	case !e.wrapped:
	case e.results.Kind() == '[' || e.results.Kind() == '{':
		a.rows = e.results
	default:
		if s := errorWords(e.results); s != "" {
			a.texts = append(a.texts, s)
		}
	}
	return a
}

// slice reads the next value and returns its place in body, which the decoder
// reads from: without a copy, and valid for longer than the decoder's own.
func slice(dec *jsontext.Decoder, body []byte) ([]byte, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(dec.InputOffset())
	return body[end-len(raw) : end : end], nil
}

// members calls each for every member of the object that comes next; each
// must read or skip exactly one value.
func members(dec *jsontext.Decoder, each func(dec *jsontext.Decoder, name string) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := each(dec, name.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// errorWords returns the text of an error value: a string, {"message":…},
// {"error":{…}}, {"Results":…} or a list of those; "" where there are none.
func errorWords(raw []byte) string { return errorWordsAt(raw, 0) }

// errorWordsAt stops at a depth of five: each level is read again by the next, and no
// error is nested deeper.
func errorWordsAt(raw []byte, depth int) string {
	raw = trimBody(raw)
	if len(raw) == 0 || depth > 5 {
		return ""
	}
	switch raw[0] {
	case '"', '{', '[':
	default:
		if string(raw) == "null" {
			return ""
		}
		return clip(string(raw), 200)
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s, tolerant) != nil {
			return clip(string(raw), 200)
		}
		return clip(s, 200)
	}
	if raw[0] == '[' {
		var parts []string
		_ = elements(decoder(raw), func(dec *jsontext.Decoder) error {
			part, err := dec.ReadValue()
			if err == nil && len(parts) < 3 {
				if s := errorWordsAt(part, depth+1); s != "" {
					parts = append(parts, s)
				}
			}
			return err
		})
		return clip(strings.Join(parts, "; "), 200)
	}
	var code, message string
	_ = members(decoder(raw), func(dec *jsontext.Decoder, name string) error {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		switch strings.ToLower(name) {
		case "code":
			code = errorWordsAt(value, depth+1)
		case "message", "error", "results", "resulttext":
			if message == "" {
				message = errorWordsAt(value, depth+1)
			}
		}
		return nil
	})
	if message == "" {
		return code
	}
	return message
}

// elements calls each for every element of the array that comes next; each
// must read or skip exactly one value.
func elements(dec *jsontext.Decoder, each func(dec *jsontext.Decoder) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := each(dec); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
