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
	for _, want := range []string{"One object needs your word", "Contoso &lt;b&gt;", "Two lines could be it.", "&lt;i&gt;Premium", "It is this one"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "None of these") {
		t.Error("a new line of a bill is offered beside those there")
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
		{"a new line", settlement("create", "", ""), 422, "no new line is made"},
		{"tried again", settlement("retry", "", ""), 303, ""},
		{"tried again twice", settlement("retry", "", ""), 303, ""},
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
	if entries != 3 {
		t.Errorf("got %d entries in the journal, want 3: what is said twice is written once", entries)
	}
}

// What is asked is shown by its name, with what is billed besides, and with what can be done about it alone.
func TestLinesThatAreThereTwiceAreShownSideBySide(t *testing.T) {
	const sku = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46" // Microsoft 365 Business Premium
	bill, glue := plan.Scope{Customer: "a", Target: "connectwise"}, plan.Scope{Customer: "a", Target: "itglue"}
	twice := plan.Violation{Code: "duplicate_lines", Kind: "addition", Key: sku, NeedsRepair: true, Message: "it is billed by 2 lines: end all but one in ConnectWise, or say which one is to be kept in step (syncd matches accept)",
		Candidates: []plan.Candidate{{Ref: "55/1", Label: "12 at 22.00 since 2026-01-01"}, {Ref: "55/2", Label: "4 at 21.00 since 2026-02-01"}}}
	person := plan.Violation{Code: "match_ambiguous", Kind: "contact", Key: "f6008d7b", Label: "Dilip Callow", NeedsRepair: true, Message: "nothing is written until somebody says: syncd matches accept a itglue f6008d7b REF, or create",
		Candidates: []plan.Candidate{{Ref: "9", Label: "D. Callow"}}}
	hold := held("a", "Eastgate", "", twice)
	hold.Hold.Plan, hold.Cursor.Violations = []byte(`{"changes":[]}`), []plan.Violation{twice}
	running := program(t, hold, &state.Commit{Scope: glue, Cursor: &state.Cursor{Scope: glue, Name: "Eastgate", Outcome: "held", Violations: []plan.Violation{person}}})
	h := Handler(running, somebody(app.RoleApprover))
	page := ask(h, "GET", "/matches?target="+bill.Target, "").Body.String()
	for _, want := range []string{"<strong><bdi>Microsoft 365 Business Premium</bdi></strong>", "12 at 22.00 since 2026-01-01", "Billed beside it, until somebody ends it: <bdi>4 at 21.00 since 2026-02-01 (55/2)", "kept in step (under Matches).", "Leave it alone"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q in\n%s", want, page)
		}
	}
	for _, not := range []string{"None of these", "Try again", "(syncd", "says: syncd"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	page = ask(h, "GET", "/matches?target=itglue", "").Body.String()
	for _, want := range []string{"<strong><bdi>Dilip Callow</bdi></strong>", "None of these", "Try again", "Nothing is written until somebody says so under Matches."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q in\n%s", want, page)
		}
	}
	inbox := ask(h, "GET", "/", "").Body.String()
	if !strings.Contains(inbox, `<a href="/matches">Settle it under Matches</a>`) || strings.Contains(inbox, "data-approve") || strings.Contains(inbox, "syncd matches accept") {
		t.Errorf("the inbox shows no way on, or an Approve that has nothing to approve:\n%s", inbox)
	}
	if page := ask(h, "GET", "/customers/a", "").Body.String(); !strings.Contains(page, `<a href="/matches">Settle it under Matches</a>`) || strings.Contains(page, "#plan-") {
		t.Errorf("the customer's page shows no way on:\n%s", page)
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
