package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"

	"syncd/internal/secret"
	"syncd/internal/web/signin/signintest"
)

// An openDoor is a gate that a provider signs people in to.
type openDoor struct {
	*signintest.Provider
	t      *testing.T
	server *httptest.Server
	log    *strings.Builder
}

func doorOf(t *testing.T, change ...func(*Options)) *openDoor {
	t.Helper()
	d := &openDoor{Provider: signintest.New(t), t: t, log: &strings.Builder{}}
	o := Options{Mode: OIDC, Log: zerolog.New(d.log), OIDC: OIDCOptions{Issuer: d.URL, ClientID: d.ClientID, ClientSecret: secret.New(d.ClientSecret),
		Roles: []RoleGrant{{"operator", []string{"Syncd.Operator"}}, {"viewer", []string{"Syncd.Viewer", "9f3c-group"}}}}}
	for _, c := range change {
		c(&o)
	}
	d.server = httptest.NewServer(gate(t, o).Handler(inside))
	t.Cleanup(d.server.Close)
	d.Redirect = []string{d.server.URL + callbackPath}
	return d
}

// begin goes to the provider and returns where it sends the browser back to.
func (d *openDoor) begin(b *browser, back string) string {
	d.t.Helper()
	status, to, body := b.ask("POST", "/signin", url.Values{"return": {back}})
	if status != 303 || !strings.HasPrefix(to, d.URL+"/authorize?") {
		d.t.Fatalf("got %d, %q: %s", status, to, body)
	}
	status, to, body = b.ask("GET", to, nil)
	if status != 302 || !strings.HasPrefix(to, d.server.URL+callbackPath) {
		d.t.Fatalf("the provider: got %d, %q: %s", status, to, body)
	}
	return to
}

func TestSigningInAtAProvider(t *testing.T) {
	d := doorOf(t)
	b := browse(t, d.server)
	if status, _, body := b.ask("GET", "/signin?return=/customers", nil); status != 200 || !strings.Contains(body, `<button class="primary">Sign in at 127.0.0.1`) {
		t.Errorf("got %d: %s", status, body)
	}
	status, to, body := b.ask("GET", d.begin(b, "/customers"), nil)
	if status != 303 || to != "/customers" {
		t.Fatalf("got %d, %q: %s", status, to, body)
	}
	id := b.who()
	if !slices.Equal(id.Logins, []string{"ada@msp.example", "248289761001"}) || id.Role != "" || id.How != "signed in (oidc)" {
		t.Errorf("got %+v", id)
	}
	d.Rotate() // a key is taken out of use, and the next token is signed with another
	again := browse(t, d.server)
	if status, _, body := again.ask("GET", d.begin(again, "/"), nil); status != 303 {
		t.Errorf("after the keys were rotated: got %d: %s: %s", status, body, d.log)
	}
}

