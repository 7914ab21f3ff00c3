package pages

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/app"
	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

// A little is a program with a state and nobody to talk to.
const little = `cipp: {url: "http://127.0.0.1:1", tenant_id: 0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d90, client_id: 0f5d3c7e-8f43-4f57-9d1e-5a0f1c2b7d91, client_secret: not-a-secret, token_url: "http://127.0.0.1:1/token"}
connectwise: {url: "http://127.0.0.1:1", company: msp, public_key: p, private_key: not-a-key, client_id: c}
timezone: UTC
`

func program(t testing.TB, commits ...*state.Commit) *app.Running {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte("state: {path: "+filepath.Join(dir, "syncd.db")+"}\n"+little), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := app.Systems.LoadConfig(path, true, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := boltstate.Open(cfg.State.Path, boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.Commit(t.Context(), commits...); err != nil {
		t.Fatal(err)
	}
	w, err := app.New(cfg, store, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	w.Engine.Source = listing(nil)
	jobs := func() []app.JobState {
		return []app.JobState{{Name: "licences", Schedule: "0 6 * * *", Policy: "approve", Targets: []string{"connectwise"}, Next: time.Now().Add(time.Hour)}}
	}
	return w.Running(t.Context(), "1.2.3", jobs, func() error { return nil })
}

// A listing is a source that lists tenants, and has nothing else to say.
type listing []directory.Tenant

func (l listing) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	return directory.Proven(l, directory.Proof{Source: "test", TakenAt: time.Now(), AsOf: time.Now()}), nil
}

func (l listing) Snapshot(context.Context, directory.Tenant, directory.Kinds) (*directory.Snapshot, error) {
	return nil, errors.New("nothing is known of tenants here")
}

// one is People of whom everybody is one person.
type one struct {
	app.Person
	known bool
}

func (o one) who(*http.Request) (app.Person, bool) { return o.Person, o.known }

type peopleFunc func(*http.Request) (app.Person, bool)

func (f peopleFunc) Person(r *http.Request) (app.Person, bool) { return f(r) }

func somebody(role app.Role) People {
	return peopleFunc(one{app.Person{Operator: app.Operator{Name: "Dana", Identified: "by the test"}, Role: role, Named: true}, true}.who)
}

// ask asks a handler; a header is a name and a value.
func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// held is a hold of a customer with a plan of one change.
func held(customer, name, digest string, violations ...plan.Violation) *state.Commit {
	scope := plan.Scope{Customer: customer, Target: "connectwise"}
	if violations == nil {
		violations = []plan.Violation{{Code: "approval", Message: "every plan of this job waits for a person"}}
	}
	return &state.Commit{Scope: scope, Cursor: &state.Cursor{Scope: scope, Name: name, Outcome: "held"}, Hold: &state.Hold{Scope: scope, Name: name, Digest: digest, Job: "licences",
		Violations: violations, Plan: []byte(`{"monthly_delta":"44.00","currency":"USD","changes":[{"action":"update","kind":"addition","key":"k","label":"Business Premium",` +
			`"reason":"changed at source","monthly_delta":"44.00","currency":"USD","fields":{"quantity":{"before":"12","after":"14"}}}]}`)}}
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// Every route is refused to whoever has less than its role, and to whom nobody knows.
func TestEveryRouteAndRole(t *testing.T) {
	t.Parallel() // it checks systems that are not there, which takes a while
	running := program(t)
	for _, r := range table() {
		path := wildcard.ReplaceAllStringFunc(strings.ReplaceAll(r.path(), "{$}", ""), func(string) string { return "x" })
		stranger := Handler(running, peopleFunc(func(*http.Request) (app.Person, bool) { return app.Person{}, false }))
		if w := ask(stranger, r.method(), path, ""); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "<nav") {
			t.Errorf("%s asked by nobody: got %d, want 401 and no navigation", r.pattern, w.Code)
		}
		for _, role := range append([]app.Role{""}, app.Roles...) {
			code := ask(Handler(running, somebody(role)), r.method(), path, "").Code
			if may := role.Contains(r.role); may == (code == http.StatusForbidden) || code == http.StatusUnauthorized || code == http.StatusMethodNotAllowed {
				t.Errorf("%s asked by %q: got %d, needs %s", r.pattern, role, code, r.role)
			}
		}
		if r.method() != http.MethodGet && r.role == app.RoleViewer {
			t.Errorf("%s: whoever may only look changes something", r.pattern)
		}
	}
}

func TestPathsMethodsAndBodiesAreStrict(t *testing.T) {
	h := Handler(program(t, held("a", "Contoso", "7f3a91c2e004")), somebody(app.RoleOperator))
	for _, c := range []struct {
		method, path, body string
		header             []string
		want               int
		says               string
	}{
		{"GET", "/", "", nil, 200, "One plan waits for you"},
		{"HEAD", "/", "", nil, 200, ""},
		{"GET", "/nothing", "", nil, 404, "There is nothing here"},
		{"GET", "/holds", "", nil, 404, "There is nothing here"},
		{"GET", "/static/", "", nil, 404, ""},
		{"GET", "/static/app.css", "", nil, 404, ""}, // without its sum it could be kept when it is old
		{"GET", "/static/../pages.go", "", nil, 307, ""},
		{"DELETE", "/", "", nil, 405, "takes GET alone"},
		{"GET", "/holds/x/approve", "", nil, 405, "takes POST alone"},
		{"POST", "/holds/ffffffffffff/approve", "", nil, 404, "no plan has the digest ffffffffffff"},
		{"POST", "/holds/7f3a91c2e004/reject", "", nil, 422, "say why"},
		{"POST", "/holds/7f3a91c2e004/reject", "reason=" + strings.Repeat("x", maxForm), nil, 413, "too large"},
		{"POST", "/holds/7f3a91c2e004/reject", "reason", []string{"Content-Type", "text/plain"}, 415, "not understood"},
		{"POST", "/holds/7f3a91c2e004/reject", "{", []string{"Content-Type", "application/json"}, 400, "not understood"},
		{"POST", "/holds/7f3a91c2e004/reject", `{"reason":"x"} {}`, []string{"Content-Type", "application/json"}, 400, "more than one object"},
		{"POST", "/holds/7f3a91c2e004/reject", `{"reason":"x"}]`, []string{"Content-Type", "application/json"}, 400, "what follows the JSON"},
		{"POST", "/holds/7f3a91c2e004/reject", "reason=" + strings.Repeat("x", 1001), nil, 422, "more than 1000 characters"},
		{"POST", "/holds/7f3a91c2e004/reject", "reason=" + strings.Repeat("%C3%BC", 1000), nil, 303, ""},
		{"POST", "/holds/7f3a91c2e004/reject", "reason=one%0D%0Atwo", nil, 422, "write one line"},
		{"POST", "/holds/7f3a91c2e004/reject", "reason=one%00", nil, 422, "write one line"},
		{"POST", "/holds/7f3a91c2e004/reject", "reason=one%E2%80%AE", nil, 422, "write one line"},
		{"POST", "/holds/7f3a91c2e004/reject", "reason=one%FF", nil, 422, "write one line"},
		{"GET", "/?target=zzz", "", nil, 422, "target: there is no"},
		{"GET", "/?reason=zzz", "", nil, 422, "reason: there is no"},
		{"GET", "/?size=abc", "", nil, 422, "size: there is no"},
		{"POST", "/holds/7f3a91c2e004/reject", `{"reason":3}`, []string{"Content-Type", "application/json"}, 422, "write a text"},
	} {
		w := ask(h, c.method, c.path, c.body, c.header...)
		if w.Code != c.want || !strings.Contains(strings.ToLower(w.Body.String()), strings.ToLower(c.says)) {
			t.Errorf("%s %s: got %d, want %d and %q in\n%s", c.method, c.path, w.Code, c.want, c.says, w.Body)
		}
		if c.want == 405 && w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: 405 without Allow", c.method, c.path)
		}
	}
}

func TestProgramsGetJSON(t *testing.T) {
	running := program(t, held("a", "Contoso", "7f3a91c2e004"))
	h := Handler(running, somebody(app.RoleApprover))
	var list app.HoldList
	w := ask(h, "GET", "/", "", "Accept", "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list.Holds) != 1 || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %v, %q, %s", err, w.Header().Get("Content-Type"), w.Body)
	}
	var wrong struct{ Error string }
	w = ask(h, "GET", "/nothing", "", "Accept", "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &wrong); err != nil || w.Code != 404 || wrong.Error == "" {
		t.Errorf("got %d, %v, %s", w.Code, err, w.Body)
	}
	if strings.Contains(ask(h, "GET", "/", "", "Accept", "text/html,application/xhtml+xml,*/*").Header().Get("Content-Type"), "json") {
		t.Error("a browser gets JSON")
	}
}

