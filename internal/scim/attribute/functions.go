package attribute

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A parameter is a place for an argument.
type parameter struct {
	name     string
	is       kind
	optional bool // may be left empty
	fixed    bool // wants a constant
}

// A function is one that expressions may call.
type function struct {
	name   string
	takes  []parameter
	repeat []parameter // further arguments, in groups as often as wanted
	gives  kind        // anything: what the arguments from result on come to
	result []int       // places of arguments, or of the first of a group, that may be the result
	do     func([]value) value
	// build, where there is one, looks at constant arguments once and says what
	// is wrong with them.
	build func(*call) (func([]value) value, string)
}

func in(name string, is kind) parameter { return parameter{name: name, is: is} }

func optional(p parameter) parameter { p.optional = true; return p }
func fixed(p parameter) parameter    { p.fixed = true; return p }

var source1 = in("source", textual)

// functions are those of Entra's mappings that make sense for what an account
// here holds; where Entra documents nothing for an empty source, the result is
// empty too, so that no half value such as "@contoso.example" is ever sent.
var functions []function

func init() { // not a literal: the parser asks for the names in its errors
	functions = []function{
		{name: "Append", takes: []parameter{source1, in("suffix", textual)}, gives: textual, do: func(a []value) value {
			if a[0] == nil {
				return nil
			}
			return one(a[0].text() + a[1].text())
		}},
		{name: "Coalesce", takes: []parameter{in("source", anything)}, repeat: []parameter{in("source", anything)}, result: []int{0, 1},
			do: func(a []value) value {
				for _, v := range a {
					if len(v) > 0 {
						return v
					}
				}
				return nil
			}},
		{name: "Count", takes: []parameter{in("source", list)}, gives: number,
			do: func(a []value) value { return value{strconv.Itoa(len(a[0]))} }},
		{name: "IIF", takes: []parameter{in("condition", truth), optional(in("value if true", anything)),
			optional(in("value if false", anything))}, result: []int{1, 2}, do: func(a []value) value {
			if a[0].text() == "true" {
				return a[1]
			}
			return a[2]
		}},
		{name: "IsNull", takes: []parameter{in("source", anything)}, gives: truth, do: func(a []value) value { return yes(len(a[0]) == 0) }},
		{name: "IsNullOrEmpty", takes: []parameter{in("source", anything)}, gives: truth,
			do: func(a []value) value { return yes(len(a[0]) == 0) }},
		{name: "IsPresent", takes: []parameter{in("source", anything)}, gives: truth, do: func(a []value) value { return yes(len(a[0]) > 0) }},
		{name: "Item", takes: []parameter{in("source", list), in("number", number)}, gives: textual, do: func(a []value) value {
			if n := whole(a[1]); n >= 1 && n <= len(a[0]) {
				return one(a[0][n-1])
			}
			return nil
		}},
		{name: "Join", takes: []parameter{in("separator", textual), in("source", list)}, repeat: []parameter{in("source", list)},
			gives: textual, do: func(a []value) value {
				var parts []string
				for _, v := range a[1:] { // those that have no value leave no separator behind
					parts = append(parts, slices.DeleteFunc(slices.Clone(v), func(s string) bool { return s == "" })...)
				}
				return one(strings.Join(parts, a[0].text()))
			}},
		{name: "Left", takes: []parameter{source1, in("length", number)}, gives: textual,
			do: func(a []value) value { return part(a[0], 0, whole(a[1])) }},
		{name: "Mid", takes: []parameter{source1, in("start, from 1", number), in("length", number)}, gives: textual, do: func(a []value) value {
			return part(a[0], whole(a[1])-1, whole(a[2]))
		}},
		{name: "NormalizeDiacritics", takes: []parameter{source1}, gives: textual, do: each(func(s string) string {
			plain := strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Mn, r) {
					return -1
				}
				return r
			}, norm.NFD.String(s))
			return norm.NFC.String(plain)
		})},
		{name: "Not", takes: []parameter{in("source", truth)}, gives: truth, do: func(a []value) value { return yes(a[0].text() == "false") }},
		{name: "Replace", takes: []parameter{source1, optional(in("old value", textual)), fixed(optional(in("pattern", textual))),
			fixed(optional(in("group name", textual))), optional(in("replacement", textual)), optional(in("replacement attribute", textual)),
			optional(in("template", textual))},
			gives: textual, build: replacing},
		{name: "Right", takes: []parameter{source1, in("length", number)}, gives: textual, do: func(a []value) value {
			long := len([]rune(a[0].text()))
			return part(a[0], max(0, long-whole(a[1])), long)
		}},
		{name: "Split", takes: []parameter{source1, in("delimiter", textual)}, gives: list, do: func(a []value) value {
			switch {
			case a[0] == nil:
				return nil
			case a[1] == nil: // strings.Split would part the letters
				return a[0]
			}
			return strings.Split(a[0].text(), a[1].text())
		}},
		{name: "StripSpaces", takes: []parameter{source1}, gives: textual,
			do: each(func(s string) string { return strings.ReplaceAll(s, " ", "") })},
		{name: "Switch", takes: []parameter{source1, optional(in("default", anything)), fixed(in("key", textual)),
			optional(in("value", anything))},
			repeat: []parameter{fixed(in("key", textual)), optional(in("value", anything))}, result: []int{1, 3, 5}, build: switching},
		{name: "ToLower", takes: []parameter{source1}, gives: textual, do: each(strings.ToLower)},
		{name: "ToUpper", takes: []parameter{source1}, gives: textual, do: each(strings.ToUpper)},
		{name: "Trim", takes: []parameter{source1}, gives: textual, do: each(strings.TrimSpace)},
		{name: "Word", takes: []parameter{source1, in("number", number), in("delimiters", textual)}, gives: textual, do: func(a []value) value {
			words := strings.FieldsFunc(a[0].text(), func(r rune) bool { return strings.ContainsRune(a[2].text(), r) })
			if n := whole(a[1]); n >= 1 && n <= len(words) {
				return one(words[n-1])
			}
			return nil
		}},
	}
}