func TestOnlyTheBrowserThatBeganComesBackOnce(t *testing.T) {
	d := doorOf(t)
	b := browse(t, d.server)
	first := d.begin(b, "/")
	changed := func(name, value string) string {
		u, _ := url.Parse(first)
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	// Somebody else's link, with the code of a sign-in that was begun elsewhere.
	if status, _, body := browse(t, d.server).ask("GET", first, nil); status != 400 || !strings.Contains(body, "was not begun here") {
		t.Errorf("another browser: got %d: %s", status, body)
	}
	if status, _, _ := b.ask("GET", changed("state", "guessed"), nil); status != 400 {
		t.Errorf("another state: got %d", status)
	}
	if status, _, _ := b.ask("GET", first, nil); status != 400 {
		t.Errorf("after a wrong state the sign-in is over: got %d", status)
	}
	second := d.begin(b, "/")
	u, _ := url.Parse(d.server.URL)
	cookies := b.Jar.Cookies(u)
	if status, _, body := b.ask("GET", second, nil); status != 303 {
		t.Fatalf("got %d: %s", status, body)
	}
	if status, _, _ := b.ask("GET", second, nil); status != 400 {
		t.Errorf("the same again: got %d", status)
	}
	thief := browse(t, d.server)
	thief.Jar.SetCookies(u, cookies)
	if status, _, _ := thief.ask("GET", second, nil); status != 400 || len(d.Refusals) > 0 {
		t.Errorf("a replayed code: got %d, want 400 before the provider is asked, which refused %v", status, d.Refusals)
	}
	if strings.Contains(d.log.String(), d.ClientSecret) {
		t.Errorf("the log shows the client's secret: %s", d.log)
	}
	third := d.begin(b, "/")
	d.Codes[mustQuery(third, "code")] = signintest.Grant{Challenge: "of another", Redirect: d.Redirect[0]}
	if status, _, _ := b.ask("GET", third, nil); status != 403 || !slices.Equal(d.Refusals, []string{"code_verifier"}) {
		t.Errorf("a code of somebody else's sign-in: got %d, %v", status, d.Refusals)
	}
	if status, _, body := b.ask("GET", changed("error", "access_denied"), nil); status != 400 || strings.Contains(body, "access_denied") {
		t.Errorf("an error that belongs to no sign-in: got %d: %s", status, body)
	}
	u, _ = url.Parse(d.begin(b, "/"))
	q := url.Values{"error": {"access_denied"}, "error_description": {"<script>"}, "state": {u.Query().Get("state")}}
	if status, _, body := b.ask("GET", callbackPath+"?"+q.Encode(), nil); status != 403 || !strings.Contains(body, "access_denied") || strings.Contains(body, "<script>") {
		t.Errorf("refused there: got %d: %s", status, body)
	}
}

func mustQuery(address, name string) string {
	u, _ := url.Parse(address)
	return u.Query().Get(name)
}

func TestATokenThatLiesIsNotBelieved(t *testing.T) {
	for _, c := range []struct {
		name   string
		claims map[string]any
		forge  func(*openDoor) func(map[string]any) string
		log    string
	}{
		{name: "the right one"},
		{name: "two audiences, ours the party", claims: map[string]any{"aud": []string{"syncd-test", "other"}, "azp": "syncd-test"}},
		{name: "another nonce", claims: map[string]any{"nonce": "of another sign-in"}, log: "nonce differs"},
		{name: "no nonce", claims: map[string]any{"nonce": nil}, log: "nonce differs"},
		{name: "another audience", claims: map[string]any{"aud": "other"}, log: "expected audience"},
		{name: "another party", claims: map[string]any{"aud": []string{"syncd-test", "other"}, "azp": "other"}, log: "another client"},
		{name: "two audiences and no party", claims: map[string]any{"aud": []string{"other", "syncd-test"}}, log: "several clients"},
		{name: "another issuer", claims: map[string]any{"iss": "https://id.example.net"}, log: "issued by a different provider"},
		{name: "the issuer with a slash", claims: map[string]any{"iss": "+/"}, log: "issued by a different provider"},
		{name: "expired", claims: map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, log: "token is expired"},
		{name: "not yet valid", claims: map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, log: "nbf"},
		{name: "nobody", claims: map[string]any{"sub": nil, "preferred_username": nil, "email": nil}, log: "names nobody"},
		{name: "unsigned", forge: func(*openDoor) func(map[string]any) string { return unsigned }, log: "signature algorithm"},
		{name: "signed with the client's secret", log: "signature algorithm", forge: func(d *openDoor) func(map[string]any) string {
			return func(claims map[string]any) string {
				return signintest.Sign(d.t, jose.HS256, []byte(strings.Repeat(d.ClientSecret, 2)), d.KeyID, claims)
			}
		}},
		{name: "signed with another key", log: "failed to verify signature", forge: func(d *openDoor) func(map[string]any) string {
			other := signintest.New(d.t)
			return func(claims map[string]any) string {
				return signintest.Sign(d.t, jose.RS256, other.Key, d.KeyID, claims)
			}
		}},
		{name: "signed with a key of another kind", log: "signature", forge: func(d *openDoor) func(map[string]any) string {
			key := anotherKey(d.t)
			return func(claims map[string]any) string { return signintest.Sign(d.t, jose.ES256, key, d.KeyID, claims) }
		}},
		{name: "no token", log: "no id_token", forge: func(*openDoor) func(map[string]any) string { return nil }},
		{name: "no JSON web token", log: "malformed", forge: func(*openDoor) func(map[string]any) string { return func(map[string]any) string { return "x.y" } }},
	} {
		d := doorOf(t)
		b := browse(t, d.server)
		d.Claims = maps.Clone(c.claims)
		if d.Claims["iss"] == "+/" {
			d.Claims["iss"] = d.URL + "/"
		}
		if c.forge != nil {
			if d.Forge = c.forge(d); d.Forge == nil {
				d.Forge = func(map[string]any) string { return "" }
			}
		}
		status, _, body := b.ask("GET", d.begin(b, "/"), nil)
		if want := map[bool]int{true: 303, false: 403}[c.log == ""]; status != want || !strings.Contains(d.log.String(), c.log) {
			t.Errorf("%s: got %d, want %d and %q in the log: %s: %s", c.name, status, want, c.log, body, d.log)
		}
		if in := b.who().Mode != ""; in != (c.log == "") {
			t.Errorf("%s: let in: %v", c.name, in)
		}
	}
}

func TestWhatAProviderProves(t *testing.T) {
	const entra = "https://login.microsoftonline.com/7d1f0a52-91b7-4c1e-8a37-0c5f2f1f6d10/v2.0"
	member := claims{Issuer: entra, Subject: "sub", Object: "oid", Tenant: "7d1f0a52-91b7-4c1e-8a37-0c5f2f1f6d10", PreferredUsername: "ada@msp.example"}
	guest, one := member, 1
	guest.Home = "https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/"
	told := member
	told.Account = &one
	typed := member
	typed.Email, typed.EmailVerified = "olga@msp.example", true
	for _, c := range []struct {
		name   string
		issuer string
		claims claims
		want   []string
	}{
		{"Entra: a member", entra, member, []string{"ada@msp.example", "oid", "sub"}},
		{"Entra: a guest, whom another directory names", entra, guest, []string{"oid", "sub"}},
		{"Entra: a guest, by the optional claim", entra, told, []string{"oid", "sub"}},
		{"Entra: an address proves nothing", entra, typed, []string{"ada@msp.example", "oid", "sub"}},
		{"another: a verified address", "https://id.example.net", claims{Subject: "1", PreferredUsername: "ada", Email: "ada@msp.example", EmailVerified: true}, []string{"ada", "ada@msp.example", "1"}},
		{"another: the same as a text", "https://id.example.net", claims{Subject: "1", Email: "ada@msp.example", EmailVerified: "true"}, []string{"ada@msp.example", "1"}},
		{"another: an address that nobody verified", "https://id.example.net", claims{Subject: "1", PreferredUsername: "ada", Email: "olga@msp.example", EmailVerified: false}, []string{"ada", "1"}},
		{"another: an address of which nothing is said", "https://id.example.net", claims{Subject: "1", Email: "olga@msp.example"}, []string{"1"}},
		{"another: such an address as a name", "https://id.example.net", claims{Subject: "1", PreferredUsername: "Olga@msp.example", Email: "olga@msp.example", EmailVerified: false}, []string{"1"}},
		{"another: the object id is Entra's alone", "https://id.example.net", claims{Subject: "1", Object: "oid"}, []string{"1"}},
	} {
		if got := c.claims.logins(c.issuer); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	foreign := member
	foreign.Tenant = "00000000-0000-0000-0000-000000000000"
	if _, err := (&OIDCOptions{Issuer: entra}).identity(foreign); err == nil {
		t.Error("a token of another tenant is believed")
	}
}

func TestRolesByTheProvider(t *testing.T) {
	d := doorOf(t)
	for _, c := range []struct {
		claims map[string]any
		want   string
	}{
		{map[string]any{"roles": []string{"Syncd.Viewer", "Syncd.Operator"}}, "operator"},
		{map[string]any{"roles": "Syncd.Operator"}, "operator"},
		{map[string]any{"groups": []string{"other", "9f3c-group"}}, "viewer"},
		{map[string]any{"roles": []string{"syncd.operator"}}, ""},
		{map[string]any{"roles": []string{"operator"}}, ""},
		{map[string]any{"roles": map[string]any{"Syncd.Operator": true}}, ""},
		{map[string]any{"groups": nil, "_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.microsoft.com"}}}, ""},
	} {
		d.Claims = c.claims
		b := browse(t, d.server)
		if status, _, body := b.ask("GET", d.begin(b, "/"), nil); status != 303 {
			t.Fatalf("got %d: %s: %s", status, body, d.log)
		}
		if got := b.who().Role; got != c.want {
			t.Errorf("%v: got %q, want %q", c.claims, got, c.want)
		}
	}
	if !strings.Contains(d.log.String(), "give roles by app roles instead") {
		t.Errorf("of groups that are too many the log says %s", d.log)
	}
}

