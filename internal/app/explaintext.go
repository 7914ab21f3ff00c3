package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/visible"
)

// RuleText is a product rule as a sentence.
func RuleText(r *state.SpanRule) string {
	are := " is"
	if r.SKU == "" {
		are = " are"
	}
	return RuledText(r) + are + " billed as " + visible.Text(r.Product) + ", " + countingText(r)
}

// countingText is how a rule counts.
func countingText(r *state.SpanRule) string {
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
	text := "counting " + counted
	for _, more := range []struct{ before, value string }{{" with ", r.Who}, {", each worth ", r.Weight}, {", at least ", r.Minimum}, {", at most ", r.Maximum}, {", and no fewer than are ", r.Floor}} {
		if more.value != "" {
			text += more.before + visible.Text(more.value)
		}
	}
	return text
}

// RuledText is what a rule is about: a licence, or some of its subscriptions, or people.
func RuledText(r *state.SpanRule) string {
	text := visible.Text(cmp.Or(r.Name, directory.ProductName(r.SKU, r.Part), r.Part, r.SKU))
	switch {
	case r.SKU == "" && r.Status == mapping.Ignore:
		return visible.Text(r.Product)
	case r.SKU == "":
		return "people"
	case r.Subscriptions != "":
		text += " (subscriptions " + visible.Text(r.Subscriptions) + ")"
	}
	return text
}

// CountedText is what is billed, and what it is counted of.
func (s *ExplainedSpan) CountedText() string {
	var of []string
	for i := range s.Rules {
		if text := RuledText(&s.Rules[i]); !slices.Contains(of, text) {
			of = append(of, text)
		}
	}
	text := "Product " + visible.Text(cmp.Or(s.Product, s.Label, s.Key.ID))
	if len(of) > 0 {
		text += ", counted of " + strings.Join(of, " and ")
	}
	return text
}

// Reasons say, each in words, why the numbers of the span are what they are.
func (s *ExplainedSpan) Reasons(zone *time.Location) []string {
	var all []string
	if !s.Known {
		all = append(all, "not proven: "+visible.Text(s.Why))
	}
	if s.Agreement != "" {
		all = append(all, s.lineText())
	}
	for i := range s.Rules {
		all = append(all, "the rule then: "+RuleText(&s.Rules[i]))
	}
	all = append(all, s.OverrideReason()...)
	for i := range s.Subscriptions {
		u := &s.Subscriptions[i]
		text := fmt.Sprintf("subscription %s: %s, %s", visible.Text(cmp.Or(u.CommerceID, u.ID)), u.Units, strings.ReplaceAll(u.State, "_", " "))
		if !u.Until.IsZero() {
			text += " until " + u.Until.In(zone).Format(time.DateOnly)
		}
		all = append(all, text)
	}
	return append(all, s.NamesReason()...)
}

// lineText is where the product is billed.
func (s *ExplainedSpan) lineText() string {
	text := fmt.Sprintf("product %s on agreement %s", visible.Text(s.Product), s.Agreement)
	if s.AgreementName != "" {
		text = fmt.Sprintf("product %s on %s (agreement %s)", visible.Text(s.Product), visible.Text(s.AgreementName), s.Agreement)
	}
	if s.Ref != "" {
		text += ", line " + s.Ref
	}
	if s.Price != "" {
		text += fmt.Sprintf(", unit price %s %s%s", priceText(s.Price), s.Currency, plan.Cycle(s.Cycle).Per())
	}
	if s.LessIncluded != "" && s.LessIncluded != "0" {
		text += fmt.Sprintf(", %s included free of charge", s.LessIncluded)
	}
	if s.NextInvoice != "" {
		text += ", next invoice date " + s.NextInvoice
	}
	return text
}

// OverrideReason is what a person set; none where nobody did.
func (s *ExplainedSpan) OverrideReason() []string {
	o := s.Override
	if o == nil {
		return nil
	}
	return []string{fmt.Sprintf("override: %s by %s until %s%s", overrideThen(o), visible.Text(o.By), o.Until.Format(time.DateOnly), Because(o.Reason))}
}

// NamesReason is of whom a count is made; none where it is made of nobody.
func (s *ExplainedSpan) NamesReason() []string {
	switch {
	case s.NamesUnknown:
		return []string{"who they were was not proven"}
	case len(s.Names) > 0:
		return []string{"counted: " + visible.Text(strings.Join(s.Names, ", "))}
	}
	return nil
}

func overrideThen(o *state.SpanOverride) string {
	switch {
	case o.Minimum != "":
		return "at least " + o.Minimum
	case o.Maximum != "":
		return "at most " + o.Maximum
	}
	return o.Quantity
}

// priceText is a price that the ledger has, as people read it.
func priceText(price string) string {
	d, err := decimal.NewFromString(price)
	if err != nil {
		return price
	}
	return plan.Price(&d)
}
