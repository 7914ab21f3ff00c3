package main

import (
	"cmp"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/state"
)

// ruleText is a product rule as a sentence.
func ruleText(r *state.SpanRule) string {
	counted := "what is " + cmp.Or(r.Count, mapping.Purchased)
	switch r.Count {
	case mapping.Larger:
		counted = "the larger of what is purchased and what is assigned"
	case mapping.People:
		counted = "people"
		if r.SKU != "" {
			counted = "people who hold it"
		}
	}
	are := " is"
	if r.SKU == "" {
		are = " are"
	}
	text := ruledText(r) + are + " billed as " + clean(r.Product) + ", counting " + counted
	for _, more := range []struct{ before, value string }{{" with ", r.Who}, {", each worth ", r.Weight}, {", at least ", r.Minimum}, {", at most ", r.Maximum}, {", and no fewer than are ", r.Floor}} {
		if more.value != "" {
			text += more.before + clean(more.value)
		}
	}
	return text
}

// ruledText is what a rule is about: a licence, or some of its subscriptions, or people.
func ruledText(r *state.SpanRule) string {
	text := clean(cmp.Or(r.Name, directory.ProductName(r.SKU, r.Part), r.Part, r.SKU))
	switch {
	case r.SKU == "" && r.Status == mapping.Ignore:
		return clean(r.Product)
	case r.SKU == "":
		return "people"
	case r.Subscriptions != "":
		text += " (subscriptions " + clean(r.Subscriptions) + ")"
	}
	return text
}

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
