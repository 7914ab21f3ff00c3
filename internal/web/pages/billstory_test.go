package pages_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"syncd/internal/report"
	"syncd/internal/sync"
	"syncd/internal/web/pages/pagestest"
)

// What the pages say of the bill, from the ledger alone, is what the command says that reads
// everything: of lines that are held, edited by a person, doubled, or not to be billed too.
func TestTheLedgersBillIsTheCommands(t *testing.T) {
	w, err := pagestest.Start(t.Context(), t.TempDir())
	pagestest.Must(t, err)
	defer w.Close()
	w.App.Jobs = slices.DeleteFunc(w.App.Jobs, func(j sync.Job) bool { return !slices.Contains(j.Targets, "connectwise") }) // which alone bills
	said := func(r *report.Licences) (lines []string) {
		for i := range r.Lines {
			l := &r.Lines[i]
			if l.Product == "" || l.Status == report.Unmapped {
				continue // of what no rule bills the ledger knows nothing
			}
			money := "unknown"
			if l.MonthlyDifference != nil && l.Status != report.NotBilled {
				money = l.MonthlyDifference.StringFixed(2)
			}
			lines = append(lines, fmt.Sprintf("%s %s %s %s", l.Customer, l.Product, l.Status, money))
		}
		slices.Sort(lines)
		return lines
	}
	pagestest.Must(t, w.Settle())
	for _, scenario := range []string{"human-edit", "seats", "month-end"} {
		pagestest.Must(t, w.Play(scenario))
		if _, err := w.Apply(); err != nil {
			t.Fatal(err)
		}
		now, _, err := w.App.Reconcile(t.Context(), "", func(int, int, string) {})
		pagestest.Must(t, err)
		known, err := w.App.BillState(t.Context())
		pagestest.Must(t, err)
		a, b := said(now), said(known.Licences)
		for _, line := range a {
			if !slices.Contains(b, line) {
				t.Errorf("after %s: the command says %q, the ledger %q", scenario, line, ofSame(b, line))
			}
		}
		if len(a) != len(b) || len(a) < 20 {
			t.Errorf("after %s: the command has %d lines, the ledger %d", scenario, len(a), len(b))
		}
	}
}

// ofSame is the line of the same customer and product.
func ofSame(lines []string, line string) string {
	words := strings.Fields(line)
	about := strings.Join(words[:len(words)-2], " ")
	for _, l := range lines {
		if strings.HasPrefix(l, about) {
			return l
		}
	}
	return "nothing"
}
