package mapping

import (
	"slices"
	"strings"
)

// How a rule counts a licence.
const (
	Purchased = "purchased" // what Microsoft bills: assigned or not
	Assigned  = "assigned"  // what is assigned to users
	Larger    = "larger"    // the larger of the two
	People    = "people"    // the people that Who takes
)

// What a rule does with a licence.
const (
	Bill    = "bill"
	Propose = "suggested" // suggested and not accepted: it does nothing
	Ignore  = "ignore"
)

// A Rule says which product a SKU is billed as, and how it is counted. A SKU
// may have several rules, and several SKUs may add up to one product. A rule that
// counts people need not name a SKU.
type Rule struct {
	// Customer is the key of the one customer that it is for; empty = all. Where a
	// customer has rules of its own for a SKU, those for all say nothing of it.
	Customer string `json:"customer,omitempty"`
	SKU      string `json:"sku_id"`
	Part     string `json:"sku"`  // part number, for people
	Name     string `json:"name"` // product name, for people
	Product  string `json:"product"`
	// ProductID is what Product meant when the rule was made: an identifier may
	// be renamed, or given to another product, and the rule goes on meaning this
	// one. 0 where nobody looked. It is not part of the CSV.
	ProductID     int    `json:"product_id,omitempty"`
	Count         string `json:"count"`
	Who           string `json:"who,omitempty"`           // whom it counts, see Who; empty = all
	Subscriptions string `json:"subscriptions,omitempty"` // which it counts, see Subscriptions; empty = all
	Weight        string `json:"weight,omitempty"`        // decimal; empty = 1
	Minimum       *int   `json:"minimum,omitempty"`       // bill at least this many while Microsoft lists the SKU
	Maximum       *int   `json:"maximum,omitempty"`
	Floor         string `json:"floor,omitempty"` // Purchased: never fewer than are bought; empty = none
	Status        string `json:"status"`          // bill, suggested, ignore, or empty where there is nothing but a word on it
	Reason        string `json:"reason,omitempty"`
}

// Decided reports whether a person said what becomes of it.
func (r *Rule) Decided() bool { return r.Status == Bill || r.Status == Ignore }

// Settles reports whether the rule says what becomes of the licence itself: one that
// counts those who hold it bills them something else.
func (r *Rule) Settles() bool { return r.Count != People }

// leavesOut reports whether the rule leaves out some subscriptions of a SKU, and so may
// stand beside rules that bill the others.
func (r *Rule) leavesOut() bool { return r.Status == Ignore && r.Subscriptions != "" }

// Rules is the product table, by customer, SKU id, then product.
type Rules struct {
	Rules []Rule `json:"rules"`
}

// For returns the rules in force for a customer: its own, and those for all about
// SKUs and products of people that it has none of its own for.
func (r *Rules) For(customer string) Rules {
	own := map[string]bool{}
	for i := range r.Rules {
		if x := &r.Rules[i]; x.Customer != "" && x.Customer == customer && x.Decided() {
			own[x.subject()] = true
		}
	}
	var out Rules
	for _, x := range r.Rules {
		if x.Customer == customer && x.Customer != "" && (x.Decided() || !own[x.subject()]) || x.Customer == "" && !own[x.subject()] {
			out.Rules = append(out.Rules, x)
		}
	}
	return out
}

// subject is what a rule settles: a SKU, or the product of a rule without one.
func (r *Rule) subject() string {
	if r.SKU == "" {
		return "product " + strings.ToLower(r.Product)
	}
	return r.SKU
}

// Billed returns the rules that bill, grouped by product in the table's order.
func (r *Rules) Billed() map[string][]Rule {
	out := map[string][]Rule{}
	spelled := map[int]string{} // one product may be written by identifier and by id
	for _, rule := range r.Rules {
		if rule.Status != Bill {
			continue
		}
		text := rule.Product
		if rule.ProductID != 0 {
			if first, ok := spelled[rule.ProductID]; ok {
				text = first
			}
			spelled[rule.ProductID] = text
		}
		out[text] = append(out[text], rule)
	}
	return out
}

// Of returns the rules of one SKU, undecided ones left out: of the whole table, or of those
// in force for a customer (For).
func (r *Rules) Of(sku string) []Rule {
	var out []Rule
	for _, rule := range r.Rules {
		if rule.SKU == sku && rule.Decided() {
			out = append(out, rule)
		}
	}
	return out
}

// Settled reports whether somebody decided what becomes of the SKU for all customers.
func (r *Rules) Settled(sku string) bool {
	return slices.ContainsFunc(r.Rules, func(x Rule) bool { return x.SKU == sku && x.Customer == "" && x.Decided() && x.Settles() })
}

// KeepProductIDs copies product ids from before to rules whose product is unchanged.
func (r *Rules) KeepProductIDs(before Rules) {
	known := map[string]int{}
	for _, x := range before.Rules {
		if x.ProductID != 0 {
			known[x.Product] = x.ProductID
		}
	}
	for i := range r.Rules {
		if x := &r.Rules[i]; x.ProductID == 0 {
			x.ProductID = known[x.Product]
		}
	}
}
