package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/sync"
)

const (
	contoso  = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11"
	fabrikam = "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a12"
)

// tenantsOnly is a source that lists tenants and reads nothing.
type tenantsOnly struct {
	sync.Source
	list  []directory.Tenant
	fails bool
}

func (s tenantsOnly) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	if s.fails {
		return directory.List[directory.Tenant]{}, errors.New("no answer")
	}
	return directory.Proven(s.list, directory.Proof{}), nil
}

func TestACustomerIsLookedAtForAHintOnceInAWhile(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	source := tenantsOnly{list: []directory.Tenant{
		{ID: contoso, DefaultDomain: "contoso.example", InitialDomain: "contoso.onmicrosoft.com"}, {ID: fabrikam, DefaultDomain: "fabrikam.example"}}}
	w := &App{Engine: sync.New(sync.Options{Source: source}), Now: func() time.Time { return now }}
	h := newHints(func() *App { return w })
	for _, tc := range []struct {
		name  string
		after time.Duration
		hints []string
		want  []string
		rest  time.Duration
	}{
		{"by its id", 0, []string{contoso}, []string{contoso}, 0},
		{"again at once: it waits", time.Minute, []string{"contoso.example"}, nil, RestOfHints - time.Minute},
		{"another one in the same breath", 0, []string{"contoso.example", "fabrikam.example"}, []string{fabrikam}, RestOfHints - time.Minute},
		{"a stranger", 0, []string{"nowhere.example"}, nil, RestOfHints - time.Minute},
		{"when it has rested, without another word", RestOfHints - time.Minute, nil, []string{contoso}, 0},
		{"nobody waits", RestOfHints, nil, nil, 0},
		{"by its first domain", 0, []string{"contoso.onmicrosoft.com"}, []string{contoso}, 0},
	} {
		now = now.Add(tc.after)
		h.hint(tc.hints)
		if got, rest := h.due(t.Context()); !slices.Equal(got, tc.want) || rest != tc.rest {
			t.Errorf("%s: got %v and a rest of %s, want %v and %s", tc.name, got, rest, tc.want, tc.rest)
		}
	}
}

func TestAHintOutlivesTenantsThatCannotBeListed(t *testing.T) {
	source := &tenantsOnly{fails: true, list: []directory.Tenant{{ID: contoso, DefaultDomain: "contoso.example"}}}
	w := &App{Engine: sync.New(sync.Options{Source: source}), Now: time.Now}
	h := newHints(func() *App { return w })
	h.hint([]string{"contoso.example"})
	if got, rest := h.due(t.Context()); len(got) > 0 || rest != RestOfHints {
		t.Errorf("got %v and a rest of %s, want it to wait", got, rest)
	}
	source.fails = false
	if got, rest := h.due(t.Context()); !slices.Equal(got, []string{contoso}) || rest != 0 {
		t.Errorf("got %v and a rest of %s, want it looked at", got, rest)
	}
}
