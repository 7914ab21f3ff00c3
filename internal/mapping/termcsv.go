package mapping

import (
	"io"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
)

// TermHeader is the header of the table of claims about the terms of subscriptions.
var TermHeader = []string{"customer", "subscription", "term", "ends", "source", "reason"}

// A TermLine is what somebody says of one subscription.
type TermLine struct {
	Customer     string // its key
	Subscription string // its id, or its commerce id
	Term         string // one of Terms; empty where nobody says
	Ends         time.Time
	Source       string
	Reason       string

	line
	sheet *sheet
}

// Report says what is wrong in a column of the line.
func (t *TermLine) Report(column, format string, args ...any) {
	t.sheet.report(t.line, column, format, args...)
}

// Number is the line's number in its file.
func (t *TermLine) Number() int { return t.number }

// Has reports whether the line has the column.
func (t *TermLine) Has(column string) bool {
	_, there := t.sheet.cell(t.line, column)
	return there
}

// ExportTerms writes the table as CSV for Excel.
func ExportTerms(w io.Writer, lines []TermLine) error {
	out := [][]string{TermHeader}
	for _, t := range lines {
		out = append(out, []string{t.Customer, t.Subscription, t.Term, Day(t.Ends), t.Source, t.Reason})
	}
	return writeSheet(w, out)
}

// Day is how tables write a day; empty for none.
func Day(day time.Time) string {
	if day.IsZero() {
		return ""
	}
	return day.Format(time.DateOnly)
}

// ImportTerms reads an edited table. judge is called with all its lines, whose cells
// are well-formed or reported, and calls Report on bad ones; then the error is an
// *ImportError and the caller must change nothing. An error that judge returns ends the
// import as it is.
func ImportTerms(r io.Reader, judge func(lines []TermLine) error) error {
	s, err := readSheet(r, TermHeader, "subscription")
	if err != nil {
		return err
	}
	lines := make([]TermLine, len(s.lines))
	for i, l := range s.lines {
		t := &lines[i]
		t.line, t.sheet = l, s
		for column, into := range map[string]*string{"customer": &t.Customer, "subscription": &t.Subscription, "term": &t.Term, "source": &t.Source} {
			*into, _ = s.trimmed(l, column)
			if err := checkCell(*into); err != nil {
				t.Report(column, "%v", err)
			}
		}
		t.Reason, _ = s.cell(l, "reason")
		t.Term = strings.ToLower(t.Term)
		for _, id := range []*string{&t.Customer, &t.Subscription} {
			if lower := strings.ToLower(*id); directory.IsGUID(lower) {
				*id = lower
			}
		}
		if t.Subscription == "" {
			t.Report("subscription", "empty: write the subscription's id")
		}
		if t.Term != "" && !slices.Contains(Terms, t.Term) {
			t.Report("term", "%q is no term: write %s, or leave it empty", t.Term, strings.Join(Terms, ", "))
		}
		if text, _ := s.trimmed(l, "ends"); text != "" {
			if t.Ends, err = time.Parse(time.DateOnly, text); err != nil {
				t.Report("ends", "%q is no day: write it as 2027-01-31, in a column that is formatted as text", text)
			}
		}
	}
	if err := judge(lines); err != nil {
		return err
	}
	return s.err()
}
