package connectwise

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/plan"
)

// soldOtherwise notes subscriptions that no partner sold, beside others that one
// did: the customer pays Microsoft for them, or nobody does, and a rule bills them.
func (v *view) soldOtherwise(src money.Source, policy money.Policy) []plan.Violation {
	partnered := false
	for _, l := range src.Licences {
		partnered = partnered || slices.ContainsFunc(l.Subscriptions, func(s directory.Subscription) bool { return s.Owner != "" })
	}
	if !partnered {
		return nil
	}
	var out []plan.Violation
	for i := range v.products {
		p := &v.products[i]
		var direct []string
		for _, r := range p.rules {
			l, picker := src.Licences[strings.ToLower(r.SKU)], picks(r)
			if l == nil || r.Count == mapping.People || picker.BySeller() { // then somebody decided what becomes of it
				continue
			}
			for j, standing := range policy.Holding(l).Standings {
				s := &l.Subscriptions[j]
				billed := s.Total > 0 && (standing.State == money.Enabled || standing.State == money.InGrace)
				if yes, _ := picker.Picks(s, src.Term(s.ID)); yes && s.Owner == "" && billed {
					direct = append(direct, fmt.Sprintf("%s (%d units of %s)", s.ID, s.Total, cmp.Or(l.Name, l.PartNumber, l.SKU)))
				}
			}
		}
		if len(direct) > 0 {
			slices.Sort(direct)
			out = append(out, plan.Violation{Code: "bought_direct", Kind: p.key.Kind, Key: p.key.ID, Note: true, Message: fmt.Sprintf(
				"%s: no partner sold %s, and it is billed all the same: a free grant, or what the customer pays Microsoft for; a rule may leave it out (subscriptions: owner=…)",
				p.label, strings.Join(slices.Compact(direct), ", "))})
		}
	}
	return out
}

// termsChanged notes subscriptions of a year or three that renew by the month now.
func (v *view) termsChanged(src money.Source, policy money.Policy) []plan.Violation {
	var out []plan.Violation
	for i := range v.products {
		p := &v.products[i]
		var changed []string
		for _, r := range p.rules {
			l, picker := src.Licences[strings.ToLower(r.SKU)], picks(r)
			if l == nil || r.Count == mapping.People {
				continue
			}
			for j, standing := range policy.Holding(l).Standings {
				s := &l.Subscriptions[j]
				if yes, _ := picker.Picks(s, src.Term(s.ID)); !yes || standing.State != money.Enabled && standing.State != money.InGrace {
					continue
				}
				if was := money.FormerTerm(s, v.tables.Claims.For(v.customer), policy.Now); was != "" {
					changed = append(changed, fmt.Sprintf("%s (%d units of %s, %s)", s.ID, s.Total, cmp.Or(l.Name, l.PartNumber, l.SKU), was))
				}
			}
		}
		if len(changed) > 0 {
			slices.Sort(changed)
			out = append(out, plan.Violation{Code: "term_changed", Kind: p.key.Kind, Key: p.key.ID, Note: true, Message: fmt.Sprintf(
				"%s: %s ended its term and renews monthly now, as Microsoft's Extended Service Term does, at the monthly price and 3 %% more (23 %% where there is no monthly plan): "+
					"renew or cancel it in Partner Center and look at the price, or say that it is monthly (syncd terms import)",
				p.label, strings.Join(slices.Compact(changed), ", "))})
		}
	}
	return out
}

func picks(r mapping.Rule) mapping.Picker {
	p, _ := mapping.ParsePicker(r.Subscriptions) // an import checked it
	return p
}
