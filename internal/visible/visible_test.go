package visible

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestNothingIsHiddenInForeignText(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "",
		"Contoso Ltd":                "Contoso Ltd",
		"Müller & Söhne 株式会社":        "Müller & Söhne 株式会社",
		"two\nlines\tand\u2028three": "two lines and three",
		"red \x1b[31m":               `red \u001b[31m`,
		"bell\a back\b null\x00":     `bell\u0007 back\u0008 null\u0000`,
		"C1 \u009b31m":               `C1 \u009b31m`,
		"gnp.\u202eexe":              `gnp.\u202eexe`,
		"\u2066isolate\u2069":        `\u2066isolate\u2069`,
		"mark\u200e\u200f\u061c":     `mark\u200e\u200f\u061c`,
		"Con\u200btoso\ufeff\u00ad":  `Con\u200btoso\ufeff\u00ad`,
		"tag \U000e0041":             `tag \udb40\udc41`,
		"می\u200cخواهم 👩\u200d🚀":     "می\u200cخواهم 👩\u200d🚀",
		"\u06dd is seen":             "\u06dd is seen",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestAWriterLetsLinesAndOurColoursPass(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\n":                 "a\tb\n",
		"\x1b[1;31mFAIL\x1b[0m":  "\x1b[1;31mFAIL\x1b[0m",
		"\x1b[8mconcealed":       `\u001b[8mconcealed`,
		"\x1b]0;title\a":         `\u001b]0;title\u0007`,
		"\x1b[2Jgone":            `\u001b[2Jgone`,
		"overprinted\r\u202eabc": `overprinted\u000d\u202eabc`,
	} {
		var b strings.Builder
		if n, err := fmt.Fprint(Writer(&b), in); err != nil || n != len(in) || b.String() != want {
			t.Errorf("%q: got %d, %v, %q, want %q", in, n, err, b.String(), want)
		}
	}
}

func TestAJSONDocumentSaysTheSame(t *testing.T) {
	var b strings.Builder
	e := json.NewEncoder(Writer(&b))
	name := "a\u202eb\U000e0041 \x1b[31m"
	if err := e.Encode(name); err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal([]byte(b.String()), &back); err != nil || back != name || strings.ContainsRune(b.String(), '\u202e') {
		t.Errorf("got %q, %v from %q", back, err, b.String())
	}
}
