package model

import (
	"slices"
	"time"
)

// How far Microsoft's days and our reads may be off.
const (
	slack  = 3 * day
	window = 8 * day // 168 hours, and a day
)

// Ran says what a run on a day may have left on the customer's lines: everything
// that is due, but for what waits.
func (c *Customer) Ran(today time.Time) {
	if c.Unread() {
		return // unknown is never zero: nothing changes, and nothing was learnt
	}
	unexplained, unsure := c.falls(today)
	for _, p := range c.Products() {
		l := c.Lines[p.ID]
		counted, proven := c.Counted(p)
		if unexplained[p.SKU] {
			if !l.Unexplained {
				c.Note(today, "%s counts less, and nothing explains it", p.ID)
			}
			l.Unsure = unsure[p.SKU] && !l.Unexplained
			l.Unexplained = true
		}
		if !proven {
			continue
		}
		if l.Billed <= counted {
			l.Unexplained, l.Unsure = false, false
		}
		l.read = counted
	}
	c.remember(today)
	if !c.Agreement.Reopened() {
		c.Agreement.seen = c.Agreement.Next
	}
	changes := c.wrong(today)
	whole := c.decided(today) != c.accepted // what persons set is another: the whole plan waits
	for _, p := range c.Products() {
		l := c.Lines[p.ID]
		l.Periods = false
		due, proven := c.Due(p, today)
		switch {
		case !proven:
		case l.Billed == due:
			l.Edited, l.left = false, due
		case Frozen(c.Managed(), today), whole, c.Agreement.Reopened(), c.InClosed():
		case c.Outstanding(today) > 1:
			l.Periods = true
		case l.Edited, due < l.Billed && l.Unexplained:
		default:
			l.Billed, l.left = due, due
			c.accepted = c.decided(today)
		}
	}
	if len(changes) == 0 {
		c.accepted = c.decided(today)
	}
}

// wrong are the products whose lines bill something else than is due.
func (c *Customer) wrong(today time.Time) []Product {
	return slices.DeleteFunc(slices.Clone(c.Products()), func(p Product) bool {
		due, proven := c.Due(p, today)
		return !proven || c.Lines[p.ID].Billed == due
	})
}

// Guess settles what nobody can be sure of by what stands on a line after a run, and
// reports whether there was something to settle.
func (c *Customer) Guess(p Product, billed int, today time.Time) bool {
	l := c.Lines[p.ID]
	if due, _ := c.Due(p, today); !l.Unsure || billed != due {
		return false
	}
	l.Billed, l.left, l.Unexplained, l.Unsure = billed, billed, false, false
	return true
}

// Approved says what stands on the lines after a person approved all that waits, and
// a run wrote it.
func (c *Customer) Approved(today time.Time) {
	if !c.Waits(today) {
		return
	}
	for _, p := range c.wrong(today) {
		l := c.Lines[p.ID]
		l.Billed, _ = c.Due(p, today)
		l.left = l.Billed
		l.Edited, l.Periods = false, false
		if counted, proven := c.Counted(p); proven && l.Billed <= counted {
			l.Unexplained, l.Unsure = false, false
		}
	}
	c.accepted, c.Agreement.seen = c.decided(today), c.Agreement.Next
}

// Waits reports whether a person is waited for whose word would let something pass.
func (c *Customer) Waits(today time.Time) bool {
	return !c.Unread() && !Frozen(c.Managed(), today) && !c.InClosed() && len(c.wrong(today)) > 0
}

// InClosed reports whether what is written today would be billed in a closed month: nobody
// may do that, whoever approves it.
func (c *Customer) InClosed() bool { return !c.Agreement.Next.After(c.Closed) }

