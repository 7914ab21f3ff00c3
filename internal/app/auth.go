package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"syncd/internal/config"
	"syncd/internal/secret"
	"syncd/internal/target"
	"syncd/internal/web/signin"
)

// AuthConfig says how people prove to the pages who they are.
type AuthConfig struct {
	Mode  string      `yaml:"mode" env:"MODE, overwrite"` // none: loopback only, by the kernel's word | basic | oidc | proxy; the block of the mode stands beside it
	Basic BasicConfig `yaml:"basic" env:", prefix=BASIC_"`
	OIDC  OIDCConfig  `yaml:"oidc" env:", prefix=OIDC_"`
	Proxy ProxyConfig `yaml:"proxy" env:", prefix=PROXY_"`
}

// BasicConfig is signing in with a name and a password.
type BasicConfig struct {
	File string `yaml:"file" env:"FILE"` // lines NAME:HASH, bcrypt; syncd user add writes them
}

// OIDCConfig is signing in at an OpenID provider, such as Entra ID.
type OIDCConfig struct {
	Issuer       string        `yaml:"issuer" env:"ISSUER"`       // such as https://login.microsoftonline.com/TENANT-ID/v2.0
	ClientID     string        `yaml:"client_id" env:"CLIENT_ID"` // of the app registration
	ClientSecret secret.String `yaml:"client_secret" env:"CLIENT_SECRET"`
	// Roles of people whom staff does not name: viewer, mapper, approver or operator, and the app roles or
	// groups that give it.
	Roles map[string][]string `yaml:"roles"`
}

// ProxyConfig is signing in at a proxy in front of the pages.
type ProxyConfig struct {
	Header string   `yaml:"header" env:"HEADER"` // that names who it is, such as X-Remote-User
	From   []string `yaml:"from" env:"FROM"`     // the addresses of the proxies, such as 10.0.0.5 or 10.0.0.0/24; from any other the header is refused
}

// TLSConfig says how the listener speaks TLS.
type TLSConfig struct {
	Config string `yaml:"config" env:"CONFIG"` // the ecosystem's web-config.yml, from which certificates are loaded anew as they change; empty: plain HTTP
}

// headerName is a field name of RFC 9110 as people write it.
var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// entraIssuer is the issuer of one tenant of Entra ID; common and organizations are every tenant's.
var entraIssuer = regexp.MustCompile(`^https://[a-z.]+/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/(v2\.0)?$`)

// validateAuth refuses what would let nobody in, or everybody.
func (c *Config) validateAuth(report func(path, format string, args ...any)) {
	a := &c.Auth
	if !slices.Contains(signin.Modes, a.Mode) {
		report("auth.mode", "%q is no way to sign in; write %s", a.Mode, strings.Join(signin.Modes, ", "))
	}
	given := map[string]bool{signin.Basic: a.Basic != BasicConfig{}, signin.Proxy: a.Proxy.Header != "" || len(a.Proxy.From) > 0,
		signin.OIDC: a.OIDC.Issuer != "" || a.OIDC.ClientID != "" || !a.OIDC.ClientSecret.Empty() || len(a.OIDC.Roles) > 0}
	for _, mode := range signin.Modes {
		if given[mode] && a.Mode != mode {
			report("auth."+mode, "means nothing under mode %s; write auth.mode: %s, or take the block out", a.Mode, mode)
		}
	}
	switch a.Mode {
	case signin.Basic:
		if a.Basic.File == "" {
			report("auth.basic.file", "is missing; name the file with the users, such as users, and let syncd user add write it")
		}
	case signin.OIDC:
		c.validateOIDC(report)
	case signin.Proxy:
		c.validateProxy(report)
	}
	if c.URL != "" {
		if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" ||
			u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			report("url", "%q is not the address of the pages; write scheme and host alone, such as https://syncd.example.net", c.URL)
		}
	}
}

