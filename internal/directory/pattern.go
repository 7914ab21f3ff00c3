package directory

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// CheckPattern says what is wrong with a shell pattern, or nil.
func CheckPattern(pattern string) error {
	if _, err := path.Match(withoutSlash.Replace(pattern), "x"); err != nil || strings.TrimSpace(pattern) == "" {
		return fmt.Errorf("%q is not a pattern: * stands for any text, ? for one character", pattern)
	}
	return nil
}

// MatchesAny reports whether a text fits one of some shell patterns; case does not
// matter. No pattern fits nothing.
func MatchesAny(patterns []string, text string) bool {
	text = withoutSlash.Replace(strings.ToLower(text))
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(withoutSlash.Replace(strings.ToLower(p)), text)
		return ok
	})
}

// withoutSlash takes a slash's meaning away: path.Match would stop at it, and names
// hold some.
var withoutSlash = strings.NewReplacer("/", "\x01")
