package report

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/xuri/excelize/v2"
)

// The colours of a workbook.
const (
	inkHead, fillHead = "FFFFFF", "1F3864"
	rule              = "BFBFBF"
	fillTotal         = "F2F2F2"
)

// tones are the fill and the ink of cells.
var tones = map[Tone]struct{ fill, ink string }{
	Good: {"E2EFDA", "375623"}, Alert: {"F8CBAD", "833C0B"}, Ask: {"FFE699", "7F6000"}, Faint: {"", "7F7F7F"},
}

// XLSX writes the sheet as a workbook that can be worked with and printed as it
// is: a coloured head that stays and repeats on each page, a filter, numbers that
// are numbers, columns as wide as what is in them, one page wide across.
func (s *Sheet) XLSX(w io.Writer) error { return Workbook(w, []Sheet{*s}, nil) }

// hiddenSheet is where a workbook holds the document that it was made from.
const hiddenSheet = "syncd"

// hiddenCell is how many bytes of a document stand in a cell; a program takes 32,767.
const hiddenCell = 30000

// Workbook writes sheets as one workbook. A document, if there is one, stands in a sheet
// that is not shown.
func Workbook(w io.Writer, sheets []Sheet, document []byte) error {
	f := excelize.NewFile()
	defer f.Close()
	for i := range sheets {
		s := &sheets[i]
		if i == 0 {
			if err := f.SetSheetName("Sheet1", s.Title); err != nil {
				return err
			}
		} else if _, err := f.NewSheet(s.Title); err != nil {
			return err
		}
		b := &workbook{Sheet: s, file: f, styles: map[cellStyle]int{}, decimals: s.decimals()}
		// The library writes a stream around what it knows of the sheet by then.
		if err := b.setUp(); err != nil {
			return err
		}
		if err := b.fill(); err != nil {
			return err
		}
	}
	if err := f.SetDocProps(&excelize.DocProperties{Title: cmp.Or(sheets[0].Caption, sheets[0].Title), Creator: "syncd"}); err != nil {
		return err
	}
	if document != nil {
		if err := hide(f, document); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		return err
	}
	return inOrder(w, b.Bytes())
}

