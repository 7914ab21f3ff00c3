package pages_test

import (
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// What waits is seen in a browser, by whoever may look.
func TestTheInboxIsSeen(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("seats"))
	viewer := w.Serve(pagestest.Somebody("Vera Lind", app.RoleViewer))
	for _, scripts := range []bool{true, false} {
		pagestest.Must(t, b.Scripts(scripts), b.Open(viewer+"/"))
		pagestest.Must(t, b.See("h1", "wait for you"))
		pagestest.Must(t, b.See("main", "Fernhill Nurseries"))
		pagestest.Must(t, b.Click("nav a[href='/system']"))
		pagestest.Must(t, b.See("h1", "Everything runs"))
	}
}
