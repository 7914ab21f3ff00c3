package scim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"syncd/internal/directory"
	"syncd/internal/rest"
	"syncd/internal/scim/attribute"
	"syncd/internal/secret"
	"syncd/internal/target"
)

// What becomes of an account or group at the provider once it is gone.
const (
	ThenDisable = "disable"
	ThenDelete  = "delete"
	ThenLeave   = "leave"
)

// Config is one SCIM target: a provider, how it is reached, and who is
// provisioned there.
type Config struct {
	Name    string `yaml:"name" env:"NAME, overwrite"`
	Profile string `yaml:"profile" env:"PROFILE, overwrite" jsonschema:"enum=cinode,enum=generic"`
	// URL is the base of the provider's resources. {account} in it is replaced
	// by the customer's link; a query is kept on every request.
	URL        string                   `yaml:"url" env:"URL, overwrite"`
	Token      secret.String            `yaml:"token" env:"TOKEN, overwrite"`
	Tokens     map[string]secret.String `yaml:"tokens"` // by account, where each has its own
	Rate       rest.Rate                `yaml:"rate" env:", prefix=RATE_"`
	Users      Users                    `yaml:"users" env:", prefix=USERS_"`
	Groups     Groups                   `yaml:"groups" env:", prefix=GROUPS_"`
	Leavers    Leavers                  `yaml:"leavers" env:", prefix=LEAVERS_"`
	Reactivate bool                     `yaml:"reactivate" env:"REACTIVATE, overwrite"`
	// Attributes maps SCIM paths to source attributes or expressions, in
	// addition to what the profile maps; an empty text takes a mapping away.
	Attributes map[string]string `yaml:"attributes"`
	// Extensions are further attributes by the names that the profile gives them.
	Extensions []string `yaml:"extensions" env:"EXTENSIONS, overwrite"`
}

// Users says which accounts are provisioned; an empty list restricts nothing.
type Users struct {
	LicensedOnly bool     `yaml:"licensed_only" env:"LICENSED_ONLY, overwrite"`
	Guests       bool     `yaml:"guests" env:"GUESTS, overwrite"`
	Domains      []string `yaml:"domains" env:"DOMAINS, overwrite"`
	Departments  []string `yaml:"departments" env:"DEPARTMENTS, overwrite"` // shell patterns
	Groups       []string `yaml:"groups" env:"GROUPS, overwrite"`           // shell patterns on display names: direct members of these
	Exclude      []string `yaml:"exclude" env:"EXCLUDE, overwrite"`         // shell patterns on the UPN
}

// Groups says which groups are provisioned, none unless named: shell patterns
// on display names.
type Groups struct {
	Include []string `yaml:"include" env:"INCLUDE, overwrite"`
	Exclude []string `yaml:"exclude" env:"EXCLUDE, overwrite"`
	Roles   []string `yaml:"roles" env:"ROLES, overwrite"` // linked to a role once a person said so
}

// Leavers says when somebody who is gone from the source or from the scope is
// taken out, and how.
type Leavers struct {
	Absences int    `yaml:"absences" env:"ABSENCES, overwrite" jsonschema:"minimum=0"` // proven snapshots in a row
	Days     int    `yaml:"days" env:"DAYS, overwrite" jsonschema:"minimum=0"`         // and so long since the first of them
	Then     string `yaml:"then" env:"THEN, overwrite" jsonschema:"enum=disable,enum=delete,enum=leave"`
}

// Defaults returns what every target starts from.
func Defaults() Config {
	return Config{
		Profile:    "generic",
		Rate:       rest.Rate{PerSecond: 5, Burst: 10, Concurrency: 2},
		Leavers:    Leavers{Absences: 2, Then: ThenDisable},
		Reactivate: true,
	}
}

// account is where a customer's link goes in the URL.
const account = "{account}"

