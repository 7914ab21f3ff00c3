package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/directory"
	"syncd/internal/rest"
)

// How long one call may take. Azure's front end gives up after 230 s whatever
// CIPP does (learn.microsoft.com/azure/azure-functions/functions-scale#timeout),
// so waiting longer for a live answer gains nothing.
const (
	liveTimeout   = 240 * time.Second
	cachedTimeout = 120 * time.Second
)

// missingTTL is how long we remember that this CIPP lacks an endpoint. It
// updates itself, so this expires.
const missingTTL = time.Hour

// Options is what a client is given besides its configuration.
type Options struct {
	Log     zerolog.Logger
	Metrics *rest.Metrics
	// Transport carries both CIPP's and the token endpoint's requests; nil for the network.
	Transport http.RoundTripper
	// Bucket is shared by everybody who talks to this CIPP; nil makes one of Config.Rate.
	Bucket *rest.Bucket
	// Operate lets Call reach every endpoint of CIPP, those that write included.
	// Without it a client can only read what a sync needs, whatever it is asked.
	Operate bool
	// Unlisted lets Call reach, besides, endpoints that the map does not know.
	Unlisted bool
	// HireDates asks for employeeHireDate too, which nobody needs but provisioning
	// that maps it.
	HireDates bool
}

// A Client talks to one CIPP. It may be shared, and satisfies sync.Source.
type Client struct {
	rest          *rest.Client
	addressProven atomic.Bool // the address has answered with data: it is CIPP's
	tokens        *tokens
	log           zerolog.Logger
	conf          Config

	hireDates bool

	mu               sync.Mutex
	version          string                           // once known
	versionAsked     bool                             // for the version
	missingEndpoints map[string]time.Time             // endpoints this CIPP did not have, and since when we know
	noSignIns        map[directory.TenantID]time.Time // tenants without sign-in data, and since when we know

	idOnly       map[directory.TenantID]bool // tenants that are addressed by their id
	cachedRooms  map[directory.TenantID]cachedRooms
	roomsRefused time.Time // when our role was last refused the mailboxes

	counts *shared[cacheCounts]    // of every tenant's cached collections
	health *shared[healthByTenant] // of every tenant's domains
}

