package rest

import (
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// levels is a collector of what holds now of each system: how its bucket and its breaker
// stand, for how long it is left alone, and how far its clock is off. Five gauges a system.
type levels struct{ m *Metrics }

var (
	tokensDesc = levelDesc("syncd_rate_tokens", "Requests that may leave at once now. A system without a rate has none.")
	speedDesc  = levelDesc("syncd_rate_speed_ratio", "Share of the configured rate that requests leave at; below 1 after the system answered 429 repeatedly.")
	pausedDesc = levelDesc("syncd_rate_paused_seconds", "For how long yet no request leaves, because the system asked for that.")
	openDesc   = levelDesc("syncd_breaker_open", "1 where a host of the system failed so often in a row that it is left alone.")
	offsetDesc = levelDesc("syncd_clock_offset_seconds", "How far the system's clock (header Date) is ahead of ours, as of its last answer; 0 within a second.")
)

func levelDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"system"}, nil)
}

// Describe implements prometheus.Collector.
func (l levels) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tokensDesc, speedDesc, pausedDesc, openDesc, offsetDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (l levels) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	open := l.m.Breakers()
	for _, level := range l.m.Levels(now) {
		gauge := func(d *prometheus.Desc, v float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, level.System)
		}
		if level.Tokens != nil {
			gauge(tokensDesc, *level.Tokens)
		}
		gauge(speedDesc, level.Speed)
		paused, failing := 0.0, 0.0
		if level.PausedUntil != nil {
			paused = level.PausedUntil.Sub(now).Seconds()
		}
		if slices.ContainsFunc(open, func(b OpenBreaker) bool { return b.System == level.System }) {
			failing = 1
		}
		gauge(pausedDesc, paused)
		gauge(openDesc, failing)
		gauge(offsetDesc, l.m.offset(level.System))
	}
}

func (m *Metrics) offset(system string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.offsets[system]
}

// noteClock compares the time that an answer was made at with our clock while it was under way.
// The header knows whole seconds; an answer out of a cache (Age) was made at another time.
func (m *Metrics) noteClock(r *Response) {
	if m == nil || r.Header.Get("Age") != "" {
		return
	}
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return
	}
	ended := r.Started.Add(r.Elapsed)
	offset := 0.0
	switch {
	case date.Before(r.Started.Add(-time.Second)):
		offset = date.Sub(r.Started).Seconds()
	case date.After(ended.Add(time.Second)):
		offset = date.Sub(ended).Seconds()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offsets[r.system] = offset
}
