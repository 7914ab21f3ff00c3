package itglue

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"

	"syncd/internal/plan"
)

// Limits of what IT Glue takes. Only the longest Text is known (from scripts
// in use); a Textbox of 65,535 bytes is the smallest that anybody reports.
const (
	longestText    = 250   // runes of a Text; 255 are taken
	longestTextbox = 60000 // bytes of HTML
	longestList    = 500   // lines of a list or rows of a table
)

// oneLine is the form in which texts are compared: composed, without space at
// the ends or runs of it. Null, absent and empty are the same.
func oneLine(s string) string {
	if plainASCII(s) {
		return s
	}
	return strings.Join(strings.FieldsFunc(norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD")), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u200b' || r == '\ufeff'
	}), " ")
}

// plainASCII reports whether a text is in its canonical form beyond doubt.
func plainASCII(s string) bool {
	space := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return !space || s == ""
}

var eventHandler = regexp.MustCompile(`(?i)\b(on[a-z]+\s*)=`)
var scriptScheme = regexp.MustCompile(`(?i)\b(javascript|vbscript)\s*:`)

// withoutScripts takes out of a text of ours what the edge in front of IT Glue
// refuses: it answers 403 to what looks like a script.
func withoutScripts(s string) string {
	if !strings.ContainsAny(s, "<>=:") {
		return s
	}
	s = strings.NewReplacer("<", "‹", ">", "›").Replace(s)
	return scriptScheme.ReplaceAllString(eventHandler.ReplaceAllString(s, "${1}:"), "$1 -")
}

// cut shortens a text to n runes and shows that it did.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return strings.TrimRight(string(runes[:n-1]), " ") + "…"
}

// textValue is a text as we want it.
func textValue(s string) plan.Value { return scalar(cut(withoutScripts(oneLine(s)), longestText)) }

// scalar is a value of one text; an empty text is no value.
func scalar(s string) plan.Value {
	if s == "" {
		return nil
	}
	return plan.Value{s}
}

func boolValue(b bool) plan.Value {
	if b {
		return plan.Value{"yes"}
	}
	return plan.Value{"no"}
}

func dateValue(t time.Time) plan.Value {
	if t.IsZero() {
		return nil
	}
	return plan.Value{t.UTC().Format(time.DateOnly)}
}

func numberValue(n int) plan.Value { return plan.Value{itoa(n)} }

// longValue is a text of several lines as we want it.
func longValue(s string) plan.Value {
	var lines []string
	for line := range strings.Lines(s) {
		if line = withoutScripts(oneLine(line)); line != "" {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "\n")
	const most = longestTextbox / 8 // entities and bytes of a rune
	if cutText := cut(text, most); cutText != text {
		text = cutText + "\n(cut: the text goes on in Microsoft 365)"
	}
	return scalar(text)
}

// setValue is a list as we want it. What does not fit is cut, and the last
// entry says how much that was.
func setValue(items []string) plan.Value {
	out := make(plan.Value, 0, len(items))
	for _, s := range items {
		if s = cut(withoutScripts(oneLine(s)), longestText); s != "" {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	size, fit := 0, 0
	for ; fit < len(out) && fit < longestList; fit++ {
		if size += htmlSize(out[fit]); size > longestTextbox-1000 {
			break
		}
	}
	if rest := len(out) - fit; rest > 0 {
		out = append(out[:fit:fit], more(rest))
		slices.Sort(out)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// moreMark begins the line that says how much was cut. It sorts behind names.
const moreMark = "… and "

func more(n int) string { return moreMark + itoa(n) + " more in Microsoft 365" }

// htmlSize is how many bytes an entry takes in HTML.
func htmlSize(s string) int {
	return len(s) + 40 + 5*strings.Count(s, "&") + 40*strings.Count(s, cellSeparator)
}

// cellSeparator stands between the cells of a row in a value.
const cellSeparator = " | "

// row joins cells.
func row(cells ...string) string {
	for i, c := range cells {
		cells[i] = oneLine(strings.ReplaceAll(c, "|", "/"))
		if cells[i] == "" {
			cells[i] = "-"
		}
	}
	return strings.Join(cells, cellSeparator)
}

// phoneValue has the digits, which are what is compared of a phone number: IT Glue keeps nothing else,
// and whether a leading + survives is not documented. The extension follows an x.
func phoneValue(number, extension string) plan.Value {
	number, extension = splitPhone(number, extension)
	switch {
	case number == "":
		return nil
	case extension != "":
		return plan.Value{number + " x" + extension}
	}
	return plan.Value{number}
}

var extensionMark = regexp.MustCompile(`(?i)\s*(?:ext\.?|extension|x|#)\s*(\d+)\s*$`)

func splitPhone(number, extension string) (string, string) {
	if m := extensionMark.FindStringSubmatchIndex(number); m != nil && extension == "" {
		number, extension = number[:m[0]], number[m[2]:m[3]]
	}
	number = strings.TrimSpace(number)
	plain := digitsOf(number)
	if !strings.HasPrefix(number, "+") {
		plain = strings.TrimPrefix(plain, "00")
	}
	return plain, digitsOf(extension)
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// address is the form in which mail addresses are compared.
func address(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, prefix := range []string{"smtp:", "mailto:"} {
		s = strings.TrimPrefix(s, prefix)
	}
	return strings.TrimSpace(s)
}

// observedValue reads a trait as it stands in IT Glue. Tags are read elsewhere.
func observedValue(f form, raw jsontext.Value) plan.Value {
	if len(raw) == 0 || raw.Kind() == 'n' {
		if f == formCheckbox {
			return boolValue(false)
		}
		return nil
	}
	switch f {
	case formCheckbox:
		var b flag
		_ = b.UnmarshalJSON(raw)
		return boolValue(bool(b))
	}
	var l label
	if json.Unmarshal(raw, &l, readOptions) != nil {
		return nil
	}
	text := string(l)
	switch f {
	case formDate:
		if text = strings.TrimSpace(text); len(text) > len(time.DateOnly) {
			text = text[:len(time.DateOnly)]
		}
		return scalar(text)
	case formNumber:
		d, err := decimal.NewFromString(strings.TrimSpace(text))
		if err != nil {
			return scalar(oneLine(text))
		}
		return plan.Value{d.String()}
	case formLong:
		return scalar(strings.Join(htmlLines(text), "\n"))
	case formList:
		return setOf(htmlLines(text))
	case formRows:
		return setOf(htmlRows(text))
	case formLinks:
		return setOf(htmlLinks(text))
	}
	return scalar(oneLine(text))
}

func setOf(lines []string) plan.Value {
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
