package cipp

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"syncd/internal/visible"

	"github.com/go-json-experiment/json/jsontext"
)

// CIPP's answers come out of PowerShell: a number may be a string, a boolean
// may be "True", a list of one may be its element, and what lies deeper than
// the host serialises is cut down to the text PowerShell prints for it. The
// types below read each of these as what was meant, and nothing else.

// A text is a string; numbers and booleans are taken as written, null as "".
type text string

// A number is a whole number. What was there and is not one is kept in bad, so
// that the row can be named in the complaint.
type number struct {
	n   int
	set bool   // false for null, "" and a missing key
	bad string // what was there instead of a whole number
}

// A flag is a boolean, or not set.
type flag struct{ on, set bool }

// A moment is a time; zero where there is none, where Microsoft writes the
// year 1 for "never", and where the text is no time.
type moment struct{ time.Time }

// A cutError says that the host cut an answer at its depth limit: the data was
// there and is lost, which is not the same as empty.
type cutError struct{ text string }

const cutWords = "cut at its depth limit"

func (e *cutError) Error() string {
	return fmt.Sprintf("the answer was "+cutWords+" (%q where data should be)", clip(e.text, 60))
}

// cut reports whether s is what PowerShell prints for a value that lay too deep.
func cut(s string) bool {
	return strings.HasPrefix(s, "@{") || strings.HasPrefix(s, "System.Collections.") || strings.HasPrefix(s, "System.Object")
}

// scalar reads one scalar of any kind as text. An array of one scalar is that
// scalar; null, [] and "" are "".
func scalar(dec *jsontext.Decoder) (string, error) {
	switch kind := dec.PeekKind(); kind {
	case '"', '0', 't', 'f':
		token, err := dec.ReadToken()
		if err != nil {
			return "", err
		}
		s := token.String()
		if kind == '"' && cut(s) {
			return "", &cutError{s}
		}
		return s, nil
	case '[':
		if _, err := dec.ReadToken(); err != nil {
			return "", err
		}
		if dec.PeekKind() == ']' {
			_, err := dec.ReadToken()
			return "", err
		}
		s, err := scalar(dec)
		if err != nil {
			return "", err
		}
		if dec.PeekKind() != ']' {
			return "", fmt.Errorf("a list where a single value was due")
		}
		_, err = dec.ReadToken()
		return s, err
	case '{':
		return "", fmt.Errorf("an object where a single value was due")
	default: // null, or broken JSON, which ReadToken names
		_, err := dec.ReadToken()
		return "", err
	}
}

// UnmarshalJSONFrom reads any scalar.
func (t *text) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s, err := scalar(dec)
	*t = text(s)
	return err
}

// trimmed returns t without surrounding space.
func (t text) trimmed() string { return strings.TrimSpace(string(t)) }

// words are a list of texts. A single one may come without its list.
type words []string

// UnmarshalJSONFrom reads a list of scalars, one scalar, or null. Empty ones
// are left out.
func (w *words) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*w = nil
	add := func(dec *jsontext.Decoder) error {
		s, err := scalar(dec)
		if s = strings.TrimSpace(s); s != "" && err == nil {
			*w = append(*w, s)
		}
		return err
	}
	if dec.PeekKind() == '[' {
		return elements(dec, add)
	}
	return add(dec)
}

// checkNoSpace returns an error if one of the words has a space within, where none
// can: a list of words that lies too deep is printed as one text.
func (w words) checkNoSpace() error {
	for _, s := range w {
		if strings.ContainsAny(s, " \t") {
			return &cutError{s}
		}
	}
	return nil
}

// maxUnits is more than any tenant has; Microsoft's own unlimited offers
// stop at ten million.
const maxUnits = 10_000_000

// UnmarshalJSONFrom reads any scalar; it fails only where there is none.
func (v *number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*v = number{}
	// The common case reads the digits where they lie, without a copy.
	if dec.PeekKind() == '0' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if n, ok := digits(raw); ok {
			v.n, v.set = n, true
			return nil
		}
		v.parse(string(raw))
		return nil
	}
	s, err := scalar(dec)
	if err != nil {
		return err
	}
	v.parse(strings.TrimSpace(s))
	return nil
}

func digits(raw []byte) (n int, ok bool) {
	if len(raw) == 0 || len(raw) > 9 {
		return 0, false
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func (v *number) parse(s string) {
	if s == "" {
		return
	}
	v.set = true
	if n, err := strconv.Atoi(s); err == nil {
		v.n = n
		return
	}
	// 25.0 and 2.5e1 are whole numbers too: some hosts write every number as a double.
	if f, err := strconv.ParseFloat(s, 64); err == nil && f == math.Trunc(f) && math.Abs(f) <= 1e15 {
		v.n = int(f)
		return
	}
	v.bad = s
}

// units returns v as a count of licences, or says what is wrong with it.
func (v number) units(what string) (int, error) {
	switch {
	case v.bad != "":
		return 0, fmt.Errorf("%s is %q, which is not a whole number", what, clip(v.bad, 40))
	case !v.set:
		return 0, fmt.Errorf("%s is missing", what)
	case v.n < 0:
		return 0, fmt.Errorf("%s is negative (%d)", what, v.n)
	case v.n > maxUnits:
		return 0, fmt.Errorf("%s is absurd (%d)", what, v.n)
	}
	return v.n, nil
}

// UnmarshalJSONFrom reads true, "True", 1 and their opposites. Any other text,
// such as the "none" of an error row, is not set.
func (f *flag) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s, err := scalar(dec)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1":
		*f = flag{on: true, set: true}
	case "false", "0":
		*f = flag{set: true}
	default:
		*f = flag{}
	}
	return nil
}

// layouts are the spellings of a time: with an offset, and without one where
// CIPP's cache parsed and printed it again (UTC then).
var layouts = [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02"}

// UnmarshalJSONFrom reads a time of ISO 8601 in any of CIPP's spellings.
func (m *moment) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s, err := scalar(dec)
	if err != nil {
		return err
	}
	*m = moment{}
	s = strings.TrimSpace(s)
	for _, layout := range layouts {
		// Year 1 is Microsoft's way to say never; so is any other before computers.
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1970 {
			m.Time = t.UTC()
			return nil
		}
	}
	return nil
}

// clip shortens s to n runes on one line.
func clip(s string, n int) string {
	return visible.Clip(visible.Line(s), n)
}
