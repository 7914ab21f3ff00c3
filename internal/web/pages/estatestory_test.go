package pages_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// A technician maps an estate of 40 tenants from nothing and gives its licences rules; an
// approver approves the first plans, and closes the month once it is over. Nobody types a command.
func TestAnEstateFromNothingToAClosedMonth(t *testing.T) {
	w, b := pagestest.BeginWithNothing(t, 14)
	mapper, approver := w.Serve(pagestest.Somebody("Mira Holt", app.RoleMapper)), w.Serve(pagestest.Somebody("Dana Ortiz", app.RoleApprover))
	asks := func(script string) string {
		t.Helper()
		got, err := b.Evaluate(script)
		pagestest.Must(t, err)
		return got
	}

	// What is sure is linked, one is searched, the rest is left out with a reason.
	pagestest.Must(t, b.Open(mapper+"/map"), b.See("h1", "40 tenants are not mapped yet"))
	pagestest.Must(t, b.Click("form[action='/map/suggest'] button"), b.See("[role=status]", "Nothing is linked yet"), b.Click("#links button"), b.See("[role=status]", "are linked"))
	pagestest.Must(t, b.Open(mapper+"/map?q=northgate"), b.Click("a[href^='/map/choose']"), b.See("h1", "Which company is it?"))
	pagestest.Must(t, b.Fill("input[name=q]", "Northgate Dental Ltd"), b.Click("form[role=search] button"), b.See("main", "Found"))
	pagestest.Must(t, b.Click("h2 ~ h2 + .table input[name=ref], h2 + .table:last-of-type input[name=ref]"), b.Click("main form[method=post] .primary"), b.See("[role=status]", "One customer is linked: Northgate Dental"))
	left := 0
	for ; ; left++ {
		pagestest.Must(t, b.Open(mapper+"/map?show=open"), b.See("h1", "mapped"))
		if strings.HasPrefix(asks("document.querySelector('h1').textContent"), "Every tenant is mapped") || left == 12 {
			break
		}
		pagestest.Must(t, b.Click(".map .asking summary"), b.Fill(".map .asking[open] input[name=reason]", "no customer of ours"), b.Click(".map .asking[open] button"), b.See("[role=status]", "is left out"))
	}
	if left == 0 || left == 12 {
		t.Errorf("%d tenants were left out: %s", left, asks("document.querySelector('main').textContent.replace(/\\s+/g, ' ').slice(0, 2000)"))
	}

	// One licence gets the rule that is suggested, one is not billed, and the others come in a file.
	pagestest.Must(t, b.Open(mapper+"/products"), b.Click("form[action='/products/look'] button"), b.See("[role=status]", "is being read"))
	for end := time.Now().Add(20 * time.Second); asks("String(document.querySelector('.offer a') !== null)") != "true"; {
		if time.Now().After(end) {
			t.Fatal(asks("document.querySelector('main').textContent"))
		}
		pagestest.Must(t, b.Open(mapper+"/products"))
	}
	const save = "form[action$=save] button"
	pagestest.Must(t, b.Click(".offer a"), b.See("main", "See what this does"), b.Click("main form.panel > .bar .primary"), b.See("main", "Save this rule"), b.Click(save), b.See("[role=status]", "Saved"))
	pagestest.Must(t, b.Click(".uses .asking summary"), b.Fill(".uses .asking[open] input[name=reason]", "comes with another"), b.Click(".uses .asking[open] button"))
	pagestest.Must(t, b.See("main", "Save this rule"), b.Click(save), b.See("[role=status]", "Saved"))
	file := filepath.Join(t.TempDir(), "products.csv")
	pagestest.Must(t, os.WriteFile(file, []byte(w.MSP.ProductsCSV()), 0o600))
	pagestest.Must(t, b.Open(mapper+"/products/import"), b.Upload("input[type=file]", file), b.Click("main .primary"), b.See("main", "What would be written"), b.See(save, "Save"), b.Click(save), b.See("[role=status]", "Saved"))

	// The first plans are approved together, and written; then the month ends.
	approve := func() {
		t.Helper()
		if _, err := w.Apply(); err != nil {
			t.Fatal(err)
		}
		pagestest.Must(t, b.Open(approver+"/"))
		if asks("document.querySelectorAll('.tick').forEach((x) => x.click()); String(document.querySelectorAll('.tick').length)") == "0" {
			return
		}
		pagestest.Must(t, b.Click("[data-approve]"), b.See(".said", "approved."))
		if _, err := w.Apply(); err != nil {
			t.Fatal(err)
		}
	}
	approve()
	now := w.App.Now().UTC()
	w.GoOn(time.Date(now.Year(), now.Month()+1, 2, 9, 0, 0, 0, time.UTC))
	approve()
	pagestest.Must(t, b.Open(approver+"/months/"+now.Format("2006-01")), b.See("h1", now.Format("January 2006")))
	if said := asks("document.querySelector('.sub').textContent"); asks("String(document.querySelector('form[action$=close]') !== null)") != "true" {
		t.Fatalf("the month cannot be closed: %s: %s", said, asks("document.querySelector('.table').innerText"))
	}
	pagestest.Must(t, b.Click(".asking:has(form[action$=close]) summary"), b.Click("form[action$=close] button"), b.See(".sub", "Closed by Dana Ortiz"))
}
