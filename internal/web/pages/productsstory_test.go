package pages_test

import (
	"net/http"
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

const changeE3 = "a[href*='was_sku=05e9a617-0261-4cee-bb44-138d3ef5d965']"

// choose sets a field as a person does, without a script of the page.
func choose(t *testing.T, b *pagestest.Browser, field, value string) {
	t.Helper()
	_, err := b.Evaluate("document.querySelector('[name=" + field + "]').value='" + value + "'; ''")
	pagestest.Must(t, err)
}

// A mapper sees what a change of a rule would do to the bills, and saves what was shown;
// what another one had looked at before that is refused.
func TestARuleIsChanged(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle())
	mapper := w.Serve(pagestest.Somebody("Mia Berg", app.RoleMapper))
	pagestest.Must(t, b.Open(mapper+"/products"), b.See("h1", "have no rule"), b.Click(changeE3), b.See("h1", "How Microsoft 365 E3"))
	choose(t, b, "count", "assigned")
	pagestest.Must(t, b.Click("button.primary"), b.See("h1", "Bills would change by −"), b.See("main", "Save this rule"))
	shown, err := b.Evaluate("location.href")
	pagestest.Must(t, err)

	pagestest.Must(t, b.Open(mapper+"/products"), b.Click(changeE3), b.See("h1", "How Microsoft 365 E3"))
	choose(t, b, "count", "larger")
	pagestest.Must(t, b.Click("button.primary"), b.See("h1", "No bill would change"), b.Click("form[action$=save] button"))
	pagestest.Must(t, b.See("[role=status]", "Saved: the rule for Microsoft 365 E3"), b.See("main", "the larger of bought and assigned"))

	late, err := http.PostForm(shown+"/save", nil)
	pagestest.Must(t, err)
	late.Body.Close()
	if late.StatusCode != http.StatusConflict {
		t.Errorf("saving what was shown before the table changed: got %d, want 409", late.StatusCode)
	}
	rules, err := w.App.Rules(t.Context())
	pagestest.Must(t, err)
	for _, r := range rules.Rules {
		if r.Part == "SPE_E3" && r.Count != "larger" {
			t.Errorf("the rule counts %s", r.Count)
		}
	}
}

// A product is found in the catalogue and billed, with suggestions read on request.
func TestALicenceGetsARule(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle())
	mapper := w.Serve(pagestest.Somebody("Mia Berg", app.RoleMapper))
	pagestest.Must(t, b.Open(mapper+"/products"), b.Click("tbody tr td.wide a.button"), b.Fill("[name=search]", "visio"), b.Click("[formaction='/products/rule']"))
	pagestest.Must(t, b.See("table", "VISIO-P2"), b.Click("button[name=choose]"), b.See("[role=status]", "VISIO-P2 now"), b.Click("button.primary"))
	pagestest.Must(t, b.See("h2", "What would be written"), b.See("main", "Save this rule"), b.Click("form[action$=save] button"), b.See("[role=status]", "Saved"))
	pagestest.Must(t, b.Click("form[action='/products/look'] button"), b.See("[role=status]", "is being read"))
}
