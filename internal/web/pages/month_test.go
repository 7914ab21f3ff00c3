package pages

import (
	"encoding/json"
	"net/http"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/plan"
	"syncd/internal/report"
	"syncd/internal/state"
	"syncd/internal/sync"
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
	see("Open, as of", "1 of 1 customer can be closed", "Nothing stands between", "220.00", "too little 44.00", "Contoso &lt;b&gt;", "Close it", "Billed too little by month, USD")
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
	if w := ask(h, "POST", "/months/"+month+"/close", ""); w.Code != http.StatusSeeOther {
		t.Errorf("closing twice: got %d, want what the first time was answered", w.Code)
	}
	if w := ask(h, "POST", "/months/"+month+"/reopen", ""); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Say why") {
		t.Errorf("reopening without a reason: got %d", w.Code)
	}
	if w := ask(h, "POST", "/months/"+month+"/reopen", "reason=late+credit"); w.Code != http.StatusSeeOther {
		t.Errorf("reopening: got %d: %s", w.Code, w.Body)
	}
	see("Open, as of")
}

func TestWhatAMonthSaysOfItsCustomers(t *testing.T) {
	customers := []report.MonthCustomer{{Customer: sync.CustomerRef{Key: "a"}}, {Customer: sync.CustomerRef{Key: "b"}, Holds: 1}, {Customer: sync.CustomerRef{Key: "c"}, Gaps: 2}}
	for _, c := range []struct {
		name      string
		customers []report.MonthCustomer
		obstacles []app.Obstacle
		want      string
	}{
		{"nothing amiss", customers[:1], nil, "1 of 1 customer can be closed. Nothing stands"},
		{"a plan that waits and gaps", customers, nil, "3 of 3 customers can be closed. Of 2 customers a plan waits, or part of the month is unknown; closing leaves that as it is. Nothing stands"},
		{"an obstacle of one", customers[:2], []app.Obstacle{{Customer: customers[1].Customer}}, "1 of 2 customers can be closed. Of 1 customer a plan waits"},
		{"an obstacle of everybody", customers[:1], []app.Obstacle{{}}, "0 of 1 customer can be closed. One thing to go"},
	} {
		m := &app.MonthState{All: &report.Month{Customers: c.customers}, Obstacles: c.obstacles}
		if got := monthSub(m, true, time.Now(), time.UTC); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.name, got, c.want)
		}
	}
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

// Two who close a month at once close it once, and what is kept of it is what the journal says.
func TestAMonthThatManyCloseAtOnceIsClosedOnce(t *testing.T) {
	running, month := aMonthAgo(t)
	h := Handler(running, somebody(app.RoleApprover))
	var all gosync.WaitGroup
	for range 6 {
		all.Go(func() {
			if w := ask(h, "POST", "/months/"+month+"/close", ""); w.Code != http.StatusSeeOther {
				t.Errorf("closing: got %d: %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if w := ask(h, "GET", "/months/"+month, ""); w.Code != http.StatusOK {
		t.Errorf("the closed month: got %d: %s", w.Code, w.Body)
	}
	if entries := collectJournal(t, running, state.ActionClose); entries != 1 {
		t.Errorf("the journal has it %d times", entries)
	}
}

func collectJournal(t *testing.T, running *app.Running, action plan.Action) (n int) {
	t.Helper()
	for e, err := range running.Store.Journal(t.Context(), state.JournalFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == action {
			n++
		}
	}
	return n
}
