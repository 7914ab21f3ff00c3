package signin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/bcrypt"

	"syncd/internal/state"
	"syncd/internal/state/boltstate"
)

func store(t *testing.T) state.Store {
	t.Helper()
	s, err := boltstate.Open(filepath.Join(t.TempDir(), "syncd.db"), boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// everybody is known, and nobody by name.
func everybody(Identity) (named, known bool) { return false, true }

func gate(t *testing.T, o Options) *Gate {
	t.Helper()
	if o.Store == nil {
		o.Store = store(t)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Known == nil {
		o.Known = everybody
	}
	o.Open = func(path string) bool { return path == "/healthz" }
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// inside answers with who is let in.
var inside = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id, ok := Of(r.Context())
	if !ok {
		io.WriteString(w, "open")
		return
	}
	_ = json.NewEncoder(w).Encode(id)
})

// A browser keeps cookies and follows nothing.
type browser struct {
	t *testing.T
	*http.Client
	url string
}

func browse(t *testing.T, s *httptest.Server) *browser {
	jar, _ := cookiejar.New(nil) // without options it cannot fail
	client := &http.Client{Transport: s.Client().Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &browser{t, client, s.URL}
}

// ask sends a request, with headers as pairs, and returns status, where it leads and the body.
func (b *browser) ask(method, to string, form url.Values, headers ...string) (int, string, string) {
	b.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = b.url + to
	}
	req, err := http.NewRequest(method, to, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if req.Header.Add(headers[i], headers[i+1]); headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(body)
}

// who is whom the gate takes the browser for.
func (b *browser) who(headers ...string) Identity {
	b.t.Helper()
	status, _, body := b.ask("GET", "/", nil, headers...)
	var id Identity
	if status == 200 && json.Unmarshal([]byte(body), &id) != nil {
		b.t.Fatalf("got %s", body)
	}
	return id
}

// usersFile is a file with cheap hashes of each password.
func usersFile(t *testing.T, pairs ...string) string {
	t.Helper()
	text := ""
	for i := 0; i < len(pairs); i += 2 {
		hash, err := bcrypt.GenerateFromPassword([]byte(pairs[i+1]), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		text += pairs[i] + ":" + string(hash) + "\n"
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhoIsNotSignedInIsAsked(t *testing.T) {
	s := httptest.NewServer(gate(t, Options{Mode: Basic, Basic: BasicOptions{usersFile(t, "ada", "right")}}).Handler(inside))
	defer s.Close()
	b := browse(t, s)
	for _, c := range []struct {
		method, path string
		headers      []string
		status       int
		to, body     string
	}{
		{"GET", "/healthz", nil, 200, "", "open"},
		{"GET", "/customers?q=1", nil, 303, "/signin?return=%2Fcustomers%3Fq%3D1", ""},
		{"HEAD", "/", nil, 303, "/signin?return=%2F", ""},
		{"GET", "/", []string{"Accept", "application/json"}, 401, "", `"error":"sign in, or send Authorization`},
		{"POST", "/holds/x/approve", []string{"Accept", "application/json"}, 401, "", `"error"`},
		{"POST", "/holds/x/approve", nil, 303, "/signin?ended=1", ""},
		{"POST", "/holds/x/approve", []string{"Referer", s.URL + "/?target=itglue"}, 303, "/signin?ended=1&return=%2F%3Ftarget%3Ditglue", ""},
		{"POST", "/holds/x/approve", []string{"Referer", "https://evil.example/x"}, 303, "/signin?ended=1", ""},
		{"GET", "/signin?ended=1", nil, 200, "", "what you sent was not done"},
		{"GET", "/signin?return=https://evil.example/", nil, 200, "", `name="return" value="/"`},
		{"POST", "/holds/x/approve", []string{"Sec-Fetch-Site", "cross-site"}, 403, "", "a page of another site"},
		{"POST", "/holds/x/approve", []string{"Origin", "https://evil.example"}, 403, "", "a page of another site"},
		{"POST", "/signin", []string{"Origin", "https://evil.example"}, 403, "", "a page of another site"},
		{"GET", "/", []string{"Authorization", "Basic YWRhOnJpZ2h0"}, 401, "", "no bearer token"},
		{"GET", "/", []string{"Authorization", "Bearer "}, 401, "", "unknown, revoked or expired"},
		{"GET", "/", []string{"Authorization", "Bearer a", "Authorization", "Bearer b"}, 401, "", "no bearer token"},
		{"GET", "/", []string{"Cookie", "syncd=guessed"}, 303, "/signin?return=%2F", ""},
		{"GET", "/", []string{"X-Remote-User", "ada"}, 303, "/signin?return=%2F", ""},
		{"GET", "/signin/callback?code=x&state=y", nil, 404, "", ""},
	} {
		status, to, body := b.ask(c.method, c.path, nil, c.headers...)
		if status != c.status || to != c.to || !strings.Contains(body, c.body) {
			t.Errorf("%s %s %v: got %d, %q, %s; want %d, %q, %s", c.method, c.path, c.headers, status, to, body, c.status, c.to, c.body)
		}
	}
}

func TestOneGoesBackToOurOwnPagesOnly(t *testing.T) {
	for path, want := range map[string]string{
		"/customers/a?x=1": "/customers/a?x=1", "/": "/", "": "/", "customers": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/",
		"/\t/evil.example": "/", "/%2f/evil.example": "/", "javascript:alert(1)": "/", "/signin?return=/x": "/", "/signin/callback?code=1": "/", "/a\r\nSet-Cookie: x=1": "/",
		"/%5cevil.example": "/%5cevil.example", "/a#b": "/a",
	} {
		if got := local(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestSigningInWithAPassword(t *testing.T) {
	file := usersFile(t, "ada@msp.example", "right", "bob", "also right")
	st := store(t)
	var log strings.Builder
	g := gate(t, Options{Mode: Basic, Store: st, Log: zerolog.New(&log), Basic: BasicOptions{file}})
	s := httptest.NewServer(g.Handler(inside))
	defer s.Close()
	b := browse(t, s)
	form := func(user, password string) url.Values {
		return url.Values{"user": {user}, "password": {password}, "return": {"/customers"}}
	}
	for _, c := range []struct {
		user, password string
		status         int
		to             string
	}{
		{"ada@msp.example", "wrong", 401, ""},
		{"nobody", "right", 401, ""},
		{"", "", 401, ""},
		{"ada@msp.example", "", 401, ""},
		{"bob", "right", 401, ""},
		{" ADA@msp.example ", "right", 303, "/customers"},
	} {
		status, to, body := b.ask("POST", "/signin", form(c.user, c.password))
		if status != c.status || to != c.to {
			t.Errorf("%s with %s: got %d, %q", c.user, c.password, status, to)
		}
		if c.status == 401 && (!strings.Contains(body, "do not belong together") || !strings.Contains(body, `name="user"`) || c.password != "" && strings.Contains(body, c.password+`"`)) {
			t.Errorf("the form comes back with the password, or without a word: %s", body)
		}
	}
	if id := b.who(); id.Name() != "ada@msp.example" || id.How != "signed in (basic)" || id.UID != -1 {
		t.Errorf("got %+v", id)
	}
	if log := log.String(); strings.Contains(log, "right") || strings.Contains(log, "wrong\"") || !strings.Contains(log, "127.0.0.1") {
		t.Errorf("the log says %s", log)
	}
	doc, err := st.Document(t.Context(), state.SessionsDocument)
	if err != nil || len(doc.Body) == 0 {
		t.Fatal(err)
	}
	u, _ := url.Parse(s.URL)
	text := b.Jar.Cookies(u)[0].Value
	if strings.Contains(string(doc.Body), text) {
		t.Error("the state holds what the browser holds")
	}

	// Signing in again takes another session, and the former one is no more.
	if status, _, _ := b.ask("POST", "/signin", form("bob", "also right")); status != 303 {
		t.Fatal(status)
	}
	if b.who().Name() != "bob" || b.Jar.Cookies(u)[0].Value == text {
		t.Error("the session was not rotated")
	}
	other := browse(t, s)
	if status, to, _ := other.ask("GET", "/", nil, "Cookie", "syncd="+text); status != 303 || !strings.HasPrefix(to, "/signin") {
		t.Errorf("the former session: got %d", status)
	}

	// Another daemon on the same state knows who is signed in, and signing out is for all.
	second := httptest.NewServer(gate(t, Options{Mode: Basic, Store: st, Basic: BasicOptions{file}}).Handler(inside))
	defer second.Close()
	kept := "syncd=" + b.Jar.Cookies(u)[0].Value
	if id := browse(t, second).who("Cookie", kept); id.Name() != "bob" {
		t.Errorf("got %+v", id)
	}
	if status, to, _ := b.ask("POST", "/signout", nil); status != 303 || to != "/signin" {
		t.Errorf("got %d, %q", status, to)
	}
	if b.who().Mode != "" || browse(t, second).who("Cookie", kept).Mode != "" {
		t.Error("signed out, and still in")
	}
}

func TestASessionEndsWithWhatItRestsOn(t *testing.T) {
	file := usersFile(t, "ada", "right", "bob", "right")
	known, named := true, true
	g := gate(t, Options{Mode: Basic, Basic: BasicOptions{file}, Known: func(id Identity) (bool, bool) { return named && id.Name() == "ada", known }})
	s := httptest.NewServer(g.Handler(inside))
	defer s.Close()
	enter := func(name string) *browser {
		b := browse(t, s)
		if status, _, body := b.ask("POST", "/signin", url.Values{"user": {name}, "password": {"right"}}); status != 303 {
			t.Fatalf("%d: %s", status, body)
		}
		return b
	}
	ada, bob := enter("ada"), enter("bob")
	named = false // staff does not name her any more
	if ada.who().Mode != "" {
		t.Error("who left staff is still in")
	}
	named = true
	if ada.who().Mode != "" {
		t.Error("a session that ended begins again")
	}
	if bob.who().Name() != "bob" {
		t.Error("staff never named bob")
	}
	known = false
	if status, _, body := enterRefused(t, s); status != 403 || !strings.Contains(body, "whom nothing gives a role") {
		t.Errorf("got %d: %s", status, body)
	}
	if bob.who().Mode != "" {
		t.Error("whom nothing gives a role is still in")
	}
	known = true
	bob = enter("bob")
	if err := os.WriteFile(file, []byte("# nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if bob.who().Mode != "" {
		t.Error("who left the users' file is still in")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if status, _, body := browse(t, s).ask("POST", "/signin", url.Values{"user": {"bob"}, "password": {"right"}}); status != 500 || !strings.Contains(body, "cannot be read") {
		t.Errorf("without the file: got %d: %s", status, body)
	}
}

func enterRefused(t *testing.T, s *httptest.Server) (int, string, string) {
	return browse(t, s).ask("POST", "/signin", url.Values{"user": {"bob"}, "password": {"right"}})
}

func TestCookiesAreForTheirHostAlone(t *testing.T) {
	g := gate(t, Options{Mode: Basic, URL: "https://syncd.example.net", Basic: BasicOptions{usersFile(t, "ada", "right")}})
	s := httptest.NewServer(g.Handler(inside))
	defer s.Close()
	tls := httptest.NewTLSServer(g.Handler(inside))
	defer tls.Close()
	for _, c := range []struct {
		name   string
		server *httptest.Server
		host   string
		want   string
		secure bool
	}{
		{"plain HTTP on this machine", s, "127.0.0.1", "syncd", false},
		{"a proxy with TLS in front", s, "syncd.example.net", "__Host-syncd", true},
		{"TLS", tls, "127.0.0.1", "__Host-syncd", true},
	} {
		form := strings.NewReader("user=ada&password=right")
		req, _ := http.NewRequest("POST", c.server.URL+"/signin", form)
		req.Host = c.host
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		b := browse(t, c.server)
		resp, err := b.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := resp.Cookies()
		if len(got) != 1 || got[0].Name != c.want || got[0].Secure != c.secure || !got[0].HttpOnly || got[0].SameSite != http.SameSiteLaxMode || got[0].Path != "/" || got[0].Domain != "" {
			t.Errorf("%s: got %+v", c.name, got)
			continue
		}
		// By HTTPS the plain name, which others on the host may set, counts for nothing.
		if c.secure {
			if id := browse(t, c.server).who("Host", c.host, "Cookie", "syncd="+got[0].Value); id.Mode != "" {
				t.Errorf("%s: the plain cookie counts: %+v", c.name, id)
			}
		}
		if id := browse(t, c.server).who("Host", c.host, "Cookie", c.want+"="+got[0].Value); id.Name() != "ada" {
			t.Errorf("%s: got %+v", c.name, id)
		}
	}
}

func TestAProxysWord(t *testing.T) {
	g := gate(t, Options{Mode: Proxy, Proxy: ProxyOptions{Header: "X-Remote-User", From: prefixes("10.0.0.5/32", "fd00::/64")}})
	for _, c := range []struct {
		name, from string
		values     []string
		status     int
		login      string
	}{
		{"the proxy", "10.0.0.5:4711", []string{"ada@msp.example"}, 200, "ada@msp.example"},
		{"a proxy of six", "[fd00::7]:4711", []string{"ada"}, 200, "ada"},
		{"the proxy, as an address of six", "[::ffff:10.0.0.5]:4711", []string{"ada"}, 200, "ada"},
		{"another address", "10.0.0.6:4711", []string{"ada"}, 403, ""},
		{"another address without the header", "10.0.0.6:4711", nil, 401, ""},
		{"the proxy without the header", "10.0.0.5:4711", nil, 401, ""},
		{"nobody", "10.0.0.5:4711", []string{""}, 401, ""},
		{"the browser's and the proxy's", "10.0.0.5:4711", []string{"olga", "ada"}, 401, ""},
		{"the same, joined", "10.0.0.5:4711", []string{"olga, ada"}, 401, ""},
		{"nobody and somebody", "10.0.0.5:4711", []string{"", "ada"}, 401, ""},
		{"no address", "@", []string{"ada"}, 403, ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.from
		for _, v := range c.values {
			r.Header.Add("x-remote-user", v)
		}
		r.Header.Set("X-Forwarded-For", "10.0.0.5") // what a client says of where it comes from
		w := httptest.NewRecorder()
		g.Handler(inside).ServeHTTP(w, r)
		var id Identity
		_ = json.Unmarshal(w.Body.Bytes(), &id)
		if w.Code != c.status || id.Name() != c.login || c.status == 200 && id.How != "signed in (proxy)" {
			t.Errorf("%s: got %d, %+v", c.name, w.Code, id)
		}
	}
}

func TestAStateThatCannotBeReadLetsNobodyIn(t *testing.T) {
	st := broken{store(t)}
	s := httptest.NewServer(gate(t, Options{Mode: Basic, Store: st, Basic: BasicOptions{usersFile(t, "ada", "right")}}).Handler(inside))
	defer s.Close()
	b := browse(t, s)
	if status, _, body := b.ask("POST", "/signin", url.Values{"user": {"ada"}, "password": {"right"}}); status != 500 || !strings.Contains(body, "you are not signed in") {
		t.Errorf("got %d: %s", status, body)
	}
	for _, header := range [][]string{{"Authorization", "Bearer syncd_x"}, {"Cookie", "syncd=x"}} {
		if status, _, body := b.ask("GET", "/", nil, header...); status != 500 || strings.Contains(body, "gone bad") {
			t.Errorf("%v: got %d: %s", header, status, body)
		}
	}
}

type broken struct{ state.Store }

func (broken) Document(context.Context, string) (state.Document, error) {
	return state.Document{}, errors.New("gone bad")
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
