// Package admin has the daily operations of a CIPP technician as typed functions: lists as tables, and writes as steps that are shown before they
// are done and read back afterwards.
//
// CIPP accepts several kinds of wrong request without an error and does something
// else: a tenant loses its alias because it was not sent, a user the licences
// that were not listed, an answer of 200 holds the sentence of a failure, an
// offboarding is only queued. What can do that is not reachable here: a Step
// can only be made by the function that reads what is there first, and Run
// looks at the real end before it speaks of success.
package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"syncd/internal/directory"
	"syncd/internal/secret"
)

// Options are what a caller may choose.
type Options struct {
	// ReadBackTimeout is how long a write may take to be visible when it is read
	// back, beyond the step's own lag; 0 means a minute.
	ReadBackTimeout time.Duration
	// TaskTimeout is how long a queued task may take; 0 means an hour, which
	// is three runs of CIPP's scheduler and the work.
	TaskTimeout time.Duration
	// Progress is called with what Run waits for, from Run's goroutine; it may be nil.
	Progress func(string)
	// OnPassword is called with a new password as soon as CIPP has answered with it,
	// before anything is read back: a process that ends meanwhile would lose it. It
	// is called from Run's goroutine and may be nil. The Result has the password too.
	OnPassword func(Step, secret.String)
}

// An Admin operates one CIPP. It may be shared; two writes to one object at the
// same time are the caller's to avoid.
type Admin struct {
	caller Caller
	opts   Options
}

// New returns an Admin; nothing is sent yet.
func New(c Caller, o Options) *Admin {
	o.ReadBackTimeout = cmp.Or(o.ReadBackTimeout, time.Minute)
	o.TaskTimeout = cmp.Or(o.TaskTimeout, time.Hour)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.OnPassword == nil {
		o.OnPassword = func(Step, secret.String) {}
	}
	return &Admin{c, o}
}

// ErrNoRows is in the error of a list that is empty and cannot be: CIPP answers 200
// without rows for a tenant that it has no access to.
var ErrNoRows = errors.New("CIPP answered with nothing: the tenant may be excluded, renamed or out of its reach")

// list reads the rows of one tenant.
func (a *Admin) list(ctx context.Context, t directory.Tenant, endpoint string, query url.Values) ([]row, error) {
	return a.rows(ctx, Call{Endpoint: endpoint, Tenant: t, Query: query, All: true})
}

// global reads the rows of an endpoint about CIPP itself.
func (a *Admin) global(ctx context.Context, endpoint string, query url.Values) ([]row, error) {
	return a.rows(ctx, Call{Endpoint: endpoint, Query: query, All: true})
}

// graph reads a Graph collection of a tenant through CIPP, all pages of it.
func (a *Admin) graph(ctx context.Context, t directory.Tenant, path string, options ...string) ([]row, error) {
	query := url.Values{"Endpoint": {path}}
	for i := 0; i+1 < len(options); i += 2 {
		query.Set(options[i], options[i+1])
	}
	return a.list(ctx, t, "ListGraphRequest", query)
}

func (a *Admin) rows(ctx context.Context, c Call) ([]row, error) {
	rows, _, err := a.rowsWithNote(ctx, c)
	return rows, err
}

// rowsWithNote returns the rows of an answer about many tenants, and a note on the
// tenants that are missing from it.
func (a *Admin) rowsWithNote(ctx context.Context, c Call) (rows []row, note string, err error) {
	reply, err := a.caller.Call(ctx, c)
	if err != nil {
		return nil, "", err
	}
	out := make([]row, 0, len(reply.Rows))
	for _, raw := range reply.Rows {
		if r := parse(raw); r.fields != nil {
			out = append(out, r)
		}
	}
	var unread []string
	for _, t := range reply.Troubles {
		unread = append(unread, cmp.Or(t.Tenant, "one that is not named")+" ("+t.Text+")")
	}
	var notes []string
	if len(unread) > 0 {
		notes = append(notes, "could not be read: "+strings.Join(unread, ", "))
	}
	if len(reply.Missing) > 0 {
		notes = append(notes, "nothing is said of "+strings.Join(reply.Missing, ", "))
	}
	return out, strings.Join(notes, "; "), nil
}

// callFor returns a call about one tenant, or about all where t is nil.
func callFor(t *directory.Tenant, endpoint string, query url.Values) Call {
	c := Call{Endpoint: endpoint, AllTenants: t == nil, Query: query, All: true}
	if t != nil {
		c.Tenant = *t
	}
	return c
}

// requireRows makes an empty list an error.
func requireRows(rows []row, err error, what string) ([]row, error) {
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%s: %w", what, ErrNoRows)
	}
	return rows, err
}

// rawRows returns the rows as CIPP sent them.
func rawRows(rows []row) []jsontext.Value {
	out := make([]jsontext.Value, len(rows))
	for i, r := range rows {
		out[i] = r.raw
	}
	return out
}
