package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/mapping"
)

// Customer finds who is meant by a key, a name or a domain.
func (w *App) Customer(ctx context.Context, text string) (mapping.Customer, error) {
	table, err := w.Links(ctx)
	if err != nil {
		return mapping.Customer{}, err
	}
	tenants, err := w.Tenants(ctx)
	if err != nil {
		return mapping.Customer{}, err
	}
	return oneCustomer(customersMeant(table.Customers(tenants), text), text)
}

// oneCustomer is the one that was found by a text; where there are none or several it says so.
func oneCustomer(found []mapping.Customer, text string) (mapping.Customer, error) {
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return mapping.Customer{}, Usage("no customer is called %q; syncd map lists them all", text)
	}
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = fmt.Sprintf("%s (%s, %s)", c.Name, c.Tenants(tenantDomain), c.Key)
	}
	return mapping.Customer{}, Usage("%q means several customers: %s; use the key", text, strings.Join(names, "; "))
}

// customersMeant finds customers by key, then by exact name or domain, then by the
// beginning of the name.
func customersMeant(customers []mapping.Customer, text string) []mapping.Customer {
	text = strings.TrimSpace(text)
	for _, is := range []func(mapping.Customer) bool{
		func(c mapping.Customer) bool { return strings.EqualFold(c.Key, text) },
		func(c mapping.Customer) bool {
			return strings.EqualFold(c.Name, text) || slices.ContainsFunc(c.Parts, func(p mapping.Part) bool {
				return slices.ContainsFunc([]string{string(p.Tenant.ID), p.Tenant.Name, p.Tenant.DefaultDomain, p.Tenant.InitialDomain},
					func(name string) bool { return strings.EqualFold(name, text) })
			})
		},
		func(c mapping.Customer) bool {
			return text != "" && strings.HasPrefix(strings.ToLower(c.Name), strings.ToLower(text))
		},
	} {
		var found []mapping.Customer
		for _, c := range customers {
			if is(c) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// Customers joins the link table with the tenants as they are now.
func (w *App) Customers(ctx context.Context) (mapping.Table, []mapping.Customer, error) {
	table, err := w.Links(ctx)
	if err != nil {
		return table, nil, err
	}
	tenants, err := w.Tenants(ctx)
	if err != nil {
		return table, nil, err
	}
	return table, table.Customers(tenants), nil
}

// Remembered finds who is meant by a key or a name among those whom the state
// knows: where they stand is known while CIPP is not to be reached, too.
func (w *App) Remembered(ctx context.Context, text string) (key string, err error) {
	c, err := w.remembered(ctx, text)
	return c.Key, err
}

// known is a customer whom the state knows, or one that the source does.
func (w *App) known(ctx context.Context, text string) (mapping.Customer, error) {
	c, err := w.remembered(ctx, text)
	if err == nil || !errors.As(err, new(UsageError)) {
		return c, err
	}
	if listed, lerr := w.Customer(ctx, text); lerr == nil {
		return listed, nil
	}
	return c, err
}

func (w *App) remembered(ctx context.Context, text string) (mapping.Customer, error) {
	var known []mapping.Customer
	for c, err := range w.Store.Cursors(ctx) {
		if err != nil {
			return mapping.Customer{}, fmt.Errorf("reading where the scopes stand: %w", err)
		}
		if n := len(known); n == 0 || known[n-1].Key != c.Scope.Customer { // ordered by customer
			known = append(known, mapping.Customer{Key: c.Scope.Customer, Name: c.Name})
		}
	}
	switch found := customersMeant(known, text); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return mapping.Customer{}, Usage("no customer whom syncd has worked on is called %q; syncd status lists them, syncd map lists all", text)
	default:
		return mapping.Customer{}, Usage(
			"%q means several customers: %s; use the key", text, Names(found, func(c mapping.Customer) string { return c.Name + " (" + c.Key + ")" }))
	}
}
