package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
	"syncd/internal/sync"
	"syncd/internal/target"
)

const (
	premium = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	e3      = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	flow    = "f30db892-07e9-47e9-837c-80727f46fd3d"
)

func object(sku, quantity, price string, more ...func(*plan.Billing)) plan.Object {
	b := plan.Billing{Product: "M365-BP", UnitPrice: new(decimal.RequireFromString(price)), LessIncluded: new(decimal.Zero), Cycle: plan.Monthly, Billable: true}
	for _, f := range more {
		f(&b)
	}
	return plan.Object{Key: plan.Key{Kind: "addition", ID: sku}, Label: "Business Premium", Fields: plan.Set("quantity", quantity), Billing: &b}
}

func yearly(b *plan.Billing) { b.Cycle = "12" }
func free(b *plan.Billing)   { b.Bill, b.Billable = "DoNotBill", false }
func next(b *plan.Billing)   { b.Idle = "from 2026-12-01" }
func euro(b *plan.Billing)   { b.Currency = "EUR" }

func evidence(name string, outcome sync.Outcome, licences []directory.Licence, desired, observed []plan.Object) sync.Inspection {
	e := sync.Inspection{Customer: mapping.Customer{Key: name, Name: name, Status: mapping.Linked}, Target: "connectwise",
		Snapshot: &directory.Snapshot{Licences: directory.Proven(licences, directory.Proof{})},
		Desired:  target.Desired{Objects: desired}, Observed: target.Observed{Objects: observed},
		Report: &sync.ScopeReport{Outcome: outcome}}
	if outcome == sync.Unmapped {
		e.Customer.Status = mapping.Unmapped
	}
	return e
}

func sample() *Licences {
	rules := mapping.Rules{Rules: []mapping.Rule{{SKU: premium, Product: "M365-BP", Status: mapping.Bill}, {SKU: flow, Status: mapping.Ignore, Reason: "free"}}}
	r := NewLicences(rules, money.Policy{Grace: money.GraceBill, Now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}, "USD")
	bp := func(n, used int) []directory.Licence {
		return []directory.Licence{{SKU: premium, Name: "Business Premium", Purchased: n, Assigned: used}}
	}
	r.Add(evidence("in step", sync.InStep, bp(5, 5), []plan.Object{object(premium, "5", "22")}, []plan.Object{object(premium, "5", "22")}))
	r.Add(evidence("too few", sync.Held, bp(14, 12), []plan.Object{object(premium, "14", "22")}, []plan.Object{object(premium, "12", "22")}))
	r.Add(evidence("too many", sync.Held, bp(3, 3), []plan.Object{object(premium, "3", "22")}, []plan.Object{object(premium, "10", "22")}))
	r.Add(evidence("yearly", sync.Held, bp(6, 6), []plan.Object{object(premium, "6", "120", yearly)}, []plan.Object{object(premium, "5", "120", yearly)}))
	r.Add(evidence("no line", sync.InStep, bp(2, 2), []plan.Object{object(premium, "2", "22")}, nil))
	r.Add(evidence("gone at Microsoft", sync.InStep, []directory.Licence{{SKU: e3, Name: "E3", Purchased: 4}, {SKU: flow, Name: "Flow", Purchased: 10000}, {SKU: "1f2f344a-700d-42c9-9427-5cea1d5d7ba6", PartNumber: "STREAM", Name: "Stream", Purchased: 10000}}, nil, []plan.Object{object(premium, "3", "15")}))
	r.Add(evidence("=not linked", sync.Unmapped, bp(9, 1), nil, nil))
	unknown := evidence("unknown", sync.Incomplete, nil, nil, nil)
	unknown.Snapshot.Licences = directory.Unknown[directory.Licence](directory.Proof{}, directory.ErrIncomplete)
	r.Add(unknown)
	conflict := func(code string, note bool) []plan.Conflict {
		return []plan.Conflict{{Key: plan.Key{Kind: "addition", ID: premium}, Violation: plan.Violation{Code: code, Note: note, Message: "because of " + code}}}
	}
	two := evidence("two lines", sync.Held, bp(8, 8), []plan.Object{object(premium, "8", "22")}, nil)
	two.Observed.Conflicts = conflict("duplicate_lines", false)
	two.Observed.Beside = []plan.Object{object(premium, "8", "22"), object(premium, "1", "20")}
	r.Add(two)
	given := evidence("given away", sync.InStep, bp(8, 8), []plan.Object{object(premium, "8", "22")}, nil)
	given.Observed.Conflicts = conflict("do_not_bill", true)
	given.Observed.Beside = []plan.Object{object(premium, "8", "22", free)}
	r.Add(given)
	later := evidence("from next month", sync.Held, bp(2, 2), []plan.Object{object(premium, "2", "22")}, nil)
	later.Observed.Conflicts = conflict("future_line", false)
	later.Observed.Beside = []plan.Object{object(premium, "2", "22", next)}
	r.Add(later)
	unclear := evidence("unclear", sync.Held, bp(5, 5), nil, []plan.Object{object(premium, "5", "22")})
	unclear.Desired.Conflicts = conflict("suspension_unclear", false)
	r.Add(unclear)
	agreements := evidence("two agreements", sync.Held, bp(6, 6), []plan.Object{object(premium, "6", "22")}, nil)
	agreements.Err = errors.New("2 agreements that fit")
	agreements.Observed.Beside = []plan.Object{object(premium, "4", "22"), object(premium, "1", "22")}
	r.Add(agreements)
	company := evidence("no company", sync.Held, bp(6, 6), []plan.Object{object(premium, "6", "22")}, nil)
	company.Err = errors.New("company 250 is not in ConnectWise any more")
	r.Add(company)
	euros := evidence("in euros", sync.Held, bp(2, 2), []plan.Object{object(premium, "2", "20", euro)}, []plan.Object{object(premium, "1", "20", euro)})
	r.Add(euros)
	trial := evidence("a trial", sync.InStep, []directory.Licence{{SKU: premium, Name: "Business Premium", Assigned: 7, Trial: 25}}, nil, nil)
	r.Add(trial)
	ignored := evidence("ignored", sync.Unmapped, bp(100, 100), nil, nil)
	ignored.Customer.Status = mapping.Ignored
	r.Add(ignored)
	r.Finish()
	return r
}

