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

	line
	sheet *sheet
}

// Report says what is wrong in a column of the line.
func (o *OverrideLine) Report(column, format string, args ...any) {
	o.sheet.report(o.line, column, format, args...)
}

// Number is the line's number in its file.
func (o *OverrideLine) Number() int { return o.number }

// ExportOverrides writes the table as CSV for Excel.
func ExportOverrides(w io.Writer, lines []OverrideLine) error {
	out := [][]string{OverrideHeader}
	for _, o := range lines {
		out = append(out, []string{o.Customer, o.Product, Number(o.Quantity), Number(o.Minimum), Number(o.Maximum), o.Until, o.Reason})
	}
	return writeSheet(w, out)
}

// ImportOverrides reads an edited table. judge is called with all its lines and
// calls Report on bad ones; then the error is an *ImportError and the caller must change
// nothing. An error that judge returns ends the import as it is.
func ImportOverrides(r io.Reader, judge func(lines []OverrideLine) error) error {
	s, err := readSheet(r, OverrideHeader, "product")
	if err != nil {
		return err
	}
	lines := make([]OverrideLine, len(s.lines))
	for i, l := range s.lines {
		o := &lines[i]
		o.line, o.sheet = l, s
		for column, into := range map[string]*string{"customer": &o.Customer, "product": &o.Product, "until": &o.Until, "reason": &o.Reason} {
			*into, _ = s.trimmed(l, column)
			if err := checkCell(*into); err != nil && column != "reason" {
				o.Report(column, "%v", err)
			}
		}
		for column, into := range map[string]**int{"quantity": &o.Quantity, "minimum": &o.Minimum, "maximum": &o.Maximum} {
			*into = s.parseLimit(l, column, nil)
		}
	}
	if err := judge(lines); err != nil {
		return err
	}
	return s.err()
}
