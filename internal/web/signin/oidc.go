package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/rs/zerolog"
	"golang.org/x/oauth2"

	"syncd/internal/secret"
)

// callbackPath is where the provider sends a browser back to.
const callbackPath = "/signin/callback"

// OIDCOptions say which OpenID provider signs people in.
type OIDCOptions struct {
	Issuer       string
	ClientID     string
	ClientSecret secret.String
	// Roles are the values of the claims roles and groups that give a role, the greatest first.
	Roles []RoleGrant
	// Client carries the requests to the provider; nil: one with a deadline.
	Client *http.Client
}

// A RoleGrant gives a role to those whose token names one of the values.
type RoleGrant struct {
	Role   string
	Values []string
}

// An oidcClient is a client of the provider.
type oidcClient struct {
	OIDCOptions
	button string

	now      func() time.Time
	log      zerolog.Logger
	provider atomic.Pointer[oidc.Provider] // nil until it answered once
}

// patience is how long a provider may take for one answer.
const patience = 15 * time.Second

func newOIDC(o OIDCOptions, now func() time.Time, log zerolog.Logger) *oidcClient {
	c := &oidcClient{OIDCOptions: o, button: "Sign in", now: now, log: log}
	if u, err := url.Parse(o.Issuer); err == nil && u.Host != "" {
		c.button = "Sign in at " + u.Host
	}
	if isEntra(o.Issuer) {
		c.button = "Sign in with Microsoft"
	}
	if o.Client == nil {
		c.Client = &http.Client{Timeout: patience}
	}
	return c
}

// settings is a digest of what a session rests on: who signed in under others signs in again.
func (c *oidcClient) settings() string {
	text, _ := json.Marshal([]any{c.Issuer, c.ClientID, c.Roles}) // texts; cannot fail
	return digestOf(string(text))
}

// with is a context whose requests go through the client.
func (c *oidcClient) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, c.Client)
}

// discover asks the provider once where everything is. One that does not answer is asked again at the
// next sign-in: syncd starts without it.
func (c *oidcClient) discover(ctx context.Context) (*oidc.Provider, error) {
	if p := c.provider.Load(); p != nil {
		return p, nil
	}
	// The keys are fetched with this context, long after the request.
	p, err := oidc.NewProvider(c.with(context.WithoutCancel(ctx)), c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("asking the OpenID provider %s: %w", c.Issuer, err)
	}
	c.provider.Store(p)
	return p, nil
}

// oauth is the client for one redirect address. The library would find out how the provider wants the
// secret by sending the code twice; the discovery document says it (OpenID Connect Discovery 1.0, section 3).
func (c *oidcClient) oauth(p *oidc.Provider, redirect string) *oauth2.Config {
	var says struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	_ = p.Claims(&says) // where it does not say, it is client_secret_basic
	to := p.Endpoint()
	to.AuthStyle = oauth2.AuthStyleInHeader
	if len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		to.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), Endpoint: to, RedirectURL: redirect,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
}

// A flow is a sign-in under way. It lies in a cookie of the browser that began it, which no other
// site and no other browser can come with; each of its values is of one sign-in.
type flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE, RFC 7636
	Return   string `json:"return"`
}

// longestFlow is how long signing in at the provider may take.
const longestFlow = 10 * time.Minute

// usedFlows are the states of the sign-ins that came back, for as long as their cookies count: a provider
// may take a code twice, and this takes it once.
type usedFlows struct {
	mu  sync.Mutex
	all map[string]time.Time
}

// once reports whether a sign-in comes back for the first time.
func (u *usedFlows) once(state string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.all, func(_ string, at time.Time) bool { return now.Sub(at) > longestFlow })
	if _, again := u.all[state]; again {
		return false
	}
	if u.all == nil {
		u.all = map[string]time.Time{}
	}
	u.all[state] = now
	return true
}

// redirect is the address that the provider sends the browser back to.
func (g *Gate) redirect(r *http.Request) string {
	if g.isSecure(r) {
		return "https://" + r.Host + callbackPath
	}
	return "http://" + r.Host + callbackPath
}

