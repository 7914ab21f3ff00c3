package cwsim

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// holds follows SQL: a null satisfies nothing but "= null".
func (c *comparison) holds(r record) bool {
	got := r.at(c.path)
	if l := c.values[0]; l.null {
		return (got == nil) == (c.op == "=")
	}
	if got == nil {
		return false
	}
	if c.op == "in" {
		for _, l := range c.values {
			if n, ok := compare(got, l); ok && n == 0 {
				return !c.not
			}
		}
		return c.not
	}
	l := c.values[0]
	switch c.op {
	case "like", "contains":
		text, ok := got.(string)
		if !ok || l.kind != kindText {
			return false
		}
		pattern := l.text
		if c.op == "contains" {
			pattern = "%" + pattern + "%"
		}
		return like(fold(text), fold(pattern)) != c.not
	}
	n, ok := compare(got, l)
	if !ok {
		return false
	}
	switch c.op {
	case "=":
		return n == 0
	case "!=":
		return n != 0
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	case ">=":
		return n >= 0
	}
	return false
}

// compare orders a value and a literal; false if they are of different kinds.
func compare(got any, l literal) (int, bool) {
	switch got := got.(type) {
	case string:
		if l.kind == kindDate { // _info holds its moments as text
			at, err := time.Parse(timeLayout, got)
			return at.Compare(l.moment), err == nil
		}
		return cmp.Compare(fold(got), fold(unbracket(l.text))), l.kind == kindText
	case int:
		return decimal.NewFromInt(int64(got)).Compare(l.number), l.kind == kindNumber
	case decimal.Decimal:
		return got.Compare(l.number), l.kind == kindNumber
	case bool:
		if got == l.truth {
			return 0, l.kind == kindBool
		}
		return 1, l.kind == kindBool
	case time.Time:
		return got.Compare(l.moment), l.kind == kindDate
	}
	return 0, false
}

// fold makes comparison blind to case, as the collation of the vendor's
// database is.
func fold(s string) string { return strings.ToLower(s) }

// unbracket undoes the spelling [[] that the vendor asks for where a value
// holds an opening bracket.
func unbracket(s string) string { return strings.ReplaceAll(s, "[[]", "[") }

// like matches as SQL Server does: % (and *) for any run, _ for one
// character, [abc] for one of a set, so [[] for a bracket.
func like(text, pattern string) bool {
	// Where the last run began, to come back to: linear in memory and never
	// exponential in time.
	runText, runPattern := -1, 0
	t, p := 0, 0
	for t < len(text) {
		r, size := utf8.DecodeRuneInString(text[t:])
		if p < len(pattern) && (pattern[p] == '%' || pattern[p] == '*') {
			p++
			runText, runPattern = t, p
			continue
		}
		if n := one(r, pattern[p:]); n > 0 {
			t, p = t+size, p+n
			continue
		}
		if runText < 0 {
			return false
		}
		_, size = utf8.DecodeRuneInString(text[runText:])
		runText += size
		t, p = runText, runPattern
	}
	return strings.Trim(pattern[p:], "%*") == ""
}

// one matches r with the first element of a pattern and returns the length of
// that element, or 0.
func one(r rune, pattern string) int {
	if pattern == "" {
		return 0
	}
	if pattern[0] == '[' {
		if end := strings.IndexByte(pattern[1:], ']'); end > 0 {
			if strings.ContainsRune(pattern[1:1+end], r) {
				return end + 2
			}
			return 0
		}
	}
	want, size := utf8.DecodeRuneInString(pattern)
	if want == '_' || want == r {
		return size
	}
	return 0
}

// anyOf holds of a record if one entry of a list in it satisfies the whole
// expression.
type anyOf struct {
	list string
	c    condition
}

func (a anyOf) holds(r record) bool {
	rows, _ := r[a.list].([]any)
	for _, row := range rows {
		if inner, ok := row.(record); ok && a.c.holds(inner) {
			return true
		}
	}
	return false
}
