package secret

import (
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
	var out strings.Builder
	w := r.Writer(&out)
	if n, err := w.Write([]byte(`p"ss/w+rd`)); n != 9 || err != nil || out.String() != Redacted {
		t.Errorf("got %d, %v, %q", n, err, out.String())
	}
	if (Redactor{}).Text("plain") != "plain" {
		t.Error("the zero Redactor changes text")
	}
}
