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

// owners says which customers' records name an object of a target. It reads the
// records of all customers, since a run may be about one and the owner be another.
// It reads them once, when the target first asks; what a run itself adopts for a
// customer the target knows.
type owners struct {
	store  state.Store
	target string
	links  map[string]string   // of all customers
	now    map[string][]string // the customers that have the tenants of former ones

	mu        sync.Mutex
	customers map[targetRef][]string // keys, by the object that their records name
}

type targetRef struct{ kind, ref string }

func (o *owners) Linked() map[string]string { return o.links }

func (o *owners) Others(ctx context.Context, customer, kind, ref string) ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.customers == nil {
		of := map[targetRef][]string{}
		for r, err := range o.store.Refs(ctx, o.target) {
			if err != nil {
				return nil, fmt.Errorf("reading whose everything at %s is: %w", o.target, err)
			}
			at := targetRef{r.Kind, r.Ref}
			if !slices.Contains(of[at], r.Customer) {
				of[at] = append(of[at], r.Customer)
			}
		}
		o.customers = of
	}
	// What a tenant's own scope left is the customer's that has the tenant now.
	others := slices.DeleteFunc(slices.Clone(o.customers[targetRef{kind, ref}]), func(c string) bool { return c == customer || slices.Contains(o.now[c], customer) })
	slices.Sort(others)
	return others, nil
}
