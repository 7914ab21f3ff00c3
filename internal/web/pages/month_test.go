package pages

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// aMonthAgo is a program whose ledger has one product since the middle of last month, 12
// due and 10 billed, and that looked at it this month.
func aMonthAgo(t *testing.T) (running *app.Running, month string) {
	now := time.Now().UTC()
	begins := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	scope, key := plan.Scope{Customer: "a", Target: "connectwise"}, plan.Key{Kind: "addition", ID: "spb"}
	running = program(t, &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Contoso <b>", Outcome: "in_step", At: now},
		Spans: []state.Span{{Key: key, From: begins.AddDate(0, 0, -15), Known: true, Product: "M365-BP", Label: "Business Premium", Purchased: "12", Due: "12", Billed: "10",
			Price: "22.00", Currency: "USD", Cycle: "1", Agreement: "55"}}})
	return running, begins.AddDate(0, -1, 0).Format("2006-01")
}

func TestAMonthIsShownClosedAndOpenedAgain(t *testing.T) {
	running, month := aMonthAgo(t)
	h := Handler(running, somebody(app.RoleApprover))
	if w := ask(h, "GET", "/months", ""); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/months/"+month {
		t.Errorf("the month that waits: got %d to %q", w.Code, w.Header().Get("Location"))
	}
	see := func(says ...string) {
		t.Helper()
		w := ask(h, "GET", "/months/"+month, "")
		for _, s := range says {
			if w.Code != 200 || !strings.Contains(w.Body.String(), s) {
				t.Errorf("got %d, not saying %q: %s", w.Code, s, w.Body)
			}
		}
	}
	see("Open, as of", "1 of 1 customer ready", "Nothing stands between", "220.00", "unbilled 44.00", "Contoso &lt;b&gt;", "Close it", "Unbilled by month, USD")
	if w := ask(Handler(running, somebody(app.RoleMapper)), "GET", "/months/"+month, ""); strings.Contains(w.Body.String(), "Close it") {
		t.Error("a mapper is offered to close")
	}
	if w := ask(h, "POST", "/months/"+month+"/close", "reason=done"); w.Code != http.StatusSeeOther {
		t.Fatalf("closing: got %d: %s", w.Code, w.Body)
	}
	see("Closed by Dana", "Open it again")
	first := ask(h, "GET", "/months/"+month+"/pack?format=json", "").Body.String()
	if again := ask(h, "GET", "/months/"+month+"/pack?format=json", "").Body.String(); again != first || !strings.Contains(first, `"closed":`) {
		t.Error("a closed month is not the same bytes again")
	}
	if w := ask(h, "POST", "/months/"+month+"/close", ""); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "was closed by Dana") {
		t.Errorf("closing twice: got %d", w.Code)
	}
	if w := ask(h, "POST", "/months/"+month+"/reopen", ""); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Say why") {
		t.Errorf("reopening without a reason: got %d", w.Code)
	}
	if w := ask(h, "POST", "/months/"+month+"/reopen", "reason=late+credit"); w.Code != http.StatusSeeOther {
		t.Errorf("reopening: got %d: %s", w.Code, w.Body)
	}
	see("Open, as of")
}

func TestAMonthThatCannotBeShown(t *testing.T) {
	running, month := aMonthAgo(t)
	h := Handler(running, somebody(app.RoleViewer))
	for path, want := range map[string]int{
		"/months/2099-01": 422, "/months/yesterday": 422, "/months/" + month + "/pack?format=doc": 422, "/months/" + month + "/pack?customer=nobody": 422, "/months/" + month + "/pack?customer=a": 200,
		"/months/" + month + "?show=amiss&name=CONTOSO": 200,
	} {
		if w := ask(h, "GET", path, ""); w.Code != want {
			t.Errorf("%s: got %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	var pack struct {
		Month string `json:"month"`
		Packs []any  `json:"packs"`
	}
	if err := json.Unmarshal(ask(h, "GET", "/months/"+month, "", "Accept", "application/json").Body.Bytes(), &pack); err != nil || pack.Month != month || len(pack.Packs) != 1 {
		t.Errorf("got %+v, %v, want what report month --format json prints", pack, err)
	}
}
