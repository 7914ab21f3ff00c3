package pages_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// An approver decides with a mouse and scripts, and without scripts, which leads to the same.
func TestAnApproverDecides(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("seats", "human-edit"))
	approver := w.Serve(pagestest.Somebody("Dana Ortiz", app.RoleApprover))
	pagestest.Must(t, b.Size(1180, 900), b.Open(approver+"/"), b.See("h1", "wait for you"))

	// One plan, with its reason looked at.
	pagestest.Must(t, b.Click("article:has(input[aria-label^='Juniper Travel at ConnectWise']) .foot button.primary"))
	pagestest.Must(t, b.See("[role=status]", "Juniper Travel at ConnectWise: approved."), b.See("main", "Approved, and not written yet"))

	// Two together: they are counted with their money.
	pagestest.Must(t, b.Click("input[aria-label^='Fernhill Nurseries at ConnectWise']"), b.Click("input[aria-label^='Larkspur Interiors at ConnectWise']"))
	pagestest.Must(t, b.See("[data-sum]", "2 selected · +84.50 −0.00 USD"))
	pagestest.Must(t, b.Click("[data-approve]"), b.See(".said", "2 plans approved."))

	// Without scripts what is ticked is reviewed first.
	pagestest.Must(t, b.Scripts(false), b.Open(approver+"/"))
	pagestest.Must(t, b.Click("input[aria-label^='Pennine Print Works at ConnectWise']"), b.Click("[data-review]"))
	pagestest.Must(t, b.See("h1", "Approve 1 plan?"), b.See("main", "Pennine Print Works"))
	pagestest.Must(t, b.Click("main .primary"), b.See(".said", "1 plan approved."))

	// A rejection says why; a person's edit is kept until a day.
	edit := "article:has(.box.trouble)"
	pagestest.Must(t, b.See(edit, "Never part of a bulk approval"))
	pagestest.Must(t, b.Click(edit+" .asking:last-of-type summary"), b.Fill(edit+" .asking[open] input[name=reason]", "theirs is right"), b.Click(edit+" .asking[open] form button"))
	pagestest.Must(t, b.See(".said", "Left alone at "))
}

// On a phone's screen a plan is approved, and nothing scrolls sideways.
func TestAnApproverDecidesOnAPhone(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("seats", "failing-tenant"))
	approver := w.Serve(pagestest.Somebody("Dana Ortiz", app.RoleApprover))
	pagestest.Must(t, b.Size(390, 844), b.Open(approver+"/"), b.See("h1", "wait for you"))
	for script, want := range map[string]string{
		"String(document.documentElement.scrollWidth <= innerWidth)": "true",
		"String(Math.min(...[...document.querySelectorAll('main button, main select, main .button')].filter((e) => e.checkVisibility()).map((e) => e.offsetHeight)) >= 40)": "true",
	} {
		if got, err := b.Evaluate(script); err != nil || got != want {
			t.Errorf("%s: got %s, %v", script, got, err)
		}
	}
	pagestest.Must(t, b.Click("details[open] > .foot button.primary"), b.See(".said", ": approved."))
}

func TestAxeIsAsItCame(t *testing.T) {
	raw, err := os.ReadFile("pagestest/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != pagestest.AxeSum {
		t.Errorf("axe.min.js has the sum %x", sum)
	}
}
