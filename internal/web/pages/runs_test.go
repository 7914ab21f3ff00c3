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

// ranOnce is a program with one run that wrote one line, another that was cut off, and one
// that failed.
func ranOnce(t *testing.T) *app.Running {
	scope := plan.Scope{Customer: "a", Target: "connectwise"}
	key := plan.Key{Kind: "addition", ID: "spb"}
	began := time.Now().UTC().Add(-time.Hour)
	running := program(t, &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Contoso", Run: "01RUN", Outcome: "failed", Error: "ConnectWise refused the line"},
		Entries: []state.Entry{{At: began, Run: "01RUN", Job: "licences", Scope: scope, Name: "Contoso <b>", Action: plan.Update, Key: key, Label: "Business Premium", Ref: "55/1",
			Reason: plan.ChangedAtSource, Result: state.ResultDone, Money: "44.00", By: "Dana", Why: "new starters",
			Before: &state.Image{Key: key, Ref: "55/1", Fields: plan.Set("quantity", "12")}, After: &state.Image{Key: key, Ref: "55/1", Fields: plan.Set("quantity", "14")}}}})
	for _, r := range []state.Run{
		{ID: "01RUN", Job: "licences", Trigger: "schedule", Started: began, Finished: began.Add(61 * time.Second), Totals: map[string]int{"changed": 1, "failed": 1}},
		{ID: "02RUN", Job: "licences", Trigger: "command", Started: began.Add(time.Minute)},
		{ID: "03RUN", Job: "licences", Trigger: "schedule", Started: began.Add(2 * time.Minute), Finished: began.Add(3 * time.Minute), Error: "CIPP did not answer"},
	} {
		if err := running.Store.PutRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return running
}

func TestRunsAreListedAndShown(t *testing.T) {
	h := Handler(ranOnce(t), somebody(app.RoleApprover))
	for _, c := range []struct {
		path string
		want int
		says []string
	}{
		{"/runs", 200, []string{"The last run failed", "was cut off", "failed for some", "1m1s", "1 failed"}},
		{"/runs?page=7", 200, []string{"Earlier runs"}},
		{"/runs/01run", 200, []string{"Business Premium", "Contoso &lt;b&gt;", "12", "<strong><bdi>14</bdi></strong>", "44.00", "new starters", "Undo", "ConnectWise refused the line", `value="spb"`}},
		{"/runs/02RUN", 200, []string{"This run was cut off", "writes nothing twice", "Nothing was written"}},
		{"/runs/03RUN", 200, []string{"CIPP did not answer"}},
		{"/runs/04RUN", 404, []string{"there is no run"}},
	} {
		w := ask(h, "GET", c.path, "")
		if w.Code != c.want {
			t.Errorf("%s: got %d, want %d", c.path, w.Code, c.want)
		}
		for _, says := range c.says {
			if !strings.Contains(strings.ToLower(w.Body.String()), strings.ToLower(says)) {
				t.Errorf("%s does not say %q", c.path, says)
			}
		}
	}
}

func TestWhoMayNotTakeBackSeesNoButton(t *testing.T) {
	running := ranOnce(t)
	if w := ask(Handler(running, somebody(app.RoleMapper)), "GET", "/runs/01RUN", ""); strings.Contains(w.Body.String(), "Undo") {
		t.Error("a mapper is offered the way back")
	}
	h := Handler(running, somebody(app.RoleApprover))
	if w := ask(h, "POST", "/runs/01RUN/revert", ""); w.Code != http.StatusUnprocessableEntity || !strings.Contains(strings.ToLower(w.Body.String()), "say why") {
		t.Errorf("without a reason: got %d: %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/runs/03RUN/revert", "reason=x", "Accept", "application/json"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "wrote nothing") {
		t.Errorf("a run that wrote nothing: got %d: %s", w.Code, w.Body)
	}
	if w := ask(h, "POST", "/runs/99/revert", "reason=x"); w.Code != http.StatusNotFound {
		t.Errorf("a run that never was: got %d", w.Code)
	}
}

// A program reads a run as history --run ID --json prints it.
func TestARunAsJSON(t *testing.T) {
	h := Handler(ranOnce(t), somebody(app.RoleViewer))
	var history struct {
		Entries []map[string]any `json:"entries"`
	}
	if err := json.Unmarshal(ask(h, "GET", "/runs/01RUN", "", "Accept", "application/json").Body.Bytes(), &history); err != nil || len(history.Entries) != 1 || history.Entries[0]["run"] != "01RUN" {
		t.Errorf("got %v, %v", history, err)
	}
	var list struct {
		Runs []struct {
			Run string `json:"run"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(ask(h, "GET", "/runs", "", "Accept", "application/json").Body.Bytes(), &list); err != nil || len(list.Runs) != 3 || list.Runs[0].Run != "03RUN" {
		t.Errorf("got %v, %v", list, err)
	}
}

// Whoever watches a run that is over is told so at once.
func TestProgressOfARunThatEnded(t *testing.T) {
	w := ask(Handler(ranOnce(t), somebody(app.RoleViewer)), "GET", "/runs/01RUN/progress", "")
	if got := w.Body.String(); w.Header().Get("Content-Type") != "text/event-stream" || !strings.HasPrefix(got, "event: ended\n") {
		t.Errorf("got %q", got)
	}
}

// When a run ended is not known before it did.
func TestARunUnderWayHasNoEnd(t *testing.T) {
	running := program(t)
	if err := running.Store.PutRun(t.Context(), state.Run{ID: "1", Job: "licences", Trigger: "schedule", Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	h := Handler(running, somebody(app.RoleViewer))
	if body := ask(h, "GET", "/runs", "", "Accept", "application/json").Body.String(); !strings.Contains(body, `"finished": null`) || strings.Contains(body, "0001-01-01") {
		t.Errorf("got %s", body)
	}
	if r, err := running.RunOf(t.Context(), "1"); err != nil || !r.Finished.IsZero() || r.Job != "licences" {
		t.Errorf("read back it is %+v, %v", r, err)
	}
	if body := ask(h, "GET", "/runs/1/progress", "").Body.String(); !strings.Contains(body, `event: ended`) || !strings.Contains(body, `{"text":"ended"}`) {
		t.Errorf("the last event is %s", body)
	}
}