func (c *Config) validateOIDC(report func(path, format string, args ...any)) {
	o := &c.Auth.OIDC
	u, err := url.Parse(o.Issuer)
	host := ""
	if err == nil {
		host = u.Hostname()
	}
	switch {
	case o.Issuer == "":
		report("auth.oidc.issuer", "is missing; write the provider's issuer, such as https://login.microsoftonline.com/TENANT-ID/v2.0")
	case host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(host)):
		report("auth.oidc.issuer", "%q is not an issuer; write an https address, to the letter as the provider's discovery document has it", o.Issuer)
	case strings.HasPrefix(host, "login.microsoftonline.") && !entraIssuer.MatchString(o.Issuer):
		report("auth.oidc.issuer", "%q is not one tenant of Entra ID; write https://%s/TENANT-ID/v2.0 with the directory (tenant) ID of the app registration", o.Issuer, host)
	}
	if o.ClientID == "" {
		report("auth.oidc.client_id", "is missing; write the application (client) ID of the app registration")
	}
	if o.ClientSecret.Empty() {
		report("auth.oidc.client_secret", "is missing; make a client secret in the app registration and give it here or as %s", config.Variable("auth.oidc.client_secret"))
	}
	for role, values := range o.Roles {
		if !slices.Contains(Roles, Role(role)) {
			report("auth.oidc.roles", "%q is no role; write %s, and what gives it", role, Names(Roles, func(r Role) string { return string(r) }))
		}
		if len(values) == 0 || slices.Contains(values, "") {
			report("auth.oidc.roles", "%s is given by nothing; list app roles or groups, or take the line out", role)
		}
	}
	if len(o.Roles) == 0 && !slices.ContainsFunc(c.Staff, func(s StaffConfig) bool { return s.Login != "" }) {
		report("auth.oidc.roles", "is missing, and staff names nobody with a login: nobody could come in; write which app role gives which role, such as {approver: [Syncd.Approver]}")
	}
	if c.URL == "" && !c.listensOnLoopback() {
		report("url", "is missing; the provider sends people back to it: write the address that they type, such as https://syncd.example.net")
	}
}

// ownHeaders mean something else already.
var ownHeaders = []string{"Authorization", "Cookie", "Host", "Origin", "Referer", "Forwarded", "Via", "Accept", "Content-Type", "Content-Length", "Connection", "User-Agent"}

func (c *Config) validateProxy(report func(path, format string, args ...any)) {
	p := &c.Auth.Proxy
	switch {
	case p.Header == "":
		report("auth.proxy.header", "is missing; write the header in which the proxy names who signed in, such as X-Remote-User")
	case !headerName.MatchString(p.Header) || slices.Contains(ownHeaders, http.CanonicalHeaderKey(p.Header)):
		report("auth.proxy.header", "%q cannot name who signed in; write a header that only the proxy sets, such as X-Remote-User", p.Header)
	}
	if len(p.From) == 0 {
		report("auth.proxy.from", "is missing; list the addresses of the proxy: anybody else could say to be anybody")
	}
	for i, text := range p.From {
		at := fmt.Sprintf("auth.proxy.from[%d]", i)
		switch prefix, err := prefixOf(text); {
		case err != nil:
			report(at, "%q is no address; write one, or a network, such as 10.0.0.5 or 10.0.0.0/24", text)
		case prefix.Bits() == 0:
			report(at, "%q is every address: anybody could say to be anybody; write the proxy's own", text)
		}
	}
}

// prefixOf reads an address or a network.
func prefixOf(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// isLoopback reports whether a host is this machine, as listen or an issuer names it.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// listensOnLoopback reports whether only this machine reaches the listener, as far as its address says so.
func (c *Config) listensOnLoopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && isLoopback(host)
}

