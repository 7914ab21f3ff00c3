package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"go.yaml.in/yaml/v4"

	"syncd/internal/plan"
	"syncd/internal/state"
	"syncd/internal/support"
)

// supportRuns is how many of the last runs a bug report is about.
const supportRuns = 200

// Support is what goes with a bug report: versions, the configuration without secrets, the last
// runs, where the scopes stand, metrics, and the newest lines of the daemon's log. Where names
// are not wanted, pseudonyms stand in their place.
func (w *App) Support(ctx context.Context, v Versions, withNames bool) ([]support.File, error) {
	c := &collecting{App: w, ctx: ctx}
	if !withNames {
		c.names = support.NewNames()
		if err := c.learn(); err != nil {
			return nil, fmt.Errorf("learning which names to leave out (--names leaves them in): %w", err)
		}
	}
	c.add("README.txt", []byte(supportAbout(withNames)))
	c.addJSON("versions.json", v)
	c.configuration()
	c.stateFile()
	c.runs()
	c.scopes()
	c.metrics()
	c.log()
	if len(c.problems) > 0 {
		c.add("problems.txt", []byte(strings.Join(c.problems, "\n")+"\n"))
	}
	return c.files, ctx.Err()
}

func supportAbout(withNames bool) string {
	names := "Names of customers and people, user names, mail addresses and domains are pseudonyms (customer-1, person-2, mail-3);\n" +
		"the same name has the same one in all of these files. Ids are as they are. syncd support --names leaves names as they are.\n"
	if withNames {
		names = "Names, mail addresses and domains are as they are (--names): send it only to whom you may show them.\n"
	}
	return "What goes with a bug report about syncd.\n\nSecrets are not in it. " + names + `
versions.json       which syncd this is
configuration.yaml  the configuration in force: defaults, file and environment
state.json          how large the state is, and whether it is whole
runs.json           the last runs, the newest first
scopes.json         where every customer stands at every target
metrics.txt         as /metrics shows them
log.jsonl           the newest lines of the daemon's log; empty where no daemon runs
problems.txt        what could not be had, where anything could not
`
}

// collecting makes the files of it.
type collecting struct {
	*App
	ctx   context.Context
	names *support.Names // nil: as they are
	files []support.File
	// problems are what could not be had: a bug report is about what is broken.
	problems []string
}

func (c *collecting) problem(err error) {
	if err != nil {
		c.problems = append(c.problems, c.names.Text(err.Error()))
	}
}

// add adds a file; what a secret looks like is taken out of it once more.
func (c *collecting) add(name string, body []byte) {
	c.files = append(c.files, support.File{Name: name, Body: []byte(c.Config.Redactor().Text(string(body)))})
}

func (c *collecting) addJSON(name string, v any) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	c.problem(enc.Encode(v))
	c.add(name, out.Bytes())
}

// settingsShown are the settings whose texts are words of ours: none of them names anybody.
var settingsShown = regexp.MustCompile(`^(currency|timezone|listen|four_eyes|auth\.mode|evidence\..*|(backup|export)\.schedule|cipp\.max_age|` +
	`connectwise\.(gone|grace|create\.start)|itglue\.(psa_contact_sync|layout_prefix|leavers\.then|quiet_hours\[\d+\]|fields\..*)|` +
	`scim\[\d+\]\.(name|profile|leavers\.then|extensions\[\d+\])|staff\[\d+\]\.role|jobs\[\d+\]\..*|limits\..*|notify\.(for\[\d+\]|digest|mail\.tls))$`)

func (c *collecting) configuration() {
	_, shown, err := c.Config.Shown()
	if err == nil {
		var body []byte
		if body, err = yaml.Marshal(c.settings("", shown)); err == nil {
			c.add("configuration.yaml", body)
		}
	}
	c.problem(err)
}

