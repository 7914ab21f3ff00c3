package admin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xrash/smetrics"

	"syncd/internal/directory"
)

// An AmbiguousError says that a name fits several objects. A write must not choose
// between them.
type AmbiguousError struct {
	What       string // tenant, user, …
	Text       string
	Candidates []string // each in a form that is not ambiguous
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q means several %ss: %s; name one by its id", e.Text, e.What, strings.Join(e.Candidates, ", "))
}

// An UnknownError says that no object has a name.
type UnknownError struct {
	What    string
	Text    string
	Nearest []string // objects with a similar name; may be empty
}

func (e *UnknownError) Error() string {
	s := fmt.Sprintf("there is no %s %q", e.What, e.Text)
	if len(e.Nearest) > 0 {
		s += "; did you mean " + strings.Join(e.Nearest, ", ") + "?"
	}
	return s
}

// Resolve finds the tenant that text names: by its id or one of its domains,
// or by its name where only one has that name. It returns an *AmbiguousError
// or an *UnknownError.
func Resolve(tenants []directory.Tenant, text string) (directory.Tenant, error) {
	return choose("tenant", text, tenants,
		func(t directory.Tenant) []string { return []string{string(t.ID), t.DefaultDomain, t.InitialDomain} },
		func(t directory.Tenant) []string { return []string{t.Name} },
		func(t directory.Tenant) string { return fmt.Sprintf("%s (%s, %s)", t.Name, t.DefaultDomain, t.ID) })
}

// choose finds the one object that text names, by an id or else by a name, whatever the
// case. A prefix of a name is not a match.
func choose[T any](what, text string, all []T, ids, names func(T) []string, label func(T) string) (T, error) {
	var none T
	text = strings.TrimSpace(text)
	for _, keys := range []func(T) []string{ids, names} {
		var found []T
		for _, one := range all {
			if text != "" && slices.ContainsFunc(keys(one), func(k string) bool { return strings.EqualFold(strings.TrimSpace(k), text) }) {
				found = append(found, one)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			e := &AmbiguousError{What: what, Text: text}
			for _, one := range found {
				e.Candidates = append(e.Candidates, label(one))
			}
			return none, e
		}
	}
	return none, &UnknownError{what, text, nearest(text, all, func(t T) []string { return append(ids(t), names(t)...) }, label)}
}

// nearest returns up to three objects whose ids or names are similar to text.
func nearest[T any](text string, all []T, keys func(T) []string, label func(T) string) []string {
	type match struct {
		label string
		score float64
	}
	var found []match
	low := strings.ToLower(text)
	for _, one := range all {
		best := 0.0
		for _, k := range keys(one) {
			if k = strings.ToLower(k); k == "" || low == "" {
				continue
			}
			score := smetrics.JaroWinkler(low, k, 0.7, 4)
			if strings.Contains(k, low) {
				score = max(score, 0.9)
			}
			best = max(best, score)
		}
		if best >= 0.8 {
			found = append(found, match{label(one), best})
		}
	}
	slices.SortStableFunc(found, func(a, b match) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
	var out []string
	for _, m := range found[:min(3, len(found))] {
		out = append(out, m.label)
	}
	return out
}
