package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

func serve(t *testing.T, ready error, commits ...*state.Commit) *httptest.Server {
	t.Helper()
	store, err := boltstate.Open(filepath.Join(t.TempDir(), "syncd.db"), boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.Commit(t.Context(), commits...); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	s := httptest.NewServer(Handler(Options{Store: store, Registry: prometheus.NewPedanticRegistry(), Version: "1.2.3", Log: zerolog.Nop(),
		Now: func() time.Time { return now }, Location: time.UTC, Ready: func() error { return ready },
		Jobs: func() []Job {
			return []Job{{Name: "licences", Schedule: "0 6 * * *", Targets: []string{"connectwise"}, Policy: "approve"}}
		}}))
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestTheStatusPageShowsWhatWaitsAndWhatIsWrong(t *testing.T) {
	held, failed := plan.Scope{Customer: "a", Target: "connectwise"}, plan.Scope{Customer: "b", Target: "connectwise"}
	s := serve(t, nil,
		&state.Commit{Scope: held, Cursor: &state.Cursor{Name: "<b>Contoso</b>", Outcome: "held"}, Hold: &state.Hold{Name: "<b>Contoso</b>", Digest: "7f3a91c2e004",
			Violations: []plan.Violation{{Code: "first_plan", Message: "read it"}},
			Plan:       []byte(`{"monthly_delta":"44.00","currency":"USD","changes":[{"action":"update","label":"Premium","reason":"changed at source","monthly_delta":"44.00","fields":{"quantity":{"before":"12","after":"14"}}}]}`)}},
		&state.Commit{Scope: failed, Cursor: &state.Cursor{Name: "Fabrikam", Outcome: "incomplete", Error: "answered 200 with nothing"}})
	status, header, page := get(t, s.URL+"/")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, page)
	}
	for _, want := range []string{"&lt;b&gt;Contoso", "syncd approve --digest 7f3a91c2e004", "quantity 12 → 14", "44.00", "answered 200 with nothing", "1 source not proven", "0 6 * * *", "1.2.3"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "<b>Contoso") {
		t.Error("a customer's name is taken for markup")
	}
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("content security policy %q", csp)
	}
}

func TestHealthReadinessAndMetrics(t *testing.T) {
	good, bad := serve(t, nil), serve(t, errors.New("the schedules are not running"))
	for _, c := range []struct {
		url    string
		status int
		body   string
	}{
		{good.URL + "/healthz", 200, "alive"},
		{good.URL + "/readyz", 200, "ready"},
		{bad.URL + "/healthz", 200, "alive"},
		{bad.URL + "/readyz", 503, "the schedules are not running"},
		{good.URL + "/metrics", 200, ""},
		{good.URL + "/static/status.css", 200, "color-scheme"},
		{good.URL + "/nothing", 404, ""},
	} {
		if status, _, body := get(t, c.url); status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: got %d %q, want %d %q", c.url, status, body, c.status, c.body)
		}
	}
	resp, err := http.Post(good.URL+"/", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a write to the page: got %d", resp.StatusCode)
	}
}
