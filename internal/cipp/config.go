// Package cipp reads what Microsoft 365 tenants hold through CIPP, the CyberDrain
// Improved Partner Portal. It keeps to itself what is peculiar to CIPP: answers
// whose shape varies, errors dressed as data, and emptiness that means "no
// access". What leaves it is either proven or says why it is not.
package cipp

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"syncd/internal/directory"
	"syncd/internal/rest"
	"syncd/internal/secret"
)

// Config says where CIPP is and who we are to it.
type Config struct {
	// URL is the API URL of CIPP's integration page, with or without /api at
	// the end. It is not the portal's address.
	URL string `yaml:"url" env:"URL, overwrite" jsonschema:"pattern=^$|^https://|^http://(127\\.|localhost|\\[::1\\]|[^/]*\\.localhost)"`
	// Portal is where people open CIPP, for links to it; empty means URL's host.
	Portal string `yaml:"portal" env:"PORTAL, overwrite"`
	// TenantID is the partner's Entra tenant: a GUID or one of its domains.
	TenantID     string        `yaml:"tenant_id" env:"TENANT_ID, overwrite"`
	ClientID     string        `yaml:"client_id" env:"CLIENT_ID, overwrite"`
	ClientSecret secret.String `yaml:"client_secret" env:"CLIENT_SECRET, overwrite"`
	// TokenURL is where tokens are had; empty means Entra's v2 endpoint of TenantID.
	TokenURL string    `yaml:"token_url" env:"TOKEN_URL, overwrite" jsonschema:"pattern=^$|^https://|^http://(127\\.|localhost|\\[::1\\]|[^/]*\\.localhost)"`
	Rate     rest.Rate `yaml:"rate" env:", prefix=RATE_"`
	// MaxAge is how old a cached answer may be and still carry a plan.
	MaxAge time.Duration `yaml:"max_age" env:"MAX_AGE, overwrite"`
}

// Defaults returns the settings that hold where the operator says nothing.
// CIPP names no limit of its own and slows its pages under load; five calls at
// a time is what the community's scripts live with.
func Defaults() Config {
	return Config{Rate: rest.Rate{PerSecond: 5, Burst: 10, Concurrency: 5}, MaxAge: 26 * time.Hour}
}

// Validate reports everything that is wrong, each with the path of the setting
// below this section and what to write there.
func (c *Config) Validate(report func(path, message string)) {
	if c.URL == "" {
		report("url", "is missing: write the API URL from CIPP's page Integrations > CIPP-API, such as https://cipp-api.example.net")
	} else if _, err := c.base(); err != nil {
		report("url", err.Error())
	}
	switch {
	case c.TenantID == "":
		report("tenant_id", "is missing: write the id of the partner's own Entra tenant (a GUID) or one of its domains")
	case !isTenant(c.TenantID):
		report("tenant_id", fmt.Sprintf("%q is neither a tenant id (a GUID) nor a domain such as msp.onmicrosoft.com", c.TenantID))
	}
	switch {
	case c.ClientID == "":
		report("client_id", "is missing: write the client id of the API client made on CIPP's page Integrations > CIPP-API")
	case !directory.IsGUID(strings.ToLower(strings.TrimSpace(c.ClientID))):
		report("client_id", fmt.Sprintf("%q is not a client id (a GUID)", c.ClientID))
	}
	if c.ClientSecret.Empty() {
		report("client_secret", "is missing: set SYNCD_CIPP_CLIENT_SECRET or SYNCD_CIPP_CLIENT_SECRET_FILE to the secret CIPP showed when the API client was made (Reset Secret makes a new one)")
	}
	if c.Portal != "" {
		if _, err := rest.CheckURL(c.Portal); err != nil {
			report("portal", err.Error())
		}
	}
	if c.TokenURL != "" {
		if _, err := rest.CheckURL(c.TokenURL); err != nil {
			report("token_url", err.Error())
		}
	}
	for _, err := range c.Rate.Validate() {
		report("rate", err.Error())
	}
	if c.MaxAge <= 0 {
		report("max_age", fmt.Sprintf("%s is not an age: write how old a cached answer may be, such as 26h", c.MaxAge))
	}
}

// base returns the URL that every endpoint's path is joined to, without /api.
func (c *Config) base() (*url.URL, error) {
	u, err := rest.CheckURL(strings.TrimSpace(c.URL))
	if err != nil {
		return nil, err
	}
	path := strings.TrimRight(u.Path, "/")
	if len(path) >= 4 && strings.EqualFold(path[len(path)-4:], "/api") {
		path = strings.TrimRight(path[:len(path)-4], "/")
	}
	u = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}
	return u, nil
}

// PortalURL is where people open CIPP. Where nobody says otherwise it is the host
// of the API, as in every installation but those behind a static web app.
func (c *Config) PortalURL() string {
	if c.Portal != "" {
		return strings.TrimRight(strings.TrimSpace(c.Portal), "/")
	}
	u, err := c.base()
	if err != nil {
		return "" // Validate says so
	}
	return u.String()
}

// PageURL is where people see the licences of a tenant; empty where nobody can say.
func (c *Config) PageURL(tenant string) string {
	portal := c.PortalURL()
	if portal == "" {
		return ""
	}
	return portal + "/tenant/reports/list-licenses?tenantFilter=" + url.QueryEscape(tenant)
}

// tokenURL returns where tokens are had.
func (c *Config) tokenURL() string {
	if c.TokenURL != "" {
		return c.TokenURL
	}
	return "https://login.microsoftonline.com/" + url.PathEscape(strings.TrimSpace(c.TenantID)) + "/oauth2/v2.0/token"
}

var domain = regexp.MustCompile(`^[\pL\d-]+(\.[\pL\d-]+)+$`)

// isTenant reports whether s can name a tenant in Entra's addresses.
func isTenant(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return directory.IsGUID(s) || domain.MatchString(s)
}
