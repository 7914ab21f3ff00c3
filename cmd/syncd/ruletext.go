package main

import "syncd/internal/mapping"

// countText is how a rule counts, in short.
func countText(r *mapping.Rule) string {
	text := r.Count
	for _, more := range []struct{ before, value string }{{"who ", r.Who}, {"subscriptions ", r.Subscriptions}, {"weight ", r.Weight}, {"floor ", r.Floor}} {
		switch {
		case more.value == "":
		case text == "":
			text = more.before + more.value
		default:
			text += "; " + more.before + more.value
		}
	}
	return text
}
