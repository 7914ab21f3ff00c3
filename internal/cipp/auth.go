package cipp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/sync/singleflight"

	"syncd/internal/rest"
	"syncd/internal/secret"
)

const (
	renewEarly    = 5 * time.Minute  // before a token ends; half its life where that is short
	defaultLife   = 30 * time.Minute // where the answer names no life; Entra's shortest is an hour
	tokenTimeout  = 90 * time.Second // for one token, all attempts together
	tokenAttempts = 4
	refusalTTL    = time.Minute // how long refused credentials are not tried again
)

// tokens holds the one access token of a credential. It may be shared: however
// many goroutines ask, one request is in flight.
//
// It has an http.Client of its own: Entra is not CIPP, so its calls are paid
// from no bucket of CIPP's, and its failures open no breaker of CIPP's.
type tokens struct {
	client string
	secret secret.String
	url    string
	http   *http.Client
	log    zerolog.Logger
	flight singleflight.Group

	mu           sync.Mutex
	token        string
	renew        time.Time // when to fetch the next one
	refusal      error     // the credential's last refusal
	refused      string    // the secret that was refused
	refusedUntil time.Time // as long as the refusal stands
}

func newTokens(c *Config, transport http.RoundTripper, log zerolog.Logger) *tokens {
	return &tokens{
		client: strings.TrimSpace(c.ClientID),
		secret: c.ClientSecret,
		url:    c.tokenURL(),
		http: &http.Client{
			Transport: transport,
			Timeout:   30 * time.Second,
			// The secret is in the body; it goes where the operator said and nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log: log,
	}
}

// get returns the token, and fetches it where there is none or it is about to expire.
func (t *tokens) get(ctx context.Context) (string, error) {
	if token, err := t.current(); token != "" || err != nil {
		return token, err
	}
	// The request does not use the caller's context: others wait for it too.
	flight := t.flight.DoChan("", func() (any, error) {
		if token, err := t.current(); token != "" || err != nil {
			return token, err // it arrived since the check above
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
		defer cancel()
		return t.fetch(ctx)
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for a token: %w", context.Cause(ctx))
	case r := <-flight:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	}
}

func (t *tokens) current() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch now := time.Now(); {
	case t.token != "" && now.Before(t.renew):
		return t.token, nil
	case t.refusal != nil && now.Before(t.refusedUntil) && t.refused == t.secret.Reveal():
		return "", t.refusal
	}
	return "", nil
}

// drop forgets a refused token, unless there is a newer one already.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}

// fetch asks for a token until there is one, a refusal that is not retryable, or the
// time is up.
func (t *tokens) fetch(ctx context.Context) (string, error) {
	_ = t.secret.Renew(ctx) // where that fails the secret stays what it was
	secret := t.secret.Reveal()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, t.http)
	conf := clientcredentials.Config{
		ClientID: t.client, ClientSecret: secret, TokenURL: t.url,
		Scopes: []string{"api://" + t.client + "/.default"}, AuthStyle: oauth2.AuthStyleInParams,
	}
	for attempt := 1; ; attempt++ {
		started := time.Now()
		token, err := conf.Token(ctx)
		if err == nil {
			t.store(token, started)
			t.log.Debug().Int("attempt", attempt).Msg("cipp token fetched")
			return token.AccessToken, nil
		}
		wait, again := retryable(err, attempt)
		if former := t.secret.Former(); isWrongSecret(err) && former != "" && conf.ClientSecret != former {
			// Entra takes minutes to know a new secret everywhere.
			t.log.Warn().Msg("new cipp secret refused, the former one is tried")
			conf.ClientSecret = former
			continue
		}
		if !again {
			err = refusal(err)
			t.mu.Lock()
			t.refusal, t.refused, t.refusedUntil = err, secret, time.Now().Add(refusalTTL)
			t.mu.Unlock()
			return "", err
		}
		if deadline, ok := ctx.Deadline(); attempt == tokenAttempts || ok && time.Until(deadline) < wait {
			return "", refusal(err)
		}
		t.log.Warn().Int("attempt", attempt).Int64("wait_ms", wait.Milliseconds()).Msg("cipp token endpoint asked again")
		if rest.Sleep(ctx, wait) != nil {
			return "", refusal(err)
		}
	}
}

func (t *tokens) store(token *oauth2.Token, started time.Time) {
	life := defaultLife
	if !token.Expiry.IsZero() {
		life = token.Expiry.Sub(started)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token, t.refusal = token.AccessToken, nil
	t.renew = started.Add(life - min(renewEarly, life/2))
}

// retryable reports whether a refusal is temporary, and how long to wait.
func retryable(err error, attempt int) (time.Duration, bool) {
	backoff := time.Second << (attempt - 1)
	backoff = backoff/2 + rand.N(backoff)
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		// No answer, which is temporary, or a 200 without a token, for which oauth2
		// has no error type.
		return backoff, !strings.HasPrefix(err.Error(), "oauth2: ")
	}
	switch status := refused.Response.StatusCode; {
	case status == http.StatusTooManyRequests, status >= 500, status == http.StatusRequestTimeout:
		if after, ok := retryAfter(refused.Response.Header.Get("Retry-After")); ok {
			return after, true
		}
		return backoff, true
	}
	return 0, false
}

// isWrongSecret reports whether a refusal is about the secret.
func isWrongSecret(err error) bool {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	return ok && (refused.ErrorCode == "invalid_client" || refused.Response.StatusCode == http.StatusUnauthorized)
}

// retryAfter reads a Retry-After header: seconds or a date.
func retryAfter(s string) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

// A TokenError says that Entra refused a token, or could not be reached. It is ErrUnusable.
type TokenError struct {
	Status int    // of the answer; 0 where there was none
	Code   string // Entra's, such as AADSTS7000215, or OAuth's, such as invalid_client
	Text   string // what Entra says, on one line
	Remedy string
}

func (e *TokenError) Error() string {
	s := "cipp: token for the API client: "
	if e.Status != 0 {
		s += strconv.Itoa(e.Status) + ": "
	}
	s += e.Text
	if e.Code != "" && !strings.Contains(e.Text, e.Code) {
		s += " (" + e.Code + ")"
	}
	return s + "; " + e.Remedy
}

// Is makes every TokenError an ErrUnusable.
func (e *TokenError) Is(target error) bool { return target == ErrUnusable }

var aadsts = regexp.MustCompile(`AADSTS\d+`)

// refusal makes an error of oauth2 a TokenError with a remedy. It copies named fields
// only: the body of a refusal may hold secrets.
func refusal(err error) error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		remedy := "check that this machine reaches the token endpoint (cipp.token_url; login.microsoftonline.com by default)"
		if strings.HasPrefix(err.Error(), "oauth2: ") {
			remedy = "check cipp.token_url: what answers there is no token endpoint"
		}
		return &TokenError{Text: clip(err.Error(), 200), Remedy: remedy}
	}
	e := &TokenError{Status: refused.Response.StatusCode, Code: clip(refused.ErrorCode, 40), Text: clip(refused.ErrorDescription, 200)}
	if code := aadsts.FindString(refused.ErrorDescription); code != "" {
		e.Code = code
	}
	if e.Text == "" {
		e.Text = "no reason given"
	}
	switch {
	case e.Code == "AADSTS7000215":
		e.Remedy = "cipp.client_secret is wrong: write the secret's value, not its id, or reset the secret on CIPP's page Integrations > CIPP-API"
	case e.Code == "AADSTS7000222":
		e.Remedy = "cipp.client_secret has expired: reset the secret on CIPP's page Integrations > CIPP-API and write the new one"
	case e.Code == "AADSTS500011":
		e.Remedy = "the API client has no Application ID URI api://<client id>: use Repair URI on CIPP's page Integrations > CIPP-API, and check cipp.tenant_id"
	case e.Code == "AADSTS700016":
		e.Remedy = "cipp.client_id is unknown in cipp.tenant_id: check both against CIPP's page Integrations > CIPP-API"
	case e.Code == "AADSTS90002":
		e.Remedy = "cipp.tenant_id names no tenant: write the id of the partner's own tenant"
	case refused.ErrorCode == "invalid_client":
		e.Remedy = "check cipp.client_id and cipp.client_secret; resetting the secret in CIPP ends the old one at once"
	case refused.ErrorCode == "invalid_resource" || refused.ErrorCode == "invalid_scope":
		e.Remedy = "the API client may lack its Application ID URI: use Repair URI on CIPP's page Integrations > CIPP-API"
	case e.Status >= 300 && e.Status < 400:
		e.Remedy = "check cipp.token_url: it redirects elsewhere"
	case e.Status == http.StatusTooManyRequests || e.Status >= 500:
		e.Remedy = "Entra is busy or down: the next run tries again"
	default:
		e.Remedy = "check cipp.tenant_id, cipp.client_id and cipp.client_secret"
	}
	return e
}

// claims are the parts of an access token that say why it is not accepted.
type claims struct {
	Audience string  `json:"aud"`
	Issuer   string  `json:"iss"`
	Version  string  `json:"ver"`
	AppID    string  `json:"appid"`
	AZP      string  `json:"azp"`
	Expires  float64 `json:"exp"`
}

// parseClaims reads the claims of our own token, for the log. The signature is not
// checked.
func parseClaims(token string) (claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var c claims
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return claims{}, false
	}
	if c.AppID == "" {
		c.AppID = c.AZP
	}
	return c, true
}
