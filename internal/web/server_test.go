package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/web/signin"
)

func serve(t *testing.T, ready error, commits ...*state.Commit) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(Handler(options(t, ready, commits...)))
	t.Cleanup(s.Close)
	return s
}

func options(t *testing.T, ready error, commits ...*state.Commit) Options {
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
	gate, err := signin.New(signin.Options{Mode: signin.None, Store: store, Log: zerolog.Nop(), Now: time.Now, Open: IsOpen,
		Known: func(signin.Identity) (named, known bool) { return true, true }})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Store: store, Registry: prometheus.NewPedanticRegistry(), Version: "1.2.3", Log: zerolog.Nop(),
		Now: func() time.Time { return now }, Location: time.UTC, Ready: func() error { return ready }, Gate: gate,
		Access: AccessTo("127.0.0.1:9464", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil),
		Jobs: func() []Job {
			return []Job{{Name: "licences", Schedule: "0 6 * * *", Targets: []string{"connectwise"}, Policy: "approve"}}
		}}
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
	for _, want := range []string{"&lt;b&gt;Contoso", "syncd approve --digest 7f3a91c2e004", "quantity 12 → 14", "44.00", "answered 200 with nothing", "1 not read", "1 needs approval", "0 6 * * *", "1.2.3"} {
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

// line is the page's first line that is read.
func line1(page string) string {
	_, page, _ = strings.Cut(page, `<p class="first">`)
	line, _, _ := strings.Cut(page, "</p>")
	return tags.ReplaceAllString(line, "")
}

var tags = regexp.MustCompile(`<[^>]*>`)

func TestThePageSaysInItsFirstLineThatNothingIsBroughtAbout(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 21, hour, 0, 0, 0, time.UTC) }
	run := func(id string, hour int, change func(*state.Run)) state.Run {
		r := state.Run{ID: id, Job: "licences", Trigger: "schedule", Started: at(hour), Finished: at(hour)}
		change(&r)
		return r
	}
	fails := func(r *state.Run) { r.Error = "listing the tenants: cipp: GET /api/ListTenants: 503" }
	well := func(r *state.Run) { r.Totals = map[string]int{"in_step": 3, "failed": 1} }
	for _, c := range []struct {
		name        string
		ready       error
		runs        []state.Run
		page, probe string
	}{
		{"nothing ran", nil, nil, "ready", "ready"},
		{"all is well", nil, []state.Run{run("1", 6, well)}, "ready", "ready"},
		{"the source is down", nil, []state.Run{run("1", 6, fails)},
			"licences failed as a whole at 2026-11-21 06:00: listing the tenants: cipp: GET /api/ListTenants: 503 ",
			"ready\nlicences failed as a whole at 2026-11-21 06:00"},
		{"for a while", nil, []state.Run{run("1", 4, well), run("2", 5, fails), run("3", 6, fails)},
			"licences failed as a whole at 2026-11-21 06:00, 2 times in a row since 2026-11-21 05:00: listing the tenants: cipp: GET /api/ListTenants: 503 ",
			"ready\nlicences failed as a whole at 2026-11-21 06:00, 2 times in a row since 2026-11-21 05:00"},
		{"it came back", nil, []state.Run{run("1", 5, fails), run("2", 6, well)}, "ready", "ready"},
		{"every customer failed", nil, []state.Run{run("1", 6, func(r *state.Run) { r.Totals = map[string]int{"failed": 2, "incomplete": 3, "unmapped": 9} })},
			"licences failed as a whole at 2026-11-21 06:00: none of 5 customers was brought any further ", "ready\nlicences failed as a whole at 2026-11-21 06:00"},
		{"somebody stopped it, one customer failed, one is under way", nil, []state.Run{run("1", 5, well), run("2", 6, func(r *state.Run) { fails(r); r.Stopped = true }),
			run("3", 7, func(r *state.Run) { fails(r); r.Part = true }), run("4", 8, func(r *state.Run) { r.Finished = time.Time{} })}, "ready", "ready"},
		{"typed together with another job", nil, []state.Run{run("1", 6, func(r *state.Run) { fails(r); r.Job, r.Trigger = "identity+licences", "command" })},
			"licences failed as a whole at 2026-11-21 06:00: listing the tenants: cipp: GET /api/ListTenants: 503 ", "ready\nlicences failed as a whole at 2026-11-21 06:00"},
		{"not ready comes first", errors.New("the state is damaged"), []state.Run{run("1", 6, fails)}, "not ready: the state is damaged", "the state is damaged"},
	} {
		o := options(t, c.ready)
		for _, r := range c.runs {
			if err := o.Store.PutRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		s := httptest.NewServer(Handler(o))
		_, _, page := get(t, s.URL+"/")
		_, _, probe := get(t, s.URL+"/readyz")
		if line1(page) != c.page || strings.TrimSpace(probe) != c.probe {
			t.Errorf("%s:\n got %q and %q\nwant %q and %q", c.name, line1(page), probe, c.page, c.probe)
		}
		s.Close()
	}
}

