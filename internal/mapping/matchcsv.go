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

	SheetLine
}

// ExportMatches writes the table as CSV for Excel.
func ExportMatches(w io.Writer, lines []MatchLine) error {
	out := [][]string{MatchHeader}
	for _, m := range lines {
		out = append(out, []string{m.Customer, m.Target, m.Kind, m.Key, m.Label, m.Question, strings.Join(m.Candidates, " | "), m.Decision, m.Ref, m.Reason})
	}
	return writeSheet(w, out)
}

// ImportMatches reads an edited table, see importSheet.
func ImportMatches(r io.Reader, judge func(lines []MatchLine) error) error {
	return importSheet(r, MatchHeader, "key", func(l SheetLine) MatchLine {
		m := MatchLine{SheetLine: l}
		m.read(map[string]*string{"customer": &m.Customer, "target": &m.Target, "kind": &m.Kind, "key": &m.Key, "decision": &m.Decision, "ref": &m.Ref})
		m.Reason, _ = l.sheet.trimmed(l.line, "reason")
		m.Decision = strings.ToLower(m.Decision)
		return m
	}, judge)
}
