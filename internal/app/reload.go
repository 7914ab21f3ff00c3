package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/sync/schedule"
	"syncd/internal/web"
	"syncd/internal/web/control"
	"syncd/internal/web/signin"
)

// A daemon is what Serve runs: the App of the configuration in force with its pages, and what
// goes on under another one.
type daemon struct {
	Daemon
	ctx                  context.Context
	addr                 net.Addr
	socket               *control.Listener
	runner, housekeeping *schedule.Runner
	events               *hints

	now       atomic.Pointer[served]
	reloading stdsync.Mutex // one at a time
	refused   atomic.Pointer[RefusedConfig]
}

// A served App is one with its pages, since it was taken.
type served struct {
	*Running
	handler  http.Handler
	taken    time.Time
	by       Operator
	tickets  *tickets      // nil where none are made
	replaced chan struct{} // closed when another one is served
}

// app is the App of the configuration in force.
func (d *daemon) app() *App { return d.now.Load().App }

// ServeHTTP answers with the pages of the configuration in force. Who is being answered is
// answered to the end by those of the former one.
func (d *daemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.now.Load().handler.ServeHTTP(w, r)
}

// serve makes the pages of an App. What people let run from the pages goes on under the next.
func (d *daemon) serve(w *App, by Operator) (*served, error) {
	access := web.AccessTo(w.Config.Listen, d.addr, w.Config.names())
	access.SignsIn = w.Config.Auth.Mode != signin.None
	gate, err := w.Gate(web.IsOpen, d.Style)
	if err != nil {
		return nil, fmt.Errorf("sign-in: %w", err)
	}
	running := w.Running(d.ctx, d.Version, func() []JobState { return w.jobStates(d.ctx, d.runner) }, func() error { return w.ready(d.ctx, d.runner) })
	if former := d.now.Load(); former != nil {
		running.background = former.background
	}
	handler := web.Handler(web.Options{Store: w.Store, Registry: w.Registry.Registry, Log: w.Log, Location: w.Location, Jobs: w.jobNames(), Ready: running.Ready,
		Access: access, Gate: gate, Pages: d.Pages(running), Events: web.Events{Secret: w.Config.Events.Secret, Hint: d.events.hint, Now: w.Now}})
	w.warnOfAccess(access, d.addr)
	if len(w.channels) > 0 {
		w.notifier = w.newNotifier()
	}
	return &served{running, handler, w.Now().UTC(), by, newTickets(w), make(chan struct{})}, nil
}

