package model

import (
	"slices"
	"time"
)

// Day lets a day pass: terms end, and things happen.
func (c *Customer) Day(today time.Time) {
	for _, s := range c.Subscriptions {
		before := s.String()
		c.age(s, today)
		if now := s.String(); now != before {
			c.Note(today, "%s -> %s", before, now)
		}
	}
	before := make([]string, len(c.Subscriptions))
	for i, s := range c.Subscriptions {
		before[i] = s.String()
	}
	c.happen(today)
	c.flap(today)
	c.vanish(today)
	c.people(today)
	for i, s := range c.Subscriptions {
		switch {
		case i >= len(before):
			c.Note(today, "bought %s", s)
		case s.String() != before[i]:
			c.Note(today, "%s => %s", before[i], s)
		}
	}
	for i := range c.Tenants {
		c.NoLicences[i], c.NoPeople[i] = c.random.IntN(50) == 0, c.random.IntN(50) == 0
	}
}

// age lets a subscription's day come.
func (c *Customer) age(s *Subscription, today time.Time) {
	switch {
	case s.Status == "Enabled" && !today.Before(s.ends):
		if s.dying {
			s.Status, s.lapsed, s.Next = "Warning", today, today.Add(30*day)
			return
		}
		if s.months > 1 && c.random.IntN(6) == 0 {
			s.months, s.extended = 1, true
		}
		s.ends = s.ends.AddDate(0, s.months, 0)
		s.Next, s.Units, s.pending = s.ends, max(1, s.Units-s.pending), 0
	case s.Status == "Warning" && today.Sub(s.lapsed) >= 30*day:
		s.Status, s.Next = "Suspended", today.Add(90*day)
	case s.Status == "Suspended" && s.stopped && !today.Before(s.ends):
		s.stopped, s.Status, s.Next = false, "Deleted", time.Time{}
	case s.Status == "Suspended" && !s.stopped && today.Sub(s.lapsed) >= 120*day:
		s.Status, s.Next = "Deleted", time.Time{}
	}
}

// settled reports whether nothing happened to a SKU lately that could explain more
// than the model means, and nothing is about to.
func (c *Customer) settled(sku string, today time.Time) bool {
	if today.Sub(c.quiet[sku]) < 20*day {
		return false
	}
	for _, s := range c.Subscriptions {
		if s.SKU != sku || s.Status == "Deleted" {
			continue
		}
		if s.Status != "Enabled" || s.months == 1 || s.ends.Sub(today) < 40*day || s.ends.AddDate(0, -s.months, 0).After(today.Add(-40*day)) || today.Sub(s.Created) < 40*day {
			return false
		}
	}
	return true
}

// replaced reports whether the customer keeps another subscription of the same SKU: a
// customer that loses a product as a whole is another story.
func (c *Customer) replaced(s *Subscription) bool {
	for _, other := range c.Subscriptions {
		if other != s && other.SKU == s.SKU && other.Status == "Enabled" && !other.dying {
			return true
		}
	}
	return false
}

// happen lets something happen to the customer, or nothing.
func (c *Customer) happen(today time.Time) {
	var live []*Subscription
	for _, s := range c.Subscriptions {
		if s.Status == "Enabled" && s.Units > 4 && !s.dying {
			live = append(live, s)
		}
	}
	if len(live) == 0 || c.random.IntN(12) != 0 {
		return
	}
	s := live[c.random.IntN(len(live))]
	n := 1 + c.random.IntN(min(4, s.Units-1))
	touch := func() {
		for _, sku := range SKUs {
			c.quiet[sku] = today
		}
	}
	switch c.random.IntN(9) {
	case 0, 1, 2, 3: // more seats, at any time
		s.Units += n
		touch()
	case 4, 5: // fewer from the next term on
		if s.pending == 0 {
			s.pending = n
		}
	case 6: // a new subscription
		c.buy(s.SKU, n, today, today)
		touch()
	case 7: // not renewed
		s.dying = c.replaced(s)
	case 8: // suspended by the partner, far from its end: Microsoft bills on
		if c.replaced(s) && s.ends.Sub(today) > 130*day {
			s.Status, s.stopped, s.pending = "Suspended", true, 0
			touch()
		}
	}
}

// A flap is a day on which the source counts other units of a subscription than before, though
// nothing happened to it.
type flap struct {
	at    time.Time
	of    *Subscription
	units int
}

// flap lets the source misread, or read right again.
func (c *Customer) flap(today time.Time) {
	for len(c.flaps) > 0 && !c.flaps[0].at.After(today) {
		f := c.flaps[0]
		c.flaps = c.flaps[1:]
		if f.of.Status == "Enabled" && f.of.Units+f.units > 0 {
			f.of.Units += f.units
			c.quiet[SKUs[0]], c.quiet[SKUs[1]] = today, today
		}
	}
}

// vanish lets units be less in the middle of a term, which nothing explains, for good or
// for some days, or moves them to the other SKU in one day.
func (c *Customer) vanish(today time.Time) {
	if c.random.IntN(25) != 0 {
		return
	}
	var live []*Subscription
	for _, s := range c.Subscriptions {
		if s.Status == "Enabled" && s.Units > 4 && !s.dying && !slices.Contains(assignedSKUs, s.SKU) && c.settled(s.SKU, today) {
			live = append(live, s)
		}
	}
	if len(live) == 0 {
		return
	}
	s := live[c.random.IntN(len(live))]
	n := 1 + c.random.IntN(min(4, s.Units-1))
	s.Units -= n
	c.quiet[SKUs[0]], c.quiet[SKUs[1]] = today, today
	switch c.random.IntN(3) {
	case 1:
		return
	case 2: // a misreading: it is right again, and wrong again, and right
		at := today
		for _, back := range []int{n, -n, n} {
			at = at.AddDate(0, 0, 1+c.random.IntN(4))
			c.flaps = append(c.flaps, flap{at, s, back})
		}
		return
	}
	for _, to := range live {
		if to.SKU != s.SKU {
			to.Units += n
			return
		}
	}
}

// people lets people come and go, and be given licences.
func (c *Customer) people(today time.Time) {
	if c.random.IntN(6) != 0 {
		return
	}
	if c.random.IntN(4) == 0 {
		c.join()
		c.Note(today, "%s comes", c.People[len(c.People)-1].UPN)
		return
	}
	i := c.random.IntN(len(c.People))
	p := c.People[i]
	switch c.random.IntN(6) {
	case 0, 1:
		if c.last(p.Tenant) {
			return
		}
		c.People = slices.Delete(c.People, i, i+1)
		c.Note(today, "%s leaves", p.UPN)
	case 2:
		p.Enabled = !p.Enabled
		c.Note(today, "%s may sign in: %t", p.UPN, p.Enabled)
	default:
		sku := assignedSKUs[c.random.IntN(len(assignedSKUs))]
		p.Holds[sku] = !p.Holds[sku]
		c.Note(today, "%s holds %s: %t", p.UPN, sku[:4], p.Holds[sku])
	}
}

// last reports whether few people of a tenant are left: one without any is a source that
// does not answer.
func (c *Customer) last(tenant int) bool {
	n := 0
	for _, p := range c.People {
		if p.Tenant == tenant {
			n++
		}
	}
	return n < 4
}
