package sync

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/state"
)

// A sold is a subscription as it truly is: what nobody but Microsoft and the partner know.
type sold struct {
	sku   string
	units int
	made  time.Time
	ends  time.Time // of its present term
}

// A market is one customer's subscriptions over time, and what a careful reader knew of
// them at the last read that was proven. It imports no decision of the program.
type market struct {
	*fixture
	rand  *rand.Rand
	subs  map[string]*sold
	last  map[string]sold      // at the last proven read
	seen  time.Time            // when that was
	added map[string]time.Time // when a read last showed more units
	over  map[string]time.Time // the last end of a term that came to pass
	stuck map[string]bool      // products with a fall that nothing can explain
	next  int
}

const day = 24 * time.Hour

func newMarket(t *testing.T, seed uint64) *market {
	m := &market{fixture: newFixture(t), rand: rand.New(rand.NewPCG(seed, 11)), subs: map[string]*sold{}, last: map[string]sold{},
		added: map[string]time.Time{}, over: map[string]time.Time{}, stuck: map[string]bool{}}
	wide := plan.Ceiling{Count: 1000, Percent: 100}
	m.job.Limits.Limits = plan.Limits{Creates: wide, Updates: wide, Deletes: wide, Increase: decimal.New(1, 9), Decrease: decimal.New(1, 9),
		DecreaseExplained: decimal.New(1, 9), SourceShrink: 100}
	m.tenants, m.table.Rows = m.tenants[:1], m.table.Rows[:1]
	for _, sku := range []string{premium, premium, e3, e3} {
		m.buy(sku, 10+m.rand.IntN(20), -time.Duration(20+m.rand.IntN(300))*day)
	}
	m.edit = func(s *directory.Snapshot) {
		var licences []directory.Licence
		for _, sku := range []string{premium, e3} {
			l := directory.Licence{SKU: sku, Name: sku}
			for _, id := range slices.Sorted(maps.Keys(m.subs)) {
				if x := m.subs[id]; x.sku == sku {
					l.Purchased += x.units
					l.Subscriptions = append(l.Subscriptions, directory.Subscription{ID: id, Status: "Enabled", Total: x.units, Created: x.made, Renews: x.ends})
				}
			}
			licences = append(licences, l)
		}
		s.Licences = directory.Proven(licences, directory.Proof{TakenAt: s.TakenAt, AsOf: s.TakenAt})
	}
	return m
}

func (m *market) buy(sku string, units int, ago time.Duration) {
	m.next++
	made := m.now.Add(ago)
	ends := made
	for !ends.After(m.now) {
		ends = ends.AddDate(0, []int{1, 12}[m.next%2], 0)
	}
	m.subs[fmt.Sprintf("s%02d", m.next)] = &sold{sku, units, made, ends}
}

// live lets something happen, and time pass.
func (m *market) live() {
	ids := slices.Sorted(maps.Keys(m.subs))
	id := ids[m.rand.IntN(len(ids))]
	x := m.subs[id]
	switch m.rand.IntN(10) {
	case 0:
		x.units += 1 + m.rand.IntN(5)
	case 1:
		m.buy([]string{premium, e3}[m.rand.IntN(2)], 1+m.rand.IntN(5), 0)
	case 2, 3: // seats are gone, whenever it is
		x.units = max(1, x.units-1-m.rand.IntN(4))
	case 4:
		if len(ids) > 3 {
			delete(m.subs, id)
		}
	case 5: // all stay as they are but for what ends today
		x.ends = m.now.Add(12 * time.Hour)
	}
	m.later(time.Duration(m.rand.IntN(4)) * day)
	for _, id := range slices.Sorted(maps.Keys(m.subs)) {
		for x := m.subs[id]; !x.ends.After(m.now); {
			m.over[id] = x.ends
			x.ends = x.ends.AddDate(0, 1, 0)
			if m.rand.IntN(2) == 0 {
				x.units = max(1, x.units-m.rand.IntN(5))
			}
		}
	}
}