// Functions returns the names of the functions, sorted.
func Functions() []string {
	names := make([]string, len(functions))
	for i := range functions {
		names[i] = functions[i].name
	}
	return names
}

func functionNamed(name string) *function {
	i := slices.IndexFunc(functions, func(f function) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		return nil
	}
	return &functions[i]
}

// signature is how a function is written, for errors.
func (f *function) signature() string {
	var names []string
	for _, p := range f.takes {
		if p.optional {
			p.name = "[" + p.name + "]"
		}
		names = append(names, p.name)
	}
	if len(f.repeat) > 0 {
		names = append(names, "…")
	}
	return f.name + "(" + strings.Join(names, "; ") + ")"
}

// check completes a call, with an argument for every parameter, or says what is wrong with it and at which argument;
// -1 is the call itself.
func (f *function) check(c *call) (at int, message string) {
	params := slices.Clone(f.takes)
	for len(f.repeat) > 0 && len(params) < len(c.args) {
		params = append(params, f.repeat...)
	}
	if len(c.args) > len(params) {
		return len(params), "has more arguments than " + f.signature()
	}
	for i, p := range params {
		if i >= len(c.args) {
			c.args = append(c.args, nil)
		}
		switch arg := c.args[i]; {
		case arg == nil && !p.optional:
			return i, fmt.Sprintf("has no %s; it is written %s", p.name, f.signature())
		case arg == nil:
		case !p.is.accepts(arg.kind()) && arg.kind() == list:
			return i, fmt.Sprintf("%s comes to several values; choose one with Item(…, 1), or put them together with Join(\", \", …)", p.name)
		case !p.is.accepts(arg.kind()):
			return i, fmt.Sprintf("%s is %s, and %s is wanted", p.name, arg.kind(), p.is)
		case p.fixed:
			if _, ok := arg.(literal); !ok {
				return i, p.name + " must be a constant in double quotes"
			}
		}
	}
	c.is, c.do = f.gives, f.do
	if f.gives == anything {
		if at, message = c.settle(); message != "" {
			return at, message
		}
	}
	if f.build != nil {
		if c.do, message = f.build(c); message != "" {
			return -1, message
		}
	}
	return -1, ""
}

