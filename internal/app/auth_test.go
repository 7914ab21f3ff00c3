package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	tenantIssuer = "https://login.microsoftonline.com/7d1f0a52-91b7-4c1e-8a37-0c5f2f1f6d10/v2.0"
	oidcAuth     = "url: https://syncd.example.net\nauth: {mode: oidc, oidc: {issuer: '" + tenantIssuer + "', client_id: c, client_secret: s3cret, roles: {approver: [Syncd.Approver]}}}\n"
)

func TestSignInThatLetsInNobodyOrEverybodyIsRefused(t *testing.T) {
	oidc := func(issuer, rest string) string {
		return "auth: {mode: oidc, oidc: {issuer: '" + issuer + "', client_id: c, client_secret: s3cret" + rest + "}}\n"
	}
	proxy := func(header, from string) string {
		return "auth: {mode: proxy, proxy: {header: '" + header + "', from: [" + from + "]}}\n"
	}
	const someRole = ", roles: {viewer: [x]}"
	for _, c := range []struct {
		text string
		want []string // each a problem; nil: none
	}{
		{"auth: {mode: none}\n", nil},
		{"auth: {mode: basic, basic: {file: users}}\n", nil},
		{oidcAuth, nil},
		{proxy("X-Remote-User", "10.0.0.5, 'fd00::/64'"), nil},
		{"url: http://127.0.0.1:9464\ntls: {config: web-config.yml}\n", nil},

		{"auth: {mode: ldap}\n", []string{`auth.mode: "ldap" is no way to sign in; write none, basic, oidc, proxy`}},
		{"auth: {mode: basic}\n", []string{"auth.basic.file: is missing; name the file with the users"}},
		{"auth: {basic: {file: users}}\n", []string{"auth.basic: means nothing under mode none; write auth.mode: basic, or take the block out"}},
		{"auth: {mode: oidc}\n", []string{"auth.oidc.issuer: is missing", "auth.oidc.client_id: is missing", "auth.oidc.client_secret: is missing; make a client secret", "auth.oidc.roles: is missing, and staff names nobody with a login"}},
		{"auth: {mode: oidc, oidc: {issuer: '" + tenantIssuer + "', client_id: c, roles: {viewer: [x]}}}\n", []string{"auth.oidc.client_secret: is missing; make a client secret in the app registration and give it here or as SYNCD_AUTH_OIDC_CLIENT_SECRET"}},
		{"auth: {mode: oidc, oidc: {issuer: '" + tenantIssuer + "', client_id: c, client_secret: change-me, roles: {viewer: [x]}}}\n", []string{"auth.oidc.client_secret: still says change-me"}},
		{oidc("http://id.example.net", someRole), []string{`auth.oidc.issuer: "http://id.example.net" is not an issuer; write an https address`}},
		{oidc("http://127.0.0.1:8080/realm", someRole), nil},
		{oidc("https://login.microsoftonline.com/common/v2.0", someRole), []string{"is not one tenant of Entra ID; write https://login.microsoftonline.com/TENANT-ID/v2.0"}},
		{oidc("https://login.microsoftonline.com/msp.example/v2.0", someRole), []string{"is not one tenant of Entra ID"}},
		{oidc("https://id.example.net", ", roles: {boss: [x]}"), []string{`auth.oidc.roles: "boss" is no role; write viewer, mapper, approver, operator`}},
		{oidc("https://id.example.net", ", roles: {viewer: []}"), []string{"auth.oidc.roles: viewer is given by nothing"}},
		{oidc("https://id.example.net", "") + "staff: [{name: Ada, role: operator, login: ada}]\n", nil},
		{"listen: 0.0.0.0:9464\n" + oidc("https://id.example.net", someRole), []string{"url: is missing; the provider sends people back to it"}},
		{"auth: {mode: proxy}\n", []string{"auth.proxy.header: is missing", "auth.proxy.from: is missing; list the addresses of the proxy: anybody else could say to be anybody"}},
		{proxy("cookie", "10.0.0.5"), []string{`auth.proxy.header: "cookie" cannot name who signed in`}},
		{proxy("X User", "10.0.0.5"), []string{`auth.proxy.header: "X User" cannot name who signed in`}},
		{proxy("X-User", "proxy.example.net"), []string{`auth.proxy.from[0]: "proxy.example.net" is no address`}},
		{proxy("X-User", "10.0.0.5, 0.0.0.0/0"), []string{`auth.proxy.from[1]: "0.0.0.0/0" is every address`}},
		{proxy("X-User", "'::/0'"), []string{`auth.proxy.from[0]: "::/0" is every address`}},
		{"url: syncd.example.net\n", []string{`url: "syncd.example.net" is not the address of the pages`}},
		{"url: https://syncd.example.net/pages\n", []string{"is not the address of the pages; write scheme and host alone"}},
	} {
		_, problems, err := parse(both+c.text, nil)
		if (err == nil) != (c.want == nil) || len(problems.List) != len(c.want) {
			t.Errorf("%s: got %v, want %d problems", c.text, problems, len(c.want))
		}
		for _, want := range c.want {
			if !strings.Contains(problems.Error(), want) {
				t.Errorf("%s: got %v, want %s", c.text, problems, want)
			}
		}
		if strings.Contains(problems.Error(), "s3cret") {
			t.Errorf("%s: the secret is shown: %v", c.text, problems)
		}
	}
	if got := mustParse(t, both+oidcAuth, nil); got.Redactor().Text("x s3cret y") != "x [redacted] y" {
		t.Error("the client's secret is not redacted")
	}
}

