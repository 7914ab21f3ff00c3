package mapping

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestTheTableOfMatchesComesBackAsItWent(t *testing.T) {
	var out bytes.Buffer
	lines := []MatchLine{
		{Customer: contosoID, Target: "connectwise", Kind: "addition", Key: "sku", Label: "=Premium", Question: "duplicate_lines: two", Candidates: []string{"55/910 (12)", "55/911 (2)"}},
		{Customer: contosoID, Target: "itglue", Kind: "contact", Key: "ann", Decision: "ignore", Reason: "a, b; c"},
	}
	if err := ExportMatches(&out, lines); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"customer,target,kind,key,label,question,candidates,decision,ref,reason\r\n", "'=Premium", "55/910 (12) | 55/911 (2)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	err := ImportMatches(strings.NewReader(strings.Replace(text, "ignore", " Ignore ", 1)), func(got []MatchLine) error {
		if len(got) != 2 || got[1].Decision != "ignore" || got[1].Reason != lines[1].Reason || got[0].Key != "sku" || got[0].Number() != 2 || !got[0].Has("ref") {
			t.Errorf("got %+v", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestABadLineOfMatchesNamesItself(t *testing.T) {
	file := "key,decision,ref\nsku,accept,1.82E+03\nsku2,accept,\n"
	err := ImportMatches(strings.NewReader(file), func(lines []MatchLine) error {
		lines[1].Report("ref", "say which one")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "line 2: ref: \"1.82E+03\" is a number that a spreadsheet cut short") || !strings.Contains(err.Error(), "line 3: ref: say which one") {
		t.Errorf("got %v", err)
	}
	down := errors.New("down")
	if err := ImportMatches(strings.NewReader("key\nsku\n"), func([]MatchLine) error { return down }); !errors.Is(err, down) {
		t.Errorf("got %v, want the judge's own error", err)
	}
	if err := ImportMatches(strings.NewReader("key,colour\nsku,blue\n"), func([]MatchLine) error { return nil }); Problems(err) == nil {
		t.Errorf("got %v, want an unknown column to be one", err)
	}
}
