package model

import (
	"slices"
	"time"
)

// An Entry is what was known of a product at the end of a day on which a run looked, and
// lasts until another one.
type Entry struct {
	From   time.Time // a day
	Known  bool
	Due    int  // where it is known
	Billed int  // where Read
	Read   bool // the line was read
	// Said says that a person's word is due whatever the source proves: how much of the
	// rest counts as known is nobody's matter.
	Said     bool
	Names    []string // who is counted, where that is proven
	Override Override
}

// Keep writes down what is known after a run.
func (c *Customer) Keep(today time.Time) {
	for _, p := range c.Products() {
		e := Entry{From: today}
		if !c.Unread() {
			e.Read, e.Billed = true, c.Lines[p.ID].Billed
			e.Due, e.Known = c.Due(p, today)
			if _, counted := c.Counted(p); counted {
				e.Names = c.Names(p)
			} else if e.Known {
				e.Said = true
			}
			if o := c.Override(p, today); o != nil {
				e.Override = *o
			}
		}
		all := c.ledger[p.ID]
		if n := len(all); n > 0 && all[n-1].From.Equal(today) {
			all = all[:n-1] // what a later run of the day finds stands at its end
		}
		c.ledger[p.ID] = append(all, e)
	}
}

// On is what was known of a product at the end of a day; nil before anything was.
func (c *Customer) On(p Product, day time.Time) *Entry {
	all := c.ledger[p.ID]
	for i := range slices.Backward(all) {
		if !all[i].From.After(day) {
			return &all[i]
		}
	}
	return nil
}

// Proven reports whether every product's number was known at the end of a day, and
// whether that is for certain: see Entry.Said.
func (c *Customer) Proven(day time.Time) (proven, certain bool) {
	proven, certain = true, true
	for _, p := range c.Products() {
		e := c.On(p, day)
		proven = proven && e != nil && e.Known
		certain = certain && (e == nil || !e.Said)
	}
	return proven, certain
}
