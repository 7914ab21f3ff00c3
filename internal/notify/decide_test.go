package notify

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// said is what messages say, in a line.
func said(messages []Message) string {
	var lines []string
	for _, m := range messages {
		for what, list := range map[string][]Cause{"new": m.New, "changed": m.Changed, "solved": m.Solved} {
			for _, c := range list {
				lines = append(lines, fmt.Sprintf("%s %s %s", m.Kind, what, c.Key))
			}
		}
	}
	return strings.Join(lines, "; ")
}

func told(causes ...Cause) Told {
	t := Told{}
	for _, c := range causes {
		t[c.id()] = c
	}
	return t
}

// The rows are those of the comment of Decide.
func TestOfACauseIsToldWhatTheTableSays(t *testing.T) {
	plan := Cause{Kind: Waiting, Key: "a", Mark: "+1"}
	dearer := Cause{Kind: Waiting, Key: "a", Mark: "+2"}
	failing := func(since time.Duration) Cause { return Cause{Kind: Failing, Key: "f", Since: noon.Add(-since)} }
	renewal := Cause{Kind: Renewals, Key: "r"}
	every := map[Kind]bool{Waiting: true, Failing: true, Month: true, Renewals: true, Credentials: true}
	for _, c := range []struct {
		name  string
		told  Told
		facts Facts
		kinds []Kind
		want  string
		kept  int
	}{
		{"no, no", nil, Facts{every, nil}, Kinds, "", 0},
		{"no, not for long enough", nil, Facts{every, []Cause{failing(24*time.Hour - time.Second)}}, Kinds, "", 0},
		{"no, for long enough", nil, Facts{every, []Cause{failing(24 * time.Hour)}}, Kinds, "failing new f", 0},
		{"no, yes", nil, Facts{every, []Cause{plan}}, Kinds, "waiting new a", 0},
		{"yes, the same", told(plan), Facts{every, []Cause{plan}}, Kinds, "", 1},
		{"yes, for a shorter time than it takes", told(failing(0)), Facts{every, []Cause{failing(time.Hour)}}, Kinds, "", 1},
		{"yes, another mark", told(plan), Facts{every, []Cause{dearer}}, Kinds, "waiting changed a", 1},
		{"yes, no", told(plan), Facts{every, nil}, Kinds, "waiting solved a", 1},
		{"yes, and it has passed", told(renewal), Facts{every, nil}, Kinds, "", 0},
		{"yes, nobody is told any more", told(plan), Facts{every, nil}, []Kind{Month}, "", 0},
		{"no, nobody is told of it", nil, Facts{every, []Cause{plan}}, []Kind{Month}, "", 0},
		{"yes, unknown", told(plan, renewal), Facts{map[Kind]bool{Month: true}, nil}, Kinds, "", 2},
		{"no, half known", nil, Facts{map[Kind]bool{Month: true}, []Cause{plan}}, Kinds, "", 0},
		{"one cause twice", nil, Facts{every, []Cause{plan, dearer}}, Kinds, "waiting new a", 0},
	} {
		messages, kept := Decide(c.told, c.facts, c.kinds, noon)
		if got := said(messages); got != c.want || len(kept) != c.kept {
			t.Errorf("%s: got %q and %d remembered, want %q and %d", c.name, got, len(kept), c.want, c.kept)
		}
	}
}

func TestWhatWasSentIsNotSaidAgain(t *testing.T) {
	every := map[Kind]bool{Waiting: true, Failing: true, Month: true, Renewals: true, Credentials: true}
	memory := Told{}
	tell := func(causes ...Cause) string {
		t.Helper()
		messages, kept := Decide(memory, Facts{every, causes}, Kinds, noon)
		memory = kept
		for _, m := range messages {
			memory = memory.After(m)
		}
		return said(messages)
	}
	a, b := Cause{Kind: Waiting, Key: "a"}, Cause{Kind: Month, Key: "2026-10"}
	for i, step := range []struct {
		causes []Cause
		want   string
	}{
		{[]Cause{a}, "waiting new a"},
		{[]Cause{a}, ""},
		{[]Cause{a, b}, "month new 2026-10"},
		{[]Cause{b}, "waiting solved a"},
		{[]Cause{b}, ""},
		{[]Cause{a, b}, "waiting new a"},
		{nil, "waiting solved a; month solved 2026-10"},
		{nil, ""},
	} {
		if got := tell(step.causes...); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
	}
	if len(memory) != 0 {
		t.Errorf("got %v remembered at the end, want nothing", memory)
	}
}

func TestMessagesAreSentInTheOrderOfTheKinds(t *testing.T) {
	every := map[Kind]bool{}
	var causes []Cause
	for i := range Kinds {
		k := Kinds[len(Kinds)-1-i]
		every[k], causes = true, append(causes, Cause{Kind: k, Key: "x", Since: noon.AddDate(0, 0, -2)})
	}
	messages, _ := Decide(nil, Facts{every, causes}, Kinds, noon)
	if len(messages) != len(Kinds) {
		t.Fatalf("got %d messages, want one a kind (%d)", len(messages), len(Kinds))
	}
	for i, m := range messages {
		if m.Kind != Kinds[i] {
			t.Errorf("message %d: got %s, want %s", i, m.Kind, Kinds[i])
		}
	}
}

func TestACauseWithoutADateIsDatedWhenItIsFirstSeen(t *testing.T) {
	f := Cause{Kind: Failing, Key: "f"}
	known := map[Kind]bool{Failing: true}
	first, remember := Since(nil, Facts{known, []Cause{f}}, noon)
	if got := first.Causes[0].Since; !got.Equal(noon) || len(remember) != 1 {
		t.Fatalf("got %s and %v, want noon and one date", got, remember)
	}
	later, again := Since(remember, Facts{known, []Cause{f}}, noon.AddDate(0, 0, 1))
	if got := later.Causes[0].Since; !got.Equal(noon) {
		t.Errorf("a day later: got %s, want noon", got)
	}
	if _, kept := Since(again, Facts{map[Kind]bool{}, nil}, noon); len(kept) != 1 {
		t.Errorf("while nobody knows: got %v, want the date kept", kept)
	}
	if _, kept := Since(again, Facts{known, nil}, noon); len(kept) != 0 {
		t.Errorf("once it is over: got %v, want nothing", kept)
	}
}
