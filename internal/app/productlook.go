package app

import (
	"context"
	"sync"
	"time"

	"syncd/internal/mapping"
)

// A ProductLook is what all tenants held and what the catalogue had for it, when somebody
// asked last. It is kept as long as the process lives: nothing hangs on it.
type ProductLook struct {
	At          time.Time
	SKUs        []mapping.SKU
	Suggestions []mapping.ProductSuggestion
	LeftOut     []LeftOut
}

// productLooks are the looks of a process, of which it takes one at a time.
type productLooks struct {
	mu      sync.Mutex
	look    *ProductLook
	running bool
	done    int
	total   int
	failure error
}

func (l *productLooks) last() *ProductLook {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.look
}

// A Working is how far long work is that a page began.
type Working struct {
	Now         bool
	Done, Total int
	Failure     error // of the last one
}

// LooksAtProducts says whether somebody reads what the tenants hold now.
func (w *App) LooksAtProducts() Working {
	l := w.looked
	l.mu.Lock()
	defer l.mu.Unlock()
	return Working{l.running, l.done, l.total, l.failure}
}

// LastProductLook is the last look at what the tenants hold; nil before the first.
func (w *App) LastProductLook() *ProductLook { return w.looked.last() }

// LookAtProducts begins to read what all tenants hold, and what the catalogue has for it. It
// returns at once; one look at a time is enough.
func (w *Running) LookAtProducts() error {
	if err := w.ctx.Err(); err != nil {
		return Usage("the daemon is about to stop; try again once it is up")
	}
	l := w.looked
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running {
		return nil
	}
	l.running, l.done, l.total, l.failure = true, 0, 0, nil
	w.applied.Go(func() {
		look, err := w.lookAtProducts(w.ctx, func(done, total int, _ string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.done, l.total = done, total
		})
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.running, l.failure = false, err; err != nil {
			w.Log.Warn().Err(err).Msg("licences of the tenants not read")
			return
		}
		l.look = look
	})
	return nil
}

func (w *App) lookAtProducts(ctx context.Context, progress Progress) (*ProductLook, error) {
	b, there := w.biller()
	if !there {
		return nil, Usage("%s; there are no products to propose", missing[Biller](w.Config.table))
	}
	rules, err := w.Rules(ctx)
	if err != nil {
		return nil, err
	}
	held, err := w.holdings(ctx, progress)
	if err != nil {
		return nil, err
	}
	evidence, err := b.ProductEvidence(ctx)
	if err != nil {
		return nil, err
	}
	return &ProductLook{At: w.Now(), SKUs: held.SKUs, Suggestions: mapping.SuggestProducts(held.SKUs, evidence, rules), LeftOut: held.LeftOut}, nil
}
