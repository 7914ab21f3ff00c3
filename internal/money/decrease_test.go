package money

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
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

// said is an explanation in short.
func said(e *plan.Explanation) string {
	if e == nil {
		return "none"
	}
	out := e.Code
	for _, x := range []string{e.Subscription, e.Date, e.Source, strings.Join(e.People, "+")} {
		if x != "" && e.Code != plan.Unexplained {
			out += " " + x
		}
	}
	return out
}

// remembering gives a count the subscriptions of Business Premium that were remembered.
func remembering(c *Count, memory []directory.Seen) *Count {
	out := *c
	p := Policy{Grace: c.Grace}
	for _, m := range memory {
		if m.SKU == "spb" {
			out.Subscriptions = append(out.Subscriptions, Former{ID: m.ID, SKU: m.SKU, State: State(m.State), Units: m.Units, Created: m.Created, Until: m.Ends})
			out.Purchased += p.purchasedUnits(State(m.State), m.Units)
		}
	}
	return &out
}

func TestWhyAQuantityFell(t *testing.T) {
	n := func(n int) *int { return &n }
	purchased := []mapping.Rule{{SKU: "spb", Count: mapping.Purchased}}
	assigned := []mapping.Rule{{SKU: "spb", Count: mapping.Assigned}}
	larger := []mapping.Rule{{SKU: "spb", Count: mapping.Larger}}
	halved := []mapping.Rule{{SKU: "spb", Count: mapping.Assigned, Weight: "0.5"}}
	given := func(n int, l directory.Licence) directory.Licence { l.Assigned = n; return l }
	capped := []mapping.Rule{{SKU: "spb", Count: mapping.Purchased, Maximum: n(10)}}
	count := func(due int) *Count { return &Count{Units: due, Rules: purchased, Grace: GraceBill} }
	other := func(units, ends int) directory.Seen {
		return directory.Seen{ID: "b", SKU: "spb", Status: "Enabled", State: string(Enabled), Units: units, Ends: in(ends), Created: in(-300)}
	}
	two := func(a, endsA, b, endsB int) directory.Licence {
		return directory.Licence{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Total: a, Renews: in(endsA)}, {ID: "b", Status: "Enabled", Total: b, Renews: in(endsB)}}}
	}
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
		{"renewed, two days before the day told", count(25), count(20), []directory.Seen{held(25, 2)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 367)}, nil, "unexplained"},
		{"renewed, a day before the day told", count(25), count(20), []directory.Seen{held(25, 1)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 366)}, nil, "renewal a 2026-11-22 microsoft"},
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
		{"another SKU grew by as much, and was suspended since", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Enabled), Status: "Enabled", Units: 10, Ends: in(100)}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Suspended", 15, 100)}, nil, "moved b 2026-11-21 microsoft"},
		{"another SKU grew by less", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Enabled), Units: 10}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Enabled", 14, 100)}, nil, "unexplained"},
		{"a trial grew by as much", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Trial), Units: 10}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), {SKU: "e3", Subscriptions: []directory.Subscription{{ID: "b", Status: "Enabled", Trial: true, Total: 15}}}}, nil, "unexplained"},
		{"part of it is explained", count(35), count(25), []directory.Seen{held(25, 0), {ID: "b", SKU: "spb", State: string(Enabled), Units: 10, Ends: in(200)}},
			[]directory.Licence{{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Total: 20, Renews: in(365)}, {ID: "b", Status: "Enabled", Total: 5, Renews: in(200)}}}}, nil, "unexplained"},
		{"what one lost another one of the product got, but for two", count(35), count(33), []directory.Seen{held(25, 100), {ID: "b", SKU: "spb", State: string(Enabled), Units: 10, Ends: in(200)}},
			[]directory.Licence{{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Total: 20, Renews: in(100)}, {ID: "b", Status: "Enabled", Total: 13, Renews: in(200)}}}}, nil, "unexplained"},

		{"people left", &Count{Units: 8, Assigned: 8, Rules: assigned, Grace: GraceBill, People: []string{"ann", "bob", "cid"}}, &Count{Units: 7, Assigned: 7, Rules: assigned, Grace: GraceBill, People: []string{"ann", "cid"}},
			[]directory.Seen{held(25, 100)}, []directory.Licence{given(7, holds("spb", "a", "Enabled", 25, 100))}, nil, "people bob"},
		{"people left, and a subscription with units to spare fell", &Count{Units: 18, Assigned: 18, Rules: assigned, Grace: GraceBill}, &Count{Units: 17, Assigned: 17, Rules: assigned, Grace: GraceBill},
			[]directory.Seen{held(25, 100)}, []directory.Licence{given(17, holds("spb", "a", "Enabled", 20, 100))}, nil, "people"},
		{"as many are assigned as are left of a subscription that fell", &Count{Units: 20, Assigned: 20, Rules: assigned, Grace: GraceBill}, &Count{Units: 15, Assigned: 15, Rules: assigned, Grace: GraceBill},
			[]directory.Seen{held(20, 100)}, []directory.Licence{given(15, holds("spb", "a", "Enabled", 15, 100))}, nil, "unexplained"},
		{"nobody has a licence that is gone in the middle of its term", &Count{Units: 20, Assigned: 20, Rules: assigned, Grace: GraceBill}, &Count{Rules: assigned, Grace: GraceBill},
			[]directory.Seen{held(20, 100)}, nil, nil, "unexplained"},
		{"nobody has a licence that is gone at its end", &Count{Units: 20, Assigned: 20, Rules: assigned, Grace: GraceBill}, &Count{Rules: assigned, Grace: GraceBill},
			[]directory.Seen{held(20, 0)}, nil, nil, "term_end a 2026-11-21 microsoft"},
		{"the larger is what is bought, and people left as well", &Count{Units: 25, Assigned: 18, Rules: larger, Grace: GraceBill}, &Count{Units: 20, Assigned: 13, Rules: larger, Grace: GraceBill},
			[]directory.Seen{held(25, 100)}, []directory.Licence{given(13, holds("spb", "a", "Enabled", 20, 100))}, nil, "unexplained"},
		{"more left than the count fell by, weighed", &Count{Units: 4, Assigned: 8, Rules: halved, Grace: GraceBill}, &Count{Units: 3, Assigned: 6, Rules: halved, Grace: GraceBill},
			[]directory.Seen{held(25, 100)}, []directory.Licence{given(6, holds("spb", "a", "Enabled", 25, 100))}, nil, "people"},
		{"fewer are sold, and as many assigned", &Count{Units: 20, Assigned: 20, Rules: assigned, Grace: GraceBill}, &Count{Units: 15, Assigned: 20, Rules: assigned, Grace: GraceBill},
			[]directory.Seen{held(25, 100)}, []directory.Licence{given(20, holds("spb", "a", "Enabled", 15, 100))}, nil, "unexplained"},

		{"a maximum was set", count(25), &Count{Units: 10, Rules: capped, Grace: GraceBill}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 25, 100)}, nil, "rule"},
		{"a maximum was set, and the source fell too", count(25), &Count{Units: 10, Rules: capped, Grace: GraceBill}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 12, 100)}, nil, "unexplained"},
		{"grace is no longer billed", count(25), &Count{Units: 0, Rules: purchased, Grace: GraceFree}, []directory.Seen{with(held(25, -5), func(m *directory.Seen) { m.Status, m.State = "Warning", string(InGrace) })}, []directory.Licence{holds("spb", "a", "Warning", 25, 25)}, nil, "rule"},
		{"it is in grace, which is free", &Count{Units: 25, Rules: purchased, Grace: GraceFree}, &Count{Units: 0, Rules: purchased, Grace: GraceFree}, []directory.Seen{held(25, -1)}, []directory.Licence{holds("spb", "a", "Warning", 25, 29)}, nil, "term_end a 2026-11-20 microsoft"},
		{"an override ended", &Count{Units: 25, Rules: purchased, Grace: GraceBill, Override: &Override{Quantity: n(30), By: "mary"}}, count(25), []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 25, 100)}, nil, "override mary"},
		{"an override was set", count(25), &Count{Units: 25, Rules: purchased, Grace: GraceBill, Override: &Override{Maximum: n(20), By: "mary"}}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 25, 100)}, nil, "override mary"},

		{"an override ended, and a subscription fell at the same read", &Count{Units: 25, Rules: purchased, Grace: GraceBill, Override: &Override{Quantity: n(30), By: "mary"}}, count(20), []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)}, nil, "unexplained"},
		{"a subscription fell while an override hid it", &Count{Units: 25, Rules: purchased, Grace: GraceBill, Override: &Override{Quantity: n(30), By: "mary"}},
			&Count{Units: 20, Rules: purchased, Grace: GraceBill, Override: &Override{Quantity: n(30), By: "mary"}}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)}, nil, "unexplained"},
		{"a minimum went that hid what had fallen before", &Count{Units: 30, Rules: []mapping.Rule{{SKU: "spb", Count: mapping.Purchased, Minimum: n(30)}}, Grace: GraceBill}, count(20), []directory.Seen{held(20, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)}, nil, "rule"},
		{"a minimum went, and a subscription fell at the same read", &Count{Units: 25, Rules: []mapping.Rule{{SKU: "spb", Count: mapping.Purchased, Minimum: n(22)}}, Grace: GraceBill}, count(20), []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Enabled", 20, 100)}, nil, "unexplained"},

		{"one of two renewed, the other fell without a reason", count(50), count(40), []directory.Seen{held(25, 0), other(25, 100)}, []directory.Licence{two(20, 365, 20, 100)}, nil, "unexplained"},
		{"one of two renewed with fewer, the other grew", count(50), count(45), []directory.Seen{held(25, 0), other(25, 100)}, []directory.Licence{two(15, 365, 30, 100)}, nil, "renewal a 2026-11-21 microsoft"},
		{"a new one was bought for less than the old one lost", count(25), count(22), []directory.Seen{held(25, 100)}, []directory.Licence{two(20, 100, 2, 365)}, nil, "unexplained"},
		{"it is in grace, and a later end was known", &Count{Units: 25, Rules: purchased, Grace: GraceFree}, &Count{Units: 0, Rules: purchased, Grace: GraceFree}, []directory.Seen{held(25, 100)}, []directory.Licence{holds("spb", "a", "Warning", 25, 29)}, nil, "unexplained"},
		{"suspended and billed on with fewer units", count(25), count(20), []directory.Seen{with(held(25, 300), func(m *directory.Seen) { m.Status, m.State = "Suspended", string(Suspended) })}, []directory.Licence{holds("spb", "a", "Suspended", 20, 300)}, nil, "unexplained"},
		{"a paid one became a trial", count(25), count(0), []directory.Seen{held(25, 100)}, []directory.Licence{{SKU: "spb", Subscriptions: []directory.Subscription{{ID: "a", Status: "Enabled", Trial: true, Total: 25, Renews: in(30)}}}}, nil, "unexplained"},
		{"another SKU came back from its grace period", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Lapsed), Units: 5}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Enabled", 5, 100)}, nil, "unexplained"},
		{"another SKU is listed again", count(25), count(20), []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Gone), Units: 5, Gone: in(-2)}},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Enabled", 5, 100)}, nil, "unexplained"},
		{"two subscriptions of another SKU grew by as much together", count(25), count(20), []directory.Seen{held(25, 100)},
			[]directory.Licence{holds("spb", "a", "Enabled", 20, 100), {SKU: "e3", Subscriptions: []directory.Subscription{{ID: "b", Status: "Enabled", Total: 2, Renews: in(365)}, {ID: "c", Status: "Enabled", Total: 3, Renews: in(365)}}}}, nil, "moved b 2026-11-21 microsoft"},

		{"what was remembered before units were", count(25), count(20), []directory.Seen{{ID: "a", Status: "Enabled", Ends: in(0)}}, []directory.Licence{holds("spb", "a", "Enabled", 20, 365)}, nil, "unexplained"},
		{"nothing was remembered", count(25), count(20), nil, []directory.Licence{holds("spb", "a", "Enabled", 20, 365)}, nil, "unexplained"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Policy{Grace: GraceBill, Now: now}
			if c.after.Grace != "" {
				p.Grace = c.after.Grace
			}
			before := remembering(c.before, c.memory)
			if got := said(p.NewExplainer(c.memory, source(WithMemory(c.licences, c.memory)...), c.claims).Explain(before, c.after)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestAnExplanationIsCarriedUntilTheLineIsRight(t *testing.T) {
	why := func(code string) *plan.Explanation {
		if code == "" {
			return nil
		}
		return &plan.Explanation{Code: code}
	}
	for _, c := range []struct {
		name          string
		before, found string
		due, billed   int
		want          string
	}{
		{"found now", "", plan.ByRenewal, 20, 25, plan.ByRenewal},
		{"it waits", plan.ByRenewal, "", 20, 25, plan.ByRenewal},
		{"another fall on top", plan.ByRenewal, plan.ByWindow, 18, 25, plan.ByWindow},
		{"an unexplained one on top", plan.ByRenewal, plan.Unexplained, 18, 25, plan.Unexplained},
		{"one on top of an unexplained one", plan.Unexplained, plan.ByRenewal, 18, 25, plan.Unexplained},
		{"the line is right", plan.ByRenewal, "", 20, 20, ""},
		{"more is due again", plan.Unexplained, "", 26, 25, ""},
	} {
		if got := CarryExplanation(why(c.before), why(c.found), &c.due, c.billed); (got == nil) != (c.want == "") || got != nil && got.Code != c.want {
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
				memory = Remember([]directory.Licence{licence}, false, memory, at(l[0]))
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
		memory = Remember([]directory.Licence{holds("spb", "a", "Enabled", l.units, 300)}, false, memory, in(l.day))
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
	got := StrongestClaim([]Claim{
		{Subscription: "a", Term: TermAnnual, Ends: in(10), Source: "mary", Reason: "contract"},
		{Subscription: "a", Term: TermMonthly, Source: Observed},
		{Subscription: "a", Term: TermTriennial, Ends: in(20), Source: Distributor},
	})
	if got.Term != TermAnnual || !got.Ends.Equal(in(10)) || got.Source != "mary" || got.Reason != "contract" {
		t.Errorf("got %+v", got)
	}
}

// Two products that fell by as much as one subscription grew: one of them moved there.
func TestOneGrowthExplainsOneFall(t *testing.T) {
	memory := []directory.Seen{held(25, 100), {ID: "b", SKU: "e3", State: string(Enabled), Units: 10, Ends: in(100)}, {ID: "c", SKU: "e5", State: string(Enabled), Units: 3}}
	src := source(holds("spb", "a", "Enabled", 20, 100), holds("e3", "b", "Enabled", 5, 100), holds("e5", "c", "Enabled", 8, 100))
	e := Policy{Grace: GraceBill, Now: now}.NewExplainer(memory, src, nil)
	counts := func(sku, id string, units int) *Count {
		return &Count{Units: units, Purchased: units, Rules: []mapping.Rule{{SKU: sku, Count: mapping.Purchased}}, Grace: GraceBill,
			Subscriptions: []Former{{ID: id, SKU: sku, State: Enabled, Units: units}}}
	}
	first, second := e.Explain(counts("spb", "a", 25), counts("spb", "a", 20)), e.Explain(counts("e3", "b", 10), counts("e3", "b", 5))
	if first.Code != plan.ByMove || second.Code != plan.Unexplained {
		t.Errorf("got %s and %s, want one that moved and one that nothing explains", said(first), said(second))
	}
}

// What a list lacks that is partial, empty or senseless did not go; what a whole one
// lacks is remembered as gone, and did not grow when it is back.
func TestAListThatLacksSomeForgetsNothing(t *testing.T) {
	spb, e3 := holds("spb", "a", "Enabled", 25, 100), holds("e3", "b", "Enabled", 5, 200)
	memory := Remember([]directory.Licence{spb, e3}, false, nil, now)
	for name, got := range map[string][]directory.Seen{
		"partial":   Remember([]directory.Licence{spb}, true, memory, in(1)),
		"empty":     Remember(nil, false, memory, in(1)),
		"senseless": Remember([]directory.Licence{spb, {SKU: "e3", Unread: "-1 units"}}, false, memory, in(1)),
	} {
		if !reflect.DeepEqual(got, memory) {
			t.Errorf("%s: got %+v, want %+v", name, got, memory)
		}
	}
	gone := Remember([]directory.Licence{spb}, false, memory, in(1))
	if len(gone) != 2 || gone[1].State != string(Gone) || !gone[1].Gone.Equal(in(1)) || !gone[1].Ends.Equal(in(200)) {
		t.Fatalf("got %+v", gone)
	}
	if again := Remember([]directory.Licence{spb}, false, gone, in(50)); !reflect.DeepEqual(again, gone) {
		t.Errorf("the same look changes the memory: %+v", again)
	}
	if back := Remember([]directory.Licence{spb, e3}, false, gone, in(2)); !reflect.DeepEqual(back, memory) {
		t.Errorf("back, it is %+v, want %+v", back, memory)
	}
	if late := Remember([]directory.Licence{spb}, false, gone, in(130)); len(late) != 1 {
		t.Errorf("after 120 days: got %+v", late)
	}
}

func TestWhatAPersonSetDecidesAlone(t *testing.T) {
	n := func(n int) *int { return &n }
	carried := &plan.Explanation{Code: plan.Unexplained}
	for _, c := range []struct {
		name     string
		override *Override
		counted  *int
		due      int
		want     string
	}{
		{"nobody set anything", nil, n(20), 20, "unexplained"},
		{"a quantity", &Override{Quantity: n(20), By: "mary"}, n(20), 20, "override mary"},
		{"a quantity, and the count is not proven", &Override{Quantity: n(20), By: "mary"}, nil, 20, "override mary"},
		{"a maximum that binds", &Override{Maximum: n(10), By: "mary"}, n(20), 10, "override mary"},
		{"a maximum that does not", &Override{Maximum: n(30), By: "mary"}, n(20), 20, "unexplained"},
		{"a minimum that binds", &Override{Minimum: n(22), By: "mary"}, n(20), 22, "unexplained"},
	} {
		if got := said(ExplanationOf(carried, c.override, c.counted, c.due)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
