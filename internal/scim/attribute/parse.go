package attribute

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// deepest is how far calls may be nested: far more than anybody reads.
const deepest = 50

// A parser reads one expression, from the left.
type parser struct {
	text  string
	at    int // in bytes
	depth int
	names []string
}

// errorf is an error at a place, which is counted in characters from 1.
func (p *parser) errorf(at int, format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", utf8.RuneCountInString(p.text[:at])+1, fmt.Sprintf(format, args...))
}

// peek is the next character after any space; 0 is the end.
func (p *parser) peek() rune {
	p.at += len(p.text[p.at:]) - len(strings.TrimLeftFunc(p.text[p.at:], unicode.IsSpace))
	if p.at == len(p.text) {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return r
}

// found names the next character for an error.
func (p *parser) found() string {
	switch r := p.peek(); r {
	case 0:
		return "found the end"
	case '“', '”', '„', '‘', '’', '\'', '`':
		return fmt.Sprintf("found %c; text stands in straight double quotes", r)
	default:
		return fmt.Sprintf("found %q", r)
	}
}

// take goes past a character if it is the next one.
func (p *parser) take(r rune) bool {
	if p.peek() != r {
		return false
	}
	p.at += utf8.RuneLen(r)
	return true
}

func (p *parser) whole() (node, error) {
	if !utf8.ValidString(p.text) || strings.ContainsRune(p.text, 0) {
		return nil, fmt.Errorf("%q is not text in UTF-8", p.text)
	}
	if p.peek() == 0 {
		return nil, fmt.Errorf("the expression is empty: write an attribute such as department, a text in quotes, or a function such as Join")
	}
	// A name alone is an attribute, as in Entra's direct mappings.
	if name := strings.TrimSpace(p.text); !strings.ContainsFunc(name, func(r rune) bool { return !nameRune(r) }) &&
		!constant(strings.ToLower(name)) {
		s := sourceNamed(name)
		if s == nil {
			return nil, p.errorf(p.at, "%s (a constant text stands in double quotes)", unknownSource(name))
		}
		return p.attribute(s, p.at)
	}
	start := p.at
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 {
		return nil, p.errorf(p.at, "%s where the expression should end", p.found())
	}
	if n.kind() == list {
		return nil, p.errorf(start, "comes to several values; choose one with Item(…, 1), or put them together with Join(\", \", …)")
	}
	return n, nil
}

// attribute is a whole expression that is one attribute.
func (p *parser) attribute(s *source, at int) (node, error) {
	if s.is == list {
		return nil, p.errorf(at, "%s has several values; choose one with Item([%s], 1)", s.name, s.name)
	}
	p.names = append(p.names, s.name)
	return s, nil
}

// expression is an operand, or two that are compared.
func (p *parser) expression() (node, error) {
	if p.depth++; p.depth > deepest {
		return nil, p.errorf(p.at, "is nested more than %d deep", deepest)
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	c := comparison{left: left}
	next := p.peek()
	at := p.at
	switch next {
	case '=':
		p.at++
		p.take('=') // as programmers write it
	case '<':
		if !strings.HasPrefix(p.text[p.at:], "<>") {
			return nil, p.errorf(p.at, "found <; comparisons are = and <>")
		}
		p.at, c.differs = p.at+2, true
	case '>', '!', '&', '|', '+':
		return nil, p.errorf(p.at, "%s; comparisons are = and <>, and texts are put together with Join or Append", p.found())
	default:
		return left, nil
	}
	if c.right, err = p.operand(); err != nil {
		return nil, err
	}
	for _, side := range []node{c.left, c.right} {
		if side.kind() == list {
			return nil, p.errorf(at, "several values cannot be compared; choose one with Item(…, 1)")
		}
	}
	for _, sides := range [][2]node{{c.left, c.right}, {c.right, c.left}} {
		if l, ok := sides[1].(literal); ok && sides[0].kind() == truth && !constant(strings.ToLower(l.text)) {
			return nil, p.errorf(at, "compares true or false with %q", l.text)
		}
	}
	return c, nil
}

func (p *parser) operand() (node, error) {
	switch r := p.peek(); {
	case r == '"':
		return p.quoted()
	case r == '[':
		return p.bracketed()
	case r >= '0' && r <= '9':
		return p.digits()
	case nameRune(r):
		start := p.at
		name := p.name()
		if p.peek() == '(' {
			return p.call(name, start)
		}
		if constant(strings.ToLower(name)) {
			return literal{truth, strings.ToLower(name)}, nil
		}
		if s := sourceNamed(name); s != nil {
			return nil, p.errorf(start, "found %s; within an expression an attribute stands in brackets: [%s]", name, s.name)
		}
		if functionNamed(name) != nil {
			return nil, p.errorf(p.at, "%s; %s takes its arguments in parentheses", p.found(), name)
		}
		return nil, p.errorf(start, `found %s; write an attribute as [department], a constant in double quotes, or a function such as Join(…)`, name)
	}
	return nil, p.errorf(p.at, `%s; write an attribute as [department], a constant in double quotes, or a function such as Join(…)`, p.found())
}

// quoted is a text in double quotes; a backslash makes the next " or \ plain.
func (p *parser) quoted() (node, error) {
	start := p.at
	var b strings.Builder
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.at = i + 1
			return literal{textual, b.String()}, nil
		// Any other backslash is one: patterns such as \s are written with one in
		// some of Microsoft's examples and with two in others.
		case c == '\\' && i+1 < len(p.text) && (p.text[i+1] == '"' || p.text[i+1] == '\\'):
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return nil, p.errorf(start, "the text that begins here has no closing double quote")
}

func (p *parser) bracketed() (node, error) {
	start := p.at
	inside, _, closed := strings.Cut(p.text[p.at+1:], "]")
	if !closed {
		return nil, p.errorf(start, "the attribute that begins here has no closing bracket")
	}
	p.at += len(inside) + 2
	name := strings.TrimSpace(inside)
	s := sourceNamed(name)
	if s == nil {
		if name == "" {
			name = "(nothing)"
		}
		return nil, p.errorf(start+1, "%s", unknownSource(name))
	}
	p.names = append(p.names, s.name)
	return s, nil
}

func (p *parser) digits() (node, error) {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	digits := strings.TrimLeft(p.text[start:p.at], "0")
	if len(digits) > 6 {
		return nil, p.errorf(start, "%s is too large a number", digits)
	}
	if digits == "" {
		digits = "0"
	}
	return literal{number, digits}, nil
}

func (p *parser) name() string {
	start := p.at
	for p.at < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.at:])
		if !nameRune(r) {
			break
		}
		p.at += size
	}
	return p.text[start:p.at]
}

func nameRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// constant reports whether a name or a text is one of the words for truth.
func constant(text string) bool { return text == "true" || text == "false" }

func (p *parser) call(name string, start int) (node, error) {
	f := functionNamed(name)
	if f == nil {
		return nil, p.errorf(start, "no function is called %s%s", name, suggestion(name, Functions()))
	}
	p.take('(')
	c := &call{function: f}
	var places []int
	for last := false; !last; {
		var arg node
		next := p.peek()
		places = append(places, p.at)
		switch next {
		case ',', ')': // left empty
		default:
			var err error
			if arg, err = p.expression(); err != nil {
				return nil, err
			}
		}
		c.args = append(c.args, arg)
		switch {
		case p.take(','):
		case p.take(')'):
			last = true
		default:
			return nil, p.errorf(p.at, "%s; the arguments of %s are parted by commas and end with )", p.found(), f.name)
		}
	}
	// What is left empty at the end might as well not be there.
	for len(c.args) > 0 && c.args[len(c.args)-1] == nil {
		c.args = c.args[:len(c.args)-1]
	}
	if at, message := f.check(c); message != "" {
		place := start
		if at >= 0 && at < len(places) {
			place = places[at]
		}
		return nil, p.errorf(place, "%s: %s", f.name, message)
	}
	return c, nil
}
