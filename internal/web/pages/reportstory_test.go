package pages_test

import (
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// A mapper looks at what is billed, has everything read anew, and follows one line to its
// reasons; with scripts and without.
func TestTheBillIsReadAnew(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("seats"))
	mapper := w.Serve(pagestest.Somebody("Mia Moor", app.RoleMapper))
	for _, scripts := range []bool{true, false} {
		pagestest.Must(t, b.Scripts(scripts), b.Open(mapper+"/report"))
		pagestest.Must(t, b.See("h1", "too little"), b.See(".sub", "From the ledger"), b.See("main", "Unassigned"))
		pagestest.Must(t, b.Click("form[action='/report/reading'] button"))
		pagestest.Must(t, b.See(".sub", "Read from CIPP and the bill anew")) // by itself, once it is done
		pagestest.Must(t, b.See("main", "unmapped"))                         // which the ledger does not know
		pagestest.Must(t, b.Click("tbody a[href*='/explain/']"), b.See("main", "bought"))
		pagestest.Must(t, b.Open(mapper+"/report/renewals"), b.See("h1", "within 90 days"))
		pagestest.Must(t, b.Open(mapper+"/report/leakage"), b.See("main", "By month and kind"))
		pagestest.Must(t, b.Click("nav[aria-label=Reports] a[href='/months']"), b.See("main", "Customers"))
	}
}
