package money

import (
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// Tables are what people decided about money, as they stand when a run begins.
type Tables struct {
	Rules     mapping.Rules
	Overrides Overrides
	Claims    Claims
	Freezes   []HandFreeze
}

// Overrides are what people set for single customers and products.
type Overrides struct {
	Overrides []CustomerOverride `json:"overrides"`
}

// A CustomerOverride is an override and what it is about.
type CustomerOverride struct {
	Customer string `json:"customer"` // its key
	Product  string `json:"product"`  // the catalogue identifier
	// ProductID is what Product meant when the override was set: it goes on meaning
	// that product whatever the catalogue calls it. 0 where nobody looked.
	ProductID int `json:"product_id,omitempty"`
	Override
}

// OverrideEnding is the code of the remark that an override ends soon.
const OverrideEnding = "override_ending"

// Is reports whether the override is about a product of a customer: by the product's id
// where both are known, or else by what it is called.
func (x *CustomerOverride) Is(customer string, id int, names ...string) bool {
	if x.Customer != customer {
		return false
	}
	if id != 0 && x.ProductID != 0 {
		return x.ProductID == id
	}
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(x.Product, name) })
}

// Find is the override of a customer and product that counts on a day, or nil.
func (o *Overrides) Find(day time.Time, customer string, id int, names ...string) *CustomerOverride {
	for i := range o.Overrides {
		if x := &o.Overrides[i]; x.Is(customer, id, names...) && x.Counts(day) {
			return x
		}
	}
	return nil
}

// Lasting are the overrides that count on a day; what ended is in the journal and the
// ledger.
func (o *Overrides) Lasting(day time.Time) Overrides {
	return Overrides{slices.DeleteFunc(slices.Clone(o.Overrides), func(x CustomerOverride) bool { return !x.Counts(day) })}
}

// With returns the overrides with one in place of that of the same customer and
// product, sorted by them.
func (o *Overrides) With(x CustomerOverride) Overrides {
	out := o.Without(x)
	out.Overrides = append(out.Overrides, x)
	slices.SortFunc(out.Overrides, func(a, b CustomerOverride) int {
		return strings.Compare(a.Customer+"\x00"+strings.ToLower(a.Product), b.Customer+"\x00"+strings.ToLower(b.Product))
	})
	return out
}

// Without returns the overrides without that of the same customer and product.
func (o *Overrides) Without(x CustomerOverride) Overrides {
	return Overrides{slices.DeleteFunc(slices.Clone(o.Overrides), func(y CustomerOverride) bool { return y.Is(x.Customer, x.ProductID, x.Product) })}
}

// Claims are what people and distributors say of the terms of subscriptions.
type Claims struct {
	Claims []Claim `json:"claims"`
}

// Of returns the claims about a subscription, by its id or its commerce id, what
// was observed of it before them.
func (c *Claims) Of(s *directory.Subscription) []Claim {
	var out []Claim
	if s.Before.Term != "" {
		out = append(out, Claim{Subscription: s.ID, Term: s.Before.Term, Source: Observed})
	}
	for _, x := range c.Claims {
		if strings.EqualFold(x.Subscription, s.ID) || s.CommerceID != "" && strings.EqualFold(x.Subscription, s.CommerceID) {
			x.Subscription = s.ID
			out = append(out, x)
		}
	}
	return out
}

// Terms returns what is known of the terms of the subscriptions of some licences, by
// id, and all claims about them.
func (c *Claims) Terms(licences []directory.Licence) (term func(id string) string, claims []Claim) {
	terms := map[string]string{}
	for i := range licences {
		for j := range licences[i].Subscriptions {
			s := &licences[i].Subscriptions[j]
			of := c.Of(s)
			if len(of) == 0 {
				continue
			}
			claims = append(claims, of...)
			terms[s.ID] = Strongest(of).Term
		}
	}
	return func(id string) string { return terms[id] }, claims
}
