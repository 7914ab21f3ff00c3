package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/secret"
)

func TestEventsAreHintsForWhoKnowsTheSecret(t *testing.T) {
	var heard []string
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	mux := http.NewServeMux()
	Events{Secret: secret.New("s3cret"), Now: func() time.Time { return now }, Hint: func(tenants []string) {
		slices.Sort(tenants)
		heard = append(heard, strings.Join(tenants, " "))
	}}.register(mux)
	post := func(path, body string, header ...string) int {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code
	}
	standard := `{"schemaVersion":"1.0","source":"Scheduled Task","tenant":"Fabrikam.example","payload":[{"id":"1"}]}`
	for _, c := range []struct {
		name, path, body string
		header           []string
		code             int
		heard            string
	}{
		{"no secret", "/events/cipp", standard, nil, 404, ""},
		{"a wrong secret", "/events/cipp/guess", standard, nil, 404, ""},
		{"in the path", "/events/cipp/s3cret", standard, nil, 202, "fabrikam.example"},
		{"the same again", "/events/cipp/s3cret", standard, nil, 202, ""},
		{"a bearer token, the logbook's rows", "/events/cipp", `[{"Tenant":"contoso.example","Message":"x"},{"Tenant":"adatum.example"},{"Tenant":"AllTenants"}]`, []string{"Authorization", "Bearer s3cret"}, 202, "adatum.example contoso.example"},
		{"a header, one row", "/events/cipp", `{"PartitionKey":"1","Tenant":"contoso.example"}`, []string{"X-Api-Key", "s3cret"}, 202, "contoso.example"},
		{"a scheduled task", "/events/cipp/s3cret", `{"tenantId":"7D1F0B7E-2C55-4A39-9D0E-0B8F4B5F1A11","Tenant":"contoso.example","TaskInfo":{"Name":"x"},"Results":"ok"}`, nil, 202, "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11 contoso.example"},
		{"nobody in particular", "/events/cipp/s3cret", `{"tenant":"AllTenants"}`, nil, 202, ""},
		{"no JSON", "/events/cipp/s3cret", `hello`, nil, 202, ""},
		{"too large", "/events/cipp/s3cret", strings.Repeat("x", maxEventBytes+1), nil, 413, ""},
	} {
		heard = nil
		if code := post(c.path, c.body, c.header...); code != c.code || strings.Join(heard, "; ") != c.heard {
			t.Errorf("%s: got %d and %q, want %d and %q", c.name, code, heard, c.code, c.heard)
		}
	}
	now = now.Add(2 * time.Hour)
	heard = nil
	if post("/events/cipp/s3cret", standard); len(heard) != 1 {
		t.Error("an event of two hours ago still counts as the same")
	}
	refused := 0
	for range 2 * eventsPerMinute {
		if post("/events/cipp/s3cret", "{}") == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a flood of events was let in")
	}
}

func TestWrongSecretsAreThrottledAndCostNothing(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	heard := 0
	mux := http.NewServeMux()
	Events{Secret: secret.New("s3cret"), Now: func() time.Time { return now }, Hint: func([]string) { heard++ }}.register(mux)
	read := 0
	post := func(path, from string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, counting{strings.NewReader(`{"tenant":"x"}` + strings.Repeat(" ", 3<<20)), &read})
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	for i := range 3 * wrongSecretsPerMinute {
		want := http.StatusNotFound
		if i >= wrongSecretsPerMinute {
			want = http.StatusTooManyRequests
		}
		if w := post("/events/cipp/guess", "192.0.2.1:1"); w.Code != want || (want == 429) != (w.Header().Get("Retry-After") != "") {
			t.Fatalf("guess %d: got %d, Retry-After %q, want %d", i, w.Code, w.Header().Get("Retry-After"), want)
		}
	}
	if read != 0 {
		t.Errorf("%d bytes were read for wrong secrets", read)
	}
	if w := post("/events/cipp/guess", "192.0.2.2:1"); w.Code != 404 {
		t.Errorf("another address: got %d", w.Code)
	}
	if w := post("/events/cipp/s3cret", "192.0.2.1:1"); w.Code != 202 || heard != 1 {
		t.Errorf("the right secret: got %d", w.Code)
	}
	now = now.Add(time.Minute)
	if w := post("/events/cipp/guess", "192.0.2.1:1"); w.Code != 404 {
		t.Errorf("a minute later: got %d", w.Code)
	}
}

type counting struct {
	io.Reader
	n *int
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.n += n
	return n, err
}

// Nested lists once made the text be read again at every depth.
// largeEvent is 3 MiB of what an event may look like at its worst.
func largeEvent() []byte {
	row := `{"Tenant":"contoso.example","Data":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `,"more":{"a":{"b":{"tenant":"too-deep.example"}}}},`
	return []byte("[" + strings.Repeat(row, 3<<20/len(row)) + `{"defaultDomainName":"last.example"}]`)
}

func TestALargeEventIsReadToItsEnd(t *testing.T) {
	if got := strings.Join(tenantsIn(largeEvent()), " "); got != "contoso.example last.example" {
		t.Errorf("got %q", got)
	}
}

// BenchmarkALargeEvent shows that each level is read once: 20 ms on an idle machine.
func BenchmarkALargeEvent(b *testing.B) {
	body := largeEvent()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		tenantsIn(body)
	}
}

func TestWithoutASecretThereAreNoEvents(t *testing.T) {
	mux := http.NewServeMux()
	Events{Hint: func([]string) { t.Error("heard something") }}.register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/events/cipp/", strings.NewReader(`{"tenant":"x"}`)))
	if w.Code != http.StatusNotFound {
		t.Errorf("got %d, want 404", w.Code)
	}
}
