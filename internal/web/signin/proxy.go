package signin

import (
	"net/http"
	"net/netip"
	"strings"
	"unicode"
)

// ProxyOptions say how a proxy in front tells who it is.
type ProxyOptions struct {
	Header string // such as X-Remote-User
	From   []netip.Prefix
}

// identify takes the word of a named proxy. The header from anybody else is an attempt to be
// somebody, and refused.
func (o ProxyOptions) identify(r *http.Request) (Identity, error) {
	values := r.Header.Values(o.Header)
	if !o.trusts(r.RemoteAddr) {
		if len(values) > 0 {
			return Identity{}, &refusal{http.StatusForbidden, "the header " + o.Header + " is believed from the proxies in auth.proxy.from alone, and this address is none"}
		}
		return Identity{}, &refusal{http.StatusUnauthorized, "sign in at the proxy in front of syncd; this address is not one that auth.proxy.from names"}
	}
	if len(values) == 0 || values[0] == "" && len(values) == 1 {
		return Identity{}, &refusal{http.StatusUnauthorized, "the proxy does not say who you are: " + o.Header + " is missing"}
	}
	// Two headers are the proxy's and somebody's own, and so is a list.
	if len(values) > 1 || strings.ContainsFunc(values[0], func(c rune) bool { return c == ',' || unicode.IsControl(c) }) {
		return Identity{}, &refusal{http.StatusUnauthorized, o.Header + " is there more than once, or is no name; the proxy must replace what a browser sent"}
	}
	return Identity{Mode: Proxy, Logins: []string{values[0]}, UID: -1, How: "signed in (proxy)"}, nil
}

// trusts reports whether an address is that of a proxy.
func (o ProxyOptions) trusts(address string) bool {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	for _, p := range o.From {
		if p.Contains(at.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}
