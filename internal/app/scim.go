package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"syncd/internal/config"
	"syncd/internal/directory"
	"syncd/internal/mapping"
	"syncd/internal/scim"
	"syncd/internal/secret"
	"syncd/internal/target"
)

// SCIMConfig is a SCIM target. Each entry of the list starts from the defaults.
type SCIMConfig scim.Config

// UnmarshalYAML writes what the file says over the defaults.
func (c *SCIMConfig) UnmarshalYAML(n *yaml.Node) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	*c = SCIMConfig(scim.Defaults())
	for i := 0; i+1 < len(n.Content); i += 2 {
		// A rate that is given replaces every default of that system.
		if rate := n.Content[i+1]; n.Content[i].Value == "rate" && rate.ShortTag() != "!!null" {
			c.Rate = unrated(c.Rate)
		}
	}
	type plain SCIMConfig
	return n.Load((*plain)(c))
}

// target is what jobs call it.
func (c *SCIMConfig) target() string { return "scim/" + c.Name }

// variables is the path under which the environment speaks of the entry.
func (c *SCIMConfig) variables() string { return "scim." + c.Name }

// scimSystem is every SCIM target.
type scimSystem struct {
	list    []SCIMConfig
	app     *App
	clients []*scim.Client // in the order of the list
}

var (
	_ target.Target = (*scim.Target)(nil)
	_ Portal        = (*scimSystem)(nil)
)

func newSCIM() System { return &scimSystem{} }

func (c *scimSystem) Config() any { return &c.list }

func (c *scimSystem) Validate(_ *Config, report func(path, message string)) {
	scim.ValidateAll(c.configs(), report)
}

// targetOf is the target that a setting of the section belongs to.
func (c *scimSystem) targetOf(path string) string {
	for i := range c.list {
		if strings.HasPrefix(path, fmt.Sprintf("[%d].", i)) {
			return c.list[i].target()
		}
	}
	return "scim"
}

func (c *scimSystem) Targets() []string {
	var names []string
	for i := range c.list {
		names = append(names, c.list[i].target())
	}
	return names
}

func (c *scimSystem) Job() JobConfig {
	return JobConfig{Name: "identity", Schedule: "*/30 * * * *", Apply: "auto"}
}

func (c *scimSystem) Connect(w *App) error {
	c.app = w
	for _, config := range c.configs() {
		client, err := scim.New(config, scim.Options{Log: w.Log, Metrics: w.calls, Bucket: w.bucket("scim/"+config.Name, config.Rate), Now: w.Now})
		if err != nil {
			return err
		}
		c.clients = append(c.clients, client)
	}
	return nil
}

func (c *scimSystem) Open(_ context.Context, name string) (target.Target, error) {
	return c.clients[slices.Index(c.Targets(), name)].Open(), nil
}

func (c *scimSystem) Needs() (needs directory.Kinds) {
	for _, client := range c.clients {
		needs |= client.Open().Spec().Needs
	}
	return needs
}

func (c *scimSystem) Columns() []mapping.Column {
	var columns []mapping.Column
	for i := range c.list {
		columns = append(columns, mapping.Column{Name: mapping.SCIMColumn(c.list[i].Name)})
	}
	return columns
}

// Places are a customer's accounts. Nobody says where an application shows them.
func (c *scimSystem) Places(of *mapping.Customer) []Place {
	var places []Place
	for i := range c.list {
		if account := of.Links[mapping.SCIMColumn(c.list[i].Name)]; account != "" {
			places = append(places, Place{System: c.app.Config.TargetTitle(c.list[i].target()), What: "account " + account})
		}
	}
	return places
}

// Check asks with the accounts that customers are linked to.
func (c *scimSystem) Check(ctx context.Context) []target.Finding {
	table, _ := c.app.Links(ctx) // checkTables says what is wrong with them
	var all []target.Finding
	for i, client := range c.clients {
		var accounts []string
		for _, row := range table.Rows {
			if link := row.Links[mapping.SCIMColumn(c.list[i].Name)]; row.Status == mapping.Linked && link != "" {
				accounts = append(accounts, link)
			}
		}
		all = append(all, of(client.Name(), client.Check(ctx, accounts...))...)
	}
	return all
}

// overlay lays the environment over each entry: SYNCD_SCIM_<NAME>_…, and
// SYNCD_SCIM_<NAME>_TOKENS_<ACCOUNT> for single accounts.
func (c *scimSystem) overlay(env config.Environment, names []string, problems *config.Problems) config.Overlaid {
	all := config.Overlaid{}
	owner := func(name string) *SCIMConfig {
		var best *SCIMConfig
		for i := range c.list {
			// scim.cinode must not take what is scim.cinode_test's.
			if s := &c.list[i]; s.Name != "" && strings.HasPrefix(name, config.Variable(s.variables())+"_") && (best == nil || len(s.Name) > len(best.Name)) {
				best = s
			}
		}
		return best
	}
	for _, name := range names {
		if strings.HasPrefix(name, config.Variable("scim")+"_") && owner(name) == nil {
			problems.Add(0, name, "no target under scim has that name; name one of %s", cmp.Or(strings.Join(c.names(), ", "), "none"))
		}
	}
	for i := range c.list {
		s := &c.list[i]
		if s.Name == "" {
			continue
		}
		var own []string
		for _, account := range slices.Sorted(maps.Keys(s.Tokens)) {
			variable := config.Variable(s.variables()+".tokens.") + scim.Word(account)
			own = append(own, variable, variable+"_FILE")
			if token, ok := config.Secret(variable, env, problems); ok {
				s.Tokens[account] = secret.New(token)
			}
		}
		// Accounts that the file does not name.
		prefix := config.Variable(s.variables()+".tokens") + "_"
		for _, name := range names {
			account, ok := strings.CutPrefix(strings.TrimSuffix(name, "_FILE"), prefix)
			if !ok || account == "" || owner(name) != s || slices.Contains(own, name) {
				continue
			}
			own = append(own, prefix+account, prefix+account+"_FILE")
			if token, ok := config.Secret(prefix+account, env, problems); ok {
				if s.Tokens == nil {
					s.Tokens = map[string]secret.String{}
				}
				s.Tokens[account] = secret.New(token)
			}
		}
		mine := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return owner(name) != s || slices.Contains(own, name) })
		for variable, by := range config.OverlayEntry(s.variables(), env, mine, (*scim.Config)(s), problems) {
			all[variable] = by
		}
	}
	return all
}

// variable is that of an entry's setting, which goes by the entry's name.
func (c *scimSystem) variable(path string) (string, bool) {
	for i := range c.list {
		if rest, ok := strings.CutPrefix(path, fmt.Sprintf("[%d].", i)); ok && c.list[i].Name != "" {
			return config.Variable(c.list[i].variables() + "." + rest), true
		}
	}
	return "", false
}

func (c *scimSystem) names() []string {
	var names []string
	for i := range c.list {
		names = append(names, c.list[i].Name)
	}
	return names
}

// configs are the targets as their package takes them.
func (c *scimSystem) configs() []scim.Config {
	list := make([]scim.Config, len(c.list))
	for i := range c.list {
		list[i] = scim.Config(c.list[i])
	}
	return list
}

// readsHireDates reports whether a target is given employeeHireDate.
func (c *scimSystem) readsHireDates() bool {
	for i := range c.list {
		if (*scim.Config)(&c.list[i]).Reads("employeeHireDate") {
			return true
		}
	}
	return false
}
