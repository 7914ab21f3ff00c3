package cwsim

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// A condition is a parsed conditions, childConditions or
// customFieldConditions parameter.
type condition interface {
	holds(record) bool
}

type (
	and struct{ a, b condition }
	or  struct{ a, b condition }
)

func (c and) holds(r record) bool { return c.a.holds(r) && c.b.holds(r) }
func (c or) holds(r record) bool  { return c.a.holds(r) || c.b.holds(r) }

// A comparison compares one member with literals.
type comparison struct {
	path   []string
	kind   kind
	op     string // = != < <= > >= in like contains
	not    bool   // not in, not like, not contains
	values []literal
}

// A literal is null or a value of one kind: kindText, kindNumber, kindBool or
// kindDate.
type literal struct {
	null   bool
	kind   kind
	text   string
	number decimal.Decimal
	truth  bool
	moment time.Time
}

// A dialect is what one of the three parameters allows.
type dialect struct {
	schema  *schema
	allowIn bool
	// list is the list that childConditions are about, found from the first
	// path; all paths must agree, since they are about one entry of it.
	children bool
	list     string
	refused  []string // names that this version cannot filter
	escapes  bool     // a backslash escapes a quote
	// alias lets lastUpdated stand for _info.lastUpdated.
	alias bool
}

// parseConditions parses an expression and checks every name and type in it.
func parseConditions(text string, d *dialect) (condition, *apiError) {
	p := &parser{text: text, dialect: d}
	p.advance()
	if p.err == nil && p.tok.kind == tokEnd {
		return nil, badCondition("The conditions are empty.")
	}
	c := p.disjunction(0)
	if p.err == nil && p.tok.kind != tokEnd {
		p.fail("unexpected %q", p.tok.text)
	}
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokWord
	tokText
	tokNumber
	tokDate
	tokOp
	tokPunct // ( ) ,
)

type token struct {
	kind tokenKind
	text string
}

func (t token) is(word string) bool { return t.kind == tokWord && strings.EqualFold(t.text, word) }

type parser struct {
	text    string
	pos     int
	tok     token
	err     *apiError
	dialect *dialect
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = badCondition("The condition is not valid: "+format+".", args...)
	}
	p.tok = token{kind: tokEnd}
}

// advance reads the next token.
func (p *parser) advance() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t' || p.text[p.pos] == '\r' || p.text[p.pos] == '\n') {
		p.pos++
	}
	if p.err != nil || p.pos >= len(p.text) {
		p.tok = token{kind: tokEnd}
		return
	}
	c, rest := p.text[p.pos], p.text[p.pos:]
	switch {
	case c == '"' || c == '\'':
		p.quoted(c)
	case c == '[':
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			p.fail("a date without its closing bracket")
			return
		}
		p.take(tokDate, end+1)
		p.tok.text = p.tok.text[1:end]
	case c == '(' || c == ')' || c == ',':
		p.take(tokPunct, 1)
	case strings.HasPrefix(rest, "!=") || strings.HasPrefix(rest, "<=") || strings.HasPrefix(rest, ">="):
		p.take(tokOp, 2)
	case c == '=' || c == '<' || c == '>':
		p.take(tokOp, 1)
	case c >= '0' && c <= '9' || c == '-' || c == '.':
		n := 1
		for n < len(rest) && (rest[n] >= '0' && rest[n] <= '9' || rest[n] == '.') {
			n++
		}
		p.take(tokNumber, n)
	default:
		n := 0
		for n < len(rest) {
			r, size := utf8.DecodeRuneInString(rest[n:])
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '/' && r != '.' {
				break
			}
			n += size
		}
		if n == 0 {
			r, _ := utf8.DecodeRuneInString(rest)
			p.fail("unexpected %q", r)
			return
		}
		p.take(tokWord, n)
	}
}

func (p *parser) take(k tokenKind, n int) {
	p.tok = token{kind: k, text: p.text[p.pos : p.pos+n]}
	p.pos += n
}

// quoted reads a string. How a quote inside quotes is written is documented
// nowhere, so by default there is no way to write one.
func (p *parser) quoted(quote byte) {
	var b strings.Builder
	for i := p.pos + 1; i < len(p.text); i++ {
		c := p.text[i]
		if p.dialect.escapes && c == '\\' && i+1 < len(p.text) && (p.text[i+1] == '"' || p.text[i+1] == '\'') {
			i++
			b.WriteByte(p.text[i])
			continue
		}
		if c == quote {
			p.pos = i + 1
			p.tok = token{kind: tokText, text: b.String()}
			return
		}
		b.WriteByte(c)
	}
	p.fail("a string without its closing quote")
}

// deepest bounds the nesting of parentheses, so that no expression can
// exhaust the stack.
const deepest = 100

func (p *parser) disjunction(depth int) condition {
	c := p.conjunction(depth)
	for p.err == nil && p.tok.is("or") {
		p.advance()
		c = or{c, p.conjunction(depth)}
	}
	return c
}

func (p *parser) conjunction(depth int) condition {
	c := p.term(depth)
	for p.err == nil && p.tok.is("and") {
		p.advance()
		c = and{c, p.term(depth)}
	}
	return c
}

