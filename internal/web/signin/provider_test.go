package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A provider is a small OpenID provider as OpenID Connect Core 1.0 has it, authorization code flow with
// PKCE (RFC 7636): strict with its client, and willing to be a liar towards it.
type provider struct {
	*httptest.Server
	t        *testing.T
	client   string
	secret   string
	redirect []string // registered

	mu       sync.Mutex
	key      *rsa.PrivateKey
	kid      string
	codes    map[string]grant // open ones; each is traded once
	claims   map[string]any   // of the next token, over the right ones; nil takes one out
	forge    func(claims map[string]any) string
	refusals []string // why the token endpoint refused
}

// A grant is what a code stands for.
type grant struct{ challenge, redirect, nonce string }

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, client: "syncd-test", secret: "s3cret-of-the-client", codes: map[string]grant{}}
	p.rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.json(w, 200, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.json(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.kid, Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// rotate takes a new key, and the former one out of use.
func (p *provider) rotate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.key, p.kid = key, fmt.Sprintf("key-%x", key.N.Bytes()[:4])
}

func (p *provider) json(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

// authorize signs whoever comes in and sends the browser back with a code.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, want := range map[string]string{"response_type": "code", "client_id": p.client, "code_challenge_method": "S256"} {
		if q.Get(name) != want {
			http.Error(w, name+" is "+q.Get(name), http.StatusBadRequest)
			return
		}
	}
	if !slices.Contains(p.redirect, q.Get("redirect_uri")) || len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 || len(q.Get("code_challenge")) != 43 {
		http.Error(w, "bad request: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	code := random()
	p.mu.Lock()
	p.codes[code] = grant{q.Get("code_challenge"), q.Get("redirect_uri"), q.Get("nonce")}
	p.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

// token trades a code, once.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := func(why string) {
		p.refusals = append(p.refusals, why)
		p.json(w, 400, map[string]string{"error": "invalid_grant", "error_description": why + " " + r.PostFormValue("client_secret")})
	}
	user, password, _ := r.BasicAuth()
	if user == "" {
		user, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if user != p.client || password != p.secret {
		p.json(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	g, open := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case r.PostFormValue("grant_type") != "authorization_code":
		refuse("grant_type")
	case !open:
		refuse("the code was traded already")
	case g.redirect != r.PostFormValue("redirect_uri"):
		refuse("redirect_uri")
	case base64.RawURLEncoding.EncodeToString(challenge[:]) != g.challenge:
		refuse("code_verifier")
	default:
		now := time.Now()
		claims := map[string]any{"iss": p.URL, "sub": "248289761001", "aud": p.client, "nonce": g.nonce, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			"preferred_username": "ada@msp.example", "email": "ada@msp.example", "email_verified": true}
		maps.Copy(claims, p.claims)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		sign := p.forge
		if sign == nil {
			sign = func(claims map[string]any) string { return signed(p.t, jose.RS256, p.key, p.kid, claims) }
		}
		p.json(w, 200, map[string]any{"access_token": random(), "token_type": "Bearer", "expires_in": 3600, "id_token": sign(claims)})
	}
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
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
