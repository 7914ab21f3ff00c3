package connectwise

import (
	"cmp"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	"syncd/internal/target"
)

// How those are named whom a count is made of.
const (
	NamesUPN = "upn"
	NamesID  = "id"
)

// count is what a product comes to and what it is made of. due says what becomes
// of it: what holds it makes its numbers unknown.
func (v *view) count(p *product, due *money.Due, policy money.Policy, licences map[string]*directory.Licence, s *directory.Snapshot) target.Count {
	c := target.Count{Key: p.key, Product: v.identifier(p), Label: p.label, Rules: p.rules}
	if r := v.items[p.text]; r.item == nil {
		c.LinesUnknown = r.why
	}
	purchased, assigned := 0, 0
	var holding []string // the licences that people are counted by
	seen := map[string]bool{}
	for i := range p.rules {
		sku := strings.ToLower(p.rules[i].SKU)
		if p.rules[i].Count == mapping.Assigned {
			holding = append(holding, sku)
		}
		l := licences[sku]
		if l == nil || seen[sku] {
			continue
		}
		seen[sku] = true
		h := policy.Of(l)
		purchased += h.Purchased
		assigned += l.Assigned
		for j, x := range l.Subscriptions {
			c.Subscriptions = append(c.Subscriptions, target.Subscription{Subscription: x, SKU: l.SKU, Standing: h.Standings[j]})
		}
	}
	slices.SortStableFunc(c.Subscriptions, func(a, b target.Subscription) int { return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.ID, b.ID)) })
	c.Names, c.NamesUnknown = v.names(holding, s)
	if due.Hold != nil {
		c.Unknown = due.Hold.Text
		return c
	}
	c.Purchased, c.Assigned, c.Due = &purchased, &assigned, &due.Units
	return c
}

// identifier is how the catalogue calls a product, or as the rules write it where
// it does not tell.
func (v *view) identifier(p *product) string {
	if it := v.items[p.text].item; it != nil {
		return it.Identifier
	}
	return p.text
}

// names are those who hold one of the licences. Where nobody is named by
// configuration there is nothing to know.
func (v *view) names(skus []string, s *directory.Snapshot) (names []string, unknown bool) {
	if len(skus) == 0 || v.client.options.Names == "" {
		return nil, false
	}
	holders, err := s.Holders.Items()
	if err != nil {
		return nil, true
	}
	for i := range holders {
		h := &holders[i]
		if !slices.ContainsFunc(skus, func(sku string) bool { return slices.Contains(h.Licences, sku) }) {
			continue
		}
		if v.client.options.Names == NamesID {
			names = append(names, h.ID)
		} else {
			names = append(names, cmp.Or(h.UPN, h.ID))
		}
	}
	slices.Sort(names)
	return names, false
}

// namesHolders reports whether a count is made of people who are to be named.
func (t *Target) namesHolders() bool {
	return t.client.options.Names != "" && slices.ContainsFunc(t.products, func(p product) bool {
		return slices.ContainsFunc(p.rules, func(r mapping.Rule) bool { return r.Count == mapping.Assigned })
	})
}