// loops run what of the App in force works by itself. What of the former one does ends before it,
// so that nobody is told twice.
func (d *daemon) loops(ctx context.Context) error {
	for ctx.Err() == nil {
		s := d.now.Load()
		until, end := context.WithCancel(ctx)
		group, until := errgroup.WithContext(until)
		group.Go(func() error {
			defer end()
			select {
			case <-s.replaced:
			case <-until.Done():
			}
			return nil
		})
		if s.tickets != nil {
			group.Go(func() error { return s.tickets.run(until) })
		}
		if s.notifier != nil {
			group.Go(func() error { return s.notifier.Run(until) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// A Reloaded says that another configuration is in force, and what is other about it.
type Reloaded struct {
	File    string          `json:"file"`
	Taken   time.Time       `json:"taken"`
	Changes []SettingChange `json:"changes"`
}

// A SettingChange is a setting that says something else. Of a secret only that it does is told.
type SettingChange struct {
	Setting string  `json:"setting"`
	Before  *string `json:"before"` // nil where it was not there
	After   *string `json:"after"`  // nil where it is no more
	Secret  bool    `json:"secret,omitempty"`
}

// A RefusedConfig is a configuration that was not taken.
type RefusedConfig struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// A ReloadState says which configuration is in force.
type ReloadState struct {
	File    string         `json:"file"`
	Taken   time.Time      `json:"taken"`
	By      string         `json:"by"`                // who had it taken, and how that is known
	Newer   bool           `json:"newer,omitempty"`   // the file says something else by now
	Refused *RefusedConfig `json:"refused,omitempty"` // the last one that was to be taken since
}

// Reload takes the configuration as it is now, as far as it is sound: all of it or nothing. Runs
// and requests under way end with the one that they began with.
func (w *App) Reload(ctx context.Context, by Operator) (*Reloaded, error) {
	if w.daemon == nil {
		return nil, Usage("no daemon runs here; it reads the configuration when it starts")
	}
	return w.daemon.reload(ctx, by)
}

func (d *daemon) reload(ctx context.Context, by Operator) (*Reloaded, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	r, err := d.take(ctx, by)
	w := d.app()
	if err != nil {
		why := w.Config.Redactor().Text(err.Error())
		d.refused.Store(&RefusedConfig{w.Now().UTC(), why})
		w.Log.Error().Str("by", by.Name).Str("identified", by.Identified).Str("reason", why).Msg("configuration not taken, the former one stays")
		return nil, Usage("the configuration was not taken, and the former one stays:\n%w", err)
	}
	d.refused.Store(nil)
	settings := []string{} // names of people may be among what they say
	for _, c := range r.Changes {
		settings = append(settings, c.Setting)
	}
	w.Log.Info().Str("by", by.Name).Str("identified", by.Identified).Strs("changed", settings).Msg("configuration taken")
	return r, nil
}

// take does it. What it changes of what is in force it changes at its end, where nothing fails any more.
func (d *daemon) take(ctx context.Context, by Operator) (*Reloaded, error) {
	former := d.app()
	cfg, err := former.Config.again()
	if err != nil {
		return nil, err
	}
	d.Redact.Add(slices.Collect(maps.Values(cfg.secrets()))...)
	if err := former.Config.needsRestart(cfg); err != nil {
		return nil, err
	}
	changes, err := former.Config.changesTo(cfg)
	if err != nil {
		return nil, err
	}
	w, err := former.successor(cfg)
	if err != nil {
		return nil, err
	}
	jobs, err := w.scheduledRuns()
	if err != nil {
		return nil, err
	}
	next, err := d.serve(w, by)
	if err != nil {
		return nil, err
	}
	if err := d.socket.SetGroup(cfg.Control.Group); err != nil {
		return nil, fmt.Errorf("control.group: %w", err)
	}
	if err := w.Loop.Init(d.ctx, w.Store, w.Jobs); err != nil {
		return nil, err
	}
	r := &Reloaded{File: cfg.file, Taken: next.taken, Changes: changes}
	if err := w.noteReload(ctx, by, r); err != nil {
		return nil, err
	}
	if err := d.runner.Replace(jobs); err != nil {
		return nil, err // they were parsed, and their names are checked
	}
	if err := d.housekeeping.Replace(w.choresToRun()); err != nil {
		return nil, err
	}
	if w.backups != former.backups && w.backups.folder.Dir != "" {
		w.backups.lookAtStart(w.Now())
	}
	w.expectMetrics()
	w.Loop.Forget(missingFrom(w.jobNames(), former.jobNames()), missingFrom(cfg.Targets(), former.Config.Targets()))
	w.setRates()
	for _, s := range former.Config.secrets() {
		s.Tell(nil)
	}
	cfg.logSecrets(w.Log)
	close(d.now.Swap(next).replaced)
	return r, nil
}

// missingFrom are those of former that are not in now.
func missingFrom(now, former []string) []string {
	return slices.DeleteFunc(slices.Clone(former), func(name string) bool { return slices.Contains(now, name) })
}

// needsRestart returns what of another configuration cannot come into force while the daemon runs.
func (c *Config) needsRestart(next *Config) error {
	var all []string
	for _, s := range []struct{ setting, before, after string }{
		{"listen", c.Listen, next.Listen},
		{"state.path", c.State.Path, next.State.Path},
		{"state.postgres", c.State.Postgres.Last(), next.State.Postgres.Last()},
		{"tls.config", c.TLS.Config, next.TLS.Config},
	} {
		if s.before != s.after {
			all = append(all, s.setting+" cannot change without a restart: restart the daemon, or put the former value back")
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(all, "\n"))
}

// changesTo are the settings that another configuration has otherwise, by path.
func (c *Config) changesTo(next *Config) ([]SettingChange, error) {
	_, before, err := c.Shown()
	if err != nil {
		return nil, err
	}
	_, after, err := next.Shown()
	if err != nil {
		return nil, err
	}
	was, is := map[string]string{}, map[string]string{}
	leaves("", before, was)
	leaves("", after, is)
	secretWas, secretIs := c.secrets(), next.secrets()
	paths := map[string]bool{}
	for path := range was {
		paths[path] = true
	}
	for path := range is {
		paths[path] = true
	}
	changes := []SettingChange{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		x := SettingChange{Setting: path}
		if text, ok := was[path]; ok {
			x.Before = &text
		}
		if text, ok := is[path]; ok {
			x.After = &text
		}
		former, wasSecret := secretWas[path]
		now, isSecret := secretIs[path]
		if x.Secret = wasSecret || isSecret; x.Secret && former.Last() == "" {
			x.Before = nil
		}
		if x.Secret && now.Last() == "" {
			x.After = nil
		}
		same := x.Before != nil && x.After != nil && *x.Before == *x.After
		if x.Secret && former.Last() != now.Last() || !x.Secret && !same {
			changes = append(changes, x)
		}
	}
	return changes, nil
}

// leaves are the single values of a document, by path.
func leaves(path string, document any, into map[string]string) {
	switch v := document.(type) {
	case map[string]any:
		for key, value := range v {
			leaves(strings.TrimPrefix(path+"."+key, "."), value, into)
		}
	case []any:
		for i, value := range v {
			leaves(fmt.Sprintf("%s[%d]", path, i), value, into)
		}
	case nil:
	default:
		into[path] = fmt.Sprint(v)
	}
}

// noteReload writes into the journal who had another configuration taken, and what is other about it.
func (w *App) noteReload(ctx context.Context, by Operator, r *Reloaded) error {
	if len(r.Changes) == 0 {
		return nil
	}
	e := w.decisionEntry(by, state.ActionReload, plan.Scope{}, "")
	e.Run, e.Key, e.Label = CommandRun, plan.Key{Kind: ConfigurationDocument, ID: r.File}, "configuration: "+Count(len(r.Changes), "change")
	before, after := state.Image{Key: e.Key}, state.Image{Key: e.Key}
	for _, c := range r.Changes {
		text := func(of *string, secret string) plan.Value {
			switch {
			case of == nil:
				return nil
			case c.Secret:
				return plan.Value{secret}
			}
			return plan.Value{*of}
		}
		before.Fields, after.Fields = before.Fields.With(c.Setting, text(c.Before, "a secret")), after.Fields.With(c.Setting, text(c.After, "another secret"))
	}
	e.Before, e.After = &before, &after
	_, version, err := Document[takenConfig](ctx, w.Store, ConfigurationDocument)
	if err != nil {
		return err
	}
	return Put(ctx, w.Store, ConfigurationDocument, version, takenConfig{r.File, w.Config.sum, r.Taken, by.Name, by.Identified}, e)
}

// ConfigurationDocument says which configuration was taken last without a restart.
const ConfigurationDocument = "configuration"

type takenConfig struct {
	File string    `json:"file"`
	Sum  string    `json:"sum"` // of its text
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	How  string    `json:"how"`
}

// ReloadState is which configuration is in force, and what is wrong with a newer one.
func (r *Running) ReloadState() *ReloadState {
	d := r.daemon
	if d == nil {
		return nil
	}
	now := d.now.Load()
	if now == nil {
		return nil
	}
	s := &ReloadState{File: r.Config.file, Taken: now.taken, By: strings.TrimSuffix(now.by.Name+", "+now.by.Identified, ", "), Refused: d.refused.Load()}
	if text, err := os.ReadFile(r.Config.file); err == nil && sumOf(text) != r.Config.sum {
		s.Newer = true
	}
	return s
}
