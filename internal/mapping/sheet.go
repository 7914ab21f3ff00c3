package mapping

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// maxSheet is the largest file that an import reads, in bytes: some hundred thousand
// lines.
const maxSheet = 64 << 20

// A Problem is one thing wrong with an imported file.
type Problem struct {
	Line    int    `json:"line"`    // as a text editor counts, the header being 1; 0 for the file as a whole
	Column  string `json:"column"`  // empty where the whole line is meant
	Message string `json:"message"` // what is wrong and what to write
}

func (p Problem) String() string {
	switch {
	case p.Line == 0:
		return p.Message
	case p.Column == "":
		return fmt.Sprintf("line %d: %s", p.Line, p.Message)
	default:
		return fmt.Sprintf("line %d: %s: %s", p.Line, p.Column, p.Message)
	}
}

// An ImportError says everything that is wrong with a file, in the order of
// its lines. Nothing of such a file was imported.
type ImportError struct {
	Problems []Problem
}

func (e *ImportError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// An Edit is one value that an import changes.
type Edit struct {
	Line   int    `json:"line"`   // of the file
	Key    string `json:"key"`    // tenant id, or SKU id
	Name   string `json:"name"`   // of the customer, or of the SKU
	Column string `json:"column"` // a product's own columns are written "product column"
	Before string `json:"before"` // empty where there is none
	After  string `json:"after"`
}

func (e Edit) String() string {
	return fmt.Sprintf("%s: %s: %q -> %q", e.Name, e.Column, e.Before, e.After)
}

// A line is one record of a sheet and where it begins.
type line struct {
	number int
	cells  []string
}

// A sheet is a CSV file as people edit it: a header and lines below it.
type sheet struct {
	columns  []string // by position; empty for a column without a head
	lines    []line
	problems []Problem
}

// A SheetLine is a line of an imported table, for whoever judges what it says.
type SheetLine struct {
	line
	sheet *sheet
}

// Report says what is wrong in a column of the line.
func (l *SheetLine) Report(column, format string, args ...any) {
	l.sheet.report(l.line, column, format, args...)
}

// Number is the line's number in its file.
func (l *SheetLine) Number() int { return l.number }

// Has reports whether the line has the column.
func (l *SheetLine) Has(column string) bool {
	_, there := l.sheet.cell(l.line, column)
	return there
}

// read takes the cells of columns that are no free text.
func (l *SheetLine) read(cells map[string]*string) {
	for column, into := range cells {
		*into, _ = l.sheet.trimmed(l.line, column)
		if err := checkCell(*into); err != nil {
			l.Report(column, "%v", err)
		}
	}
}

// importSheet reads an edited table. judge is called with all its lines, whose cells
// are well-formed or reported, and calls Report on bad ones; then the error is an
// *ImportError and the caller must change nothing. An error that judge returns ends the
// import as it is.
func importSheet[T any](r io.Reader, known []string, need string, parse func(SheetLine) T, judge func(lines []T) error) error {
	s, err := readSheet(r, known, need)
	if err != nil {
		return err
	}
	lines := make([]T, len(s.lines))
	for i, l := range s.lines {
		lines[i] = parse(SheetLine{l, s})
	}
	if err := judge(lines); err != nil {
		return err
	}
	return s.err()
}

// readSheet reads a file that spreadsheets may have written: with or without
// a byte order mark, UTF-8 or UTF-16, any line ends, separated by comma,
// semicolon or tab. Blank lines are left out. Cells are unescaped, see
// escapeFormula.
//
// It returns an *ImportError where the file as a whole cannot be understood;
// problems of single lines are left in the sheet.
func readSheet(r io.Reader, known []string, need ...string) (*sheet, error) {
	text, lines, problems, err := readLines(r, known)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, fileProblem("the file is empty: its first line must name the columns %s", strings.Join(known, ","))
	}
	s := &sheet{lines: lines[1:], problems: problems}
	if err := s.header(lines[0], known, need); err != nil {
		return nil, err
	}
	if n := len(s.lines); n > 0 && !strings.HasSuffix(text, "\n") && !strings.HasSuffix(text, "\r") && len(s.lines[n-1].cells) < len(s.columns) {
		last := s.lines[n-1]
		s.report(last, "", "the file breaks off here, after %d of %d cells and without the end of the line: export or copy it again, or end the line if it is whole", len(last.cells), len(s.columns))
	}
	for _, l := range s.lines {
		for i := range l.cells {
			l.cells[i] = unescapeFormula(l.cells[i])
			if (i >= len(s.columns) || s.columns[i] == "") && strings.TrimSpace(l.cells[i]) != "" {
				s.report(l, "", "%q stands to the right of the last named column: is a cell with a separator in it not quoted?", l.cells[i])
				break
			}
		}
	}
	return s, nil
}