// inOrder writes an archive with its files in order: the library has some in the order of
// a map, and the same sheets must give the same bytes.
func inOrder(w io.Writer, archive []byte) error {
	in, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	slices.SortFunc(in.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	out := zip.NewWriter(w)
	for _, f := range in.File {
		if err := out.Copy(f); err != nil {
			return err
		}
	}
	return out.Close()
}

// hide puts a document into a sheet that is not shown, in parts from above to below.
func hide(f *excelize.File, document []byte) error {
	if _, err := f.NewSheet(hiddenSheet); err != nil {
		return err
	}
	text := string(document)
	for row := 1; text != ""; row++ {
		n := min(len(text), hiddenCell)
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		if err := f.SetCellStr(hiddenSheet, "A"+strconv.Itoa(row), text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
	return f.SetSheetVisible(hiddenSheet, false)
}

// A cellStyle is the key of a cell's style.
type cellStyle struct {
	tone        Tone
	head, total bool
	number      string // format; empty for text
}

type workbook struct {
	*Sheet
	file     *excelize.File
	styles   map[cellStyle]int
	decimals []int // of the numbers of each column
}

// decimals are how many the numbers of each column have at most.
func (s *Sheet) decimals() []int {
	out := make([]int, len(s.Columns))
	for _, row := range s.Rows {
		for i, cell := range row {
			if _, decimals, _ := strings.Cut(cell, "."); s.Columns[i].Number {
				out[i] = max(out[i], len(decimals))
			}
		}
	}
	return out
}

// style returns the workbook's id of a style.
func (b *workbook) style(l cellStyle) (int, error) {
	if id, ok := b.styles[l]; ok {
		return id, nil
	}
	line := []excelize.Border{{Type: "bottom", Color: rule, Style: 1}}
	style := &excelize.Style{
		Border: line, Font: &excelize.Font{Family: "Calibri", Size: 10},
		Alignment: &excelize.Alignment{Vertical: "top", WrapText: l.number == ""},
	}
	fill := func(colour string) {
		style.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{colour}}
	}
	if l.number != "" {
		style.CustomNumFmt = &l.number
		style.Alignment.Horizontal = "right"
	} else {
		style.Alignment.Horizontal, style.Alignment.Indent = "left", 1
	}
	switch t := tones[l.tone]; {
	case l.head:
		fill(fillHead)
		style.Font.Bold, style.Font.Color = true, inkHead
		style.Alignment.Vertical, style.Alignment.WrapText = "center", true
	case l.total:
		fill(fillTotal)
		style.Font.Bold = true
	default:
		if t.fill != "" {
			fill(t.fill)
		}
		style.Font.Color = t.ink
	}
	id, err := b.file.NewStyle(style)
	b.styles[l] = id
	return id, err
}

// Formats of numbers; what is below zero is red.
const (
	wholes = "#,##0;[Red]-#,##0"
	cents  = "#,##0.00;[Red]-#,##0.00"
	prices = "#,##0.00####;[Red]-#,##0.00####" // that may have more decimals than two
)

func (b *workbook) number(column int) string {
	switch {
	case !b.Columns[column].Number:
		return ""
	case b.decimals[column] > 2:
		return prices
	case b.decimals[column] > 0:
		return cents
	}
	return wholes
}

// fill writes the cells, in a stream: a large MSP has tens of thousands.
func (b *workbook) fill() error {
	out, err := b.file.NewStreamWriter(b.Title)
	if err != nil {
		return err
	}
	for i := range b.Columns {
		if err := out.SetColWidth(i+1, i+1, b.width(i)); err != nil {
			return err
		}
	}
	// The header row and the first column stay in view.
	if err := out.SetPanes(&excelize.Panes{Freeze: true, XSplit: 1, YSplit: 1, TopLeftCell: "B2", ActivePane: "bottomRight"}); err != nil {
		return err
	}
	head := make([]string, len(b.Columns))
	for i, c := range b.Columns {
		head[i] = c.Name
	}
	line := 0
	write := func(row []string, l cellStyle) error {
		line++
		values := make([]any, len(row))
		for i, cell := range row {
			at := l
			at.number = b.number(i)
			if t := b.Tones[cell]; t != Plain && !l.total {
				at.tone = t
			}
			id, err := b.style(at)
			if err != nil {
				return err
			}
			values[i] = excelize.Cell{StyleID: id, Value: b.value(i, cell)}
		}
		return out.SetRow("A"+strconv.Itoa(line), values, excelize.RowOpts{Height: b.height(row, l.head)})
	}
	if err := write(head, cellStyle{head: true}); err != nil {
		return err
	}
	for _, row := range b.Rows {
		l := cellStyle{}
		if slices.ContainsFunc(row, func(cell string) bool { return b.Tones[cell] == Faint }) {
			l.tone = Faint
		}
		if err := write(row, l); err != nil {
			return err
		}
	}
	line++ // a blank line ends the table
	for _, row := range b.Footer {
		if err := write(row, cellStyle{total: true}); err != nil {
			return err
		}
	}
	return out.Flush()
}

// width is the width of a column's longest cell; longer text wraps.
func (b *workbook) width(column int) float64 {
	const least, most = 9, 42
	n := 0
	for _, rows := range [][][]string{b.Rows, b.Footer} {
		for _, row := range rows {
			n = max(n, utf8.RuneCountInString(row[column]))
		}
	}
	for word := range strings.FieldsSeq(b.Columns[column].Name) { // a head wraps, and has room for the filter's button
		n = max(n, utf8.RuneCountInString(word)+3)
	}
	return float64(min(most, max(least, n+2)))
}

// height is the height of a row with wrapped text: not every program computes it.
func (b *workbook) height(row []string, head bool) float64 {
	const line, space = 12.6, 2.4
	lines := 1
	for i, cell := range row {
		if head || !b.Columns[i].Number {
			lines = max(lines, len(wrap(cell, int(b.width(i))))) // the font is smaller than the one that widths count
		}
	}
	if head {
		lines = max(2, lines)
	}
	return min(excelize.MaxRowHeight, float64(lines)*line+space) // Excel shows no more, and opens no file that asks for it
}

// wrap breaks a text between words as a cell does.
func wrap(cell string, width int) []string {
	return strings.Split(text.WrapSoft(cell, max(1, width)), "\n")
}

// value gives numbers as numbers; text is stored as text, so no formula runs.
func (b *workbook) value(column int, cell string) any {
	if cell == "" {
		return nil
	}
	if b.Columns[column].Number {
		if n, err := strconv.ParseFloat(cell, 64); err == nil {
			return n
		}
	}
	return cell
}

// setUp makes the filter, and the pages: across, one page wide, with the head on each.
func (b *workbook) setUp() error {
	end, err := excelize.CoordinatesToCellName(len(b.Columns), max(2, 1+len(b.Rows)))
	if err != nil {
		return err
	}
	if err := b.file.AutoFilter(b.Title, "A1:"+end, nil); err != nil {
		return err
	}
	across, a4, wide, tall := "landscape", 9, 1, 0
	if err := b.file.SetPageLayout(b.Title, &excelize.PageLayoutOptions{
		Orientation: &across, Size: &a4, FitToWidth: &wide, FitToHeight: &tall,
	}); err != nil {
		return err
	}
	fit := true
	if err := b.file.SetSheetProps(b.Title, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	narrow, edge := 0.4, 0.6
	if err := b.file.SetPageMargins(b.Title, &excelize.PageLayoutMarginsOptions{Left: &narrow, Right: &narrow, Top: &edge, Bottom: &edge}); err != nil {
		return err
	}
	if err := b.file.SetHeaderFooter(b.Title, &excelize.HeaderFooterOptions{
		OddHeader: "&L&B" + strings.ReplaceAll(cmp.Or(b.Caption, b.Title), "&", "&&"), OddFooter: "&L&D&RPage &P of &N",
	}); err != nil {
		return err
	}
	return b.file.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: fmt.Sprintf("'%s'!$1:$1", b.Title), Scope: b.Title})
}
