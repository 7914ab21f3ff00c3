// Package itglue speaks to the REST API of IT Glue and keeps contacts and
// flexible assets of our own types in step with what tenants hold. It reads
// organizations, contacts, domains and asset types; it writes contacts, assets
// of the types that it created itself, and related items between those.
// Passwords, exports and calls that change many records by a filter are out of
// its reach.
package itglue

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/rest"
	"syncd/internal/secret"
)

// Options are what a client is given by the program around it.
type Options struct {
	Log       zerolog.Logger
	Metrics   *rest.Metrics
	Transport http.RoundTripper // nil means rest's own
	Bucket    *rest.Bucket      // shared with others of the same account; nil makes one
	Now       func() time.Time  // nil means time.Now
	Location  *time.Location    // where quiet hours are; nil means UTC
	// Portal is where people open CIPP, for links to it; empty makes none.
	Portal string
	// Addresses returns the mail addresses of ConnectWise contacts by their ids. It
	// is asked about contacts that are tied to one and show no address of their
	// own; nil where there is no ConnectWise.
	Addresses func(ctx context.Context, ids []string) (map[string][]string, error)
}

// A Client talks to one IT Glue account. It may be used by many goroutines.
type Client struct {
	config      Config
	options     Options
	base        *url.URL
	log         zerolog.Logger
	rest        *rest.Client
	keyAccepted atomic.Bool // the key was accepted once
}

// An endpoint is a path below the host, with {id} where a number goes.
type endpoint string

const (
	epOrganizations endpoint = "/organizations"
	epContacts      endpoint = "/contacts"
	epContact       endpoint = "/contacts/{id}"
	epDomains       endpoint = "/domains"
	epTypes         endpoint = "/flexible_asset_types"
	epFieldsOfType  endpoint = "/flexible_asset_types/{id}/relationships/flexible_asset_fields"
	epFields        endpoint = "/flexible_asset_fields"
	epField         endpoint = "/flexible_asset_fields/{id}"
	epAssets        endpoint = "/flexible_assets"
	epAsset         endpoint = "/flexible_assets/{id}"
	epRelated       endpoint = "/flexible_assets/{id}/relationships/related_items"
)

// allowedRoutes is everything this program can ask of IT Glue. The routes of
// passwords and exports are not there, nor is any that takes many records:
// PATCH and DELETE of /contacts and /organizations accept a filter in place of
// ids, and one wrong word in it empties an organization.
func allowedRoutes(c *Config) []rest.Route {
	routes := []rest.Route{
		{Method: http.MethodGet, Path: string(epOrganizations)},
		{Method: http.MethodGet, Path: string(epContacts)},
		{Method: http.MethodGet, Path: string(epContact)},
		{Method: http.MethodPost, Path: string(epContacts)},
		{Method: http.MethodPatch, Path: string(epContact)},
		{Method: http.MethodGet, Path: string(epDomains)},
		{Method: http.MethodGet, Path: string(epTypes)},
		{Method: http.MethodPost, Path: string(epTypes)},
		{Method: http.MethodGet, Path: string(epFieldsOfType)},
		{Method: http.MethodPatch, Path: string(epField)},
		{Method: http.MethodPost, Path: string(epFields)},
		{Method: http.MethodGet, Path: string(epAssets)},
		{Method: http.MethodPost, Path: string(epAssets)},
		{Method: http.MethodGet, Path: string(epAsset)},
		{Method: http.MethodPatch, Path: string(epAsset)},
		{Method: http.MethodPost, Path: string(epRelated)},
	}
	if c.Leavers.Then == ThenDelete {
		routes = append(routes, rest.Route{Method: http.MethodDelete, Path: string(epAsset)})
	}
	return routes
}

const mediaType = "application/vnd.api+json"

// New returns a client. It asks nothing of the account yet; Check does.
func New(c Config, o Options) (*Client, error) {
	base, err := baseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("itglue.url: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Bucket == nil {
		o.Bucket = rest.NewBucket(c.Rate, o.Metrics, "itglue")
	}
	client := &Client{config: c, options: o, base: base, log: o.Log.With().Str("system", "itglue").Logger()}
	client.rest, err = client.dial(base)
	return client, err
}

