package pages_test

import (
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// A technician maps an estate from nothing: looks for suggestions, links those that are sure,
// searches for another one, and leaves one out.
func TestAnEstateIsMapped(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Unlink())
	mapper := w.Serve(pagestest.Somebody("Mira Holt", app.RoleMapper))
	for _, scripts := range []bool{false, true} {
		pagestest.Must(t, b.Scripts(scripts), w.Unlink(), b.Open(mapper+"/map"))
		pagestest.Must(t, b.See("h1", "are not mapped yet"))
		pagestest.Must(t, b.Click("form[action='/map/suggest'] button"), b.See("[role=status]", "Nothing is linked yet"))
		pagestest.Must(t, b.See("main", "Fernhill Nurseries"))
		pagestest.Must(t, b.Click("#links button"), b.See("[role=status]", "are linked"))
		pagestest.Must(t, b.Click(".map .asking summary"), b.Fill(".map .asking[open] input[name=reason]", "a lab"), b.Click(".map .asking[open] button"))
		pagestest.Must(t, b.See("[role=status]", "is left out of every target"))
	}
}
