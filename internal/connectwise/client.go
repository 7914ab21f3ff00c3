// Package connectwise speaks to the REST API of ConnectWise PSA (Manage) and
// keeps the quantities of agreement additions in step with the licences that
// tenants hold. It reads companies, contacts, tickets, agreements, additions, invoices
// and the catalogue; it writes additions, by PATCH of one field and, where allowed,
// by POST, tickets where they are configured, and nothing else.
package connectwise

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/money"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// Options are what a client is given by the program around it.
type Options struct {
	Log       zerolog.Logger
	Metrics   *rest.Metrics
	Transport http.RoundTripper                                 // nil means rest's own
	Bucket    *rest.Bucket                                      // shared with others of the same instance; nil makes one
	Now       func() time.Time                                  // nil means time.Now
	Location  *time.Location                                    // where "today" is; nil means UTC
	Freezes   func(context.Context) ([]money.HandFreeze, error) // those of people, as they are now; nil means there are none
	Names     string                                            // of those whom a count is made of: target.NamesUPN, target.NamesID or none
}

// A Client talks to one ConnectWise instance. It may be used by many goroutines.
type Client struct {
	config         Config
	options        Options
	base           *url.URL
	log            zerolog.Logger
	allowed        []rest.Route
	root           *rest.Client // the login host: discovery, unsigned
	api            atomic.Pointer[api]
	instanceProven atomic.Bool // an answer of this instance was right once
	versionWarned  atomic.Bool // of a server much newer than the pin
	serverVersion  atomic.Pointer[string]
	bundlesWork    atomic.Bool // bundles are not refused, as far as we know

	mu          sync.Mutex
	versionPins map[endpoint]string // versions that single endpoints insist on
	discovered  time.Time           // when the codebase was last asked for

	cycleMu sync.Mutex
	cycles  map[int]cycle // billing options by id of the cycle; nil until read
}

// An api is the REST API under one codebase.
type api struct {
	codebase string
	rest     *rest.Client
}

// An endpoint is a path below apis/3.0, with {id} where a number goes. It is
// the unit of the allow-list and of version pins.
type endpoint string

const (
	epSystemInfo     endpoint = "/system/info"
	epBundles        endpoint = "/system/bundles"
	epRoles          endpoint = "/system/securityroles"
	epRoleSettings   endpoint = "/system/securityroles/{id}/settings"
	epCompanies      endpoint = "/company/companies"
	epCompaniesCount endpoint = "/company/companies/count"
	epContacts       endpoint = "/company/contacts"
	epContact        endpoint = "/company/contacts/{id}"
	epTickets        endpoint = "/service/tickets"
	epTicket         endpoint = "/service/tickets/{id}"
	epTicketNotes    endpoint = "/service/tickets/{id}/notes"
	epBoards         endpoint = "/service/boards"
	epBoardStatuses  endpoint = "/service/boards/{id}/statuses"
	epPriorities     endpoint = "/service/priorities"
	epAgreements     endpoint = "/finance/agreements"
	epAgreementCount endpoint = "/finance/agreements/count"
	epAgreementTypes endpoint = "/finance/agreements/types"
	epBillingCycles  endpoint = "/finance/billingCycles"
	epAdditions      endpoint = "/finance/agreements/{id}/additions"
	epAddition       endpoint = "/finance/agreements/{id}/additions/{id}"
	epRecap          endpoint = "/finance/agreementrecap/{id}"
	epInvoices       endpoint = "/finance/invoices"
	epCatalogue      endpoint = "/procurement/catalog"
	epCatalogueCount endpoint = "/procurement/catalog/count"
	epCatalogueItem  endpoint = "/procurement/catalog/{id}"
	epCompanyInfo    endpoint = "/login/companyinfo/{id}"
)

// allowedRoutes is everything this program can ask of ConnectWise. There is no PUT
// (it nulls what it does not name), no DELETE (history would be lost), and no
// POST beside an addition: .../agreements/{id}/invoice makes an invoice.
var allowedRoutes = []rest.Route{
	{Method: http.MethodGet, Path: string(epSystemInfo)},
	{Method: http.MethodPost, Path: string(epBundles)}, // many reads in one request
	{Method: http.MethodGet, Path: string(epRoles)},
	{Method: http.MethodGet, Path: string(epRoleSettings)},
	{Method: http.MethodGet, Path: string(epCompanies)},
	{Method: http.MethodGet, Path: string(epCompaniesCount)},
	{Method: http.MethodGet, Path: string(epContacts)},
	{Method: http.MethodGet, Path: string(epContact)},
	{Method: http.MethodGet, Path: string(epTicket)},
	{Method: http.MethodGet, Path: string(epAgreements)},
	{Method: http.MethodGet, Path: string(epAgreementCount)},
	{Method: http.MethodGet, Path: string(epAgreementTypes)},
	{Method: http.MethodGet, Path: string(epBillingCycles)},
	{Method: http.MethodGet, Path: string(epAdditions)},
	{Method: http.MethodPost, Path: string(epAdditions)},
	{Method: http.MethodGet, Path: string(epAddition)},
	{Method: http.MethodPatch, Path: string(epAddition)},
	{Method: http.MethodGet, Path: string(epRecap)},
	{Method: http.MethodGet, Path: string(epInvoices)},
	{Method: http.MethodGet, Path: string(epCatalogue)},
	{Method: http.MethodGet, Path: string(epCatalogueCount)},
	{Method: http.MethodGet, Path: string(epCatalogueItem)},
}

