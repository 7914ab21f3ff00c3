// Package web is what the daemon shows over HTTP: metrics, health and the
// pages for people. It reads and never writes; CIPP's events are passed on as
// hints.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	stdlog "log"
	"net"
	"net/http"
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
	// Waits returns the systems that asked to be left alone for a while; it may be nil.
	Waits func() []Wait
	// Access says who reaches the pages.
	Access Access
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

// A Wait is a system that is left alone until a moment, and why.
type Wait struct {
	System string
	Until  time.Time
	Why    string
}

// Handler serves everything under /.
func Handler(o Options) http.Handler {
	assets, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // embedded
	}
	s := &server{Options: o, page: template.Must(template.New("status").Funcs(o.funcs()).Parse(statusPage))}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{Registry: o.Registry, ErrorLog: stdlog.New(clients{o.Log}, "", 0)}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(assets)))
	mux.HandleFunc("GET /{$}", s.status)
	o.Events.register(mux)
	return headers(o.Access.guard(mux))
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

// ready says whether the daemon does its work, and below that which jobs come to
// nothing: to start the daemon again would not help them. Anybody may ask, so
// that why is left to the pages.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
	failing, err := s.failing(r.Context())
	if err != nil {
		return // Ready reads the state, and has no complaint
	}
	for i := range failing {
		fmt.Fprintln(w, failing[i].Short(s.Location))
	}
}

// waits are the systems that are left alone now.
func (s *server) waits() []Wait {
	if s.Waits == nil {
		return nil
	}
	return s.Waits()
}

// failing returns the jobs whose last run failed as a whole.
func (s *server) failing(ctx context.Context) ([]state.Failure, error) {
	jobs := s.Jobs()
	names := make([]string, len(jobs))
	for i := range jobs {
		names[i] = jobs[i].Name
	}
	return state.Failing(s.Store.Runs(ctx), names)
}

// clients hears what the server says of single connections: clients that hang up
// or speak no HTTP. That is no error of ours.
type clients struct{ log zerolog.Logger }

func (c clients) Write(p []byte) (int, error) {
	c.log.Debug().Str("reason", strings.TrimSpace(string(p))).Msg("connection ended")
	return len(p), nil
}

// Serve answers on l until ctx ends, then lets requests under way finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log zerolog.Logger) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: stdlog.New(clients{log}, "", 0)}
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
