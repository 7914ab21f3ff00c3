package money

import (
	"testing"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// Answers that are wrong for a read, and right again: nothing but a purchase that was seen
// as such opens a window, so that no fall explains itself by the misreading before it.
func TestUnitsThatComeBackWereNotBought(t *testing.T) {
	type look struct {
		day     int
		status  string // empty where the subscription is not listed
		units   int
		created int
		ends    int
		why     string // disputed
	}
	at := func(day, units int) look { return look{day, "Enabled", units, -200, 120, ""} }
	away := func(day int) look { return look{day: day} }
	with := func(l look, change func(*look)) look { change(&l); return l }
	deleted := func(l *look) { l.status = "Deleted" }
	disputed := func(l *look) { l.why = "the two lists differ" }
	for _, c := range []struct {
		name  string
		looks []look
		want  string // of the fall from the look before the last to the last
	}{
		{"bought, and given back", []look{at(0, 10), at(1, 14), at(2, 10)}, "window a 2026-11-22 observed"},
		{"fallen, back, and fallen again", []look{at(0, 10), at(1, 4), at(2, 10), at(3, 4)}, "unexplained"},
		{"fallen for weeks, back, and fallen again", []look{at(0, 10), at(1, 4), at(30, 10), at(31, 4)}, "unexplained"},
		{"fallen, back, and fallen by less", []look{at(0, 10), at(1, 4), at(2, 10), at(3, 7)}, "unexplained"},
		{"fallen, back with more, and fallen to what it had", []look{at(0, 10), at(1, 4), at(2, 12), at(3, 10)}, "window a 2026-11-23 observed"},
		{"fallen, back with more, and fallen to less", []look{at(0, 10), at(1, 4), at(2, 12), at(3, 9)}, "unexplained"},
		{"half of it back, and fallen again", []look{at(0, 10), at(1, 4), at(2, 7), at(3, 4)}, "unexplained"},
		{"bought once, and given back twice", []look{at(0, 10), at(1, 12), at(2, 10), at(3, 8)}, "unexplained"},
		{"a misreading keeps no window open", []look{at(0, 10), at(1, 12), at(6, 4), at(7, 12), at(12, 10)}, "unexplained"},
		{"a misreading closes no window", []look{at(0, 10), at(1, 12), at(2, 4), at(3, 12), at(5, 10)}, "window a 2026-11-22 observed"},
		{"not listed for a read, and then fewer", []look{at(0, 10), away(1), at(2, 10), at(3, 3)}, "unexplained"},
		{"not listed for a read, and gone", []look{at(0, 10), away(1), at(2, 10), away(3)}, "unexplained"},
		{"deleted for a read, back, and fewer", []look{at(0, 10), with(at(1, 10), deleted), at(2, 10), at(3, 4)}, "unexplained"},
		{"nothing in it for a read", []look{at(0, 10), with(at(1, 0), deleted), at(2, 10), at(3, 4)}, "unexplained"},
		{"disputed for a read", []look{at(0, 10), with(at(1, 14), disputed), at(2, 10), at(3, 8)}, "unexplained"},
		{"disputed, and less for a read", []look{at(0, 10), with(at(1, 0), disputed), at(2, 10), at(3, 8)}, "unexplained"},
		{"made today, says a read of one that was known", []look{at(0, 10), with(at(1, 10), func(l *look) { l.created = 1 }), at(2, 4)}, "unexplained"},
		{"made today, say all reads after the first", []look{with(at(0, 10), func(l *look) { l.created = -2000 }), with(at(1, 10), func(l *look) { l.created = 1 }), with(at(2, 4), func(l *look) { l.created = 1 })}, "unexplained"},
		{"first seen when it was made", []look{with(at(3, 10), func(l *look) { l.created = 2 }), with(at(5, 4), func(l *look) { l.created = 2 })}, "window a 2026-11-23 microsoft"},
		{"renewed with fewer, bought again and given back", []look{with(at(0, 10), func(l *look) { l.ends = 1 }), with(at(1, 6), func(l *look) { l.ends = 366 }), with(at(20, 9), func(l *look) { l.ends = 366 }),
			with(at(22, 6), func(l *look) { l.ends = 366 })}, "window a 2026-12-11 observed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var memory []directory.Seen
			var before *Count
			got := ""
			for _, l := range c.looks {
				now := now.AddDate(0, 0, l.day)
				rest := directory.Licence{SKU: "e3", Subscriptions: []directory.Subscription{{ID: "z", Status: "Enabled", Total: 5, Created: in(-300), Renews: in(300)}}}
				licences := []directory.Licence{rest}
				if l.status != "" {
					s := directory.Subscription{ID: "a", Status: l.status, Total: l.units, Renews: in(l.ends)}
					if l.created != -2000 {
						s.Created = in(l.created)
					}
					licences = append(licences, directory.Licence{SKU: "spb", Disputed: l.why, Subscriptions: []directory.Subscription{s}})
				}
				p := Policy{Grace: GraceBill, Now: now}
				src := source(WithMemory(licences, memory)...)
				after := countOf(p, src)
				if l.why == "" && before != nil {
					got = said(p.NewExplainer(memory, src, nil).Explain(before, after))
				}
				memory = Remember(licences, false, memory, now)
				if l.why == "" {
					before = after
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s; remembered %+v", got, c.want, memory)
			}
		})
	}
}

// countOf is what a rule that counts purchased units of Business Premium comes to.
func countOf(p Policy, src Source) *Count {
	c := &Count{Rules: []mapping.Rule{{SKU: "spb", Count: mapping.Purchased}}, Grace: GraceBill}
	l := src.Licences["spb"]
	if l == nil {
		return c
	}
	for _, s := range l.Subscriptions {
		standing := StandingOf(s, p.Now)
		c.Subscriptions = append(c.Subscriptions, Former{ID: s.ID, SKU: l.SKU, State: standing.State, Units: s.Total, Created: s.Created, Until: standing.Until})
		c.Purchased += p.purchasedUnits(standing.State, s.Total)
	}
	c.Units = c.Purchased
	return c
}