// A Line is one record of a file, and where it begins.
type Line struct {
	Number int // as a text editor counts, from 1
	Cells  []string
}

// Lines reads a file of cells that spreadsheets may have written, see readSheet, for
// those whose columns have rules of their own. It returns an *ImportError where the
// file cannot be understood.
func Lines(r io.Reader, known []string) ([]Line, error) {
	_, lines, problems, err := readLines(r, known)
	if err == nil && len(problems) > 0 {
		err = &ImportError{problems}
	}
	out := make([]Line, len(lines))
	for i, l := range lines {
		out[i] = Line{l.number, l.cells}
	}
	return out, err
}

func readLines(r io.Reader, known []string) (text string, lines []line, problems []Problem, err error) {
	if text, err = decode(r); err != nil {
		return "", nil, nil, err
	}
	lines, problems = parseCSV(text, separator(text, known))
	// Excel reads the separator from such a first line, and keeps the line.
	if len(lines) > 0 && strings.HasPrefix(strings.ToLower(lines[0].cells[0]), "sep=") {
		lines = lines[1:]
	}
	lines = slices.DeleteFunc(lines, func(l line) bool {
		return !slices.ContainsFunc(l.cells, func(c string) bool { return strings.TrimSpace(c) != "" })
	})
	return text, lines, problems, nil
}

// header reads the names of the columns; at least one of need must be there.
func (s *sheet) header(head line, known, need []string) error {
	var problems []Problem
	seen := map[string]bool{}
	for _, cell := range head.cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		switch {
		case name == "":
		case !slices.Contains(known, name):
			problems = append(problems, Problem{head.number, "", fmt.Sprintf("unknown column %q: the columns are %s", strings.TrimSpace(cell), strings.Join(known, ", "))})
		case seen[name]:
			problems = append(problems, Problem{head.number, name, "the column is there twice: keep one"})
		}
		seen[name] = true
		s.columns = append(s.columns, name)
	}
	if !slices.ContainsFunc(need, func(n string) bool { return seen[n] }) {
		problems = append(problems, Problem{head.number, "", fmt.Sprintf("no column %s: the first line must name the columns, of %s", strings.Join(need, " or "), strings.Join(known, ", "))})
	}
	if len(problems) > 0 {
		return &ImportError{problems}
	}
	return nil
}

// cell returns the line's cell in a column. It is false where the line or the whole file
// lacks the column: spreadsheets leave out the last separators of lines whose last cells
// are blank, so a cell that a short line lacks is not an empty one.
func (s *sheet) cell(l line, column string) (string, bool) {
	i := slices.Index(s.columns, column)
	if i < 0 || i >= len(l.cells) {
		return "", false
	}
	return l.cells[i], true
}

// trimmed returns a cell without the space around it, for cells that are no free text.
func (s *sheet) trimmed(l line, column string) (string, bool) {
	text, ok := s.cell(l, column)
	return strings.TrimSpace(text), ok
}

func (s *sheet) report(l line, column, format string, args ...any) {
	s.problems = append(s.problems, Problem{l.number, column, fmt.Sprintf(format, args...)})
}

// err returns everything that was reported, or nil.
func (s *sheet) err() error {
	if len(s.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(s.problems, func(a, b Problem) int { return a.Line - b.Line })
	return &ImportError{s.problems}
}

func fileProblem(format string, args ...any) error {
	return &ImportError{[]Problem{{Message: fmt.Sprintf(format, args...)}}}
}

var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16LE = []byte("\xff\xfe")
	markUTF16BE = []byte("\xfe\xff")
)

// decode returns the text of a file without its byte order mark.
func decode(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSheet+1))
	if err != nil {
		return "", fmt.Errorf("reading the table: %w", err)
	}
	if len(data) > maxSheet {
		return "", fileProblem("the file is larger than %d MiB: is it a table?", maxSheet>>20)
	}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return "", fileProblem("this is an Excel workbook: save it as \"CSV UTF-8\" and import that")
	case bytes.HasPrefix(data, markUTF16LE), bytes.HasPrefix(data, markUTF16BE):
		// "Unicode text" of Excel.
		if data, err = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data); err != nil {
			return "", fileProblem("the file is not readable as UTF-16: save it as \"CSV UTF-8\"")
		}
	default:
		data = bytes.TrimPrefix(data, markUTF8)
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return "", fileProblem("line %d: the file is not text in UTF-8: save it as \"CSV UTF-8\"", lineNumber(data, i))
	}
	if !utf8.Valid(data) {
		i := 0
		for i < len(data) {
			r, size := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			i += size
		}
		// Excel's plain "CSV" is in the code page of whoever saved it. A wrong
		// guess would misspell customers.
		return "", fileProblem("line %d: a letter is not in UTF-8: save the file as \"CSV UTF-8\", not as plain \"CSV\"", lineNumber(data, i))
	}
	return string(data), nil
}

