package app

import (
	"fmt"
	"strings"

	"syncd/internal/visible"
)

// Count says how many of a thing there are.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "x") {
		thing += "e" // mailboxes
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Names lists things by their names.
func Names[T any](items []T, name func(T) string) string {
	if len(items) == 0 {
		return "none"
	}
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = name(item)
	}
	return strings.Join(all, ", ")
}

func asIs(text string) string { return text }

// Listed makes of no list an empty one: a script that reads the JSON expects a
// list where there may be nothing.
func Listed[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// Because is a reason behind what it is the reason of.
func Because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + visible.Text(why)
}