func (p *parser) term(depth int) condition {
	if p.tok.kind == tokPunct && p.tok.text == "(" {
		if depth >= deepest {
			p.fail("too many parentheses")
			return nil
		}
		p.advance()
		c := p.disjunction(depth + 1)
		if p.tok.kind != tokPunct || p.tok.text != ")" {
			p.fail("a parenthesis is not closed")
			return nil
		}
		p.advance()
		return c
	}
	return p.comparison()
}

func (p *parser) comparison() condition {
	if p.tok.kind != tokWord {
		p.fail("a name is missing before %q", p.tok.text)
		return nil
	}
	if p.tok.is("not") {
		p.fail("not stands before in, like or contains only")
		return nil
	}
	c := &comparison{}
	if !p.name(c) {
		return nil
	}
	p.advance()
	if p.tok.is("not") {
		c.not = true
		p.advance()
		if p.tok.kind == tokOp {
			p.fail("not stands before in, like or contains only")
			return nil
		}
	}
	switch {
	case p.tok.kind == tokOp:
		c.op = p.tok.text
	case p.tok.is("in"), p.tok.is("like"), p.tok.is("contains"):
		c.op = strings.ToLower(p.tok.text)
	default:
		p.fail("an operator is missing after %s", strings.Join(c.path, "/"))
		return nil
	}
	if c.op == "in" && !p.dialect.allowIn {
		p.fail("in can be used in conditions only")
		return nil
	}
	p.advance()
	if c.op != "in" {
		p.literal(c)
		return c
	}
	if p.tok.kind != tokPunct || p.tok.text != "(" {
		p.fail("in wants a list in parentheses")
		return nil
	}
	for {
		p.advance()
		p.literal(c)
		if p.err != nil {
			return nil
		}
		if p.tok.kind == tokPunct && p.tok.text == "," {
			continue
		}
		if p.tok.kind != tokPunct || p.tok.text != ")" {
			p.fail("a list is not closed")
			return nil
		}
		p.advance()
		return c
	}
}

// name resolves the word under the cursor as a member.
func (p *parser) name(c *comparison) bool {
	d, word := p.dialect, p.tok.text
	unknown := func() bool {
		p.err = badCondition("%s is not a recognized name.", word)
		p.tok = token{kind: tokEnd}
		return false
	}
	for _, r := range d.refused {
		if r == word {
			return unknown()
		}
	}
	if d.alias && word == "lastUpdated" && d.schema.byName["_info"] != nil {
		c.path, c.kind = []string{"_info", "lastUpdated"}, kindDate
		return true
	}
	s, path := d.schema, strings.Split(word, "/")
	if d.children {
		m := s.byName[path[0]]
		if m == nil || m.kind != kindList || m.of == nil || len(path) < 2 || d.list != "" && d.list != path[0] {
			return unknown()
		}
		d.list, s, path = path[0], m.of, path[1:]
	}
	for i, step := range path {
		m := s.byName[step]
		if m == nil || m.kind == kindInfo || m.kind == kindList {
			return unknown()
		}
		if i == len(path)-1 {
			c.path, c.kind = path, m.kind
			return true
		}
		if m.kind != kindRef {
			return unknown()
		}
		s = m.of
	}
	return unknown()
}

// literal reads one value and checks that the member can be compared with it.
func (p *parser) literal(c *comparison) {
	l := literal{}
	switch t := p.tok; t.kind {
	case tokText:
		l.kind, l.text = kindText, t.text
	case tokNumber:
		n, err := decimal.NewFromString(t.text)
		if err != nil || len(t.text) > 50 {
			p.fail("%q is not a number", t.text)
			return
		}
		l.kind, l.number = kindNumber, n
	case tokDate:
		at, err := time.Parse(timeLayout, t.text)
		if err != nil {
			p.fail("[%s] is not a date such as [2025-03-01T00:00:00Z]", t.text)
			return
		}
		l.kind, l.moment = kindDate, at
	case tokWord:
		switch {
		case t.is("null"):
			l.null = true
		case t.is("true"), t.is("false"):
			l.kind, l.truth = kindBool, t.is("true")
		default:
			p.fail("%s is not a value; strings need quotes", t.text)
			return
		}
	default:
		p.fail("a value is missing after %s", strings.Join(c.path, "/"))
		return
	}
	if !fits(c, l) {
		p.fail("%s cannot be compared with %s like that", strings.Join(c.path, "/"), p.tok.text)
		return
	}
	c.values = append(c.values, l)
	p.advance()
}

func fits(c *comparison, l literal) bool {
	if l.null {
		return c.op == "=" || c.op == "!="
	}
	patterns := c.op == "like" || c.op == "contains"
	switch c.kind {
	case kindText, kindEnum:
		return l.kind == kindText
	case kindInt, kindNumber:
		return l.kind == kindNumber && !patterns
	case kindBool:
		return l.kind == kindBool && (c.op == "=" || c.op == "!=")
	case kindDate:
		return l.kind == kindDate && !patterns
	case kindAny:
		return true
	}
	return false // a whole reference is only ever null or not
}
