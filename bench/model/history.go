// Package model is an independent model of what a customer's Microsoft licences
// go through and of what may be billed for them. It knows nothing of the program
// that it is held against: its rules are written from docs/money.md and
// docs/commerce alone, and it shares no code with them.
package model

import (
	"fmt"
	"math/rand/v2"
	"time"
)

const day = 24 * time.Hour

// A Subscription is one purchase, as Microsoft's answer shows it on a day.
type Subscription struct {
	ID      string
	SKU     string
	Units   int
	Status  string // Enabled, Warning, Suspended, Deleted
	Created time.Time
	Next    time.Time // the next day that Microsoft tells

	months   int       // of its term
	ends     time.Time // the truth: the end of its present term
	lapsed   time.Time // when it went into grace
	stopped  bool      // suspended by the partner, and billed to its end
	pending  int       // fewer units from the end of the term on
	dying    bool      // it is not renewed
	extended bool      // it goes on by the month after its term: the extended service term
}

// An Agreement is what of a customer's agreement decides what may be written.
type Agreement struct {
	Next time.Time // the first day that is not yet invoiced
}

// A Customer is one customer's life, and what the model says of its lines.
type Customer struct {
	Name          string
	Subscriptions []*Subscription
	Agreement     Agreement
	Lines         map[string]*Line // by SKU

	Unread bool // the source proves nothing of it today

	Log []string // what happened to it, a line each

	random *rand.Rand
	next   int // of the ids that are given
	quiet  map[string]time.Time
}

// A Line is what the model knows of the billed line of a SKU.
type Line struct {
	Billed int // what stands on the line
	Edited bool
	// Unexplained says that a fall was seen that nothing explains, and that the line
	// still bills for.
	Unexplained bool
	Unsure      bool // it may as well be explained, see Guess
	// Periods says that a change waits since it would bill several periods.
	Periods bool

	read int // what was due at the last read that proved something
	was  map[string]seen
}

// seen is a subscription at the last read.
type seen struct {
	units  int
	counts bool
	added  []addition
	ends   time.Time
	former time.Time
}

type addition struct {
	at    time.Time
	units int
}

// SKUs are the licences that customers hold.
var SKUs = []string{"cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "05e9a617-0261-4cee-bb44-138d3ef5d965"}

// New makes a customer as it stands on a day.
func New(name string, today time.Time, random *rand.Rand) *Customer {
	c := &Customer{Name: name, random: random, Lines: map[string]*Line{}, quiet: map[string]time.Time{}}
	c.Agreement.Next = time.Date(today.Year(), today.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	for _, sku := range SKUs {
		c.Lines[sku] = &Line{was: map[string]seen{}}
		for range 1 + random.IntN(2) {
			c.buy(sku, 5+random.IntN(40), today.AddDate(0, 0, -30-random.IntN(200)), today)
		}
	}
	return c
}

// buy adds a subscription that was made on a day.
func (c *Customer) buy(sku string, units int, made, today time.Time) *Subscription {
	c.next++
	s := &Subscription{ID: fmt.Sprintf("%s-%s-%d", c.Name, sku[:4], c.next), SKU: sku, Units: units, Status: "Enabled", Created: made, months: []int{1, 12, 12, 36}[c.random.IntN(4)]}
	s.ends = made.AddDate(0, s.months, 0)
	for !s.ends.After(today) {
		s.ends = s.ends.AddDate(0, s.months, 0)
	}
	s.Next = s.ends
	c.Subscriptions = append(c.Subscriptions, s)
	return s
}

// Due is how many units of a SKU are to be billed: enabled, in grace (which is
// billed), or suspended by the partner and charged to the end of the term.
func (c *Customer) Due(sku string) int {
	n := 0
	for _, s := range c.Subscriptions {
		if s.SKU == sku && s.counts() {
			n += s.Units
		}
	}
	return n
}

func (s *Subscription) counts() bool {
	return s.Status == "Enabled" || s.Status == "Warning" || s.Status == "Suspended" && s.stopped
}

// Note adds a line to what happened.
func (c *Customer) Note(today time.Time, format string, args ...any) {
	c.Log = append(c.Log, today.Format(time.DateOnly)+" "+fmt.Sprintf(format, args...))
}

func (s *Subscription) String() string {
	return fmt.Sprintf("%s %s %d until %s", s.ID, s.Status, s.Units, s.Next.Format(time.DateOnly))
}

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
	for i, s := range c.Subscriptions {
		switch {
		case i >= len(before):
			c.Note(today, "bought %s", s)
		case s.String() != before[i]:
			c.Note(today, "%s => %s", before[i], s)
		}
	}
	c.Unread = c.random.IntN(25) == 0
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
	if today.Sub(c.quiet[sku]) < 40*day {
		return false
	}
	for _, s := range c.Subscriptions {
		if s.Status != "Enabled" && s.Status != "Deleted" && s.SKU == sku || s.Status == "Enabled" && (s.months == 1 || s.ends.Sub(today) < 40*day || s.ends.AddDate(0, -s.months, 0).After(today.Add(-40*day)) || today.Sub(s.Created) < 40*day) {
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
	switch c.random.IntN(12) {
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
	case 9, 10: // units that vanish in the middle of a term: nothing explains it
		if c.settled(s.SKU, today) {
			s.Units -= n
			touch()
		}
	case 11: // moved to the other SKU, in one day
		if c.settled(s.SKU, today) {
			for _, to := range live {
				if to.SKU != s.SKU {
					s.Units, to.Units = s.Units-n, to.Units+n
					touch()
					break
				}
			}
		}
	}
}
