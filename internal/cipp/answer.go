package cipp

import (
	"bytes"
	"cmp"
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

// metadata is what an envelope says about its rows.
type metadata struct {
	Queued       flag `json:"Queued"`
	QueueMessage text `json:"QueueMessage"`
	NextLink     text `json:"nextLink"`
	TenantFilter text `json:"TenantFilter"`
}

// errNotJSON is wrapped with an excerpt of what came instead.
var errNotJSON = errors.New("the answer is text, not data")

// open takes the wrapping off a body: a byte order mark, an envelope of
// {"Results":…,"Metadata":…}, a single object in place of a list. Empty, null
// and "" are an answer without rows. The answer shares body's memory.
func open(body []byte) (answer, error) {
	body = bare(body)
	if len(body) == 0 {
		return answer{}, nil
	}
	switch body[0] {
	case '[':
		return answer{rows: body}, nil
	case '{':
		return unwrap(body)
	}
	dec := decoder(body)
	value, err := dec.ReadValue()
	if err != nil || !atEnd(dec) {
		// Text that is not JSON at all; "null and more" is text too.
		return answer{}, fmt.Errorf("%w: %q", errNotJSON, clip(string(body), 200))
	}
	if s := said(value); s != "" {
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

// bare cuts off a byte order mark and white space.
func bare(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\xef\xbb\xbf")))
}

func decoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), tolerant)
}

// unwrap opens an object, which is an envelope, an error, or the only row.
func unwrap(body []byte) (answer, error) {
	var a answer
	envelope := false
	err := members(decoder(body), func(dec *jsontext.Decoder, name string) error {
		switch {
		case strings.EqualFold(name, "Results"):
			envelope = true
			return a.results(dec, body)
		case strings.EqualFold(name, "Metadata") && dec.PeekKind() == '{':
			return json.UnmarshalDecode(dec, &a.meta)
		case strings.EqualFold(name, "error"):
			// {"error":"…"} and {"error":{"code","message"}}; null where all is well.
			if s := sentence(dec); s != "" {
				a.texts = append(a.texts, s)
			}
			return nil
		}
		return dec.SkipValue()
	})
	if err != nil {
		return answer{}, fmt.Errorf("the answer is not sound JSON: %w", err)
	}
	if !envelope && len(a.texts) == 0 {
		a.rows = body
	}
	return a, nil
}

// results reads the Results of an envelope: rows, one row, a sentence, null.
func (a *answer) results(dec *jsontext.Decoder, body []byte) (err error) {
	switch dec.PeekKind() {
	case '[', '{':
		a.rows, err = slice(dec, body)
		return err
	}
	s, err := scalar(dec)
	if s != "" {
		a.texts = append(a.texts, clip(s, 200))
	}
	return err
}

// slice reads the next value and returns its place in body, which the decoder
// reads from: without a copy, and good for longer than the decoder's own.
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

// sentence reads an error in one of its shapes and returns what it says.
func sentence(dec *jsontext.Decoder) string {
	raw, err := dec.ReadValue()
	if err != nil {
		return ""
	}
	return said(raw)
}

// said returns the words of an error value: a string, {"message":…},
// {"error":{…}}, {"Results":…} or a list of those; "" where there are none.
func said(raw []byte) string { return saidAt(raw, 0) }

