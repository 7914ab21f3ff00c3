package connectwise

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/target"
)

// A product is one product that rules bill, with the licences that feed it.
type product struct {
	key   plan.Key
	text  string // identifier or id, as the rules write it
	label string
	rules []mapping.Rule
}

// A ruleset is the rules in force for a customer.
type ruleset struct {
	rules    []mapping.Rule  // that somebody decided
	products []product       // by key
	settled  map[string]bool // SKUs of which somebody said what becomes of them
	// displaced are products of the rules for all that a customer's own rules bill otherwise.
	displaced []product
}

func newRuleset(rules mapping.Rules) *ruleset {
	s := &ruleset{products: billedProducts(&rules), settled: map[string]bool{}}
	for _, r := range rules.Rules {
		s.settled[r.SKU] = s.settled[r.SKU] || r.Status != "" && r.Settles()
		if r.Decided() {
			s.rules = append(s.rules, r)
		}
	}
	return s
}

// rulesets are those of customers with rules of their own, by key, and that of all
// others under the empty key.
func rulesets(rules mapping.Rules) map[string]*ruleset {
	out := map[string]*ruleset{"": newRuleset(rules.For(""))}
	for _, r := range rules.Rules {
		if out[r.Customer] == nil {
			own := newRuleset(rules.For(r.Customer))
			own.displaced = out[""].displacedBy(own, r.Customer)
			out[r.Customer] = own
		}
	}
	return out
}

// of is the ruleset of a customer.
func (t *Target) of(customer string) *ruleset {
	return cmp.Or(t.rulesets[customer], t.rulesets[""])
}

// bills reports whether a rule bills the SKU.
func (s *ruleset) bills(sku string) bool {
	return slices.ContainsFunc(s.rules, func(r mapping.Rule) bool { return r.Status == mapping.Bill && strings.EqualFold(r.SKU, sku) })
}

// countsHolders are the products for which the rules count those who hold a SKU.
func (s *ruleset) countsHolders(sku string) (products []string) {
	for i := range s.rules {
		if r := &s.rules[i]; r.Status == mapping.Bill && !r.Settles() && strings.EqualFold(r.SKU, sku) && !slices.Contains(products, r.Product) {
			products = append(products, r.Product)
		}
	}
	return products
}

// billedProducts gives each product of the rules its key: the ids of the SKUs
// that feed it, sorted and joined by "+", and, where the same SKUs feed several
// products, "@" and the product as the rules write it. A product that only people
// feed has "people@" and the product. It looks at nothing but the rules, so that a
// line keeps its key when its licence goes.
func billedProducts(rules *mapping.Rules) []product {
	feeding := map[string]int{}
	var out []product
	for text, of := range rules.Billed() {
		var skus, names []string
		for _, r := range of {
			if r.SKU != "" {
				skus = append(skus, strings.ToLower(r.SKU))
			}
			if name := cmp.Or(r.Name, r.Part); name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		slices.Sort(skus)
		id := strings.Join(slices.Compact(skus), "+")
		feeding[id]++
		slices.Sort(names)
		out = append(out, product{key: plan.Key{Kind: kindAddition, ID: id}, text: text, rules: of,
			label: cmp.Or(strings.Join(names, " + "), text)})
	}
	for i := range out {
		switch p := &out[i]; {
		case p.key.ID == "":
			p.key.ID = "people@" + p.text
		case feeding[p.key.ID] > 1:
			p.key.ID += "@" + p.text
			p.label += " (" + p.text + ")"
		}
	}
	slices.SortFunc(out, func(a, b product) int { return a.key.Compare(b.key) })
	return out
}

// also is what of a tenant is read besides its licences: whom rules count, and who
// holds a licence where they are to be named.
func (s *ruleset) also(names string) directory.Kinds {
	var kinds directory.Kinds
	for i := range s.rules {
		r := &s.rules[i]
		switch who, err := mapping.ParseWho(r.Who); {
		case r.Status != mapping.Bill:
		case r.Who != "" || r.Count == mapping.People:
			if err == nil {
				kinds |= who.Needs()
			}
		case r.Count == mapping.Assigned && names != "":
			kinds |= directory.Holders
		}
	}
	return kinds
}

// own is what holds for single customers besides what is so for all: what their own
// rules read, and a digest of those rules and of what persons set.
func (t *Target) own() map[string]target.Own {
	out := map[string]target.Own{}
	decided := map[string][]any{}
	for customer, s := range t.rulesets {
		if customer != "" {
			out[customer] = target.Own{Also: s.also(t.client.options.Names)}
			theirs := slices.DeleteFunc(slices.Clone(s.rules), func(r mapping.Rule) bool { return r.Customer == "" })
			decided[customer] = append(decided[customer], deciding(theirs))
		}
	}
	for _, o := range t.tables.Overrides.InForce(t.client.today().time()).Overrides {
		o.Reason, o.By = "", "" // they decide nothing
		decided[o.Customer] = append(decided[o.Customer], o)
	}
	for customer, what := range decided {
		x := out[customer]
		x.Settings = target.SettingsDigest(json.Marshal(what))
		out[customer] = x
	}
	for _, customer := range t.tables.Customers() {
		x := out[customer]
		x.Set = t.tables.SetFor(customer, t.client.today().time())
		out[customer] = x
	}
	return out
}

// deciding are the rules that decide anything, sorted, without what is for people.
func deciding(rules []mapping.Rule) []mapping.Rule {
	sorted := slices.DeleteFunc(slices.Clone(rules), func(r mapping.Rule) bool { return r.Status == mapping.Propose })
	slices.SortFunc(sorted, func(a, b mapping.Rule) int {
		return cmp.Or(strings.Compare(a.Customer, b.Customer), strings.Compare(a.SKU, b.SKU), strings.Compare(a.Product, b.Product),
			strings.Compare(a.Count, b.Count), strings.Compare(a.Who, b.Who), strings.Compare(a.Subscriptions, b.Subscriptions))
	})
	for i := range sorted {
		sorted[i].Part, sorted[i].Name, sorted[i].Reason = "", "", ""
	}
	return sorted
}
