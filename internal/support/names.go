// Package support makes the archive that goes with a bug report: names are pseudonyms in
// it, the newest lines of the log are in it.
package support

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a pseudonym stands for.
const (
	Customer = "customer"
	Person   = "person"
	Group    = "group"
	Domain   = "domain"
	Mail     = "mail"
	Text     = "text" // that may be any of them
)

// Names puts pseudonyms in the place of names, the same one for the same name wherever it
// stands. Addresses and domains it knows by their form, all other names by having learned them.
// A nil Names changes nothing.
type Names struct {
	known map[string][]known // by the first word of a name, in small letters
	given map[string]string  // pseudonyms, by what they stand for
	count map[string]int
}

type known struct{ name, what string }

// NewNames knows nobody yet.
func NewNames() *Names {
	return &Names{known: map[string][]known{}, given: map[string]string{}, count: map[string]int{}}
}

// shortest is the length below which a name is not looked for: it would punch holes into every
// word and say nothing.
const shortest = 3

// Learn learns a name. Those that are ids or numbers are none.
func (n *Names) Learn(what, name string) {
	name = strings.Join(strings.Fields(name), " ")
	if n == nil || utf8.RuneCountInString(name) < shortest || !strings.ContainsFunc(name, unicode.IsLetter) || guid.MatchString(name) || address.MatchString(name) {
		return
	}
	first := firstWord(name)
	if first == "" || slices.ContainsFunc(n.known[first], func(k known) bool { return k.name == name }) {
		return
	}
	n.known[first] = append(n.known[first], known{name, what})
	slices.SortStableFunc(n.known[first], func(a, b known) int { return len(b.name) - len(a.name) })
}

// Of is the pseudonym of a whole text that is a name, or the text itself where it says nothing.
func (n *Names) Of(what, name string) string {
	if n == nil || name == "" || guid.MatchString(name) {
		return name
	}
	key := strings.ToLower(strings.Join(strings.Fields(name), " "))
	if p, ok := n.given[key]; ok {
		return p
	}
	n.count[what]++
	n.given[key] = fmt.Sprintf("%s-%d", what, n.count[what])
	return n.given[key]
}

var (
	guid    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	address = regexp.MustCompile(`[\p{L}\p{N}._%+'#$&!~-]+@[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)*`)
	domain  = regexp.MustCompile(`(?i)(?:[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+(?:xn--[a-z0-9-]+|[a-z]{2}|com|net|org|info|biz|edu|gov|mil|int|name|` +
		`dev|app|cloud|online|site|tech|email|group|agency|digital|media|design|studio|solutions|services|company|ltd|legal|health|dental|clinic|consulting|` +
		`systems|global|world|team|work|shop|store|example|test|invalid|localhost|local|internal|lan|corp|home|arpa)(?:[^\p{L}\p{N}_-]|$)`)
	quoted = regexp.MustCompile(`"([^"\\]|\\.)*"|“[^”]*”`)

	// vendors are domains that name nobody.
	vendors = []string{"microsoft.com", "microsoftonline.com", "windows.net", "office.com", "office365.com", "myconnectwise.net", "itglue.com", "cinode.com",
		"github.com", "golang.org", "go.dev", "prometheus.io"}
	// endings are those of files, which look like domains.
	endings = []string{"go", "db", "md", "sh", "py", "so"}
)

// Text is a text with pseudonyms.
func (n *Names) Text(text string) string {
	if n == nil {
		return text
	}
	text = address.ReplaceAllStringFunc(text, func(s string) string { return n.Of(Mail, s) })
	text = n.learned(text)
	text = domain.ReplaceAllStringFunc(text, func(s string) string {
		name := strings.TrimRightFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if strings.HasPrefix(s, "www.") && len(name) == 0 || named(name) {
			return s
		}
		return n.Of(Domain, name) + s[len(name):]
	})
	return quoted.ReplaceAllStringFunc(text, func(s string) string {
		inner := strings.Trim(s, `"“”`)
		if !strings.ContainsFunc(inner, unicode.IsLetter) || plainWord.MatchString(inner) {
			return s
		}
		return strings.Replace(s, inner, n.Of(Text, inner), 1)
	})
}

// plainWord is a word of ours or a pseudonym: no name is written so.
var plainWord = regexp.MustCompile(`^[a-z][a-z0-9_]*(-[0-9]+)?$`)

// named reports whether something that looks like a domain names nobody.
func named(name string) bool {
	name = strings.ToLower(name)
	last := name[strings.LastIndex(name, ".")+1:]
	return slices.Contains(endings, last) || slices.ContainsFunc(vendors, func(v string) bool { return name == v || strings.HasSuffix(name, "."+v) })
}

// learned replaces the names that were learned, the longest first, where they stand as whole
// words. Those of several words are found in any case; a single word may be one of the language.
func (n *Names) learned(text string) string {
	var out strings.Builder
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if !inWord(r) {
			out.WriteString(text[at : at+size])
			at += size
			continue
		}
		word := wordAt(text[at:])
		if length, what := n.at(text[at:], strings.ToLower(word)); length > 0 {
			out.WriteString(n.Of(what, text[at:at+length]))
			at += length
			continue
		}
		out.WriteString(word)
		at += len(word)
	}
	return out.String()
}

// at returns how long the name is that a text begins with; 0 where it begins with none.
func (n *Names) at(text, first string) (length int, what string) {
	for _, k := range n.known[first] {
		if len(text) < len(k.name) {
			continue
		}
		there := text[:len(k.name)]
		if there != k.name && !(strings.ContainsAny(k.name, " ") && strings.EqualFold(there, k.name)) {
			continue
		}
		if next, _ := utf8.DecodeRuneInString(text[len(k.name):]); len(text) == len(k.name) || !inWord(next) {
			return len(k.name), k.what
		}
	}
	return 0, ""
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func wordAt(text string) string {
	if end := strings.IndexFunc(text, func(r rune) bool { return !inWord(r) }); end >= 0 {
		return text[:end]
	}
	return text
}

// firstWord is what a name begins with.
func firstWord(name string) string {
	if r, _ := utf8.DecodeRuneInString(name); !inWord(r) {
		return ""
	}
	return strings.ToLower(wordAt(name))
}
