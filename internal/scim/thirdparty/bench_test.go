package thirdparty_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/shopspring/decimal"

	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/scim"
	"syncd/internal/scim/thirdparty"
	"syncd/internal/secret"
	"syncd/internal/state/boltstate"
	engine "syncd/internal/sync"
	"syncd/internal/target"
)

const (
	coreUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

var tenant = directory.Tenant{ID: "7d1f0b7e-2c55-4a39-9d0e-0b8f4b5f1a11", Name: "Contoso Ltd", DefaultDomain: "contoso.example"}

// A target that is not asked whose the things are finds nothing and makes all
// of it twice: the engine goes on without a word.

// A bench is a provider that others wrote, our target, and a source that the
// test changes.
type bench struct {
	*testing.T
	base, token string
	conf        scim.Config
	client      *scim.Client
	engine      *engine.Engine
	target      string

	mu     sync.Mutex
	writes []string // method, path and body
	failed []string // the same, with the answer
	reads  int

	lose func(*http.Request) bool // whether the answer to a request never arrives

	users  []directory.User
	groups []directory.Group
}

// crowd is how many more people there are than the story needs: more than one
// page of any of the providers where the size is left to them.
const crowd = 25

func newBench(t *testing.T, server string, edits ...func(*scim.Config)) *bench {
	b := &bench{T: t, target: "scim/other"}
	b.base, b.token = thirdparty.Start(t, server)
	conf := scim.Defaults()
	conf.Name, conf.URL, conf.Token = "other", b.base, secret.New(b.token)
	conf.Rate = rest.Rate{PerSecond: 2000, Burst: 500, Concurrency: 4}
	conf.Groups.Include = []string{"Team *"}
	conf.Attributes = map[string]string{
		"title":                              "jobTitle",
		`phoneNumbers[type eq "work"].value`: "telephoneNumber",
		enterprise + ":department":           "department",
	}
	for _, edit := range edits {
		edit(&conf)
	}
	conf.Validate(func(path, message string) { t.Errorf("%s: %s", path, message) })
	b.conf = conf
	b.forget()
	return b
}

// forget makes everything anew but the provider: a state that was lost.
func (b *bench) forget() {
	b.Helper()
	client, err := scim.New(b.conf, scim.Options{Log: zerolog.Nop(), Transport: b})
	if err != nil {
		b.Fatal(err)
	}
	store, err := boltstate.Open(filepath.Join(b.TempDir(), "state.db"), boltstate.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	links := mapping.Table{Rows: []mapping.Row{{TenantID: tenant.ID, Tenant: tenant.Name, Status: mapping.Linked,
		Links: mapping.Links{mapping.SCIMColumn("other"): "contoso"}}}}
	b.client = client
	b.engine = engine.New(engine.Options{Source: b, Store: store, Log: zerolog.Nop(), Currency: "USD",
		Targets: map[string]target.Opener{b.target: func(context.Context) (target.Target, error) { return client.Open(), nil }},
		Links:   func(context.Context) (mapping.Table, error) { return links, nil }})
}

// RoundTrip notes what is written.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := ""
	if r.Method != http.MethodGet && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		sent = string(body)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	b.mu.Lock()
	defer b.mu.Unlock()
	line := fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), sent)
	if r.Method != http.MethodGet {
		b.writes = append(b.writes, line)
	} else {
		b.reads++
	}
	if r.Method == http.MethodPatch {
		if wrong := dialect(sent); wrong != "" {
			b.Errorf("%s: %s", line, wrong)
		}
	}
	if err == nil && resp.StatusCode >= 400 {
		body, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		b.failed = append(b.failed, fmt.Sprintf("%s: %d %s", line, resp.StatusCode, body))
	}
	if err == nil && r.Method != http.MethodGet && b.lose != nil && b.lose(r) {
		b.lose = nil
		resp.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return resp, err
}

