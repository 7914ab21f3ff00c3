// Package attribute says what the attributes of a SCIM resource are made of:
// the expressions that map an account's attributes, the paths that they map
// to, and the rules that say which accounts and groups take part. It is pure.
//
// The expressions are those of Microsoft Entra's attribute mappings, so that
// what stands there can be copied: [department], Join(" ", [givenName],
// [surname]), Switch([country], "Other", "SE", "Sweden"), "a constant". A
// source attribute alone may be written without brackets, which YAML would
// take for a list. Microsoft documents them under "Reference for writing
// expressions for attribute mappings in Microsoft Entra ID".
package attribute

import (
	"slices"
	"strings"

	"syncd/internal/directory"
)

// An Expression makes a value of an account. It may be shared.
type Expression struct {
	root  node
	names []string
}

// Compile reads an expression. An error says at which character, what was
// found there, and what may stand there; unknown attributes and functions,
// missing arguments and arguments of a wrong kind are errors of Compile, so
// that Value has none.
func Compile(text string) (*Expression, error) {
	p := parser{text: text}
	root, err := p.whole()
	if err != nil {
		return nil, err
	}
	return &Expression{root: root, names: slices.Compact(slices.Sorted(slices.Values(p.names)))}, nil
}

// Value returns what the expression makes of an account; false means that it
// has no value, and that includes the empty text. Truth is spelled true and
// false, times as RFC 3339 in UTC.
func (e *Expression) Value(u *directory.User) (string, bool) {
	v := e.root.value(u).text()
	return v, v != ""
}

// Names returns the source attributes that the expression reads, sorted.
func (e *Expression) Names() []string { return slices.Clone(e.names) }

// String returns the expression in one spelling, which Compile reads as the same.
func (e *Expression) String() string {
	var b strings.Builder
	e.root.write(&b)
	return b.String()
}

// A value is what a part of an expression came to: nothing, one text, or the
// values of a list. Null and the empty text are both nothing, as the accounts
// themselves do not tell them apart.
type value []string

func one(text string) value {
	if text == "" {
		return nil
	}
	return value{text}
}

// text is a scalar's text. Lists get here only where the parser let them.
func (v value) text() string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// A kind is what a part of an expression comes to, known before it is evaluated.
type kind int

const (
	anything kind = iota // of parameters only
	textual
	truth
	number
	list
)

func (k kind) String() string {
	return [...]string{"anything", "text", "true or false", "a whole number", "several values"}[k]
}

// accepts reports whether an argument of kind got may stand where k is wanted.
// A list may not stand for a text: which of its values would be meant?
func (k kind) accepts(got kind) bool {
	switch k {
	case textual:
		return got != list
	case list:
		return got == list || got == textual
	case truth, number:
		return got == k
	}
	return true
}

// A node is a part of an expression.
type node interface {
	kind() kind
	value(*directory.User) value
	write(*strings.Builder)
}

// A literal is a constant.
type literal struct {
	is   kind
	text string
}

func (l literal) kind() kind                  { return l.is }
func (l literal) value(*directory.User) value { return one(l.text) }
func (l literal) write(b *strings.Builder) {
	if l.is != textual {
		b.WriteString(l.text)
		return
	}
	b.WriteByte('"')
	b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(l.text))
	b.WriteByte('"')
}

func (s *source) kind() kind                    { return s.is }
func (s *source) value(u *directory.User) value { return s.of(u) }
func (s *source) write(b *strings.Builder)      { b.WriteString("[" + s.name + "]") }

// A comparison is true where both sides have a value and the values are equal,
// or differ. Nothing is neither equal to nor different from anything, as in
// Entra.
type comparison struct {
	left, right node
	differs     bool
}

func (c comparison) kind() kind { return truth }

func (c comparison) value(u *directory.User) value {
	l, r := c.left.value(u).text(), c.right.value(u).text()
	same := l == r
	if c.left.kind() == truth || c.right.kind() == truth {
		same = strings.EqualFold(l, r) // Entra writes True and False, in quotes
	}
	return yes(l != "" && r != "" && same != c.differs)
}

func (c comparison) write(b *strings.Builder) {
	c.left.write(b)
	if c.differs {
		b.WriteString(" <> ")
	} else {
		b.WriteString(" = ")
	}
	c.right.write(b)
}

func yes(is bool) value {
	if is {
		return value{"true"}
	}
	return value{"false"}
}

// A call is a function with its arguments; one that was left empty is nil.
type call struct {
	function *function
	args     []node
	is       kind
	do       func([]value) value
}

func (c *call) kind() kind { return c.is }

func (c *call) value(u *directory.User) value {
	args := make([]value, len(c.args))
	for i, a := range c.args {
		if a != nil {
			args[i] = a.value(u)
		}
	}
	return c.do(args)
}

func (c *call) write(b *strings.Builder) {
	b.WriteString(c.function.name + "(")
	given := len(c.args)
	for given > 0 && c.args[given-1] == nil {
		given--
	}
	for i, a := range c.args[:given] {
		if i > 0 {
			b.WriteString(", ")
		}
		if a != nil {
			a.write(b)
		}
	}
	b.WriteByte(')')
}