// settings has pseudonyms for all texts but words of ours.
func (c *collecting) settings(path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			shown := key
			if open := strings.HasSuffix(path, ".tokens") || strings.HasSuffix(path, ".attributes") || path == "auth.oidc.roles"; open {
				shown = c.names.Of(support.Text, key) // an account, and such
			}
			out[shown] = c.settings(strings.TrimPrefix(path+"."+key, "."), value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = c.settings(fmt.Sprintf("%s[%d]", path, i), value)
		}
		return out
	case string:
		switch {
		case c.names == nil || settingsShown.MatchString(path) || v == "[redacted]" || !strings.ContainsAny(strings.ToLower(v), "abcdefghijklmnopqrstuvwxyz"):
			return v
		case strings.HasPrefix(v, "http://"), strings.HasPrefix(v, "https://"):
			return c.names.Text(v)
		}
		return c.names.Of(support.Text, v)
	}
	return v
}

func (c *collecting) stateFile() {
	out := struct {
		Bytes  int64         `json:"bytes"`
		Counts *state.Counts `json:"counts,omitempty"`
		Error  string        `json:"error,omitempty"`
		Backup *BackupState  `json:"backup"`
	}{Backup: c.BackupState()}
	if info, err := os.Stat(c.Config.State.Path); err == nil {
		out.Bytes = info.Size()
	}
	if counts, err := c.Store.Verify(c.ctx); err != nil {
		out.Error = c.names.Text(err.Error())
	} else {
		out.Counts = &counts
	}
	if b := out.Backup; b != nil {
		b.Dir = c.names.Of(support.Text, b.Dir)
		if b.Failed != nil {
			b.Failed = &BackupFailure{b.Failed.At, c.names.Text(b.Failed.Why)}
		}
	}
	c.addJSON("state.json", out)
}

func (c *collecting) runs() {
	runs, _, err := c.Runs(c.ctx, 0, supportRuns)
	c.problem(err)
	for i := range runs {
		runs[i].Error = c.names.Text(runs[i].Error)
	}
	c.addJSON("runs.json", RunList{Runs: Listed(runs)})
}

// A supportScope is where a scope stands; what was found there is told by its code alone.
type supportScope struct {
	Customer string         `json:"customer"`
	Name     string         `json:"name"`
	Target   string         `json:"target"`
	Job      string         `json:"job"`
	Run      string         `json:"run"`
	Outcome  string         `json:"outcome"`
	At       string         `json:"at"`
	Error    string         `json:"error,omitempty"`
	Codes    map[string]int `json:"violations,omitempty"`
	Counts   map[string]int `json:"counts,omitempty"`
	Objects  int            `json:"objects"`
}

func (c *collecting) scopes() {
	scopes := []supportScope{}
	for s, err := range c.Store.Cursors(c.ctx) {
		if err != nil {
			c.problem(err)
			break
		}
		x := supportScope{Customer: c.names.Of(support.Customer, s.Scope.Customer), Name: c.names.Of(support.Customer, s.Name), Target: s.Scope.Target, Job: s.Job, Run: s.Run, Outcome: s.Outcome,
			At: s.At.UTC().Format("2006-01-02T15:04:05Z"), Error: c.names.Text(s.Error), Codes: map[string]int{}, Counts: s.Counts, Objects: s.Objects}
		for _, v := range s.Violations {
			x.Codes[v.Code]++
		}
		scopes = append(scopes, x)
	}
	c.addJSON("scopes.json", map[string]any{"scopes": scopes})
}

func (c *collecting) metrics() {
	var out bytes.Buffer
	families, err := c.Registry.Gather()
	for _, f := range families {
		if _, e := expfmt.MetricFamilyToText(&out, f); e != nil && err == nil {
			err = e
		}
	}
	if err != nil {
		fmt.Fprintf(&out, "# %s\n", c.names.Text(err.Error()))
	}
	c.add("metrics.txt", out.Bytes())
}

// log adds the lines of the log. Their keys and messages are ours.
func (c *collecting) log() {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, line := range c.LogTail.Lines() {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) != nil {
			fields = map[string]any{"message": c.names.Text(line)}
		}
		for key, value := range fields {
			text, ok := value.(string)
			switch {
			case !ok || slices.Contains([]string{"level", "time", "message", "job", "target", "run"}, key):
			case key == "customer":
				fields[key] = c.names.Of(support.Customer, text)
			default:
				fields[key] = c.names.Text(text)
			}
		}
		c.problem(enc.Encode(fields))
	}
	c.add("log.jsonl", out.Bytes())
}

