package cipp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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
