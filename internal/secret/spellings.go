package secret

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
)

// Spellings are the texts in which a secret comes back when somebody repeats it:
// as it is, quoted for JSON, escaped for addresses and pages, and in base64,
// also as a part of what was encoded, such as user:password. The longest come
// first, since a secret may contain another.
func Spellings(s string) []string {
	quoted, _ := json.Marshal(s)
	all := []string{s, strings.Trim(string(quoted), `"`), strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`),
		url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s)}
	if len(s) >= minLength {
		all = append(all, base64Parts(s, base64.RawStdEncoding)...)
		all = append(all, base64Parts(s, base64.RawURLEncoding)...)
	}
	slices.SortFunc(all, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(all)
}

// base64Parts are the characters that a secret determines in base64 whatever stands
// before and behind it: three groups of six bits begin at each place a byte can have.
func base64Parts(s string, encoding *base64.Encoding) []string {
	var all []string
	for before := range 3 {
		bytes := append(make([]byte, before), s...)
		text := encoding.EncodeToString(bytes)
		first, last := (before*8+5)/6, (before+len(s))*8/6
		// Where nothing stands behind it, it determines the rest too, padded or not.
		all = append(all, text[first:last], text[first:], encoding.WithPadding(base64.StdPadding).EncodeToString(bytes)[first:])
	}
	return all
}
