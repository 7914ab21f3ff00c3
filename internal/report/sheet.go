package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"syncd/internal/visible"
)

// A Column is a column's heading; numbers are right-aligned.
type Column struct {
	Name   string
	Number bool
}

// A Sheet is a table of text in one of many formats. Footer rows are totals.
type Sheet struct {
	Title   string
	Caption string // above each printed page; the title where it is empty
	Columns []Column
	Rows    [][]string
	Footer  [][]string
	Tones   map[string]Tone // of cells in a spreadsheet, by their text
}

// A Tone is the colouring of a spreadsheet's cell.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Good       // nothing to do
	Alert      // money is lost
	Ask        // a person must look
	Faint      // unimportant; colours the whole row
)

// maxCell is how wide a column of text may be at most.
const maxCell = 48

// Table writes the sheet for a terminal of that many columns; 0 = unlimited.
// Text wraps within its column; where not even that fits, each row becomes a
// paragraph.
func (s *Sheet) Table(w io.Writer, width int) error {
	widths, fits := s.fit(width)
	if !fits {
		return s.paragraphs(w, width)
	}
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header, style.Format.Footer = text.FormatDefault, text.FormatDefault
	style.Options.DrawBorder, style.Options.SeparateColumns, style.Options.SeparateRows = false, false, false
	t.SetStyle(style)
	header, configs := table.Row{}, []table.ColumnConfig{}
	for i, c := range s.Columns {
		header = append(header, c.Name)
		config := table.ColumnConfig{Number: i + 1, WidthMax: widths[i], WidthMaxEnforcer: text.WrapSoft}
		if c.Number {
			config.Align, config.AlignFooter, config.AlignHeader = text.AlignRight, text.AlignRight, text.AlignRight
		}
		configs = append(configs, config)
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(header)
	for _, row := range s.Rows {
		t.AppendRow(cells(row))
	}
	if len(s.Footer) > 0 {
		t.AppendSeparator()
		for _, row := range s.Footer {
			t.AppendRow(cells(row))
		}
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// fit returns the width of each column so that the table has width characters, and whether
// that is possible without breaking a word shorter than maxCell.
func (s *Sheet) fit(width int) (widths []int, fits bool) {
	widths, least := make([]int, len(s.Columns)), make([]int, len(s.Columns))
	take := func(i int, cell string) {
		widths[i] = max(widths[i], min(maxCell, text.StringWidth(cell)))
		for word := range strings.FieldsSeq(cell) {
			least[i] = max(least[i], min(maxCell, text.StringWidth(word)))
		}
	}
	for i, c := range s.Columns {
		take(i, c.Name)
	}
	for _, rows := range [][][]string{s.Rows, s.Footer} {
		for _, row := range rows {
			for i, cell := range row {
				take(i, cell)
			}
		}
	}
	total := 0
	for _, n := range widths {
		total += n + 2 // a space on either side
	}
	for ; width > 0 && total > width; total-- {
		widest := -1
		for i := range widths {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
	}
	return widths, true
}

// paragraphs writes each row as its first cell and, below it, the others with
// their columns' names.
func (s *Sheet) paragraphs(w io.Writer, width int) error {
	const indent = "  "
	for _, rows := range [][][]string{s.Rows, s.Footer} {
		for _, row := range rows {
			var parts []string
			for i, cell := range row[1:] {
				if cell != "" {
					parts = append(parts, s.Columns[i+1].Name+" "+visible.Text(cell))
				}
			}
			if row[0] != "" {
				if _, err := fmt.Fprintln(w, visible.Text(row[0])); err != nil {
					return err
				}
			}
			wrapped := text.WrapSoft(strings.Join(parts, "; "), max(20, width-len(indent)))
			for line := range strings.SplitSeq(wrapped, "\n") {
				if _, err := fmt.Fprintln(w, indent+strings.TrimSpace(line)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func cells(row []string) table.Row {
	out := make(table.Row, len(row))
	for i, c := range row {
		out[i] = visible.Text(c)
	}
	return out
}

// Defuse puts an apostrophe before text that a spreadsheet would take for a formula.
func Defuse(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return "'" + s
		}
	}
	return s
}

// CSV writes the sheet as Excel opens it right: UTF-8 with a byte order mark.
func (s *Sheet) CSV(w io.Writer) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	header := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		header[i] = c.Name
	}
	rows := append([][]string{header}, s.Rows...)
	if len(s.Footer) > 0 { // a blank line ends the table for a spreadsheet
		rows = append(append(rows, make([]string, len(s.Columns))), s.Footer...)
	}
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = Defuse(cell)
		}
		if err := out.Write(safe); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
