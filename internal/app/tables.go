package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/state"
)

// The documents of the store.
const (
	LinksDocument     = "links"
	ProductsDocument  = "products"
	OverridesDocument = "overrides"
	TermsDocument     = "terms"
	FreezesDocument   = "freezes"
)

func (w *App) Links(ctx context.Context) (mapping.Table, error) {
	if s := supposedIn(ctx); s != nil {
		return s.links, nil
	}
	table, _, err := Document[mapping.Table](ctx, w.Store, LinksDocument)
	return table, err
}

func (w *App) Rules(ctx context.Context) (mapping.Rules, error) {
	if s := supposedIn(ctx); s != nil {
		return s.rules, nil
	}
	rules, _, err := Document[mapping.Rules](ctx, w.Store, ProductsDocument)
	return rules, err
}

// moneyTables are all that people decided about money.
func (w *App) moneyTables(ctx context.Context) (t money.Tables, err error) {
	if t.Rules, err = w.Rules(ctx); err != nil {
		return t, err
	}
	if t.Overrides, _, err = Document[money.Overrides](ctx, w.Store, OverridesDocument); err != nil {
		return t, err
	}
	if t.Claims, _, err = Document[money.Claims](ctx, w.Store, TermsDocument); err != nil {
		return t, err
	}
	t.Freezes, err = w.handFreezes(ctx)
	return t, err
}

// Document reads a table of the store, and the version it has.
func Document[T any](ctx context.Context, store state.Store, name string) (value T, version int, err error) {
	doc, err := store.Document(ctx, name)
	if err != nil {
		return value, 0, fmt.Errorf("reading the table of %s: %w", name, err)
	}
	if len(doc.Body) == 0 {
		return value, doc.Version, nil
	}
	if err := json.Unmarshal(doc.Body, &value); err != nil {
		return value, 0, fmt.Errorf("reading the table of %s: %w: %w", name, state.ErrCorrupt, err)
	}
	return value, doc.Version, nil
}

// Put writes a table whose version is the one that was read, with the journal's
// entries about it.
func Put(ctx context.Context, store state.Store, name string, version int, value any, about ...state.Entry) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	switch err := store.PutDocument(ctx, state.Document{Name: name, Version: version, Body: body}, about...); {
	case errors.Is(err, state.ErrConflict):
		return fmt.Errorf("the table of %s is another one since it was read, so nothing was written: read it again, and then decide: %w", name, state.ErrConflict)
	case err != nil:
		return fmt.Errorf("writing the table of %s: %w", name, err)
	}
	return nil
}