// naming are the fields of an object, and the members of a document, that name somebody.
var naming = regexp.MustCompile(`(?i)^label$|^by$|name|mail|upn|owner|manager|login`)

// learn learns the names that are in the state, the configuration and the tenants that the
// source listed.
func (c *collecting) learn() error {
	n := c.names
	for _, s := range c.Config.Staff {
		n.Learn(support.Person, s.Name)
		n.Learn(support.Person, s.Login)
	}
	tenants, _, _ := c.tenants.last()
	for _, t := range tenants {
		for _, name := range []string{t.Name, t.DefaultDomain, t.InitialDomain} {
			c.learnCustomer(name)
		}
	}
	table, err := c.Links(c.ctx)
	if err != nil {
		return err
	}
	for _, r := range table.Rows {
		c.learnCustomer(r.Customer)
		c.learnCustomer(r.Tenant)
		for _, p := range r.Proposed {
			c.learnCustomer(p.Value)
		}
	}
	for s, err := range c.Store.Cursors(c.ctx) {
		if err != nil {
			return err
		}
		c.learnCustomer(s.Name)
		c.learnCustomer(s.Scope.Customer)
		m, err := c.Store.Recall(c.ctx, s.Scope)
		if err != nil {
			return err
		}
		for i := range m.Records {
			c.learnObject(&m.Records[i].Object)
		}
	}
	for h, err := range c.Store.Holds(c.ctx) {
		if err != nil {
			return err
		}
		c.learnCustomer(h.Name)
		var planned any
		if json.Unmarshal(h.Plan, &planned) == nil {
			c.learnDocument(planned, false)
		}
	}
	for s, err := range c.Store.Spans(c.ctx, state.SpanFilter{}) {
		if err != nil {
			return err
		}
		for _, name := range s.Names {
			n.Learn(support.Person, name)
		}
	}
	for e, err := range c.Store.Journal(c.ctx, state.JournalFilter{}) {
		if err != nil {
			return err
		}
		c.learnCustomer(e.Name)
		n.Learn(support.Person, e.By)
		for _, image := range []*state.Image{e.Before, e.After} {
			if image != nil {
				c.learnObject(&plan.Object{Key: image.Key, Label: image.Label, Fields: image.Fields, UPN: image.Facts["upn"]})
			}
		}
	}
	return nil
}

// learnCustomer learns a name as a customer's, with and without the form of its company.
func (c *collecting) learnCustomer(name string) {
	c.names.Learn(support.Customer, name)
	if words := strings.Fields(name); len(words) > 1 {
		c.names.Learn(support.Customer, strings.Join(words[:len(words)-1], " "))
	}
}

// productKinds are those of objects that stand for products: their labels name nobody.
var productKinds = []string{"addition", "licences"}

func (c *collecting) learnObject(o *plan.Object) {
	if slices.Contains(productKinds, o.Kind) {
		return
	}
	what := support.Person
	if o.Kind == "group" {
		what = support.Group
	}
	c.names.Learn(what, o.Label)
	c.names.Learn(support.Person, o.UPN)
	for _, f := range o.Fields {
		if naming.MatchString(f.Name) {
			for _, value := range f.Value {
				c.names.Learn(what, value)
			}
		}
	}
}

// learnDocument learns what stands under members that name somebody.
func (c *collecting) learnDocument(v any, named bool) {
	switch v := v.(type) {
	case map[string]any:
		if kind, ok := v["kind"].(string); ok && slices.Contains(productKinds, kind) {
			return
		}
		for key, value := range v {
			c.learnDocument(value, named || naming.MatchString(key))
		}
	case []any:
		for _, value := range v {
			c.learnDocument(value, named)
		}
	case string:
		if named {
			c.names.Learn(support.Person, v)
		}
	}
}
