package itglue

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/plan"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// What IT Glue's own settings say about contacts and the PSA.
const (
	SyncOff    = "off"
	SyncOneWay = "one-way" // the PSA's contacts are copied here and cannot be edited
	SyncTwoWay = "two-way" // edits and new contacts travel to the PSA at once
)

// What becomes of the asset of somebody who is gone.
const (
	ThenArchive = "archive"
	ThenDelete  = "delete"
	ThenLeave   = "leave"
)

// Config is how an IT Glue account is reached, and what is documented there.
type Config struct {
	URL            string        `yaml:"url" env:"URL, overwrite"`
	Portal         string        `yaml:"portal" env:"PORTAL, overwrite"` // where people open IT Glue, for links to it; empty means URL's host, which the vendor's own is not
	APIKey         secret.String `yaml:"api_key" env:"API_KEY, overwrite"`
	PSAContactSync string        `yaml:"psa_contact_sync" env:"PSA_CONTACT_SYNC, overwrite" jsonschema:"enum=off,enum=one-way,enum=two-way"`
	Rate           rest.Rate     `yaml:"rate" env:", prefix=RATE_"`
	LayoutPrefix   string        `yaml:"layout_prefix" env:"LAYOUT_PREFIX, overwrite"`
	Users          Users         `yaml:"users" env:", prefix=USERS_"`
	Groups         Groups        `yaml:"groups" env:", prefix=GROUPS_"`
	Domains        Domains       `yaml:"domains" env:", prefix=DOMAINS_"`
	Leavers        Leavers       `yaml:"leavers" env:", prefix=LEAVERS_"`
	Fields         FieldOwners   `yaml:"fields"`
	QuietHours     []string      `yaml:"quiet_hours" env:"QUIET_HOURS, overwrite" jsonschema:"pattern=^[0-9]{1\\,2}:[0-9]{2}-[0-9]{1\\,2}:[0-9]{2}$"`
	Budget         int           `yaml:"budget" env:"BUDGET, overwrite" jsonschema:"minimum=0"` // requests a run; 0 = no limit
}

// FieldOwners says who wins a field, by kind and field.
type FieldOwners map[string]map[string]plan.Ownership

// Users says which accounts are documented as people.
type Users struct {
	LicensedOnly    bool     `yaml:"licensed_only" env:"LICENSED_ONLY, overwrite"`
	Guests          bool     `yaml:"guests" env:"GUESTS, overwrite"`
	Disabled        bool     `yaml:"disabled" env:"DISABLED, overwrite"`
	SharedMailboxes bool     `yaml:"shared_mailboxes" env:"SHARED_MAILBOXES, overwrite"` // as mailbox assets
	Exclude         []string `yaml:"exclude" env:"EXCLUDE, overwrite"`                   // shell patterns on the UPN
}

// Groups says which groups are documented: shell patterns on display names.
type Groups struct {
	Include []string `yaml:"include" env:"INCLUDE, overwrite"`
	Exclude []string `yaml:"exclude" env:"EXCLUDE, overwrite"`
}

// Domains says which domains are documented besides the usual ones.
type Domains struct {
	Onmicrosoft bool `yaml:"onmicrosoft" env:"ONMICROSOFT, overwrite"`
	Unverified  bool `yaml:"unverified" env:"UNVERIFIED, overwrite"`
}

// Leavers says when the asset of somebody who is gone is put away, and how.
// Contacts are never removed.
type Leavers struct {
	Absences int    `yaml:"absences" env:"ABSENCES, overwrite" jsonschema:"minimum=0"` // proven snapshots in a row
	Days     int    `yaml:"days" env:"DAYS, overwrite" jsonschema:"minimum=0"`         // and so long since the first of them
	Then     string `yaml:"then" env:"THEN, overwrite" jsonschema:"enum=archive,enum=delete,enum=leave"`
}

// Defaults returns the configuration that an operator starts from.
func Defaults() Config {
	return Config{
		URL:            "https://api.itglue.com",
		PSAContactSync: SyncOff,
		Rate:           rest.Rate{PerSecond: 8, Burst: 40, Concurrency: 4},
		LayoutPrefix:   "M365",
		Users:          Users{SharedMailboxes: true, Exclude: []string{"svc-*@*"}},
		Groups:         Groups{Include: []string{"*"}},
		Leavers:        Leavers{Absences: 3, Days: 7, Then: ThenArchive},
	}
}

