package app

import (
	"context"
	stdsync "sync"
	"time"

	"syncd/internal/target"
)

// How long a check may take, and for how long its result is given to whoever asks for another: a
// check asks every system a dozen times.
const (
	longestCheck = 5 * time.Minute
	checkIsNew   = 10 * time.Second
)

// A Checked is what a check found, and when.
type Checked struct {
	Checks []target.Finding `json:"checks"`
	At     time.Time        `json:"at"`
}

// checking is the check that runs, and the last that ran.
type checking struct {
	mu    stdsync.Mutex
	under chan struct{} // closed when it ends; nil where none runs
	last  *Checked
}

// CheckNow is what Check finds. Several who ask at once get the same one. The check goes on where
// ctx ends before it, and whoever asks again gets that one.
func (r *Running) CheckNow(ctx context.Context) (*Checked, error) {
	c := &r.checking
	c.mu.Lock()
	if c.under == nil && c.last != nil && r.Now().Sub(c.last.At) < checkIsNew {
		defer c.mu.Unlock()
		return c.last, nil
	}
	if c.under == nil {
		c.under = make(chan struct{})
		r.applied.Go(func() {
			ctx, cancel := context.WithTimeout(r.ctx, longestCheck)
			defer cancel()
			found := Checked{r.Check(ctx), r.Now()}
			c.mu.Lock()
			defer c.mu.Unlock()
			close(c.under)
			c.under, c.last = nil, &found
		})
	}
	under := c.under
	c.mu.Unlock()
	select {
	case <-under:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.last, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
