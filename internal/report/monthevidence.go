package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"
)

// ReadEvidence reads the canonical document in a file of any format.
func ReadEvidence(file []byte) (m *Month, format string, err error) {
	text := file
	switch {
	case bytes.HasPrefix(file, []byte("PK")):
		format = "xlsx"
		text, err = hiddenDocument(file)
	case bytes.HasPrefix(bytes.TrimSpace(file), []byte("{")):
		format = "json"
	case bytes.HasPrefix(file, []byte("<!DOCTYPE html>")):
		format = "html"
		found := templatePattern.FindSubmatch(file)
		if found == nil {
			return nil, "", errors.New("the page holds no document of syncd")
		}
		text = found[1]
	default:
		return nil, "", errors.New("it is neither JSON nor a page nor a workbook of syncd report month")
	}
	if err != nil {
		return nil, "", err
	}
	m, err = ParseMonth(text)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, "", fmt.Errorf("its document is not one of syncd report month: %s is a %s there", cmp.Or(wrong.Field, "all of it"), wrong.Value)
	}
	if err != nil {
		return nil, "", fmt.Errorf("its document is no JSON: %w", err)
	}
	if m.Month == "" {
		return nil, "", errors.New("its document is not one of syncd report month: it names no month")
	}
	return m, format, nil
}

var templatePattern = regexp.MustCompile(`(?s)<template id="syncd">(.*)</template>`)

// hiddenDocument is what a workbook holds in its hidden sheet.
func hiddenDocument(file []byte) (text []byte, err error) {
	f, err := openBook(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := f.GetRows(hiddenSheet)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		for _, cell := range row {
			text = append(text, cell...)
		}
	}
	return text, nil
}

// maxBook is how many bytes a workbook may unpack to. A file says itself how many those
// are, and memory is set aside for them before they are read.
const maxBook = 256 << 20

func openBook(file []byte) (*excelize.File, error) {
	return excelize.OpenReader(bytes.NewReader(file), excelize.Options{UnzipSizeLimit: maxBook})
}

// FirstDifference says where a file differs from what it should be: the first cell, or
// the first byte where no cell does. It is empty where both are the same.
func FirstDifference(format string, want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	where := ""
	switch format {
	case "json":
		where = inDocuments(want, got)
	case "html":
		where = inCells(pageCells(want), pageCells(got))
	case "xlsx":
		where = inCells(bookCells(want), bookCells(got))
	}
	if where == "" && format != "json" {
		if a, _, err := ReadEvidence(want); err == nil {
			if b, _, err := ReadEvidence(got); err == nil {
				where = inDocuments(a.JSON(), b.JSON())
			}
		}
	}
	if where != "" {
		return where
	}
	n := 0
	for n < len(want) && n < len(got) && want[n] == got[n] {
		n++
	}
	return fmt.Sprintf("no cell differs, and the file does, from byte %d on: it was saved by another program, or changed", n+1)
}

// A tableCell is a cell of a file, with its place.
type tableCell struct{ place, text string }

// inCells is the first cell that differs.
func inCells(want, got []tableCell) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			return fmt.Sprintf("%s says %q, and there is no such cell", got[i].place, got[i].text)
		case i >= len(got):
			return fmt.Sprintf("%s is missing; it should say %q", want[i].place, want[i].text)
		case want[i] != got[i]:
			return fmt.Sprintf("%s says %q and should say %q", want[i].place, got[i].text, want[i].text)
		}
	}
	return ""
}

// pageCells are the texts of a page in their order, those of tables by row and column.
func pageCells(page []byte) (cells []tableCell) {
	z := html.NewTokenizer(bytes.NewReader(page))
	section, row, column, in := "the page", 0, 0, ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return cells
		case html.StartTagToken:
			name, _ := z.TagName()
			in = string(name)
			switch in {
			case "table":
				row = 0
			case "tr":
				row, column = row+1, 0
			case "th", "td":
				column++
			case "template":
				return cells
			}
		case html.TextToken:
			text := strings.TrimSpace(string(z.Text()))
			switch {
			case text == "" || in == "style":
			case in == "h2":
				section = text
				cells = append(cells, tableCell{"a heading", text})
			case in == "td" || in == "th":
				cells = append(cells, tableCell{fmt.Sprintf("%s, row %d, column %d", section, row, column), text})
			default:
				cells = append(cells, tableCell{"the " + in + " of the page", text})
			}
		}
	}
}

// bookCells are the cells of the sheets that are shown.
func bookCells(book []byte) (cells []tableCell) {
	f, err := openBook(book)
	if err != nil {
		return nil
	}
	defer f.Close()
	for _, sheet := range f.GetSheetList() {
		if sheet == hiddenSheet {
			continue
		}
		rows, _ := f.GetRows(sheet, excelize.Options{RawCellValue: true})
		for y, row := range rows {
			for x, text := range row {
				name, _ := excelize.CoordinatesToCellName(x+1, y+1)
				cells = append(cells, tableCell{sheet + "!" + name, text})
			}
		}
	}
	return cells
}

// inDocuments is the first member in which two documents differ.
func inDocuments(want, got []byte) string {
	var a, b any
	if json.Unmarshal(want, &a) != nil || json.Unmarshal(got, &b) != nil {
		return ""
	}
	return inValues("", a, b)
}

func inValues(path string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		if g, is := got.(map[string]any); is {
			names := slices.Sorted(maps.Keys(w))
			for _, name := range slices.Sorted(maps.Keys(g)) {
				if _, there := w[name]; !there {
					return strings.TrimPrefix(path+"."+name, ".") + " should not be there"
				}
			}
			for _, last := range []bool{false, true} { // the digest differs wherever anything does
				for _, name := range names {
					if (name == "digest" && path == "") != last {
						continue
					}
					if where := inValues(path+"."+name, w[name], g[name]); where != "" {
						return where
					}
				}
			}
			return ""
		}
	case []any:
		if g, is := got.([]any); is {
			for i := range min(len(w), len(g)) {
				if where := inValues(path+"["+strconv.Itoa(i)+"]", w[i], g[i]); where != "" {
					return where
				}
			}
			if len(w) != len(g) {
				return fmt.Sprintf("%s has %d entries and should have %d", strings.TrimPrefix(path, "."), len(g), len(w))
			}
			return ""
		}
	default:
		if want == got {
			return ""
		}
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	return fmt.Sprintf("%s is %s and should be %s", strings.TrimPrefix(path, "."), a, b)
}
