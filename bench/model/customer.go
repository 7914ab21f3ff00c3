// Package model is an independent model of what a customer's Microsoft licences
// go through and of what may be billed for them. It knows nothing of the program
// that it is held against: its rules are written from docs/money.md alone, and it
// shares no code with it.
package model

import (
	"fmt"
	"math/rand/v2"
	"time"
)

const day = 24 * time.Hour

// A Customer is one customer's life, and what the model says of its lines.
type Customer struct {
	Name          string
	Tenants       int  // that add up
	GraceFree     bool // what has lapsed and still works costs nothing
	Subscriptions []*Subscription
	People        []*Person
	Agreement     Agreement
	Closed        time.Time            // the last day of the months that are closed; zero while none is
	Lines         map[string]*Line     // by product
	Overrides     map[string]*Override // by product; those that are over stay

	// What the source proves nothing of today, tenant by tenant.
	NoLicences, NoPeople []bool

	Log []string // what happened to it, a line each

	random   *rand.Rand
	next     int // of the ids that are given
	quiet    map[string]time.Time
	flaps    []flap             // to come
	seen     map[string]seen    // subscriptions, by id
	ledger   map[string][]Entry // by product
	accepted string             // the overrides that a plan was last made with and written, or was empty
}

// A Subscription is one purchase, as Microsoft's answer shows it on a day.
type Subscription struct {
	ID      string
	Tenant  int
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

// A Person is an account of one of the customer's tenants.
type Person struct {
	ID      string
	UPN     string
	Tenant  int
	Enabled bool
	Service bool // an account of no person, called svc-…
	Holds   map[string]bool
}

// An Agreement is what of a customer's agreement decides what may be written.
type Agreement struct {
	Next     time.Time // the first day that is not yet invoiced
	Invoices []Invoice // that stand, oldest first
	seen     time.Time // the first day not yet invoiced that a run saw; never earlier than it but where a person let it
}

// An Invoice bills a month.
type Invoice struct {
	ID     int
	Period time.Time // the first day of it
	Made   time.Time // a day
	Total  string
}

// Reopened reports whether an invoice was deleted since a run last looked, and nobody let
// it yet.
func (a *Agreement) Reopened() bool { return a.Next.Before(a.seen) }

// A Line is what the model knows of the billed line of a product.
type Line struct {
	Billed int // what stands on the line
	Edited bool
	// Unexplained says that a fall was seen that nothing explains, and that the line
	// still bills for.
	Unexplained bool
	Unsure      bool // it may as well be explained, see Guess
	// Periods says that a change waits since it would bill several periods.
	Periods bool

	left int // what the program left there last
	read int // what the rule came to at the last read that proved it
}

// seen is a subscription at the last read.
type seen struct {
	units  int
	most   int // in its term, before it fell without a reason
	counts bool
	added  []addition
	ends   time.Time
	former time.Time
}

type addition struct {
	at    time.Time
	units int
}

// New makes a customer as it stands on a day. One in five is made of two tenants.
func New(name string, number int, graceFree bool, today time.Time, random *rand.Rand) *Customer {
	c := &Customer{Name: name, Tenants: 1, GraceFree: graceFree, random: random, Lines: map[string]*Line{}, Overrides: map[string]*Override{}, quiet: map[string]time.Time{}, seen: map[string]seen{}, ledger: map[string][]Entry{}}
	if number%5 == 4 {
		c.Tenants = 2
	}
	c.NoLicences, c.NoPeople = make([]bool, c.Tenants), make([]bool, c.Tenants)
	c.Agreement.Next = time.Date(today.Year(), today.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	for _, sku := range SKUs {
		for range 1 + random.IntN(2) {
			c.buy(sku, 5+random.IntN(40), today.AddDate(0, 0, -30-random.IntN(200)), today)
		}
	}
	for range 16 + random.IntN(20) {
		c.join()
	}
	for _, p := range c.Products() {
		l := &Line{}
		c.Lines[p.ID] = l
		l.Billed, _ = c.Counted(p)
		l.left = l.Billed
	}
	return c
}

// Edit sets what a line bills, as a person does at the PSA. What is as the program left it
// was not edited.
func (l *Line) Edit(units int) { l.Billed, l.Edited = units, units != l.left }

// buy adds a subscription that was made on a day.
func (c *Customer) buy(sku string, units int, made, today time.Time) *Subscription {
	c.next++
	s := &Subscription{ID: fmt.Sprintf("%s-%s-%d", c.Name, sku[:4], c.next), Tenant: c.random.IntN(c.Tenants), SKU: sku, Units: units, Status: "Enabled", Created: made, months: []int{1, 12, 12, 36}[c.random.IntN(4)]}
	s.ends = made.AddDate(0, s.months, 0)
	for !s.ends.After(today) {
		s.ends = s.ends.AddDate(0, s.months, 0)
	}
	s.Next = s.ends
	c.Subscriptions = append(c.Subscriptions, s)
	return s
}

// join adds a person, or an account that is none.
func (c *Customer) join() {
	c.next++
	p := &Person{ID: fmt.Sprintf("%s-person-%d", c.Name, c.next), UPN: fmt.Sprintf("p%d@%s.example", c.next, c.Name), Tenant: c.random.IntN(c.Tenants), Enabled: c.random.IntN(8) != 0, Holds: map[string]bool{}}
	if c.random.IntN(8) == 0 {
		p.Service, p.UPN = true, fmt.Sprintf("svc-%d@%s.example", c.next, c.Name)
	}
	for _, sku := range assignedSKUs {
		p.Holds[sku] = c.random.IntN(2) == 0
	}
	c.People = append(c.People, p)
}

// Note adds a line to what happened.
func (c *Customer) Note(today time.Time, format string, args ...any) {
	c.Log = append(c.Log, today.Format(time.DateOnly)+" "+fmt.Sprintf(format, args...))
}

func (s *Subscription) String() string {
	return fmt.Sprintf("%s %s %d until %s", s.ID, s.Status, s.Units, s.Next.Format(time.DateOnly))
}

// Unread reports whether the source leaves the customer's licences unknown today: those
// of one tenant are enough.
func (c *Customer) Unread() bool { return some(c.NoLicences) }

func (c *Customer) peopleUnread() bool { return some(c.NoPeople) }

func some(of []bool) bool {
	for _, x := range of {
		if x {
			return true
		}
	}
	return false
}
