package sync

import (
	"errors"
	"sync"
	"sync/atomic"

	"syncd/internal/mapping"
	"syncd/internal/rest"
)

// An access counts what a target accepted and refused in one run. Where credentials
// lack a right, every request of a kind is refused; so the first write over a
// connection is sent alone, and one refusal closes the connection for the run.
type access struct {
	ownCredentials bool // each link is a connection of its own

	mu          sync.Mutex
	connections map[string]*connection
	accepted    int   // changes that the target accepted
	refusals    int   // changes that it refused
	observed    int   // scopes that could be read
	unobserved  int   // scopes that were refused when they were read
	lastErr     error // the last refusal
}

// A connection is what one set of credentials gives access to.
type connection struct {
	first  sync.Mutex  // held by each write until one was accepted
	proven atomic.Bool // a write was accepted
	mu     sync.Mutex
	denial error // why nothing more is sent; nil while the connection is good
}

// accessDenied reports whether an error says that credentials are wrong or lack a
// right: nothing else over the same connection has a chance.
func accessDenied(err error) bool {
	refused, ok := errors.AsType[*rest.Error](err)
	return ok && (refused.Unauthorised || refused.Forbidden)
}

// connection returns the connection of a customer.
func (a *access) connection(c mapping.Customer, link string) *connection {
	key := ""
	if a.ownCredentials {
		key = c.Links[link]
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.connections == nil {
		a.connections = map[string]*connection{}
	}
	if a.connections[key] == nil {
		a.connections[key] = &connection{}
	}
	return a.connections[key]
}

// denied returns the refusal that closed the connection for this run, or nil.
func (c *connection) denied() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.denial
}

// recordDenial closes the connection where err says that access is denied.
func (c *connection) recordDenial(err error) {
	if !accessDenied(err) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denial = err
}

// errConnectionDenied says that nothing was sent, since the connection was closed before.
var errConnectionDenied = errors.New("not sent")

// write sends one write. Its error is errConnectionDenied where the connection was
// closed meanwhile and nothing was sent.
func (c *connection) write(send func() error) error {
	if !c.proven.Load() {
		c.first.Lock()
		if c.proven.Load() {
			c.first.Unlock()
		} else {
			defer c.first.Unlock()
		}
	}
	if c.denied() != nil {
		return errConnectionDenied
	}
	err := send()
	c.recordDenial(err)
	if err == nil {
		c.proven.Store(true)
	}
	return err
}

// countObserved counts a scope that was read, or whose reading was refused.
func (a *access) countObserved(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if accessDenied(err) {
		a.unobserved++
		a.lastErr = err
		return
	}
	a.observed++
}

// countUnusable counts a refusal of the target as a whole.
func (a *access) countUnusable(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastErr = err
	a.refusals++
}

// countChanges counts the changes of a scope that the target accepted and refused.
func (a *access) countChanges(accepted, refused int, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accepted += accepted
	a.refusals += refused
	if why != nil {
		a.lastErr = why
	}
}

// denied reports whether the only connection of the target is closed.
func (a *access) denied() bool {
	return !a.ownCredentials && a.connections[""] != nil && a.connections[""].denied() != nil
}

// refusedAll reports whether a target refused everything it was asked.
func (a *access) refusedAll() bool {
	return a.denied() || a.accepted == 0 && (a.refusals > 0 || a.unobserved > 0 && a.observed == 0)
}

// working reports whether a target accepted what it was asked. Where it refused
// writes before, that it can be read proves nothing.
func (a *access) working(refusedWrites bool) bool {
	return a.accepted > 0 || a.observed > 0 && a.refusals == 0 && !refusedWrites
}

// err is the refusal to report: that of the connection, or the last one.
func (a *access) err() error {
	if a.denied() {
		return a.connections[""].denied()
	}
	return a.lastErr
}
