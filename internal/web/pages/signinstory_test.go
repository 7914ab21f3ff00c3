package pages_test

import (
	"fmt"
	"testing"

	"syncd/internal/state"
	"syncd/internal/web/pages/pagestest"
	"syncd/internal/web/signin/signintest"
)

// Somebody signs in at a provider, lands on the page that was asked for, and signs out; where the
// session ended while a form was open, what it asked for is not done, and that is said. With scripts and without.
func TestSomebodySignsIn(t *testing.T) {
	p := signintest.New(t)
	w, b := pagestest.Begin(t, fmt.Sprintf("auth: {mode: oidc, oidc: {issuer: %q, client_id: %q, client_secret: %q, roles: {approver: [Syncd.Approver]}}}", p.URL, p.ClientID, p.ClientSecret))
	pagestest.Must(t, w.Settle(), w.Play("seats", "human-edit"))
	home, err := w.Door()
	pagestest.Must(t, err)
	p.Redirect, p.Claims = []string{home + "/signin/callback"}, map[string]any{"roles": []string{"Syncd.Approver"}}
	was := approvals(t, w)
	for _, scripts := range []bool{true, false} {
		pagestest.Must(t, b.Scripts(scripts), b.Open(home+"/customers?q=elmsworth"), b.See("h1", "Sign in"), b.Click("button.primary"))
		pagestest.Must(t, b.See("tbody tr:only-child td", "Elmsworth Housing"), b.See(".who", "ada@msp.example · approver"))
		pagestest.Must(t, b.Click(".who button"), b.See("h1", "Sign in"), b.Open(home+"/"), b.See("h1", "Sign in"), b.Click("button.primary"), b.See("h1", "wait for you"))

		doc, err := w.App.Store.Document(t.Context(), state.SessionsDocument)
		pagestest.Must(t, err)
		doc.Body = nil
		pagestest.Must(t, w.App.Store.PutDocument(t.Context(), doc))
		pagestest.Must(t, b.Click(approvalOf("Juniper Travel")), b.See("[role=alert]", "You were not signed in any more, so what you sent was not done."))
		if n := approvals(t, w); n != was {
			t.Errorf("%d plans were approved by nobody", n-was)
		}
		pagestest.Must(t, b.Click("button.primary"), b.See("h1", "wait for you"), b.See("main", "Juniper Travel"), b.Click(".who button"), b.See("h1", "Sign in"))
	}
}
