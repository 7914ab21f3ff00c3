package cippsim

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"syncd/internal/simulator/serving"
)

// A token is one that Entra issued.
type token struct {
	client  string
	expires time.Time
	bare    bool // its audience is the bare app id
}

// TokensIssued returns how many tokens were given out.
func (s *Server) TokensIssued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

// RevokeTokens makes every token that is out answer 401.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = map[string]*token{}
}

// token serves the client credentials grant of Entra's v2 endpoint.
func (s *Server) token(r *http.Request) answer {
	f := &s.faults.Token
	if failure := f.Failure; failure != TokenWorks {
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				f.Failure = TokenWorks
			}
		}
		return tokenFailure(failure)
	}
	if r.Method != http.MethodPost {
		return entraError(http.StatusBadRequest, "invalid_request", 900561,
			"The endpoint only accepts POST requests. Received a "+r.Method+" request.")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return entraError(http.StatusBadRequest, "invalid_request", 900144,
			"The request body must contain the following parameter: 'grant_type'.")
	}
	if err := r.ParseForm(); err != nil {
		return entraError(http.StatusBadRequest, "invalid_request", 900144,
			"The request body must contain the following parameter: 'grant_type'.")
	}
	directory := strings.Trim(strings.TrimSuffix(r.URL.Path, "/oauth2/v2.0/token"), "/")
	if p := s.world.PartnerTenant; !strings.EqualFold(directory, p.CustomerID) &&
		!strings.EqualFold(directory, p.DefaultDomain) && !strings.EqualFold(directory, p.InitialDomain) {
		return entraError(http.StatusBadRequest, "invalid_request", 90002, "Tenant '"+directory+"' not found.")
	}
	form := r.PostForm
	for _, name := range []string{"grant_type", "client_id", "client_secret", "scope"} {
		if form.Get(name) == "" {
			return entraError(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '"+name+"'.")
		}
	}
	if g := form.Get("grant_type"); g != "client_credentials" {
		return entraError(http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '"+g+"'.")
	}
	id := form.Get("client_id")
	var client *Client
	for _, c := range s.world.Clients {
		if strings.EqualFold(c.ID, id) {
			client = c
		}
	}
	if client == nil {
		return entraError(http.StatusBadRequest, "unauthorized_client", 700016,
			"Application with identifier '"+id+"' was not found in the directory.")
	}
	if form.Get("client_secret") != client.Secret {
		return tokenFailure(InvalidSecret)
	}
	switch scope := form.Get("scope"); {
	case strings.EqualFold(scope, "api://"+client.ID+"/.default"):
	case strings.HasSuffix(scope, "/.default"):
		return entraError(http.StatusBadRequest, "invalid_resource", 500011,
			"The resource principal named "+strings.TrimSuffix(scope, "/.default")+" was not found in the tenant.")
	default:
		return entraError(http.StatusBadRequest, "invalid_scope", 70011,
			"The provided value for the input parameter 'scope' is not valid. The scope "+scope+" is not valid.")
	}

	life := cmp.Or(f.Life, s.opts.TokenLife)
	t := &token{client: client.ID, expires: s.now().Add(life), bare: f.BareAudience}
	access := s.sign(t)
	maps.DeleteFunc(s.tokens, func(_ string, t *token) bool { return !s.now().Before(t.expires) })
	s.tokens[access] = t
	s.issued++
	var expiresIn any = int(life / time.Second)
	if f.TextExpiry {
		expiresIn = strconv.Itoa(int(life / time.Second))
	}
	return ok(object{"token_type": "Bearer", "expires_in": expiresIn, "ext_expires_in": expiresIn, "access_token": access})
}

// sign writes a token with the claims a client may want to look at. Its
// signature means nothing.
func (s *Server) sign(t *token) string {
	aud := "api://" + t.client
	version := "1.0"
	if t.bare {
		aud, version = t.client, "2.0"
	}
	claims := object{
		"aud": aud, "iss": "https://sts.windows.net/" + s.world.PartnerTenant.CustomerID + "/", "ver": version,
		"appid": t.client, "azp": t.client, "tid": s.world.PartnerTenant.CustomerID,
		"iat": s.now().Unix(), "exp": t.expires.Unix(), "uti": s.nextID("token"),
	}
	part := func(v any) string {
		raw, _ := json.Marshal(v) // plain maps of text and numbers
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	body := part(object{"typ": "JWT", "alg": "RS256"}) + "." + part(claims)
	return body + "." + base64.RawURLEncoding.EncodeToString([]byte(guid("signature", body)))
}

func tokenFailure(f TokenFailure) answer {
	switch f {
	case InvalidSecret:
		return entraError(http.StatusUnauthorized, "invalid_client", 7000215,
			"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.")
	case ExpiredSecret:
		return entraError(http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys are expired.")
	case NoIdentifierURI:
		return entraError(http.StatusBadRequest, "invalid_resource", 500011,
			"The resource principal was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant.")
	case TokenThrottled:
		a := entraError(http.StatusTooManyRequests, "temporarily_unavailable", 90055, "Too many requests.")
		a.header = http.Header{"Retry-After": {"5"}}
		return a
	case TokenUnavailable:
		return entraError(http.StatusServiceUnavailable, "temporarily_unavailable", 90033, "A transient error has occurred. Please try again.")
	case TokenHTML:
		return page(http.StatusOK, "Sign in to your account")
	case TokenDropped:
		return answer{end: serving.Unsent}
	default: // TokenWithoutToken
		return ok(object{"token_type": "Bearer", "expires_in": 3599})
	}
}

func entraError(status int, code string, number int, msg string) answer {
	trace := guid("trace", msg)
	return answer{status: status, body: object{
		"error":             code,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s", number, msg, trace),
		"error_codes":       []int{number},
		"correlation_id":    guid("correlation", msg),
		"trace_id":          trace,
	}}
}

// bearer is the platform's check, in front of CIPP itself.
func (s *Server) bearer(r *http.Request) (*Client, *answer) {
	refuse := func(a answer) (*Client, *answer) { return nil, &a }
	kind, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t := s.tokens[strings.TrimSpace(value)]
	if !strings.EqualFold(kind, "Bearer") || t == nil || !s.now().Before(t.expires) || t.bare {
		return refuse(unauthorized())
	}
	for _, c := range s.world.Clients {
		if strings.EqualFold(c.ID, t.client) {
			if c.Disabled {
				status := cmp.Or(s.faults.DisabledStatus, http.StatusForbidden)
				if status == http.StatusUnauthorized {
					return refuse(unauthorized())
				}
				return refuse(text(status, "You do not have permission to view this directory or page."))
			}
			return c, nil
		}
	}
	return nil, nil // the platform knows it, CIPP does not
}

func unauthorized() answer {
	a := answer{status: http.StatusUnauthorized}
	a.header = http.Header{"Www-Authenticate": {`Bearer realm="cipp"`}}
	return a
}
