package cipp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// CIPP caches every night what it collects from tenants in tables, which its reports
// read. A run that finds nothing keeps the old rows and sets their count to 0, and one
// that fails keeps everything; so a report by itself proves nothing, and the counts of
// the tables are read first.
// CIPP source: Add-CIPPDbItem.ps1.

// report reads a report about the tenant from CIPP's tables.
func (r *tenantRead) report(ctx context.Context, endpoint string) (answer, error) {
	return r.ask(ctx, forTenantCached(r.f, endpoint, url.Values{"UseReportDB": {"true"}}))
}

// fatal returns an error only if it ends the run: what is read in addition to a list
// may fail without the list. A permission that our role lacks ends the run elsewhere;
// here it concerns one report.
func (r *tenantRead) fatal(ctx context.Context, err error) error {
	if _, rights := errors.AsType[*RightsError](err); rights {
		return nil
	}
	if err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnusable)) {
		return err
	}
	return nil
}

// asTenantError makes a missing permission an error of the list that needs it, and not
// of the run.
func asTenantError(f TenantFilter, err error) error {
	if e, ok := errors.AsType[*RightsError](err); ok {
		return &TenantError{Tenant: f.value, Endpoint: e.Endpoint, Status: http.StatusForbidden, Text: e.Text, Remedy: e.Remedy()}
	}
	return err
}

// A cacheState is the state of one of CIPP's cache tables for one tenant.
type cacheState struct {
	known     bool // false where this CIPP is too old to say
	kind      string
	cached    bool // there has been a run
	count     int
	refreshed time.Time
}

// unusable returns why the table proves nothing, or "".
func (s cacheState) unusable(now time.Time, maxAge time.Duration) string {
	switch {
	case !s.known:
		return ""
	case !s.cached:
		return fmt.Sprintf("CIPP has not cached %s of this tenant", s.kind)
	case s.count == 0:
		return fmt.Sprintf("CIPP's last run of %s found nothing, and older rows stay", s.kind)
	case now.Sub(s.refreshed) > maxAge:
		return fmt.Sprintf("CIPP's cache of %s is of %s", s.kind, s.refreshed.Format(time.RFC3339))
	}
	return ""
}

// unusableRows is unusable by the oldest stamp of the rows themselves.
func (s cacheState) unusableRows(stamp, now time.Time, maxAge time.Duration) string {
	switch {
	case s.known || now.Sub(stamp) <= maxAge:
		return ""
	case stamp.IsZero():
		return fmt.Sprintf("CIPP does not say how old its %s are", s.kind)
	}
	return fmt.Sprintf("CIPP's cache of %s is of %s", s.kind, stamp.Format(time.RFC3339))
}

// asOf is how old rows with that oldest stamp are: the earlier of both times,
// because a run that found nothing moves the stamp and not the rows.
func (s cacheState) asOf(stamp time.Time) time.Time { return earlier(s.refreshed, stamp) }

// earlier returns the earlier of two times; a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// cacheCounts are the states of all tables, by tenant and kind, both in lower
// case. They are nil for a CIPP that has no counts.
type cacheCounts map[string]map[string]cacheState

// A countRow is a row of ListDBCache with countsOnly.
type countRow struct {
	row
	Type    text   `json:"Type"`
	Count   number `json:"Count"`
	Refresh moment `json:"LastRefresh"`
}

// cacheState returns the state of a table for the tenant. The states of all tenants are
// read together; a tenant that is missing there is read by itself.
func (r *tenantRead) cacheState(ctx context.Context, kind string) (cacheState, error) {
	all, err := r.counts.get(ctx, func(ctx context.Context) (cacheCounts, error) {
		return r.readCounts(ctx, forAllTenants("ListDBCache", url.Values{"countsOnly": {"true"}}))
	})
	if err == nil && all == nil {
		return cacheState{kind: kind}, nil
	}
	var own map[string]cacheState
	found := false
	if err == nil {
		own, found = r.ownCounts(all)
	}
	if !found && r.fatal(ctx, err) == nil {
		if r.tenantCounts == nil {
			all, err = r.readCounts(ctx, forTenantCached(r.f, "ListDBCache", url.Values{"countsOnly": {"true"}}))
			if err == nil && all == nil {
				return cacheState{kind: kind}, nil
			}
			if err == nil {
				r.tenantCounts = all
			}
		} else {
			all, err = r.tenantCounts, nil
		}
		if err == nil {
			own, _ = r.ownCounts(all)
		}
	}
	if err != nil {
		return cacheState{}, fmt.Errorf("CIPP does not say how fresh its cache is: %w", asTenantError(r.f, err))
	}
	state := own[strings.ToLower(kind)]
	state.known, state.kind = true, kind
	return state, nil
}

// ownCounts finds the tenant among all. CIPP keeps its tables by default domain.
func (r *tenantRead) ownCounts(all cacheCounts) (map[string]cacheState, bool) {
	for _, name := range [...]string{r.f.tenant.DefaultDomain, r.f.value, string(r.f.tenant.ID)} {
		if own, ok := all[strings.ToLower(strings.TrimSpace(name))]; ok {
			return own, true
		}
	}
	return nil, false
}

// readCounts reads the counts. CIPP before 10.8 does not have them, and answers that the
// type parameter is missing, or with rows instead of counts.
func (c *Client) readCounts(ctx context.Context, k call) (cacheCounts, error) {
	a, err := c.ask(ctx, k)
	if e, ok := errors.AsType[*TenantError](err); ok && strings.Contains(e.Text, "type query parameter is required") || errors.Is(err, ErrNoEndpoint) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if a.rows == nil {
		return nil, nil
	}
	rows, err := rowsOf[countRow](a.rows)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.endpoint, err)
	}
	all := cacheCounts{}
	for i := range rows {
		r := &rows[i]
		if r.Type == "" || r.Refresh.IsZero() {
			return nil, nil
		}
		count, err := r.Count.units("Count")
		if err != nil {
			return nil, fmt.Errorf("%s: %s of %q: %w", k.endpoint, clip(string(r.Type), 40), clip(string(r.Tenant), 80), err)
		}
		tenant := strings.ToLower(r.Tenant.trimmed())
		if all[tenant] == nil {
			all[tenant] = map[string]cacheState{}
		}
		all[tenant][strings.ToLower(string(r.Type))] = cacheState{cached: true, count: count, refreshed: r.Refresh.Time}
	}
	return all, nil
}

// How long an answer about all tenants is kept, and how long a failure: a run reads it
// once, and the next run reads it again.
const (
	sharedTTL        = 5 * time.Minute
	sharedFailureTTL = time.Minute
)

// A shared is an answer about all tenants, which the reads of single tenants share.
type shared[T any] struct {
	lock  chan struct{} // a mutex that a context can end the wait for
	at    time.Time
	value T
	err   error
}

func newShared[T any]() *shared[T] { return &shared[T]{lock: make(chan struct{}, 1)} }

// get returns the answer, and reads it where there is none or it is old. One caller
// reads and the others wait; if its context ends, the next of them reads.
func (s *shared[T]) get(ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
	defer func() { <-s.lock }()
	life := sharedTTL
	if s.err != nil {
		life = sharedFailureTTL
	}
	if !s.at.IsZero() && time.Since(s.at) < life {
		return s.value, s.err
	}
	value, err := read(ctx)
	if ctx.Err() == nil {
		s.at, s.value, s.err = time.Now(), value, err
	}
	return value, err
}