// What is foreign cannot run, turn the line round, break it, or pass for another customer.
func TestHostileNames(t *testing.T) {
	running := program(t, held("a", "<script>alert(1)</script>", "00000000000a"), held("b", "gnp.\u202eexe\x1b[31m\r\nnext", "00000000000b"),
		held("c", strings.Repeat("long ", 2000), "00000000000c"), held("d", "Contoso", "00000000000d"), held("e", "CONTOSO", "00000000000e"),
		held("f", "\" onload=x", "00000000000f"), held("g", " \u200b ", "000000000010"))
	body := ask(Handler(running, somebody(app.RoleOperator)), "GET", "/", "").Body.String()
	for _, want := range []string{"&lt;script&gt;alert", `<bdi>gnp.\u202eexe\u001b[31m next</bdi>`, `<small class="id"><bdi>d</bdi>`, `<small class="id"><bdi>e</bdi>`, "&#34; onload=x"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"<script>alert", "\u202e", "\x1b", strings.Repeat("long ", 150), `<small class="id"><bdi>a</bdi>`} {
		if strings.Contains(body, not) {
			t.Errorf("the page has %q", not)
		}
	}
}

func TestAssetsAreKeptAndPagesAreNot(t *testing.T) {
	h := Handler(program(t), somebody(app.RoleViewer))
	page := ask(h, "GET", "/", "").Body.String()
	found := regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(found) < 4 {
		t.Fatalf("got %d files, want more", len(found))
	}
	for _, f := range found {
		w := ask(h, "GET", f[1], "", "Accept-Encoding", "gzip")
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: got %d, %v", f[1], w.Code, w.Header())
		}
	}
	if regexp.MustCompile(`<script>|<style|style=|\son[a-z]+=|javascript:`).MatchString(page) {
		t.Error("the page has a script or a style in it")
	}
}

