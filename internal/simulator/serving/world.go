package serving

import "strings"

// Copies copies a list of a world and its objects; deepen, if there is one, copies what
// they share.
func Copies[T any](all []*T, deepen func(*T)) []*T {
	if all == nil {
		return nil
	}
	out := make([]*T, 0, len(all))
	for _, o := range all {
		c := *o
		if deepen != nil {
			deepen(&c)
		}
		out = append(out, &c)
	}
	return out
}

// MatchPath reports whether a path fits a route's pattern, such as
// /finance/agreements/{id}, and which numbers stand in place of its ids. same compares
// the other parts.
func MatchPath(pattern, path string, same func(want, got string) bool) (ids []string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	for i, w := range want {
		switch {
		case w == "{id}" && got[i] != "" && strings.Trim(got[i], "0123456789") == "":
			ids = append(ids, got[i])
		case w == "{id}", !same(w, got[i]):
			return nil, false
		}
	}
	return ids, true
}
