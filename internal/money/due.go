package money

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// What becomes of subscriptions in their grace period.
const (
	GraceBill = "bill"
	GraceFree = "free"
)

// A Policy is what an MSP decides, and the moment at which is asked.
type Policy struct {
	Grace string // GraceBill or GraceFree
	Now   time.Time
}

// A Holding is what of a licence counts as purchased, and its units by state.
type Holding struct {
	Purchased int
	Units     map[State]int
	Standings []Standing // of its subscriptions, in their order
}

// Of says what of a licence counts as purchased:
//
//	state                             counts as purchased
//	enabled, suspended_billed         yes
//	in_grace                          as the policy says
//	trial, lapsed, gone               no
//	suspension_unclear                no; the licence is not to be acted upon
//
// Where no subscription of it is known, what may be used was bought, and what is
// suspended is unclear.
func (p Policy) Of(l *directory.Licence) Holding {
	h := Holding{Units: map[State]int{}}
	if len(l.Subscriptions) == 0 {
		h.Units[Enabled], h.Units[InGrace], h.Units[Unclear], h.Units[Trial] = l.Purchased-l.Grace, l.Grace, l.Suspended, l.Trial
	}
	for _, s := range l.Subscriptions {
		standing := Judge(s, p.Now)
		h.Standings = append(h.Standings, standing)
		h.Units[standing.State] += s.Total
	}
	h.Purchased = h.Units[Enabled] + h.Units[Suspended]
	if p.Grace != GraceFree {
		h.Purchased += h.Units[InGrace]
	}
	return h
}

// Units returns how many units a rule bills where so many are sold and so many
// are assigned. A unit that nobody sells is not billed, by whatever rule: not
// where it is assigned, and not to fill a minimum.
func Units(r *mapping.Rule, sold, assigned int) int {
	if sold <= 0 {
		return 0
	}
	n := sold
	if r.Count == mapping.Assigned {
		n = min(assigned, sold)
	}
	if r.Minimum != nil {
		n = max(n, *r.Minimum)
	}
	if r.Maximum != nil {
		n = min(n, *r.Maximum)
	}
	return n
}

// A Remark is something to know of a count.
type Remark struct {
	Code string
	Text string
	// Units are those of the count that it is about, for their money; 0 where
	// it makes no difference to the bill.
	Units int
}

// A Due is what a product comes to. Where Hold is there the number is not to be
// acted upon; it is what is certain.
type Due struct {
	Units   int
	Listed  bool // one of its licences is listed
	Hold    *Remark
	Remarks []Remark
}

// The codes of holds.
const (
	NotProven       = "not_proven"
	SourceDisagrees = "source_disagrees"
)

// Due adds up the licences that feed a product, each by its rule. The first hold counts:
//
//	the licence                                  what becomes of it
//	not listed, the list is partial              hold not_proven
//	not listed                                   nothing: gone
//	its row makes no sense                       hold not_proven
//	disputed, and that can matter                hold source_disagrees, with what is said
//	units that may be billed or may have lapsed  hold suspension_unclear, with what is certain
//	otherwise                                    what the rule makes of it
func (p Policy) Due(label string, rules []mapping.Rule, licences map[string]*directory.Licence, partial bool) Due {
	var d Due
	hold := func(code, format string, args ...any) {
		if d.Hold == nil {
			d.Hold = &Remark{Code: code, Text: label + ": " + fmt.Sprintf(format, args...)}
		}
	}
	for i := range rules {
		r := &rules[i]
		l := licences[strings.ToLower(r.SKU)]
		switch {
		case l == nil && partial:
			hold(NotProven, "the source hides some licences, and %s is not among those it lists: whether it is gone is not known; take it out of the source's exclusions", cmp.Or(r.Part, r.Name, r.SKU))
			continue
		case l == nil:
			continue
		}
		d.Listed = true
		if l.Unread != "" {
			hold(NotProven, "what the source says of it makes no sense (%s): nothing is changed until it does", l.Unread)
			continue
		}
		h := p.Of(l)
		units := Units(r, h.Purchased, l.Assigned)
		d.Units += units
		if l.Disputed != "" && (r.Count != mapping.Assigned || l.Assigned > h.Purchased) {
			hold(SourceDisagrees, "two answers of the source disagree about how many are bought (%d by the one; %s): nothing is changed until they agree", l.Purchased, l.Disputed)
			continue
		}
		p.remark(&d, hold, r, l, &h, units)
	}
	return d
}

// remark names what is not simply sold.
func (p Policy) remark(d *Due, hold func(code, format string, args ...any), r *mapping.Rule, l *directory.Licence, h *Holding, units int) {
	name := cmp.Or(l.Name, r.Name, r.Part, l.PartNumber, l.SKU)
	say := func(code string, units int, format string, args ...any) {
		d.Remarks = append(d.Remarks, Remark{code, fmt.Sprintf(format, args...), units})
	}
	if n := h.Units[Unclear]; n > 0 {
		hold(string(Unclear), "%s: nothing shows whether Microsoft bills them on or whether their term ended, and the line is left as it is; "+
			"look in Partner Center, and set the line by hand and leave it out (syncd matches ignore) if that is known sooner", suspendedUnits(n, l, p.Now))
	}
	if n := h.Units[InGrace]; n > 0 {
		day := h.day(InGrace, "suspended", "suspended at the end of it")
		if p.Grace == GraceFree {
			say(string(InGrace), Units(r, h.Purchased+n, l.Assigned)-units, "%s of %s lapsed and are in their grace period (%s): they are not billed (connectwise.grace: free)", count(n), name, day)
		} else {
			say(string(InGrace), units-Units(r, h.Purchased-n, l.Assigned), "%s of %s lapsed and are in their grace period (%s): they are billed on (connectwise.grace: bill)", count(n), name, day)
		}
	}
	if n := h.Units[Suspended]; n > 0 {
		say(string(Suspended), units-Units(r, h.Purchased-n, l.Assigned), "%s of %s are suspended, and Microsoft bills them %s: they stay due", count(n), name, h.day(Suspended, "until", "on"))
	}
	for _, x := range []struct {
		state State
		what  string
	}{{Lapsed, h.day(Lapsed, "lapsed", "lapsed") + " and are suspended"}, {Gone, "are deleted or locked out"}, {Trial, "are a trial"}} {
		if n := h.Units[x.state]; n > 0 {
			say(string(x.state), 0, "%s of %s %s: they are not billed", count(n), name, x.what)
		}
	}
}

func count(n int) string {
	if n == 1 {
		return "1 unit"
	}
	return fmt.Sprintf("%d units", n)
}

func suspendedUnits(n int, l *directory.Licence, now time.Time) string {
	for _, s := range l.Subscriptions {
		if Judge(s, now).State == Unclear && !strings.EqualFold(s.Status, "Suspended") {
			return fmt.Sprintf("%s are in the state %q, which is not known here", count(n), s.Status)
		}
	}
	return count(n) + " are suspended"
}

// day is the first day that the units of a state change, or other words where
// nobody knows one.
func (h *Holding) day(state State, known, unknown string) string {
	var first time.Time
	for _, s := range h.Standings {
		if s.State == state && !s.Until.IsZero() && (first.IsZero() || s.Until.Before(first)) {
			first = s.Until
		}
	}
	if first.IsZero() {
		return unknown
	}
	return known + " " + first.UTC().Format(time.DateOnly)
}
