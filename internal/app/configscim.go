package app

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"syncd/internal/config"
	"syncd/internal/scim"
	"syncd/internal/secret"
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

// overlaySCIM lays the environment over each entry: SYNCD_SCIM_<NAME>_…, and
// SYNCD_SCIM_<NAME>_TOKENS_<ACCOUNT> for single accounts.
func (c *Config) overlaySCIM(env config.Environment, names []string, problems *config.Problems) config.Overlaid {
	all := config.Overlaid{}
	owner := func(name string) *SCIMConfig {
		var best *SCIMConfig
		for i := range c.SCIM {
			// scim.cinode must not take what is scim.cinode_test's.
			if s := &c.SCIM[i]; s.Name != "" && strings.HasPrefix(name, config.Variable(s.variables())+"_") && (best == nil || len(s.Name) > len(best.Name)) {
				best = s
			}
		}
		return best
	}
	for _, name := range names {
		if strings.HasPrefix(name, config.Variable("scim")+"_") && owner(name) == nil {
			problems.Add(0, name, "no target under scim has that name; name one of %s", cmp.Or(strings.Join(c.scimNames(), ", "), "none"))
		}
	}
	for i := range c.SCIM {
		s := &c.SCIM[i]
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

// variableOf is the variable for a setting's path, entries of lists included.
func (c *Config) variableOf(path string) string {
	for i := range c.SCIM {
		if rest, ok := strings.CutPrefix(path, fmt.Sprintf("scim[%d].", i)); ok && c.SCIM[i].Name != "" {
			return config.Variable(c.SCIM[i].variables() + "." + rest)
		}
	}
	return config.Variable(path)
}

func (c *Config) scimNames() []string {
	var names []string
	for i := range c.SCIM {
		names = append(names, c.SCIM[i].Name)
	}
	return names
}

// scims are the targets as their package takes them.
func (c *Config) scims() []scim.Config {
	list := make([]scim.Config, len(c.SCIM))
	for i := range c.SCIM {
		list[i] = scim.Config(c.SCIM[i])
	}
	return list
}

// mapsHireDates reports whether a target is given employeeHireDate, which CIPP
// is asked for only then.
func (c *Config) mapsHireDates() bool {
	for i := range c.SCIM {
		if (*scim.Config)(&c.SCIM[i]).Reads("employeeHireDate") {
			return true
		}
	}
	return false
}