func (c *Client) dial(base *url.URL) (*rest.Client, error) {
	return rest.New(rest.Options{System: "itglue", BaseURL: base, Bucket: c.options.Bucket, Allow: allowedRoutes(&c.config),
		Classify: classify,
		Sign: func(_ context.Context, r *http.Request) error {
			r.Header.Set("x-api-key", c.config.APIKey.Reveal())
			return nil
		},
		Keys:    []secret.String{c.config.APIKey},
		Metrics: c.options.Metrics, Log: c.options.Log, Transport: c.options.Transport, Attempts: 6})
}

// now is the moment in the zone in which quiet hours are written.
func (c *Client) now() time.Time { return c.options.Now().In(c.options.Location) }

// A session is a client with a meter: what one run asks counts against its budget.
type session struct {
	*Client
	spent  atomic.Int64
	budget int64 // 0 = no limit
}

// unmetered is a session that no budget limits: for commands of a person.
func (c *Client) unmetered() *session { return &session{Client: c} }

// errBudget says that the run may ask nothing more.
var errBudget = errors.New("the run's budget of requests is spent (itglue.budget); the next run goes on from here")

// A request is one call of the API.
type request struct {
	method string
	at     endpoint
	ids    []id
	query  url.Values
	body   any
	once   bool // a read that is not repeated by rest: the caller knows better how
}

func (r request) path() string {
	path := string(r.at)
	for _, n := range r.ids {
		path = strings.Replace(path, "{id}", n.String(), 1)
	}
	return path
}

func (r request) write() bool { return r.method != "" && r.method != http.MethodGet }

// do sends a request. Writes are sent once: what became of one whose answer was
// lost is found out by a look at the record.
func (s *session) do(ctx context.Context, r request) (*rest.Response, error) {
	if r.write() && len(r.query) > 0 {
		return nil, fmt.Errorf("itglue: %s %s with a query: %w", r.method, r.path(), rest.ErrForbidden)
	}
	for _, n := range r.ids {
		if n <= 0 {
			return nil, fmt.Errorf("itglue: %s: an id is missing", r.at)
		}
	}
	if s.budget > 0 && s.spent.Add(1) > s.budget {
		return nil, fmt.Errorf("itglue: %w", errBudget)
	}
	q := rest.Request{Method: r.method, Path: r.path(), Query: r.query, Body: r.body, Once: r.write() || r.once,
		Header: http.Header{"Accept": {mediaType}}}
	if r.body != nil {
		q.Header.Set("Content-Type", mediaType)
	}
	resp, err := s.rest.Do(ctx, q)
	if err == nil {
		s.keyAccepted.Store(true)
		return resp, nil
	}
	refused, ok := errors.AsType[*rest.Error](err)
	if !ok {
		return nil, err
	}
	switch {
	case refused.Status == http.StatusUnauthorized && refused.Code == codeInaccessible:
		// Of a thing that the key may not see, not of the key: the scope is at
		// fault, not the account.
		named := *refused
		named.Unauthorised = false
		return nil, &named
	case refused.Forbidden && r.write() && s.keyAccepted.Load():
		return nil, s.classifyForbidden(ctx, refused)
	}
	return nil, err
}

// classifyForbidden tells a key that was revoked from a request that the edge did not
// like: both are 403. A cheap read decides.
func (s *session) classifyForbidden(ctx context.Context, refused *rest.Error) error {
	if _, err := s.do(ctx, request{at: epTypes, query: url.Values{"page[size]": {"1"}}}); err != nil {
		return refused
	}
	named := *refused
	named.Forbidden = false
	named.Message = "the text of this record was refused, as it is where something in it looks like a script"
	named.Remedy = "look at the names and descriptions that it is made of"
	return &named
}

func itoa(n int) string { return strconv.Itoa(n) }
