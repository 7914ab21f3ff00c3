package money

import (
	"fmt"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
)

// held is what was remembered of a subscription of Business Premium.
func held(units, ends int) directory.Seen {
	return directory.Seen{ID: "a", SKU: "spb", Status: "Enabled", State: string(Enabled), Units: units, Ends: in(ends), Created: in(-300)}
}

// holds is a licence with one subscription.
func holds(sku, id, status string, units, next int) directory.Licence {
	return directory.Licence{SKU: sku, Subscriptions: []directory.Subscription{{ID: id, Status: status, Total: units, Renews: in(next), Created: in(-300)}}}
}

func source(licences ...directory.Licence) Source {
	s := &directory.Snapshot{Licences: directory.Proven(licences, directory.Proof{})}
	return NewSource(s, licences, nil, nil)
}

func TestWhyAQuantityFell(t *testing.T) {
	n := func(n int) *int { return &n }
	purchased := []mapping.Rule{{SKU: "spb", Count: mapping.Purchased}}
	assigned := []mapping.Rule{{SKU: "spb", Count: mapping.Assigned}}
	capped := []mapping.Rule{{SKU: "spb", Count: mapping.Purchased, Maximum: n(10)}}
	count := func(due int) *Count { return &Count{Due: due, Rules: purchased, Grace: GraceBill} }
	with := func(m directory.Seen, change func(*directory.Seen)) directory.Seen { change(&m); return m }
	for _, c := range []struct {
		name          string
		before, after *Count
		memory        []directory.Seen
		licences      []directory.Licence
		claims        []Claim
		want          string
	}{
		{"no fall", count(12), count(12), nil, nil, nil, "none"},
		{"a rise", count(12), count(14), nil, nil, nil, "none"},

		{"renewed with fewer units, on the day", count(25), count(20), []directory.Seen{held(25, 0)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 365)}, nil, "renewal a 2026-11-21 microsoft"},
		{"renewed, two days before the day told", count(25), count(20), []directory.Seen{held(25, 2)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 367)}, nil, "renewal a 2026-11-23 microsoft"},
		{"renewed while syncd was down", count(25), count(20), []directory.Seen{held(25, -20)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 345)}, nil, "renewal a 2026-11-01 microsoft"},
		{"the new end was told before the fewer units", count(25), count(20), []directory.Seen{with(held(25, 363), func(m *directory.Seen) { m.Former = in(-2) })}, []directory.Licence{holds("spb", "a", "Enabled", 20, 363)}, nil, "renewal a 2026-11-19 microsoft"},
		{"five days after its renewal", count(25), count(20), []directory.Seen{with(held(25, 360), func(m *directory.Seen) { m.Former = in(-5) })}, []directory.Licence{holds("spb", "a", "Enabled", 20, 360)}, nil, "window a 2026-11-16 microsoft"},
		{"nine days after its renewal", count(25), count(20), []directory.Seen{with(held(25, 356), func(m *directory.Seen) { m.Former = in(-9) })}, []directory.Licence{holds("spb", "a", "Enabled", 20, 356)}, nil, "unexplained"},
		{"in the middle of its term", count(25), count(20), []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)}, nil, "unexplained"},
		{"a person says that its term ends", count(25), count(20), []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)},
			[]Claim{{Subscription: "a", Ends: in(-1), Source: "mary"}}, "renewal a 2026-11-20 mary"},
		{"a person says that its term ended long ago", count(25), count(20), []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)},
			[]Claim{{Subscription: "a", Ends: in(-30), Source: "mary"}}, "unexplained"},

		{"six days after its purchase", count(25), count(20), []directory.Seen{with(held(25, 359), func(m *directory.Seen) { m.Created = in(-6) })}, []directory.Licence{holds("spb", "a", "Enabled", 20, 359)}, nil, "window a 2026-11-15 microsoft"},
		{"given back whole within the window", count(25), count(0), []directory.Seen{with(held(25, 359), func(m *directory.Seen) { m.Created = in(-6) })}, nil, nil, "window a 2026-11-15 microsoft"},
		{"what was added five days ago", count(25), count(20), []directory.Seen{with(held(25, 100), func(m *directory.Seen) { m.Added = []directory.Added{{At: in(-5), Units: 5}} })}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)}, nil, "window a 2026-11-16 observed"},
		{"more than was added", count(25), count(19), []directory.Seen{with(held(25, 100), func(m *directory.Seen) { m.Added = []directory.Added{{At: in(-5), Units: 5}} })}, []directory.Licence{holds("spb", "a", "Enabled", 19, 100)}, nil, "unexplained"},
		{"what was added nine days ago", count(25), count(20), []directory.Seen{with(held(25, 100), func(m *directory.Seen) { m.Added = []directory.Added{{At: in(-9), Units: 5}} })}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)}, nil, "unexplained"},

		{"lapsed at its end, and is deleted", count(25), count(0), []directory.Seen{held(25, -1)}, nil, nil, "term_end a 2026-11-20 microsoft"},
		{"suspended after its grace period", count(25), count(0), []directory.Seen{with(held(25, -30), func(m *directory.Seen) { m.Status, m.State, m.Lapsed = "Warning", string(InGrace), true })}, []directory.Licence{holds("spb", "a", "Suspended", 25, 90)}, nil, "term_end a 2026-10-22 microsoft"},
		{"gone in the middle of its term", count(25), count(0), []directory.Seen{held(25, 100)}, nil, nil, "unexplained"},
		{"suspended and billed on, until the end that was known", count(25), count(0), []directory.Seen{with(held(25, 0), func(m *directory.Seen) { m.Status, m.State = "Suspended", string(Suspended) })}, []directory.Licence{holds("spb", "a", "Deleted", 25, 0)}, nil, "term_end a 2026-11-21 microsoft"},

		{"another SKU grew by as much", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Enabled), Units: 10}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Enabled", 15, 100)}, nil, "moved b 2026-11-21 microsoft"},
		{"a new subscription of another SKU has as many", count(25), count(20), []directory.Seen{held(25, 100)},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Enabled", 5, 365)}, nil, "moved b 2026-11-21 microsoft"},
		{"another SKU grew by less", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Enabled), Units: 10}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Enabled", 14, 100)}, nil, "unexplained"},
		{"a trial grew by as much", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Trial), Units: 10}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), {SKU: "e3", Subscriptions: []directory.Subscription{{ID: "b", Status: "Enabled", Trial: true, Total: 15}}}}, nil, "unexplained"},
		{"part of it is explained", count(35), count(25), []directory.Seen{held(25, 0), {ID: "b", SKU: "spb", State: string(Enabled), Units: 10, Ends: in(200)}},
			[]directory.Licence{{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Total: 20, Renews: in(365)}, {ID: "b", Status: "Enabled", Total: 5, Renews: in(200)}}}}, nil, "unexplained"},
		{"what one lost another one of the product got, but for two", count(35), count(33), []directory.Seen{held(25, 100), {ID: "b", SKU: "spb", State: string(Enabled), Units: 10, Ends: in(200)}},
			[]directory.Licence{{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Total: 20, Renews: in(100)}, {ID: "b", Status: "Enabled", Total: 13, Renews: in(200)}}}}, nil, "unexplained"},

		{"people left", &Count{Due: 8, Assigned: 8, Rules: assigned, Grace: GraceBill, People: []string{"ann", "bob", "cid"}}, &Count{Due: 7, Assigned: 7, Rules: assigned, Grace: GraceBill, People: []string{"ann", "cid"}},
			[]directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 25, 100)}, nil, "people [bob]"},
		{"fewer are sold, and as many assigned", &Count{Due: 20, Assigned: 20, Rules: assigned, Grace: GraceBill}, &Count{Due: 15, Assigned: 20, Rules: assigned, Grace: GraceBill},
			[]directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 15, 100)}, nil, "unexplained"},

		{"a maximum was set", count(25), &Count{Due: 10, Rules: capped, Grace: GraceBill}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 25, 100)}, nil, "rule"},
		{"a maximum was set, and the source fell too", count(25), &Count{Due: 10, Rules: capped, Grace: GraceBill}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 12, 100)}, nil, "unexplained"},
		{"grace is no longer billed", count(25), &Count{Due: 0, Rules: purchased, Grace: GraceFree}, []directory.Seen{with(held(25, -5), func(m *directory.Seen) { m.Status, m.State = "Warning", string(InGrace) })}, []directory.Licence{holds("spb", "a", "Warning", 25, 25)}, nil, "rule"},
		{"it is in grace, which is free", &Count{Due: 25, Rules: purchased, Grace: GraceFree}, &Count{Due: 0, Rules: purchased, Grace: GraceFree}, []directory.Seen{held(25, -1)}, []directory.Licence{holds("spb", "a", "Warning", 25, 29)}, nil, "term_end a 2026-11-20 microsoft"},
		{"an override ended", &Count{Due: 30, Rules: purchased, Grace: GraceBill, Override: &Override{Quantity: n(30), By: "mary"}}, count(25), []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 25, 100)}, nil, "override mary"},
		{"an override was set", count(25), &Count{Due: 20, Rules: purchased, Grace: GraceBill, Override: &Override{Maximum: n(20), By: "mary"}}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 25, 100)}, nil, "override mary"},

		{"what was remembered before units were", count(25), count(20), []directory.Seen{{ID: "a", Status: "Enabled", Ends: in(0)}}, []directory.Licence{holds("spb", "a", "Enabled", 20, 365)}, nil, "unexplained"},
		{"nothing was remembered", count(25), count(20), nil, []directory.Licence{holds("spb", "a", "Enabled", 20, 365)}, nil, "unexplained"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Policy{Grace: GraceBill, Now: now}
			if c.after.Grace != "" {
				p.Grace = c.after.Grace
			}
			got := "none"
			if e := p.Explain(c.before, c.after, c.memory, source(c.licences...), c.claims); e != nil {
				got = e.Code
				if e.Subscription != "" {
					got += " " + e.Subscription
				}
				if !e.Date.IsZero() {
					got += " " + e.Date.Format(time.DateOnly)
				}
				if e.Source != "" {
					got += " " + e.Source
				}
				if len(e.People) > 0 {
					got += fmt.Sprint(" ", e.People)
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAnExplanationIsCarriedUntilTheLineIsRight(t *testing.T) {
	why := func(code string) *Explanation {
		if code == "" {
			return nil
		}
		return &Explanation{Code: code}
	}
	for _, c := range []struct {
		name          string
		before, found string
		due, billed   int
		want          string
	}{
		{"found now", "", ByRenewal, 20, 25, ByRenewal},
		{"it waits", ByRenewal, "", 20, 25, ByRenewal},
		{"another fall on top", ByRenewal, ByWindow, 18, 25, ByWindow},
		{"an unexplained one on top", ByRenewal, Unexplained, 18, 25, Unexplained},
		{"one on top of an unexplained one", Unexplained, ByRenewal, 18, 25, Unexplained},
		{"the line is right", ByRenewal, "", 20, 20, ""},
		{"more is due again", Unexplained, "", 26, 25, ""},
	} {
		if got := Carry(why(c.before), why(c.found), c.due, c.billed); (got == nil) != (c.want == "") || got != nil && got.Code != c.want {
			t.Errorf("%s: got %+v, want %q", c.name, got, c.want)
		}
	}
}

// A subscription over two years, as Microsoft shows it at each look.
func TestTermsAreObservedFromOneEndToTheNext(t *testing.T) {
	at := func(day string) time.Time { d, _ := time.Parse(time.DateOnly, day); return d }
	for _, c := range []struct {
		name  string
		looks [][2]string // when, and the next day told
		want  string
	}{
		{"first seen", [][2]string{{"2026-01-10", "2026-03-01"}}, ""},
		{"one renewal", [][2]string{{"2026-01-10", "2026-03-01"}, {"2026-03-01", "2027-03-01"}}, "annual, before 2026-03-01"},
		{"an answer that lags", [][2]string{{"2026-01-10", "2026-03-01"}, {"2026-03-02", "2026-03-01"}, {"2026-03-05", "2027-03-01"}}, "annual, before 2026-03-01"},
		{"monthly", [][2]string{{"2026-01-10", "2026-02-01"}, {"2026-02-01", "2026-03-01"}, {"2026-03-01", "2026-04-01"}}, "monthly, before 2026-03-01"},
		{"a year that goes on by months", [][2]string{{"2025-01-10", "2025-03-01"}, {"2025-03-01", "2026-03-01"}, {"2026-03-02", "2026-04-01"}}, "monthly after annual, before 2026-03-01"},
		{"aligned with another one before its end", [][2]string{{"2026-01-10", "2026-12-01"}, {"2026-02-01", "2026-07-01"}}, ""},
		{"three years", [][2]string{{"2023-01-10", "2023-03-01"}, {"2023-03-01", "2026-02-28"}}, "triennial, before 2023-03-01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var memory []directory.Seen
			for _, l := range c.looks {
				licence := directory.Licence{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Total: 5, Renews: at(l[1])}}}
				memory = Remember([]directory.Licence{licence}, memory, at(l[0]))
			}
			m := memory[0]
			got := m.Term
			if m.Earlier != "" {
				got += " after " + m.Earlier
			}
			if !m.Former.IsZero() {
				got += ", before " + m.Former.Format(time.DateOnly)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAdditionsAreRememberedForTheirWindow(t *testing.T) {
	var memory []directory.Seen
	var got []string
	for _, l := range []struct{ day, units int }{{0, 20}, {1, 25}, {2, 27}, {3, 24}, {4, 24}, {20, 30}} {
		memory = Remember([]directory.Licence{holds("spb", "a", "Enabled", l.units, 300)}, memory, in(l.day))
		text := ""
		for _, a := range memory[0].Added {
			text += fmt.Sprintf(" %+d on %s", a.Units, a.At.Format("01-02"))
		}
		got = append(got, fmt.Sprintf("%d:%s", l.units, text))
	}
	want := []string{"20:", "25: +5 on 11-22", "27: +5 on 11-22 +2 on 11-23", "24: +4 on 11-22", "24: +4 on 11-22", "30: +6 on 12-11"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTheStrongestClaimCounts(t *testing.T) {
	got := Strongest([]Claim{
		{Subscription: "a", Term: TermAnnual, Ends: in(10), Source: "mary", Reason: "contract"},
		{Subscription: "a", Term: TermMonthly, Source: Observed},
		{Subscription: "a", Term: TermTriennial, Ends: in(20), Source: Distributor},
	})
	if got.Term != TermAnnual || !got.Ends.Equal(in(10)) || got.Source != "mary" || got.Reason != "contract" {
		t.Errorf("got %+v", got)
	}
}
