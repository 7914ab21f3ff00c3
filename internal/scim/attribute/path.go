package attribute

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"syncd/internal/visible"
)

// A Path names an attribute of a SCIM resource, in the grammar of RFC 7644
// §3.5.2: emails[type eq "work"].value, name.givenName, or
// urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber.
type Path struct {
	URN       string   // schema of the extension; empty for the core schema
	Attribute string   // of the core schema in its spelling, of others as it was written
	Filter    []Clause // which value of a multi-valued attribute: all of these hold; none for all values
	Sub       string   // sub-attribute, or empty
}

// A Clause is one comparison of a value filter; eq is the only operator, for
// a value that has to be made must be said, not described.
type Clause struct {
	Attribute string
	Value     any // string, bool or json.Number
}

// Schemas of the core: a path may name them and means the same without.
const (
	CoreUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	CoreGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	Enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// ParsePath reads a path. Of the schemas that are known, by any spelling of
// their case, the longest that fits is cut off, in its own spelling; an unknown
// one ends at the last colon, for not every provider's ends in :2.0:User.
func ParsePath(text string, known ...string) (Path, error) {
	bad := func(format string, args ...any) (Path, error) {
		return Path{}, fmt.Errorf("%q is not a SCIM path: %s", text, fmt.Sprintf(format, args...))
	}
	rest := strings.TrimSpace(text)
	if rest == "" {
		return bad(`write one such as title, name.givenName or emails[type eq "work"].value`)
	}
	if !utf8.ValidString(rest) {
		return bad("it is not UTF-8")
	}
	var p Path
	head, _, _ := strings.Cut(rest, "[") // a filter's text may hold colons of its own
	cut := -1
	for _, urn := range slices.Concat(known, []string{CoreUser, CoreGroup, Enterprise}) {
		switch {
		case urn == "" || len(head) < len(urn) || !strings.EqualFold(head[:len(urn)], urn):
		case len(head) == len(urn):
			return bad("it names a schema and no attribute of it: add a colon and the attribute")
		case head[len(urn)] == ':' && len(urn) > cut:
			p.URN, cut = urn, len(urn)
		}
	}
	if cut < 0 {
		if cut = strings.LastIndexByte(head, ':'); cut >= 0 {
			p.URN = head[:cut]
			if !strings.EqualFold(p.URN[:min(4, len(p.URN))], "urn:") || strings.ContainsAny(p.URN, " \t\"") {
				return bad("what stands before the last colon is no URN of a schema")
			}
		}
	}
	if cut >= 0 {
		rest = rest[cut+1:]
	}
	if p.URN == CoreUser || p.URN == CoreGroup {
		p.URN = ""
	}
	if p.Attribute, rest = word(rest); p.Attribute == "" {
		return bad("an attribute's name begins with a letter, found %q", visible.Clip(rest, 12))
	}
	if strings.HasPrefix(rest, "[") {
		var message string
		if p.Filter, rest, message = clauses(rest[1:]); message != "" {
			return bad("%s", message)
		}
	}
	if after, dotted := strings.CutPrefix(rest, "."); dotted {
		if p.Sub, rest = word(after); p.Sub == "" {
			return bad("a sub-attribute's name must follow the dot, found %q", visible.Clip(rest, 12))
		}
	}
	if rest != "" {
		return bad("found %q where it should end", visible.Clip(rest, 12))
	}
	return p.canonical(), nil
}

// word takes an attribute's name off: a letter, or $ as in $ref, then letters,
// digits, - and _.
func word(s string) (name, rest string) {
	n := 0
	for n < len(s) {
		c := s[n] | 0x20
		letter := c >= 'a' && c <= 'z' && s[n] >= 'A'
		if !letter && (n > 0 || s[n] != '$') && (n == 0 || !strings.ContainsRune("0123456789-_", rune(s[n]))) {
			break
		}
		n++
	}
	if s[:n] == "$" {
		n = 0
	}
	return s[:n], s[n:]
}

// clauses reads a filter behind its bracket, up to and past the closing one.
func clauses(s string) (list []Clause, rest, message string) {
	for {
		var c Clause
		if c.Attribute, rest = word(strings.TrimLeft(s, " ")); c.Attribute == "" {
			return nil, "", fmt.Sprintf("a filter compares an attribute, as in [type eq \"work\"], found %q", visible.Clip(rest, 12))
		}
		operator, after := word(strings.TrimLeft(rest, " "))
		if !strings.EqualFold(operator, "eq") {
			return nil, "", fmt.Sprintf("the operator is %q; only eq can say what a value must be", operator)
		}
		// A JSON literal, as RFC 7644 wants it, ends where the decoder stops.
		d := json.NewDecoder(strings.NewReader(after))
		d.UseNumber()
		if err := d.Decode(&c.Value); err != nil {
			return nil, "", fmt.Sprintf("%q is not a text in double quotes, a number, true or false", visible.Clip(strings.TrimLeft(after, " "), 12))
		}
		switch c.Value.(type) {
		case string, bool, json.Number:
		default:
			return nil, "", "a filter compares with a text in double quotes, a number, true or false"
		}
		list = append(list, c)
		rest = strings.TrimLeft(after[d.InputOffset():], " ")
		if tail, closed := strings.CutPrefix(rest, "]"); closed {
			return list, tail, ""
		}
		and, tail := word(rest)
		if !strings.EqualFold(and, "and") {
			return nil, "", fmt.Sprintf("the filter should end with ] or go on with and, found %q", visible.Clip(rest, 12))
		}
		s = tail
	}
}

// String returns the path as it is sent.
func (p Path) String() string {
	var b strings.Builder
	if p.URN != "" {
		b.WriteString(p.URN + ":")
	}
	b.WriteString(p.Attribute)
	for i, c := range p.Filter {
		b.WriteString([]string{"[", " and "}[min(i, 1)] + c.Attribute + " eq ")
		b.WriteString(jsonText(c.Value))
	}
	if len(p.Filter) > 0 {
		b.WriteByte(']')
	}
	if p.Sub != "" {
		b.WriteString("." + p.Sub)
	}
	return b.String()
}

// jsonText writes a literal without the escapes for HTML of json.Marshal, which
// some providers do not undo.
func jsonText(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // plain data
	return strings.TrimSuffix(b.String(), "\n")
}

// Provided reports whether the provider alone writes the attribute, so that
// nothing may be mapped to it.
func (p Path) Provided() bool {
	return p.URN == "" && slices.ContainsFunc([]string{"id", "meta", "schemas", "groups"},
		func(name string) bool { return strings.EqualFold(name, p.Attribute) })
}