func lineNumber(data []byte, i int) int {
	return 1 + max(bytes.Count(data[:i], []byte("\n")), bytes.Count(data[:i], []byte("\r")))
}

// separator returns what separates the cells: the one that makes the most
// known columns out of the first line. European spreadsheets write semicolons.
func separator(text string, known []string) byte {
	first, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimLeft(text, "\r\n"), "\r", "\n"), "\n")
	if len(first) == 5 && strings.EqualFold(first[:4], "sep=") && strings.IndexByte(",;\t|", first[4]) >= 0 {
		return first[4]
	}
	best, most := byte(','), 0
	for _, sep := range []byte{',', ';', '\t'} {
		n := 0
		for name := range strings.SplitSeq(first, string(sep)) {
			if slices.Contains(known, strings.ToLower(strings.Trim(name, "\" "))) {
				n++
			}
		}
		if n > most {
			best, most = sep, n
		}
	}
	return best
}

// parseCSV splits text into lines and cells (RFC 4180). encoding/csv is of no use here: it
// drops carriage returns inside cells, so that an export would not be imported as it was,
// and does not end a line at a single one.
func parseCSV(text string, sep byte) (lines []line, problems []Problem) {
	number, i := 1, 0
	// end skips a line end at i and says how long it was.
	end := func(i int) int {
		switch {
		case strings.HasPrefix(text[i:], "\r\n"):
			return 2
		case i < len(text) && (text[i] == '\r' || text[i] == '\n'):
			return 1
		}
		return 0
	}
	for i < len(text) {
		l := line{number: number}
		for {
			cell, start := "", i
			if i < len(text) && text[i] == '"' {
				var b strings.Builder
				for i++; ; i++ {
					q := strings.IndexByte(text[i:], '"')
					if q < 0 {
						problems = append(problems, Problem{l.number, "", "a quote is opened and never closed: write \" inside a cell as \"\""})
						return lines, problems
					}
					b.WriteString(text[i : i+q])
					if i += q + 1; i >= len(text) || text[i] != '"' {
						break
					}
					b.WriteByte('"')
				}
				cell = b.String()
				for j := start; j < i; {
					if n := end(j); n > 0 {
						number++
						j += n
					} else {
						j++
					}
				}
				if rest := cellEnd(text, i, sep); rest > i {
					if strings.TrimSpace(text[i:rest]) != "" {
						problems = append(problems, Problem{l.number, "", fmt.Sprintf("%q follows a closing quote: write \" inside a cell as \"\"", text[i:rest])})
					}
					i = rest
				}
			} else {
				i = cellEnd(text, i, sep)
				cell = text[start:i]
			}
			l.cells = append(l.cells, cell)
			if i >= len(text) || text[i] != sep {
				break
			}
			i++
		}
		lines = append(lines, l)
		i += end(i)
		number++
	}
	return lines, problems
}

func cellEnd(text string, i int, sep byte) int {
	for i < len(text) && text[i] != sep && text[i] != '\r' && text[i] != '\n' {
		i++
	}
	return i
}

// writeSheet writes lines as Excel opens them right: a byte order mark, or it
// takes the text for the local code page, and CRLF.
func writeSheet(w io.Writer, lines [][]string) error {
	out := bufio.NewWriter(w)
	out.Write(markUTF8)
	for _, cells := range lines {
		for i, cell := range cells {
			if i > 0 {
				out.WriteByte(',')
			}
			cell = escapeFormula(cell)
			// Cells with other separators are quoted too, for programs that guess the separator.
			if strings.ContainsAny(cell, "\",;\t\r\n") || strings.TrimSpace(cell) != cell {
				cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
			}
			out.WriteString(cell)
		}
		out.WriteString("\r\n")
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// escapeFormula puts an apostrophe before text that a spreadsheet would take for a
// formula. Text that looks escaped already gets one more, so that unescapeFormula is the
// exact inverse.
func escapeFormula(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if isFormula(text) {
		return "'" + text
	}
	return text
}

// unescapeFormula undoes escapeFormula.
func unescapeFormula(cell string) string {
	if strings.HasPrefix(cell, "'") && isFormula(cell[1:]) {
		return cell[1:]
	}
	return cell
}

func isFormula(text string) bool {
	text = strings.TrimLeft(text, "'")
	return text != "" && strings.IndexByte("=+-@\t\r\n", text[0]) >= 0
}

// Problems returns what an import said was wrong with its file, or nil where
// err is something else.
func Problems(err error) []Problem {
	if e, ok := errors.AsType[*ImportError](err); ok {
		return e.Problems
	}
	return nil
}
