package pagestest

import (
	"errors"
	"os"
	"testing"

	"syncd/internal/app"
	"syncd/internal/simulator/msp"
)

// Begin is Start for a test, with a browser; the test fails where the browser's console complains. Where
// there is no Chromium the test is left out, but fails where CI=true.
func Begin(t *testing.T, settings ...string) (*World, *Browser) {
	t.Helper()
	b := browser(t)
	return Begun(t, settings...), b
}

// BeginWithNothing is Begin where so many customers more are there, and nobody linked any or wrote a rule.
func BeginWithNothing(t *testing.T, more int) (*World, *Browser) {
	t.Helper()
	b := browser(t)
	w, err := start(t.Context(), t.TempDir(), []msp.Option{msp.WithMore(more)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	Must(t, w.Unlink(), w.forget(app.ProductsDocument))
	return w, b
}

func browser(t *testing.T) *Browser {
	t.Helper()
	b, err := NewBrowser(t.Context(), t.TempDir())
	if errors.Is(err, ErrNoBrowser) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		if said := b.Complaints(); len(said) > 0 {
			t.Errorf("the browser complains: %q", said)
		}
	})
	return b
}

// Begun is Start for a test that needs no browser. The billing admin linked some customers
// only: each costs every run of every story.
func Begun(t *testing.T, settings ...string) *World {
	t.Helper()
	w, err := start(t.Context(), t.TempDir(), []msp.Option{msp.WithLinks("Alder & Finch Architects", "Calloway Legal", "Dunmore Fisheries",
		"Elmsworth Housing", "Fernhill Nurseries", "Juniper Travel", "Larkspur Interiors", "Oakridge Care Homes", "Pennine Print Works")}, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// Must ends a test at the first step that fails.
func Must(t *testing.T, steps ...error) {
	t.Helper()
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
}
