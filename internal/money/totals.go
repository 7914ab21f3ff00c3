package money

import (
	"strings"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// Totals are what a product is counted from: of its licences what its rules pick.
type Totals struct {
	Purchased     int // what counts so
	Assigned      int // what is assigned, and the people that are counted
	Subscriptions []Bought
}

// A Bought is a subscription, and what it is to the bill.
type Bought struct {
	directory.Subscription
	SKU      string
	Standing Standing
}

// Totals adds up what the rules of a product, that came to due, count.
func (p Policy) Totals(rules []mapping.Rule, due *Due, src Source) Totals {
	out := Totals{Assigned: len(due.People)}
	bought, used := map[string]bool{}, map[string]bool{}
	for i := range rules {
		r := &rules[i]
		sku := strings.ToLower(r.SKU)
		all := r.Who == "" && r.Count != mapping.People // it counts by the licence, whoever has it
		l := src.Licences[sku]
		if l == nil || r.Count == mapping.People && r.Floor == "" {
			continue
		}
		if !used[sku] && all && (due.People == nil || r.Count == mapping.Assigned || r.Count == mapping.Larger) {
			used[sku] = true
			out.Assigned += l.Assigned
		}
		if bought[sku] || bought[sku+r.Subscriptions] {
			continue
		}
		bought[sku+r.Subscriptions] = true
		picked, unknown := Pick(r, l, src)
		if unknown != "" { // the product is held
			picked = l
		}
		h := p.Holding(picked)
		out.Purchased += h.Purchased
		for j, s := range picked.Subscriptions {
			out.Subscriptions = append(out.Subscriptions, Bought{s, l.SKU, h.Standings[j]})
		}
	}
	return out
}
