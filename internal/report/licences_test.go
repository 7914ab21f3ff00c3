package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/sync"
)

const (
	premium = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"
	e3      = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	flow    = "f30db892-07e9-47e9-837c-80727f46fd3d"
)

func object(sku, quantity, price string, more ...string) plan.Object {
	info := map[string]string{"product": "M365-BP", "unit_price": price, "cycle_months": "1", "less_included": "0", "bill": "Billable"}
	for i := 0; i+1 < len(more); i += 2 {
		info[more[i]] = more[i+1]
	}
	return plan.Object{Key: plan.Key{Kind: "addition", ID: sku}, Label: "Business Premium", Fields: plan.Set("quantity", quantity), Info: info}
}

func evidence(name string, outcome sync.Outcome, licences []directory.Licence, desired, observed []plan.Object) sync.Evidence {
	e := sync.Evidence{Customer: mapping.Customer{Key: name, Name: name, Status: mapping.Linked}, Target: "connectwise",
		Snapshot: &directory.Snapshot{Licences: directory.Proven(licences, directory.Proof{})},
		Desired:  plan.Desired{Objects: desired}, Observed: plan.Observed{Objects: observed},
		Report: &sync.ScopeReport{Outcome: outcome}}
	if outcome == sync.Unmapped {
		e.Customer.Status = mapping.Unmapped
	}
	return e
}

func sample() *Licences {
	rules := mapping.Rules{Rules: []mapping.Rule{{SKU: premium, Product: "M365-BP", Status: mapping.Bill}, {SKU: flow, Status: mapping.Ignore, Reason: "free"}}}
	r := NewLicences(rules, "USD", time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
	bp := func(n, used int) []directory.Licence {
		return []directory.Licence{{SKU: premium, Name: "Business Premium", Purchased: n, Assigned: used}}
	}
	r.Witness(evidence("in step", sync.InStep, bp(5, 5), []plan.Object{object(premium, "5", "22")}, []plan.Object{object(premium, "5", "22")}))
	r.Witness(evidence("too few", sync.Held, bp(14, 12), []plan.Object{object(premium, "14", "22")}, []plan.Object{object(premium, "12", "22")}))
	r.Witness(evidence("too many", sync.Held, bp(3, 3), []plan.Object{object(premium, "3", "22")}, []plan.Object{object(premium, "10", "22")}))
	r.Witness(evidence("yearly", sync.Held, bp(6, 6), []plan.Object{object(premium, "6", "120", "cycle_months", "12")}, []plan.Object{object(premium, "5", "120", "cycle_months", "12")}))
	r.Witness(evidence("no line", sync.InStep, bp(2, 2), []plan.Object{object(premium, "2", "22")}, nil))
	r.Witness(evidence("gone at Microsoft", sync.InStep, []directory.Licence{{SKU: e3, Name: "E3", Purchased: 4}, {SKU: flow, Name: "Flow", Purchased: 10000}, {SKU: "1f2f344a-700d-42c9-9427-5cea1d5d7ba6", PartNumber: "STREAM", Name: "Stream", Purchased: 10000}}, nil, []plan.Object{object(premium, "3", "15")}))
	r.Witness(evidence("=not linked", sync.Unmapped, bp(9, 1), nil, nil))
	unknown := evidence("unknown", sync.Incomplete, nil, nil, nil)
	unknown.Snapshot.Licences = directory.Unknown[directory.Licence](directory.Proof{}, directory.ErrIncomplete)
	r.Witness(unknown)
	conflict := evidence("two lines", sync.Held, bp(8, 8), nil, nil)
	conflict.Observed.Conflicts = []plan.Conflict{{Key: plan.Key{Kind: "addition", ID: premium}, Violation: plan.Violation{Code: "duplicate_lines", Message: "billed by 2 lines"}}}
	r.Witness(conflict)
	ignored := evidence("ignored", sync.Unmapped, bp(100, 100), nil, nil)
	ignored.Customer.Status = mapping.Ignored
	r.Witness(ignored)
	r.Finish()
	return r
}

func TestEachCustomerAndProductIsOneLineSortedByMoney(t *testing.T) {
	var got []string
	for _, l := range sample().Lines {
		text := l.Customer + ": " + l.Status
		if l.Money != nil {
			text += " " + l.Money.StringFixed(2)
		}
		got = append(got, text)
	}
	want := []string{"too many: over-billed -154.00", "gone at Microsoft: over-billed -45.00", "no line: unbilled 44.00", "too few: unbilled 44.00", "yearly: unbilled 10.00",
		"two lines: needs a person", "unknown: unknown", "=not linked: unmapped", "gone at Microsoft: unmapped", "in step: in step 0.00", "gone at Microsoft: free"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTotals(t *testing.T) {
	r := sample()
	for name, c := range map[string]struct {
		total Total
		lines int
		units string
		money string
	}{
		"unbilled":    {r.Totals.Unbilled, 3, "5", "98.00"},
		"over-billed": {r.Totals.OverBilled, 2, "10", "199.00"},
		"unmapped":    {r.Totals.Unmapped, 2, "13", "0.00"},
		"unassigned":  {r.Totals.Unassigned, 3, "14", "44.00"},
	} {
		if c.total.Lines != c.lines || c.total.Units.String() != c.units || c.total.Money.StringFixed(2) != c.money {
			t.Errorf("%s: got %d lines, %s units, %s; want %d, %s, %s", name, c.total.Lines, c.total.Units, c.total.Money.StringFixed(2), c.lines, c.units, c.money)
		}
	}
	if r.Unknown != 1 {
		t.Errorf("got %d unknown customers, want 1", r.Unknown)
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
	if want := 1 + len(r.Lines) + 1 + 4; len(rows) != want || len(cells) != want {
		t.Fatalf("got %d CSV and %d spreadsheet rows, want %d", len(rows), len(cells), want)
	}
	for _, c := range []string{"too many", "-154.00", "Unbilled", "98.00"} {
		if !strings.Contains(text.String(), c) {
			t.Errorf("the table lacks %q", c)
		}
	}
	raw, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(raw), `"purchased":"3","assigned":"3","unassigned":"0","due":"3","billed":"10","difference":"-7","unit_price":"22.00","monthly_difference":"-154.00"`) {
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
