package sync

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"syncd/internal/state"
	"syncd/internal/target"
)

var _ target.Owners = (*owners)(nil)

// owners says whose the things at a target are, by all records in the store: a
// run may be about one customer, and the owner be another. The records are read
// when a target first asks, as they stood then; what a run itself takes for a
// customer the target knows.
type owners struct {
	store  state.Store
	target string
	links  map[string]string // of all customers

	mu sync.Mutex
	of map[thing][]string // customers
}

type thing struct{ kind, ref string }

func (o *owners) Linked() map[string]string { return o.links }

func (o *owners) Others(ctx context.Context, customer, kind, ref string) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		of := map[thing][]string{}
		for r, err := range o.store.Refs(ctx, o.target) {
			if err != nil {
				return nil, fmt.Errorf("reading whose everything at %s is: %w", o.target, err)
			}
			at := thing{r.Kind, r.Ref}
			if !slices.Contains(of[at], r.Customer) {
				of[at] = append(of[at], r.Customer)
			}
		}
		o.of = of
	}
	others := slices.DeleteFunc(slices.Clone(o.of[thing{kind, ref}]), func(c string) bool { return c == customer })
	slices.Sort(others)
	return others, nil
}
