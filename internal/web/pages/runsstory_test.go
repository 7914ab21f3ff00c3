package pages_test

import (
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// An approver looks at what a run wrote and asks for the way back, which then waits.
func TestARunIsTakenBack(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("seats"))
	approver := w.Serve(pagestest.Somebody("Dana Ortiz", app.RoleApprover))
	pagestest.Must(t, b.Open(approver+"/runs"))
	pagestest.Must(t, b.See("h1", "The last run succeeded"))
	pagestest.Must(t, b.Click("tbody tr:nth-child(2) a")) // the run that wrote what was approved
	pagestest.Must(t, b.See("h1", "This run succeeded"), b.See("main", "Undo the whole run"))
	pagestest.Must(t, b.Click("td .asking summary"), b.Fill("td .asking[open] input[name=reason]", "a trial"), b.Click("td .asking[open] button"))
	pagestest.Must(t, b.See("[role=status]", "is planned: 1 plan in the inbox"))
}
