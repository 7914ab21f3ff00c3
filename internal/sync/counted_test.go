package sync

import (
	"errors"
	"testing"
	"time"

	"syncd/internal/directory"
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
