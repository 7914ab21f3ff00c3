package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/web/signin"
)

func options(t *testing.T, ready error) Options {
	t.Helper()
	store, err := boltstate.Open(filepath.Join(t.TempDir(), "syncd.db"), boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	gate, err := signin.New(signin.Options{Mode: signin.None, Store: store, Log: zerolog.Nop(), Now: time.Now, Open: IsOpen,
		Known: func(signin.Identity) (named, known bool) { return true, true }})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Store: store, Registry: prometheus.NewPedanticRegistry(), Log: zerolog.Nop(), Location: time.UTC, Ready: func() error { return ready }, Gate: gate,
		Access: AccessTo("127.0.0.1:9464", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil), Jobs: []string{"licences"},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "a page") })}
}

func serve(t *testing.T, o Options) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(Handler(o))
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

func TestHealthReadinessAndMetrics(t *testing.T) {
	good, bad := serve(t, options(t, nil)), serve(t, options(t, errors.New("the schedules are not running")))
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
		{good.URL + "/", 200, "a page"},
		{good.URL + "/customers/x", 200, "a page"},
		{good.URL + "/events/cipp", 404, "not found"},
	} {
		status, header, body := get(t, c.url)
		if status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: got %d %q, want %d %q", c.url, status, body, c.status, c.body)
		}
		if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: content security policy %q", c.url, csp)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		resp, err := http.Post(good.URL+path, "text/plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("a write to %s: got %d", path, resp.StatusCode)
		}
	}
}

func TestTheProbeSaysThatNothingIsBroughtAbout(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 21, hour, 0, 0, 0, time.UTC) }
	run := func(id string, hour int, change func(*state.Run)) state.Run {
		r := state.Run{ID: id, Job: "licences", Trigger: "schedule", Started: at(hour), Finished: at(hour)}
		change(&r)
		return r
	}
	fails := func(r *state.Run) { r.Error = "listing the tenants: cipp: GET /api/ListTenants: 503" }
	well := func(r *state.Run) { r.Totals = map[string]int{"in_step": 3, "failed": 1} }
	for _, c := range []struct {
		name  string
		ready error
		runs  []state.Run
		want  string
	}{
		{"nothing ran", nil, nil, "ready"},
		{"all is well", nil, []state.Run{run("1", 6, well)}, "ready"},
		{"the source is down", nil, []state.Run{run("1", 6, fails)}, "ready\nlicences failed as a whole at 2026-11-21 06:00"},
		{"for a while", nil, []state.Run{run("1", 4, well), run("2", 5, fails), run("3", 6, fails)},
			"ready\nlicences failed as a whole at 2026-11-21 06:00, 2 times in a row since 2026-11-21 05:00"},
		{"it came back", nil, []state.Run{run("1", 5, fails), run("2", 6, well)}, "ready"},
		{"every customer failed", nil, []state.Run{run("1", 6, func(r *state.Run) { r.Totals = map[string]int{"failed": 2, "incomplete": 3, "unmapped": 9} })},
			"ready\nlicences failed as a whole at 2026-11-21 06:00"},
		{"somebody stopped it, one customer failed, one is under way", nil, []state.Run{run("1", 5, well), run("2", 6, func(r *state.Run) { fails(r); r.Stopped = true }),
			run("3", 7, func(r *state.Run) { fails(r); r.Part = true }), run("4", 8, func(r *state.Run) { r.Finished = time.Time{} })}, "ready"},
		{"typed together with another job", nil, []state.Run{run("1", 6, func(r *state.Run) { fails(r); r.Job, r.Trigger = "identity+licences", "command" })},
			"ready\nlicences failed as a whole at 2026-11-21 06:00"},
		{"not ready comes first", errors.New("the state is damaged"), []state.Run{run("1", 6, fails)}, "the state is damaged"},
	} {
		o := options(t, c.ready)
		for _, r := range c.runs {
			if err := o.Store.PutRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, probe := get(t, serve(t, o).URL+"/readyz"); strings.TrimSpace(probe) != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, probe, c.want)
		}
	}
}

func TestWhoHangsUpIsNoError(t *testing.T) {
	var log strings.Builder
	o := options(t, nil)
	o.Log = zerolog.New(&log).Level(zerolog.InfoLevel)
	for _, path := range []string{"/", "/readyz", "/metrics"} {
		ctx, hangUp := context.WithCancel(t.Context())
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil).WithContext(ctx)
		hangUp()
		Handler(o).ServeHTTP(gone{httptest.NewRecorder()}, r)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, Handler(o), "", o.Log) }()
	for _, text := range []string{"GET / HTTP/1.1\r\n", "nonsense\r\n\r\n", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, text)
		conn.Close()
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if log.String() != "" {
		t.Errorf("the log says %s", log.String())
	}
}

type gone struct{ *httptest.ResponseRecorder }

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
