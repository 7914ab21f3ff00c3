package itgluesim

import (
	"html"
	"slices"
	"strings"
)

// sanitise writes HTML as the product's editor would: tags in lower case and
// closed, attributes ordered and without styles, handlers and classes, no
// scripts, no comments, a line for each block. What it wrote it leaves alone.
func sanitise(in string) string {
	var b strings.Builder
	var open []string
	for in != "" {
		i := strings.IndexByte(in, '<')
		if i < 0 {
			i = len(in)
		}
		b.WriteString(plainText(in[:i]))
		if in = in[i:]; in == "" {
			break
		}
		if strings.HasPrefix(in, "<!--") {
			_, in, _ = strings.Cut(in, "-->")
			continue
		}
		t, rest, ok := readTag(in)
		if !ok {
			b.WriteString("&lt;")
			in = in[1:]
			continue
		}
		in = rest
		switch {
		case !t.closing && (t.name == "script" || t.name == "style"):
			end := strings.Index(strings.ToLower(in), "</"+t.name)
			if end < 0 {
				in = ""
				continue
			}
			_, in, _ = strings.Cut(in[end:], ">")
		case t.closing:
			i := lastIndex(open, t.name)
			if i < 0 {
				continue
			}
			for j := len(open) - 1; j > i; j-- {
				closeTag(&b, open[j], "")
			}
			closeTag(&b, t.name, in)
			open = open[:i]
		default:
			b.WriteString(t.String())
			if !slices.Contains(voids, t.name) {
				open = append(open, t.name)
			}
		}
	}
	for _, name := range slices.Backward(open) {
		closeTag(&b, name, "")
	}
	return strings.TrimSpace(b.String())
}

var (
	voids  = []string{"br", "hr", "img", "col", "wbr"}
	blocks = []string{"p", "div", "table", "thead", "tbody", "tr", "ul", "ol", "li", "h1", "h2", "h3", "h4"}
)

func closeTag(b *strings.Builder, name, following string) {
	b.WriteString("</" + name + ">")
	if slices.Contains(blocks, name) && !strings.HasPrefix(following, "\n") {
		b.WriteByte('\n')
	}
}

func lastIndex(all []string, s string) int {
	for i, v := range slices.Backward(all) {
		if v == s {
			return i
		}
	}
	return -1
}

// plainText decodes entities and encodes the three that must be.
func plainText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(html.UnescapeString(s))
}

type tag struct {
	name       string
	closing    bool
	attributes [][2]string
}

func (t tag) String() string {
	var b strings.Builder
	b.WriteString("<" + t.name)
	for _, a := range t.attributes {
		b.WriteString(" " + a[0] + `="` + strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;").Replace(a[1]) + `"`)
	}
	return b.String() + ">"
}

// readTag reads one tag and what follows it; false if it is none.
func readTag(in string) (t tag, rest string, ok bool) {
	s := in[1:]
	if strings.HasPrefix(s, "/") {
		t.closing, s = true, s[1:]
	}
	n := 0
	for n < len(s) && (isLetter(s[n]) || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	if n == 0 {
		return t, in, false
	}
	t.name, s = strings.ToLower(s[:n]), s[n:]
	for {
		s = strings.TrimLeft(s, " \t\r\n/")
		if s == "" {
			return t, in, false
		}
		if s[0] == '>' {
			break
		}
		n := strings.IndexAny(s, "= \t\r\n/>")
		if n <= 0 {
			return t, in, false
		}
		name, value := strings.ToLower(s[:n]), ""
		s = strings.TrimLeft(s[n:], " \t\r\n")
		if strings.HasPrefix(s, "=") {
			s = strings.TrimLeft(s[1:], " \t\r\n")
			if s == "" {
				return t, in, false
			}
			if q := s[0]; q == '"' || q == '\'' {
				v, after, found := strings.Cut(s[1:], string(q))
				if !found {
					return t, in, false
				}
				value, s = v, after
			} else {
				n := strings.IndexAny(s, " \t\r\n>")
				if n < 0 {
					return t, in, false
				}
				value, s = s[:n], s[n:]
			}
		}
		value = html.UnescapeString(value)
		if name == "style" || name == "class" || strings.HasPrefix(name, "on") || strings.HasPrefix(name, "data-") ||
			strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "javascript:") {
			continue
		}
		t.attributes = append(t.attributes, [2]string{name, value})
	}
	slices.SortFunc(t.attributes, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return t, s[1:], true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
