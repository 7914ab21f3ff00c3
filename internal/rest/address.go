package rest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// CheckURL reads the address of a system as an operator writes it. https is
// required, except for hosts of this machine; a user, a query or a fragment is
// refused. Its errors never repeat the address whole: people paste passwords
// into it.
func CheckURL(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return nil, errors.New("is missing: write an address such as https://api.example.net")
	}
	scheme, _, ok := strings.Cut(raw, "://")
	if !ok || scheme == "" {
		return nil, errors.New("does not begin with https://: write the whole address, such as https://api.example.net")
	}
	u, err := url.Parse(raw)
	if err != nil {
		// url.Parse repeats what it was given.
		return nil, errors.New("is not an address: write one such as https://api.example.net, without spaces")
	}
	switch {
	case u.User != nil:
		return nil, errors.New("holds a user name or password before the @: take them out, credentials have settings of their own")
	case u.Hostname() == "":
		return nil, errors.New("names no host: write an address such as https://api.example.net")
	case strings.ContainsAny(u.Hostname(), " {}%,;\\\"'"):
		return nil, errors.New("names no possible host: write an address such as https://api.example.net")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, fmt.Errorf("has a query after the ?: write only %s://%s%s", u.Scheme, u.Host, u.Path)
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("has a fragment after the #: write only %s://%s%s", u.Scheme, u.Host, u.Path)
	case strings.HasSuffix(u.Host, ":"):
		return nil, fmt.Errorf("has no port after the colon: write %s://%s", u.Scheme, u.Hostname())
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%s is no port: write a number up to 65535, or none", port)
		}
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !isLoopback(u.Hostname()) {
			return nil, fmt.Errorf("would send credentials unencrypted: write https://%s (http:// is for this machine only)", u.Host)
		}
	default:
		return nil, fmt.Errorf("%s:// is not a way to ask an API: write https://%s", u.Scheme, u.Host)
	}
	return u, nil
}

func isLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
