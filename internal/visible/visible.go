// Package visible keeps foreign text from being seen as something else: what
// would move a cursor, colour a terminal, be invisible or turn the order of
// reading is written out, as \u202e. Names of customers and people, and what
// other systems answer, are foreign text.
package visible

import (
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns s as one line in which nothing is hidden. Tabs and line ends
// become spaces, like everything else that only makes room.
func Text(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return isSpace(r) || isHidden(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case isSpace(r):
			b.WriteByte(' ')
		case isHidden(r):
			writeEscaped(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isSpace reports whether a character parts words or lines in an odd way.
func isSpace(r rune) bool {
	return r >= '\t' && r <= '\r' || r == 0x85 || r == '\u2028' || r == '\u2029'
}

// isHidden reports whether a character shows nothing by itself. The joiners are
// left alone: Persian and emoji are written with them.
func isHidden(r rune) bool {
	switch {
	case r < 0x7f:
		return r < ' '
	case r < 0xa0, r == 0xad, unicode.Is(unicode.Bidi_Control, r):
		return true
	case r == '\u200c' || r == '\u200d':
		return false
	}
	// What is Cf and no prepended sign shows nothing: zero-width space, tags.
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// writeEscaped writes a character as JSON does, so that a JSON document stays one.
func writeEscaped(b *strings.Builder, r rune) {
	const digits = "0123456789abcdef"
	for _, u := range utf16.Encode([]rune{r}) {
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(digits[u>>shift&0xf])
		}
	}
}

// Writer spells out what is hidden in the text that is written to w. Line ends
// and tabs pass, and the few colours that we use ourselves; a character must not
// be split over two writes.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ w io.Writer }

// ourColours are ours: bold, faint, red, green, yellow, cyan, and their end.
var ourColours = regexp.MustCompile(`^\x1b\[(0|1|2|22|3[1236]|39)?(;(1|2|3[1236]))*m`)

func (v writer) Write(p []byte) (int, error) {
	passed := 0 // up to here it is written
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r == '\n' || r == '\t' || !isHidden(r) && !isSpace(r) {
			i += size
			continue
		}
		if ours := ourColours.Find(p[i:]); ours != nil {
			i += len(ours)
			continue
		}
		var b strings.Builder
		writeEscaped(&b, r)
		if _, err := v.w.Write(p[passed:i]); err != nil {
			return passed, err
		}
		if _, err := io.WriteString(v.w, b.String()); err != nil {
			return i, err
		}
		i += size
		passed = i
	}
	if _, err := v.w.Write(p[passed:]); err != nil {
		return passed, err
	}
	return len(p), nil
}