// vendorWindow is the documented limit: so many requests in five minutes, for
// everything that uses the account.
const (
	vendorRequests = 3000
	vendorWindow   = 5 * time.Minute
)

// reserved are the names of the vendor's own Microsoft types, which a layout
// of ours must not take.
var reserved = []string{"microsoft licenses", "microsoft 365: groups", "entra id: security groups"}

// Validate reports everything that is wrong, each with the key and what to write.
func (c *Config) Validate(report func(path, message string)) {
	if _, err := baseURL(c.URL); err != nil {
		report("url", err.Error())
	}
	if c.Portal != "" {
		if _, err := rest.CheckURL(c.Portal); err != nil {
			report("portal", err.Error())
		}
	}
	switch key := c.APIKey.Reveal(); {
	case c.APIKey.Empty():
		report("api_key", "is missing: an administrator makes one in IT Glue under Account > Settings > API Keys; leave Password Access off")
	case key != strings.TrimSpace(key):
		report("api_key", "has space around it: copy it again without")
	}
	if !slices.Contains([]string{SyncOff, SyncOneWay, SyncTwoWay}, c.PSAContactSync) {
		report("psa_contact_sync", fmt.Sprintf("%q is none of off, one-way and two-way: write what IT Glue's PSA integration is set to for contacts", c.PSAContactSync))
	}
	for _, err := range c.Rate.Validate() {
		report("rate", err.Error())
	}
	if u, err := baseURL(c.URL); err == nil && u.Scheme == "https" {
		perSecond := c.Rate.PerSecond + c.Rate.PerMinute/60
		if most := perSecond*vendorWindow.Seconds() + float64(c.Rate.Burst); most > vendorRequests {
			report("rate", fmt.Sprintf("allows %.0f requests in five minutes: IT Glue refuses more than %d, for all integrations together",
				most, vendorRequests))
		}
	}
	c.validateLayout(report)
	checkPatterns(report, "users.exclude", c.Users.Exclude)
	checkPatterns(report, "groups.include", c.Groups.Include)
	checkPatterns(report, "groups.exclude", c.Groups.Exclude)
	if c.Leavers.Absences < 1 {
		report("leavers.absences", fmt.Sprintf("%d: write how many snapshots in a row must lack somebody, at least 1", c.Leavers.Absences))
	}
	if c.Leavers.Days < 0 {
		report("leavers.days", fmt.Sprintf("%d: write how many days must have passed, 0 for none", c.Leavers.Days))
	}
	if !slices.Contains([]string{ThenArchive, ThenDelete, ThenLeave}, c.Leavers.Then) {
		report("leavers.then", fmt.Sprintf("%q is none of archive, delete and leave", c.Leavers.Then))
	}
	c.validateFields(report)
	for i, text := range c.QuietHours {
		if _, err := parseWindow(text); err != nil {
			report(fmt.Sprintf("quiet_hours[%d]", i), err.Error())
		}
	}
	if c.Budget < 0 {
		report("budget", fmt.Sprintf("%d: write the most requests a run may make, 0 for no limit", c.Budget))
	}
}

func (c *Config) validateLayout(report func(path, message string)) {
	prefix := strings.TrimSpace(c.LayoutPrefix)
	switch {
	case prefix == "":
		report("layout_prefix", "is empty: the names of our asset types need one, such as M365")
	case prefix != c.LayoutPrefix:
		report("layout_prefix", "has space around it")
	case len(prefix) > 60:
		report("layout_prefix", "is longer than 60 characters")
	case strings.ContainsFunc(prefix, func(r rune) bool { return r > 0x7e || r < ' ' }):
		report("layout_prefix", "holds something besides plain ASCII, of which IT Glue makes keys in ways that nobody documents")
	}
	for _, l := range layouts {
		if name := c.typeName(l.kind); slices.Contains(reserved, strings.ToLower(name)) {
			report("layout_prefix", fmt.Sprintf("makes the name %q, which IT Glue's own Microsoft integration uses", name))
		}
	}
}

