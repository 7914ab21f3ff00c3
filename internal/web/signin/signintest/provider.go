// Package signintest has an OpenID provider for tests that sign in.
package signintest

import (
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

// A Provider is a small OpenID provider as OpenID Connect Core 1.0 has it, authorization code flow with
// PKCE (RFC 7636): strict with its client, and willing to be a liar towards it.
type Provider struct {
	*httptest.Server
	t            *testing.T
	ClientID     string
	ClientSecret string
	Redirect     []string // registered

	mu       sync.Mutex
	Key      *rsa.PrivateKey
	KeyID    string
	Codes    map[string]Grant // open ones; each is traded once
	Claims   map[string]any   // of the next token, over the right ones; nil takes one out
	Forge    func(claims map[string]any) string
	Refusals []string // why the token endpoint refused
}

// A Grant is what a code stands for.
type Grant struct{ Challenge, Redirect, Nonce string }

// New starts a provider that ends with the test.
func New(t *testing.T) *Provider {
	p := &Provider{t: t, ClientID: "syncd-test", ClientSecret: "s3cret-of-the-client", Codes: map[string]Grant{}}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.json(w, 200, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.json(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.Key.Public(), KeyID: p.KeyID, Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// Rotate takes a new key, and the former one out of use.
func (p *Provider) Rotate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Key, p.KeyID = key, fmt.Sprintf("key-%x", key.N.Bytes()[:4])
}

func (p *Provider) json(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}

// authorize signs whoever comes in and sends the browser back with a code.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, want := range map[string]string{"response_type": "code", "client_id": p.ClientID, "code_challenge_method": "S256"} {
		if q.Get(name) != want {
			http.Error(w, name+" is "+q.Get(name), http.StatusBadRequest)
			return
		}
	}
	if !slices.Contains(p.Redirect, q.Get("redirect_uri")) || len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 || len(q.Get("code_challenge")) != 43 {
		http.Error(w, "bad request: "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.Codes[code] = Grant{q.Get("code_challenge"), q.Get("redirect_uri"), q.Get("nonce")}
	p.mu.Unlock()
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

// token trades a code, once.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := func(why string) {
		p.Refusals = append(p.Refusals, why)
		p.json(w, 400, map[string]string{"error": "invalid_grant", "error_description": why + " " + r.PostFormValue("client_secret")})
	}
	user, password, _ := r.BasicAuth()
	if user == "" {
		user, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if user != p.ClientID || password != p.ClientSecret {
		p.json(w, 401, map[string]string{"error": "invalid_client"})
		return
	}
	g, open := p.Codes[r.PostFormValue("code")]
	delete(p.Codes, r.PostFormValue("code"))
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case r.PostFormValue("grant_type") != "authorization_code":
		refuse("grant_type")
	case !open:
		refuse("the code was traded already")
	case g.Redirect != r.PostFormValue("redirect_uri"):
		refuse("redirect_uri")
	case base64.RawURLEncoding.EncodeToString(challenge[:]) != g.Challenge:
		refuse("code_verifier")
	default:
		now := time.Now()
		claims := map[string]any{"iss": p.URL, "sub": "248289761001", "aud": p.ClientID, "nonce": g.Nonce, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			"preferred_username": "ada@msp.example", "email": "ada@msp.example", "email_verified": true}
		maps.Copy(claims, p.Claims)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		sign := p.Forge
		if sign == nil {
			sign = func(claims map[string]any) string { return Sign(p.t, jose.RS256, p.Key, p.KeyID, claims) }
		}
		p.json(w, 200, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 3600, "id_token": sign(claims)})
	}
}

// Sign is a JSON web token with claims.
func Sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
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
