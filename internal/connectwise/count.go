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

// count is what a product comes to and what it is made of. due says what becomes
// of it: what holds it makes its numbers unknown.
func (v *view) count(p *product, due *money.Due, override *money.Override, policy money.Policy, src money.Source) target.Count {
	c := target.Count{Key: p.key, Product: v.identifier(p), Label: p.label, Rules: p.rules, Override: override, Grace: policy.Grace}
	if r := v.items[p.text]; r.item == nil {
		c.LinesUnknown = r.why
	}
	made := policy.Totals(p.rules, due, src)
	for _, x := range made.Subscriptions {
		c.Subscriptions = append(c.Subscriptions, target.Subscription{Subscription: x.Subscription, SKU: x.SKU, Standing: x.Standing})
	}
	var holding []string // the licences that people are counted by
	for i := range p.rules {
		if r := &p.rules[i]; r.Who == "" && r.Count == mapping.Assigned {
			holding = append(holding, strings.ToLower(r.SKU))
		}
	}
	slices.SortStableFunc(c.Subscriptions, func(a, b target.Subscription) int { return cmp.Or(cmp.Compare(a.SKU, b.SKU), cmp.Compare(a.ID, b.ID)) })
	c.Names, c.NamesUnknown = v.names(holding, src.Snapshot)
	if due.People != nil {
		c.Names = append(c.Names, v.namesOf(due.People, src.Snapshot)...)
		slices.Sort(c.Names)
		c.Names = slices.Compact(c.Names)
	}
	if due.Hold != nil {
		c.Unknown = due.Hold.Text
		return c
	}
	c.Purchased, c.Assigned, c.Due, c.Counted = &made.Purchased, &made.Assigned, &due.Units, &due.Units
	if override != nil {
		c.Counted = due.Counted
	}
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
		if v.client.options.Names == target.NamesID {
			names = append(names, h.ID)
		} else {
			names = append(names, cmp.Or(h.UPN, h.ID))
		}
	}
	slices.Sort(names)
	return names, false
}

// namesOf are the names of those with some object ids, sorted.
func (v *view) namesOf(ids []string, s *directory.Snapshot) []string {
	switch v.client.options.Names {
	case "":
		return nil
	case target.NamesID:
		return ids
	}
	users, _ := s.Users.Items() // the ids are of proven ones
	upns := make(map[string]string, len(users))
	for i := range users {
		upns[users[i].ID] = users[i].UPN
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = cmp.Or(upns[id], id)
	}
	slices.Sort(names)
	return names
}
