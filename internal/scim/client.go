// Package scim speaks SCIM 2.0 (RFC 7643, RFC 7644, cursors of RFC 9865) with
// providers of any make, and keeps users, groups and memberships there in step
// with what tenants hold. What is peculiar about a provider is a profile: data,
// not code.
//
// It writes the one dialect that every provider it was tried on understands:
// PATCH with one operation an attribute, each with its path, members added and
// removed one by one. It never sends what takes all members of a group at once.
package scim

import (
	"cmp"
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

	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// Options are what a client is given by the program around it.
type Options struct {
	Log       zerolog.Logger
	Metrics   *rest.Metrics
	Transport http.RoundTripper // nil means one of its own
	Bucket    *rest.Bucket      // shared with others of the same target; nil makes one
	Now       func() time.Time  // nil means time.Now
}

// A Client talks to one provider, to all accounts of it. It may be used by many
// goroutines. What it learns of an account (features, how members are removed)
// it keeps as long as it lives.
type Client struct {
	config    Config
	profile   *Profile
	layout    *layout
	options   Options
	transport http.RoundTripper

	mu       sync.Mutex
	accounts map[string]*connection
}

// New returns a client. It asks nothing of the provider yet; Check does.
func New(c Config, o Options) (*Client, error) {
	profile := profiles()[c.Profile]
	if profile == nil {
		return nil, fmt.Errorf("scim/%s: profile %q is not known: write one of %s", c.Name, c.Profile, strings.Join(ProfileNames(), ", "))
	}
	if _, _, err := c.base("example"); err != nil {
		return nil, fmt.Errorf("scim/%s: url %w", c.Name, err)
	}
	l, err := newLayout(profile, c.mapping(profile))
	if err != nil {
		return nil, fmt.Errorf("scim/%s: %w", c.Name, err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Bucket == nil {
		o.Bucket = rest.NewBucket(c.Rate, o.Metrics, "scim/"+c.Name)
	}
	if o.Transport == nil {
		o.Transport = rest.NewTransport()
	}
	return &Client{config: c, profile: profile, layout: l, options: o, transport: redirectFollower{o.Transport},
		accounts: map[string]*connection{}}, nil
}

// Name is the target's name: scim/cinode.
func (c *Client) Name() string { return "scim/" + c.config.Name }

const (
	mediaSCIM  = "application/scim+json"
	mediaPlain = "application/json"

	maxBodyBytes = 32 << 20
)

// A connection is the way to one account.
type connection struct {
	client        *Client
	name          string
	rest          *rest.Client
	discoveryRest *rest.Client // where discovery stands, where that is another place; nil otherwise
	fingerprint   string       // a fingerprint of where it is, for records
	query         url.Values
	token         secret.String

	tokenAccepted  atomic.Bool // the token was accepted once
	plainJSON      atomic.Bool // application/json is what the provider wants
	unquotedFilter atomic.Bool // filters go without quotes

	mu               sync.Mutex
	caps             *capabilities
	totalProven      map[string]time.Time // when a type's totalResults were found to be true
	nonConvergent    map[string]int       // fields that came back different although they were sent twice
	removalWay       int                  // which of the profile's ways to remove a member is in use
	removalConfirmed bool                 // and a look showed that it does what it should
	removalExhausted time.Time            // when the last of the ways turned out to do nothing
	unverified       *unverifiedRemoval   // a first removal that nobody has looked at yet
	membersStopped   string               // why no member is added or removed any more
}

// errNoToken is a link to an account that has no token.
var errNoToken = errors.New("no token is configured for this account")

// connect returns the connection of an account.
func (c *Client) connect(name string) (*connection, error) {
	if !c.config.perAccount() {
		name = ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.accounts[name]; a != nil {
		return a, nil
	}
	if strings.Contains(c.config.URL, account) && !accountName.MatchString(name) {
		return nil, fmt.Errorf("%q cannot be an account: it becomes part of %s.url; write letters, digits, . _ @ and -", name, c.Name())
	}
	token, ok := c.config.token(name)
	if !ok {
		return nil, fmt.Errorf("account %s: %w: add it to %s.tokens", name, errNoToken, c.Name())
	}
	base, query, err := c.config.base(name)
	if err != nil {
		return nil, err
	}
	a := &connection{client: c, name: name, fingerprint: fingerprint(plan.Value{base.String()}), query: query, token: token,
		totalProven: map[string]time.Time{}, nonConvergent: map[string]int{}}
	if a.rest, err = c.dial(base, token, resourceRoutes()); err != nil {
		return nil, err
	}
	if path, ok := cutPath(base.Path, c.profile.DiscoveryWithout); ok {
		elsewhere := *base
		elsewhere.Path, elsewhere.RawPath = path, ""
		if a.discoveryRest, err = c.dial(&elsewhere, token, discoveryRoutes()); err != nil {
			return nil, err
		}
	}
	c.accounts[name] = a
	return a, nil
}

// cutPath cuts a part such as /tenants/{account} out of a path, whatever stands
// for the account there: people paste whole addresses too.
func cutPath(path, part string) (string, bool) {
	before, after, _ := strings.Cut(part, account)
	at := strings.Index(path, before)
	if part == "" || at < 0 {
		return "", false
	}
	rest := path[at+len(before):]
	if strings.Contains(part, account) {
		_, tail, _ := strings.Cut(rest, "/")
		rest = "/" + tail
	}
	if !strings.HasPrefix(rest, after) {
		return "", false
	}
	return path[:at] + strings.TrimPrefix(rest, after), true
}

func discoveryRoutes() []rest.Route {
	return []rest.Route{
		{Method: http.MethodGet, Path: "/ServiceProviderConfig"},
		{Method: http.MethodGet, Path: "/ServiceProviderConfigs"},
		{Method: http.MethodGet, Path: "/ResourceTypes"},
		{Method: http.MethodGet, Path: "/Schemas"},
	}
}

// resourceRoutes is everything that this program can ask. Bulk is not there,
// nor is any call on a whole collection but the listing and the creation.
func resourceRoutes() []rest.Route {
	routes := discoveryRoutes()
	for _, at := range []string{usersAt, groupsAt} {
		routes = append(routes, rest.Route{Method: http.MethodGet, Path: at}, rest.Route{Method: http.MethodPost, Path: at})
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			routes = append(routes, rest.Route{Method: method, Path: at + "/{id}"})
		}
	}
	return routes
}

func (c *Client) dial(base *url.URL, token secret.String, routes []rest.Route) (*rest.Client, error) {
	return rest.New(rest.Options{System: c.Name(), BaseURL: base, Bucket: c.options.Bucket, Allow: routes, Classify: c.classify,
		Sign: func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+token.Reveal())
			// A plus in a query is a space to some and a plus to others; %20 is
			// a space to everybody. A real plus is %2B already.
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "+", "%20")
			return nil
		},
		Keys:    []secret.String{token},
		Metrics: c.options.Metrics, Log: c.options.Log, Transport: c.transport, MaxBody: maxBodyBytes, Timeout: 30 * time.Second, Attempts: 6,
		Backoff: rest.Backoff{Base: time.Second}})
}

