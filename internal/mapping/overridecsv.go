package mapping

import "io"

// OverrideHeader is the header of the table of overrides.
var OverrideHeader = []string{"customer", "product", "quantity", "minimum", "maximum", "until", "reason"}

// An OverrideLine is what a person set for one customer and product.
type OverrideLine struct {
	Customer string // the customer's key
	Product  string // the catalogue identifier
	Quantity *int   // one of the three is there
	Minimum  *int
	Maximum  *int
	Until    string // a day, the last one included
	Reason   string

	SheetLine
}

// ExportOverrides writes the table as CSV for Excel.
func ExportOverrides(w io.Writer, lines []OverrideLine) error {
	out := [][]string{OverrideHeader}
	for _, o := range lines {
		out = append(out, []string{o.Customer, o.Product, Number(o.Quantity), Number(o.Minimum), Number(o.Maximum), o.Until, o.Reason})
	}
	return writeSheet(w, out)
}

// ImportOverrides reads an edited table, see importSheet.
func ImportOverrides(r io.Reader, judge func(lines []OverrideLine) error) error {
	return importSheet(r, OverrideHeader, "product", func(l SheetLine) OverrideLine {
		o := OverrideLine{SheetLine: l}
		o.read(map[string]*string{"customer": &o.Customer, "product": &o.Product, "until": &o.Until})
		o.Reason, _ = l.sheet.trimmed(l.line, "reason")
		for column, into := range map[string]**int{"quantity": &o.Quantity, "minimum": &o.Minimum, "maximum": &o.Maximum} {
			*into = l.sheet.parseLimit(l.line, column, nil)
		}
		return o
	}, judge)
}
