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

// notRead is a customer of whom the source did not prove what it said.
func notRead(customer, name, why string, inStep time.Time) *state.Commit {
	scope := plan.Scope{Customer: customer, Target: "connectwise"}
	return &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: name, Outcome: "incomplete", Error: why, InStepAt: inStep, At: time.Now()}}
}

func TestWhatTheSystemPageSays(t *testing.T) {
	running := program(t, held("a", "Contoso", "7f3a91c2e004"),
		notRead("b", "Fabrikam", "the source did not prove this complete: licences of fabrikam.example: the answer is empty: CIPP may not read this tenant, or no longer lists it", time.Now()),
		notRead("c", "Litware", "the source did not prove this complete: row 1 is not data: \"Loading data for all tenants. Please check back in 1 minute\"", time.Time{}))
	token, text, err := running.CreateToken(t.Context(), app.Operator{Name: "Dana"}, "n8n", "viewer", 90)
	if err != nil {
		t.Fatal(err)
	}
	page := ask(Handler(running, somebody(app.RoleOperator)), "GET", "/system", "").Body.String()
	for _, want := range []string{"Two tenants are not proven", `href="/customers/b"`, "Look in CIPP whether the tenant", "CIPP is still reading this tenant",
		"5 a second", "at full speed", "cipp.client_secret", "does not say", "n8n", token.ID, "/system/tokens/" + token.ID + "/revoke", "go1.", "client_secret: &#39;[redacted]&#39;", "Check every system now"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"not-a-secret", "not-a-key", text} {
		if strings.Contains(page, not) {
			t.Errorf("the page has the secret %q", not)
		}
	}
	if page := ask(Handler(running, somebody(app.RoleViewer)), "GET", "/system", "").Body.String(); strings.Contains(page, "/revoke") {
		t.Error("a viewer is offered to revoke a token")
	}
}

func TestTheSystemForPrograms(t *testing.T) {
	running := program(t, notRead("b", "Fabrikam", "the organization was not answered", time.Now()))
	w := ask(Handler(running, somebody(app.RoleViewer)), "GET", "/system", "", "Accept", "application/json")
	var v struct {
		Jobs        []app.JobState
		Scopes      []any
		Unproven    []app.Unproven
		Buckets     []struct{ System, Rate string }
		Credentials []app.Credential
		Settings    map[string]any `json:"configuration"`
		Versions    app.Versions
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != http.StatusOK {
		t.Fatal(err, w.Body)
	}
	if len(v.Jobs) != 1 || len(v.Scopes) != 1 || len(v.Unproven) != 1 || v.Unproven[0].Do == "" || len(v.Buckets) < 2 || v.Versions.Go == "" {
		t.Errorf("got %s", w.Body)
	}
	cipp, _ := v.Settings["cipp"].(map[string]any)
	if cipp["client_secret"] != "[redacted]" || cipp["client_id"] != "0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d91" || strings.Contains(w.Body.String(), "not-a-") {
		t.Errorf("got %v", v.Settings)
	}
}

func TestATokenIsRevokedOnThePage(t *testing.T) {
	running := program(t)
	token, _, err := running.CreateToken(t.Context(), app.Operator{Name: "Dana"}, "n8n", "viewer", 90)
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(running, somebody(app.RoleOperator))
	path := "/system/tokens/" + token.ID + "/revoke"
	for _, c := range []struct {
		header []string
		want   int
	}{{nil, http.StatusSeeOther}, {nil, http.StatusUnprocessableEntity}, {[]string{"Accept", "application/json"}, http.StatusUnprocessableEntity}} {
		if w := ask(h, "POST", path, "", c.header...); w.Code != c.want {
			t.Errorf("got %d, want %d: %s", w.Code, c.want, w.Body)
		}
	}
	left, err := running.Tokens(t.Context())
	if err != nil || len(left) != 0 {
		t.Errorf("got %v, %v", left, err)
	}
	entries := 0
	for e, err := range running.Store.Journal(t.Context(), state.JournalFilter{}) {
		if err == nil && strings.Contains(e.Label, "revoked") && e.By == "Dana" {
			entries++
		}
	}
	if entries != 1 {
		t.Errorf("got %d entries of the journal, want 1", entries)
	}
}