func TestPagesArePacked(t *testing.T) {
	h := Handler(program(t, held("a", "Contoso", "00000000000a")), somebody(app.RoleViewer))
	plain := ask(h, "GET", "/", "").Body.String()
	w := ask(h, "GET", "/", "", "Accept-Encoding", "br, gzip;q=1.0")
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil || string(body) != plain || w.Header().Get("Vary") == "" {
		t.Errorf("got %d bytes, %v, want %d", len(body), err, len(plain))
	}
}

// The first view of a page is small on the wire, and the next ones smaller.
func TestAViewIsSmall(t *testing.T) {
	var commits []*state.Commit
	for i := range 200 {
		c := held(fmt.Sprintf("0f5d3c7e-8f43-4f57-9d1e-%012x", i*7919), fmt.Sprintf("Customer %03d", i), fmt.Sprintf("%012x", i*104729),
			plan.Violation{Code: "decrease_unexplained", Kind: "addition", Key: "k", Message: "nothing shows why"}, plan.Violation{Code: "approval"})
		var changes []string
		for j := range 4 {
			changes = append(changes, fmt.Sprintf(`{"action":"update","kind":"addition","key":"k%d","label":"Microsoft 365 Licence %d","reason":"changed at source","monthly_delta":"%d.50","currency":"USD",`+
				`"fields":{"quantity":{"before":"%d","after":"%d"}},"facts":{"agreement":"%d","agreement_name":"Managed services","unit_price":"%d.25"},`+
				`"effect":{"from":null,"to":null,"periods":null,"text":"billed from 1 to 31 December 2026, invoice not made"}}`, j, i*j, i*j-300, i+j, i, 500+i, j+2))
		}
		c.Hold.Plan = []byte(`{"monthly_delta":"1.00","currency":"USD","changes":[` + strings.Join(changes, ",") + `]}`)
		commits = append(commits, c)
	}
	h := Handler(program(t, commits...), somebody(app.RoleOperator))
	size := func(path string) (n int, body string) {
		w := ask(h, "GET", path, "", "Accept-Encoding", "gzip")
		return w.Body.Len(), ask(h, "GET", path, "").Body.String()
	}
	again, body := size("/")
	first := again
	for _, f := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(body, -1) {
		n, _ := size(f[1])
		first += n
	}
	t.Logf("first view %d bytes, then %d", first, again)
	if first > 50<<10 || again > 10<<10 {
		t.Errorf("first view %d bytes, want 51200 at most; next ones %d, want 10240 at most", first, again)
	}
}