func TestCheckSaysHowPeopleSignIn(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := file("open", "")
	users, err := os.ReadFile("testdata/users")
	if err != nil || os.WriteFile(open, users, 0o600) != nil || os.Chmod(open, 0o622) != nil {
		t.Fatal(err)
	}
	basic := func(path string) string { return "auth: {mode: basic, basic: {file: " + path + "}}\n" }
	for _, c := range []struct {
		text   string
		ok     bool
		detail string
		remedy string
	}{
		{"", true, "none: the pages are for users of this machine", ""},
		{"listen: ':9464'\n", true, "none, and other machines reach :9464: no pages are served", "set auth.mode to basic, oidc or proxy"},
		{basic("testdata/users"), true, "basic: ada", ""},
		{basic(filepath.Join(dir, "none")), false, "has no users: nobody can sign in", "syncd user add NAME"},
		{basic(file("bad", "ada\n")), false, "line 1: is no user", "correct the line"},
		{basic(file("plain", "ada:hunter2\n")), false, "ada: there is no bcrypt hash", "correct the line"},
		{basic(open), false, "others of this machine may write to", "chmod 600 it"},
		{oidcAuth, true, "oidc: " + tenantIssuer, ""},
		{"auth: {mode: proxy, proxy: {header: X-User, from: [10.0.0.5]}}\n", true, "proxy: X-User from 10.0.0.5", ""},
		{"auth: {mode: proxy, proxy: {header: X-User, from: ['::1']}}\n", true, "proxy: X-User from ::1", "every user of it can say to be anybody"},
	} {
		f := mustParse(t, both+c.text, nil).checkAuth()[0]
		if f.Name != "sign-in" || f.OK != c.ok || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Remedy, c.remedy) || (c.remedy == "") != (f.Remedy == "") {
			t.Errorf("%s: got %+v, want %v, %s, %s", c.text, f, c.ok, c.detail, c.remedy)
		}
	}
	tls := func(text string) string {
		return "tls: {config: " + file(fmt.Sprintf("%d.yml", len(text)), text) + "}\n"
	}
	for _, c := range []struct{ text, detail string }{
		{tls("basic_auth_users: {ada: $2a$04$/MbVLLsyVDDgP3vU6zXTeOW5WhGrKsOY7rgbuKKnzNEtPBqsWVUjS}\n"), "basic_auth_users would ask for a password before anybody can sign in"},
		{tls("{}\n"), "has no tls_server_config"},
		{tls("tls_server_config: {cert_file: none.pem, key_file: none.key}\n"), "none.pem"},
		{tls("tls_server: {}\n"), "tls_server"},
	} {
		all := mustParse(t, both+c.text, nil).checkAuth()
		if f := all[len(all)-1]; f.Name != "tls" || f.OK || !strings.Contains(f.Detail, c.detail) {
			t.Errorf("%s: got %+v, want %s", c.text, f, c.detail)
		}
	}
	all := mustParse(t, both+"listen: ':9464'\n"+basic("testdata/users"), nil).checkAuth()
	if f := all[len(all)-1]; f.Name != "tls" || !f.OK || !strings.Contains(f.Detail, "plain HTTP") {
		t.Errorf("got %+v", f)
	}
}