func (c *Config) validateFields(report func(path, message string)) {
	for _, kind := range slices.Sorted(maps.Keys(c.Fields)) {
		known := fieldNames(kind)
		if known == nil {
			report("fields."+kind, "is no kind: write one of "+strings.Join(kindNames(), ", "))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(c.Fields[kind])) {
			owner := c.Fields[kind][name]
			at := "fields." + kind + "." + name
			if !slices.Contains(known, name) {
				report(at, "is no field: write one of "+strings.Join(known, ", "))
			} else if !slices.Contains([]plan.Ownership{plan.Restore, plan.Fill, plan.Keep, plan.Hold}, owner) {
				report(at, fmt.Sprintf("%q is none of restore, fill, keep and hold", owner))
			}
		}
	}
}

func checkPatterns(report func(path, message string), at string, patterns []string) {
	for i, p := range patterns {
		if err := directory.CheckPattern(p); err != nil {
			report(fmt.Sprintf("%s[%d]", at, i), err.Error())
		}
	}
}

// PageURL is where people open an organization; empty where nobody can say: the API's host
// does not tell which of the vendor's hosts the account has.
func (c *Config) PageURL(organization string) string {
	portal := strings.TrimRight(strings.TrimSpace(c.Portal), "/")
	if portal == "" {
		u, err := baseURL(c.URL)
		if err != nil || slices.Contains(apiHosts, u.Hostname()) {
			return ""
		}
		portal = u.Scheme + "://" + u.Host
	}
	return portal + "/" + url.PathEscape(organization)
}

// typeName is what our asset type of a kind is called.
func (c *Config) typeName(kind string) string { return c.LayoutPrefix + " " + layoutOf(kind).name }

// apiHosts are the vendor's API hosts by region.
var apiHosts = []string{"api.itglue.com", "api.eu.itglue.com", "api.au.itglue.com"}

// baseURL reads what people copy into the configuration. A host of one's own
// is allowed: there are gateways that restrict a key to some organizations.
func baseURL(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if raw != "" && !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := rest.CheckURL(raw)
	if err != nil {
		return nil, err
	}
	host := strings.ToLower(u.Hostname())
	u.Host = strings.ToLower(u.Host)
	if slices.Contains(apiHosts, host) {
		u.Path, u.RawPath = "", ""
		return u, nil
	}
	if host == "itglue.com" || strings.HasSuffix(host, ".itglue.com") {
		api := "api.itglue.com"
		for _, region := range []string{"eu", "au"} {
			if strings.HasSuffix(host, "."+region+".itglue.com") || host == region+".itglue.com" {
				api = "api." + region + ".itglue.com"
			}
		}
		return nil, fmt.Errorf("%s is the host for people; the API answers at https://%s", host, api)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

// A window is a part of each day, in minutes from midnight. One whose end is
// not after its start goes on past midnight.
type window struct{ from, to int }

func parseWindow(text string) (window, error) {
	bad := fmt.Errorf("%q is not a part of a day: write it as 08:00-18:00", text)
	a, b, ok := strings.Cut(strings.TrimSpace(text), "-")
	if !ok {
		return window{}, bad
	}
	minutes := func(s string) int {
		s = strings.TrimSpace(s)
		if s == "24:00" {
			return 24 * 60
		}
		t, err := time.Parse("15:04", s)
		if err != nil {
			return -1
		}
		return t.Hour()*60 + t.Minute()
	}
	w := window{minutes(a), minutes(b)}
	if w.from < 0 || w.to < 0 || w.from == w.to || w.from == 24*60 {
		return window{}, bad
	}
	return w, nil
}

// InQuietHours reports whether now, in the zone it carries, lies in quiet hours, and
// how the window that holds it is written.
func (c *Config) InQuietHours(now time.Time) (window string, quiet bool) {
	at := now.Hour()*60 + now.Minute()
	for _, text := range c.QuietHours {
		w, err := parseWindow(text)
		if err != nil {
			continue // Validate has said so
		}
		if w.from < w.to && at >= w.from && at < w.to || w.from > w.to && (at >= w.from || at < w.to) {
			return text, true
		}
	}
	return "", false
}
