package report

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// addsUp adds the lines of a reconciliation up and compares them with its totals.
func addsUp(t *testing.T, raw []byte) {
	t.Helper()
	type total struct {
		Lines          int
		Units, Monthly decimal.Decimal
	}
	var doc struct {
		Lines []struct {
			Status, Currency        string
			Purchased, Unassigned   *decimal.Decimal
			Due, Billed, Difference *decimal.Decimal
			Money                   *decimal.Decimal `json:"monthly_difference"`
			Idle                    *decimal.Decimal `json:"monthly_unassigned"`
		}
		Totals map[string]map[string]total
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	plain := func(d *decimal.Decimal) decimal.Decimal {
		if d == nil {
			return decimal.Zero
		}
		return d.Abs()
	}
	sums := map[string]map[string]total{}
	add := func(currency, name string, units, money *decimal.Decimal) {
		if sums[currency] == nil {
			sums[currency] = map[string]total{}
		}
		s := sums[currency][name]
		sums[currency][name] = total{s.Lines + 1, s.Units.Add(plain(units)), s.Monthly.Add(plain(money))}
	}
	for i, l := range doc.Lines {
		if l.Due != nil && l.Billed != nil && (l.Difference == nil || !l.Due.Sub(*l.Billed).Equal(*l.Difference)) {
			t.Errorf("line %d: due %s, billed %s, difference %v", i, l.Due, l.Billed, l.Difference)
		}
		switch l.Status {
		case "unbilled", "under_billed", "over_billed":
			add(l.Currency, l.Status, l.Difference, l.Money)
		case "needs_decision":
			add(l.Currency, "held", l.Difference, l.Money)
		case "unmapped":
			add(l.Currency, "unmapped", l.Purchased, l.Money)
		case "in_step", "not_billed":
		default:
			t.Errorf("line %d: there is no status %q", i, l.Status)
		}
		if l.Unassigned != nil && l.Unassigned.IsPositive() {
			add(l.Currency, "unassigned", l.Unassigned, l.Idle)
		}
	}
	for currency, totals := range doc.Totals {
		for name, got := range totals {
			want := sums[currency][name]
			if got.Lines != want.Lines || !got.Units.Equal(want.Units) || !got.Monthly.Equal(want.Monthly) {
				t.Errorf("%s %s: the total is %+v, the lines add up to %+v", currency, name, got, want)
			}
			delete(sums[currency], name)
		}
		if len(sums[currency]) > 0 {
			t.Errorf("%s: no totals of %v", currency, sums[currency])
		}
		delete(sums, currency)
	}
	if len(sums) > 0 {
		t.Errorf("no totals of %v", sums)
	}
}

// Whoever reads the file finds every column and status of it described.
func TestEveryColumnAndStatusIsDescribed(t *testing.T) {
	page, err := os.ReadFile("../../docs/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	sheet := sample().Sheet()
	for _, c := range sheet.Columns {
		if !strings.Contains(string(page), "\n| "+c.Name+" | ") {
			t.Errorf("docs/reports.md does not describe the column %q", c.Name)
		}
	}
	for _, w := range statusTexts {
		if !strings.Contains(string(page), "\n| "+w.text+" | `"+string(w.status)+"` | ") {
			t.Errorf("docs/reports.md does not describe the status %q (%s)", w.text, w.status)
		}
	}
}
