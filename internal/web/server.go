// Package web serves HTTP: metrics, health, and CIPP's events, which it passes on as hints.
// It says who reaches the pages (web/pages), and never writes to the store itself.
package web

import (
	"context"
	"errors"
	"fmt"
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

// Options are what is served.
type Options struct {
	Store    state.Store
	Registry *prometheus.Registry
	Log      zerolog.Logger
	Location *time.Location
	// Jobs are the names of the configured jobs.
	Jobs []string
	// Ready returns why the daemon is not ready, or nil.
	Ready func() error
	// Access says who reaches the pages, and Gate who that is.
	Access Access
	Gate   *signin.Gate
	// Pages answers everything that is not answered here.
	Pages http.Handler
	// Events are taken where they have a secret.
	Events Events
}

// Handler serves everything under /.
func Handler(o Options) http.Handler {
	s := &server{o}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{Registry: o.Registry, ErrorLog: stdlog.New(httpErrorLog{o.Log}, "", 0)}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", s.ready)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		mux.HandleFunc(path, takesOnly(http.MethodGet))
	}
	mux.Handle("/events/", http.NotFoundHandler())
	o.Events.register(mux)
	mux.Handle("/", o.Pages)
	return headers(o.Access.restrict(o.Gate.Handler(mux)))
}

// takesOnly refuses every method but one, which is answered elsewhere.
func takesOnly(method string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", method)
		http.Error(w, "this address takes "+method+" alone", http.StatusMethodNotAllowed)
	}
}

// policy lets a page load and run what this server serves as files, and nothing that stands in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// headers keeps browsers from running or framing anything that is not ours.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // without any, older browsers send their own forms as if from nowhere
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

type server struct{ Options }

// ready answers whether the daemon works, with the failing jobs below it: a restart would
// not help them. Anybody may ask, so the reasons stand on the pages only.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
	failing, err := state.Failing(s.Store.Runs(r.Context()), s.Jobs)
	if err != nil {
		return // Ready reads the state, and has no complaint
	}
	for i := range failing {
		fmt.Fprintln(w, failing[i].Short(s.Location))
	}
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
