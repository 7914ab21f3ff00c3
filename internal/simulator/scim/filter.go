package scimsim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A filter is an expression of RFC 7644, section 3.4.2.2.
type filter struct {
	op       string // and, or, not, [] (value path), or a comparison
	operands []*filter
	path     *path
	value    any // string, bool, json.Number or nil
}

// A grammar is what of the filter language a provider understands.
type grammar struct {
	ops           []string // nil means all of the RFC
	noLogic       bool     // no and, or, not
	noOr          bool
	noValuePaths  bool
	entraPaths    bool // emails[type eq "work"].value eq "x"
	unquoted      Unquoted
	refuseEscapes bool
}

var comparisons = []string{"eq", "ne", "co", "sw", "ew", "pr", "gt", "ge", "lt", "le"}

type filterParser struct {
	grammar
	text string
	at   int
	find namespace
}

// parseFilter reads a whole expression.
func parseFilter(text string, find namespace, rules grammar) (*filter, *apiError) {
	p := &filterParser{grammar: rules, text: text, find: find}
	f, err := p.or()
	if err == nil {
		if p.space(); p.at < len(p.text) {
			err = p.wrong("%q is left over", p.text[p.at:])
		}
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (p *filterParser) wrong(format string, args ...any) *apiError {
	return badRequest("invalidFilter", format, args...)
}

func (p *filterParser) space() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// word takes the next word if it is that one, in any case.
func (p *filterParser) word(w string) bool {
	p.space()
	end := p.at + len(w)
	if end > len(p.text) || !strings.EqualFold(p.text[p.at:end], w) {
		return false
	}
	if end < len(p.text) && p.text[end] != ' ' && p.text[end] != '(' {
		return false
	}
	p.at = end
	return true
}

func (p *filterParser) or() (*filter, *apiError)  { return p.chain("or", p.and) }
func (p *filterParser) and() (*filter, *apiError) { return p.chain("and", p.not) }

func (p *filterParser) chain(op string, next func() (*filter, *apiError)) (*filter, *apiError) {
	f, err := next()
	if err != nil {
		return nil, err
	}
	kids := []*filter{f}
	for p.word(op) {
		if p.noLogic || p.noOr && op == "or" {
			return nil, p.wrong("%q is not supported", op)
		}
		if f, err = next(); err != nil {
			return nil, err
		}
		kids = append(kids, f)
	}
	if len(kids) == 1 {
		return kids[0], nil
	}
	return &filter{op: op, operands: kids}, nil
}

func (p *filterParser) not() (*filter, *apiError) {
	p.space()
	negated := p.word("not")
	p.space()
	if p.at >= len(p.text) || p.text[p.at] != '(' {
		if negated {
			return nil, p.wrong("not needs parentheses")
		}
		return p.comparison()
	}
	if p.noLogic {
		return nil, p.wrong("parentheses are not supported")
	}
	p.at++
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at >= len(p.text) || p.text[p.at] != ')' {
		return nil, p.wrong("a parenthesis is not closed")
	}
	p.at++
	if negated {
		return &filter{op: "not", operands: []*filter{f}}, nil
	}
	return f, nil
}

func (p *filterParser) comparison() (*filter, *apiError) {
	p.space()
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" []()\"", rune(p.text[p.at])) {
		p.at++
	}
	name := p.text[start:p.at]
	target, ok := p.find(name)
	if !ok {
		return nil, p.wrong("there is no attribute %q", name)
	}
	if p.at < len(p.text) && p.text[p.at] == '[' {
		return p.valuePath(target)
	}
	return p.compare(target)
}

// valuePath reads what follows a name in brackets.
func (p *filterParser) valuePath(target *path) (*filter, *apiError) {
	if p.noValuePaths || !target.attr.multi || target.sub != nil {
		return nil, p.wrong("%q cannot be followed by brackets", target.text)
	}
	p.at++
	outer := p.find
	p.find = target.attr.within()
	inner, err := p.or()
	p.find = outer
	if err != nil {
		return nil, err
	}
	if p.space(); p.at >= len(p.text) || p.text[p.at] != ']' {
		return nil, p.wrong("a bracket is not closed")
	}
	p.at++
	f := &filter{op: "[]", path: target, operands: []*filter{inner}}
	if p.at >= len(p.text) || p.text[p.at] != '.' {
		return f, nil
	}
	// Entra's form, which is outside the grammar of the RFC.
	if !p.entraPaths {
		return nil, p.wrong("a sub-attribute behind brackets is not in the grammar of RFC 7644")
	}
	p.at++
	p.find = target.attr.within()
	more, err := p.comparison()
	p.find = outer
	if err != nil {
		return nil, err
	}
	f.operands[0] = &filter{op: "and", operands: []*filter{inner, more}}
	return f, nil
}

func (p *filterParser) compare(target *path) (*filter, *apiError) {
	p.space()
	start := p.at
	for p.at < len(p.text) && unicode.IsLetter(rune(p.text[p.at])) {
		p.at++
	}
	op := strings.ToLower(p.text[start:p.at])
	if !slices.Contains(comparisons, op) {
		return nil, p.wrong("%q is not an operator", op)
	}
	if p.ops != nil && !slices.Contains(p.ops, op) {
		return nil, p.wrong("the operator %q is not supported", op)
	}
	f := &filter{op: op, path: target}
	if op == "pr" {
		return f, nil
	}
	p.space()
	rest := p.text[p.at:]
	if !strings.HasPrefix(rest, `"`) {
		end := strings.IndexAny(rest, " )]")
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		p.at += end
		var err *apiError
		f.value, err = p.bare(word)
		return f, err
	}
	if p.unquoted == UnquotedOnly {
		return nil, p.wrong("the value must not be quoted")
	}
	d := json.NewDecoder(strings.NewReader(rest))
	var s string
	if err := d.Decode(&s); err != nil {
		return nil, p.wrong("the value is not a JSON string")
	}
	length := int(d.InputOffset())
	if p.refuseEscapes && strings.Contains(rest[:length], `\`) {
		return nil, p.wrong("the value holds a backslash")
	}
	p.at += length
	f.value = s
	return f, nil
}

// bare reads a value without quotes.
func (p *filterParser) bare(word string) (any, *apiError) {
	switch word {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	case "":
		return nil, p.wrong("a value is missing")
	}
	if p.unquoted != UnquotedRefused {
		return word, nil
	}
	if _, err := strconv.ParseFloat(word, 64); err == nil {
		return json.Number(word), nil
	}
	return nil, p.wrong("the value %q is not quoted", word)
}

// leaves calls visit with every comparison and value path.
func (f *filter) leaves(visit func(leaf *filter)) {
	if f.path != nil {
		visit(f)
	}
	for _, kid := range f.operands {
		kid.leaves(visit)
	}
}

// wrongCase reports whether a name in the filter is in another case than the schema's.
func (f *filter) wrongCase() bool {
	found := false
	f.leaves(func(leaf *filter) { found = found || leaf.path.wrongCase })
	return found
}

// cases name an attribute each that compares with, or without, regard to case
// against its schema; empty = none.
type cases struct {
	exact, fold string
}

func (s cases) exactly(a *attribute) bool { return a.name == s.exact || a.exact && a.name != s.fold }

// match reports whether a resource, or a value of a list, passes.
func (f *filter) match(doc map[string]any, s cases) bool {
	switch f.op {
	case "and":
		return !slices.ContainsFunc(f.operands, func(k *filter) bool { return !k.match(doc, s) })
	case "or":
		return slices.ContainsFunc(f.operands, func(k *filter) bool { return k.match(doc, s) })
	case "not":
		return !f.operands[0].match(doc, s)
	case "[]":
		for _, v := range elements(f.path.holder(doc)[f.path.attr.name]) {
			if m, ok := v.(map[string]any); ok && f.operands[0].match(m, s) {
				return true
			}
		}
		return false
	}
	values := f.path.values(doc)
	a := f.path.attr
	if f.path.sub != nil {
		a = f.path.sub
	} else if value := a.sub("value"); value != nil && a.multi {
		a = value // emails eq "x" means the value
	}
	switch {
	case f.op == "pr":
		return len(values) > 0
	case f.value == nil:
		return (f.op == "eq") == (len(values) == 0)
	case f.op == "ne":
		return !slices.ContainsFunc(values, func(v any) bool { return compare("eq", v, f.value, s.exactly(a)) })
	}
	return slices.ContainsFunc(values, func(v any) bool { return compare(f.op, v, f.value, s.exactly(a)) })
}

func compare(op string, have, want any, exact bool) bool {
	a, b := plain(have), plain(want)
	if _, ok := have.(bool); ok {
		return op == "eq" && strings.EqualFold(a, b)
	}
	if !exact {
		a, b = strings.ToLower(a), strings.ToLower(b)
	}
	switch op {
	case "eq":
		return a == b
	case "co":
		return strings.Contains(a, b)
	case "sw":
		return strings.HasPrefix(a, b)
	case "ew":
		return strings.HasSuffix(a, b)
	}
	order := strings.Compare(a, b)
	if x, err := time.Parse(time.RFC3339, plain(have)); err == nil {
		if y, err := time.Parse(time.RFC3339, plain(want)); err == nil {
			order = x.Compare(y)
		}
	} else if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil {
			order = cmp.Compare(x, y)
		}
	}
	switch op {
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	}
	return order <= 0
}

// plain is a JSON value as text.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	b, _ := json.Marshal(v)
	return string(b)
}
