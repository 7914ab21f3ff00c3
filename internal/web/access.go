package web

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// Access says who can reach the pages: they show customers and money, and have no
// sign-in.
type Access struct {
	// Loopback is whether only this machine reaches the listener. Where others
	// do, the pages are not served at all: health, metrics and events are.
	Loopback bool
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

// canonical is a host's name without port, brackets, last dot and capitals.
func canonical(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isPublic reports whether a path names no customers and is served under any Host: probes
// and scrapers use addresses.
func isPublic(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

const noPages = `syncd does not serve its pages here: they name customers and money, and this listener is reached from other machines.
To read them, listen on loopback (listen: 127.0.0.1:9464) and come through ssh or on the machine itself; "syncd status" and
"syncd holds" say the same. /healthz, /readyz, /metrics and the events of CIPP are served.
`

// restrict serves pages on a loopback listener only, and public paths and events on any.
func (a Access) restrict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isPublic(r.URL.Path):
		case !slices.Contains(a.Names, canonical(r.Host)):
			http.Error(w, "syncd is not reached under this name; add it to hosts in the configuration if it is yours", http.StatusMisdirectedRequest)
			return
		case a.Loopback || strings.HasPrefix(r.URL.Path, "/events/"):
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
