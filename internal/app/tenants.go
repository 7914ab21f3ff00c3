package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"syncd/internal/directory"
)

// Tenants returns the tenants as the source lists them now.
func (w *App) Tenants(ctx context.Context) ([]directory.Tenant, error) {
	list, err := w.Engine.Source.Tenants(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the tenants: %w", err)
	}
	tenants, err := list.Items()
	if err == nil {
		w.tenants.keep(tenants, w.Now())
	}
	return tenants, err
}

// What the list of tenants for a page may cost: how old it may be before the source is asked
// again behind the page's back, how long a page waits for the first one, and how long
// nobody asks after a failure.
const (
	tenantsAge      = 5 * time.Minute
	firstTenants    = 3 * time.Second
	tenantsRecovery = 30 * time.Second
)

// A tenantList is the tenants as the source listed them last. It may be used by many goroutines.
type tenantList struct {
	mu      sync.Mutex
	tenants []directory.Tenant
	at      time.Time // zero before the first
	failure error     // of the last attempt
	tried   time.Time
	asking  chan struct{} // closed at the end of the one that is under way
}

func (l *tenantList) keep(tenants []directory.Tenant, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tenants, l.at, l.failure = tenants, at, nil
}

func (l *tenantList) last() ([]directory.Tenant, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tenants, l.at, l.failure
}

// ask has the source listed in the background, unless that is under way or was tried just
// now, and returns what is closed once it is done.
func (l *tenantList) ask(now time.Time, list func() error) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asking != nil {
		return l.asking
	}
	done := make(chan struct{})
	if l.failure != nil && now.Sub(l.tried) < tenantsRecovery {
		close(done)
		return done
	}
	l.asking, l.tried = done, now
	go func() {
		err := list()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failure, l.asking = err, nil
		close(done)
	}()
	return done
}

// A TenantsListed is the list of tenants for a page.
type TenantsListed struct {
	Tenants []directory.Tenant
	At      time.Time // zero where the source was not reached yet
	Failure error     // why it is older than it should be; nil where it is not
}

// LastTenants are the tenants as the source listed them last. A page does not wait for the
// source, but for the first list of all, and for that not long.
func (w *Running) LastTenants(ctx context.Context) TenantsListed {
	tenants, at, failure := w.tenants.last()
	if now := w.Now(); at.IsZero() || now.Sub(at) > tenantsAge {
		done := w.tenants.ask(now, func() error {
			_, err := w.Tenants(w.ctx)
			return err
		})
		if at.IsZero() {
			select {
			case <-done:
			case <-ctx.Done():
			case <-time.After(firstTenants):
			}
			tenants, at, failure = w.tenants.last()
		}
	}
	return TenantsListed{tenants, at, failure}
}