func TestEachCustomerAndProductIsOneLineSortedByMoney(t *testing.T) {
	text := func(d *decimal.Decimal, places int32) string { return cmp.Or(amount(d, places), "?") }
	var got []string
	for _, l := range sample().Lines {
		got = append(got, fmt.Sprintf("%s: %s, due %s, billed %s, difference %s, %s %s", l.Customer, l.Status, text(l.Due, 0), text(l.Billed, 0), text(l.Difference, 0), text(l.MonthlyDifference, 2), l.Currency))
	}
	want := []string{
		"given away: not_billed, due 8, billed 0, difference 8, 176.00 USD",
		"too many: over_billed, due 3, billed 10, difference -7, -154.00 USD",
		"gone at Microsoft: over_billed, due 0, billed 3, difference -3, -45.00 USD",
		"from next month: needs_decision, due 2, billed 0, difference 2, 44.00 USD",
		"no line: unbilled, due 2, billed 0, difference 2, 44.00 USD",
		"too few: under_billed, due 14, billed 12, difference 2, 44.00 USD",
		"two agreements: needs_decision, due 6, billed 5, difference 1, 22.00 USD",
		"two lines: needs_decision, due 8, billed 9, difference -1, -20.00 USD",
		"in euros: under_billed, due 2, billed 1, difference 1, 20.00 EUR",
		"yearly: under_billed, due 6, billed 5, difference 1, 10.00 USD",
		"no company: needs_decision, due 6, billed ?, difference ?, ? USD",
		"unclear: needs_decision, due ?, billed 5, difference ?, ? USD",
		"unknown: needs_decision, due ?, billed ?, difference ?, ? USD",
		"=not linked: unmapped, due ?, billed ?, difference ?, ? USD",
		"gone at Microsoft: unmapped, due ?, billed ?, difference ?, ? USD",
		"a trial: in_step, due 0, billed 0, difference 0, ? USD",
		"in step: in_step, due 5, billed 5, difference 0, 0.00 USD",
		"gone at Microsoft: not_billed, due ?, billed ?, difference ?, ? USD",
		"gone at Microsoft: not_billed, due ?, billed ?, difference ?, ? USD",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got:\n%s\nwant:\n%s", a, b)
	}
}

func TestTotals(t *testing.T) {
	r := sample()
	var got []string
	for _, currency := range slices.Sorted(maps.Keys(r.Totals)) {
		c := r.Totals[currency]
		for _, x := range []struct {
			name  string
			total Total
		}{{"unbilled", c.Unbilled}, {"under_billed", c.UnderBilled}, {"over_billed", c.OverBilled}, {"held", c.Held}, {"unmapped", c.Unmapped}, {"unassigned", c.Unassigned}} {
			got = append(got, fmt.Sprintf("%s %s: %d lines, %s units, %s, %d unpriced", currency, x.name, x.total.Lines, x.total.Units, x.total.Money.StringFixed(2), x.total.Unpriced))
		}
	}
	want := []string{
		"EUR unbilled: 0 lines, 0 units, 0.00, 0 unpriced", "EUR under_billed: 1 lines, 1 units, 20.00, 0 unpriced", "EUR over_billed: 0 lines, 0 units, 0.00, 0 unpriced",
		"EUR held: 0 lines, 0 units, 0.00, 0 unpriced", "EUR unmapped: 0 lines, 0 units, 0.00, 0 unpriced", "EUR unassigned: 0 lines, 0 units, 0.00, 0 unpriced",
		"USD unbilled: 1 lines, 2 units, 44.00, 0 unpriced", "USD under_billed: 2 lines, 3 units, 54.00, 0 unpriced", "USD over_billed: 2 lines, 10 units, 199.00, 0 unpriced",
		"USD held: 6 lines, 4 units, 86.00, 3 unpriced", "USD unmapped: 2 lines, 13 units, 0.00, 2 unpriced", "USD unassigned: 3 lines, 14 units, 44.00, 2 unpriced",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got:\n%s\nwant:\n%s", a, b)
	}
	if r.Unknown != 1 {
		t.Errorf("got %d unknown customers, want 1", r.Unknown)
	}
}