// settle finds what a choice among arguments comes to: what all of them are,
// or text.
func (c *call) settle() (at int, message string) {
	places := slices.Clone(c.function.result)
	for step := len(c.function.repeat); step > 0 && places[len(places)-1]+step < len(c.args); {
		places = append(places, places[len(places)-1]+step)
	}
	for _, i := range places {
		switch {
		case i >= len(c.args) || c.args[i] == nil:
		case c.is == anything || c.is == c.args[i].kind():
			c.is = c.args[i].kind()
		case c.is == list || c.args[i].kind() == list:
			return i, "gives several values in one case and one in another; choose one with Item(…, 1)"
		default:
			c.is = textual
		}
	}
	if c.is == anything {
		return -1, "never has a value"
	}
	return -1, ""
}

// whole is a whole number; what has no value is 0.
func whole(v value) int {
	n, _ := strconv.Atoi(v.text()) // the parser lets digits through only
	return n
}

// part cuts characters out of a text, as far as it has them.
func part(v value, from, length int) value {
	letters := []rune(v.text())
	from = min(max(from, 0), len(letters))
	return one(string(letters[from:min(from+length, len(letters))]))
}

func each(change func(string) string) func([]value) value {
	return func(a []value) value { return one(change(a[0].text())) }
}

// switching is Switch(source, default, key, value, …). A source without a value
// is no key: it gets the default.
func switching(c *call) (func([]value) value, string) {
	flag := c.args[0].kind() == truth
	var keys []string
	for i := 2; i < len(c.args); i += 2 {
		key := c.args[i].(literal).text
		if flag {
			key = strings.ToLower(key) // Entra writes True and False
			if !constant(key) {
				return nil, fmt.Sprintf("the source is true or false and never %q", key)
			}
		}
		if slices.Contains(keys, key) {
			return nil, fmt.Sprintf("has the key %q twice", key)
		}
		keys = append(keys, key)
	}
	return func(a []value) value {
		if i := slices.Index(keys, a[0].text()); i >= 0 && a[0] != nil {
			return a[3+2*i]
		}
		return a[1]
	}, ""
}

// replacing is Replace in the ways that Entra documents: by text, by template,
// by pattern, and by a named group of a pattern.
func replacing(c *call) (func([]value) value, string) {
	given := func(i int) bool { return c.args[i] != nil }
	by := 4
	if given(5) {
		by = 5
	}
	const written = `; write Replace([mail], "old", , , "new") or Replace([mail], , "pattern", , "new")`
	switch {
	case given(4) && given(5), given(1) && given(2), given(6) && (given(2) || given(by)):
		return nil, "has arguments that exclude one another" + written
	case given(1) && given(6):
		return func(a []value) value {
			if a[0] == nil || a[1] == nil {
				return a[0]
			}
			return one(strings.ReplaceAll(a[6].text(), a[1].text(), a[0].text()))
		}, ""
	case !given(by):
		return nil, "does not say what to put in" + written
	case given(1) && !given(3):
		return func(a []value) value {
			if a[0] == nil || a[1] == nil { // strings.ReplaceAll would put it between all letters
				return a[0]
			}
			return one(strings.ReplaceAll(a[0].text(), a[1].text(), a[by].text()))
		}, ""
	case !given(2):
		return nil, "does not say what to replace" + written
	}
	pattern, err := regexp.Compile(c.args[2].(literal).text)
	if err != nil {
		return nil, fmt.Sprintf("the pattern cannot be used: %v", err)
	}
	group := 0
	if given(3) {
		name := c.args[3].(literal).text
		if group = pattern.SubexpIndex(name); group < 0 {
			return nil, fmt.Sprintf("the pattern has no group called %q; it is written (?<%s>…)", name, name)
		}
	}
	return func(a []value) value {
		s := a[0].text()
		var b strings.Builder
		done := 0
		for _, m := range pattern.FindAllStringSubmatchIndex(s, -1) {
			if from, to := m[2*group], m[2*group+1]; from >= done {
				b.WriteString(s[done:from])
				b.WriteString(a[by].text())
				done = to
			}
		}
		return one(b.String() + s[done:])
	}, ""
}
