// Package web is what the daemon shows over HTTP: metrics, health and the
// pages for people. It reads and never writes; CIPP's events are passed on as
// hints.
package web

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"syncd/internal/state"
)

//go:embed static
var static embed.FS

//go:embed status.html
var statusPage string

// Options are what the pages are made from.
type Options struct {
	Store    state.Store
	Registry *prometheus.Registry
	Version  string
	Practice bool // practice mode: say so on every page
	Log      zerolog.Logger
	Now      func() time.Time
	Location *time.Location
	// Jobs returns the jobs as the scheduler sees them.
	Jobs func() []Job
	// Ready returns why the daemon is not ready, or nil.
	Ready func() error
	// Events are taken where they have a secret.
	Events Events
}

// A Job is a line of the status page.
type Job struct {
	Name        string
	Schedule    string
	Policy      string
	Targets     []string
	Running     bool
	Next        time.Time
	LastSuccess time.Time
}

// Handler serves everything under /.
func Handler(o Options) http.Handler {
	assets, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // embedded
	}
	s := &server{Options: o, page: template.Must(template.New("status").Funcs(o.funcs()).Parse(statusPage))}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{Registry: o.Registry}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(assets)))
	mux.HandleFunc("GET /{$}", s.status)
	o.Events.register(mux)
	return headers(mux)
}

// headers keeps browsers from running or framing anything that is not ours.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

type server struct {
	Options
	page *template.Template
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// view is what the status page shows.
type view struct {
	Version  string
	Practice bool
	Now      time.Time
	Ready    error
	Jobs     []Job
	Holds    []waiting
	Trouble  []state.Cursor // failed, partial, incomplete
	Quiet    []state.Cursor // everything else but what is held
	Totals   []total
	Runs     []state.Run
}

// waiting is a hold with its plan as lines.
type waiting struct {
	state.Hold
	Lines []line
	Delta string
	Unit  string
}

type line struct {
	Action, Label, What, Reason, Money string
}

type total struct {
	Outcome string
	N       int
}

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	v, err := s.view(r.Context())
	if err != nil {
		s.Log.Error().Err(err).Msg("status page not shown")
		http.Error(w, "the state could not be read: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := s.page.Execute(w, v); err != nil {
		s.Log.Debug().Err(err).Msg("status page cut off")
	}
}

// shownRuns is how many runs the status page lists.
const shownRuns = 10

func (s *server) view(ctx context.Context) (*view, error) {
	v := &view{Version: s.Version, Practice: s.Practice, Now: s.Now(), Ready: s.Ready(), Jobs: s.Jobs()}
	counts := map[string]int{}
	for c, err := range s.Store.Cursors(ctx) {
		if err != nil {
			return nil, err
		}
		counts[c.Outcome]++
		switch c.Outcome {
		case "failed", "partial", "incomplete":
			v.Trouble = append(v.Trouble, c)
		case "held": // shown with its hold
		default:
			v.Quiet = append(v.Quiet, c)
		}
	}
	for _, outcome := range []string{"in_step", "changed", "skipped", "held", "incomplete", "partial", "failed", "unmapped"} {
		if counts[outcome] > 0 {
			v.Totals = append(v.Totals, total{outcome, counts[outcome]})
		}
	}
	for h, err := range s.Store.Holds(ctx) {
		if err != nil {
			return nil, err
		}
		v.Holds = append(v.Holds, lines(h))
	}
	byName := func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }
	slices.SortStableFunc(v.Trouble, func(a, b state.Cursor) int { return byName(a.Name, b.Name) })
	slices.SortStableFunc(v.Quiet, func(a, b state.Cursor) int { return byName(a.Name, b.Name) })
	slices.SortStableFunc(v.Holds, func(a, b waiting) int { return byName(a.Name, b.Name) })
	for run, err := range s.Store.Runs(ctx) {
		if err != nil {
			return nil, err
		}
		if v.Runs = append(v.Runs, run); len(v.Runs) == shownRuns {
			break
		}
	}
	return v, nil
}

// lines reads the plan of a hold as plan --json wrote it.
func lines(h state.Hold) waiting {
	var scope struct {
		Delta    string `json:"monthly_delta"`
		Currency string `json:"currency"`
		Changes  []struct {
			Action, Label, Reason string
			Delta                 string `json:"monthly_delta"`
			Fields                map[string]struct{ Before, After any }
		} `json:"changes"`
	}
	w := waiting{Hold: h}
	if json.Unmarshal(h.Plan, &scope) != nil {
		return w // shown without its lines
	}
	w.Delta, w.Unit = scope.Delta, scope.Currency
	for _, c := range scope.Changes {
		l := line{Action: c.Action, Label: c.Label, Reason: c.Reason, Money: c.Delta}
		for name, f := range c.Fields {
			l.What += fmt.Sprintf("%s %v → %v ", name, or(f.Before, "–"), or(f.After, "–"))
		}
		w.Lines = append(w.Lines, l)
	}
	return w
}

func or(v any, blank string) any {
	if v == nil || v == "" {
		return blank
	}
	return v
}

func (o Options) funcs() template.FuncMap {
	return template.FuncMap{
		"when": func(t time.Time) string {
			if t.IsZero() {
				return "never"
			}
			return t.In(o.Location).Format("2006-01-02 15:04")
		},
		"words": func(outcome string) string {
			if text, ok := words[outcome]; ok {
				return text
			}
			return outcome
		},
	}
}

// words are the outcomes as a person would say them.
var words = map[string]string{"in_step": "in step", "incomplete": "source not proven"}

// Serve answers on l until ctx ends, then lets requests under way finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		srv.Shutdown(late)
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	return nil
}
