package connectwise

import (
	"fmt"
	"strings"
	"testing"

	"syncd/internal/plan"
)

// bp is a line of the product that the tests ask about.
func bp(id int, quantity string, edits ...func(*addition)) addition {
	a := addition{ID: id, AgreementID: 55, Product: reference{ID: 752, Identifier: "M365-BP"}, UnitPrice: integer(22), Bill: billable, Effective: 20250101}
	if quantity != "" {
		a.Quantity, _ = parseNumber([]byte(quantity))
	}
	for _, edit := range edits {
		edit(&a)
	}
	return a
}

func until(d day) func(*addition)       { return func(a *addition) { a.Cancelled = d } }
func from(d day) func(*addition)        { return func(a *addition) { a.Effective = d } }
func billed(how string) func(*addition) { return func(a *addition) { a.Bill = how } }

func TestWhatTheLinesOfAProductMean(t *testing.T) {
	const today = day(20261121)
	of := func(lines ...addition) []addition { return lines }
	for _, tt := range []struct {
		name     string
		lines    []addition
		inactive bool
		accepted string
		cancels  bool
		want     string // object, conflict, wanted, unwanted and notes, in short
		says     []string
	}{
		{name: "no line", want: "-"},
		{name: "a line of another product", lines: of(bp(1, "5", func(a *addition) { a.Product.ID = 9 })), want: "-"},
		{name: "no line, and the product is inactive", inactive: true, want: "wanted note product_inactive", says: []string{"M365-BP is inactive"}},
		{name: "one open line", lines: of(bp(910, "12.0")), want: "line 55/910 12"},
		{name: "one open line of an inactive product goes on", lines: of(bp(910, "12")), inactive: true, want: "line 55/910 12"},
		{name: "an open line at quantity 0", lines: of(bp(910, "0")), want: "line 55/910 0 retired"},
		{name: "an ended line is history", lines: of(bp(910, "12", until(20261120))), want: "-"},
		{name: "an ended line beside an open one", lines: of(bp(910, "12", until(20261120)), bp(911, "9")), want: "line 55/911 9"},
		{name: "a line that begins today is open", lines: of(bp(910, "12", from(20261121))), want: "line 55/910 12"},
		{name: "a line that begins tomorrow", lines: of(bp(910, "12", from(20261122))), want: "conflict future_line", says: []string{"55/910", "from 2026-11-22"}},
		{name: "a future line beside an open one", lines: of(bp(910, "12"), bp(911, "14", from(20261201))), want: "line 55/910 12"},
		{name: "a line that is not billed", lines: of(bp(910, "12", billed("DoNotBill"))), want: "conflict note do_not_bill", says: []string{"DoNotBill", "no line is made beside it"}},
		{name: "a line without charge", lines: of(bp(910, "12", billed("NoCharge"))), want: "conflict note do_not_bill"},
		{name: "a line that is not billed beside one that is", lines: of(bp(910, "12"), bp(911, "3", billed("NoCharge"))), want: "line 55/910 12, note do_not_bill"},
		{name: "a line that is not billed, and a future one", lines: of(bp(910, "12", billed("DoNotBill")), bp(911, "3", from(20270101))), want: "conflict note do_not_bill"},
		{name: "two open lines", lines: of(bp(910, "12"), bp(911, "3")), want: "conflict duplicate_lines", says: []string{"55/910: 12 at 22.00", "55/911: 3 at 22.00", "matches accept"}},
		{name: "two open lines, one accepted", lines: of(bp(910, "12"), bp(911, "3")), accepted: "55/911", want: "line 55/911 3, note duplicate_lines"},
		{name: "two open lines, a third accepted that is no more", lines: of(bp(910, "12"), bp(911, "3")), accepted: "55/999", want: "conflict duplicate_lines"},
		{name: "an open line and one that ends bill twice", lines: of(bp(910, "12"), bp(911, "3", until(20261130))), want: "conflict duplicate_lines", says: []string{"until 2026-11-30"}},
		{name: "one open line, another accepted", lines: of(bp(910, "12")), accepted: "55/999", want: "line 55/910 12"},
		{name: "no quantity", lines: of(bp(910, "")), want: "conflict bad_quantity", says: []string{"no quantity"}},
		{name: "a negative quantity", lines: of(bp(910, "-1")), want: "conflict bad_quantity"},
		{name: "a broken quantity", lines: of(bp(910, "1.5")), want: "conflict bad_quantity", says: []string{"1.5"}},
		{name: "a line that ends", lines: of(bp(910, "12", until(20261231))), want: "line 55/910 12, unwanted note ending_line, note ending_line", says: []string{"2026-12-31"}},
		{name: "a line whose last day is today", lines: of(bp(910, "12", until(20261121))), want: "line 55/910 12, unwanted note ending_line, note ending_line"},
		{name: "a line that ends as we leave it", lines: of(bp(910, "12", until(20261130))), cancels: true, want: "line 55/910 12 retired, note ending_line"},
		{name: "a line that ends otherwise than we leave it", lines: of(bp(910, "12", until(20261231))), cancels: true, want: "line 55/910 12 retired, unwanted note ending_line, note ending_line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := question{key: plan.Key{Kind: kindAddition, ID: "sku"}, label: "Business Premium", agreement: fit(55, func(a *agreement) { a.NextInvoice.day = 20261201 }),
				item: &item{ID: 752, Identifier: "M365-BP", Inactive: tt.inactive}, accepted: tt.accepted, today: today, cancels: tt.cancels}
			f := q.decide(tt.lines)
			if got := summary(f); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			text := fmt.Sprint(f.conflict, f.wanted, f.unwanted, f.notes)
			for _, words := range tt.says {
				if !strings.Contains(text, words) {
					t.Errorf("got %s, want it to say %q", text, words)
				}
			}
		})
	}
}