// start sends the browser to the provider.
func (g *Gate) start(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		g.refuse(w, r, http.StatusBadRequest, "the form cannot be read")
		return
	}
	back := local(r.PostForm.Get("return"))
	p, err := g.oidc.discover(r.Context())
	if err != nil {
		g.Log.Error().Err(err).Msg("sign-in not begun")
		g.show(w, r, http.StatusBadGateway, page{Return: back, Problem: "The sign-in service does not answer. Try again; an operator finds the reason in the log."})
		return
	}
	f := flow{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Return: back}
	text, _ := json.Marshal(f) // texts; cannot fail
	g.setCookie(w, r, flowCookie, base64.RawURLEncoding.EncodeToString(text), longestFlow)
	to := g.oidc.oauth(p, g.redirect(r)).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback takes the browser back from the provider.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request) {
	if g.oidc == nil {
		g.refuse(w, r, http.StatusNotFound, "nobody signs in here with a provider")
		return
	}
	f, ok := g.flow(r)
	g.setCookie(w, r, flowCookie, "", -1) // whatever comes of it, once is enough
	query := r.URL.Query()
	if !ok || query.Get("state") != f.State {
		g.show(w, r, http.StatusBadRequest, page{Problem: "This sign-in was not begun here, took longer than ten minutes, or is over. Begin again."})
		return
	}
	if refused := query.Get("error"); refused != "" {
		g.Log.Warn().Str("error", refused).Str("description", query.Get("error_description")).Msg("sign-in refused by the provider")
		g.show(w, r, http.StatusForbidden, page{Return: f.Return, Problem: "The sign-in service let nobody in (" + refused + "). Try again; an operator finds the reason in the log."})
		return
	}
	if !g.used.once(f.State, g.Now()) {
		g.show(w, r, http.StatusBadRequest, page{Return: f.Return, Problem: "This sign-in is over. Begin again."})
		return
	}
	id, err := g.oidc.exchange(r.Context(), g.redirect(r), query.Get("code"), f)
	if err != nil {
		g.Log.Warn().Err(err).Msg("sign-in refused")
		g.show(w, r, http.StatusForbidden, page{Return: f.Return, Problem: "What the sign-in service said was not believed. Try again; an operator finds the reason in the log."})
		return
	}
	g.enter(w, r, id, g.oidc.settings(), f.Return)
}

// flow is the sign-in that the browser began.
func (g *Gate) flow(r *http.Request) (f flow, ok bool) {
	cookie, err := r.Cookie(g.cookieName(r, flowCookie))
	if err != nil {
		return f, false
	}
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(text, &f) != nil {
		return f, false
	}
	return f, f.State != "" && f.Nonce != "" && f.Verifier != ""
}

// exchange trades the code for a token and reads who it is about. The library checks the
// signature, the issuer to the letter, the audience and the time.
func (c *oidcClient) exchange(ctx context.Context, redirect, code string, f flow) (Identity, error) {
	p, err := c.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	_ = c.ClientSecret.Renew(ctx) // where that fails the secret stays what it was
	ctx = c.with(ctx)
	token, err := c.oauth(p, redirect).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return Identity{}, fmt.Errorf("trading the code for a token: %w", withoutBody(err))
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, errors.New("the provider's answer has no id_token")
	}
	verified, err := p.Verifier(&oidc.Config{ClientID: c.ClientID, Now: c.now}).Verify(ctx, raw)
	if err != nil {
		return Identity{}, err
	}
	if verified.Nonce != f.Nonce {
		return Identity{}, errors.New("the token is of another sign-in: its nonce differs")
	}
	var claims claims
	if err := verified.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("reading the token: %w", err)
	}
	if len(verified.Audience) > 1 && claims.AuthorizedParty == "" {
		return Identity{}, errors.New("the token is for several clients and does not say for which it was made (azp)")
	}
	if claims.AuthorizedParty != "" && claims.AuthorizedParty != c.ClientID {
		return Identity{}, errors.New("the token was made for another client (azp)")
	}
	id, err := c.identity(claims)
	if err == nil && id.Role == "" && claims.Elsewhere["groups"] != "" {
		c.log.Warn().Msg("the provider does not list somebody's groups, which are too many: give roles by app roles instead")
	}
	return id, err
}

// withoutBody is an error of the token endpoint without what it answered, which may repeat what was sent.
func withoutBody(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil {
		return fmt.Errorf("%s %s", refused.Response.Status, strings.TrimSpace(refused.ErrorCode))
	}
	return err
}

func random() string {
	text := make([]byte, 24)
	rand.Read(text) // it never fails
	return base64.RawURLEncoding.EncodeToString(text)
}