var targetName = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$`)

// ValidateAll reports everything that is wrong with a list of targets, with
// paths such as [0].url.
func ValidateAll(list []Config, report func(path, message string)) {
	first := map[string]int{}
	for i := range list {
		at := fmt.Sprintf("[%d]", i)
		list[i].Validate(func(path, message string) { report(at+"."+path, message) })
		// Without case, as the names become columns of a spreadsheet.
		name := strings.ToLower(list[i].Name)
		if before, taken := first[name]; taken && name != "" {
			report(at+".name", fmt.Sprintf("%q is the name of [%d] already: write another", list[i].Name, before))
		} else {
			first[name] = i
		}
	}
}

// Validate reports everything that is wrong, each with the key and what to write.
func (c *Config) Validate(report func(path, message string)) {
	switch {
	case c.Name == "":
		report("name", "is missing: write a short word such as cinode; jobs call the target scim/cinode then")
	case !targetName.MatchString(c.Name):
		report("name", fmt.Sprintf("%q is no name for a target: write small letters, digits, - and _, at most 32", c.Name))
	}
	profile := profiles()[c.Profile]
	if profile == nil {
		report("profile", fmt.Sprintf("%q is not known: write one of %s", c.Profile, strings.Join(ProfileNames(), ", ")))
	}
	if _, _, err := c.base("example"); err != nil {
		report("url", err.Error())
	}
	c.validateTokens(report)
	for _, err := range c.Rate.Validate() {
		report("rate", err.Error())
	}
	for _, list := range []struct {
		at       string
		patterns []string
	}{{"users.domains", c.Users.Domains}, {"users.departments", c.Users.Departments}, {"users.groups", c.Users.Groups},
		{"users.exclude", c.Users.Exclude},
		{"groups.include", c.Groups.Include}, {"groups.exclude", c.Groups.Exclude}, {"groups.roles", c.Groups.Roles}} {
		for i, p := range list.patterns {
			if err := directory.CheckPattern(p); err != nil {
				report(fmt.Sprintf("%s[%d]", list.at, i), err.Error())
			}
		}
	}
	if c.Leavers.Absences < 1 {
		report("leavers.absences", fmt.Sprintf("%d: write how many snapshots in a row must lack somebody, at least 1", c.Leavers.Absences))
	}
	if c.Leavers.Days < 0 {
		report("leavers.days", fmt.Sprintf("%d: write how many days must have passed, 0 for none", c.Leavers.Days))
	}
	if !slices.Contains([]string{ThenDisable, ThenDelete, ThenLeave}, c.Leavers.Then) {
		report("leavers.then", fmt.Sprintf("%q is none of disable, delete and leave", c.Leavers.Then))
	}
	if profile != nil {
		for i, name := range c.Extensions {
			if _, known := extension(profile, name); !known {
				report(fmt.Sprintf("extensions[%d]", i), unknownExtension(profile, name))
			}
		}
		for _, trouble := range mappingErrors(profile, c.Attributes) {
			report("attributes."+trouble.path, trouble.message)
		}
	}
}

func (c *Config) validateTokens(report func(path, message string)) {
	check := func(path string, token secret.String) {
		switch text := token.Reveal(); {
		case token.Empty():
			report(path, "is empty: write the token that the provider shows when SCIM is set up")
		case text != strings.TrimSpace(text) || strings.ContainsAny(text, " \r\n\t"):
			report(path, "has space in it: copy the token again, without the word Bearer")
		}
	}
	switch {
	case !c.Token.Empty() && len(c.Tokens) > 0:
		report("token", "stands beside tokens: keep the one for all accounts, or those by account")
	case len(c.Tokens) == 0:
		if c.Token.Empty() {
			report("token", "is missing: write the token that the provider shows when SCIM is set up, or tokens by account")
			return
		}
		check("token", c.Token)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Tokens)) {
		check("tokens."+name, c.Tokens[name])
	}
}

// perAccount reports whether customers have accounts of their own; otherwise
// they all share one, whatever their links say.
func (c *Config) perAccount() bool { return strings.Contains(c.URL, account) || len(c.Tokens) > 0 }

// token is the token of an account.
func (c *Config) token(name string) (secret.String, bool) {
	if len(c.Tokens) == 0 {
		return c.Token, !c.Token.Empty()
	}
	t, ok := c.Tokens[name]
	if !ok { // named by an environment variable, which has capitals and _ alone
		t, ok = c.Tokens[Word(name)]
	}
	return t, ok && !t.Empty()
}

// Word is an account as an environment variable can name it: in capitals, with _
// for what is neither letter nor digit.
func Word(account string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, account))
}

// base is where the resources of an account stand, and the query that every
// request carries.
func (c *Config) base(name string) (*url.URL, url.Values, error) {
	address, raw, _ := strings.Cut(strings.TrimSpace(c.URL), "?")
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("has a query after the ? that cannot be read")
	}
	before, after, _ := strings.Cut(address, account)
	if host, _, _ := strings.Cut(strings.TrimPrefix(before, "https://"), "/"); strings.Contains(address, account) &&
		host == strings.TrimPrefix(before, "https://") {
		// A link is written by whoever may edit the table; it must not choose to
		// whom the token goes.
		return nil, nil, fmt.Errorf("has %s in the host: it may stand in the path only", account)
	}
	if strings.Contains(after, account) {
		return nil, nil, fmt.Errorf("has %s more than once", account)
	}
	u, err := rest.CheckURL(strings.Replace(address, account, url.PathEscape(name), 1))
	if err != nil {
		return nil, nil, err
	}
	u.Host = strings.ToLower(u.Host)
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, query, nil
}

// accountName is what a link must look like where it becomes part of the URL.
var accountName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$`)

// scopingFilter is the configuration's words on who takes part.
func (c *Config) scopingFilter() *attribute.ScopingFilter {
	return &attribute.ScopingFilter{LicensedOnly: c.Users.LicensedOnly, Guests: c.Users.Guests, Domains: c.Users.Domains,
		Departments: c.Users.Departments, Groups: c.Users.Groups, Exclude: c.Users.Exclude,
		IncludeGroups: c.Groups.Include, ExcludeGroups: c.Groups.Exclude, Roles: c.Groups.Roles}
}

// withGroups reports whether groups are provisioned.
func (c *Config) withGroups() bool { return len(c.Groups.Include)+len(c.Groups.Roles) > 0 }

// digest is of everything in the configuration that decides what is desired.
func (c *Config) digest(profile *Profile) string {
	decides := []any{profile, c.Users, c.Groups, c.Leavers, c.Reactivate, c.Attributes, c.URL}
	if len(c.Extensions) > 0 {
		decides = append(decides, c.Extensions)
	}
	return target.SettingsDigest(json.Marshal(decides))
}
