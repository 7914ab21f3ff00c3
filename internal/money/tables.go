package money

import (
	"cmp"
	"fmt"
	"maps"
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

// Customers are the keys of those for whom alone something was set.
func (t *Tables) Customers() []string {
	keys := map[string]bool{}
	for i := range t.Rules.Rules {
		keys[t.Rules.Rules[i].Customer] = true
	}
	for i := range t.Overrides.Overrides {
		keys[t.Overrides.Overrides[i].Customer] = true
	}
	for i := range t.Claims.Claims {
		keys[t.Claims.Claims[i].Customer] = true
	}
	delete(keys, "")
	return slices.Sorted(maps.Keys(keys))
}

// SetFor lists in words what was set for one customer alone, and counts on a day.
func (t *Tables) SetFor(customer string, day time.Time) []string {
	var out []string
	for i := range t.Rules.Rules {
		if r := &t.Rules.Rules[i]; r.Customer == customer && r.Decided() {
			out = append(out, fmt.Sprintf("the rule %s -> %s", cmp.Or(r.Part, r.Name, r.SKU, "people"), cmp.Or(r.Product, string(r.Status))))
		}
	}
	for i := range t.Overrides.Overrides {
		if x := &t.Overrides.Overrides[i]; x.Customer == customer && x.InForce(day) {
			out = append(out, fmt.Sprintf("the override of %s (%s until %s)", x.Product, &x.Override, x.Until.Format(time.DateOnly)))
		}
	}
	for _, c := range t.Claims.For(customer) {
		out = append(out, "the claim about subscription "+c.Subscription)
	}
	slices.Sort(out)
	return slices.Compact(out)
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

// OverrideIdle is the code of the note that an override is of a product that no rule bills.
const OverrideIdle = "override_idle"

// Matches reports whether the override is about a product of a customer: by the
// product's id where both are known, or else by what it is called.
func (x *CustomerOverride) Matches(customer string, id int, names ...string) bool {
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
		if x := &o.Overrides[i]; x.Matches(customer, id, names...) && x.InForce(day) {
			return x
		}
	}
	return nil
}

// InForce are the overrides that count on a day; what ended is in the journal and the
// ledger.
func (o *Overrides) InForce(day time.Time) Overrides {
	return Overrides{slices.DeleteFunc(slices.Clone(o.Overrides), func(x CustomerOverride) bool { return !x.InForce(day) })}
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
	return Overrides{slices.DeleteFunc(slices.Clone(o.Overrides), func(y CustomerOverride) bool { return y.Matches(x.Customer, x.ProductID, x.Product) })}
}

// Claims are what people and distributors say of the terms of subscriptions, sorted
// by customer, subscription and strength.
type Claims struct {
	Claims []Claim `json:"claims"`
}

// For returns the claims about one customer's subscriptions.
func (c *Claims) For(customer string) []Claim {
	var out []Claim
	for i := range c.Claims {
		if c.Claims[i].Customer == customer {
			out = append(out, c.Claims[i])
		}
	}
	return out
}

// ClaimsOn returns those of a customer's claims that are about a subscription, what was
// observed of it before them.
func ClaimsOn(claims []Claim, s *directory.Subscription) []Claim {
	var out []Claim
	if s.Before.Term != "" {
		out = append(out, Claim{Subscription: s.ID, Term: s.Before.Term, Source: Observed})
	}
	for _, x := range claims {
		if strings.EqualFold(x.Subscription, s.ID) || s.CommerceID != "" && strings.EqualFold(x.Subscription, s.CommerceID) {
			x.Subscription = s.ID
			out = append(out, x)
		}
	}
	return out
}

// Join returns a customer's licences with what is said of their subscriptions.
func (c *Claims) Join(customer string, licences []directory.Licence) []directory.Licence {
	claims := c.For(customer)
	out := licences
	for i := range licences {
		subscriptions := licences[i].Subscriptions
		for j := range subscriptions {
			of := ClaimsOn(claims, &subscriptions[j])
			if len(of) == 0 {
				continue
			}
			if &out[0] == &licences[0] {
				out = slices.Clone(licences)
			}
			if l := &out[i]; &l.Subscriptions[0] == &subscriptions[0] {
				l.Subscriptions = slices.Clone(subscriptions)
			}
			out[i].Subscriptions[j].Claim = claimOf(of)
		}
	}
	return out
}

// claimOf joins claims about one subscription: of each fact the one with the
// strongest source.
func claimOf(claims []Claim) directory.Claim {
	term := StrongestClaim(slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.Term == "" }))
	end := StrongestClaim(slices.DeleteFunc(slices.Clone(claims), func(c Claim) bool { return c.Ends.IsZero() }))
	return directory.Claim{Term: term.Term, TermBy: term.Source, Ends: end.Ends, EndsBy: end.Source}
}

// Terms returns what is known of the terms of the subscriptions of a customer's
// licences, by id, and all claims about them.
func (c *Claims) Terms(customer string, licences []directory.Licence) (term func(id string) string, claims []Claim) {
	said := c.For(customer)
	terms := map[string]string{}
	for i := range licences {
		for j := range licences[i].Subscriptions {
			s := &licences[i].Subscriptions[j]
			of := ClaimsOn(said, s)
			if len(of) == 0 {
				continue
			}
			claims = append(claims, of...)
			terms[s.ID] = StrongestClaim(of).Term
		}
	}
	return func(id string) string { return terms[id] }, claims
}

// Put returns the claims with some in place of those of the same customer,
// subscription and strength; one that says nothing is taken out.
func (c *Claims) Put(claims ...Claim) Claims {
	type about struct {
		customer, subscription string
		strength               int
	}
	of := func(c *Claim) about {
		return about{c.Customer, strings.ToLower(c.Subscription), sourceStrength(c.Source)}
	}
	all := map[about]Claim{}
	for _, x := range slices.Concat(c.Claims, claims) {
		all[of(&x)] = x
		if x.Term == "" && x.Ends.IsZero() {
			delete(all, of(&x))
		}
	}
	return Claims{slices.SortedFunc(maps.Values(all), func(a, b Claim) int {
		x, y := of(&a), of(&b)
		return cmp.Or(cmp.Compare(x.customer, y.customer), cmp.Compare(x.subscription, y.subscription), cmp.Compare(x.strength, y.strength))
	})}
}

// Remembered is a subscription as it is remembered, with what a customer's claims say of it.
func Remembered(claims []Claim, seen *directory.Seen) directory.Subscription {
	s := directory.Subscription{ID: seen.ID, CommerceID: seen.CommerceID, Status: seen.Status, Total: seen.Units, Created: seen.Created, Renews: seen.Ends, Before: *seen}
	s.Claim = claimOf(ClaimsOn(claims, &s))
	return s
}

// KnownMonthly reports whether a subscription that is remembered is known to renew by the
// month, with a customer's claims.
func KnownMonthly(claims []Claim, seen *directory.Seen, now time.Time) bool {
	s := Remembered(claims, seen)
	term, _ := PresentTerm(&s, claims, now)
	return term == TermMonthly
}

// Find returns the claim about a customer's subscription that is as strong as a
// source would be, or an empty one.
func (c *Claims) Find(customer, subscription, source string) Claim {
	i := slices.IndexFunc(c.Claims, func(x Claim) bool {
		return x.Customer == customer && strings.EqualFold(x.Subscription, subscription) && sourceStrength(x.Source) == sourceStrength(source)
	})
	if i < 0 {
		return Claim{}
	}
	return c.Claims[i]
}
