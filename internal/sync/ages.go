package sync

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ages is a collector of the age of the source's data by collection. It computes
// the age at the scrape, since data grows older between two runs, too.
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

// expect makes the age of collections be there before a run has read them, as 0.
func (a *ages) expect(collections []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range collections {
		if _, known := a.oldest[c]; !known {
			a.oldest[c] = time.Time{}
		}
	}
}

// update takes over the oldest data that a run used. A run over some customers does
// not know the oldest of all, and counts only where nothing is known yet.
func (a *ages) update(oldest map[string]time.Time, whole bool, now func() time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = now
	for collection, at := range oldest {
		if whole || a.oldest[collection].IsZero() {
			a.oldest[collection] = at
		}
	}
}

// Describe implements prometheus.Collector.
func (a *ages) Describe(out chan<- *prometheus.Desc) { out <- a.desc }

// Collect implements prometheus.Collector.
func (a *ages) Collect(out chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for collection, at := range a.oldest {
		age := 0.0
		if !at.IsZero() {
			age = a.now().Sub(at).Seconds()
		}
		out <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, age, collection)
	}
}
