package mapping

import (
	"io"
	"strings"
)

// MatchHeader is the head of the table of objects that a person settles.
var MatchHeader = []string{"customer", "target", "kind", "key", "label", "question", "candidates", "decision", "ref", "reason"}

// A MatchLine is one object that waits for a person's word, or has one.
type MatchLine struct {
	Customer   string // the customer's key
	Target     string
	Kind, Key  string
	Label      string
	Question   string
	Candidates []string
	Decision   string // accept, create, ignore; empty where nobody decided
	Ref        string
	Reason     string

	line
	sheet *sheet
}

// Report says what is wrong in a column of the line.
func (m *MatchLine) Report(column, format string, args ...any) {
	m.sheet.report(m.line, column, format, args...)
}

// Number is the line's number in its file.
func (m *MatchLine) Number() int { return m.number }

// Says reports whether the file has the column in this line at all.
func (m *MatchLine) Says(column string) bool {
	_, there := m.sheet.cell(m.line, column)
	return there
}

// ExportMatches writes the table as CSV for Excel.
func ExportMatches(w io.Writer, lines []MatchLine) error {
	out := [][]string{MatchHeader}
	for _, m := range lines {
		out = append(out, []string{m.Customer, m.Target, m.Kind, m.Key, m.Label, m.Question, strings.Join(m.Candidates, " | "), m.Decision, m.Ref, m.Reason})
	}
	return writeSheet(w, out)
}

// ImportMatches reads an edited table. judge is called with all its lines and
// reports what is wrong with any of them; then the error is an *ImportError and
// nothing is to be done. An error of judge's own ends the import as it is.
func ImportMatches(r io.Reader, judge func(lines []MatchLine) error) error {
	s, err := readSheet(r, MatchHeader, "key")
	if err != nil {
		return err
	}
	lines := make([]MatchLine, len(s.lines))
	for i, l := range s.lines {
		m := &lines[i]
		m.line, m.sheet = l, s
		for column, into := range map[string]*string{"customer": &m.Customer, "target": &m.Target, "kind": &m.Kind, "key": &m.Key, "decision": &m.Decision, "ref": &m.Ref, "reason": &m.Reason} {
			*into, _ = s.word(l, column)
			if err := damaged(*into); err != nil && column != "reason" {
				m.Report(column, "%v", err)
			}
		}
		m.Decision = strings.ToLower(m.Decision)
	}
	if err := judge(lines); err != nil {
		return err
	}
	return s.err()
}
