package app

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/money"
	"syncd/internal/state"
	"syncd/internal/state/boltstate"
	"syncd/internal/sync"
)

// A subscription has an id at Microsoft and one that distributors use: a claim about
// the one is a claim about the other.
func TestASubscriptionIsOneUnderBothItsIDs(t *testing.T) {
	o := observed{other: map[string]string{"commerce-1": "sub-1"}}
	for text, want := range map[string]string{"Commerce-1": "sub-1", "SUB-1": "sub-1", "sub-2": "sub-2"} {
		if got := o.id(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// A oneTenant is a source that lists one tenant.
type oneTenant struct{ sync.Source }

func (oneTenant) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	return directory.Proven([]directory.Tenant{{ID: contosoKey, Name: "Contoso"}}, directory.Proof{}), nil
}

// What was due in a closed month stays so: no end of a term comes into it, and none goes.
func TestNoTermEndsWithinAClosedMonth(t *testing.T) {
	store, err := boltstate.Open(filepath.Join(t.TempDir(), "syncd.db"), boltstate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	w := &App{Store: store, Engine: sync.New(sync.Options{Source: oneTenant{}}), Location: time.UTC, Now: func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }}
	claims := money.Claims{Claims: []money.Claim{{Customer: contosoKey, Subscription: "b", Ends: time.Date(2026, 10, 10, 0, 0, 0, 0, time.UTC), Source: "ada"}}}
	if err := Put(t.Context(), store, TermsDocument, 0, claims); err != nil {
		t.Fatal(err)
	}
	closed := []state.Closing{{Month: "2026-10", From: "2026-10-01", Until: "2026-10-31", By: "ada"}}
	if err := Put(t.Context(), store, state.ClosedDocument, 0, closed); err != nil {
		t.Fatal(err)
	}
	const refused = "ada closed 2026-10, and the end of a term within it"
	for _, c := range []struct{ name, line, refused string }{
		{"an end on its last day", "a,,2026-10-31,", refused},
		{"an end before it", "a,,2026-09-30,", ""},
		{"an end after it", "c,,2026-11-01,", ""},
		{"a term alone", "d,annual,,", ""},
		{"an end within it that was said before, as it is", "b,,2026-10-10,", ""},
		{"… with a reason", "b,,2026-10-10,as agreed", ""},
		{"… is taken back", "b,,,", refused},
		{"… is another one after it", "b,,2026-11-10,", refused},
	} {
		_, err := w.ImportTerms(t.Context(), Operator{Name: "ada"}, "terms.csv", []byte("customer,subscription,term,ends,reason\n"+contosoKey+","+c.line+"\n"))
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: got %v, want that %s", c.name, err, c.refused)
		}
	}
}
