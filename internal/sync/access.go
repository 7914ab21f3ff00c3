package sync

import (
	"errors"
	"sync"
	"sync/atomic"

	"syncd/internal/mapping"
	"syncd/internal/rest"
)

// An access is what a run learns of its right to use a target. Where a right is
// missing, every request of a kind is refused; so the first write of a
// connection goes alone, and one refusal ends the connection for the run.
type access struct {
	ownCredentials bool // each link is a connection of its own

	mu          sync.Mutex
	connections map[string]*connection
	sent        int   // changes that the target took
	denied      int   // changes that it refused
	answered    int   // scopes that it let itself be asked about
	closed      int   // scopes that it turned away, whose connection was open
	reason      error // the last refusal
}

// A connection is what one set of credentials opens.
type connection struct {
	first   sync.Mutex // held by a write until one went through
	proven  atomic.Bool
	mu      sync.Mutex
	refusal error
}

// turnedAway reports whether an error says that credentials are wrong or lack a
// right: nothing else over the same connection has a chance.
func turnedAway(err error) bool {
	refused, ok := errors.AsType[*rest.Error](err)
	return ok && (refused.Unauthorised || refused.Forbidden)
}

// connection returns the one that serves a customer.
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

// refused returns why the connection is of no use in this run, or nil.
func (c *connection) refused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusal
}

// heard notes what came of a request.
func (c *connection) heard(err error) {
	if !turnedAway(err) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusal = err
}

// errTurnedAway: nothing was sent, because the connection was refused before.
var errTurnedAway = errors.New("not sent")

// write makes one write. Its error is errTurnedAway where the connection was
// refused meanwhile and nothing was sent.
func (c *connection) write(send func() error) error {
	if !c.proven.Load() {
		c.first.Lock()
		if c.proven.Load() {
			c.first.Unlock()
		} else {
			defer c.first.Unlock()
		}
	}
	if c.refused() != nil {
		return errTurnedAway
	}
	err := send()
	c.heard(err)
	if err == nil {
		c.proven.Store(true)
	}
	return err
}

// looked counts what became of looking at one scope.
func (a *access) looked(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if turnedAway(err) {
		a.closed++
		a.reason = err
		return
	}
	a.answered++
}

// unusable counts a refusal of the target as a whole.
func (a *access) unusable(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reason = err
	a.denied++
}

// tally counts what became of a scope's changes: sent ones, and refused ones.
func (a *access) tally(sent, refused int, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent += sent
	a.denied += refused
	if why != nil {
		a.reason = why
	}
}

// ended reports whether a refusal ended the only connection there is.
func (a *access) ended() bool {
	return !a.ownCredentials && a.connections[""] != nil && a.connections[""].refused() != nil
}

// refused reports whether a target refused everything it was asked.
func (a *access) refused() bool {
	return a.ended() || a.sent == 0 && (a.denied > 0 || a.closed > 0 && a.answered == 0)
}

// works reports whether a target did what it was asked; where it refused to be
// written to, that it answers questions shows nothing.
func (a *access) works(refusedWrites bool) bool {
	return a.sent > 0 || a.answered > 0 && a.denied == 0 && !refusedWrites
}

// why is the refusal that says most.
func (a *access) why() error {
	if a.ended() {
		return a.connections[""].refused()
	}
	return a.reason
}
