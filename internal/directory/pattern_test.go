package directory

import "testing"

func TestAPatternIsChecked(t *testing.T) {
	for pattern, ok := range map[string]bool{"*": true, "a/b?": true, "": false, " ": false, "[": false} {
		if err := CheckPattern(pattern); (err == nil) != ok {
			t.Errorf("%q: got %v", pattern, err)
		}
	}
}

func TestAPatternFitsATextWithoutCaseAndOverSlashes(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "Sales/EMEA", true}, {"sales/*", "Sales/EMEA", true}, {"svc-*@*", "ana@contoso.example", false},
		{"svc-*", "SVC-backup@contoso.example", true}, {"sales", "Sales", true}, {"sales", "Sales team", false},
	} {
		if got := MatchesAny([]string{c.pattern}, c.text); got != c.want {
			t.Errorf("%q on %q: got %t", c.pattern, c.text, got)
		}
	}
	if MatchesAny(nil, "x") {
		t.Error("no pattern fits nothing")
	}
}