// New returns a client; nothing is sent yet.
func New(conf Config, o Options) (*Client, error) {
	base, err := conf.base()
	if err != nil {
		return nil, fmt.Errorf("cipp.url: %w", err)
	}
	if o.Bucket == nil {
		o.Bucket = rest.NewBucket(conf.Rate, o.Metrics, "cipp")
	}
	c := &Client{tokens: newTokens(&conf, o.Transport, o.Log), log: o.Log, conf: conf, hireDates: o.HireDates,
		missingEndpoints: map[string]time.Time{},
		noSignIns:        map[directory.TenantID]time.Time{}, cachedRooms: map[directory.TenantID]cachedRooms{}, idOnly: map[directory.TenantID]bool{},
		counts: newShared[cacheCounts](), health: newShared[healthByTenant]()}
	routes := allowed
	if o.Operate {
		routes = operateRoutes()
	}
	if o.Operate && o.Unlisted {
		routes = append(routes, rest.Route{Method: http.MethodGet, Path: "/api/{endpoint}"},
			rest.Route{Method: http.MethodPost, Path: "/api/{endpoint}"})
	}
	c.rest, err = rest.New(rest.Options{
		System: "cipp", BaseURL: base, Bucket: o.Bucket, Allow: routes,
		Sign: c.sign, Refused: c.refused, Classify: classify,
		Metrics: o.Metrics, Log: o.Log, Transport: o.Transport, Timeout: liveTimeout,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// allowed is everything a client without Options.Operate can ask of CIPP:
// reads, all of them.
var allowed = []rest.Route{
	{Method: http.MethodGet, Path: "/api/PublicPing"},
	{Method: http.MethodGet, Path: "/api/GetVersion"},
	{Method: http.MethodGet, Path: "/api/ListTenants"},
	{Method: http.MethodGet, Path: "/api/ListLicenses"},
	{Method: http.MethodGet, Path: "/api/ListGraphRequest"},
	{Method: http.MethodPost, Path: "/api/ListGraphBulkRequest"},
	{Method: http.MethodGet, Path: "/api/ListDBCache"},
	{Method: http.MethodGet, Path: "/api/ListMFAUsers"},
	{Method: http.MethodGet, Path: "/api/ListMailboxes"},
	{Method: http.MethodGet, Path: "/api/ListmailboxPermissions"},
	{Method: http.MethodGet, Path: "/api/ListCalendarPermissions"},
	{Method: http.MethodGet, Path: "/api/ListDomainAnalyser"},
}

// A signature has the token that a call was signed with, so that a refusal drops that
// one and not its successor, which another call may have fetched meanwhile.
type signature struct{ token string }

type signatureKey struct{}

func (c *Client) sign(ctx context.Context, r *http.Request) error {
	token, err := c.tokens.get(ctx)
	if err != nil {
		return err
	}
	if u, ok := ctx.Value(signatureKey{}).(*signature); ok {
		u.token = token
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

func (c *Client) refused(ctx context.Context) {
	if u, ok := ctx.Value(signatureKey{}).(*signature); ok {
		c.tokens.drop(u.token)
	}
}

// A TenantFilter names the tenant of a call. It can only be made from a
// tenant, because CIPP answers a call without one with the data of the
// partner's own tenant. The zero filter is refused before anything is sent.
type TenantFilter struct {
	value  string
	tenant directory.Tenant
}

// FilterOf returns the filter of a tenant: its default domain, which CIPP
// stores its data under, or its id where it has none.
func FilterOf(t directory.Tenant) (TenantFilter, error) {
	value := strings.TrimSpace(t.DefaultDomain)
	if value == "" {
		value = string(t.ID)
	}
	if value == "" || strings.EqualFold(value, "AllTenants") {
		return TenantFilter{}, fmt.Errorf("tenant %q has neither a default domain nor an id to ask for", t.Name)
	}
	return TenantFilter{value, t}, nil
}

// byID names the tenant by its id, which serves for every live call. It is false
// where that is done already, or the id is not known.
func (f TenantFilter) byID() (TenantFilter, bool) {
	id := string(f.tenant.ID)
	return TenantFilter{id, f.tenant}, id != "" && !strings.EqualFold(id, f.value)
}

// filterOf is FilterOf, except for tenants that are addressed by their id.
func (c *Client) filterOf(t directory.Tenant) (TenantFilter, error) {
	f, err := FilterOf(t)
	if id, ok := f.byID(); err == nil && ok && c.isIDOnly(t.ID) {
		return id, nil
	}
	return f, err
}

func (c *Client) isIDOnly(t directory.TenantID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idOnly[t]
}

// markIDOnly notes that a tenant is to be addressed by its id and not by its default
// domain, until CIPP's list has another domain and the process ends.
func (c *Client) markIDOnly(t directory.TenantID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idOnly[t] = true
}

// lostDomain reports whether an error can come of a default domain that was
// removed from the tenant since CIPP read its list: Microsoft knows no tenant of
// that name then, or another one has it.
func lostDomain(err error) bool {
	if errors.Is(err, errForeign) {
		return true
	}
	e, ok := errors.AsType[*TenantError](err)
	return ok && classOf(e.Text) == access
}

func (f TenantFilter) String() string { return f.value }

// echoes reports whether s, the Tenant of a row, is the tenant we asked for.
// CIPP repeats what was sent, or gives the default domain.
func (f TenantFilter) echoes(s text) bool {
	name := s.trimmed()
	for _, own := range [...]string{"", f.value, string(f.tenant.ID), f.tenant.DefaultDomain, f.tenant.InitialDomain} {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// A call is one request to CIPP. The constructors below are the only way to
// make one, and those about a tenant take a filter.
type call struct {
	endpoint string
	filter   TenantFilter
	scoped   bool
	request  rest.Request
}

// global is a call about CIPP itself, or for the list of tenants.
func global(endpoint string) call {
	return call{endpoint: endpoint, request: rest.Request{Method: http.MethodGet, Path: "/api/" + endpoint, Timeout: cachedTimeout}}
}

// forTenant is a call about one tenant.
func forTenant(f TenantFilter, endpoint string, query url.Values) call {
	if query == nil {
		query = url.Values{}
	}
	query.Set("tenantFilter", f.value)
	return call{endpoint, f, true, rest.Request{Method: http.MethodGet, Path: "/api/" + endpoint, Query: query, Timeout: liveTimeout}}
}

// forAllTenants is a call about all tenants, for the few answers that CIPP reads from one
// table. A tenant that is missing from such an answer is unknown.
func forAllTenants(endpoint string, query url.Values) call {
	k := global(endpoint)
	query.Set("tenantFilter", "AllTenants")
	k.request.Query = query
	return k
}

// forTenantCached is a call about one tenant that CIPP answers from its tables.
func forTenantCached(f TenantFilter, endpoint string, query url.Values) call {
	k := forTenant(f, endpoint, query)
	k.request.Timeout = cachedTimeout
	return k
}

// bulkCall sends several Graph requests about one tenant in one call. It is a POST that
// only reads, so it may be repeated.
func bulkCall(f TenantFilter, parts []bulkRequest) call {
	body := struct {
		TenantFilter  string        `json:"tenantFilter"`
		AsApp         bool          `json:"asApp"`
		NoPaginateIDs []string      `json:"noPaginateIds"`
		Requests      []bulkRequest `json:"requests"`
	}{f.value, true, []string{}, parts}
	for _, p := range parts {
		if p.page > 0 {
			body.NoPaginateIDs = append(body.NoPaginateIDs, p.ID)
		}
	}
	const endpoint = "ListGraphBulkRequest"
	return call{endpoint, f, true, rest.Request{Method: http.MethodPost, Path: "/api/" + endpoint, Body: body, Read: true,
		Timeout: liveTimeout}}
}

// do sends a call and returns its body. Its errors are ErrUnusable,
// ErrNoEndpoint, ErrDisabled or a *TenantError, or the context's.
func (c *Client) do(ctx context.Context, k call) ([]byte, error) {
	if k.scoped && k.filter.value == "" {
		return nil, fmt.Errorf("cipp: %s: no tenant was named, and CIPP would answer for the partner's own", k.endpoint)
	}
	if c.lacksEndpoint(k.endpoint) {
		return nil, fmt.Errorf("cipp: %s: %w", k.endpoint, ErrNoEndpoint)
	}
	// Without a token there is nothing to send, and no request to pay for.
	if _, err := c.tokens.get(ctx); err != nil {
		return nil, err
	}
	u := new(signature)
	r, err := c.rest.Do(context.WithValue(ctx, signatureKey{}, u), k.request)
	if err == nil {
		if !k.scoped {
			c.addressProven.Store(true)
		}
		return r.Body, nil
	}
	if errors.Is(err, rest.ErrOutcomeUnknown) {
		return nil, err // of a write; nothing else may be said of it
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("cipp: %s: %w", k.endpoint, context.Cause(ctx))
	}
	if e, ok := errors.AsType[*TokenError](err); ok {
		return nil, e // of a renewal on the way
	}
	e, ok := errors.AsType[*rest.Error](err)
	if !ok {
		return nil, err
	}
	verdict := class(e.Code)
	switch {
	case verdict == fine && e.Status >= 300 && e.Status < 400:
		verdict = wrongURL
	case verdict == fine && e.Status == http.StatusUnauthorized:
		verdict = unauthorised
	case verdict == fine:
		// There was no answer, or no whole one.
		return nil, err
	case verdict == noEndpoint && k.scoped:
		// Only where there is an alternative: an instance that is being updated
		// lacks every endpoint for a moment.
		c.noteMissing(k.endpoint)
	}
	if verdict == unauthorised {
		c.logRefusedToken(u.token)
	}
	if verdict == wrongURL && k.scoped && c.addressProven.Load() {
		// The address gave data before: a page in its place is a firewall or an
		// upgrade in the way of this one call.
		return nil, &TenantError{Tenant: k.filter.value, Endpoint: k.endpoint, Status: e.Status, Text: e.Message,
			Remedy: "look at what stands between syncd and CIPP, and whether CIPP is being updated"}
	}
	return nil, errorOf(verdict, k.endpoint, k.filter.value, e.Status, e.Message)
}

// logRefusedToken logs why the platform may have refused our token: most often a token of
// version 2, whose audience is the bare client id.
func (c *Client) logRefusedToken(token string) {
	event := c.log.Warn()
	if p, ok := parseClaims(token); ok {
		event = event.Str("aud", p.Audience).Str("iss", p.Issuer).Str("ver", p.Version).Str("appid", p.AppID).
			Time("exp", time.Unix(int64(p.Expires), 0).UTC())
	}
	event.Msg("cipp refused our token")
}

func (c *Client) lacksEndpoint(endpoint string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	since, ok := c.missingEndpoints[endpoint]
	return ok && time.Since(since) < missingTTL
}

func (c *Client) noteMissing(endpoint string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missingEndpoints[endpoint] = time.Now()
}