// falls are the SKUs that count fewer units than at the last read without a reason.
// Unsure are those where others grew at the same read, by something else: whether
// anything was moved is anybody's guess, and both answers are as good.
func (c *Customer) falls(today time.Time) (unexplained, unsure map[string]bool) {
	open, opened := map[string]int{}, 0
	grew := map[string][]int{}
	all := 0
	for _, s := range c.Subscriptions {
		was, known := c.seen[s.ID]
		before, now := 0, 0
		if known && was.counts {
			before = was.units
		}
		if c.counts(s) {
			now = s.Units
		}
		most := before
		if known && was.counts {
			most = max(was.most, before) // what comes back did not grow
		}
		switch {
		case now > most:
			grew[s.SKU] = append(grew[s.SKU], now-most)
			all++
		case now < before && !c.explains(s, was, before-now, today):
			open[s.SKU] += before - now
			opened++
		}
	}
	unexplained, unsure = map[string]bool{}, map[string]bool{}
	for _, p := range c.Products() {
		sku, l := p.SKU, c.Lines[p.ID]
		if counted, proven := c.Counted(p); !proven || l.read <= counted || open[sku] == 0 {
			continue
		}
		moved := false
		for other, by := range grew {
			moved = moved || other != sku && all == 1 && opened == 1 && by[0] == open[sku]
		}
		unexplained[sku], unsure[sku] = !moved, !moved && all > 0
	}
	return unexplained, unsure
}

// explains reports whether something shows why a subscription counts for less.
func (c *Customer) explains(s *Subscription, was seen, units int, today time.Time) bool {
	ended := !was.ends.IsZero() && !was.ends.After(today.Add(day)) || !was.former.IsZero() && today.Sub(was.former) <= slack
	within := func(t time.Time) bool { return !t.IsZero() && today.Sub(t) <= window }
	switch {
	case s.Status == "Suspended" && !s.stopped, ended:
		return true
	case within(s.Created), within(was.former):
		return true
	}
	recent := 0
	for _, a := range was.added {
		if within(a.at) {
			recent += a.units
		}
	}
	return recent >= units+max(was.most-was.units, 0)
}

// remember is what the next read compares with.
func (c *Customer) remember(today time.Time) {
	for _, s := range c.Subscriptions {
		was, known := c.seen[s.ID]
		now := seen{units: s.Units, counts: c.counts(s), ends: was.ends, former: was.former, most: max(was.most, was.units), added: was.added}
		switch {
		case !known:
			now.most = s.Units
		case s.Units > now.most: // what only comes back was not bought
			now.added = append(slices.Clone(was.added), addition{today, s.Units - now.most})
			now.most = s.Units
		case s.Units < was.units && c.explains(s, was, was.units-s.Units, today):
			now.added = slices.Clone(was.added)
			for back := now.most - s.Units; back > 0 && len(now.added) > 0; { // what was added last is given back first
				last := &now.added[len(now.added)-1]
				n := min(back, last.units)
				last.units, back = last.units-n, back-n
				if last.units == 0 {
					now.added = now.added[:len(now.added)-1]
				}
			}
			now.most = s.Units
		}
		if s.Status == "Enabled" {
			if !was.ends.IsZero() && s.Next.After(was.ends.Add(slack)) && !was.ends.After(today.Add(slack)) {
				now.former, now.most = was.ends, s.Units
			}
			now.ends = s.Next
		}
		c.seen[s.ID] = now
	}
}

// Outstanding is how many periods a change that is written today would bill.
func (c *Customer) Outstanding(today time.Time) int {
	n := 1
	for next := c.Agreement.Next.AddDate(0, 1, 0); !next.After(today); next = next.AddDate(0, 1, 0) {
		n++
	}
	return n
}

// Managed reports whether the customer's agreement is of the type that is frozen
// while invoices are made.
func (c *Customer) Managed() bool { return c.Name[len(c.Name)-1]%2 == 0 }

// Frozen reports whether nobody writes to a managed agreement on a day: on the last
// working day of a month and the two days after it.
func Frozen(managed bool, today time.Time) bool {
	if !managed {
		return false
	}
	for back := range 3 {
		d := today.AddDate(0, 0, -back)
		last := time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC)
		for last.Weekday() == time.Saturday || last.Weekday() == time.Sunday {
			last = last.AddDate(0, 0, -1)
		}
		if d.Equal(last) {
			return true
		}
	}
	return false
}