func TestWhomNobodyKnowsIsNotLetIn(t *testing.T) {
	d := doorOf(t, func(o *Options) { o.Known = func(Identity) (named, known bool) { return false, false } })
	b := browse(t, d.server)
	status, _, body := b.ask("GET", d.begin(b, "/"), nil)
	if status != 403 || !strings.Contains(body, "you are signed in as ada@msp.example, whom nothing gives a role here") {
		t.Errorf("got %d: %s", status, body)
	}
	if b.who().Mode != "" {
		t.Error("let in")
	}
}

func TestARoleIsGoneWithTheSettingThatGaveIt(t *testing.T) {
	st := store(t)
	d := doorOf(t, func(o *Options) { o.Store = st })
	d.Claims = map[string]any{"roles": "Syncd.Operator"}
	b := browse(t, d.server)
	if status, _, _ := b.ask("GET", d.begin(b, "/"), nil); status != 303 || b.who().Role != "operator" {
		t.Fatal(status)
	}
	u, _ := url.Parse(d.server.URL)
	kept := "syncd=" + b.Jar.Cookies(u)[0].Value
	later := doorOf(t, func(o *Options) { o.Store, o.OIDC.Issuer, o.OIDC.Roles = st, d.URL, nil })
	if id := browse(t, later.server).who("Cookie", kept); id.Mode != "" {
		t.Errorf("got %+v", id)
	}
}

func TestAProviderThatIsAway(t *testing.T) {
	d := doorOf(t)
	address := d.URL
	d.Provider.Close()
	b := browse(t, d.server)
	if status, _, body := b.ask("POST", "/signin", url.Values{}); status != 502 || !strings.Contains(body, "does not answer") || strings.Contains(body, address) {
		t.Errorf("got %d: %s", status, body)
	}
	if !strings.Contains(d.log.String(), address) {
		t.Errorf("the log says %s", d.log)
	}
}

// unsigned is a token that says of itself that it needs no signature.
func unsigned(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
}

func anotherKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
