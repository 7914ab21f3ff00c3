package secret

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestARedactorFindsASecretHoweverItIsSpelled(t *testing.T) {
	r := NewRedactor(New(`p"ss/w+rd`), New("abc"), String{})
	for in, want := range map[string]string{
		`Boom p"ss/w+rd!`:       "Boom [redacted]!",
		`{"e":"p\"ss/w+rd"}`:    `{"e":"[redacted]"}`,
		"k=p%22ss%2Fw%2Brd&x=1": "k=[redacted]&x=1",
		"abc is too short":      "abc is too short",
	} {
		if got := r.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	// What Basic credentials look like when a proxy repeats them, whoever the user is.
	for _, user := range []string{"", "a", "ab", "acme+key", "someone@example.net"} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding} {
			for _, after := range []string{"", ":", "&x=1"} {
				text := encoding.EncodeToString([]byte(user + ":" + `p"ss/w+rd` + after))
				got := r.Text("Authorization: Basic " + text)
				if !strings.Contains(got, Redacted) {
					t.Errorf("%s of %s with %q: got %q", text, user, after, got)
				}
			}
		}
	}
	// At the end of what was encoded no rest of it stays behind.
	long := "0123456789abcdefghijklmno" // 25 bytes
	r = NewRedactor(New(long), New(long+"p"), New(long+"pq"))
	for _, text := range []string{long, long + "p", long + "pq"} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if got := r.Text("k " + encoding.EncodeToString([]byte(text)) + " x"); got != "k "+Redacted+" x" {
				t.Errorf("base64 of %s: got %q", text, got)
			}
			for _, user := range []string{"a:", "ab:", "abc:"} {
				got := r.Text(encoding.EncodeToString([]byte(user + text)))
				if !strings.HasSuffix(got, Redacted) {
					t.Errorf("base64 of %s%s: got %q", user, text, got)
				}
			}
		}
	}
	r = NewRedactor(New(`p"ss/w+rd`))
	var out strings.Builder
	w := r.Writer(&out)
	if n, err := w.Write([]byte(`p"ss/w+rd`)); n != 9 || err != nil || out.String() != Redacted {
		t.Errorf("got %d, %v, %q", n, err, out.String())
	}
	if (Redactor{}).Text("plain") != "plain" {
		t.Error("the zero Redactor changes text")
	}
}
