package model

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// How a product is counted.
const (
	Purchased = "purchased"
	Assigned  = "assigned"
	Larger    = "larger"
	People    = "people"
)

// A Product is what customers are billed, and the rule that counts it.
type Product struct {
	ID      string // of the catalogue
	SKU     string // of the licence; empty where people are counted whatever they hold
	Count   string
	Who     string // whom it counts
	Half    bool   // a unit counts a half, and their sum is rounded up
	Minimum int
	Maximum int  // 0 for none
	Floor   bool // no fewer than are bought
	Own     bool // the rule is the customer's own
	Price   string
}

// SKUs are the licences that customers hold. Units of the first two vanish, and are moved
// from one to the other.
var SKUs = []string{
	"cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "05e9a617-0261-4cee-bb44-138d3ef5d965",
	"4b9405b0-7788-4568-add1-99614e613b69", "18181a46-0d4e-45cd-891e-60aabd171b4e", "c5928f49-12ba-48f7-ada3-0d743a3601d5",
}

// assignedSKUs are those that people are given.
var assignedSKUs = SKUs[2:]

// Everybody who works there, and the people who hold a licence and may sign in.
const (
	whoWorks = "enabled=true; not name=svc-*"
	whoSigns = "enabled=true"
)

// Products are what all are billed, by rules for all.
var Products = []Product{
	{ID: "P0", SKU: SKUs[0], Count: Purchased, Price: "22.00"},
	{ID: "P1", SKU: SKUs[1], Count: Purchased, Price: "36.50"},
	{ID: "P2", SKU: SKUs[2], Count: Assigned, Minimum: 12, Price: "4.10"},
	{ID: "P3", SKU: SKUs[3], Count: People, Who: whoSigns, Floor: true, Price: "10.35"},
	{ID: "P4", SKU: SKUs[4], Count: Larger, Maximum: 45, Price: "15.99"},
	{ID: "P5", Count: People, Who: whoWorks, Half: true, Price: "3.00"},
}

// Products are what the customer is billed: one in three has a minimum of its own.
func (c *Customer) Products() []Product {
	if c.Name[len(c.Name)-1]%3 != 0 {
		return Products
	}
	own := slices.Clone(Products)
	own[2].Minimum, own[2].Own = 20, true
	return own
}

// sold is how many units of a SKU are paid for: enabled, in grace where that is billed, or
// suspended by the partner and charged to the end of the term.
func (c *Customer) sold(sku string) int {
	n := 0
	for _, s := range c.Subscriptions {
		if s.SKU == sku && c.counts(s) {
			n += s.Units
		}
	}
	return n
}

func (c *Customer) counts(s *Subscription) bool {
	return s.Status == "Enabled" || s.Status == "Warning" && !c.GraceFree || s.Status == "Suspended" && s.stopped
}

// Names are those whom a product counts, sorted.
func (c *Customer) Names(p Product) []string {
	out := []string{}
	for _, x := range c.People {
		switch {
		case p.Count == Purchased:
		case p.SKU != "" && !x.Holds[p.SKU]:
		case p.Who != "" && !x.Enabled, p.Who == whoWorks && x.Service:
		default:
			out = append(out, x.UPN)
		}
	}
	slices.Sort(out)
	return out
}

// Counted is what the rule of a product comes to, and whether it is proven today.
func (c *Customer) Counted(p Product) (units int, proven bool) {
	held, sold := len(c.Names(p)), c.sold(p.SKU)
	switch p.Count {
	case Purchased:
		units = sold
	case Assigned:
		units = min(held, sold)
	case Larger:
		units = max(held, sold)
	case People:
		units = held
	}
	if p.Floor {
		units = max(units, sold)
	}
	if p.Count != People && sold == 0 {
		return 0, !c.Unread()
	}
	if p.Half {
		units = (units + 1) / 2
	}
	if units = max(units, p.Minimum); p.Maximum > 0 {
		units = min(units, p.Maximum)
	}
	return units, !c.Unread() && (p.Count != People || !c.peopleUnread())
}

// Due is what is to be billed on a day: what the rule comes to, or what a person set in
// its place.
func (c *Customer) Due(p Product, today time.Time) (units int, proven bool) {
	units, proven = c.Counted(p)
	o := c.Override(p, today)
	if o == nil {
		return units, proven
	}
	switch o.Kind {
	case Exactly:
		return o.Units, !c.Unread()
	case AtLeast:
		return max(units, o.Units), proven
	}
	return min(units, o.Units), proven
}

// floor is what the line of a product may never fall below by anything but a person's word.
func (c *Customer) floor(p Product) int {
	n := p.Minimum
	if p.Floor {
		n = max(n, c.sold(p.SKU))
	}
	if p.SKU != "" && p.Count != People && c.sold(p.SKU) == 0 {
		return 0
	}
	return n
}

// Below says that a line bills less than its floor, where it does.
func (c *Customer) Below(p Product, billed int, today time.Time) string {
	if o := c.Override(p, today); o != nil && o.Kind != AtLeast {
		return ""
	}
	if floor := c.floor(p); billed < floor {
		return fmt.Sprintf("%s of %s bills %d, and its floor is %d", p.ID, c.Name, billed, floor)
	}
	return ""
}

// How a person sets a quantity.
const (
	Exactly = "quantity"
	AtLeast = "minimum"
	AtMost  = "maximum"
)

// An Override stands in place of what a rule comes to, to the end of its last day.
type Override struct {
	Kind  string
	Units int
	Until time.Time
}

// Override is the one that counts on a day, or nil.
func (c *Customer) Override(p Product, today time.Time) *Override {
	if o := c.Overrides[p.ID]; o != nil && !today.After(o.Until) {
		return o
	}
	return nil
}

// decided is what persons set that counts on a day. Where it is another one than before,
// the next plan waits as a whole.
func (c *Customer) decided(today time.Time) string {
	var out []string
	for _, p := range Products {
		if o := c.Override(p, today); o != nil {
			out = append(out, fmt.Sprintf("%s %s %d %s", p.ID, o.Kind, o.Units, o.Until.Format(time.DateOnly)))
		}
	}
	return strings.Join(out, ", ")
}
