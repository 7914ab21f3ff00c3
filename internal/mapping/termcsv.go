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

	SheetLine
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

// ImportTerms reads an edited table, see importSheet.
func ImportTerms(r io.Reader, judge func(lines []TermLine) error) error {
	return importSheet(r, TermHeader, "subscription", parseTerm, judge)
}

func parseTerm(l SheetLine) TermLine {
	t := TermLine{SheetLine: l}
	t.read(map[string]*string{"customer": &t.Customer, "subscription": &t.Subscription, "term": &t.Term, "source": &t.Source})
	t.Reason, _ = l.sheet.cell(l.line, "reason")
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
	if text, _ := l.sheet.trimmed(l.line, "ends"); text != "" {
		var err error
		if t.Ends, err = time.Parse(time.DateOnly, text); err != nil {
			t.Report("ends", "%q is no day: write it as 2027-01-31, in a column that is formatted as text", text)
		}
	}
	return t
}
