// Package pagestest brings up the pages over a make-believe MSP, for tests that walk through
// them and for pictures of them.
package pagestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"syncd/internal/app"
	"syncd/internal/mapping"
	"syncd/internal/simulator/msp"
	"syncd/internal/state/boltstate"
	"syncd/internal/sync"
	"syncd/internal/web"
	"syncd/internal/web/pages"
	"syncd/internal/web/signin"
)

// A World is a make-believe MSP and the program that works for it.
type World struct {
	App     *app.App
	MSP     *msp.MSP
	systems *msp.Running
	servers []*httptest.Server
	ctx     context.Context
	later   atomic.Int64 // by how much the clock of the world is ahead
}

// now is the clock of the world.
func (w *World) now() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }

// GoOn moves the clock of the world to a moment that is to come.
func (w *World) GoOn(to time.Time) { w.later.Store(int64(time.Until(to))) }

// Start brings up the MSP with its links and rules in the folder dir; nothing ran yet.
// Settings are more of the configuration, as YAML.
func Start(ctx context.Context, dir string, settings ...string) (*World, error) {
	return start(ctx, dir, nil, settings)
}

func start(ctx context.Context, dir string, more []msp.Option, settings []string) (*World, error) {
	w := &World{ctx: ctx}
	w.MSP = msp.New(w.now, append(more, msp.WithLayouts(), msp.WithIdentity())...)
	var err error
	if w.systems, err = w.MSP.Start(ctx); err != nil {
		return nil, err
	}
	text := w.systems.Config(filepath.Join(dir, "syncd.db")) + strings.Join(settings, "\n") + "\n"
	if w.App, err = open(dir, text); err != nil {
		w.Close()
		return nil, err
	}
	w.App.Now, w.App.Engine.Now = w.now, w.now
	if err := w.tables(ctx); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// open makes the program with a configuration.
func open(dir, text string) (*app.App, error) {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cfg, err := app.Systems.LoadConfig(path, true, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		return nil, err
	}
	store, err := boltstate.Open(cfg.State.Path, boltstate.Options{})
	if err != nil {
		return nil, err
	}
	w, err := app.New(cfg, store, zerolog.Nop())
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return w, nil
}

// tables imports the links and rules of the make-believe billing admin.
func (w *World) tables(ctx context.Context) error {
	tenants, err := w.App.Tenants(ctx)
	if err != nil {
		return err
	}
	links, _, err := mapping.ImportLinks(strings.NewReader(w.MSP.LinksCSV()), w.App.Columns(), mapping.Table{}, tenants, nil)
	if err != nil {
		return err
	}
	rules, _, err := mapping.ImportRules(strings.NewReader(w.MSP.ProductsCSV()), mapping.Rules{}, mapping.Known{})
	if err != nil {
		return err
	}
	return errors.Join(app.Put(ctx, w.App.Store, app.LinksDocument, 0, links), app.Put(ctx, w.App.Store, app.ProductsDocument, 0, rules))
}

// Unlink takes all links away, as in an estate that nobody mapped yet.
func (w *World) Unlink() error { return w.forget(app.LinksDocument, app.SuggestionsDocument) }

// forget empties documents of the state.
func (w *World) forget(names ...string) error {
	for _, name := range names {
		doc, err := w.App.Store.Document(w.ctx, name)
		if err != nil {
			return err
		}
		doc.Body = nil
		if err := w.App.Store.PutDocument(w.ctx, doc); err != nil {
			return err
		}
	}
	return nil
}

// Apply runs all jobs, as syncd apply does.
func (w *World) Apply() (*sync.Report, error) {
	return w.App.Engine.Run(w.ctx, sync.Selection{Jobs: w.App.Jobs, Trigger: "command"}, sync.Apply)
}

// Settle approves everything that waits and applies it.
func (w *World) Settle() error {
	if _, err := w.Apply(); err != nil {
		return err
	}
	holds, err := w.App.Holds(w.ctx, "", "")
	if err != nil {
		return err
	}
	taken, _ := app.Sweep(holds)
	if _, err := w.App.Decide(w.ctx, app.Operator{Name: "Dana Ortiz", Identified: "practice"}, true, "the first look", taken); err != nil {
		return err
	}
	_, err = w.Apply()
	return err
}

// Play lets things happen to the MSP, and runs all jobs.
func (w *World) Play(scenarios ...string) error {
	for _, s := range scenarios {
		if err := w.MSP.Play(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	_, err := w.Apply()
	return err
}

// A somebody is a person whom the pages know without being told.
type somebody app.Person

// Somebody is a person with a role, whoever asks.
func Somebody(name string, role app.Role) pages.People {
	return somebody{Operator: app.Operator{Name: name, Identified: "signed in as " + strings.ToLower(name)}, Role: role, Named: true}
}

func (p somebody) Person(*http.Request) (app.Person, bool) { return app.Person(p), true }

// Handler is what the daemon serves, to people.
func (w *World) Handler(people pages.People) http.Handler { return Handler(w.ctx, w.App, people) }

// Handler is what the daemon of an App serves, to people.
func Handler(ctx context.Context, w *app.App, people pages.People) http.Handler {
	gate, err := signin.New(signin.Options{Mode: signin.None, Store: w.Store, Log: w.Log, Now: w.Now, Open: web.IsOpen,
		Known: func(signin.Identity) (named, known bool) { return true, true }})
	if err != nil {
		panic(err) // the mode is one
	}
	return handler(ctx, w, people, gate)
}

func handler(ctx context.Context, w *app.App, people pages.People, gate *signin.Gate) http.Handler {
	jobs := func() []app.JobState {
		var states []app.JobState
		day := w.Now().In(w.Location).Truncate(24*time.Hour).AddDate(0, 0, 1)
		runs, err := sync.LastRuns(ctx, w.Store, w.Jobs)
		if err != nil {
			return nil
		}
		for _, j := range w.Jobs {
			states = append(states, app.JobState{Name: j.Name, Schedule: j.Schedule, Policy: string(j.Policy), Targets: j.Targets, Next: day.Add(6 * time.Hour),
				LastAttempt: runs[j.Name].Attempt, LastSuccess: runs[j.Name].Success})
		}
		return states
	}
	ready := func() error { return nil }
	shown := pages.Handler(w.Running(ctx, "1.2.3", jobs, ready), people)
	access := web.AccessTo("127.0.0.1:9464", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	return web.Handler(web.Options{Store: w.Store, Registry: w.Registry.Registry, Log: w.Log, Location: w.Location, Ready: ready, Pages: shown, Gate: gate, Access: access})
}

// Door serves the pages to who signs in, as the configuration has it.
func (w *World) Door() (string, error) {
	gate, err := w.App.Gate(web.IsOpen, pages.Style())
	if err != nil {
		return "", err
	}
	s := httptest.NewServer(handler(w.ctx, w.App, pages.Visitors(w.App), gate))
	w.servers = append(w.servers, s)
	return s.URL, nil
}

// Stop ends what serves the pages, as where the daemon stops.
func (w *World) Stop() {
	for _, s := range w.servers {
		s.CloseClientConnections()
		s.Close()
	}
	w.servers = nil
}

// Serve serves the pages to people, and returns their address.
func (w *World) Serve(people pages.People) string {
	s := httptest.NewServer(w.Handler(people))
	w.servers = append(w.servers, s)
	return s.URL
}

// Close ends everything.
func (w *World) Close() {
	w.Stop()
	if w.App != nil {
		w.App.Store.Close()
	}
	w.systems.Close()
}
