package sync

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ages tells how old what each collection says is, at the moment of the scrape:
// between two runs it goes on growing older.
type ages struct {
	desc *prometheus.Desc

	mu     sync.Mutex
	oldest map[string]time.Time // by collection, at the source
	now    func() time.Time
}

func newAges() *ages {
	return &ages{oldest: map[string]time.Time{}, now: time.Now, desc: prometheus.NewDesc("syncd_source_age_seconds",
		"How long ago the source read the oldest proven answer of a collection that the last run over all customers used.", []string{"collection"}, nil)}
}

// saw notes what a run used. One over a part of the customers says nothing of the
// oldest of all, and counts only where nothing is known yet.
func (a *ages) saw(oldest map[string]time.Time, whole bool, now func() time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = now
	for collection, at := range oldest {
		if _, known := a.oldest[collection]; whole || !known {
			a.oldest[collection] = at
		}
	}
}

// Describe is for prometheus.
func (a *ages) Describe(out chan<- *prometheus.Desc) { out <- a.desc }

// Collect is for prometheus.
func (a *ages) Collect(out chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for collection, at := range a.oldest {
		out <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, a.now().Sub(at).Seconds(), collection)
	}
}
