package mapping

import (
	"io"
	"strings"
)

// MatchHeader is the header of the table of objects that a person settles.
var MatchHeader = []string{"customer", "target", "kind", "key", "label", "question", "candidates", "decision", "ref", "reason"}

// A MatchLine is one object that a person must settle, or has settled.
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

// Has reports whether the line has the column.
func (m *MatchLine) Has(column string) bool {
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
// calls Report on bad ones; then the error is an *ImportError and the caller must change
// nothing. An error that judge returns ends the import as it is.
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
			*into, _ = s.trimmed(l, column)
			if err := checkCell(*into); err != nil && column != "reason" {
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
