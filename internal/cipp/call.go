package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/cipp/endpoint"
	"syncd/internal/directory"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// A Call is a request to any endpoint of the map, by a client that was made
// with Options.Operate.
type Call struct {
	Endpoint string // its name, whatever the case
	Method   string // "" means the endpoint's own; any other is refused
	// Unlisted calls an endpoint that the map does not know, with Method, by a
	// client that was made with Options.Unlisted. It counts as one that writes.
	Unlisted bool

	// Tenant is the tenant that the call is about; zero where the endpoint is about
	// CIPP itself. It is sent in the parameter and form that the endpoint reads.
	Tenant directory.Tenant
	// AllTenants asks about all tenants, where the endpoint supports that.
	AllTenants bool

	Query url.Values
	Body  map[string]any
	// List is the body of the endpoints that take a list (ExecBulkLicense,
	// PatchUser); the tenant goes into each element. Where nothing but a list is
	// taken, a Body alone becomes a list of one.
	List []map[string]any

	// All follows a read to its end: every page, and the queue that CIPP puts an
	// AllTenants answer into. Without it one request is made.
	All bool
	// QueueTimeout is how long a queue may take; 0 means half an hour.
	QueueTimeout time.Duration
	// Progress is called with how far a read with All has come, from the goroutine
	// of Call; it may be nil.
	Progress func(Progress)

	byID bool // the tenant is addressed by its id
}

// Progress is how far a read has come.
type Progress struct {
	Pages, Rows int // read
	// Done, Failed and Total are the tenants of a queue; Total is 0 outside one.
	// Done counts failed ones too, as CIPP does.
	Done, Failed, Total int
}

// A Reply is what CIPP answered.
type Reply struct {
	// Rows of a read are its data as CIPP sent them, without rows that are no data;
	// secrets that an endpoint returns unasked are redacted. Of a write they are the
	// elements of Results, and can hold a password: show Said.
	Rows []jsontext.Value
	// Said are the sentences of an answer, without secrets.
	Said []string
	// Secrets are the passwords and keys of an answer, by their names in CIPP.
	Secrets []Secret
	// Troubles are the tenants of an AllTenants answer that could not be read.
	Troubles []Trouble
	// Missing are the tenants that CIPP lists and that an AllTenants answer
	// read to its end does not mention: what they hold is unknown, or nothing.
	// It is nil where the rows do not say whose they are.
	Missing []string

	Pages int
	// More means that there is more than was asked for: another page, or a
	// queue that has not ended. Only without Call.All.
	More bool
}

// A Secret is a password or key of an answer.
type Secret struct {
	Name  string // such as Password
	Value secret.String
}

// A Trouble is why one tenant's part of an answer is no data.
type Trouble struct{ Tenant, Text string }

// operateRoutes are the routes of a client with Options.Operate.
func operateRoutes() []rest.Route {
	routes := slices.Clone(allowed)
	for _, e := range endpoint.All() {
		if r := (rest.Route{Method: e.Method(), Path: e.Path()}); !slices.Contains(routes, r) {
			routes = append(routes, r)
		}
	}
	return routes
}

// Call sends one request to CIPP, or as many as it takes to follow a read to
// its end, and judges the answer: an error in a 200 is an error.
//
// Errors are those of the other calls (ErrUnusable with *RightsError and
// *SystemError, ErrNoEndpoint, ErrDisabled, *TenantError), an
// *endpoint.UnknownError, endpoint.ErrDangerous, ErrMisuse, a *QueueError, and
// for a write a *FailedError, with which there is a Reply too. A write is sent once; where
// its answer was lost the error is rest.ErrOutcomeUnknown, and reading back
// tells.
//
// A read of a tenant that CIPP is not let into has no rows and no error: none
// is not the same as empty.
func (c *Client) Call(ctx context.Context, k Call) (*Reply, error) {
	k.byID = c.isIDOnly(k.Tenant.ID)
	e, w, err := k.prepare()
	if err != nil {
		return nil, err
	}
	hide := secret.NewRedactor(secretsIn(w.request.Body)...)
	var reply *Reply
	if e.Writes() {
		reply, err = c.writeAny(ctx, e, w, hide)
	} else {
		reply, err = c.readAny(ctx, e, k, w)
		if id, ok := w.filter.byID(); ok && ctx.Err() == nil && lostDomain(err) {
			if _, idErr := c.answersByID(ctx, id); idErr == nil {
				return c.Call(ctx, k)
			}
		}
	}
	return reply, redactError(withPermission(err, e), hide)
}

// A FailedError says that CIPP answered a write with 200 and the words of a
// failure. It concerns what the call was about, and nothing else.
type FailedError struct {
	Endpoint string
	Tenant   string   // the tenantFilter that was sent, or empty
	Failed   []string // the sentences that report a failure
	Done     []string // those of the same answer that do not
}

func (e *FailedError) Error() string {
	s := "cipp: " + e.Endpoint + ": " + strings.Join(e.Failed, "; ")
	if len(e.Done) > 0 {
		s += fmt.Sprintf(" (but: %s)", strings.Join(e.Done, "; "))
	}
	if r := remedies[classOf(strings.Join(e.Failed, "\n"))]; r != "" {
		s += "; " + r
	}
	return s
}

// writeAny sends a write once.
func (c *Client) writeAny(ctx context.Context, e endpoint.Endpoint, w call, hide secret.Redactor) (*Reply, error) {
	w.request.Once = true
	body, err := c.do(ctx, w)
	if errors.Is(err, rest.ErrOutcomeUnknown) {
		return nil, fmt.Errorf("%w; read back what became of it before sending it again", err)
	}
	if err != nil {
		return nil, err
	}
	o, err := openReply(body, true)
	if err != nil {
		return nil, fmt.Errorf("cipp: %s: %w; CIPP took the request: read back what became of it", e.Name, err)
	}
	reply := &Reply{Rows: o.rows, Pages: 1}
	if e.Unlisted() {
		for i, raw := range reply.Rows {
			reply.Rows[i] = RedactRow(raw) // it is unknown what they hold
		}
	}
	failed := o.addMessages(reply, e, hide)
	if len(failed) > 0 {
		done := slices.DeleteFunc(slices.Clone(reply.Said), func(s string) bool { return slices.Contains(failed, s) })
		return reply, &FailedError{Endpoint: e.Name, Tenant: w.filter.value, Failed: failed, Done: done}
	}
	return reply, nil
}

// withPermission adds the missing permission, from the map, where CIPP's answer has none.
func withPermission(err error, e endpoint.Endpoint) error {
	if t, ok := errors.AsType[*TenantError](err); ok && t.Status == http.StatusForbidden && strings.HasPrefix(t.Text, "You do not have permission") {
		return &RightsError{Endpoint: e.Name, Permission: e.Role, Text: t.Text}
	}
	r, ok := errors.AsType[*RightsError](err)
	// CIPP uses the same text for an IP address that is not allowed.
	if !ok || r.Permission != "" || strings.Contains(r.Text, "the API Client does not have") || strings.Contains(r.Text, "blocked this endpoint") {
		return err
	}
	named := *r
	named.Permission = e.Role
	return &named
}
