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

// update takes over the oldest data that a run used. A run over some customers does
// not know the oldest of all, and counts only where nothing is known yet.
func (a *ages) update(oldest map[string]time.Time, whole bool, now func() time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = now
	for collection, at := range oldest {
		if _, known := a.oldest[collection]; whole || !known {
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
		out <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, a.now().Sub(at).Seconds(), collection)
	}
}