// dialect says what is wrong with a PATCH that some provider or other would
// misunderstand, to the loss of somebody.
func dialect(body string) string {
	var patch struct {
		Operations []struct {
			Op, Path string
			Value    any
		}
	}
	if err := json.Unmarshal([]byte(body), &patch); err != nil {
		return err.Error()
	}
	seen := map[string]bool{}
	for _, o := range patch.Operations {
		switch {
		case !slices.Contains([]string{"add", "remove", "replace"}, o.Op):
			return "the operation " + o.Op
		case o.Path == "":
			return "an operation without a path"
		case o.Op == "remove" && o.Path == "members", o.Op == "replace" && o.Path == "members":
			return "all members at once"
		case seen[o.Path]:
			return "two operations on " + o.Path
		}
		seen[o.Path] = true
	}
	return ""
}

func (b *bench) sent() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.writes)
}

// Tenants and Snapshot make the bench the source.
func (b *bench) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	return directory.Proven([]directory.Tenant{tenant}, proof()), nil
}

func (b *bench) Snapshot(context.Context, directory.Tenant, directory.Kinds) (*directory.Snapshot, error) {
	return &directory.Snapshot{Tenant: tenant, TakenAt: time.Now(), Users: directory.Proven(slices.Clone(b.users), proof()),
		Groups: directory.Proven(slices.Clone(b.groups), proof()), Domains: directory.Proven([]directory.Domain{{Name: "contoso.example", Verified: true}}, proof())}, nil
}

func proof() directory.Proof {
	return directory.Proof{Source: "test", TakenAt: time.Now(), AsOf: time.Now()}
}

func (b *bench) run(mode engine.Mode) *engine.Report {
	b.Helper()
	wide := plan.Ceiling{Count: 1000, Percent: 100}
	job := engine.Job{Name: "identity", Targets: []string{b.target}, Policy: plan.Auto, Limits: engine.Limits{Limits: plan.Limits{
		Creates: wide, Updates: wide, Deletes: wide, Increase: decimal.New(1, 9), Decrease: decimal.New(1, 9), SourceShrink: 100}}}
	report, err := b.engine.Run(b.Context(), engine.Selection{Jobs: []engine.Job{job}, Trigger: "command"}, mode)
	if err != nil {
		b.Fatalf("the run ended early: %v", err)
	}
	return report
}

// bring applies, so many times, and then wants a second run without a write.
func (b *bench) bring(runs int) {
	b.Helper()
	before := len(b.sent())
	b.apply(runs)
	if len(b.sent()) == before {
		b.Error("nothing was written")
	}
	b.settled()
	if b.Failed() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.Fatalf("written in this step:\n%s\n\nrefused so far:\n%s", strings.Join(b.writes[before:], "\n"), strings.Join(b.failed, "\n"))
	}
}

func (b *bench) apply(runs int) {
	b.Helper()
	for range runs {
		for _, s := range b.run(engine.Apply).Scopes {
			if s.Error != nil {
				b.Errorf("%s is %s: %s", s.Customer.Name, s.Outcome, *s.Error)
			}
			if s.Outcome == engine.Held || s.Outcome == engine.Failed || s.Outcome == engine.Partial || s.Outcome == engine.Incomplete {
				b.Errorf("%s is %s: %+v", s.Customer.Name, s.Outcome, s.Violations)
			}
		}
	}
}

// settled wants a plan and an apply that find nothing to do, and write nothing.
func (b *bench) settled() {
	b.Helper()
	settled := len(b.sent())
	for _, mode := range []engine.Mode{engine.PlanOnly, engine.Apply} {
		for _, s := range b.run(mode).Scopes {
			for i, c := range s.Unpacked().Changes {
				if i == 3 {
					b.Errorf("and %d more", s.Count()-i)
					break
				}
				b.Errorf("a second run would %s %s %s (%s): %+v", c.Action, c.Key.Kind, c.Label, c.Reason, c.Fields)
			}
			if s.Outcome != engine.InStep {
				b.Errorf("a second run is %s, want in_step: %+v", s.Outcome, s.Violations[:min(3, len(s.Violations))])
			}
		}
	}
	if extra := b.sent()[settled:]; len(extra) > 0 {
		b.Errorf("a second run wrote %d times:\n%s", len(extra), strings.Join(extra, "\n"))
	}
}

