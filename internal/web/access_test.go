package web

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"syncd/internal/secret"
)

func TestWhoReachesWhat(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 9464} }
	const secretPath = "/events/cipp/s3cret-s3cret-s3cret"
	loopback, everywhere := tcp("127.0.0.1"), tcp("0.0.0.0")
	for _, c := range []struct {
		name         string
		listen       string
		addr         net.Addr
		hosts        []string
		method, path string
		host         string
		want         int
	}{
		{"loopback, its address", "127.0.0.1:9464", loopback, nil, "GET", "/", "127.0.0.1:9464", 200},
		{"loopback, its name", "127.0.0.1:9464", loopback, nil, "GET", "/", "LOCALHOST.:9464", 200},
		{"loopback, through a tunnel", "127.0.0.1:9464", loopback, nil, "GET", "/", "localhost:8080", 200},
		{"loopback of six", "[::1]:9464", tcp("::1"), nil, "GET", "/", "[::1]:9464", 200},
		{"loopback, another name", "127.0.0.1:9464", loopback, nil, "GET", "/", "evil.example", 421},
		{"loopback, another name with ours in it", "127.0.0.1:9464", loopback, nil, "GET", "/", "127.0.0.1.evil.example", 421},
		{"loopback, no name", "127.0.0.1:9464", loopback, nil, "GET", "/", "", 421},
		{"loopback, a port and no name", "127.0.0.1:9464", loopback, nil, "GET", "/", ":9464", 421},
		{"loopback, a name behind the port", "127.0.0.1:9464", loopback, nil, "GET", "/", "127.0.0.1:9464.evil.example", 421},
		{"loopback, two ports", "127.0.0.1:9464", loopback, nil, "GET", "/", "127.0.0.1:9464:80", 421},
		{"loopback, a user before it", "127.0.0.1:9464", loopback, nil, "GET", "/", "evil@127.0.0.1:9464", 421},
		{"loopback, a path behind it", "127.0.0.1:9464", loopback, nil, "GET", "/", "127.0.0.1/evil", 421},
		{"loopback of six, no bracket at its end", "[::1]:9464", tcp("::1"), nil, "GET", "/", "[::1", 421},
		{"loopback, a name of the configuration", "127.0.0.1:9464", loopback, []string{"syncd.example"}, "GET", "/", "Syncd.Example", 200},
		{"loopback, style sheet", "127.0.0.1:9464", loopback, nil, "GET", "/static/app.css", "evil.example", 421},
		{"loopback, what is not there", "127.0.0.1:9464", loopback, nil, "GET", "/nothing", "evil.example", 421},
		{"loopback, health by any name", "127.0.0.1:9464", loopback, nil, "GET", "/healthz", "evil.example", 200},
		{"loopback, readiness by any name", "127.0.0.1:9464", loopback, nil, "GET", "/readyz", "10.0.0.7:9464", 200},
		{"loopback, metrics by any name", "127.0.0.1:9464", loopback, nil, "GET", "/metrics", "prom", 200},
		{"loopback, an event by another name", "127.0.0.1:9464", loopback, nil, "POST", secretPath, "evil.example", 421},
		{"everywhere, page", "0.0.0.0:9464", everywhere, nil, "GET", "/", "127.0.0.1:9464", 403},
		{"everywhere, page by a name that is configured", "0.0.0.0:9464", everywhere, []string{"syncd.example"}, "GET", "/", "syncd.example", 403},
		{"everywhere, its address is no name of its own", "0.0.0.0:9464", everywhere, nil, "GET", "/", "10.0.0.5:9464", 421},
		{"everywhere, style sheet", ":9464", everywhere, nil, "GET", "/static/app.css", "localhost", 404},
		{"everywhere, health", ":9464", everywhere, nil, "GET", "/healthz", "10.0.0.5", 200},
		{"everywhere, metrics", ":9464", everywhere, nil, "GET", "/metrics", "10.0.0.5", 200},
		{"everywhere, an event by a name that is configured", ":9464", everywhere, []string{"syncd.example"}, "POST", secretPath, "syncd.example:443", 202},
		{"everywhere, an event by an address", ":9464", everywhere, nil, "POST", secretPath, "10.0.0.5", 421},
		{"everywhere, an address that is zero", ":9464", everywhere, nil, "GET", "/", "0.0.0.0:9464", 421},
		{"one address, page", "10.0.0.5:9464", tcp("10.0.0.5"), nil, "GET", "/", "10.0.0.5:9464", 403},
		{"one address, an event", "10.0.0.5:9464", tcp("10.0.0.5"), nil, "POST", secretPath, "10.0.0.5:9464", 202},
		{"one name, an event", "syncd.lan:9464", tcp("10.0.0.5"), nil, "POST", secretPath, "syncd.lan:9464", 202},
		{"one address, a loopback name", "10.0.0.5:9464", tcp("10.0.0.5"), nil, "GET", "/", "localhost", 421},
	} {
		o := options(t, nil)
		o.Access = AccessTo(c.listen, c.addr, c.hosts)
		o.Events = Events{Secret: secret.New("s3cret-s3cret-s3cret"), Hint: func([]string) {}, Now: time.Now}
		r := httptest.NewRequest(c.method, c.path, strings.NewReader("{}"))
		r.Host = c.host
		w := httptest.NewRecorder()
		Handler(o).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: got %d, want %d", c.name, w.Code, c.want)
		}
		if c.want == http.StatusForbidden && !strings.Contains(w.Body.String(), "listen: 127.0.0.1:9464") {
			t.Errorf("%s: the page says %q, and not what to do", c.name, w.Body)
		}
	}
}

// The kernel would tell who runs the proxy, and not who asks.
func TestBehindAProxyOnThisMachineNobodyIsKnown(t *testing.T) {
	for _, c := range []struct {
		header  string
		signsIn bool
		path    string
		want    int
	}{
		{"", false, "/", 200},
		{"X-Forwarded-For", false, "/", 403},
		{"x-forwarded-proto", false, "/customers", 404},
		{"X-Forwarded", false, "/", 403},
		{"Forwarded", false, "/", 403},
		{"Via", false, "/", 403},
		{"X-Real-IP", false, "/", 403},
		{"X-Forwarded-For", false, "/static/app.css", 404},
		{"X-Forwarded-For", false, "/healthz", 200},
		{"X-Forwarded-For", true, "/", 200},
	} {
		o := options(t, nil)
		o.Access = AccessTo("127.0.0.1:9464", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9464}, nil)
		o.Access.SignsIn = c.signsIn
		r := httptest.NewRequest("GET", c.path, nil)
		if r.Host = "localhost"; c.header != "" {
			r.Header.Set(c.header, "10.0.0.7")
		}
		w := httptest.NewRecorder()
		Handler(o).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %s, people sign in: %v: got %d, want %d", c.header, c.path, c.signsIn, w.Code, c.want)
		}
	}
}
