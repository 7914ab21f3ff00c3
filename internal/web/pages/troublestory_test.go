package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"syncd/internal/app"
	"syncd/internal/state"
	"syncd/internal/web/pages/pagestest"
)

const oneApproval = "article:has(input[aria-label^='%s at ConnectWise']) .foot button.primary"

func approvalOf(customer string) string { return strings.ReplaceAll(oneApproval, "%s", customer) }

// approvals are how often plans were approved, as the journal has it.
func approvals(t *testing.T, w *pagestest.World) (n int) {
	t.Helper()
	for e, err := range w.App.Store.Journal(t.Context(), state.JournalFilter{}) {
		pagestest.Must(t, err)
		if e.Action == state.ActionApprove {
			n++
		}
	}
	return n
}

// Whoever presses twice, goes back, or comes second does nothing twice, and is told who was
// first; a daemon that is away is told of, and takes nothing that was written along.
func TestNothingIsDoneTwice(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("seats", "human-edit"))
	dana, olga := w.Serve(pagestest.Somebody("Dana Ortiz", app.RoleApprover)), w.Serve(pagestest.Somebody("Olga Brandt", app.RoleOperator))
	was := approvals(t, w)

	// Pressed twice, and once more after going back.
	pagestest.Must(t, b.Open(dana+"/"), b.See("h1", "wait for you"))
	_, err := b.Evaluate(`{const button = document.querySelector("` + approvalOf("Juniper Travel") + `"); button.click(); button.click(); button.click()}; ''`)
	pagestest.Must(t, err, b.See(".said", "Juniper Travel at ConnectWise: approved."), b.Back(), b.See("h1", "wait for you"))
	if there, err := b.Evaluate(`String(document.querySelector("` + approvalOf("Juniper Travel") + `") !== null)`); err != nil {
		t.Fatal(err)
	} else if there == "true" { // the browser kept the page
		pagestest.Must(t, b.Click(approvalOf("Juniper Travel")), b.See(".said", "Dana Ortiz approved it already."))
	}
	if n := approvals(t, w) - was; n != 1 {
		t.Errorf("one plan was approved %d times", n)
	}

	// Another person approved or rejected what is still open here, or it moved.
	pagestest.Must(t, b.Open(dana+"/"), unfold(b), b.See("main", "Larkspur Interiors"))
	action, err := b.Evaluate(`document.querySelector("` + approvalOf("Larkspur Interiors") + `").form.getAttribute("action")`)
	pagestest.Must(t, err)
	post(t, olga+action, nil)
	pagestest.Must(t, b.Click(approvalOf("Larkspur Interiors")), b.See(".said", "Olga Brandt approved it already."))
	pagestest.Must(t, b.Open(dana+"/"), unfold(b), b.See("main", "Fernhill Nurseries"))
	action, err = b.Evaluate(`document.querySelector("` + approvalOf("Fernhill Nurseries") + `").form.getAttribute("action")`)
	pagestest.Must(t, err)
	post(t, olga+strings.TrimSuffix(action, "approve")+"reject", url.Values{"reason": {"not before January"}})
	pagestest.Must(t, b.Click(approvalOf("Fernhill Nurseries")), b.See("h1", "This changed meanwhile, and nothing was done"), b.See("main", "Olga Brandt rejected it on"), b.See("main", "not before January"))
	pagestest.Must(t, b.Open(dana+"/"), unfold(b), b.See("main", "Pennine Print Works"))
	pagestest.Must(t, w.Play("seats"))
	pagestest.Must(t, b.Click(approvalOf("Pennine Print Works")), b.See("h1", "This changed meanwhile, and nothing was done"), b.See("main", "does not wait any more, so nothing was decided"))
	b.Forgive("status of 4")

	// The daemon stops while a reason is being written.
	edit := "article:has(.box.trouble) .asking:last-of-type"
	pagestest.Must(t, b.Open(dana+"/"), unfold(b), b.Click(edit+" summary"), b.Fill(edit+" input[name=reason]", "theirs is right"))
	before := approvals(t, w)
	w.Stop()
	for range 2 { // the form can be sent again
		pagestest.Must(t, b.Click(edit+" form button"), b.See("[role=alert]", "syncd does not answer, so nothing was sent or done."))
	}
	if kept, err := b.Evaluate(`document.querySelector("` + edit + ` input[name=reason]").value`); err != nil || kept != "theirs is right" {
		t.Errorf("what was written is %q now, %v", kept, err)
	}
	b.Forgive("ERR_CONNECTION_REFUSED")
	if approvals(t, w) != before {
		t.Error("something was done")
	}
}

// unfold opens all plans of the page.
func unfold(b *pagestest.Browser) error {
	_, err := b.Evaluate("document.querySelectorAll('article > details').forEach((d) => { d.open = true }); ''")
	return err
}

func post(t *testing.T, address string, form url.Values) {
	t.Helper()
	resp, err := http.PostForm(address, form)
	pagestest.Must(t, err)
	resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s: got %d", address, resp.StatusCode)
	}
}
