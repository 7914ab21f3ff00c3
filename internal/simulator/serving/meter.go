package serving

import "time"

// A Meter counts requests in a sliding window, by the real clock.
type Meter struct{ at []time.Time } // in order

// Over reports whether cost more requests now would be over limit in window;
// if they are not, they count. A limit of 0 is none.
func (m *Meter) Over(limit int, window time.Duration, cost int) bool {
	if limit == 0 {
		return false
	}
	now := time.Now()
	old := 0
	for old < len(m.at) && now.Sub(m.at[old]) >= window {
		old++
	}
	m.at = m.at[old:]
	if len(m.at)+cost > limit {
		return true
	}
	for range cost {
		m.at = append(m.at, now)
	}
	return false
}

// busiest is the most of these moments, which are in order, that lie within
// any window of that length.
func busiest(at []time.Time, window time.Duration) int {
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
