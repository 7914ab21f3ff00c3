package itglue

import (
	"slices"
	"strings"

	"golang.org/x/net/html"

	"syncd/internal/plan"
)

// IT Glue's editor and its sanitiser write HTML anew: attributes move, styles
// and unknown tags go, blocks get lines of their own. So what is compared is
// the text of the lines and cells alone, and what is sent is the plainest HTML
// that shows them.

// breaks are the elements that begin and end a line.
var breaks = []string{"p", "div", "br", "hr", "li", "ul", "ol", "tr", "table", "thead", "tbody", "tfoot", "h1", "h2", "h3", "h4",
	"h5", "h6", "blockquote", "pre"}

// walkHTML goes through HTML, giving each tag's name (with a slash in front where
// it closes) with where it links to, and each run of text between tags, decoded.
// Comments, and what is inside script and style, are left out.
func walkHTML(in string, tag func(name, href string), text func(string)) {
	tokens := html.NewTokenizer(strings.NewReader(in))
	for hidden := false; ; {
		switch kind := tokens.Next(); kind {
		case html.ErrorToken: // the end: nothing else goes wrong with a text in memory
			if rest := tokens.Raw(); !hidden && len(rest) > 0 {
				text(html.UnescapeString(string(rest))) // a bracket that opens nothing
			}
			return
		case html.TextToken:
			if !hidden {
				text(string(tokens.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			raw, more := tokens.TagName()
			name, href := string(raw), ""
			for more {
				var key, value []byte
				if key, value, more = tokens.TagAttr(); string(key) == "href" {
					href = string(value)
				}
			}
			closing := kind == html.EndTagToken
			if hidden = !closing && (name == "script" || name == "style"); closing {
				name = "/" + name
			}
			tag(name, href)
		}
	}
}

// htmlLines are the lines of text that HTML shows, empty ones left out.
func htmlLines(in string) []string {
	var lines []string
	var line strings.Builder
	end := func() {
		if s := oneLine(line.String()); s != "" {
			lines = append(lines, s)
		}
		line.Reset()
	}
	walkHTML(in, func(name, _ string) {
		name = strings.TrimPrefix(name, "/")
		switch {
		case slices.Contains(breaks, name):
			end()
		case name == "td" || name == "th":
			line.WriteByte(' ')
		}
	}, func(s string) { line.WriteString(s) })
	end()
	return lines
}

// htmlRows are the rows of the tables that HTML shows, their cells joined, the
// row of headings left out. Text outside of tables is a row of one cell.
func htmlRows(in string) []string {
	var rows, cells []string
	var cell strings.Builder
	inRow, headings := false, false
	endCell := func() {
		if s := oneLine(cell.String()); s != "" {
			cells = append(cells, s)
		}
		cell.Reset()
	}
	endRow := func() {
		endCell()
		if len(cells) > 0 && !headings {
			rows = append(rows, strings.Join(cells, cellSeparator))
		}
		cells, headings = nil, false
	}
	walkHTML(in, func(name, _ string) {
		switch {
		case name == "tr" || name == "/tr":
			endRow()
			inRow = name == "tr"
		case name == "th":
			headings = true
			endCell()
		case name == "td" || name == "/td" || name == "/th":
			endCell()
		case !inRow && slices.Contains(breaks, strings.TrimPrefix(name, "/")):
			endRow()
		case inRow && name == "br":
			cell.WriteByte(' ')
		}
	}, func(s string) { cell.WriteString(s) })
	endRow()
	return rows
}

// htmlLinks are the links that HTML shows, each with its text.
func htmlLinks(in string) []string {
	var links []string
	var text strings.Builder
	to := ""
	walkHTML(in, func(name, href string) {
		switch {
		case name == "a":
			text.Reset()
			to = strings.TrimSpace(href)
		case name == "/a" && to != "":
			links = append(links, linkText(oneLine(text.String()), to))
			to = ""
		}
	}, func(s string) { text.WriteString(s) })
	return links
}

// linkText is a link as plans show it.
func linkText(text, to string) string { return text + ": " + to }

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// moreMarkLast puts the line that says how much was cut last.
func moreMarkLast(v plan.Value) []string {
	lines := slices.Clone([]string(v))
	slices.SortStableFunc(lines, func(a, b string) int {
		am, bm := strings.HasPrefix(a, moreMark), strings.HasPrefix(b, moreMark)
		switch {
		case am == bm:
			return 0
		case am:
			return 1
		}
		return -1
	})
	return lines
}

// writeHTML is the HTML of a value.
func writeHTML(f field, v plan.Value) string {
	if v.Blank() {
		return ""
	}
	var b strings.Builder
	switch f.form {
	case formLong:
		for line := range strings.SplitSeq(v[0], "\n") {
			b.WriteString("<p>" + escape(line) + "</p>")
		}
	case formList:
		b.WriteString("<ul>")
		for _, line := range moreMarkLast(v) {
			b.WriteString("<li>" + escape(line) + "</li>")
		}
		b.WriteString("</ul>")
	case formLinks:
		b.WriteString("<ul>")
		for _, line := range v {
			text, to, _ := strings.Cut(line, ": ")
			b.WriteString(`<li><a href="` + html.EscapeString(to) + `">` + escape(text) + "</a></li>")
		}
		b.WriteString("</ul>")
	case formRows:
		b.WriteString("<table><thead><tr>")
		for _, head := range f.head {
			b.WriteString("<th>" + escape(head) + "</th>")
		}
		b.WriteString("</tr></thead><tbody>")
		for _, line := range moreMarkLast(v) {
			b.WriteString("<tr>")
			for cell := range strings.SplitSeq(line, cellSeparator) {
				b.WriteString("<td>" + escape(cell) + "</td>")
			}
			b.WriteString("</tr>")
		}
		b.WriteString("</tbody></table>")
	}
	return b.String()
}
