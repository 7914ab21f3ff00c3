package visible

import "strings"

// Line returns s as one line without space at its ends or runs of it, in which
// nothing is hidden.
func Line(s string) string {
	return strings.Join(strings.Fields(Text(strings.ToValidUTF8(s, "?"))), " ")
}

// Clip cuts s to n characters; a text that was longer ends in … beside them.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}
