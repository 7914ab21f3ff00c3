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

// What CIPP gathers every night it keeps in tables, which its reports read.
// A run that finds nothing leaves the old rows and writes nought beside them,
// and one that fails leaves everything; so a report by itself proves nothing,
// and the counts beside the tables are asked first.
// CIPP source: Add-CIPPDbItem.ps1.

// report reads a report about the tenant from CIPP's tables.
func (r *tenantRead) report(ctx context.Context, endpoint string) (answer, error) {
	return r.ask(ctx, forTenantCached(r.f, endpoint, url.Values{"UseReportDB": {"true"}}))
}

// fatal lets an error pass that ends the run, and no other: what is read
// besides a list spoils neither the list nor the run. A permission that our
// role lacks is such an error elsewhere; here it concerns one report.
func (r *tenantRead) fatal(ctx context.Context, err error) error {
	if _, rights := errors.AsType[*RightsError](err); rights {
		return nil
	}
	if err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnusable)) {
		return err
	}
	return nil
}

// asTenantError makes a permission that our role lacks an error of the list that
// needs it, and not of the run.
func asTenantError(f TenantFilter, err error) error {
	if e, ok := errors.AsType[*RightsError](err); ok {
		return &TenantError{Tenant: f.value, Endpoint: e.Endpoint, Status: http.StatusForbidden, Text: e.Text, Remedy: e.Remedy()}
	}
	return err
}

// A cacheState is what CIPP notes beside one of its tables about one tenant.
type cacheState struct {
	known     bool // false where this CIPP is too old to say
	kind      string
	cached    bool // there has been a run
	count     int
	refreshed time.Time
}

// unusable says why the table cannot be believed, or "".
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
// case. They are nil for a CIPP that does not tell them.
type cacheCounts map[string]map[string]cacheState

// A countRow is a row of ListDBCache with countsOnly.
type countRow struct {
	row
	Type    text   `json:"Type"`
	Count   number `json:"Count"`
	Refresh moment `json:"LastRefresh"`
}

// cacheState says how the table of that kind stands for the tenant. All tenants'
// are asked together; only one that is missing there is asked for by itself.
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

// readCounts asks for counts. Before 10.8 CIPP does not know them, and complains
// of the type that we do not name, or answers with rows instead of counts.
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

// How long an answer about all tenants is good, and how long a failure is: a
// run reads it once, and the next run reads it anew.
const (
	sharedTTL        = 5 * time.Minute
	sharedFailureTTL = time.Minute
)

// A shared is an answer about all tenants, which their readings share.
type shared[T any] struct {
	lock  chan struct{} // whoever holds it reads
	at    time.Time
	value T
	err   error
}

func newShared[T any]() *shared[T] { return &shared[T]{lock: make(chan struct{}, 1)} }

// get returns the answer, reading it where there is none or it is old. Readers
// wait for the one who reads; if he gives up, the next of them does it.
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