func TestThePageStaysSmall(t *testing.T) {
	const customers = 1000
	name := func(i int) string { return fmt.Sprintf("Customer %03d", i) }
	groups := plan.Value(strings.Split(strings.Repeat("a group,", 200), ","))
	var commits []*state.Commit
	for i := range customers {
		scope := plan.Scope{Customer: fmt.Sprint(i), Target: "itglue"}
		commit := &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: name(i), Outcome: "held"}}
		switch {
		case i%2 == 0:
			var changes []plan.Change
			for j := range 60 {
				changes = append(changes, plan.Change{Action: plan.Create, Key: plan.Key{Kind: "user", ID: fmt.Sprint(j)}, Label: strings.Repeat("name ", 30), Reason: plan.NewAtSource,
					MonthlyDelta: decimal.NewFromInt(int64(i * j)),
					Fields:       []plan.FieldChange{{Name: "groups", After: groups, Set: true}, {Name: "mail", After: plan.Value{"x"}}, {Name: "name", After: plan.Value{"x"}}}})
			}
			// The page shows the plans with the most money alone; were it to show others, their number would tell.
			violations := 100
			if i < customers-100 {
				changes, violations = changes[:1], 1
			}
			body, err := json.Marshal(map[string]any{"monthly_delta": fmt.Sprint(i), "currency": "USD", "changes": changes})
			if err != nil {
				t.Fatal(err)
			}
			commit.Hold = &state.Hold{Scope: scope, Name: name(i), Digest: fmt.Sprintf("%012x", i), Plan: body}
			for range violations {
				commit.Hold.Violations = append(commit.Hold.Violations, plan.Violation{Code: "match_conflict", Message: strings.Repeat("long ", 200)})
			}
		case i%3 == 0:
			commit.Cursor.Outcome, commit.Cursor.Error = "failed", strings.Repeat("an error that goes on and on ", 100)
		default:
			commit.Cursor.Outcome = "in_step"
		}
		commits = append(commits, commit)
	}
	s := serve(t, nil, commits...)
	started := time.Now()
	_, _, page := get(t, s.URL+"/")
	t.Logf("%d bytes, made in %s", len(page), time.Since(started))
	if len(page) > 250_000 {
		t.Errorf("%d bytes for %d customers", len(page), customers)
	}
	for _, want := range []string{"500 need approval", "167 failed", "333 in step", "and 475 more: <code>syncd holds</code>", "and 117 more: <code>syncd status</code>", "and 52 more; together", "and 92 more",
		"Customer 998 at itglue"} { // the most money
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if _, _, again := get(t, s.URL+"/"); again != page {
		t.Error("two looks at one state show two pages")
	}
}

func TestWhatIsHeldSaysWhoseTurnItIs(t *testing.T) {
	hold := func(n string, vs ...plan.Violation) *state.Commit {
		scope := plan.Scope{Customer: n, Target: "connectwise"}
		return &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: n, Outcome: "held", Violations: vs},
			Hold: &state.Hold{Scope: scope, Name: n, Digest: "7f3a91c2e00" + n, Violations: vs, Plan: []byte(`{}`)}}
	}
	first := plan.Violation{Code: "first_plan", Message: "read it"}
	o := options(t, nil, hold("a", first), hold("b", first), hold("c", plan.Violation{Code: "agreement_ambiguous", NeedsRepair: true}), hold("d", first))
	for n, d := range map[string]state.Decision{"b": {Approved: true, By: "ada"}, "d": {By: "bob"}} {
		if err := o.Store.Decide(t.Context(), plan.Scope{Customer: n, Target: "connectwise"}, "7f3a91c2e00"+n, d); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(Handler(o))
	defer s.Close()
	_, _, page := get(t, s.URL+"/")
	for _, want := range []string{"1 needs approval", "1 approved", "1 needs repair", "1 rejected", ">approved by ada<", ">rejected by bob<", "it goes at the next apply", "syncd approve --digest 7f3a91c2e00a"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"approve --digest 7f3a91c2e00b", "approve --digest 7f3a91c2e00c"} {
		if strings.Contains(page, not) {
			t.Errorf("the page asks for %q", not)
		}
	}
}

func TestWhatIsPutOffSaysUntilWhen(t *testing.T) {
	freeze := plan.Violation{Code: "freeze", Note: true, Message: "invoices are made", PutOff: "2026-12-03"}
	scope := func(n string) plan.Scope { return plan.Scope{Customer: n, Target: "connectwise"} }
	skipped := func(n string, vs ...plan.Violation) *state.Commit {
		return &state.Commit{Scope: scope(n), Cursor: &state.Cursor{Scope: scope(n), Name: n, Outcome: "skipped", Violations: vs}}
	}
	approved := skipped("a", freeze)
	approved.Hold = &state.Hold{Scope: scope("a"), Name: "a", Digest: "7f3a91c2e00a", Violations: []plan.Violation{{Code: "approval"}}, Plan: []byte(`{}`)}
	o := options(t, nil, approved, skipped("b", freeze), skipped("c"))
	if err := o.Store.Decide(t.Context(), scope("a"), "7f3a91c2e00a", state.Decision{Approved: true, By: "ada"}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(Handler(o))
	defer s.Close()
	_, _, page := get(t, s.URL+"/")
	for _, want := range []string{"2 put off", "1 unchanged", "it is put off until 2026-12-03, and goes at the first apply after that", "<td>freeze: invoices are made</td>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "it goes at the next apply") {
		t.Error("the page promises the next apply")
	}
}

func TestNamesHideNothing(t *testing.T) {
	scope := plan.Scope{Customer: "a", Target: "connectwise"}
	s := serve(t, nil, &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: "Contoso \u202edtl\x1b", Outcome: "failed"}})
	if _, _, page := get(t, s.URL+"/"); strings.ContainsAny(page, "\u202e\x1b") || !strings.Contains(page, `Contoso \u202edtl`) {
		t.Errorf("the page turns a name around: %q", page)
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
