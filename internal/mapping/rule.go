package mapping

import "slices"

// How a rule counts a licence.
const (
	Purchased = "purchased" // what Microsoft bills: assigned or not
	Assigned  = "assigned"  // what is assigned to users
)

// What a rule does with a licence.
const (
	Bill    = "bill"
	Propose = "suggested" // suggested and not accepted: it does nothing
	Ignore  = "ignore"
)

// A Rule says which product a SKU is billed as, and how it is counted. A SKU
// may have several rules, and several SKUs may add up to one product.
type Rule struct {
	SKU     string `json:"sku_id"`
	Part    string `json:"sku"`  // part number, for people
	Name    string `json:"name"` // product name, for people
	Product string `json:"product"`
	// ProductID is the id of Product when the rule was made: an identifier may be renamed,
	// or given to another product, and the rule keeps to this one. 0 where it was not
	// looked up. It is not part of the CSV.
	ProductID int    `json:"product_id,omitempty"`
	Count     string `json:"count"`
	Minimum   *int   `json:"minimum,omitempty"` // bill at least this many while Microsoft lists the SKU
	Maximum   *int   `json:"maximum,omitempty"`
	Status    string `json:"status"` // bill, suggested, ignore, or empty where there is nothing but a reason
	Reason    string `json:"reason,omitempty"`
}

// Decided reports whether a person decided to bill or to ignore the licence.
func (r *Rule) Decided() bool { return r.Status == Bill || r.Status == Ignore }

// Rules is the product table, by SKU id, then product.
type Rules struct {
	Rules []Rule `json:"rules"`
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

// Of returns the rules of one SKU, undecided ones left out.
func (r *Rules) Of(sku string) []Rule {
	var out []Rule
	for _, rule := range r.Rules {
		if rule.SKU == sku && rule.Decided() {
			out = append(out, rule)
		}
	}
	return out
}

// Settled reports whether any rule of the SKU is decided.
func (r *Rules) Settled(sku string) bool {
	return slices.ContainsFunc(r.Rules, func(x Rule) bool { return x.SKU == sku && x.Decided() })
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
