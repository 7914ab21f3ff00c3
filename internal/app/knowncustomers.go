package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// A KnownCustomer is a customer whom the state or the table of links knows: nobody is asked.
type KnownCustomer struct {
	mapping.Customer
	Scopes []Standing // by target
	Former string     // the customer that has its tenants now; empty where it is one itself
}

// KnownCustomers are the customers that syncd works on or that the table of links knows, by
// name, with where v says that they stand.
func (w *App) KnownCustomers(ctx context.Context, v *Status) ([]KnownCustomer, error) {
	table, err := w.Links(ctx)
	if err != nil {
		return nil, err
	}
	scopes := map[string][]Standing{}
	for _, s := range v.Scopes {
		scopes[s.Scope.Customer] = append(scopes[s.Scope.Customer], s)
	}
	var all []KnownCustomer
	for _, c := range tableCustomers(&table) {
		k := KnownCustomer{Customer: c, Scopes: scopes[c.Key]}
		delete(scopes, c.Key)
		if len(k.Scopes) > 0 {
			k.Name = cmp.Or(k.Scopes[0].Name, k.Name)
		}
		all = append(all, k)
	}
	for key, of := range scopes {
		k := KnownCustomer{Customer: mapping.Customer{Key: key, Name: of[0].Name, Status: mapping.Unmapped}, Scopes: of, Former: table.TakenOver(key)}
		if id := directory.TenantID(key); directory.IsGUID(key) {
			k.Parts = []mapping.Part{{Tenant: directory.Tenant{ID: id, Name: of[0].Name}}}
		}
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b KnownCustomer) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Key, b.Key))
	})
	return all, nil
}

// tableCustomers are the customers of the table of links, whatever the source lists now.
func tableCustomers(table *mapping.Table) []mapping.Customer {
	var tenants []directory.Tenant
	for i := range table.Rows {
		tenants = append(tenants, directory.Tenant{ID: table.Rows[i].TenantID, Name: table.Rows[i].Tenant})
	}
	return table.Customers(tenants)
}

// KnownCustomer is the one with a key, and where everything of it stands.
func (w *App) KnownCustomer(ctx context.Context, key string) (KnownCustomer, *Status, error) {
	v, err := w.Status(ctx, key)
	if err != nil {
		return KnownCustomer{}, nil, err
	}
	c, err := w.knownCustomer(ctx, key, v)
	return c, v, err
}

func (w *App) knownCustomer(ctx context.Context, key string, v *Status) (KnownCustomer, error) {
	all, err := w.KnownCustomers(ctx, v)
	if err != nil {
		return KnownCustomer{}, err
	}
	if i := slices.IndexFunc(all, func(c KnownCustomer) bool { return c.Key == key }); i >= 0 {
		return all[i], nil
	}
	return KnownCustomer{}, Usage("syncd knows no customer with the key %q; syncd status and syncd map list those that it knows", key)
}

// FindCustomer is the one with a key, without where it stands.
func (w *App) FindCustomer(ctx context.Context, key string) (KnownCustomer, error) {
	v := Status{}
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return KnownCustomer{}, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if c.Scope.Customer == key {
			v.Scopes = append(v.Scopes, Standing{Cursor: c})
		}
	}
	return w.knownCustomer(ctx, key, &v)
}

// First is what somebody should look at first of a customer's scopes, as a word of
// state.Standings; empty where it has none.
func (c *KnownCustomer) First() string {
	first := -1
	for _, s := range c.Scopes {
		if i := slices.Index(state.Standings, s.Stands); first < 0 || i >= 0 && i < first {
			first = i
		}
	}
	if first < 0 {
		return ""
	}
	return state.Standings[first]
}

// WaitingOf is a hold with what its plan comes to.
func (w *App) WaitingOf(h state.Hold) Waiting {
	return Waiting{h, h.Standing(), w.extents.of(&h, w.Config.Currency)}
}
