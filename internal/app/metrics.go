package app

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	stdsync "sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"syncd/internal/backup"
	"syncd/internal/state"
)

// registerMetrics registers what the state and the configuration say. It is there from the
// start, so that a restart does not look like health.
func (w *App) registerMetrics() {
	w.Registry.MustRegister(renewalsMetric(w), moneyMetrics(w), standingMetrics(w), newResources(w), w.backups.success, w.backups.interval)
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// rememberFor is how long what was read of the state is good for while no run ends: a scrape
// reads no more than it must.
const rememberFor = 5 * time.Minute

// A remembered collector reads its series from the state, and anew when a run began or ended.
type remembered struct {
	app   *App
	what  string
	descs []*prometheus.Desc
	read  func(context.Context, time.Time) ([]prometheus.Metric, error)

	mu    stdsync.Mutex
	at    time.Time
	after lastRun
	known []prometheus.Metric
}

// A lastRun tells whether a run began or ended since.
type lastRun struct {
	id       string
	finished time.Time
}

func newRemembered(w *App, what string, descs []*prometheus.Desc, read func(context.Context, time.Time) ([]prometheus.Metric, error)) *remembered {
	return &remembered{app: w, what: what, descs: descs, read: read}
}

// Describe implements prometheus.Collector.
func (r *remembered) Describe(to chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (r *remembered) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, now := context.Background(), r.app.Now()
	after, err := r.app.newestRun(ctx)
	if age := now.Sub(r.at); err == nil && (r.known == nil || age < 0 || age > rememberFor || after != r.after) {
		var known []prometheus.Metric
		if known, err = r.read(ctx, now); err == nil {
			r.at, r.after, r.known = now, after, known
		}
	}
	if err != nil {
		r.app.Log.Error().Err(err).Str("what", r.what).Msg("metrics not read from the state") // and left out: the others are as good as they were
		return
	}
	for _, m := range r.known {
		to <- m
	}
}

func (w *App) newestRun(ctx context.Context) (last lastRun, err error) {
	for r, err := range w.Store.Runs(ctx) {
		return lastRun{r.ID, r.Finished}, err
	}
	return last, nil
}

// standingMetrics say since when scopes wait or are in trouble. A series a target, and two.
func standingMetrics(w *App) prometheus.Collector {
	held := prometheus.NewDesc("syncd_hold_oldest_timestamp_seconds", "Since when the plan waits for a person that waits the longest; 0 where none does.", []string{"target"}, nil)
	trouble := prometheus.NewDesc("syncd_scope_trouble_oldest_timestamp_seconds",
		"Since when the scope is in trouble that is so the longest (failing: failed or partly done; unproven: incomplete); 0 where none is.", []string{"target", "trouble"}, nil)
	return newRemembered(w, "standing", []*prometheus.Desc{held, trouble}, func(ctx context.Context, _ time.Time) ([]prometheus.Metric, error) {
		type scopesOf struct{ target, trouble string }
		oldest := map[scopesOf]time.Time{}
		older := func(of scopesOf, at time.Time) {
			if was := oldest[of]; was.IsZero() || at.Before(was) {
				oldest[of] = at
			}
		}
		for h, err := range w.Store.Holds(ctx) {
			if err != nil {
				return nil, err
			}
			if h.Standing() != state.StandsApproved {
				older(scopesOf{target: h.Scope.Target}, h.Since)
			}
		}
		for c, err := range w.Store.Cursors(ctx) {
			if err != nil {
				return nil, err
			}
			if x := state.TroubleOf(c.Outcome); x != "" {
				since := c.TroubleSince
				if since.IsZero() {
					since = c.At // a former version knew no more
				}
				older(scopesOf{c.Scope.Target, x}, since)
			}
		}
		out := []prometheus.Metric{}
		for _, name := range w.Config.Targets() {
			out = append(out, gauge(held, unixSeconds(oldest[scopesOf{target: name}]), name))
			for _, x := range []string{state.TroubleFailing, state.TroubleUnproven} {
				out = append(out, gauge(trouble, unixSeconds(oldest[scopesOf{name, x}]), name, x))
			}
		}
		return out, nil
	})
}

// resources is a collector of what can be told at every scrape: who is in quarantine, how large
// the state is, and when credentials end.
type resources struct {
	app                                   *App
	quarantined, size, free, credentialed *prometheus.Desc
}

func newResources(w *App) *resources {
	return &resources{w,
		prometheus.NewDesc("syncd_quarantined", "1 while scheduled runs leave a target out because it refused everything.", []string{"target"}, nil),
		prometheus.NewDesc("syncd_state_bytes", "Size of the state.", nil, nil),
		prometheus.NewDesc("syncd_state_disk_free_bytes", "What syncd may still write to the disk that the state is on.", nil, nil),
		prometheus.NewDesc("syncd_credential_expiry_timestamp_seconds", "When the first of a system's credentials ends; 0 where nobody knows.", []string{"system"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (r *resources) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{r.quarantined, r.size, r.free, r.credentialed} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (r *resources) Collect(to chan<- prometheus.Metric) {
	cfg := r.app.Config
	quarantined, err := r.app.Engine.Quarantined(context.Background())
	if err != nil {
		r.app.Log.Error().Err(err).Str("what", "quarantine").Msg("metrics not read from the state")
	} else {
		left := map[string]float64{}
		for _, q := range quarantined {
			left[q.System] = 1
		}
		for _, name := range cfg.Targets() {
			to <- gauge(r.quarantined, left[name], name)
		}
	}
	if info, err := os.Stat(cfg.State.Path); err == nil {
		to <- gauge(r.size, float64(info.Size()))
	}
	if free, known := backup.FreeSpace(filepath.Dir(cfg.State.Path)); known {
		to <- gauge(r.free, float64(free))
	}
	ends := cfg.credentialEnds()
	for _, system := range slices.Sorted(maps.Keys(ends)) {
		to <- gauge(r.credentialed, unixSeconds(ends[system]), system)
	}
}

// credentialEnds are the first known ends of the credentials of each system that has any, by
// the name that its requests are measured under; zero where none is known.
func (c *Config) credentialEnds() map[string]time.Time {
	ends := map[string]time.Time{}
	for _, x := range c.credentials() {
		name := c.measuredAs(x.Setting)
		first := ends[name]
		if x.Expires != nil && (first.IsZero() || x.Expires.Before(first)) {
			first = *x.Expires
		}
		ends[name] = first
	}
	return ends
}

// measuredAs is the name under which metrics have the system that a setting belongs to.
func (c *Config) measuredAs(path string) string {
	for _, s := range c.systems {
		in, ok := strings.CutPrefix(path, s.Line.Section)
		if !ok || in == "" || in[0] != '.' && in[0] != '[' {
			continue
		}
		if several, ok := s.System.(*scimSystem); ok {
			return several.targetOf(in)
		}
		return s.Line.Section
	}
	return "syncd"
}

func unixSeconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.Unix())
}