// What is included in a line costs nothing, whether it is assigned or not.
func TestUnassignedUnitsCostWhatTheLineChargesForThem(t *testing.T) {
	for _, c := range []struct {
		assigned int
		included int64
		want     string
	}{
		{15, 0, "0.00"}, {5, 0, "200.00"}, {5, 12, "60.00"}, {13, 12, "40.00"}, {5, 20, "0.00"},
	} {
		included := func(b *plan.Billing) { b.LessIncluded = new(decimal.NewFromInt(c.included)) }
		r := NewLicences(mapping.Rules{Rules: []mapping.Rule{{SKU: premium, Product: "M365-BP", Status: mapping.Bill}}},
			money.Policy{Grace: money.GraceBill, Now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}, "USD")
		line := []plan.Object{object(premium, "15", "20", included)}
		r.Add(evidence("a", sync.InStep, []directory.Licence{{SKU: premium, Name: "Business Premium", Purchased: 15, Assigned: c.assigned}}, line, line))
		r.Finish()
		if got := r.Lines[0].MonthlyUnassigned; got == nil || got.StringFixed(2) != c.want {
			t.Errorf("%d of 15 assigned, %d included: got %v, want %s", c.assigned, c.included, got, c.want)
		}
	}
}

// The totals are what somebody gets who adds the rows up, in the document that
// scripts read and in the table that people do.
func TestTheRowsAddUpToTheTotals(t *testing.T) {
	r := sample()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	addsUp(t, raw)
	sheet := r.Sheet()
	column := map[string]int{}
	for i, c := range sheet.Columns {
		column[c.Name] = i
	}
	for _, footer := range sheet.Footer {
		units, money := "Difference", "Monthly difference"
		switch footer[0] {
		case "Unmapped":
			units = "Purchased"
		case "Unassigned":
			units, money = "Unassigned", "Monthly unassigned"
		}
		sum, worth, lines, known := decimal.Zero, decimal.Zero, 0, ""
		for _, row := range sheet.Rows {
			if row[column["Currency"]] != footer[column["Currency"]] || footer[0] != "Unassigned" && !strings.EqualFold(row[column["Status"]], footer[0]) ||
				footer[0] == "Unassigned" && number(row[column["Unassigned"]]).IsZero() {
				continue
			}
			sum, worth, lines = sum.Add(number(row[column[units]]).Abs()), worth.Add(number(row[column[money]]).Abs()), lines+1
			if row[column[money]] != "" { // of which nobody knows any is no nought
				known = worth.StringFixed(2)
			}
		}
		if footer[column[units]] != sum.String() || footer[column[money]] != known || !strings.HasPrefix(footer[column["Note"]], fmt.Sprint(lines, " line")) {
			t.Errorf("%q: its rows add up to %d lines, %s units, %s", footer, lines, sum, worth.StringFixed(2))
		}
	}
}

func TestEveryFormatSaysTheSame(t *testing.T) {
	r := sample()
	sheet := r.Sheet()
	var text, comma, book bytes.Buffer
	for _, err := range []error{sheet.Table(&text, 0), sheet.CSV(&comma), sheet.XLSX(&book)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(comma.String(), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&book)
	if err != nil {
		t.Fatal(err)
	}
	cells, err := f.GetRows("Licences")
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + len(r.Lines) + 1 + 1 + 6; len(rows) != want || len(cells) != want {
		t.Fatalf("got %d CSV and %d spreadsheet rows, want %d", len(rows), len(cells), want)
	}
	for _, c := range []string{"too many", "-154.00", "Under-billed", "199.00"} {
		if !strings.Contains(text.String(), c) {
			t.Errorf("the table lacks %q", c)
		}
	}
	raw, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(raw), `"purchased":"3","assigned":"3","unassigned":"0","due":"3","billed":"10","difference":"-7","unit_price":"22.00","monthly_difference":"-154.00","monthly_unassigned":"0.00","currency":"USD","status":"over_billed"`) {
		t.Errorf("JSON: %v %s", err, raw)
	}
}

func TestASpreadsheetTakesNoNameForAFormula(t *testing.T) {
	var comma bytes.Buffer
	sheet := sample().Sheet()
	if err := sheet.CSV(&comma); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(comma.String(), "'=not linked") {
		t.Error("a name that begins with = is not defused")
	}
	for in, want := range map[string]string{"-3": "-3", "+1.5": "+1.5", "=1": "'=1", "-cmd": "'-cmd", "@x": "'@x", "plain": "plain", "": ""} {
		if got := Defuse(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestATableCannotMoveTheCursor(t *testing.T) {
	var out bytes.Buffer
	s := Sheet{Columns: []Column{{Name: "Customer"}}, Rows: [][]string{{"a\x1b[2Jb\rc"}}}
	if err := s.Table(&out, 0); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\r") {
		t.Errorf("got %q", out.String())
	}
}
