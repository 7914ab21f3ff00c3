package pages_test

import (
	"testing"
	"time"

	"syncd/internal/app"
	"syncd/internal/web/pages/pagestest"
)

// A mapper looks a customer up, sees who edited a line and why it is billed so, and keeps the
// edit until a day; with scripts and without.
func TestACustomerIsLookedUpAndAnOverrideSet(t *testing.T) {
	w, b := pagestest.Begin(t)
	pagestest.Must(t, w.Settle(), w.Play("human-edit"))
	mapper := w.Serve(pagestest.Somebody("Priya Shah", app.RoleMapper))
	for _, scripts := range []bool{true, false} {
		pagestest.Must(t, b.Scripts(scripts), b.Open(mapper+"/customers"))
		pagestest.Must(t, b.Fill("input[name=q]", "elmsworth"), b.Click("form[role=search] button"), b.See("tbody tr:only-child td", "Elmsworth Housing"))
		pagestest.Must(t, b.Click("tbody tr td:first-child a"), b.See("h1", "Elmsworth Housing"))
		pagestest.Must(t, b.See("main", "120 → 127 billed in ConnectWise, by jwhite"))
		pagestest.Must(t, b.Click("tbody tr td:first-child a"), b.See("h1", "Microsoft 365 E3: 127 billed, 120 due"))
		pagestest.Must(t, b.Click("a[href='?month=now']"), b.See("main", "The lines, as they are now"), b.See("main", "Last changed by jwhite"))
		pagestest.Must(t, b.Click(".sub a"), b.See("h1", "Elmsworth Housing"))
		if !scripts {
			pagestest.Must(t, b.See("#overrides", "kept by Priya"), b.Click("#overrides form button"), b.See("[role=status]", "the rule counts M365-E3 again"))
			break
		}
		// A date that is typed goes by the browser's language; the test sets it as the picker does.
		_, err := b.Evaluate(`document.querySelector("#overrides .asking").open = true; document.querySelector("input[name=until]").value = "` +
			time.Now().AddDate(0, 1, 0).Format(time.DateOnly) + `"`)
		pagestest.Must(t, err, b.Fill("input[name=units]", "127"), b.Fill("input[name=reason]", "kept by Priya"), b.Click("#overrides .asking form button"))
		pagestest.Must(t, b.See("[role=status]", "is billed as you set it"), b.See("#overrides", "127"))
	}
}
