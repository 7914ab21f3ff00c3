package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// A workbook is what a person would have made of the table.
func TestAWorkbookCanBeWorkedWithAndPrinted(t *testing.T) {
	s := Sheet{Title: "Licences", Tones: map[string]Tone{"unbilled": Alert, "in step": Good, "free": Faint},
		Columns: []Column{{"Customer", false}, {"Units", true}, {"USD a month", true}, {"Status", false}, {"Note", false}},
		Rows: [][]string{
			{"Contoso & Sons", "14", "44.00", "unbilled", strings.Repeat("a note that is long ", 6)},
			{"Fabrikam", "1200", "-36.50", "in step", ""},
			{"=Tailspin()", "", "", "free", ""},
		},
		Footer: [][]string{{"Total", "1214", "7.50", "", ""}}}
	var body bytes.Buffer
	if err := s.XLSX(&body); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&body)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	check := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	for cell, want := range map[string]string{"B2": "14", "B3": "1,200", "C2": "44.00", "C3": "-36.50", "A4": "=Tailspin()", "C6": "7.50", "A5": ""} {
		got, err := f.GetCellValue("Licences", cell)
		if err != nil {
			t.Fatal(err)
		}
		check(cell, got, want)
	}
	kind, err := f.GetCellType("Licences", "A4")
	if err != nil || kind == excelize.CellTypeFormula {
		t.Errorf("a name became a formula (%v)", err)
	}
	names := map[string]string{}
	for _, n := range f.GetDefinedName() {
		names[n.Name] = strings.ReplaceAll(n.RefersTo, "'", "")
	}
	check("the filter", names["_xlnm._FilterDatabase"], "Licences!$A$1:$E$4")
	check("the head on each page", names["_xlnm.Print_Titles"], "Licences!$1:$1")
	panes, err := f.GetPanes("Licences")
	if err != nil || !panes.Freeze || panes.YSplit != 1 || panes.XSplit != 1 {
		t.Errorf("the head does not stay: %+v, %v", panes, err)
	}
	layout, err := f.GetPageLayout("Licences")
	if err != nil {
		t.Fatal(err)
	}
	check("pages", *layout.Orientation, "landscape")
	check("pages across", *layout.FitToWidth, 1)
	props, err := f.GetSheetProps("Licences")
	if err != nil {
		t.Fatal(err)
	}
	check("fits", *props.FitToPage, true)
	fill := func(cell string) string {
		id, err := f.GetCellStyle("Licences", cell)
		if err != nil {
			t.Fatal(err)
		}
		style, err := f.GetStyle(id)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(style.Fill.Color, "")
	}
	check("the head", fill("A1"), fillHead)
	check("what is lost", fill("D2"), tones[Alert].fill)
	check("what is right", fill("D3"), tones[Good].fill)
	check("beside it", fill("A2"), "")
	check("the total", fill("A6"), fillTotal)
	for column, want := range map[string]float64{"A": 16, "B": 10, "E": 42} {
		got, err := f.GetColWidth("Licences", column)
		if err != nil {
			t.Fatal(err)
		}
		check("width of "+column, got, want)
	}
	if high, err := f.GetRowHeight("Licences", 2); err != nil || high < 30 {
		t.Errorf("a note of three lines has %v points, %v", high, err)
	}
}

// A table is as wide as the terminal: text wraps, and where not even that fits
// each row is a paragraph.
func TestATableFitsTheTerminal(t *testing.T) {
	s := Sheet{Columns: []Column{{"Customer", false}, {"Product", false}, {"Units", true}, {"Note", false}},
		Rows:   [][]string{{"Contoso Limited of Bristol", "Microsoft 365 Business Premium", "14", "no line in the agreement"}, {"Fabrikam", "", "3", ""}},
		Footer: [][]string{{"Total", "", "17", ""}}}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, ` Customer                    Product                         Units  Note                     
─────────────────────────────────────────────────────────────────────────────────────────────
 Contoso Limited of Bristol  Microsoft 365 Business Premium     14  no line in the agreement 
 Fabrikam                                                        3                           
─────────────────────────────────────────────────────────────────────────────────────────────
 Total                                                          17                           
`},
		{60, ` Customer         Product           Units  Note             
────────────────────────────────────────────────────────────
 Contoso Limited  Microsoft 365        14  no line in the   
 of Bristol       Business Premium         agreement        
 Fabrikam                               3                   
────────────────────────────────────────────────────────────
 Total                                 17                   
`},
		{30, `Contoso Limited of Bristol
  Product Microsoft 365
  Business Premium; Units 14;
  Note no line in the
  agreement
Fabrikam
  Units 3
Total
  Units 17
`},
	} {
		var out strings.Builder
		if err := s.Table(&out, c.width); err != nil {
			t.Fatal(err)
		}
		if out.String() != c.want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", c.width, out.String(), c.want)
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if n := len([]rune(line)); c.width > 0 && n > c.width {
				t.Errorf("%d columns: %d: %s", c.width, n, line)
			}
		}
	}
}

// Whoever counts hundreds of people names them in one cell, which is higher than any row
// may be.
func TestALongTextMakesARowAsHighAsItMayBe(t *testing.T) {
	long := strings.Repeat("somebody@contoso.example, ", 400)
	s := Sheet{Title: "People", Columns: []Column{{"Product", false}, {"Names", false}}, Rows: [][]string{{"BACKUP", long}}}
	var body bytes.Buffer
	if err := s.XLSX(&body); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&body)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if high, err := f.GetRowHeight("People", 2); err != nil || high != excelize.MaxRowHeight {
		t.Errorf("the row is %v points high, want %d (%v)", high, excelize.MaxRowHeight, err)
	}
	if got, err := f.GetCellValue("People", "B2"); err != nil || got != long {
		t.Errorf("the cell holds %d characters, want %d (%v)", len(got), len(long), err)
	}
}
