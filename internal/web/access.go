package web

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Access says who can reach the pages: they show customers and money.
type Access struct {
	// Loopback is whether only this machine reaches the listener. Where others
	// do, and nobody signs in, the pages are not served at all: health, metrics and events are.
	Loopback bool
	// SignsIn is whether people prove who they are to reach the pages.
	SignsIn bool
	// Names are the hosts that a request may name: the listener's own, and those
	// of the configuration. Requests that name another host
	// (DNS rebinding) are refused.
	Names []string
}

// AccessTo is the access to a listener: listen is its address as configured, addr
// as it came out, and hosts are further names. A listener on all addresses has no
// name of its own but loopback's.
func AccessTo(listen string, addr net.Addr, hosts []string) Access {
	a := Access{}
	own := func(name string) {
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if name = canonical(name); name != "" && !slices.Contains(a.Names, name) {
			a.Names = append(a.Names, name)
		}
	}
	everywhere := false
	if tcp, ok := addr.(*net.TCPAddr); ok {
		a.Loopback, everywhere = tcp.IP.IsLoopback(), tcp.IP.IsUnspecified()
		if !everywhere {
			own(tcp.IP.String())
		}
	}
	if a.Loopback || everywhere {
		for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
			own(name)
		}
	}
	if host, _, err := net.SplitHostPort(listen); err == nil {
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			own(host)
		}
	}
	for _, h := range hosts {
		own(h)
	}
	return a
}

// canonical is a host's name without brackets, last dot and capitals.
func canonical(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// namedIn is the canonical name in a Host header, which is a host or host:port with a port of digits (RFC 9110,
// 7.2); empty where it is neither. The port may be another than the listener's: a tunnel or proxy has its own.
func namedIn(header string) string {
	u, err := url.Parse("//" + header)
	if err != nil || u.Host != header {
		return ""
	}
	return canonical(u.Hostname())
}

// IsOpen reports whether a path is served to whoever reaches the listener: it names no customer and no
// amount. Events prove themselves by their secret.
func IsOpen(path string) bool {
	return isPublic(path) || strings.HasPrefix(path, "/events/") || strings.HasPrefix(path, "/static/")
}

// isPublic reports whether a path names no customers and is served under any Host: probes
// and scrapers use addresses.
func isPublic(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

const noPages = `syncd does not serve its pages here: they name customers and money, and this listener is reached from other machines.
To read them, let people sign in (auth.mode: basic, oidc or proxy), or listen on loopback (listen: 127.0.0.1:9464) and come through ssh
or on the machine itself, without a proxy; "syncd status" and "syncd holds" say the same. /healthz, /readyz, /metrics and the events of
CIPP are served.
`

// forwarding are the headers with which a proxy says that it hands on what others sent.
var forwarding = []string{"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip"}

// isForwarded reports whether a request came through a proxy: who connects to this machine's loopback is
// the proxy then, and not whoever asks.
func isForwarded(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded") || slices.Contains(forwarding, name) {
			return true
		}
	}
	return false
}

// restrict serves pages where people sign in, and on a loopback listener that no proxy stands before; public
// paths and events on any.
func (a Access) restrict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isPublic(r.URL.Path):
		case !slices.Contains(a.Names, namedIn(r.Host)):
			http.Error(w, "syncd is not reached under this name; add it to hosts in the configuration if it is yours", http.StatusMisdirectedRequest)
			return
		case a.SignsIn || a.Loopback && !isForwarded(r) || strings.HasPrefix(r.URL.Path, "/events/"):
		case r.URL.Path == "/":
			http.Error(w, noPages, http.StatusForbidden)
			return
		default:
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
