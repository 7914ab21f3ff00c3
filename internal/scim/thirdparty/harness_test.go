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

// A harness is a provider that others wrote, our target, and a source that the
// test changes.
type harness struct {
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

	loseAnswer func(*http.Request) bool // whether the answer to a request never arrives

	users  []directory.User
	groups []directory.Group
}

// extraUsers is how many more people there are than the story needs: more than one
// page of any of the providers where the size is left to them.
const extraUsers = 25

func newHarness(t *testing.T, server string, edits ...func(*scim.Config)) *harness {
	h := &harness{T: t, target: "scim/other"}
	h.base, h.token = thirdparty.Shared(t, server)
	conf := scim.Defaults()
	conf.Name, conf.URL, conf.Token = "other", h.base, secret.New(h.token)
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
	h.conf = conf
	h.newState()
	return h
}

// newState makes everything anew but the provider: a state that was lost.
func (h *harness) newState() {
	h.Helper()
	client, err := scim.New(h.conf, scim.Options{Log: zerolog.Nop(), Transport: h})
	if err != nil {
		h.Fatal(err)
	}
	store, err := boltstate.Open(filepath.Join(h.TempDir(), "state.db"), boltstate.Options{})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { store.Close() })
	links := mapping.Table{Rows: []mapping.Row{{TenantID: tenant.ID, Tenant: tenant.Name, Status: mapping.Linked,
		Links: mapping.Links{mapping.SCIMColumn("other"): "contoso"}}}}
	h.client = client
	h.engine = engine.New(engine.Options{Source: h, Store: store, Log: zerolog.Nop(), Currency: "USD",
		Targets: map[string]target.Opener{h.target: func(context.Context) (target.Target, error) { return client.Open(), nil }},
		Links:   func(context.Context) (mapping.Table, error) { return links, nil }})
}

// RoundTrip notes what is written.
func (h *harness) RoundTrip(r *http.Request) (*http.Response, error) {
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
	h.mu.Lock()
	defer h.mu.Unlock()
	line := fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), sent)
	if r.Method != http.MethodGet {
		h.writes = append(h.writes, line)
	} else {
		h.reads++
	}
	if r.Method == http.MethodPatch {
		if wrong := dialect(sent); wrong != "" {
			h.Errorf("%s: %s", line, wrong)
		}
	}
	if err == nil && resp.StatusCode >= 400 {
		body, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		h.failed = append(h.failed, fmt.Sprintf("%s: %d %s", line, resp.StatusCode, body))
	}
	if err == nil && r.Method != http.MethodGet && h.loseAnswer != nil && h.loseAnswer(r) {
		h.loseAnswer = nil
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

func (h *harness) sent() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.writes)
}

// Tenants and Snapshot make the harness the source.
func (h *harness) Tenants(context.Context) (directory.List[directory.Tenant], error) {
	return directory.Proven([]directory.Tenant{tenant}, proof()), nil
}

func (h *harness) Snapshot(context.Context, directory.Tenant, directory.Kinds) (*directory.Snapshot, error) {
	return &directory.Snapshot{Tenant: tenant, TakenAt: time.Now(), Users: directory.Proven(slices.Clone(h.users), proof()),
		Groups:  directory.Proven(slices.Clone(h.groups), proof()),
		Domains: directory.Proven([]directory.Domain{{Name: "contoso.example", Verified: true}}, proof())}, nil
}

func proof() directory.Proof {
	return directory.Proof{Source: "test", TakenAt: time.Now(), AsOf: time.Now()}
}

func (h *harness) run(mode engine.Mode) *engine.Report {
	h.Helper()
	wide := plan.Ceiling{Count: 1000, Percent: 100}
	job := engine.Job{Name: "identity", Targets: []string{h.target}, Policy: plan.Auto, Limits: engine.Limits{Limits: plan.Limits{
		Creates: wide, Updates: wide, Deletes: wide, Increase: decimal.New(1, 9), Decrease: decimal.New(1, 9), SourceShrink: 100}}}
	report, err := h.engine.Run(h.Context(), engine.Selection{Jobs: []engine.Job{job}, Trigger: "command"}, mode)
	if err != nil {
		h.Fatalf("the run ended early: %v", err)
	}
	return report
}

// runUntilInStep applies, so many times, and then wants a second run without a write.
func (h *harness) runUntilInStep(runs int) {
	h.Helper()
	before := len(h.sent())
	h.apply(runs)
	if len(h.sent()) == before {
		h.Error("nothing was written")
	}
	h.wantNoChanges()
	if h.Failed() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.Fatalf("written in this step:\n%s\n\nrefused so far:\n%s", strings.Join(h.writes[before:], "\n"), strings.Join(h.failed, "\n"))
	}
}

