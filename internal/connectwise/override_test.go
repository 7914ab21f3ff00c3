package connectwise

import (
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/money"
	cwsim "syncd/internal/simulator/connectwise"
)

// What a person set stands in place of the rule up to its last day, and then the
// rule counts again, whatever the product is called by then.
func TestWhatAPersonSetStandsInPlaceOfTheRule(t *testing.T) {
	n := func(n int) *int { return &n }
	today := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	unclear := directory.Licence{SKU: skuBP, Name: "Business Premium", Subscriptions: []directory.Subscription{{ID: "a", Status: "Suspended", Total: 9, Renews: noon.AddDate(0, 0, 60)}}}
	for _, c := range []struct {
		name     string
		rules    mapping.Rules
		override money.CustomerOverride
		licences []directory.Licence
		want     string
	}{
		{"a quantity", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Quantity: n(20)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>20 176.00"},
		{"a minimum", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Minimum: n(20)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>20 176.00"},
		{"a minimum that does not matter", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Minimum: n(13)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>14 44.00"},
		{"a maximum", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Maximum: n(10)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>10 -44.00"},
		{"a quantity, and the licence is gone", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Quantity: n(5)}}, nil, "= 55/910 quantity 12>5 -154.00"},
		{"a quantity of what nobody can tell", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Quantity: n(9)}}, []directory.Licence{unclear}, "= 55/910 quantity 12>9 -66.00"},
		{"a minimum of what nobody can tell", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Minimum: n(9)}}, []directory.Licence{unclear}, "hold suspension_unclear"},
		{"near its end", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Quantity: n(12), Until: today.AddDate(0, 0, 14)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 0.00; note override_ending"},
		{"its last day", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Quantity: n(12), Until: today}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 0.00; note override_ending"},
		{"the day after", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Override: money.Override{Quantity: n(12), Until: today.AddDate(0, 0, -1)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>14 44.00"},
		{"of another customer", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Customer: other, Override: money.Override{Quantity: n(20)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>14 44.00"},
		{"of another product", rules(rule(skuBP, "M365-BP")), money.CustomerOverride{Product: "E3", Override: money.Override{Quantity: n(20)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>14 44.00"},
		{"a rule that names the product by its id", rules(rule(skuBP, "752")), money.CustomerOverride{Override: money.Override{Quantity: n(20)}}, []directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>20 176.00"},
		{"a product that was renamed", rules(rule(skuBP, "WAS-BP", func(r *mapping.Rule) { r.ProductID = 752 })), money.CustomerOverride{Product: "WAS-BP", ProductID: 752, Override: money.Override{Quantity: n(20)}},
			[]directory.Licence{licence(skuBP, 14, 9)}, "= 55/910 quantity 12>20 176.00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := c.override
			if o.Customer == "" {
				o.Customer = tenant
			}
			if o.Product == "" {
				o.Product = "M365-BP"
			}
			if o.Until.IsZero() {
				o.Until = today.AddDate(0, 0, 100)
			}
			world := seed()
			world.Additions = []*cwsim.Addition{world.Additions[0]}
			h := newHarness(t, world, c.rules)
			h.target = h.client.Open(money.Tables{Rules: c.rules, Overrides: money.Overrides{Overrides: []money.CustomerOverride{o}}})
			if got := planText(h.plan(contoso, snapshot(c.licences...))); !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// What is decided for one customer asks first there, and nowhere else; what is read
// besides the licences is read of those whose rules need it.
func TestWhatIsDecidedForOneCustomerIsNoMatterOfOthers(t *testing.T) {
	five := 5
	plain := rules(rule(skuBP, "M365-BP"))
	own := rules(rule(skuBP, "M365-BP"), rule(skuBP, "E3", func(r *mapping.Rule) { r.Customer, r.Count, r.Who = tenant, mapping.People, "group=Sales" }))
	override := func(until time.Time) money.Overrides {
		return money.Overrides{Overrides: []money.CustomerOverride{{Customer: tenant, Product: "M365-BP", Override: money.Override{Quantity: &five, Until: until, Reason: "x", By: "ada"}}}}
	}
	h := newHarness(t, seed(), plain)
	before := h.target.Spec()
	for _, c := range []struct {
		name    string
		tables  money.Tables
		also    directory.Kinds
		decides bool
	}{
		{"nothing", money.Tables{Rules: plain}, 0, false},
		{"an override", money.Tables{Rules: plain, Overrides: override(noon.AddDate(0, 0, 9))}, 0, true},
		{"an override that ended", money.Tables{Rules: plain, Overrides: override(noon.AddDate(0, 0, -2))}, 0, false},
		{"a rule", money.Tables{Rules: own}, directory.Users | directory.Groups, true},
	} {
		spec := h.client.Open(c.tables).Spec()
		if spec.Settings != before.Settings || spec.Also != before.Also || spec.Own[other].Settings != "" {
			t.Errorf("%s: others are concerned", c.name)
		}
		if got := spec.Own[tenant]; got.Also != c.also || (got.Settings != "") != c.decides {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}