func TestOtherPeoplesFilesAreAsTheyCame(t *testing.T) {
	list, err := os.ReadFile("static/vendor/VENDOR.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^\| (\S+) \| \S+ \| [\d.]+ \| [^|]+ \| ([0-9a-f]{64}) \|$`).FindAllStringSubmatch(string(list), -1)
	there, err := filepath.Glob("static/vendor/*.*s*")
	if err != nil || len(lines) == 0 {
		t.Fatal(err, len(lines))
	}
	for _, l := range lines {
		raw, err := os.ReadFile("static/vendor/" + l[1])
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != l[2] {
			t.Errorf("%s has another sum than VENDOR.md says", l[1])
		}
	}
	for _, path := range there {
		if name := filepath.Base(path); !strings.Contains(string(list), "| "+name+" |") && name != "VENDOR.md" {
			t.Errorf("%s stands in no line of VENDOR.md", name)
		}
	}
}

func TestANoticeIsSaidOnce(t *testing.T) {
	var n notices
	to := n.along("/?target=connectwise", "Approved.")
	_, key, ok := strings.Cut(to, "said=")
	if key, _, _ = strings.Cut(key, "&"); !ok || !strings.Contains(to, "target=connectwise") {
		t.Fatalf("got %s", to)
	}
	if got := []string{n.take("Approved"), n.take(key), n.take(key)}; strings.Join(got, "|") != "|Approved.|" {
		t.Errorf("got %q", got)
	}
}

func TestWhatPeopleRead(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		signed("1234567.5"): "+1,234,567.50", signed("-61.5"): "−61.50", signed("0"): "0.00", amount("-999"): "−999.00", amount(nil): "–", amount("x"): "–",
		quantity("1200"): "1,200", quantity("1.50"): "1.5", quantity(""): "–", quantity("-3"): "−3", quantity((*string)(nil)): "–",
		plural(1, "company"): "1 company", plural(2, "company"): "2 companies", plural(1000, "day"): "1,000 days", spelled(1, "plan"): "One plan",
		spelled(7, "plan"): "Seven plans", spelled(13, "plan"): "13 plans", spelled(0, "plan"): "No plans",
		when(now, now, london): "today 09:00", when(now.AddDate(0, 0, -2), now, london): "28 Nov 09:00", when(now.AddDate(1, -5, 0), now, london): "30 Jun 2027 10:00",
		whenZone(now, now, london): "today 09:00 Europe/London", when(time.Time{}, now, london): "never",
		dayOf("2027-03-14", now, london): "14 Mar 2027", dayOf("2026-12-01", now, london): "1 Dec", dayOf("soon", now, london): "soon",
		until(160 * time.Minute): "in 2 h 40 min", until(time.Hour): "in 1 h", until(-time.Second): "now", until(72 * time.Hour): "in 3 days",
		sentence("the line was edited"): "The line was edited.", sentence("élan"): "Élan.", sentence("Why?"): "Why?", sentence(""): "",
		address("customers", "a/b ?"): "/customers/a%2Fb%20%3F",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhatGoesWrongHasAStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("x"), 500}, {app.Usage("x"), 422}, {fmt.Errorf("y: %w", state.ErrConflict), 409}, {fmt.Errorf("y: %w", state.ErrNotFound), 409},
		{&app.PlanGoneError{}, 404}, {&app.PlanGoneError{Known: true}, 409}, {fail(418, "x"), 418},
	} {
		if got := statusOf(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
		if titles[c.want] == "" && c.want != 418 {
			t.Errorf("%d has no title", c.want)
		}
	}
}

func TestWhoHangsUpIsToldNothing(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	w := httptest.NewRecorder()
	Handler(program(t), somebody(app.RoleViewer)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	if w.Body.Len() > 0 {
		t.Errorf("got %s", w.Body)
	}
}

// What a filter or a list does not have is refused, to people and programs alike: as if nothing was chosen it
// would be more than was asked for.
func TestAChoiceThereIsNoneOfIsRefused(t *testing.T) {
	h := Handler(program(t, held("a", "Contoso", "00000000000a")), somebody(app.RoleViewer))
	for _, path := range []string{"/?target=nope", "/?reason=zzz", "/?size=abc", "/?page=x", "/?page=0", "/customers?stands=zzz", "/customers?page=1000000000000000000000", "/products?show=junk", "/map?show=zzz", "/matches?page=-1",
		"/report?status=zzz", "/report?of=zzz", "/report?size=-5", "/report?size=x", "/report?customer=nope", "/runs?page=1.5"} {
		for _, accept := range []string{"text/html", "application/json"} {
			if w := ask(h, "GET", path, "", "Accept", accept); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "Contoso") {
				t.Errorf("%s as %s: got %d, %s", path, accept, w.Code, w.Body)
			}
		}
	}
	if body := ask(h, "GET", "/report?status=zzz", "").Body.String(); !strings.Contains(body, "one of unbilled, under_billed") || !strings.Contains(body, `<a href="/report">Back to Report`) {
		t.Errorf("it does not say what there is, and leads elsewhere:\n%s", body)
	}
	if w := ask(h, "GET", "/matches?target=nope", ""); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a target: got %d", w.Code)
	}
}
