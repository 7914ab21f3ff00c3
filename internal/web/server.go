// Package web serves HTTP: metrics, health, the pages for people, and CIPP's events, which
// it passes on as hints. It never writes to the store.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/rs/zerolog"

	"syncd/internal/state"
	"syncd/internal/web/signin"
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
	// Pauses returns the systems that syncd sends nothing to for a while; it may be nil.
	Pauses func() []Pause
	// Access says who reaches the pages, and Gate who that is.
	Access Access
	Gate   *signin.Gate
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

// A Pause says until when syncd sends nothing to a system, and why.
type Pause struct {
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
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{Registry: o.Registry, ErrorLog: stdlog.New(httpErrorLog{o.Log}, "", 0)}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(assets)))
	mux.HandleFunc("GET /{$}", s.status)
	o.Events.register(mux)
	return headers(o.Access.restrict(o.Gate.Handler(mux)))
}

// headers keeps browsers from running or framing anything that is not ours.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
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

// ready answers whether the daemon works, with the failing jobs below it: a restart would
// not help them. Anybody may ask, so the reasons stand on the pages only.
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

// pauses returns the systems that are paused now.
func (s *server) pauses() []Pause {
	if s.Pauses == nil {
		return nil
	}
	return s.Pauses()
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

// An httpErrorLog logs at debug level what the server reports of single connections:
// clients that hang up or speak no HTTP.
type httpErrorLog struct{ log zerolog.Logger }

func (c httpErrorLog) Write(p []byte) (int, error) {
	c.log.Debug().Str("reason", strings.TrimSpace(string(p))).Msg("connection ended")
	return len(p), nil
}

// Serve answers on l until ctx ends, then lets requests under way finish. Where webConfig names the
// ecosystem's web-config.yml it speaks TLS, and loads what that names anew for each connection.
func Serve(ctx context.Context, l net.Listener, h http.Handler, webConfig string, log zerolog.Logger) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ConnContext: signin.ConnContext, ErrorLog: stdlog.New(httpErrorLog{log}, "", 0)}
	stop := context.AfterFunc(ctx, func() {
		shutdownCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		srv.Shutdown(shutdownCtx)
	})
	defer stop()
	flags := &toolkit.FlagConfig{WebConfigFile: &webConfig}
	if err := toolkit.Serve(l, srv, flags, slog.New(zerolog.NewSlogHandler(log.Level(max(log.GetLevel(), zerolog.WarnLevel))))); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	return nil
}
