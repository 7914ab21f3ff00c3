package pages

import (
	"net/url"
	"strings"
	"testing"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// asked is a program that asks about one contact, which two at the target could be.
func asked(t *testing.T) *app.Running {
	scope := plan.Scope{Customer: "a", Target: "connectwise"}
	running := program(t, &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Contoso <b>", Outcome: "held", Violations: []plan.Violation{
		{Code: "ambiguous", Kind: "addition", Key: "spb", Message: "two lines could be it", Candidates: []plan.Candidate{{Ref: "55/1", Label: "Business Premium"}, {Ref: "55/2", Label: "<i>Premium"}}},
		{Code: "note", Kind: "addition", Key: "other", Message: "nothing to decide", Note: true}}}})
	running.Engine.Source = listing{directory.Tenant{ID: "a", Name: "Contoso <b>"}}
	return running
}

func settlement(how, seen, reason string) string {
	return url.Values{"customer": {"a"}, "target": {"connectwise"}, "key": {"addition/spb"}, "how": {how}, "seen": {seen}, "reason": {reason}}.Encode()
}

// What a person says of an object is taken once, and not over another person's word.
func TestAMatchIsSettledOnce(t *testing.T) {
	running := asked(t)
	h := Handler(running, somebody(app.RoleMapper))
	body := ask(h, "GET", "/matches", "").Body.String()
	for _, want := range []string{"One object needs your word", "Contoso &lt;b&gt;", "Two lines could be it.", "&lt;i&gt;Premium", "It is this one", "None of these"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "nothing to decide") {
		t.Error("what needs nobody is asked about")
	}
	if viewer := ask(Handler(running, somebody(app.RoleViewer)), "GET", "/matches", "").Body.String(); strings.Contains(viewer, "It is this one") {
		t.Error("a viewer is shown buttons")
	}
	for _, c := range []struct {
		what, body string
		want       int
		says       string
	}{
		{"no word", "customer=a&target=connectwise&key=addition/spb", 422, "say how"},
		{"no reason", settlement("ignore", "", ""), 422, "say why"},
		{"no id", settlement("accept", "", ""), 422, "which one"},
		{"an object nobody asks about", strings.ReplaceAll(settlement("ignore", "", "x"), "spb", "other2"), 422, "knows no object"},
		{"left alone", settlement("ignore", "", "not ours"), 303, ""},
		{"pressed twice", settlement("ignore", "", "not ours"), 303, ""},
		{"another person, who saw nothing of it", settlement("create", "", ""), 409, "ignore (Dana"},
		{"taken back", settlement("retry", "ignore", ""), 303, ""},
		{"taken back twice", settlement("retry", "ignore", ""), 303, ""},
		{"from an old page", settlement("create", "ignore", ""), 409, "taken back"},
	} {
		if w := ask(h, "POST", "/matches/settle", c.body); w.Code != c.want || !strings.Contains(strings.ToLower(w.Body.String()), strings.ToLower(c.says)) {
			t.Errorf("%s: got %d, want %d and %q in\n%s", c.what, w.Code, c.want, c.says, w.Body)
		}
	}
	entries := 0
	for _, err := range running.Store.Journal(t.Context(), state.JournalFilter{}) {
		if entries++; err != nil {
			t.Fatal(err)
		}
	}
	if entries != 2 {
		t.Errorf("got %d entries in the journal, want 2: what is said twice is written once", entries)
	}
}

func TestMatchesAsCSVAndBack(t *testing.T) {
	h := Handler(asked(t), somebody(app.RoleMapper))
	csv := ask(h, "GET", "/matches/export", "").Body.String()
	if !strings.Contains(csv, "two lines could be it") {
		t.Fatalf("got %s", csv)
	}
	head, _, _ := strings.Cut(csv, "\n")
	bad := head + "\na,connectwise,addition,spb,,,,perhaps,,\na,connectwise,addition,spb2,,,,ignore,,x\n"
	w := upload(h, "/matches/import", bad)
	for _, want := range []string{"nothing was imported", "<td class=\"n\">2</td>", "is no decision", "<td class=\"n\">3</td>", "knows no such object", `<a href="/matches">Back to Matches`} {
		if w.Code != 422 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %d, want 422 and %q in\n%s", w.Code, want, w.Body)
		}
	}
	if w := upload(h, "/matches/import", head+"\na,connectwise,addition,spb,,,,ignore,,not ours\n"); w.Code != 303 {
		t.Errorf("got %d: %s", w.Code, w.Body)
	}
	if body := ask(h, "GET", "/matches", "").Body.String(); !strings.Contains(body, "not ours") || !strings.Contains(body, "Nothing is to be settled") {
		t.Errorf("got %s", body)
	}
}