// summary writes a finding in short.
func summary(f finding) string {
	var parts []string
	if o := f.object; o != nil {
		text := "line " + o.Ref + " " + o.Fields.Text(fieldQuantity)
		if o.Retired {
			text += " retired"
		}
		parts = append(parts, text)
	}
	add := func(what string, v *plan.Violation) {
		switch {
		case v == nil:
		case v.Note:
			parts = append(parts, strings.TrimSpace(what+" note "+v.Code))
		case what == "conflict":
			parts = append(parts, "conflict "+v.Code)
		default:
			parts = append(parts, what+" hold "+v.Code)
		}
	}
	add("conflict", f.conflict)
	add("wanted", f.wanted)
	add("unwanted", f.unwanted)
	for i := range f.notes {
		add("", &f.notes[i])
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

func TestWhichProductIsMeant(t *testing.T) {
	items := []item{
		{ID: 752, Identifier: "M365-BP"}, {ID: 753, Identifier: "SEAT", Class: classBundle}, {ID: 754, Identifier: "OLD", Inactive: true},
		{ID: 800, Identifier: "801"}, {ID: 801, Identifier: "E3"}, {ID: 900, Identifier: "900"}, {ID: 1, Identifier: "Teams"}, {ID: 2, Identifier: "TEAMS"},
	}
	for _, tt := range []struct {
		name string
		text []string
		want string // ids or codes, in order of text
	}{
		{"by identifier", []string{"M365-BP"}, "752"},
		{"by identifier in another case", []string{"m365-bp"}, "752"},
		{"by id", []string{"752"}, "752"},
		{"one whose identifier is its id", []string{"900"}, "900"},
		{"the identifier of one is the id of another", []string{"801"}, "product_ambiguous"},
		{"an inactive product is one", []string{"OLD"}, "754"},
		{"unknown", []string{"M365-XX"}, "product_unknown"},
		{"unknown number", []string{"99999"}, "product_unknown"},
		{"a number too large for an id", []string{"99999999999999999999"}, "product_unknown"},
		{"a bundle", []string{"SEAT"}, "product_is_bundle"},
		{"two identifiers that differ in case, one exact", []string{"TEAMS"}, "2"},
		{"two identifiers that differ in case, none exact", []string{"teams"}, "product_ambiguous"},
		{"one product written in two ways", []string{"752", "M365-BP", "E3"}, "product_ambiguous product_ambiguous 801"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := resolveAmong(tt.text, items, nil)
			var got []string
			for _, text := range tt.text {
				r := found[text]
				if r.item != nil {
					got = append(got, fmt.Sprint(r.item.ID))
				} else {
					got = append(got, r.code)
				}
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("got %s, want %s", g, tt.want)
			}
		})
	}
}

func TestARuleGoesOnMeaningTheProductItMeant(t *testing.T) {
	old, other := item{ID: 752, Identifier: "OLD-BP"}, item{ID: 790, Identifier: "M365-BP"}
	known := map[string]int{"M365-BP": 752}
	if got := resolveAmong([]string{"M365-BP"}, []item{old, other}, known)["M365-BP"]; got.item == nil || got.item.ID != 752 {
		t.Errorf("renamed, and the identifier given to another: got %+v, want product 752", got)
	}
	if got := resolveAmong([]string{"M365-BP"}, []item{other}, known)["M365-BP"]; got.code != "product_unknown" {
		t.Errorf("gone: got %+v, want product_unknown", got)
	}
}
