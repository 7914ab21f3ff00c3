package sync

import (
	"errors"
	"testing"
	"time"

	"syncd/internal/directory"
	"syncd/internal/money"
)

// Reads that prove no count come between two that do: what ended since the product was
// last counted explains a fall, however late it is seen, and nothing earlier does.
func TestAFallIsComparedWithTheLastCount(t *testing.T) {
	for _, c := range []struct {
		name  string
		ended int // days after the last count
		miss  func(*market)
		want  int
	}{
		{"its term ended since, and the count was held", 2, func(m *market) { m.held = "two answers disagree" }, 6},
		{"its term ended since, and the source did not answer", 2, func(m *market) { m.unproven[contoso] = errors.New("no access") }, 6},
		{"its term ended before, and the count was held", -12, func(m *market) { m.held = "two answers disagree" }, 10},
		{"its term ended before, and the source did not answer", -12, func(m *market) { m.unproven[contoso] = errors.New("no access") }, 10},
	} {
		m := newMarket(t, 1)
		last := m.now.AddDate(0, 0, 20) // of the last count
		m.subs = map[string]*sold{
			"s1": {premium, 10, m.now.AddDate(-1, 0, 0), last.AddDate(0, 0, c.ended)},
			"s2": {e3, 20, m.now.AddDate(-1, 0, 0), last.AddDate(0, 6, 0)},
		}
		m.begin()
		s := m.subs["s1"]
		renewed := func() {
			if !s.ends.After(m.now) {
				s.ends = s.ends.AddDate(1, 0, 0)
			}
		}
		for _, day := range []int{10, 20} { // in step, twice
			m.now = last.AddDate(0, 0, day-20)
			renewed()
			m.want(m.apply(), "in_step", 0)
		}
		for _, day := range []int{12, 14} {
			m.now = last.AddDate(0, 0, day)
			renewed()
			s.units = 6
			c.miss(m)
			m.apply()
			m.held = ""
			delete(m.unproven, directory.TenantID(contoso))
		}
		m.now = last.AddDate(0, 0, 30).Add(time.Hour)
		m.apply()
		if got := m.line(premium); got != c.want {
			t.Errorf("%s: %d units are billed, want %d\n%s", c.name, got, c.want, m.history())
		}
		m.store.Close()
	}
}

// While a quantity that a person set counts, nobody may know what the rules come to. What
// they come to later is compared with the last count, and what is billed with that quantity.
func TestAQuantityThatAPersonSetHidesNoFall(t *testing.T) {
	for _, c := range []struct {
		name   string
		units  int  // that are left when the count is proven again
		ended  int  // days after the last count, when the term ended
		before bool // the count is proven again before the override ends
		want   int
	}{
		{"nothing fell", 10, 40, false, 10},
		{"nothing fell, counted before the end", 10, 40, true, 10},
		{"its term ended since", 6, 2, false, 6},
		{"its term ended since, counted before the end", 6, 2, true, 6},
		{"its term did not end", 6, 40, false, 30},
		{"its term did not end, counted before the end", 6, 40, true, 30},
		{"its term ended before", 6, -12, false, 30},
		{"its term ended before, counted before the end", 6, -12, true, 30},
	} {
		m := newMarket(t, 1)
		last := m.now.AddDate(0, 0, 20) // of the last count
		m.subs = map[string]*sold{
			"s1": {premium, 10, m.now.AddDate(-1, 0, 0), last.AddDate(0, 0, c.ended)},
			"s2": {e3, 20, m.now.AddDate(-1, 0, 0), last.AddDate(0, 6, 0)},
		}
		s := m.subs["s1"]
		on := func(day int) {
			m.now = last.AddDate(0, 0, day).Add(time.Hour)
			if !s.ends.After(m.now) {
				s.ends = s.ends.AddDate(1, 0, 0)
			}
		}
		m.begin()
		on(-10)
		m.want(m.apply(), "in_step", 0)
		on(-1)
		m.want(m.apply(), "in_step", 0)
		m.word = &money.Override{Quantity: new(30), By: "ann"}
		on(0)
		m.apply()
		if got := m.line(premium); got != 30 {
			t.Fatalf("%s: %d units are billed, want 30", c.name, got)
		}
		on(12)
		s.units, m.held = c.units, "who is counted is not proven"
		m.apply()
		if c.before {
			on(14)
			m.held = ""
			m.apply()
		}
		on(16)
		m.word, m.held = nil, "who is counted is not proven"
		m.apply()
		on(30)
		m.held = ""
		m.apply()
		if got := m.line(premium); got != c.want {
			t.Errorf("%s: %d units are billed, want %d\n%s", c.name, got, c.want, m.history())
		}
		m.store.Close()
	}
}