func (h *harness) apply(runs int) {
	h.Helper()
	for range runs {
		for _, s := range h.run(engine.Apply).Scopes {
			if s.Error != nil {
				h.Errorf("%s is %s: %s", s.Customer.Name, s.Outcome, *s.Error)
			}
			if s.Outcome == engine.Held || s.Outcome == engine.Failed || s.Outcome == engine.Partial || s.Outcome == engine.Incomplete {
				h.Errorf("%s is %s: %+v", s.Customer.Name, s.Outcome, s.Violations)
			}
		}
	}
}

// wantNoChanges wants a plan and an apply that find nothing to do, and write nothing.
func (h *harness) wantNoChanges() {
	h.Helper()
	settled := len(h.sent())
	for _, mode := range []engine.Mode{engine.PlanOnly, engine.Apply} {
		for _, s := range h.run(mode).Scopes {
			for i, c := range s.Unpacked().Changes {
				if i == 3 {
					h.Errorf("and %d more", s.Count()-i)
					break
				}
				h.Errorf("a second run would %s %s %s (%s): %+v", c.Action, c.Key.Kind, c.Label, c.Reason, c.Fields)
			}
			if s.Outcome != engine.InStep {
				h.Errorf("a second run is %s, want in_step: %+v", s.Outcome, s.Violations[:min(3, len(s.Violations))])
			}
		}
	}
	if extra := h.sent()[settled:]; len(extra) > 0 {
		h.Errorf("a second run wrote %d times:\n%s", len(extra), strings.Join(extra, "\n"))
	}
}

// call is a request of the test itself, which knows nothing of our client.
func (h *harness) call(method, path string, body any) map[string]any {
	h.Helper()
	var send bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&send).Encode(body); err != nil {
			h.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(h.Context(), method, h.base+path, &send)
	if err != nil {
		h.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	req.Header.Set("Content-Type", "application/scim+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		h.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	if len(text) == 0 {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		h.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return out
}

// find returns the only resource with a value of an attribute.
func (h *harness) find(collection, attribute, value string) map[string]any {
	h.Helper()
	found := h.call(http.MethodGet, "/"+collection+"?filter="+url.PathEscape(fmt.Sprintf("%s eq %q", attribute, value)), nil)
	list, _ := found["Resources"].([]any)
	if len(list) != 1 {
		h.Fatalf("%d resources have the %s %s, want one: %v", len(list), attribute, value, found)
	}
	// The answer to a filter may be short: what counts is the resource itself.
	return h.call(http.MethodGet, "/"+collection+"/"+list[0].(map[string]any)["id"].(string), nil)
}

func (h *harness) user(upn string) map[string]any {
	h.Helper()
	return h.find("Users", "userName", upn)
}

// members are the userNames in a group, sorted.
func (h *harness) members(group string) []string {
	h.Helper()
	var names []string
	list, _ := h.find("Groups", "displayName", group)["members"].([]any)
	for _, m := range list {
		names = append(names, h.call(http.MethodGet, "/Users/"+m.(map[string]any)["value"].(string), nil)["userName"].(string))
	}
	slices.Sort(names)
	return names
}

// wantUser compares what the provider holds, by paths with dots.
func (h *harness) wantUser(upn string, want map[string]any) {
	h.Helper()
	u := h.user(upn)
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
		h.Errorf("%s (-want +got):\n%s", upn, diff)
	}
}

func (h *harness) wantMembers(group string, want ...string) {
	h.Helper()
	if got := h.members(group); !slices.Equal(got, want) {
		h.Errorf("%s has the members %v, want %v", group, got, want)
	}
}

func userID(n int) string  { return fmt.Sprintf("22222222-0000-4000-8000-%012d", n) }
func groupID(n int) string { return fmt.Sprintf("33333333-0000-4000-8000-%012d", n) }

func userNamed(n int, name string) directory.User {
	upn := strings.ToLower(name) + "@contoso.example"
	return directory.User{ID: userID(n), UPN: upn, Mail: upn, Name: name + " Berg", GivenName: name, Surname: "Berg", Enabled: true,
		Department: "Ops"}
}

// sourceUser is the account with that name in the source.
func (h *harness) sourceUser(name string) *directory.User {
	i := slices.IndexFunc(h.users, func(u directory.User) bool { return u.GivenName == name })
	return &h.users[i]
}

func (h *harness) setGroup(n int, name string, members ...string) {
	g := directory.Group{ID: groupID(n), Name: name, Kind: directory.SecurityGroup}
	for _, m := range members {
		g.Members.IDs = append(g.Members.IDs, h.sourceUser(m).ID)
	}
	slices.Sort(g.Members.IDs)
	i := slices.IndexFunc(h.groups, func(g directory.Group) bool { return g.ID == groupID(n) })
	if i < 0 {
		h.groups = append(h.groups, g)
		return
	}
	h.groups[i] = g
}