// look is what a careful reader concludes from a proven read: products that fell by
// units of which nothing shows why, while nothing else grew.
func (m *market) look() {
	fell, total := map[string]bool{}, map[string]int{}
	grew := false
	for id, was := range m.last {
		total[was.sku] -= was.units
		now, there := m.subs[id]
		switch {
		case there && now.units >= was.units:
			continue
		case !was.ends.After(m.now.Add(3 * day)), m.now.Sub(was.made) <= 8*day, m.now.Sub(m.over[id]) <= 8*day, m.now.Sub(m.added[id]) <= 8*day:
			continue
		case m.over[id].After(m.seen):
			continue
		}
		fell[was.sku] = true
	}
	for id, now := range m.subs {
		total[now.sku] += now.units
		if was := m.last[id]; now.units > was.units {
			grew = true
			m.added[id] = m.now
		}
	}
	for sku := range fell {
		if total[sku] < 0 && !grew {
			m.stuck[sku] = true
		}
	}
	m.last, m.seen = map[string]sold{}, m.now
	for id, x := range m.subs {
		m.last[id] = *x
	}
}

func (m *market) line(sku string) int {
	n := decimal.Zero
	if text := m.lines[string(contoso)+"/"+sku]; text != "" {
		n = decimal.RequireFromString(text)
	}
	return int(n.IntPart())
}

// dueThen is what was due at the last proven read.
func (m *market) dueThen(sku string) (n int) {
	for _, x := range m.last {
		if x.sku == sku {
			n += x.units
		}
	}
	return n
}

// Whatever happens to subscriptions, reads, the daemon and its plans: no line falls for
// a reason that nobody can show, unless a person lets it.
func TestNoUnexplainedFallPassesWithoutAPerson(t *testing.T) {
	histories, passed, waited := 8, 0, 0
	if testing.Short() {
		histories = 4
	}
	for seed := range uint64(histories) {
		m, let := newMarket(t, seed), map[string]bool{}
		m.begin()
		m.look()
		for step := range 40 {
			m.live()
			approved := m.rand.IntN(3) == 0
			switch m.rand.IntN(8) {
			case 0:
				m.unproven[contoso] = errors.New("no access")
			case 1:
				m.reopen()
			case 2:
				m.run(PlanOnly)
			case 3:
				m.unreadable = errors.New("bad gateway")
			case 4:
				m.held = "two answers disagree"
			}
			proven := m.unproven[contoso] == nil && m.held == ""
			if approved { // what waited until now, and to come to that alone
				m.approve()
				for sku := range m.stuck {
					let[fmt.Sprint(sku, m.dueThen(sku))] = true
				}
			}
			before := map[string]int{premium: m.line(premium), e3: m.line(e3)}
			if proven {
				m.look()
			}
			m.apply()
			for sku, was := range before {
				is := m.line(sku)
				if m.stuck[sku] && is < was && !let[fmt.Sprint(sku, is)] {
					t.Fatalf("seed %d, step %d: %s fell from %d to %d, and nothing shows why; history:\n%s", seed, step, sku, was, is, m.history())
				}
				switch {
				case m.stuck[sku] && is >= was && is > m.dueThen(sku):
					waited++
				case is < was && !m.stuck[sku]:
					passed++
				}
				if is <= m.dueThen(sku) {
					delete(m.stuck, sku)
				}
			}
			delete(m.unproven, contoso)
			m.unreadable, m.held = nil, ""
		}
		m.approve()
		m.apply()
		m.store.Close()
	}
	if passed < histories || waited < histories {
		t.Errorf("%d falls passed by themselves and %d reads found one waiting: the histories try nothing", passed, waited)
	}
	t.Logf("%d falls passed by themselves, %d reads found one waiting", passed, waited)
}

func (m *market) begin() {
	m.apply()
	m.approve()
	m.want(m.apply(), "in_step", 0)
}

func (m *market) history() string {
	text := ""
	for s, err := range m.store.Spans(m.t.Context(), state.SpanFilter{Customer: string(contoso)}) {
		if err == nil {
			text += fmt.Sprintf("%s %s due %s billed %s %+v %v\n", s.From.Format(time.DateTime), s.Key.ID[:4], s.Due, s.Billed, s.Explanation, s.Subscriptions)
		}
	}
	return text
}
