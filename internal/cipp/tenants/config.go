package tenants

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// The two members of a company that an alias can be. Any other word is the
// caption of a custom field.
const (
	AliasName       = "name"
	AliasIdentifier = "identifier"
)

// Config says what of CIPP's tenants follows ConnectWise. The zero Config
// leaves everything alone.
type Config struct {
	// Alias is where the alias comes from: name, identifier, or the caption of a
	// custom field of the company; empty leaves aliases alone.
	Alias  string `yaml:"alias" env:"ALIAS, overwrite"`
	Groups []Rule `yaml:"groups"`
}

// A Rule puts tenants into a static tenant group. What it gives must all
// match; what it leaves empty matches everything. Several rules may name one
// group, and one of them is enough.
type Rule struct {
	Group string `yaml:"group"` // its name in CIPP
	// Shell patterns, whatever the case.
	Type      string `yaml:"type"`      // one of the company's types
	Status    string `yaml:"status"`    // its status
	Agreement string `yaml:"agreement"` // the name of one of its active agreements
}

// Defaults returns the configuration that an operator starts from.
func Defaults() Config { return Config{} }

// Active reports whether there is anything to keep in step.
func (c *Config) Active() bool { return c.Alias != "" || len(c.Groups) > 0 }

// Validate reports everything that is wrong, each with the key below
// cipp.tenants and what to write.
func (c *Config) Validate(report func(path, message string)) {
	if c.Alias != strings.TrimSpace(c.Alias) {
		report("alias", "has space around it: write name, identifier, or the caption of a custom field as ConnectWise shows it")
	}
	for i, r := range c.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		switch {
		case strings.TrimSpace(r.Group) == "":
			report(at+".group", "is missing: write the name of a static tenant group of CIPP")
		case r.Group != strings.TrimSpace(r.Group):
			report(at+".group", "has space around it")
		}
		if r.Type == "" && r.Status == "" && r.Agreement == "" {
			report(at, fmt.Sprintf("would put every tenant into %q: write type, status or agreement; status: \"*\" if that is meant", r.Group))
		}
		for _, p := range []struct{ name, pattern string }{{"type", r.Type}, {"status", r.Status}, {"agreement", r.Agreement}} {
			if p.pattern == "" {
				continue
			}
			if _, err := path.Match(p.pattern, "x"); err != nil || strings.TrimSpace(p.pattern) == "" {
				report(at+"."+p.name, fmt.Sprintf("%q is not a pattern: * stands for any text, ? for one character", p.pattern))
			}
		}
		if slices.Contains(c.Groups[:i], r) {
			report(at, "says the same as a rule before it: remove one")
		}
	}
}

// matches reports whether a company belongs into the rule's group.
func (r *Rule) matches(f *Facts) bool {
	return (r.Type == "" || slices.ContainsFunc(f.Types, func(t string) bool { return fits(r.Type, t) })) &&
		(r.Status == "" || fits(r.Status, f.Status)) &&
		(r.Agreement == "" || slices.ContainsFunc(f.Agreements, func(a string) bool { return fits(r.Agreement, a) }))
}

// fits reports whether a text fits a pattern, whatever the case.
func fits(pattern, text string) bool {
	// A slash is nothing special in a name: path.Match would stop at it.
	plain := strings.NewReplacer("/", "\x01")
	ok, _ := path.Match(plain.Replace(strings.ToLower(pattern)), plain.Replace(strings.ToLower(text)))
	return ok
}

// alias is the text that the company has where the configuration says to look;
// known is false where it has no such custom field.
func (c *Config) alias(f *Facts) (text string, known bool) {
	switch strings.ToLower(c.Alias) {
	case AliasName:
		text, known = f.Name, true
	case AliasIdentifier:
		text, known = f.Identifier, true
	default:
		for caption, value := range f.Fields {
			if strings.EqualFold(caption, c.Alias) {
				text, known = value, true
				break
			}
		}
	}
	// As CIPP's answers are read: a line of single spaces. Otherwise what was
	// written would differ from what is read back, for ever.
	return strings.Join(strings.Fields(text), " "), known
}