// ticketRoutes are what tickets need besides, where they are made.
var ticketRoutes = []rest.Route{
	{Method: http.MethodGet, Path: string(epTickets)},
	{Method: http.MethodPost, Path: string(epTickets)},
	{Method: http.MethodPatch, Path: string(epTicket)},
	{Method: http.MethodGet, Path: string(epTicketNotes)},
	{Method: http.MethodPost, Path: string(epTicketNotes)},
	{Method: http.MethodGet, Path: string(epBoards)},
	{Method: http.MethodGet, Path: string(epBoardStatuses)},
	{Method: http.MethodGet, Path: string(epPriorities)},
}

const (
	// routerCodebase is the codebase that stands for the current one on the cloud, and
	// the only one on premises.
	routerCodebase = "v4_6_release/"
	// pinnedVersion is the release whose models are asked for: answers keep their shape
	// when the instance is upgraded. The vendor serves a model for twelve
	// months after a breaking change.
	pinnedVersion = "2025.1"
	// newerReleases is how much newer than the pin a server may be before the
	// log says that the pin wants looking at.
	newerReleases = 2
)

// New returns a client. It asks nothing of the instance yet; Check does.
func New(c Config, o Options) (*Client, error) {
	base, err := baseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("connectwise.url: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Bucket == nil {
		o.Bucket = rest.NewBucket(c.Rate, o.Metrics, "connectwise")
	}
	client := &Client{config: c, options: o, base: base, log: o.Log.With().Str("system", "connectwise").Logger(),
		versionPins: map[endpoint]string{}}
	client.bundlesWork.Store(true)
	client.allowed = allowedRoutes
	if c.Tickets.On() {
		client.allowed = slices.Concat(allowedRoutes, ticketRoutes)
	}
	client.root, err = rest.New(client.restOptions(base, []rest.Route{{Method: http.MethodGet, Path: string(epCompanyInfo)}}, false))
	if err != nil {
		return nil, err
	}
	return client, client.setCodebase(routerCodebase)
}

func (c *Client) restOptions(base *url.URL, allow []rest.Route, signed bool) rest.Options {
	o := rest.Options{System: "connectwise", BaseURL: base, Bucket: c.options.Bucket, Allow: allow, Classify: c.classify,
		Metrics: c.options.Metrics, Log: c.options.Log, Transport: c.options.Transport, RequestID: "X-Cw-Request-Id"}
	if signed {
		o.Sign, o.Keys = c.sign, []secret.String{c.config.PublicKey, c.config.PrivateKey, c.config.ClientID}
	}
	return o
}

// sign puts the member's keys on a request. The plus sign is literal: company+key is the user name.
func (c *Client) sign(_ context.Context, r *http.Request) error {
	public, private := c.config.PublicKey.Reveal(), c.config.PrivateKey.Reveal()
	if now := c.config.PublicKey.Reveal(); now != public { // both were changed between the two looks
		public, private = now, c.config.PrivateKey.Reveal()
	}
	r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.config.Company+"+"+public+":"+private)))
	r.Header.Set("clientId", c.config.ClientID.Reveal())
	return nil
}

// setCodebase puts the API under another codebase.
func (c *Client) setCodebase(codebase string) error {
	base := c.base.JoinPath(codebase, "apis/3.0")
	client, err := rest.New(c.restOptions(base, c.allowed, true))
	if err != nil {
		return err
	}
	c.api.Store(&api{codebase: codebase, rest: client})
	return nil
}

// today is the calendar day by which agreements and lines are judged.
func (c *Client) today() day { return dayOf(c.options.Now().In(c.options.Location)) }

// A request is one call of the API. forward asks for forward-only paging.
type request struct {
	method  string
	at      endpoint
	ids     []int
	query   url.Values
	body    any
	read    bool // a POST that changes nothing
	forward bool
	gate    func(context.Context) error // see rest.Request
}

func (r request) path() string {
	path := string(r.at)
	for _, id := range r.ids {
		path = strings.Replace(path, "{id}", strconv.Itoa(id), 1)
	}
	return path
}