// call is a request of the test itself, which knows nothing of our client.
func (b *bench) call(method, path string, body any) map[string]any {
	b.Helper()
	var send bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&send).Encode(body); err != nil {
			b.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(b.Context(), method, b.base+path, &send)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		b.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	if len(text) == 0 {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		b.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return out
}

// find returns the only resource with a value of an attribute.
func (b *bench) find(collection, attribute, value string) map[string]any {
	b.Helper()
	found := b.call(http.MethodGet, "/"+collection+"?filter="+url.PathEscape(fmt.Sprintf("%s eq %q", attribute, value)), nil)
	list, _ := found["Resources"].([]any)
	if len(list) != 1 {
		b.Fatalf("%d resources have the %s %s, want one: %v", len(list), attribute, value, found)
	}
	// The answer to a filter may be short: what counts is the resource itself.
	return b.call(http.MethodGet, "/"+collection+"/"+list[0].(map[string]any)["id"].(string), nil)
}

func (b *bench) user(upn string) map[string]any {
	b.Helper()
	return b.find("Users", "userName", upn)
}

// members are the userNames in a group, sorted.
func (b *bench) members(group string) []string {
	b.Helper()
	var names []string
	list, _ := b.find("Groups", "displayName", group)["members"].([]any)
	for _, m := range list {
		names = append(names, b.call(http.MethodGet, "/Users/"+m.(map[string]any)["value"].(string), nil)["userName"].(string))
	}
	slices.Sort(names)
	return names
}

// wants compares what the provider holds, by paths with dots.
func (b *bench) wants(upn string, want map[string]any) {
	b.Helper()
	u := b.user(upn)
	got := map[string]any{}
	for path := range maps.Keys(want) {
		var at any = u
		for step := range strings.SplitSeq(path, "/") {
			switch m := at.(type) {
			case map[string]any:
				at = m[step]
			case []any: // the work value
				at = nil
				for _, e := range m {
					if e := e.(map[string]any); e["type"] == step {
						at = e["value"]
					}
				}
			default:
				at = nil
			}
		}
		got[path] = at
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("%s (-want +got):\n%s", upn, diff)
	}
}

func (b *bench) in(group string, want ...string) {
	b.Helper()
	if got := b.members(group); !slices.Equal(got, want) {
		b.Errorf("%s has the members %v, want %v", group, got, want)
	}
}

func object(n int) string { return fmt.Sprintf("22222222-0000-4000-8000-%012d", n) }
func group(n int) string  { return fmt.Sprintf("33333333-0000-4000-8000-%012d", n) }

func person(n int, name string) directory.User {
	upn := strings.ToLower(name) + "@contoso.example"
	return directory.User{ID: object(n), UPN: upn, Mail: upn, Name: name + " Berg", GivenName: name, Surname: "Berg", Enabled: true, Department: "Ops"}
}

// somebody is the account with that name in the source.
func (b *bench) somebody(name string) *directory.User {
	i := slices.IndexFunc(b.users, func(u directory.User) bool { return u.GivenName == name })
	return &b.users[i]
}

func (b *bench) team(n int, name string, members ...string) {
	g := directory.Group{ID: group(n), Name: name, Kind: directory.SecurityGroup}
	for _, m := range members {
		g.Members.IDs = append(g.Members.IDs, b.somebody(m).ID)
	}
	slices.Sort(g.Members.IDs)
	i := slices.IndexFunc(b.groups, func(g directory.Group) bool { return g.ID == group(n) })
	if i < 0 {
		b.groups = append(b.groups, g)
		return
	}
	b.groups[i] = g
}