// saidAt stops at a depth at which nobody says anything: every level is read
// once more by the next.
func saidAt(raw []byte, depth int) string {
	raw = bare(raw)
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
				if s := saidAt(part, depth+1); s != "" {
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
			code = saidAt(value, depth+1)
		case "message", "error", "results", "resulttext":
			if message == "" {
				message = saidAt(value, depth+1)
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

// A strayError is a row that holds no data: an error, a placeholder or a
// sentence where a row was due. One of them makes the whole list unproven.
type strayError struct {
	row  int // counted from 1
	text string
}

func (e *strayError) Error() string {
	return fmt.Sprintf("row %d is not data: %q", e.row, clip(e.text, 160))
}

// A row is what every row of CIPP may carry besides its data.
type row struct {
	Tenant     text `json:"Tenant"`
	CippStatus text `json:"CippStatus"`
	Message    text `json:"Message"`
	Error      text `json:"CippException"`

	unread string // why the row makes no sense, or ""
}

// A rowOf is a pointer to a row of type T: whatever has a row embedded.
type rowOf[T any] interface {
	*T
	stray() string // why the row is no data, or ""
	tenant() text  // whose the row says it is, or ""
}

func (r *row) tenant() text { return r.Tenant }

func (r *row) stray() string {
	switch {
	case r.CippStatus != "" && !strings.EqualFold(string(r.CippStatus), "Good"):
		return string(r.CippStatus)
	case r.Error != "":
		return string(r.Error)
	case placeholder(string(r.Tenant)):
		return string(r.Tenant)
	case placeholder(string(r.Message)):
		return string(r.Message)
	}
	return ""
}

// placeholder reports whether s is one of the sentences that CIPP puts into a
// row while it has nothing better.
func placeholder(s string) bool {
	return strings.HasPrefix(s, "Loading data") ||
		strings.HasPrefix(s, "Could not connect to") ||
		strings.HasPrefix(s, "This function has been deprecated")
}

// rowsOf decodes raw, an array of objects or a single object, into rows. A
// list of nothing but nulls is empty. A row that is no data is a strayError
// for the whole list.
func rowsOf[T any, P rowOf[T]](raw []byte) ([]T, error) {
	rows, stray, err := rowsAmong[T, P](raw)
	if err == nil {
		err = stray
	}
	if err != nil {
		return nil, plain(err)
	}
	return rows, nil
}

// rowsAmong is rowsOf for a list in which each row speaks for itself alone: it
// leaves out the rows that are no data and says what the first of them was.
func rowsAmong[T any, P rowOf[T]](raw []byte) (rows []T, stray, err error) {
	if len(raw) == 0 {
		return nil, nil, nil
	}
	dec := decoder(raw)
	rows, stray, err = rowsFrom[T, P](dec)
	switch {
	case err == nil && !atEnd(dec):
		err = errors.New("something follows the rows")
	case err != nil:
		if apart, ok := rowsApart[T, P](raw); ok {
			return apart, nil, nil
		}
	}
	return rows, stray, err
}

// A salvager is a row that says whose it is where the rest of it makes no sense.
type salvager interface {
	salvage(nameplate)
}

// A nameplate is what a row may be told by.
type nameplate struct {
	row
	ID   loose `json:"id"`
	SKU  loose `json:"skuId"`
	Part loose `json:"skuPartNumber"`
	UPN  loose `json:"userPrincipalName"`
	Name loose `json:"displayName"`
}

// A loose is a text where there is one, and "" where there is anything else.
type loose string

// UnmarshalJSONFrom reads any value.
func (l *loose) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = ""
	raw, err := dec.ReadValue()
	if err == nil && raw.Kind() == '"' {
		var s string
		err = json.Unmarshal(raw, &s, tolerant)
		*l = loose(strings.TrimSpace(s))
	}
	return err
}

// someUnread says how many items of a list make no sense, as the end of a check.
// It is an error where none of them does: then the answer is broken and not a row
// of it, and so it is where the host cut off what lay deep in several.
func someUnread[T any](what string, items []T, unread func(*T) string) (string, error) {
	n, cuts := 0, 0
	first := ""
	for i := range items {
		why := unread(&items[i])
		if why == "" {
			continue
		}
		n++
		first = cmp.Or(first, why)
		if strings.Contains(why, cutWords) {
			cuts++
		}
	}
	switch {
	case n == 0:
		return "", nil
	case n == len(items), cuts > 1:
		return "", fmt.Errorf("%s: %d of %d rows make no sense, the first because %s", what, n, len(items), first)
	}
	return fmt.Sprintf(", but for %d of %d rows, which make no sense", n, len(items)), nil
}

// rowsApart reads a list of which some rows make no sense, each row by itself:
// one that cannot be read keeps its names and the reason. It is not ok where the
// list holds anything but rows, where no row makes sense, which then is the
// answer's fault and not a row's, or where rows of this sort have no names.
func rowsApart[T any, P rowOf[T]](raw []byte) (rows []T, ok bool) {
	if _, can := any(P(new(T))).(salvager); !can || raw[0] != '[' {
		return nil, false
	}
	sound := 0
	dec := decoder(raw)
	err := elements(dec, func(dec *jsontext.Decoder) error {
		one, err := dec.ReadValue()
		if err != nil || one.Kind() != '{' {
			return cmp.Or(err, errNotJSON)
		}
		rows = append(rows, *new(T))
		r := P(&rows[len(rows)-1])
		broken := json.Unmarshal(one, r, tolerant)
		if broken != nil {
			var told nameplate
			if err := json.Unmarshal(one, &told, tolerant); err != nil {
				return err
			}
			*r = *new(T)
			told.unread = plainAt(broken, 0).Error()
			any(r).(salvager).salvage(told)
		} else {
			sound++
		}
		if r.stray() != "" {
			return errNotJSON
		}
		return nil
	})
	return rows, err == nil && atEnd(dec) && sound > 0
}

// rowsFrom is rowsAmong for the value that comes next.
func rowsFrom[T any, P rowOf[T]](dec *jsontext.Decoder) (rows []T, stray, err error) {
	n, nulls := 0, 0
	one := func(dec *jsontext.Decoder) error {
		n++
		switch dec.PeekKind() {
		case '{':
			rows = append(rows, *new(T))
			if err := json.UnmarshalDecode(dec, &rows[len(rows)-1]); err != nil {
				return fmt.Errorf("row %d: %w", n, plain(err))
			}
			if why := P(&rows[len(rows)-1]).stray(); why != "" {
				rows = rows[:len(rows)-1]
				stray = cmp.Or[error](stray, &strayError{n, why})
			}
			return nil
		case 'n':
			nulls++
			return dec.SkipValue()
		case '"', '0', 't', 'f', '[':
			value, err := dec.ReadValue()
			if err != nil {
				return err
			}
			if s := said(value); cut(s) {
				return &cutError{s}
			}
			stray = cmp.Or[error](stray, &strayError{n, said(value)})
			return nil
		}
		return dec.SkipValue() // broken JSON, which it names
	}
	switch dec.PeekKind() {
	case '[':
		err = elements(dec, one)
	case 'n':
		_, err = dec.ReadToken() // null, or a word that begins like it
	case '{', '"':
		// One row arrives without its list from older hosts; a lone sentence
		// is an error row in the same dress.
		err = one(dec)
	default:
		err = errors.New("the rows are neither a list nor an object")
	}
	if nulls > 0 && len(rows) > 0 {
		stray = cmp.Or[error](stray, &strayError{n, "null"})
	}
	return rows, stray, err
}

// A list is a collection within a row: an array, a single object, null, or a
// string that holds one of them.
type list[T any, P rowOf[T]] []T

// UnmarshalJSONFrom reads any of these.
func (l *list[T, P]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = nil
	if kind := dec.PeekKind(); kind == '[' || kind == '{' || kind == 'n' {
		// Most lists are what they should be, and need no decoder of their own.
		rows, stray, err := rowsFrom[T, P](dec)
		*l = rows
		if err == nil {
			err = stray
		}
		if err != nil {
			return plain(err)
		}
		return nil
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if raw.Kind() == '"' {
		var inner string
		if err := json.Unmarshal(raw, &inner, tolerant); err != nil {
			return err
		}
		if cut(inner) {
			return &cutError{inner}
		}
		raw = bare([]byte(inner))
		if len(raw) > 0 && raw[0] != '[' && raw[0] != '{' && string(raw) != "null" {
			return fmt.Errorf("text (%q) where a list was due", clip(string(raw), 40))
		}
	}
	rows, err := rowsOf[T, P](raw)
	*l = rows
	return err
}

// plain shortens an error of the decoder to what an operator can use.
func plain(err error) error { return plainAt(err, 1) }

// plainAt is plain for an error whose place begins with so many steps that the
// caller names: the row.
func plainAt(err error, named int) error {
	if c, ok := errors.AsType[*cutError](err); ok {
		return c
	}
	if s, ok := errors.AsType[*strayError](err); ok {
		return s
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the answer ends in the middle")
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		where := strings.TrimPrefix(string(e.JSONPointer), "/")
		for range named {
			_, where, _ = strings.Cut(where, "/")
		}
		if e.Err != nil {
			return fmt.Errorf("%s: %w", where, e.Err)
		}
		return fmt.Errorf("%s holds a JSON %s where something else was due", where, e.JSONKind)
	}
	return err
}
