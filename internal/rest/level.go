package rest

import (
	"math"
	"slices"
	"strings"
	"time"
)

// A Level is how a system's bucket stands: how many requests may leave at once now.
type Level struct {
	System      string     `json:"system"`
	Rate        string     `json:"rate"`   // as configured, in words
	Tokens      *float64   `json:"tokens"` // nil where the rate has no speed
	Burst       int        `json:"burst"`  // the most tokens
	Speed       float64    `json:"speed"`  // the share of the rate that it runs at, after throttling
	UnderWay    int        `json:"under_way"`
	PausedUntil *time.Time `json:"paused_until"` // nil where the system did not ask for a pause
}

// An OpenBreaker is a host that failed so often in a row that it is left alone.
type OpenBreaker struct {
	System string    `json:"system"`
	Host   string    `json:"host"`
	Until  time.Time `json:"until"` // then one request finds out whether it answers again
}

// level is how the bucket stands at a moment.
func (b *Bucket) level(now time.Time) (l Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	interval := b.slowedInterval(now)
	l.Rate = b.rate.String()
	l.Burst, l.Speed, l.UnderWay = b.burst, 1/b.slow, b.slots.underWay()
	if interval > 0 {
		ahead := max(b.tat.Sub(now), 0)
		tokens := max(0, math.Floor(float64(b.tolerance(interval)-ahead)/float64(interval))+1)
		l.Tokens = &tokens
	}
	return l
}

// note has a bucket among those whose levels are told.
func (m *Metrics) note(system string, b *Bucket) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buckets[system] = b
	m.expect(system)
}

// Bucket is the one of a system; nil where nobody made one yet.
func (m *Metrics) Bucket(system string) *Bucket {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.buckets[system]
}

// isLeftAlone reports whether a host keeps failing, as its clients found.
func (m *Metrics) isLeftAlone(host string, now time.Time) bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.breakers[host].Until.After(now)
}

// Levels returns how the buckets of all systems stand, by name.
func (m *Metrics) Levels(now time.Time) []Level {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var levels []Level
	for system, b := range m.buckets {
		l := b.level(now)
		l.System = system
		if p, ok := m.pauses[system]; ok && p.Until.After(now) {
			l.PausedUntil = &p.Until
		}
		levels = append(levels, l)
	}
	slices.SortFunc(levels, func(a, b Level) int { return strings.Compare(a.System, b.System) })
	return levels
}

// noteBreaker notes that a host is left alone until a moment, or, where that is zero, answers again.
func (m *Metrics) noteBreaker(system, host string, until time.Time) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if until.IsZero() {
		delete(m.breakers, host)
		return
	}
	m.breakers[host] = OpenBreaker{system, host, until}
}

// Breakers returns the hosts that are left alone, by name.
func (m *Metrics) Breakers() []OpenBreaker {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var open []OpenBreaker
	for _, b := range m.breakers {
		open = append(open, b)
	}
	slices.SortFunc(open, func(a, b OpenBreaker) int { return strings.Compare(a.Host, b.Host) })
	return open
}
