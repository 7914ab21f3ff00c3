package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics measures all systems' requests. A nil *Metrics measures nothing.
//
// Series: some five systems, four methods and a dozen codes make fewer than 150
// counters; two histograms a system.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	wait     *prometheus.HistogramVec

	mu       sync.Mutex
	pauses   map[string]Pause       // by system
	buckets  map[string]*Bucket     // likewise
	breakers map[string]OpenBreaker // by host
	offsets  map[string]float64     // by system: how far its clock is ahead of ours, in seconds
}

// A Pause is a system that gets no requests until a moment, because it asked for that.
type Pause struct {
	System string    `json:"system"`
	Until  time.Time `json:"until"`
	Why    string    `json:"why"`
}

// Pauses returns the systems that are paused at a moment, by name.
func (m *Metrics) Pauses(now time.Time) []Pause {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var pauses []Pause
	for _, p := range m.pauses {
		if p.Until.After(now) {
			pauses = append(pauses, p)
		}
	}
	slices.SortFunc(pauses, func(a, b Pause) int { return strings.Compare(a.System, b.System) })
	return pauses
}

// notePause notes a pause, and reports whether it goes on for longer than was known,
// by more than what the requests of one moment differ in.
func (m *Metrics) notePause(p Pause, now time.Time) (news bool) {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.pauses[p.System]
	if !p.Until.After(known.Until) {
		return false
	}
	m.pauses[p.System] = p
	return !known.Until.After(now) || p.Until.Sub(known.Until) > time.Second
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		pauses: map[string]Pause{}, buckets: map[string]*Bucket{}, breakers: map[string]OpenBreaker{}, offsets: map[string]float64{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "syncd_http_requests_total",
			Help: "Requests sent, each attempt by itself. code is the status, or error where no whole answer came.",
		}, []string{"system", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "syncd_http_request_duration_seconds",
			Help:    "Time from sending a request to the end of its answer, each attempt by itself.",
			Buckets: []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, []string{"system"}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "syncd_rate_wait_seconds",
			Help:    "Time a request waited for its turn: for a free slot, the rate, or the end of a pause.",
			Buckets: []float64{.001, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"system"}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.duration, m.wait, levels{m})
	}
	return m
}

type discard struct{}

func (discard) Observe(float64) {}

func (m *Metrics) waits(system string) prometheus.Observer {
	if m == nil {
		return discard{}
	}
	return m.wait.WithLabelValues(system)
}

// sent counts one attempt; status is 0 where no whole answer came. A status
// that HTTP does not know counts as error too, so that the label stays closed.
func (m *Metrics) sent(system, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	code := "error"
	if status >= 100 && status <= 599 {
		code = strconv.Itoa(status)
	}
	m.requests.WithLabelValues(system, method, code).Inc()
	m.duration.WithLabelValues(system).Observe(took.Seconds())
}

// expect makes the series of a system exist from the start, with the answers that alerts are
// about: a counter that begins at one shows no increase.
func (m *Metrics) expect(system string) {
	for _, code := range []string{"200", "401", "403", "429", "500", "502", "503", "504", "error"} {
		m.requests.WithLabelValues(system, http.MethodGet, code)
	}
	m.duration.WithLabelValues(system)
}
