package app

import (
	"context"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"syncd/internal/cipp"
	"syncd/internal/directory"
	"syncd/internal/rest"
	"syncd/internal/scim"
	"syncd/internal/state"
)

// A SystemState is how the program itself is: what status says, and what only a daemon knows.
type SystemState struct {
	*Status
	Jobs        []JobState         `json:"jobs"`
	Unproven    []Unproven         `json:"unproven"`
	Buckets     []rest.Level       `json:"buckets"`
	Breakers    []rest.OpenBreaker `json:"breakers"`
	Quarantines []rest.Pause       `json:"quarantines"`
	Credentials []Credential       `json:"credentials"`
	Channels    []ChannelState     `json:"channels"` // to people
	Tokens      []TokenState       `json:"tokens"`
	Sessions    []SessionState     `json:"sessions"`
	Versions    Versions           `json:"versions"`
	Settings    any                `json:"configuration"` // without secrets
	Reload      *ReloadState       `json:"reload"`
}

// Versions are those of the program and of what it works with.
type Versions struct {
	Syncd    string `json:"syncd"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	CIPP     string `json:"cipp,omitempty"` // empty until CIPP was asked
}

// An Unproven is a customer of which the source did not prove all it said, at the last look.
type Unproven struct {
	Customer string    `json:"customer"`
	Name     string    `json:"name"`
	Targets  []string  `json:"targets"`
	At       time.Time `json:"at"`             // of the last look
	Proven   time.Time `json:"since,omitzero"` // when a target was last seen to be right; zero where never
	Why      string    `json:"why"`
	Do       string    `json:"remedy"`
}

// A Credential is a secret of the configuration, of which only its end is told.
type Credential struct {
	System  string     `json:"system"`
	Setting string     `json:"setting"`
	Expires *time.Time `json:"expires"` // nil where the secret does not say
}

// System is how the program is.
func (r *Running) System(ctx context.Context) (*SystemState, error) {
	status, err := r.Status(ctx, "")
	if err != nil {
		return nil, err
	}
	v := &SystemState{Status: status, Jobs: Listed(r.Jobs()), Unproven: unproven(status.Scopes), Buckets: Listed(r.calls.Levels(time.Now())),
		Breakers: Listed(r.calls.Breakers()), Credentials: r.Config.credentials(), Versions: r.Versions(r.Version), Reload: r.ReloadState()}
	quarantines, err := r.Engine.Quarantined(ctx)
	if err != nil {
		return nil, err
	}
	v.Quarantines = Listed(quarantines)
	if v.Channels, err = r.Channels(ctx); err != nil {
		return nil, err
	}
	tokens, err := r.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	v.Tokens = []TokenState{}
	for _, t := range tokens {
		v.Tokens = append(v.Tokens, NewTokenState(t))
	}
	if v.Sessions, err = r.Sessions(ctx); err != nil {
		return nil, err
	}
	_, v.Settings, err = r.Config.Shown()
	return v, err
}

// Versions are those of the program, and of what it works with.
func (w *App) Versions(syncd string) Versions {
	v := Versions{Syncd: syncd, Revision: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	if w.CIPP != nil {
		v.CIPP = w.CIPP.KnownVersion()
	}
	return v
}

// unproven are the customers of which a scope was not read, those longest unread first.
func unproven(scopes []Standing) []Unproven {
	found := map[string]*Unproven{}
	for i := range scopes {
		s := &scopes[i]
		if s.Stands != state.StandsNotRead {
			continue
		}
		u := found[s.Scope.Customer]
		if u == nil {
			u = &Unproven{Customer: s.Scope.Customer, Name: s.Name, At: s.At, Why: strings.TrimPrefix(s.Error, directory.ErrIncomplete.Error()+": "), Do: cipp.WayOn(s.Error), Proven: s.InStepAt}
			found[s.Scope.Customer] = u
		}
		u.Targets = append(u.Targets, s.Scope.Target)
		if s.At.After(u.At) {
			u.At = s.At
		}
		if s.InStepAt.After(u.Proven) {
			u.Proven = s.InStepAt
		}
	}
	all := []Unproven{}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		all = append(all, *found[key])
	}
	slices.SortStableFunc(all, func(a, b Unproven) int {
		if by := a.Proven.Compare(b.Proven); by != 0 {
			return by
		}
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return all
}

// credentials are the secrets that the configuration may hold, with their ends as far as they
// say them themselves.
func (c *Config) credentials() []Credential {
	secrets := c.secrets()
	all := []Credential{}
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		if secrets[path].Empty() {
			continue
		}
		x := Credential{Setting: path, System: c.titleOf(path)}
		if at, ok := scim.TokenExpiry(secrets[path].Reveal()); ok {
			at = at.UTC()
			x.Expires = &at
		}
		all = append(all, x)
	}
	return all
}

// titleOf is the system whose setting a path is, as people call it.
func (c *Config) titleOf(path string) string {
	for _, s := range c.systems {
		if path == s.Line.Section || strings.HasPrefix(path, s.Line.Section+".") || strings.HasPrefix(path, s.Line.Section+"[") {
			return s.Title
		}
	}
	return "syncd"
}