const (
	usersAt  = "/Users"
	groupsAt = "/Groups"
)

// A request is one call.
type request struct {
	method      string
	path        string // escaped
	query       url.Values
	body        any
	version     string // for If-Match; empty sends none
	atDiscovery bool   // at the place of discovery
}

func (r request) write() bool { return r.method != "" && r.method != http.MethodGet }

// do sends a request. Writes are sent once: what became of one whose answer was
// lost is found out by a look.
func (a *connection) do(ctx context.Context, r request) (*rest.Response, error) {
	resp, err := a.send(ctx, r)
	if refused, ok := errors.AsType[*rest.Error](err); ok && !a.plainJSON.Load() &&
		(refused.Status == http.StatusUnsupportedMediaType || refused.Status == http.StatusNotAcceptable) {
		a.plainJSON.Store(true)
		resp, err = a.send(ctx, r)
	}
	if err == nil {
		a.tokenAccepted.Store(true)
		return resp, nil
	}
	if errors.Is(err, rest.ErrForbidden) {
		// The allow-list of rest lets no id through that servers read in several ways.
		return nil, fmt.Errorf("%w (an id that holds a slash cannot be asked for)", err)
	}
	refused, ok := errors.AsType[*rest.Error](err)
	if ok && refused.Forbidden && r.write() && a.tokenAccepted.Load() {
		return nil, a.classifyForbidden(ctx, refused)
	}
	return nil, err
}

func (a *connection) send(ctx context.Context, r request) (*rest.Response, error) {
	query := url.Values{}
	for name, values := range a.query {
		query[name] = values
	}
	for name, values := range r.query {
		query[name] = values
	}
	q := rest.Request{Method: cmp.Or(r.method, http.MethodGet), Path: r.path, Query: query, Body: r.body, Once: r.write(),
		Header: http.Header{"Accept": {mediaSCIM + ", " + mediaPlain + ";q=0.9"}}}
	media := mediaSCIM
	if a.plainJSON.Load() {
		media = mediaPlain
		q.Header.Set("Accept", mediaPlain)
	}
	if r.body != nil {
		q.Header.Set("Content-Type", media)
	}
	if r.version != "" {
		q.Header.Set("If-Match", r.version)
	}
	if r.atDiscovery && a.discoveryRest != nil {
		return a.discoveryRest.Do(ctx, q)
	}
	return a.rest.Do(ctx, q)
}

// classifyForbidden tells a token that lost its rights from a write that is not allowed
// for one object: both are 403. A cheap read decides.
func (a *connection) classifyForbidden(ctx context.Context, refused *rest.Error) error {
	if _, err := a.send(ctx, request{path: usersAt, query: url.Values{"startIndex": {"1"}, "count": {"1"}}}); err != nil {
		return refused
	}
	named := *refused
	named.Forbidden = false
	named.Remedy = "the token may read users there; the provider allows no such write for this object"
	return &named
}

// A redirectFollower follows the redirects that keep method and body, on the same host
// only: the token goes nowhere else. rest refuses all that it leaves.
type redirectFollower struct{ next http.RoundTripper }

const maxRedirects = 3

func (f redirectFollower) RoundTrip(r *http.Request) (*http.Response, error) {
	for hops := 0; ; hops++ {
		answer, err := f.next.RoundTrip(r)
		if err != nil || hops == maxRedirects || answer.StatusCode != http.StatusTemporaryRedirect &&
			answer.StatusCode != http.StatusPermanentRedirect {
			return answer, err
		}
		to, err := r.URL.Parse(answer.Header.Get("Location"))
		if err != nil || answer.Header.Get("Location") == "" || to.Host != r.URL.Host || to.Scheme != r.URL.Scheme {
			return answer, nil
		}
		next := r.Clone(r.Context())
		next.URL = to
		if r.GetBody != nil {
			if next.Body, err = r.GetBody(); err != nil {
				return answer, nil
			}
		}
		if answer.Body != nil {
			answer.Body.Close()
		}
		r = next
	}
}
