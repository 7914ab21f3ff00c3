package visible

import "testing"

func TestAClippedTextSaysThatItWasLonger(t *testing.T) {
	for in, want := range map[string]string{"": "", "abc": "abc", "äöü": "äöü", "abcd": "abc…", "äöüß": "äöü…", "株式会社": "株式会…"} {
		if got := Clip(in, 3); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestALineHidesNothing(t *testing.T) {
	for in, want := range map[string]string{"": "", " a\r\n  b\t": "a b", "a\u202eb": `a\u202eb`, "a\xffb": "a?b"} {
		if got := Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
