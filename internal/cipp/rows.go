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

// A notDataError is a row that holds no data: an error, a placeholder or a sentence in
// place of a row. One of them makes the whole list unproven.
type notDataError struct {
	row  int // counted from 1
	text string
}

func (e *notDataError) Error() string {
	return fmt.Sprintf("row %d is not data: %q", e.row, clip(e.text, 160))
}

// A row has the members that every row of CIPP may have besides its data.
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
	notData() string // why the row is no data, or ""
	tenant() text    // whose the row says it is, or ""
}

func (r *row) tenant() text { return r.Tenant }

func (r *row) notData() string {
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
// list of nothing but nulls is empty. A row that is no data is a notDataError
// for the whole list.
func rowsOf[T any, P rowOf[T]](raw []byte) ([]T, error) {
	rows, notData, err := validRows[T, P](raw)
	if err == nil {
		err = notData
	}
	if err != nil {
		return nil, decodeError(err)
	}
	return rows, nil
}

// validRows is rowsOf for a list whose rows do not concern one another: it leaves out
// the rows that are no data and returns the error of the first of them.
func validRows[T any, P rowOf[T]](raw []byte) (rows []T, notData, err error) {
	if len(raw) == 0 {
		return nil, nil, nil
	}
	dec := decoder(raw)
	rows, notData, err = rowsFrom[T, P](dec)
	switch {
	case err == nil && !atEnd(dec):
		err = errors.New("something follows the rows")
	case err != nil:
		if apart, ok := rowsOneByOne[T, P](raw); ok {
			return apart, nil, nil
		}
	}
	return rows, notData, err
}

// A namedRow keeps its ids and names where the rest of it makes no sense.
type namedRow interface {
	fillNames(rowNames)
}

// rowNames are the ids and names by which a row is identified.
type rowNames struct {
	row
	ID   looseText `json:"id"`
	SKU  looseText `json:"skuId"`
	Part looseText `json:"skuPartNumber"`
	UPN  looseText `json:"userPrincipalName"`
	Name looseText `json:"displayName"`
}

// A looseText is a text, and "" where there is anything else.
type looseText string

// UnmarshalJSONFrom reads any value.
func (l *looseText) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = ""
	raw, err := dec.ReadValue()
	if err == nil && raw.Kind() == '"' {
		var s string
		err = json.Unmarshal(raw, &s, tolerant)
		*l = looseText(strings.TrimSpace(s))
	}
	return err
}

// unreadNote returns how many items of a list make no sense, as the end of a check.
// It is an error where none of them does: then the answer is broken and not a row
// of it, and so it is where the host cut off what lay deep in several.
func unreadNote[T any](what string, items []T, unread func(*T) string) (string, error) {
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

// rowsOneByOne reads a list of which some rows make no sense, each row by itself:
// one that cannot be read keeps its names and the reason. It is not ok where the
// list holds anything but rows, where no row makes sense, which then is the
// answer's fault and not a row's, or where rows of this sort have no names.
func rowsOneByOne[T any, P rowOf[T]](raw []byte) (rows []T, ok bool) {
	if _, can := any(P(new(T))).(namedRow); !can || raw[0] != '[' {
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
			var told rowNames
			if err := json.Unmarshal(one, &told, tolerant); err != nil {
				return err
			}
			*r = *new(T)
			told.unread = decodeErrorAt(broken, 0).Error()
			any(r).(namedRow).fillNames(told)
		} else {
			sound++
		}
		if r.notData() != "" {
			return errNotJSON
		}
		return nil
	})
	return rows, err == nil && atEnd(dec) && sound > 0
}

// rowsFrom is rowsAmong for the value that comes next.
func rowsFrom[T any, P rowOf[T]](dec *jsontext.Decoder) (rows []T, notData, err error) {
	n, nulls := 0, 0
	one := func(dec *jsontext.Decoder) error {
		n++
		switch dec.PeekKind() {
		case '{':
			rows = append(rows, *new(T))
			if err := json.UnmarshalDecode(dec, &rows[len(rows)-1]); err != nil {
				return fmt.Errorf("row %d: %w", n, decodeError(err))
			}
			if why := P(&rows[len(rows)-1]).notData(); why != "" {
				rows = rows[:len(rows)-1]
				notData = cmp.Or[error](notData, &notDataError{n, why})
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
			if s := errorWords(value); cut(s) {
				return &cutError{s}
			}
			notData = cmp.Or[error](notData, &notDataError{n, errorWords(value)})
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
		notData = cmp.Or[error](notData, &notDataError{n, "null"})
	}
	return rows, notData, err
}

// A list is a collection within a row: an array, a single object, null, or a
// string that holds one of them.
type list[T any, P rowOf[T]] []T

// UnmarshalJSONFrom reads any of these.
func (l *list[T, P]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = nil
	if kind := dec.PeekKind(); kind == '[' || kind == '{' || kind == 'n' {
		// Most lists are what they should be, and need no decoder of their own.
		rows, notData, err := rowsFrom[T, P](dec)
		*l = rows
		if err == nil {
			err = notData
		}
		if err != nil {
			return decodeError(err)
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
		raw = trimBody([]byte(inner))
		if len(raw) > 0 && raw[0] != '[' && raw[0] != '{' && string(raw) != "null" {
			return fmt.Errorf("text (%q) where a list was due", clip(string(raw), 40))
		}
	}
	rows, err := rowsOf[T, P](raw)
	*l = rows
	return err
}

// decodeError shortens an error of the decoder for operators.
func decodeError(err error) error { return decodeErrorAt(err, 1) }

// decodeErrorAt is plain for an error whose place begins with so many steps that the
// caller names: the row.
func decodeErrorAt(err error, named int) error {
	if c, ok := errors.AsType[*cutError](err); ok {
		return c
	}
	if s, ok := errors.AsType[*notDataError](err); ok {
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