// names are the hosts under which the pages are reached, besides the listener's own.
func (c *Config) names() []string {
	names := slices.Clone(c.Hosts)
	if u, err := url.Parse(c.URL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	return names
}

// beside is a path that is counted from the configuration's folder.
func beside(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// Gate makes what establishes who a request to the pages comes from.
func (w *App) Gate(open func(path string) bool, style string) (*signin.Gate, error) {
	a := &w.Config.Auth
	o := signin.Options{Mode: a.Mode, Store: w.Store, Log: w.Log, Now: w.Now, URL: w.Config.URL, Open: open, Style: style, Basic: signin.BasicOptions{File: a.Basic.File},
		Known: func(id signin.Identity) (named, known bool) {
			p := w.Config.visitor(id)
			return p.Named, p.Role != ""
		},
		OIDC:  signin.OIDCOptions{Issuer: a.OIDC.Issuer, ClientID: a.OIDC.ClientID, ClientSecret: a.OIDC.ClientSecret},
		Proxy: signin.ProxyOptions{Header: a.Proxy.Header}}
	for _, role := range slices.Backward(Roles) {
		if values := a.OIDC.Roles[string(role)]; len(values) > 0 {
			o.OIDC.Roles = append(o.OIDC.Roles, signin.RoleGrant{Role: string(role), Values: values})
		}
	}
	for _, text := range a.Proxy.From {
		prefix, err := prefixOf(text)
		if err != nil {
			return nil, err // validated
		}
		o.Proxy.From = append(o.Proxy.From, prefix)
	}
	return signin.New(o)
}

// Visitor is the person whom a request to the pages comes from.
func (w *App) Visitor(ctx context.Context) Person {
	id, _ := signin.Of(ctx)
	return w.Config.visitor(id)
}

// checkAuth looks whether people can sign in to the pages, and what stands against it.
func (c *Config) checkAuth() []target.Finding {
	f := target.Finding{System: "syncd", Name: "sign-in", OK: true}
	switch c.Auth.Mode {
	case signin.None:
		f.Detail = "none: the pages are for users of this machine, by the kernel's word"
		if !c.listensOnLoopback() {
			f.Detail = "none, and other machines reach " + c.Listen + ": no pages are served"
			f.Remedy = "set auth.mode to basic, oidc or proxy, or listen on 127.0.0.1"
		}
	case signin.Basic:
		users, err := signin.ReadUsers(c.Auth.Basic.File)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && len(users) == 0:
			f.OK, f.Detail, f.Remedy = false, c.Auth.Basic.File+" has no users: nobody can sign in", "add them: syncd user add NAME --role ROLE"
		case err != nil:
			f.OK, f.Detail, f.Remedy = false, err.Error(), "correct the line, or let the daemon's user read the file"
		default:
			f.Detail = "basic: " + Names(users, func(u signin.User) string { return u.Name })
			if mode := modeOf(c.Auth.Basic.File); mode&0o022 != 0 {
				f.OK, f.Detail, f.Remedy = false, fmt.Sprintf("others of this machine may write to %s (mode %04o)", c.Auth.Basic.File, mode), "chmod 600 it"
			}
		}
	case signin.OIDC:
		f.Detail = "oidc: " + c.Auth.OIDC.Issuer
	case signin.Proxy:
		f.Detail = fmt.Sprintf("proxy: %s from %s", c.Auth.Proxy.Header, strings.Join(c.Auth.Proxy.From, ", "))
		if slices.ContainsFunc(c.Auth.Proxy.From, func(text string) bool { p, err := prefixOf(text); return err == nil && p.Addr().IsLoopback() }) {
			f.Remedy = "the proxy is on this machine, so every user of it can say to be anybody; let nobody else sign in there"
		}
	}
	all := []target.Finding{f}
	if c.TLS.Config != "" {
		t := target.Finding{System: "syncd", Name: "tls", OK: true, Detail: c.TLS.Config}
		if err := validTLS(c.TLS.Config); err != nil {
			t.OK, t.Detail, t.Remedy = false, err.Error(), "correct web-config.yml and the files that it names"
		}
		all = append(all, t)
	} else if c.Auth.Mode != signin.None && !c.listensOnLoopback() {
		all = append(all, target.Finding{System: "syncd", Name: "tls", OK: true, Detail: "the pages speak plain HTTP: passwords and sessions can be read on the way",
			Remedy: "set tls.config, or put a proxy with TLS in front and let nobody else reach " + c.Listen})
	}
	return all
}

// modeOf is a file's mode, 0 where it cannot be looked at.
func modeOf(path string) os.FileMode {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Mode().Perm()
}