// do sends a request. It copes with the two answers that say more about the
// address than about the request: a version pin that this endpoint refuses,
// and a 404 because an upgrade moved the codebase.
func (c *Client) do(ctx context.Context, r request) (*rest.Response, error) {
	for repinned, moved := false, false; ; {
		now := c.api.Load()
		version := c.version(r.at)
		resp, err := now.rest.Do(ctx, r.rest(version))
		if err == nil {
			c.instanceProven.Store(true)
			c.noteVersion(resp)
			return resp, nil
		}
		refused, ok := errors.AsType[*rest.Error](err)
		if !ok {
			return nil, err
		}
		if wanted, ok := c.otherVersion(refused, version); ok && !repinned {
			repinned = true
			c.repin(r.at, wanted)
			continue
		}
		if refused.NotFound && !moved {
			moved = true
			again, cause := c.rediscover(ctx, now)
			if cause != nil {
				return nil, cause
			}
			if again {
				continue
			}
		}
		switch {
		case refused.NotFound && !c.instanceProven.Load():
			return nil, c.explainNotFound(refused)
		case refused.Forbidden && strings.HasPrefix(refused.Remedy, "grant "): // the role: say which right
			named := *refused
			named.Remedy = "grant the API member's security role " + rightFor(r.at)
			return nil, &named
		}
		return nil, err
	}
}

func (r request) rest(version string) rest.Request {
	out := rest.Request{Method: cmp.Or(r.method, http.MethodGet), Path: r.path(), Query: r.query, Body: r.body,
		Header: http.Header{"Accept": {"application/vnd.connectwise.com+json"}},
		// Writes are repeated by us alone, after a look at what is there.
		Once: r.method == http.MethodPost && !r.read || r.method == http.MethodPatch, Read: r.read, Gate: r.gate}
	if version != "" {
		out.Header.Set("Accept", "application/vnd.connectwise.com+json; version="+version)
	}
	if r.forward {
		out.Header.Set("pagination-type", "forward-only")
	}
	return out
}

// explainNotFound explains a 404 from an instance that never answered us rightly: the
// cloud says 404 to a wrong company or wrong keys.
func (c *Client) explainNotFound(e *rest.Error) error {
	out := *e
	out.Unauthorised, out.NotFound = true, false
	out.Message = "nothing is there, which is also how ConnectWise answers wrong keys"
	out.Remedy = "check connectwise.company, public_key and private_key (syncd check says which), and that connectwise.url is the region you log in to"
	return &out
}

var releasePattern = regexp.MustCompile(`\b(20\d\d)\.(\d{1,2})\b`)

// otherVersion reads a refusal of the version pin and says what to ask for
// instead: the release that the refusal names, else the server's own, else none.
func (c *Client) otherVersion(e *rest.Error, sent string) (string, bool) {
	text := strings.ToLower(e.Message)
	if sent == "" || e.Status != http.StatusBadRequest && e.Status != http.StatusNotAcceptable ||
		!strings.Contains(text, "version") || !strings.Contains(text, "accept header") || strings.Contains(text, "could not find member") {
		return "", false
	}
	named := releasePattern.FindAllString(e.Message, -1)
	if len(named) > 0 && named[len(named)-1] != sent {
		return named[len(named)-1], true
	}
	if newest := c.serverVersion.Load(); newest != nil && *newest != sent {
		return *newest, true
	}
	return "", true
}

func (c *Client) version(at endpoint) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.versionPins[at]; ok {
		return v
	}
	return pinnedVersion
}

func (c *Client) repin(at endpoint, version string) {
	c.mu.Lock()
	c.versionPins[at] = version
	c.mu.Unlock()
	c.log.Warn().Str("endpoint", string(at)).Str("pin", pinnedVersion).Str("version", version).Msg("endpoint refused the version pin")
}

// noteVersion notes what an answer says about the server.
func (c *Client) noteVersion(r *rest.Response) {
	version := r.Header.Get("api-current-version")
	if version == "" || c.versionWarned.Load() {
		return
	}
	c.serverVersion.Store(&version)
	m, p := releasePattern.FindStringSubmatch(version), releasePattern.FindStringSubmatch(pinnedVersion)
	if m == nil {
		return
	}
	// A release a month: the year's last is followed by the next year's first.
	n := func(s []string) int { y, _ := strconv.Atoi(s[1]); k, _ := strconv.Atoi(s[2]); return 12*y + k }
	if n(m)-n(p) > newerReleases && c.versionWarned.CompareAndSwap(false, true) {
		c.log.Warn().Str("version", version).Str("pin", pinnedVersion).
			Msg("server is newer than the models we ask for; the vendor serves old ones for a year after a breaking change")
	}
}
